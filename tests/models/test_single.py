"""The path of the service gives the bits of the batch, and refuses what it refuses."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import cache

import numpy as np
import pandas as pd
import pytest

from models.blend import Member
from models.calibration import Calibration
from models.encoding import MissingColumns, UnusableColumn
from models.plain import UnevenColumns
from models.rungs import BASE_RATE
from models.single import BLOCK, Fast, is_asked
from models.woven import NotWoven
from serve.scorer import probabilities
from tests.models.chained import CHURN, TARGETS, UPSELL, features, models, observations

ENDS = ("probability", "low", "high")


@cache
def fast():
    return Fast(models(), TARGETS)


def columns(frame):
    return {name: frame[name].tolist() for name in frame}


def decided(frame):
    return observations(frame)["decided"].notna().to_numpy()


def published(frame):
    """What the batch says, by target and end, in the order of the frame."""
    found = probabilities(frame, observations(frame), models(), TARGETS)
    wide = found.set_index(["target", "account_id", "as_of"]).sort_index()
    return {
        f"{target.name}_{end}": wide.loc[target.name, end].reindex(frame.index).to_numpy()
        for target in TARGETS
        for end in ENDS
    }


def assert_same(found, expected):
    assert list(found) == list(expected)
    for name, values in expected.items():
        np.testing.assert_array_equal(found[name], values, err_msg=name)


def test_a_table_has_the_bits_of_the_batch():
    frame = features()
    expected = published(frame)
    assert all(0 < np.isnan(values).sum() < len(values) for values in expected.values())
    found = fast().table(columns(frame), decided=decided(frame), intervals=True)
    assert_same(found, expected)


@pytest.mark.parametrize("level", [-2.0, 4.0])
def test_a_model_that_abstains_amid_a_chain_has_the_bits_of_the_batch(level):
    rest = UPSELL.model_copy(update={"name": "rest", "given": "upsell", "outcome": "contracted"})
    targets, known = [CHURN, UPSELL, rest], models()
    silent = replace(
        known["upsell"],
        rung=BASE_RATE,
        served=Member((), None),
        trees=0.0,
        resampled=(),
        calibration=Calibration("base rate", (level,), ((0.04,),)),
    )
    churn = replace(known["churn"], report={"base_rate": 0.01})
    known = {"churn": churn, "upsell": silent, "rest": known["upsell"]}
    frame = features()
    batch = probabilities(frame, observations(frame), known, targets)
    wide = batch.set_index(["target", "account_id", "as_of"]).sort_index()
    found = Fast(known, targets).table(columns(frame), decided=decided(frame), intervals=True)
    for target in targets:
        for end in ENDS:
            expected = wide.loc[target.name, end].reindex(frame.index).to_numpy()
            np.testing.assert_array_equal(found[f"{target.name}_{end}"], expected)
    said = found["upsell_probability"]
    levels = len(np.unique(said[np.isfinite(said)]))
    assert levels == 1 if level < 0 else levels > 1  # at most what is left


def test_one_row_alone_has_the_bits_it_has_among_others():
    frame = features()
    expected = fast().table(columns(frame), decided=decided(frame), intervals=True)
    rows = frame.astype(object).where(frame.notna(), None).to_dict("records")
    for place, row in enumerate(rows):
        found = fast().row(row, decided=bool(decided(frame)[place]), intervals=True)
        known = {name: None if np.isnan(of[place]) else of[place] for name, of in expected.items()}
        assert found == known


def test_more_rows_than_a_block_have_the_bits_of_the_batch():
    frame = features(2 * BLOCK + 7)
    found = fast().table(columns(frame), decided=decided(frame))
    expected = {n: of for n, of in published(frame).items() if n.endswith("probability")}
    assert_same(found, expected)


@pytest.mark.parametrize(
    "changed",
    [
        {"trees": 0.0},
        {"trees": 1.0},
        {"resampled": ()},
        {"unlearnt": 0.7},
        {"widen": 1.7},
        {"served": Member((), None), "resampled": ()},
    ],
)
def test_a_model_with_one_kind_of_part_has_the_bits_of_the_batch(changed):
    frame = features().query("days_to_due < 90")
    model = replace(models()["churn"], **changed)
    expected = pd.DataFrame({"probability": model.predict(frame)}).join(model.interval(frame))
    found = Fast({"churn": model}, [CHURN]).table(columns(frame), intervals=True)
    for end in ENDS:
        np.testing.assert_array_equal(found[f"churn_{end}"], expected[end])


def test_only_the_probability_is_given_unless_intervals_are_asked_for():
    row = features().iloc[1].to_dict() | {"days_to_due": 5.0, "arr": 100.0}
    short, full = fast().row(row), fast().row(row, intervals=True)
    assert list(short) == ["churn_probability", "upsell_probability"]
    assert short == {name: full[name] for name in short}
    assert full["churn_low"] < full["churn_probability"] < full["churn_high"]


def test_no_row_is_a_table_too():
    found = fast().table({name: [] for name in features()}, intervals=True)
    assert all(len(values) == 0 for values in found.values()) and len(found) == 6


@pytest.mark.parametrize("target", [CHURN, UPSELL, UPSELL.model_copy(update={"growth": None})])
def test_who_is_asked_is_whom_the_target_finds_eligible(target):
    asked = observations(features())
    found = is_asked(
        target,
        asked["days_to_due"].to_numpy(),
        asked["arr"].to_numpy(),
        asked["decided"].notna().to_numpy(),
    )
    assert found.tolist() == target.is_eligible(asked).tolist()
    assert 0 < found.sum() < len(found)


def test_all_missing_columns_are_named_at_once():
    row = features().iloc[0].to_dict()
    for name in ("arr", "industry", "days_to_due"):
        del row[name]
    for call, given in ((fast().row, row), (fast().table, {k: [v] for k, v in row.items()})):
        with pytest.raises(MissingColumns, match="3 missing columns") as fault:
            call(given)
        assert all(name in str(fault.value) for name in ("arr", "industry", "days_to_due"))
        assert "events_28d" in str(fault.value)


def test_everything_no_learner_can_read_is_named_at_once():
    odd = {"open_tickets": "three", "arr": float("inf"), "industry": ["bank"]}
    row = features().iloc[0].to_dict() | odd
    for call, given in ((fast().row, row), (fast().table, {k: [v] for k, v in row.items()})):
        with pytest.raises(UnusableColumn) as fault:
            call(given)
        for said in ("open_tickets should hold numbers", "arr is infinite", "industry should hold"):
            assert said in str(fault.value)


@pytest.mark.parametrize("endless", [float("inf"), float("-inf"), 10**400])
def test_a_number_without_end_is_refused(endless):
    row = features().iloc[0].to_dict() | {"arr": endless}
    for call, given in ((fast().row, row), (fast().table, {k: [v] for k, v in row.items()})):
        with pytest.raises(UnusableColumn, match="^arr "):
            call(given)


def test_the_day_it_is_due_must_be_a_number():
    row = features().iloc[0].to_dict() | {"days_to_due": "soon"}
    with pytest.raises(UnusableColumn, match="days_to_due should hold numbers"):
        fast().row(row)


def test_columns_of_different_length_are_refused():
    given = columns(features(5)) | {"arr": [1.0, 2.0]}
    with pytest.raises(UnevenColumns, match="'arr': 2"):
        fast().table(given)
    with pytest.raises(UnevenColumns, match="decided"):
        fast().table(columns(features(5)), decided=[True])


def test_values_that_training_never_met_are_counted():
    assert fast().unseen({"industry": ["mining", "bank", None, float("nan"), "mining"]}) == {
        "industry": 2
    }


def test_many_threads_get_what_one_gets():
    frame = features(64)
    rows = frame.to_dict("records")
    alone = [fast().row(row, intervals=True) for row in rows]
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda row: fast().row(row, intervals=True), rows * 20))
    assert found == alone * 20


def test_what_is_given_is_not_changed():
    given = {name: np.array(of) for name, of in columns(features(20)).items()}
    before = {name: of.copy() for name, of in given.items()}
    fast().table(given, intervals=True)
    for name, values in before.items():
        pd.testing.assert_series_equal(pd.Series(given[name]), pd.Series(values))


def test_members_of_different_make_are_refused():
    model = models()["churn"]
    odd = replace(model.resampled[0], boosters=())
    with pytest.raises(NotWoven, match="members have"):
        row = features().iloc[0].to_dict() | {"days_to_due": 5}
        Fast({"churn": replace(model, resampled=(odd, *model.resampled[1:]))}, [CHURN]).row(
            row, intervals=True
        )
