"""Drift beside the noise that so many accounts have without any."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from models import drift


def frame(columns: dict, first: int = 0, mornings: int = 1) -> pd.DataFrame:
    rows = pd.DataFrame(columns)
    rows["account_id"] = [f"a{first + i:05}" for i in range(len(rows))]
    parts = [
        rows.assign(as_of=pd.Timestamp("2025-01-01") + pd.Timedelta(days=30 * of))
        for of in range(mornings)
    ]
    return pd.concat(parts).set_index(["account_id", "as_of"])


def columns(seed: int, count: int, size: int) -> dict:
    draw = np.random.default_rng(seed)
    made = {}
    for number in range(count):
        kind = number % 4
        values = draw.normal(size=size) if kind < 2 else draw.poisson(0.4, size).astype(float)
        if kind == 1:
            values = np.where(draw.random(size) < 0.1, np.nan, values)
        made[f"f{number:03}"] = values
        if kind == 3:
            made[f"f{number:03}"] = draw.choice(["x", "y", "z"], size, p=[0.6, 0.3, 0.1])
    return made


def test_without_drift_one_in_a_hundred_is_beyond_and_the_mean_is_the_expected():
    found = pd.concat(
        [
            drift.drift(
                frame(columns(seed, 60, 500)), frame(columns(900 + seed, 60, 150), first=5_000)
            )
            for seed in range(6)
        ]
    )
    assert 0.001 <= found["beyond"].mean() <= 0.02
    assert (found["psi"] / found["expected"]).mean() == pytest.approx(1, abs=0.1)
    assert found["p"].lt(0.1).mean() == pytest.approx(0.1, abs=0.04)


def test_what_moved_stands_first_and_is_told_in_words():
    then, now = columns(1, 20, 600), columns(2, 20, 300)
    now["f004"] = now["f004"] + 1.0
    now["f005"] = np.where(np.arange(300) % 2 == 0, np.nan, now["f005"])
    now["f007"] = np.array(["x", "z"] * 150)
    found = drift.drift(frame(then), frame(now, first=5_000)).set_index("column")
    assert {"f004", "f005", "f007"} == set(found.index[:3])
    assert found["beyond"].iloc[:3].all()
    assert found.loc["f004", "words"].startswith("median ")
    assert "% without a value in training" in found.loc["f005", "words"]
    assert found.loc["f007", "words"] == "10% with z in training, 50% now"


def test_many_mornings_of_one_account_are_not_many_accounts():
    then, now = columns(3, 8, 200), columns(4, 8, 100)
    once = drift.drift(frame(then), frame(now, first=900)).set_index("column").sort_index()
    often = drift.drift(frame(then, mornings=6), frame(now, first=900)).set_index("column")
    pd.testing.assert_frame_equal(once, often.sort_index())


def test_neither_names_nor_the_order_of_rows_count():
    then, now = frame(columns(5, 12, 200)), frame(columns(6, 12, 100), first=900)
    shuffled = then.sample(frac=1, random_state=1).rename(index=lambda name: f"z{name}", level=0)
    pd.testing.assert_frame_equal(drift.drift(then, now), drift.drift(shuffled, now))


def test_a_bin_of_a_few_accounts_is_no_bin_of_its_own():
    then, now = {"x": [0.0] * 197 + [9.0] * 3}, {"x": [0.0] * 97 + [np.nan] * 3}
    row = drift.drift(frame(then), frame(now, first=900)).iloc[0]
    assert row["bins"] <= 2
    assert not row["beyond"]


def test_a_column_that_is_one_value_or_none_has_no_drift():
    then = {"same": [1.0] * 50, "empty": [np.nan] * 50}
    found = drift.drift(frame(then), frame(then, first=900))
    assert found[["psi", "limit"]].to_numpy().tolist() == [[0, 0], [0, 0]]
    assert not found["beyond"].any()


def test_without_rows_there_is_nothing_to_say():
    then = frame({"x": [1.0, 2.0]})
    assert drift.drift(then, then.iloc[:0]).empty
