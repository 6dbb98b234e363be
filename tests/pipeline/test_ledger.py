"""What is published is sealed once, settled from the facts, and judged as the replay is."""

from __future__ import annotations

from datetime import date, timedelta

import pandas as pd
import pytest

from models import standing
from models.standing import SETTLED
from pipeline import compare, cycle, files, holdout, ledger, predicted, replay
from pipeline.calendar import Calendar
from pipeline.settings import load
from serve import predictions
from serve.ledger import Ledger
from serve.record import KEY
from serve.sealing.entries import Unsealable
from serve.settling import BeyondData


@pytest.fixture(scope="module")
def sealed(company, tmp_path_factory):
    """A ledger of every replayed morning, settled at the data's end."""
    folder = tmp_path_factory.mktemp("sealed")
    with company.inside():
        settings, calendar = load(), Calendar.read(files.CALENDAR)
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv(ledger.ADDRESS, f"sqlite:///{folder / 'ledger.db'}")
            held = ledger.opened(settings)
        receipts = [
            ledger.publish(
                cycle.score(settings, day, settings.cycle.within), held, folder / str(day)
            )
            for day in replay.mornings(settings, calendar)
        ]
        ledger.settle(settings, held, calendar.data_until)
        yield held, receipts, folder


def judged(record, by):
    """The settled predictions of a record, as of a day."""
    settings, calendar = load(), Calendar.read(files.CALENDAR)
    loss = cycle.loss(settings)
    return standing.standing(
        record.predictions, record.outcomes, target=loss.name, horizon=loss.horizon, by=by,
        wait=calendar.wait(settings.contracts.grace), sizes=settings.rates.sizes,
    )  # fmt: skip


def test_the_manifest_of_a_publication_is_an_anchor_of_the_ledger(sealed):
    held, receipts, folder = sealed
    for receipt, place in zip(receipts, sorted(folder.glob("2*")), strict=True):
        manifest = predictions.read(place).manifest
        assert manifest["ledger"] == {"run_id": receipt.run_id, **receipt.anchor}
        found = held.verify(manifest["ledger"])
        assert found.intact and found.checked >= receipt.count


def test_publishing_again_adds_nothing(sealed, tmp_path):
    held, receipts, _ = sealed
    settings = load()
    day = replay.mornings(settings, Calendar.read(files.CALENDAR))[0]
    before = held.anchor
    again = ledger.publish(cycle.score(settings, day, settings.cycle.within), held, tmp_path / "a")
    assert not again.new and again.anchor == receipts[0].anchor and held.anchor == before


def test_the_duel_over_the_ledger_is_that_over_the_replay(sealed):
    held, _, _ = sealed
    settings = load()
    of_ledger = compare.of_record(settings, held.read())
    of_replay = compare.of_record(settings, replay.read())
    assert of_ledger.to_dict() == of_replay.to_dict()
    assert set(of_ledger.metrics["model"]) >= {"model", "health", "health_refitted", "csm_call"}


def test_what_was_published_after_the_due_date_is_not_called_sealed(sealed):
    held, _, _ = sealed
    said = held.read().predictions
    assert not said["sealed"].any()  # the sample company lived years ago


def test_settling_twice_adds_nothing_and_beyond_the_data_it_is_refused(sealed):
    held, _, _ = sealed
    settings, end = load(), Calendar.read(files.CALENDAR).data_until
    assert ledger.settle(settings, held, end)[0].appended == 0
    with pytest.raises(BeyondData, match="bring newer exports"):
        ledger.settle(settings, held, date(end.year + 1, 1, 1))


def test_a_cycle_that_nobody_has_settled_yet_is_open(sealed, tmp_path):
    _, _, folder = sealed
    settings, calendar = load(), Calendar.read(files.CALENDAR)
    first, *_, last = replay.mornings(settings, calendar)
    held = Ledger.open(f"sqlite:///{tmp_path / 'two.db'}")
    for day in (first, last):
        if day == last:
            ledger.settle(settings, held, last)
        ledger.publish(cycle.score(settings, day, settings.cycle.within), held, tmp_path / str(day))
    record = held.read()
    assert record.read_on == last
    stands = predicted._summary(record, judged(record, last))
    assert (
        stands["open"] > 0
        and sum(stands[of] for of in (*predicted.ENDS, "not_due")) == (stands["renewals"])
    )
    alone = held.read(last).outcomes
    new = alone.merge(held.read(first, last).predictions[KEY].drop_duplicates(), how="left",
                      indicator=True).query("_merge == 'left_only'")  # fmt: skip
    assert len(new) and set(new["outcome"]) == {"open"} and new["known_on"].isna().all()


@pytest.fixture(scope="module")
def early(sealed, tmp_path_factory):
    """A ledger of the first replayed morning with a short cycle, settled six weeks later and no
    more, and how it stands at the data's end."""
    folder = tmp_path_factory.mktemp("early")
    settings, calendar = load(), Calendar.read(files.CALENDAR)
    first = replay.mornings(settings, calendar)[0]
    held = Ledger.open(f"sqlite:///{folder / 'early.db'}")
    ledger.publish(cycle.score(settings, first, 30), held, folder / "cycle")
    ledger.settle(settings, held, first + timedelta(days=42))
    yield held, first


def test_what_was_read_early_is_judged_as_of_the_reading(early):
    held, first = early
    settings, calendar = load(), Calendar.read(files.CALENDAR)
    record, wait = held.read(), calendar.wait(settings.contracts.grace)
    assert first < record.read_on < calendar.data_until
    figures, frames = predicted.figures(settings, calendar, record, source="ledger")
    assert figures["meta"]["as_of"] == str(record.read_on)
    due = pd.to_datetime(frames["duel_rows"]["due_date"])
    assert (due + timedelta(days=wait) <= pd.Timestamp(record.read_on)).all()
    known = predicted._known(record.outcomes, record.read_on, wait, calendar)
    unripe = pd.to_datetime(known["due_date"]) + timedelta(days=wait) > pd.Timestamp(record.read_on)
    assert record.outcomes.loc[unripe, "outcome"].isin(SETTLED).any()
    assert not known.loc[unripe, "outcome"].isin(SETTLED).any()


def test_who_decides_every_month_is_judged_as_far_as_the_prediction_speaks(sealed, tmp_path):
    settings, calendar = load(), Calendar.read(files.CALENDAR)
    said = []
    for within in (30, settings.cycle.within):
        held = Ledger.open(f"sqlite:///{tmp_path / f'{within}.db'}")
        for day in replay.mornings(settings, calendar)[::3]:
            found = cycle.score(settings, day, within)
            ledger.publish(found, held, tmp_path / f"{within} {day}")
        ledger.settle(settings, held, calendar.data_until)
        rows = judged(held.read(), calendar.data_until).rows
        monthly = rows[rows["month_to_month"]]
        said.append(monthly.set_index(["account_id", "as_of"])["outcome"])
    short, whole = said
    assert short.any() and short.equals(whole.reindex(short.index))


def test_a_day_before_the_first_prediction_is_refused(early):
    held, first = early
    with pytest.raises(ledger.NothingPredicted, match=f"its first morning is {first}"):
        ledger.settle(load(), held, first - timedelta(days=1))


def test_a_finished_hold_out_is_not_hidden_by_one_that_has_begun(sealed, tmp_path):
    settings, calendar = load(), Calendar.read(files.CALENDAR)
    first, *_, last = replay.mornings(settings, calendar)
    held = Ledger.open(f"sqlite:///{tmp_path / 'held.db'}")
    for day in (first, last):
        ledger.publish(cycle.score(settings, day, 30), held, tmp_path / str(day))
        holdout.assign(held, day, 0.5, "salt")
    ledger.settle(settings, held, calendar.data_until)
    assert held.read(last).outcomes["outcome"].isin(["open", "in_grace"]).any()
    shown = holdout.newest_effect(held, settings.holdout)
    scored = held.read(first, last).predictions.query("status == 'scored'")
    assert sum(shown.accounts.values()) == scored["account_id"].nunique()


def test_a_hold_out_is_of_the_scored_and_sealed_once(sealed):
    held, _, _ = sealed
    settings = load()
    day = replay.mornings(settings, Calendar.read(files.CALENDAR))[0]
    drawn = holdout.assign(held, day, 0.25, "salt")
    scored = held.read(day, date.max).predictions.query("status == 'scored' and as_of == @day")
    assert set(drawn.rows["account_id"]) == set(scored["account_id"])
    assert drawn.rows["group"].eq("held_out").mean() == pytest.approx(0.25, abs=0.02)
    assert holdout.assign(held, day, 0.25, "salt").new == 0
    with pytest.raises(Unsealable, match="cannot be drawn again"):
        holdout.assign(held, day, 0.25, "other salt")
    found = holdout.newest_effect(held, settings.holdout)
    assert sum(found.accounts.values()) > 0 and found.text


def test_nothing_can_be_held_out_of_a_morning_that_was_not_published(sealed):
    held, _, _ = sealed
    with pytest.raises(holdout.NotPublished, match="publish it first"):
        holdout.assign(held, date(2020, 1, 1), 0.25, "salt")


def test_without_a_hold_out_no_saving_is_claimed(tmp_path):
    empty = Ledger.open(f"sqlite:///{tmp_path / 'l.db'}")
    found = holdout.newest_effect(empty, load().holdout)
    assert found.churn is None and found.renewed is None and "hold-out" in found.text


def test_a_password_in_the_environment_is_in_no_message(monkeypatch):
    from serve.sealing.store import LedgerUnavailable

    monkeypatch.setenv(ledger.ADDRESS, "postgresql+psycopg://me:secret@127.0.0.1:1/none")
    with pytest.raises(LedgerUnavailable) as refused:
        ledger.opened(load())
    assert "secret" not in str(refused.value) and "127.0.0.1" in str(refused.value)


def test_a_ledger_begins_with_the_first_publication_and_a_server_is_always_there(
    company, tmp_path, monkeypatch
):
    with company.inside():
        settings = load()
    url = f"sqlite:///{tmp_path / 'ledger.db'}"
    monkeypatch.setenv(ledger.ADDRESS, url)
    assert ledger.address(settings) == url and not ledger.begun(settings)
    ledger.opened(settings)
    assert ledger.begun(settings)
    monkeypatch.setenv(ledger.ADDRESS, "postgresql+psycopg://me@127.0.0.1/renewals")
    assert ledger.begun(settings)
