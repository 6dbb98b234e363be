from __future__ import annotations

import numpy as np
import pandas as pd

from simulation import lateness
from simulation.families import family
from simulation.randomness import stream


def test_some_rows_come_late_twice_or_corrected(exports):
    usage = exports["usage"]
    delay = usage.recorded_at - usage.occurred_at
    assert (delay > pd.Timedelta(0)).all()
    assert 0.01 < (delay > pd.Timedelta(hours=12)).mean() < 0.04

    versions = usage[usage.event_id.duplicated(keep=False)].sort_values(["event_id", "recorded_at"])
    said = versions[["account_id", "user_id", "occurred_at", "feature", "count", "minutes"]]
    said = said.astype({"user_id": str}).astype({"account_id": str, "feature": str})
    kinds = said.groupby(versions.event_id.to_numpy()).nunique().max(axis=1)
    assert 0.003 < (kinds == 1).sum() / len(usage) < 0.006  # delivered twice, unchanged
    assert 0.003 < (kinds > 1).sum() / len(usage) < 0.008  # corrected


def test_tickets_and_contract_rows_have_versions(exports):
    priorities = exports["tickets"].groupby("ticket_id").priority.agg(["size", "nunique"])
    repeated = priorities[priorities["size"] > 1]
    assert (repeated["nunique"] == 1).any()  # delivered twice
    assert (repeated["nunique"] > 1).any()  # corrected
    rows = exports["subscriptions"].sort_values("recorded_at").groupby("subscription_id").arr
    assert (rows.nunique() > 1).any()


def test_without_lateness_everything_is_recorded_at_once():
    prompt = family("linear").without("lateness")
    occurred = np.arange(5_000) * 60
    delay = lateness.recorded(stream(1, "lateness"), prompt, occurred) - occurred
    assert 1 <= delay.min() <= delay.max() < 3600
    assert len(lateness.twice(stream(1, "twice"), prompt, 5_000)[0]) == 0


def test_a_repeat_and_a_correction_are_never_recorded_in_the_same_second():
    often = family("linear").model_copy(update={"twice_share": 1.0, "corrected_share": 1.0})
    _, again = lateness.twice(stream(1, "twice"), often, 1_000)
    _, mended = lateness.corrected(stream(1, "mended"), often, 1_000)
    assert set(again % 2) == {1}
    assert set(mended % 2) == {0}
