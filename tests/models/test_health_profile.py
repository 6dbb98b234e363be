"""A configuration of the health score is refused with a sentence before it scores anyone."""

from __future__ import annotations

from copy import deepcopy

import pytest
from pydantic import ValidationError

from models.health_profile import HealthSettings, UnknownFeature, check_names

CONFIGURED = {
    "onboarding_days": 90,
    "min_coverage": 0.5,
    "bands": [
        {"name": "red", "edges": [0, 40]},
        {"name": "yellow", "edges": [40, 70]},
        {"name": "green", "edges": [70, 100]},
    ],
    "no_use": {"feature": "events_91d", "dimensions": ["frequency"]},
    "dimensions": {
        "frequency": {
            "weight": 0.6,
            "measures": {
                "active_days_28d": {
                    "label": "Active days",
                    "weight": 3,
                    "points": [[0, 0], [10, 50], [20, 100]],
                },
                "trend": {"label": "Trend", "weight": 1, "points": [[0, 0], [1, 80], [2, 100]]},
            },
        },
        "support": {
            "weight": 0.4,
            "measures": {
                "open_tickets": {"label": "Open", "weight": 1, "points": [[0, 100], [5, 0]]}
            },
        },
    },
    "overrides": [
        {"feature": "oldest_urgent", "over": 14, "cap": 39, "text": "Urgent for {value} days"}
    ],
    "segments": {"Enterprise": {"frequency": {"weight": 0.2}}},
    "refit_ridge": 1.0,
}


def changed(path: str, value: object) -> dict:
    """CONFIGURED with the leaf at a dotted path replaced."""
    new = deepcopy(CONFIGURED)
    *way, last = path.split("/")
    place = new
    for step in way:
        place = place[int(step)] if isinstance(place, list) else place[step]
    place[int(last) if isinstance(place, list) else last] = value
    return new


MEASURE = "dimensions/support/measures/open_tickets"
REFUSED = [
    (f"{MEASURE}/points", [[0, 100], [0, 50]], "values must rise strictly"),
    (f"{MEASURE}/points", [[3, 100], [1, 50]], "value 1 follows 3"),
    (f"{MEASURE}/points", [[0, 100]], "needs two or more"),
    (f"{MEASURE}/points", [[0, 101], [1, 0]], "lies outside 0 to 100"),
    (f"{MEASURE}/points", [[0, -1], [1, 0]], "lies outside 0 to 100"),
    (f"{MEASURE}/weight", 0, "greater than 0"),
    ("dimensions/support/weight", -1, "greater than 0"),
    ("dimensions/support/measures", {}, "at least 1 item"),
    ("bands/1/edges", [45, 70], "without gap or overlap"),
    ("bands/1/edges", [35, 70], "without gap or overlap"),
    ("bands/2/edges", [70, 99], "must reach 100"),
    ("bands/1/name", "red", "names must differ"),
    ("bands/1/name", "unknown", "is taken"),
    ("overrides/0/cap", 120, "less than or equal to 100"),
    ("min_coverage", 1.5, "less than or equal to 1"),
    ("no_use/dimensions", ["freqency"], "no_use names dimension freqency"),
    ("segments/SMB", {"depth": {"weight": 1}}, "segment SMB names dimension depth"),
    (
        "segments/SMB",
        {"support": {"measures": {"csat": {"weight": 1}}}},
        "support.csat, which is not among",
    ),
    (
        "segments/SMB",
        {"support": {"measures": {"open_tickets": {"points": [[1, 0], [1, 9]]}}}},
        "values must rise strictly",
    ),
    ("segments/enterprise", {}, "upper and lower case only"),
    ("onboarding", 3, "Extra inputs"),
]


@pytest.mark.parametrize(("path", "value", "sentence"), REFUSED)
def test_a_wrong_leaf_is_refused_with_a_sentence_that_names_it(path, value, sentence):
    with pytest.raises(ValidationError, match=sentence):
        HealthSettings(**changed(path, value))


def test_every_feature_that_is_read_must_exist_and_all_missing_ones_are_named_at_once():
    settings = HealthSettings(**CONFIGURED)
    known = ["active_days_28d", "open_tickets", "events_91d", "tenure_days", "arr"]
    with pytest.raises(UnknownFeature, match="trend, oldest_urgent, which are not among the 5"):
        check_names(settings, known)
    check_names(settings, [*known, "trend", "oldest_urgent"])


def test_a_segment_changes_what_it_names_and_keeps_the_rest():
    settings = HealthSettings(
        **changed(
            "segments/SMB",
            {"frequency": {"measures": {"trend": {"points": [[0, 0], [3, 100]]}}}},
        )
    )
    everyone, small = settings.profile(None), settings.profile("SMB")
    assert small["frequency"].measures["trend"].points == ((0, 0), (3, 100))
    assert small["frequency"].measures["trend"].weight == 1
    assert small["frequency"].weight == everyone["frequency"].weight == 0.6
    assert settings.profile("Enterprise")["frequency"].weight == 0.2
    assert settings.profile("Enterprise")["support"] == everyone["support"]
