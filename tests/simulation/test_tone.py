from __future__ import annotations

import numpy as np
from sklearn.metrics import roc_auc_score

from simulation.families import FAMILIES
from simulation.randomness import stream
from simulation.tone import BITTER, BODY_ENDS, worded

TEXTS = [("Sync stopped", "Our data sync has not run."), ("Which role?", "Who may edit?")] * 3_000


def bitter(bodies: list[str]) -> np.ndarray:
    return np.array([body.endswith(BODY_ENDS[BITTER]) for body in bodies])


def test_who_feels_bad_writes_more_bitterly_and_so_do_some_who_feel_well():
    health = np.repeat([-1.5, 1.5], 3_000)
    subjects, bodies = worded(stream(1, "tone"), FAMILIES["linear"], health, TEXTS)
    harsh = bitter(bodies)
    assert harsh[:3_000].mean() > 3 * harsh[3_000:].mean() > 0.05
    assert len(set(bodies)) > 30
    says = np.array([s != text[0] for s, text in zip(subjects, TEXTS, strict=True)])
    assert 0.2 < says[harsh].mean() < 0.4
    assert not says[~harsh].any()
    assert all(body.startswith(text[1]) for body, text in zip(bodies, TEXTS, strict=True))


def test_without_the_tone_words_say_nothing_of_health():
    health = np.repeat([-1.5, 1.5], 3_000)
    mute = FAMILIES["linear"].without("tone")
    harsh = bitter(worded(stream(1, "tone"), mute, health, TEXTS)[1])
    assert abs(roc_auc_score(health < 0, harsh) - 0.5) < 0.02


def test_the_help_desk_s_export_carries_the_tone(exports):
    tickets = exports["tickets"]
    assert 0.08 < bitter(tickets.body.tolist()).mean() < 0.35
    assert tickets.subject.str.len().max() < 60
    assert tickets.body.str.len().max() < 150
