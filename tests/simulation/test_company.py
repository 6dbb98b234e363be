from __future__ import annotations

from datetime import date
from hashlib import sha256
from pathlib import Path

import pandas as pd
import pytest
from pydantic import ValidationError

from simulation.company import SimulationSettings, happen, simulate
from simulation.families import FAMILIES
from simulation.family import EFFECTS, UnknownFamily
from tests.simulation.conftest import SETTINGS, UNTIL

KEYS = {
    "accounts": "account_id",
    "subscriptions": "subscription_id",
    "usage": "event_id",
    "product_features": "feature",
    "tickets": "ticket_id",
    "nps": "response_id",
    "touchpoints": "touchpoint_id",
}
TINY = SETTINGS.model_copy(update={"accounts": 25, "months": 6})


def hashes(folder: Path) -> dict[str, str]:
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): sha256(path.read_bytes()).hexdigest() for path in files}


def test_the_same_settings_give_the_same_bytes(tmp_path):
    for name in ("first", "second"):
        simulate(TINY, tmp_path / name)
    first = hashes(tmp_path / "first")
    assert len(first) == 8
    assert first == hashes(tmp_path / "second")


def test_another_seed_gives_another_company(tmp_path):
    simulate(TINY, tmp_path / "first")
    simulate(TINY.model_copy(update={"seed": 4}), tmp_path / "second")
    first, second = hashes(tmp_path / "first"), hashes(tmp_path / "second")
    assert {name for name in first if first[name] == second[name]} == {"product_features.csv"}


def test_switching_one_mechanism_off_leaves_the_draws_of_the_others_alone():
    full, calm = (happen(TINY.model_copy(update={"without": off})) for off in ((), ("champion",)))
    assert (full.accounts.name == calm.accounts.name).all()
    assert full.hidden.incidents.equals(calm.hidden.incidents)
    assert len(full.hidden.champions) > 0 == len(calm.hidden.champions)


def test_an_unknown_family_or_effect_is_named():
    settings = SETTINGS.model_dump() | {"family": "cubist"}
    with pytest.raises((ValidationError, UnknownFamily), match="cubist.*linear"):
        SimulationSettings(**settings)
    with pytest.raises(UnknownFamily, match="weather.*champion"):
        happen(TINY.model_copy(update={"without": ("weather",)}))


@pytest.mark.parametrize("without", [(), tuple(EFFECTS)])
@pytest.mark.parametrize("name", FAMILIES)
def test_even_a_handful_of_accounts_in_one_month_is_a_company(tmp_path, name, without):
    few = {"accounts": 3, "months": 1, "family": FAMILIES[name], "without": without}
    simulate(TINY.model_copy(update=few), tmp_path)
    assert len(hashes(tmp_path)) == 8


def test_a_start_that_not_every_month_has_is_refused():
    with pytest.raises(ValidationError, match="2024-01-31"):
        SimulationSettings(**SETTINGS.model_dump() | {"start": date(2024, 1, 31)})


def test_every_row_belongs_to_an_account_and_has_one_version_at_a_time(exports):
    accounts = set(exports["accounts"].account_id)
    assert len(accounts) == len(exports["accounts"]) == 160
    for name, key in KEYS.items():
        frame = exports[name]
        version = [key, "recorded_at"] if "recorded_at" in frame else [key]
        assert len(frame) > 0
        assert not frame.duplicated(version).any(), name
        if "account_id" in frame:
            assert set(frame.account_id) <= accounts, name
    assert set(exports["usage"].feature) <= set(exports["product_features"].feature)


def test_nothing_is_recorded_or_has_happened_after_the_window(exports):
    promises = {"start_date", "term_end", "planned_for", "ended_at", "notice_at"}
    for name, frame in exports.items():
        for column in frame.select_dtypes("datetime").columns:
            if column not in promises:
                assert frame[column].max() < UNTIL, (name, column)
    subscriptions = exports["subscriptions"]
    assert (subscriptions.notice_at.dropna() < UNTIL).all()
    assert subscriptions.notice_at[subscriptions.ended_at >= UNTIL].notna().all()


def test_usage_and_tickets_fall_within_the_window(exports):
    start = pd.Timestamp(SETTINGS.start)
    for name, moment in (("usage", "occurred_at"), ("tickets", "opened_at")):
        assert exports[name][moment].min() >= start, name


def test_the_door_lets_the_sample_company_in(tables):
    assert {path.stem for path in tables.iterdir()} == {*KEYS, "source"}
