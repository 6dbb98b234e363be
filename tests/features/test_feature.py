from __future__ import annotations

from pathlib import Path

import duckdb
import pandas as pd
import pytest

from features import definition
from features.asked import ObservedTwice
from features.feature import (
    build,
    derived,
    dictionary,
    families,
    feature,
    longest_window,
    relative,
    signs,
)
from features.language import Refused
from features.publication import manifest, read_frame
from features.workshop import workshop
from tests.features.test_facts import built
from tests.features.worked import features
from tests.worlds import table

MINE = ["test_feature"]


@feature("account_days", days=[7, 28], absent=0, sign=-1)
def used(days):
    """Events in the last {days} days."""
    return f"sum(events) FILTER (WHERE age <= {days})"


@feature("account_days", days=28)
def mean_use(days):
    """Mean events of an active day in the last {days} days."""
    return f"avg(events) FILTER (WHERE age <= {days})"


@feature("account_days")
def newest_gap():
    """Days from the newest day of use to the morning."""
    return "min(gap)"


@feature("user_days")
def person_gap():
    """Longest time from one day of a person to the next, or to the morning."""
    return "max(gap)"


@feature("user_days", days=[7, 28], absent=0)
def people(days):
    """People in the last {days} days."""
    return f"count(DISTINCT user_id) FILTER (WHERE age <= {days})"


@feature("user_days", days=28)
def people_seen(days):
    """People in the last {days} days; missing without any."""
    return f"count(DISTINCT user_id) FILTER (WHERE age <= {days})"


@feature("user_days", absent=0)
def groups():
    """Departments ever."""
    return "count(DISTINCT department)"


@feature("user_days", per="user_id", days=28, absent=0)
def gone_people(days):
    """People of the last 91 days who were not there in the last {days}."""
    return "min(age) FILTER (WHERE age <= 91)", f"count(*) FILTER (WHERE value > {days})"


@feature("tickets", absent=0)
def waiting():
    """Tickets open on the morning."""
    return "count(*) FILTER (WHERE resolved_at IS NULL)"


@feature("nps")
def said_last():
    """The newest answer."""
    return "latest(score)"


@feature("subscriptions")
def licences():
    """Seats in force."""
    return "sum(seats) FILTER (WHERE in_force(0))"


@derived
def licences_then():
    """Seats in force 28 days earlier, as known then."""
    return "ago(licences, 28)"


@derived
def used_then():
    """Events in 28 days, 28 days earlier."""
    return "ago(used_28d, 28)"


@derived(sign=-1)
def use_per_licence():
    """Events a seat."""
    return "used_28d / licences"


@relative(to="segment", min_peers=3)
def used_in_segment():
    """Rank by events among customers of the segment."""
    return "used_28d"


@feature("renewals")
def kept_last():
    """ARR kept at the newest renewal."""
    return "latest(arr_kept)"


def asked(as_of: str, names: str = "acme bolt", **columns) -> pd.DataFrame:
    return pd.DataFrame({"account_id": names.split(), "as_of": as_of, **columns}, dtype=object)


def on(as_of: str, names: str = "acme bolt", **tables) -> pd.DataFrame:
    """The features of this module on one morning, by account."""
    return features(asked(as_of, names), tables, families=MINE).droplevel("as_of")


USAGE = table("""
    account_id  occurred_at          feature  event_id  user_id  count  recorded_at
    acme        2025-02-27T10:00:00  reports  e1        ann      3      2025-02-27T10:00:00
    acme        2025-02-28T23:59:59  reports  e2        bob      2      2025-02-28T23:59:59
    acme        2025-03-01T00:00:00  billing  e3        cid      9      2025-03-01T00:00:00
    acme        2025-02-20T10:00:00  reports  e4        dan      5      2025-03-04T10:00:00
    bolt        2025-02-25T10:00:00  reports  e5        eve      4      2025-02-25T10:00:00
    bolt        2025-03-12T10:00:00  reports  e5        eve      4      2025-03-02T09:00:00
""")


def test_the_morning_itself_is_future_from_its_first_instant():
    assert on("2025-03-01", usage=USAGE)["used_28d"].to_dict() == {"acme": 5, "bolt": 4}
    assert on("2025-03-02", usage=USAGE)["used_28d"].to_dict() == {"acme": 14, "bolt": 4}


def test_a_row_recorded_late_is_invisible_until_the_day_after_it_was_recorded():
    assert on("2025-03-04", usage=USAGE)["used_28d"]["acme"] == 14
    assert on("2025-03-05", usage=USAGE)["used_28d"]["acme"] == 19
    assert on("2025-03-05", usage=USAGE)["people_28d"]["acme"] == 4


def test_a_correction_that_moves_a_date_past_the_morning_waits_for_that_date():
    assert on("2025-03-12", usage=USAGE)["used_28d"]["bolt"] == 4, "the old version still stands"
    assert on("2025-03-13", usage=USAGE)["used_7d"]["bolt"] == 4, "the new one, once"
    assert on("2025-03-13", usage=USAGE)["used_28d"]["bolt"] == 4


def test_age_counts_whole_days_and_yesterday_is_one():
    edge = table("""
        account_id  occurred_at          feature
        acme        2025-02-22T00:00:00  reports   <- age 7
        acme        2025-02-01T00:00:00  reports   <- age 28
        bolt        2025-02-21T23:59:59  reports   <- age 8
        bolt        2025-01-31T23:59:59  reports   <- age 29
    """)
    march = on("2025-03-01", usage=edge)
    assert march["used_7d"].to_dict() == {"acme": 1, "bolt": 0}
    assert march["used_28d"].to_dict() == {"acme": 2, "bolt": 1}


def test_absence_is_what_was_declared():
    old = table("""
        account_id  occurred_at  feature  event_id  user_id
        gone        2025-01-01   reports  e0        old
    """)
    some = on("2025-03-01", "acme bolt zinc", usage=pd.concat([USAGE, old]).astype(object))
    zinc = some.loc["zinc"]
    assert zinc["used_28d"] == 0 and zinc["people_28d"] == 0 and zinc["gone_people_28d"] == 0
    assert zinc[["mean_use_28d", "newest_gap", "people_seen_28d"]].isna().all()
    assert some.loc["bolt", "used_7d"] == 4 and some.loc["acme", "people_seen_28d"] == 2


def test_absence_does_not_depend_on_rows_older_than_the_window():
    old = table("""
        account_id  occurred_at  feature  user_id
        acme        2024-11-01   reports  ann
        bolt        2025-02-20   reports  bob
        bolt        2025-01-20   reports  bob
    """)
    acme = on("2025-03-01", usage=old).loc["acme"]
    assert acme["used_28d"] == 0 and acme["gone_people_28d"] == 0
    assert pd.isna(acme["people_seen_28d"]) and acme["newest_gap"] == 120


def test_an_outage_is_missing_for_all_and_a_quiet_account_is_not():
    quiet = table("""
        account_id  occurred_at  feature  user_id
        acme        2025-02-15   reports  ann
        bolt        2025-01-15   reports  bob
        cars        2024-12-15   reports  cid
    """)
    march = on("2025-03-01", usage=quiet)
    assert march["used_7d"].isna().all(), "nobody in seven days: an outage"
    assert march["used_28d"].to_dict() == {"acme": 1, "bolt": 0}
    assert march["gone_people_28d"].to_dict() == {"acme": 0, "bolt": 1}
    april = on("2025-04-10", usage=quiet)
    assert april["gone_people_28d"].isna().all(), "lost people cannot be told from lost data"
    assert april["newest_gap"].to_dict() == {"acme": 54, "bolt": 85}


def test_an_account_that_is_not_asked_about_can_still_show_that_there_is_data():
    other = table("""
        account_id  occurred_at  feature
        gone        2025-02-28   reports
    """)
    assert on("2025-03-01", usage=other)["used_7d"].to_dict() == {"acme": 0, "bolt": 0}


def test_what_was_not_supplied_is_missing_and_never_zero():
    nobody = on("2025-03-01", usage=USAGE.drop(columns="user_id"))
    assert nobody[["people_28d", "gone_people_28d"]].isna().all(axis=None)
    assert nobody["used_28d"].notna().all()
    assert on("2025-03-01")[["used_28d", "waiting", "said_last"]].isna().all(axis=None)


def test_rows_without_a_unit_are_no_unit():
    usage = table("""
        account_id  occurred_at  feature  user_id  department
        acme        2025-02-20   reports  ann      sales
        acme        2025-02-21   reports  bob      -
        bolt        2025-02-21   reports  cid      -
    """)
    assert on("2025-03-01", usage=usage)["groups"].to_dict() == {"acme": 1, "bolt": 0}


def test_a_gap_is_to_the_next_newer_day_that_is_known():
    usage = table("""
        account_id  occurred_at  feature  event_id  user_id  recorded_at
        acme        2025-02-01   reports  e1        ann      2025-02-01
        acme        2025-02-11   reports  e2        bob      2025-03-01   <- told late
        acme        2025-02-21   reports  e3        ann      2025-02-21
    """)
    before, after = on("2025-03-01", usage=usage), on("2025-03-02", usage=usage)
    assert before["newest_gap"]["acme"] == 8 and before["person_gap"]["acme"] == 20
    assert after["newest_gap"]["acme"] == 9 and after["person_gap"]["acme"] == 20


def test_a_late_column_is_empty_until_it_is_known():
    tickets = table("""
        ticket_id  account_id  opened_at            resolved_at
        t1         acme        2025-02-01T10:00:00  2025-02-28T23:59:59
        t2         acme        2025-02-01T10:00:00  2025-03-01T00:00:00
    """)
    assert on("2025-03-01", tickets=tickets)["waiting"]["acme"] == 1
    assert on("2025-03-02", tickets=tickets)["waiting"]["acme"] == 0


def test_the_newest_answer_is_the_last_one_and_of_two_at_once_the_larger_id():
    nps = table("""
        response_id  account_id  occurred_at          score
        n1           acme        2025-02-01T10:00:00  9
        n3           acme        2025-02-02T10:00:00  2
        n2           acme        2025-02-02T10:00:00  7
    """)
    assert on("2025-03-01", nps=nps)["said_last"]["acme"] == 2


def test_an_account_that_was_no_customer_then_has_no_earlier_answer():
    contracts = table("""
        subscription_id  account_id  start_date  term_end  ended_at  arr  seats  booked_at
        s1               acme        2025-01-01  -         -         10   4      -
        s2               bolt        2025-01-01  -         -         10   4      2025-02-10
        s3               cars        2025-02-15  -         -         10   4      -
        s4               free        2025-01-01  -         -         0    4      -
    """)
    names = "acme bolt cars free"
    found = on("2025-03-01", names, subscriptions=contracts, usage=USAGE)
    assert found["licences"].tolist() == [4, 4, 4, 4]
    assert found["licences_then"].tolist()[0] == 4
    assert found["licences_then"].iloc[1:].isna().all(), "booked later, started later, on trial"


def test_a_derived_feature_is_missing_where_it_would_divide_by_nothing():
    contracts = table("""
        subscription_id  account_id  start_date  term_end  ended_at  arr  seats
        s1               acme        2025-01-01  -         -         10   5
        s2               bolt        2025-01-01  -         -         10   0
    """)
    found = on("2025-03-01", usage=USAGE, subscriptions=contracts)["use_per_licence"]
    assert found["acme"] == 1 and pd.isna(found["bolt"])


def test_a_rank_is_among_the_same_mornings_customers_of_the_group():
    usage = table("""
        account_id  occurred_at  feature  count
        a1          2025-03-01   reports  1
        a2          2025-03-01   reports  3
        a3          2025-03-01   reports  3
        b1          2025-03-01   reports  9
    """)
    observations = asked("2025-03-05", "a1 a2 a3 b1 b2 c1")
    observations["segment"] = ["a", "a", "a", "b", "b", None]
    found = features(observations, {"usage": usage}, families=MINE).droplevel("as_of")
    ranks = found["used_in_segment"]
    assert ranks["a1"] == 0 and ranks["a2"] == ranks["a3"] == 0.5
    assert ranks[["b1", "b2", "c1"]].isna().all(), "too few peers, and no group"


def test_mornings_may_have_any_spacing_even_one_of_each_accounts_own():
    shared = pd.concat([asked("2025-03-01"), asked("2025-03-05")])
    own = pd.concat([asked("2025-03-01", "bolt"), asked("2025-03-05", "acme")])
    every = features(shared, {"usage": USAGE}, families=MINE)
    some = features(own, {"usage": USAGE}, families=MINE)
    pd.testing.assert_frame_equal(some, every.loc[some.index])


def test_past_renewals_come_cut_and_the_newest_has_the_latest_due_date():
    renewals = table("""
        account_id  as_of       due_date    status      arr_due  arr_kept
        acme        2025-03-01  2023-01-01  renewed     10       10
        acme        2025-03-01  2024-01-01  contracted  10       8.5
        bolt        2025-02-01  2024-01-01  renewed     10       10       <- another morning's
    """)
    found = features(asked("2025-03-01"), {}, renewals, families=MINE).droplevel("as_of")
    assert found["kept_last"]["acme"] == 8.5 and pd.isna(found["kept_last"]["bolt"])


def test_the_file_is_sorted_and_the_same_on_one_thread_or_two(tmp_path: Path):
    facts = built(tmp_path, usage=USAGE)
    observations = pd.concat([asked("2025-03-05"), asked("2025-03-01")])
    hashes = []
    for threads in (1, 2):
        with duckdb.connect(config={"threads": threads}) as con:
            mixed = observations.sample(frac=1, random_state=threads)
            build(con, mixed, facts, None, tmp_path / f"{threads}", MINE)
            hashes.append(manifest(tmp_path / f"{threads}"))
    assert hashes[0] == hashes[1]
    stored = read_frame(tmp_path / "1")
    assert stored[["as_of", "account_id"]].apply(tuple, axis=1).is_monotonic_increasing
    assert set(stored.dtypes.drop(["account_id", "as_of"]).astype(str)) == {"float64"}


def test_observations_come_as_a_frame_a_relation_or_a_file(tmp_path: Path):
    facts = built(tmp_path, usage=USAGE)
    with duckdb.connect() as con:
        frame = asked("2025-03-01").astype({"as_of": "datetime64[us]"})
        relation = con.sql("SELECT * FROM frame")
        relation.write_parquet(str(tmp_path / "asked.parquet"))
        answers = [
            build(con, given, facts, None, families=MINE)
            for given in (frame, relation, tmp_path / "asked.parquet")
        ]
    assert answers[0].equals(answers[1]) and answers[0].equals(answers[2])


def test_nobody_asked_about_is_an_empty_answer(tmp_path: Path):
    facts = built(tmp_path, usage=USAGE)
    with duckdb.connect() as con:
        nobody = build(con, asked("2025-03-01").iloc[:0], facts, None, families=MINE)
    assert nobody is not None and len(nobody) == 0 and "used_28d" in nobody


def test_an_account_observed_twice_on_a_morning_is_refused():
    twice = pd.concat([asked("2025-03-01"), asked("2025-03-01", "acme")])
    with pytest.raises(ObservedTwice, match="acme is observed twice on 2025-03-01"):
        features(twice, {"usage": USAGE}, families=MINE)


def test_the_dictionary_comes_from_the_declarations():
    entries = dictionary(MINE).set_index("name")
    assert entries.loc["used_28d"].tolist() == [
        "test_feature", "account_days", "Events in the last 28 days.", 0, -1,
    ]  # fmt: skip
    assert pd.isna(entries.loc["mean_use_28d", "absent"])
    assert signs(MINE)["use_per_licence"] == -1 and signs(MINE)["waiting"] == 0
    assert families(MINE) == {"test_feature": entries.index.tolist()}
    assert longest_window(MINE) == 91


def test_a_declaration_that_cannot_be_kept_is_refused():
    with pytest.raises(Refused, match="no table 'usage': features read user_days"):
        feature("usage")
    with pytest.raises(Refused, match="no docstring"):
        feature("nps")(lambda: "count(*)")
    with pytest.raises(Refused, match="min_peers=1"):
        relative(to="segment", min_peers=1)
    with pytest.raises(Refused, match="to='due_date'"):
        relative(to="due_date", min_peers=20)

    def single():
        """One expression where two are needed."""
        return "count(*)"

    def double():
        """Two expressions where one is needed."""
        return "count(*)", "count(*)"

    with pytest.raises(Refused, match="two expressions are returned"):
        feature("user_days", per="user_id")(single)
    with pytest.raises(Refused, match="text column"):
        feature("user_days", per="minutes")(double)
    with pytest.raises(Refused, match="two only by a feature with `per`"):
        feature("user_days")(double)
    with pytest.raises(Refused, match="declared twice in the family test_feature"):

        @feature("account_days")
        def newest_gap():
            """Something else of the same name."""
            return "max(gap)"


@pytest.mark.parametrize(
    ("declared", "reason"),
    [
        ({"absent": float("nan")}, "absent=nan is no number"),
        ({"absent": float("inf")}, "absent=inf is no number"),
        ({"absent": "0 END, (SELECT 1)"}, "is no number"),
        ({"absent": True}, "absent=True is no number"),
        ({"sign": 7}, "sign=7 is none of"),
        ({"days": ['1"x']}, "is no name for a column"),
        ({"weeks": [1]}, "each axis is an argument"),
    ],
)
def test_what_a_declaration_states_beside_its_expression_is_checked_too(declared, reason):
    def counted(days=1):
        """Rows."""
        return "count(*)"

    with pytest.raises(Refused, match=reason):
        feature("nps", **declared)(counted)


def test_a_docstring_that_names_what_is_no_axis_is_refused():
    def counted():
        """Rows of the last {days} days."""
        return "count(*)"

    with pytest.raises(Refused, match="names 'days', which is no axis"):
        feature("nps")(counted)


@pytest.fixture
def declared():
    """Features that a test declares are gone after it."""
    before = dict(definition.REGISTER)
    yield
    definition.REGISTER.clear()
    definition.REGISTER.update(before)


PEOPLE = table("""
    account_id  occurred_at  feature  user_id
    acme        2025-02-26   reports  ann      <- age 3
    acme        2025-02-25   reports  bob      <- age 4
    acme        2025-01-30   reports  cid      <- age 30
    acme        2024-12-20   reports  dan      <- age 71
    acme        2025-01-10   reports  ann
""")


@pytest.mark.parametrize(
    ("condition", "people"),
    [
        ("value <= 7 OR value > 60", 3), ("value IN (3, 4)", 2), ("value / 7 <= 2", 2),
        ("NOT value <= 7", 2), ("value <> 3", 3), ("value BETWEEN 4 AND 30", 2), ("value = 71", 1),
    ],
)  # fmt: skip
def test_units_may_be_counted_by_any_condition_on_what_was_found_of_them(
    condition, people, declared
):
    @feature("user_days", per="user_id", absent=0)
    def found():
        """People by the age of their newest day."""
        return "min(age) FILTER (WHERE age <= 91)", f"count(*) FILTER (WHERE {condition})"

    answers = features(asked("2025-03-01"), {"usage": PEOPLE}, families=MINE)
    assert answers["found"].droplevel("as_of")["acme"] == people


def test_a_bound_beyond_the_window_of_the_first_step_asks_for_no_days_beyond_it(declared):
    @feature("user_days", per="user_id", absent=0)
    def found():
        """People whose oldest day of the last 28 is of any age up to 40."""
        return "max(age) FILTER (WHERE age <= 28)", "count(*) FILTER (WHERE value <= 40)"

    answers = features(asked("2025-03-01"), {"usage": PEOPLE}, families=MINE)
    assert answers["found"].droplevel("as_of")["acme"] == 2


def test_a_derived_feature_asked_earlier_is_missing_for_who_was_no_customer_then(declared):
    @derived
    def quiet():
        """Days since use, many if never."""
        return "coalesce(newest_gap, 999)"

    @derived
    def quiet_then():
        """The same, 28 days earlier."""
        return "ago(quiet, 28)"

    @relative(to="industry", min_peers=2)
    def rank_then():
        """Rank by people 28 days earlier."""
        return "ago(people_28d, 28)"

    contracts = table("""
        subscription_id  account_id  start_date  term_end  ended_at  arr
        s1               acme        2025-02-15  -         -         100
        s2               bolt        2024-01-01  -         -         100
    """)
    tables = {"usage": PEOPLE, "subscriptions": contracts}
    answers = features(asked("2025-03-01"), tables, families=MINE).droplevel("as_of")
    assert pd.isna(answers["quiet_then"]["acme"]) and answers["quiet_then"]["bolt"] == 999
    assert "rank_then" in answers


def test_distinct_numbers_may_be_counted(declared):
    @feature("nps", absent=0)
    def scores():
        """Different answers."""
        return "count(DISTINCT score)"

    nps = table("""
        response_id  account_id  occurred_at  score
        r1           acme        2025-02-01   9
        r2           acme        2025-02-02   9
        r3           acme        2025-02-03   3
    """)
    answers = features(asked("2025-03-01"), {"nps": nps}, families=MINE).droplevel("as_of")
    assert answers["scores"]["acme"] == 2


def test_the_engine_works_with_the_settings_of_the_connection(tmp_path):
    odd = tmp_path / "o'brien"
    given = {"threads": 1, "temp_directory": str(odd)}
    with duckdb.connect(config=given) as con, workshop(con) as work:
        ((threads, place),) = work.execute(
            "SELECT current_setting('threads'), current_setting('temp_directory')"
        ).fetchall()
    assert (threads, place) == (1, str(odd))
