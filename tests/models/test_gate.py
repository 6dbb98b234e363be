"""The gate is silent on clean data, names every leak, and lets pass what a person has accepted."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from models.gate import LeakFound
from tests.models.gated import SETTINGS, Gated, company


@pytest.fixture(scope="module")
def small() -> Gated:
    return company()


@pytest.mark.parametrize("accounts, seed", [(60, 1), (200, 2), (200, 3), (400, 4)])
def test_a_clean_company_passes(accounts, seed):
    probed = company(accounts=accounts, seed=seed).probed()
    assert probed.evidence == ()
    probed.accept("churn")


def test_it_says_how_close_each_probe_came(small):
    told = small.probed().to_dict()
    assert told["passed"] and told["evidence"] == []
    assert {one["probe"] for one in told["closest"]} == set(told["measures"])
    assert told["measures"]["label echo"] == len(small.features.columns)
    json.dumps(told, allow_nan=False)


def test_every_piece_of_evidence_is_named_in_one_refusal(small):
    planted = small.with_column(small.told().fillna(0)).with_column(
        small.told().replace(0, np.nan), "exit_survey"
    )
    with pytest.raises(LeakFound, match="gate.accepted of params.yaml") as refused:
        planted.probed().accept("churn")
    assert "planted alone has AUC 1.00" in str(refused.value)
    assert "exit_survey is known" in str(refused.value)


def test_what_was_found_comes_first_however_small(small):
    hasty = replace(small, by=small.by - pd.Timedelta(days=31))
    first = hasty.probed().measured[0]
    assert first.probe == "unsettled rows" and 0 < first.figure < 0.1


def test_an_accepted_column_passes_and_the_reason_is_kept(small):
    settings = SETTINGS.model_copy(update={"accepted": {"planted": "known at signing"}})
    probed = small.with_column(small.told().fillna(0)).probed(settings)
    assert probed.evidence == ()
    assert "accepted: known at signing" in probed.measured[0].sentence


def test_a_feature_that_differs_when_it_is_built_again_is_found(small):
    ahead = small.features.groupby(level="account_id")["events_28d"].shift(-1).fillna(0)
    planted = small.with_column(ahead, "events_28d")

    def rebuild(sample):
        return small.features.reindex(pd.MultiIndex.from_frame(sample))

    evidence = planted.probed(rebuild=rebuild).evidence
    found = {one.column for one in evidence if one.probe == "future values"}
    assert found == {"events_28d"}
    assert small.probed(rebuild=rebuild).evidence == ()


def test_the_order_of_rows_and_the_names_of_accounts_change_nothing(small):
    rng = np.random.default_rng(5)

    def other(frame: pd.DataFrame) -> pd.DataFrame:
        renamed = frame.assign(account_id=frame["account_id"].str.replace("a", "konto "))
        return renamed.iloc[rng.permutation(len(renamed))]

    features = other(small.features.reset_index()).set_index(["account_id", "as_of"])
    tables = (small.labels, small.rows, small.earlier, small.observations, small.asked)
    again = Gated(features, *map(other, tables), small.by).probed()
    for one, two in zip(small.probed().closest, again.closest, strict=True):
        assert (one.probe, one.column) == (two.probe, two.column)
        assert one.figure == pytest.approx(two.figure)
