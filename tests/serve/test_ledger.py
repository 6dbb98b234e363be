"""What was published stays as it was published; what happened is added, and the newest counts."""

from __future__ import annotations

from datetime import UTC, date, datetime

import numpy as np
import pandas as pd
import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import text

from serve.ledger import Ledger
from serve.predictions import read
from serve.record import OUTCOMES, PUBLISHED
from serve.sealing import migrations
from serve.sealing.entries import Unsealable
from serve.sealing.receipts import Run
from serve.sealing.schema import REVISION, metadata
from serve.sealing.store import LedgerUnavailable, Store
from tests.serve.ledgers import AUGUST, DUE, ENDS, JULY, Clock, ended, run, said, story

FOREVER = date(2030, 1, 1)


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def ledger(url, clock):
    return Ledger.open(url, clock=clock)


def publish(ledger, frame):
    return ledger.publish(run(frame), frame)


def test_what_was_published_is_read_back_to_the_last_bit(ledger):
    frame = said(upsell_probability=[0.1 + 0.2, 5e-324, -0.0, 1e22, np.nan], csm_call=-1.5e-7)
    publish(ledger, frame.sample(frac=1, random_state=1))
    back = ledger.read().predictions
    assert list(back.columns) == list(PUBLISHED)
    expected = frame.sort_values("account_id", ignore_index=True)
    found = back.sort_values("account_id", ignore_index=True)
    for name in frame:
        ours = [None if pd.isna(value) else value for value in expected[name]]
        theirs = [None if pd.isna(value) else value for value in found[name]]
        assert theirs == ours, name
    assert found["due_date"].dtype == "datetime64[us]"
    assert found["early_warning"].tolist()[:3] == [False, True, None]
    assert ledger.verify().intact


def test_a_cycle_that_was_scored_can_be_sealed_as_its_folder_says(ledger, tmp_path):
    from serve.batch import score_cycle
    from tests.serve.cycles import IDENTITY, SCORERS, SETTINGS, due

    score_cycle(due(), SCORERS, SETTINGS, IDENTITY).publish(tmp_path / "cycle")
    folder = read(tmp_path / "cycle")
    receipt = ledger.publish(Run.of(folder.manifest), folder.record)
    assert receipt.count == 1 + folder.manifest["due"]["renewals"]
    back = ledger.read().predictions.drop(columns="sealed")
    assert back["prediction_id"].tolist() == folder.record["prediction_id"].tolist()


def test_publishing_twice_changes_nothing_and_gives_the_same_receipt(ledger, clock):
    first = publish(ledger, said())
    publish(ledger, said(AUGUST))
    before = ledger.anchor
    clock.now = datetime(2025, 9, 1, tzinfo=UTC)
    again = publish(ledger, said().sample(frac=1, random_state=3))
    assert (first.new, again.new) == (True, False)
    assert (again.run_id, again.head, again.count) == (first.run_id, first.head, first.count)
    assert ledger.anchor == before
    assert first.count == 6 and ledger.verify(first.anchor).intact


def test_another_content_is_another_run(ledger):
    one = publish(ledger, said())
    other = publish(ledger, said(health_score=50.0))
    third = ledger.publish(run(said(), within=30), said())
    assert len({one.run_id, other.run_id, third.run_id}) == 3
    assert ledger.runs()["within"].tolist() == [91, 91, 30]


def test_what_was_published_again_cannot_take_the_place_of_the_first_word(ledger):
    mute = said(status="failed", churn_probability=np.nan)
    for frame in (mute, said(), said(churn_probability=0.99)):
        publish(ledger, frame)
    back = ledger.read().predictions.set_index("account_id")
    assert len(back) == len(DUE)
    assert back.loc["acme", ["status", "churn_probability"]].tolist() == ["scored", 0.1]


def test_a_prediction_is_sealed_if_it_was_published_by_the_due_date(ledger, clock):
    clock.now = datetime(2025, 7, 21, 23, 59, tzinfo=UTC)
    publish(ledger, said())
    back = ledger.read().predictions.set_index("account_id")["sealed"]
    assert back.to_dict() == {
        "acme": False,
        "bolt": True,
        "cask": True,
        "dune": True,
        "echo": False,
    }


def test_mornings_are_read_from_the_first_day_to_the_day_before_the_last(ledger):
    for day in (JULY, AUGUST):
        publish(ledger, said(day))
    assert ledger.read(JULY, AUGUST).predictions["as_of"].unique().tolist() == [pd.Timestamp(JULY)]
    assert ledger.read(AUGUST).predictions["as_of"].unique().tolist() == [pd.Timestamp(AUGUST)]
    nothing = ledger.read(FOREVER)
    assert nothing.predictions.empty and list(nothing.outcomes.columns) == list(OUTCOMES)


@pytest.mark.parametrize(
    ("frame", "message"),
    [
        (said().iloc[1:], "says that 5 renewals are due, the frame has 4"),
        (said(bundle_sha256="c" * 64), "bundle_sha256 is b+ in the run, but c+ in its rows"),
        (said(as_of=pd.Timestamp(AUGUST)), "as_of is 2025-07-01 in the run, but 2025-08-01"),
        (
            said(account_id="acme", due_date=pd.Timestamp(JULY)),
            "two rows of due_date 2025-07-01, account_id acme",
        ),
        (said(account_id=[None, *"abcd"]), "account_id is empty in 1 of 5 rows"),
        (said(churn_low=np.inf), "churn_low is no DOUBLE: found an infinite number"),
        (said(health_score="71"), "health_score is no DOUBLE: found '71'"),
        (said(owner="a\x00b", plan=3), "owner is no VARCHAR: .*; plan is no VARCHAR: found 3"),
        (said(due_date=pd.Timestamp("2025-07-11 10:00")), "due_date is no DATE"),
        (said().drop(columns=["plan", "status"]), "no column status, plan|no column plan, status"),
    ],
)
def test_a_frame_that_is_not_the_run_s_is_refused_with_every_fault(tmp_path, frame, message):
    ledger = Ledger.open(f"sqlite:///{tmp_path / 'ledger.db'}")
    with pytest.raises(Unsealable, match=message):
        ledger.publish(run(said()), frame)
    assert ledger.runs().empty and ledger.anchor["count"] == 0


def test_settling_keeps_what_was_predicted_and_says_it_only_once(ledger):
    publish(ledger, said())
    first = ledger.settle(ended())
    assert (first.appended, first.unchanged, first.unpredicted) == (3, 0, 1)
    again = ledger.settle(ended(known_on=pd.Timestamp("2025-08-20")))
    assert (again.appended, again.unchanged, again.unpredicted) == (0, 3, 1)
    assert (again.head, again.count) == (first.head, first.count)


def test_other_decisions_of_who_decides_every_month_are_kept_and_corrected(ledger):
    publish(ledger, said())
    every = ended(ENDS.iloc[[0]]).assign(month_to_month=True)
    later = every.assign(due_date=pd.Timestamp("2025-08-11"), outcome="churned")
    strange = later.assign(account_id="nobody")
    first = ledger.settle(pd.concat([every, later, strange]))
    assert (first.appended, first.unpredicted) == (2, 1)
    told = ledger.read().outcomes.query("account_id == 'acme'")
    assert told["outcome"].tolist() == ["renewed", "churned"]
    gone = later.assign(outcome="not_due", month_to_month=None, known_on="2025-10-01")
    assert ledger.settle(gone.astype({"known_on": "datetime64[us]"})).corrected == 1
    assert ledger.outcomes()["outcome"].tolist() == ["renewed", "not_due"]
    assert len(ledger.renewals()) == len(DUE)


def test_renewals_can_be_asked_for_as_far_as_they_were_predicted_by_a_day(ledger):
    publish(ledger, said())
    publish(ledger, said(AUGUST, DUE.assign(account_id=["f", "g", "h", "i", "j"])))
    assert set(ledger.renewals(by=JULY)["account_id"]) == set(DUE["account_id"])
    assert ledger.renewals(by=date(2025, 6, 30)).empty


def test_a_correction_is_a_further_outcome_and_the_old_one_stays(ledger):
    publish(ledger, said())
    ledger.settle(ended())
    bolt = ended(ENDS.iloc[[1]])
    late = bolt.assign(outcome="renewed", arr_kept=5000.0, known_on=pd.Timestamp("2025-09-01"))
    gone = late.assign(outcome="churned", arr_kept=0.0, known_on=pd.Timestamp("2025-10-01"))
    assert ledger.settle(late).corrected == 0
    assert ledger.settle(gone).corrected == 1
    stale = ledger.settle(late)
    assert (stale.appended, stale.outdated) == (0, 1)
    assert ledger.history("bolt").outcomes["outcome"].tolist() == ["in_grace", "renewed", "churned"]
    newest = ledger.read().outcomes.set_index("account_id")["outcome"]
    never = {"dune": "open", "echo": "open"}  # nobody has looked yet
    assert newest.to_dict() == {"acme": "renewed", "bolt": "churned", "cask": "open", **never}


def test_every_predicted_renewal_is_listed_with_its_newest_outcome_or_none(ledger):
    publish(ledger, said())
    publish(ledger, said(AUGUST))
    ledger.settle(ended())
    found = ledger.renewals(FOREVER)
    assert list(found.columns) == list(OUTCOMES)
    assert found["account_id"].tolist() == ["echo", "acme", "bolt", "cask", "dune"]
    assert found["outcome"].fillna("-").tolist() == ["-", "renewed", "in_grace", "open", "-"]
    assert ledger.renewals(date(2025, 8, 1))["account_id"].tolist() == ["echo", "acme", "bolt"]


def test_an_account_s_history_is_every_morning_of_it(ledger):
    for day in (JULY, AUGUST):
        publish(ledger, said(day))
    found = ledger.history("bolt")
    assert found.predictions["as_of"].dt.date.tolist() == [JULY, AUGUST]
    assert set(found.predictions["account_id"]) == {"bolt"}
    assert ledger.history("nobody").predictions.empty


DRAWN = pd.DataFrame({"account_id": ["bolt", "acme"], "group": ["held_out", "treated"]})


def test_a_hold_out_is_sealed_once_and_cannot_be_drawn_again(ledger):
    drawn = DRAWN.assign(stratum="high")
    assert ledger.assign(drawn, as_of=JULY, share=0.5, salt="spring") == 2
    assert ledger.assign(drawn, as_of=JULY, share=0.5, salt="spring") == 0
    with pytest.raises(Unsealable, match="acme is treated since 2025-07-01 .salt spring"):
        ledger.assign(drawn.assign(group="held_out"), as_of=JULY, share=0.5, salt="summer")
    assert ledger.assign(drawn, as_of=AUGUST, share=0.5, salt="summer") == 2
    found = ledger.assignments()
    assert found["account_id"].tolist() == ["acme", "bolt"] * 2
    assert found["group"].tolist() == ["treated", "held_out"] * 2
    assert found["due_date"].isna().all() and ledger.verify().checked == 4


def test_an_account_that_was_forgotten_is_nowhere_and_the_chain_holds(url):
    ledger = story(url)
    assert ledger.forget("acme") == 0
    assert ledger.history("acme").predictions.empty
    assert "acme" not in set(ledger.renewals()["account_id"]) | set(ledger.assignments().account_id)
    with Store.open(url, create=False).reading() as connection:
        for table in metadata.tables:
            rows = connection.execute(text(f"SELECT * FROM {table}")).all()
            assert not any("acme" in str(row) for row in rows), table
    found = ledger.verify()
    assert (found.intact, found.forgotten) == (True, 4)
    again = said()
    assert not ledger.publish(run(again), again).new
    assert ledger.history("acme").predictions.empty


def test_what_was_forgotten_is_not_left_in_the_bytes_of_a_sqlite_file(tmp_path):
    path = tmp_path / "ledger.db"
    ledger = Ledger.open(f"sqlite:///{path}")
    frame = said(account_id=["Xanadu-Industries", *"abcd"])
    ledger.publish(run(frame), frame)
    assert b"Xanadu" in path.read_bytes()
    ledger.forget("Xanadu-Industries")
    assert b"Xanadu" not in path.read_bytes()
    assert [file.name for file in tmp_path.iterdir()] == ["ledger.db"]


def test_the_same_content_has_the_same_run_on_either_database(ledger):
    assert publish(ledger, said()).run_id == (
        "b40b3ad061640c8c0827ac5cf44c541b1be295c51becd55df4425b31083b14f4"
    )


def test_the_migrations_make_the_tables_that_the_code_knows(ledger, url):
    with Store.open(url, create=False).reading() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, metadata) == []
    assert ScriptDirectory(str(migrations.HERE)).get_current_head() == REVISION


def test_a_ledger_of_a_newer_version_is_not_touched(ledger, url):
    with Store.open(url, create=False).writing() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(LedgerUnavailable, match="has version 9999, this Renewcast knows"):
        Ledger.open(url)


def test_nothing_is_created_by_asking(url, tmp_path):
    with pytest.raises(LedgerUnavailable, match="no ledger"):
        Ledger.open(url, create=False)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("ledger.db", "URL cannot be read"),
        ("sqlite://", "kept in memory"),
        ("sqlite:////no/such/folder/ledger.db", "unable to open database file"),
    ],
)
def test_what_cannot_be_opened_is_said(url, message):
    with pytest.raises(LedgerUnavailable, match=message):
        Ledger.open(url)
