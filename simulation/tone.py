"""How a ticket is worded: who feels bad about the product writes more bitterly."""

from __future__ import annotations

import numpy as np

from simulation.family import Family

BITTER, PLAIN, WARM = 0, 1, 2
EDGES = (-1.0, 1.0)  # of what is felt while writing
SHOUTED = 0.3  # bitter tickets whose subject says so too
SUBJECT_ENDS = (" (again)", ", still not solved", ", second attempt", ", please escalate")
BODY_ENDS = {
    BITTER: (
        "This is not the first time.",
        "We are losing patience with this.",
        "Honestly, we expected better.",
        "My colleagues have gone back to spreadsheets.",
        "We have asked about this before and heard nothing useful.",
        "It is getting hard to justify this tool internally.",
        "How are others supposed to work like this?",
        "Please do not send us the help page once more.",
    ),
    PLAIN: ("", "", "", "Thank you.", "Kind regards.", "Please let us know.", "Thanks in advance."),
    WARM: (
        "No rush, everything else runs well.",
        "Apart from that we are very happy.",
        "Thanks for the quick help last time.",
        "The team enjoys working with it.",
        "We would like to roll this out to more people.",
        "Great work on the last release, by the way.",
    ),
}


def worded(
    rng: np.random.Generator, family: Family, health: np.ndarray, texts: list[tuple[str, str]]
) -> tuple[list[str], list[str]]:
    """Subjects and bodies of tickets, worded as accounts of that health would."""
    feeling = family.tone_health * health + rng.standard_normal(len(texts))
    tones = np.digitize(feeling, EDGES)
    which, loud = rng.random((2, len(texts)))
    subjects, bodies = [], []
    for (subject, body), tone, place, shout in zip(texts, tones, which, loud, strict=True):
        ends = BODY_ENDS[int(tone)]
        bodies.append(f"{body} {ends[int(place * len(ends))]}".rstrip())
        says = tone == BITTER and shout < SHOUTED
        end = SUBJECT_ENDS[int(shout / SHOUTED * len(SUBJECT_ENDS))] if says else ""
        subjects.append(subject.rstrip("?") + end if end else subject)
    return subjects, bodies
