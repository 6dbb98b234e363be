"""What a dossier says is what the features, rules and models say; nobody's words are in it."""

from __future__ import annotations

import json
from datetime import date

import duckdb
import numpy as np
import pandas as pd
import pytest

from features.publication import read_frame
from models.health import HealthScore
from models.peers import usual
from pipeline import cycle, files, rivals
from pipeline.accounts import history
from pipeline.accounts.dossier import dossier, earlier, told
from pipeline.accounts.explanations import Asked, explanations
from pipeline.calendar import Calendar
from pipeline.morning import morning
from pipeline.settings import load
from serve.dossier import TABLES, Contents, Dossier, DossierSettings
from tests.worlds import table

NOW, THEN, CANARY = date(2025, 7, 1), date(2025, 6, 1), "CANARY"
ABOUT = DossierSettings(
    most=1000,
    measures=["active_users_28d", "nps_last", "tickets_opened_28d"],
    months=12,
    events=366,
    actionable=["active_users_28d", "csat_91d", "touchpoints_91d"],
)


class Made:
    """A cycle of the small company, its two mornings, and its dossier."""

    def __init__(self):
        self.settings, calendar = load(), Calendar.read(files.CALENDAR)
        known, before = (cycle.bundles(self.settings, day) for day in (NOW, THEN))
        learnt = rivals.learnt(
            self.settings, "churn", known.cutoff, rivals.past_features(), calendar
        )
        self.cycle = cycle.scored(self.settings, NOW, 90, known, learnt)
        asked = morning(files.FACTS, NOW, self.settings, calendar)
        self.now = Asked(NOW, asked, known.models, known.sha256)
        self.then = Asked(THEN, earlier(THEN), before.models, before.sha256)
        self.folders = {name: files.bundle(name, known.cutoff) for name in self.settings.targets}
        self.dossier = self.again()

    def again(self, about: DossierSettings = ABOUT) -> Contents:
        """The dossier made anew, from the facts of the folder one is in."""
        return dossier(
            self.settings, about, self.cycle, self.now, self.then, None, self.folders
        )  # fmt: skip


@pytest.fixture(scope="module")
def made(company):
    with company.inside():
        yield Made()


@pytest.fixture(scope="module")
def scored(made) -> list[str]:
    frame = made.cycle.frame
    return sorted(frame.loc[frame["status"].eq("scored"), "account_id"])


def bodies(made, target) -> dict[str, dict]:
    rows = made.dossier.explanations
    mine = rows[rows["target"].eq(target)]
    return {row.account_id: json.loads(row.body) for row in mine.itertuples()}


def test_every_scored_renewal_is_explained_and_adds_up_to_what_is_published(made, scored):
    frame = made.cycle.frame.set_index(["account_id", "status"]).xs("scored", level="status")
    assert len(scored) > 20
    for target in ("churn", "upsell"):
        found = bodies(made, target)
        assert sorted(found) == scored
        for account, of in found.items():
            assert of["probability"] == frame.loc[account, f"{target}_probability"]
            points = of["average"] + sum(one["points"] for one in of["dimensions"])
            assert points * of["escape"] == pytest.approx(of["probability"], abs=1e-12)
            logit = of["logit"]["base"] + sum(one["logit"] for one in of["dimensions"])
            assert logit == pytest.approx(of["logit"]["sum"], abs=1e-9)


def test_the_reasons_are_those_that_are_published(made):
    frame = made.cycle.frame.set_index(["account_id", "status"]).xs("scored", level="status")
    for account, of in bodies(made, "churn").items():
        published = frame.loc[account, ["reason_1", "reason_2", "reason_3"]].dropna().tolist()
        assert of["reasons"] == published
        assert of["health"]["score"] == pytest.approx(frame.loc[account, "health_score"], nan_ok=1)


def test_what_speaks_for_a_score_never_speaks_against_it(made):
    found = list(bodies(made, "churn").values())
    assert any(of["reasons"] for of in found) and any(of["against"] for of in found)
    assert not any(set(of["reasons"]) & set(of["against"]) for of in found)


def test_what_changed_since_the_earlier_morning_adds_up_or_the_reason_is_there(made):
    compared = 0
    for target in made.settings.targets:
        for of in bodies(made, target).values():
            changed = of["changed"]
            assert (changed is None) == (of["not_compared"] is not None)
            if changed is None:
                continue
            compared += 1
            parts = sum(one["points"] for one in changed["dimensions"])
            whole = parts + changed["model"]["points"] + changed["escape"]
            assert whole == pytest.approx(changed["points"], abs=1e-12)
            step = of["probability"] - changed["probability_then"]
            assert changed["points"] == pytest.approx(step, abs=1e-12)
    assert compared > 20


def test_what_is_told_of_many_is_what_is_told_of_each_alone(made, scored, company):
    target = made.settings.targets["upsell"]
    together = bodies(made, "upsell")
    with company.inside():
        for account in scored[:4]:
            alone = explanations(
                made.settings, target, made.now, made.then, None, [account]
            )[account]  # fmt: skip
            assert alone.keys() == together[account].keys()
            for name in ("reasons", "against", "not_compared", "given", "health", "health_then"):
                assert alone[name] == together[account][name]
            for name in ("probability", "low", "high", "average", "escape"):
                assert alone[name] == pytest.approx(together[account][name], abs=1e-12)


def test_without_an_earlier_morning_it_is_said_why(made, scored):
    target = made.settings.targets["churn"]
    found = explanations(made.settings, target, made.now, None, "no model yet", scored[:2])
    for of in found.values():
        assert (of["changed"], of["not_compared"], of["since"]) == (None, "no model yet", None)


def test_who_is_not_asked_about_is_not_explained(made):
    rows = made.now.morning.observations
    decided = rows.loc[rows["decided"].notna(), "account_id"].tolist()
    target = made.settings.targets["churn"]
    assert decided
    assert explanations(made.settings, target, made.now, None, "", [*decided, "nobody"]) == {}


def test_the_stored_morning_is_the_one_that_the_facts_give(made, company):
    with company.inside():
        built = morning(files.FACTS, THEN, made.settings, Calendar.read(files.CALENDAR))
    pd.testing.assert_frame_equal(
        built.features.sort_index(), made.then.morning.features.sort_index(), check_exact=True
    )


def test_the_past_is_that_of_the_account_beside_its_segment_on_each_morning(made, company):
    rows = made.dossier.series
    with company.inside():
        features = rivals.past_features()
    at = features.index.get_level_values("as_of") == pd.Timestamp("2025-02-01")
    every = features[at]
    health = HealthScore(made.settings.health).assess(every)["health_score"]
    every = every.assign(health_score=health)
    medians = usual(every, every)
    seen = rows[rows["morning"].eq(pd.Timestamp("2025-02-01"))]
    seen = seen[seen["measure"].ne("churn_probability")]
    assert seen["account_id"].nunique() > 20 and seen["measure"].nunique() == 4
    for row in seen.itertuples():
        own = (row.account_id, row.morning)
        np.testing.assert_equal(row.value, float(every.loc[own, row.measure]))
        np.testing.assert_equal(row.peers, float(medians.loc[own, row.measure]))
    assert seen["peers"].notna().any() and seen["value"].isna().any()


def test_the_past_ends_with_the_morning_and_goes_back_so_many_months(made):
    rows = made.dossier.series
    days = pd.DatetimeIndex(rows["morning"].unique()).sort_values()
    assert len(days) == 13
    assert (days[0], days[-1]) == (pd.Timestamp("2024-07-01"), pd.Timestamp(NOW))
    last = rows[rows["morning"].eq(days[-1]) & rows["measure"].eq("nps_last")]
    now = made.now.morning.features.droplevel("as_of")["nps_last"]
    np.testing.assert_array_equal(last["value"], now.loc[last["account_id"]])


def test_of_an_earlier_morning_nothing_that_came_after_is_told(made, company):
    then = made.then.morning.features
    accounts = sorted(then.index.get_level_values("account_id"))[:60]
    with company.inside():
        past = history.series(made.settings, then, accounts, ["active_users_28d"], 12)
        ranges = history.ranges(then, accounts, ["active_users_28d"]).set_index("account_id")
        features = rivals.past_features()["active_users_28d"]
    assert past["morning"].max() == pd.Timestamp(THEN) and past["morning"].nunique() == 13
    days = features.index.get_level_values("as_of")
    assert days.max() == pd.Timestamp(NOW)
    until = features[days <= pd.Timestamp(THEN)].groupby("account_id").max()
    np.testing.assert_array_equal(ranges["high"], until.loc[ranges.index])
    assert (features.groupby("account_id").max().loc[ranges.index] > ranges["high"]).any()


def test_a_morning_on_which_the_account_was_no_customer_has_no_row(made):
    rows = made.dossier.series[made.dossier.series["measure"].eq("nps_last")]
    tenure = made.now.morning.features.droplevel("as_of")["tenure_days"]
    young = set(tenure.index[tenure.lt(300)]) & set(rows["account_id"])
    assert young
    for account in young:
        assert rows["account_id"].eq(account).sum() < 13


def test_what_was_sealed_goes_before_what_was_replayed_and_the_first_renewal_before_others():
    day = pd.to_datetime
    frame = pd.DataFrame({"account_id": ["acme"], "as_of": day(["2025-07-01"]),
                          "due_date": day(["2025-07-11"]), "churn_probability": [0.9]})  # fmt: skip
    record = table("""
        account_id  as_of       due_date    churn_probability  sealed
        acme        2025-05-01  2025-07-11  0.1                0
        acme        2025-05-01  2025-07-11  0.2                1
        acme        2025-05-01  2025-06-11  0.3                0
        acme        2025-06-01  2025-07-11  0.4                0
        acme        2025-06-01  2025-06-20  0.5                0
        acme        2025-04-01  2025-07-11  -                  1  <- was not scored
        acme        2024-06-01  2024-07-11  0.6                1  <- too long ago
        acme        2025-07-01  2025-07-11  0.7                1  <- the morning itself
        bolt        2025-06-01  2025-07-11  0.8                1  <- not in this cycle
    """)
    record = record.assign(
        as_of=day(record["as_of"]), due_date=day(record["due_date"]),
        churn_probability=record["churn_probability"].astype(float),
        sealed=record["sealed"].eq("1"),
    )  # fmt: skip
    found = history.said(record, frame, 12).set_index("morning")[["value", "sealed"]].sort_index()
    assert found.index.strftime("%m-%d").tolist() == ["05-01", "06-01", "07-01"]
    assert found["value"].tolist() == [0.2, 0.5, 0.9]
    assert found["sealed"].tolist() == [True, False, None]


def test_the_ranges_are_those_of_all_the_mornings_so_far(made, company):
    with company.inside():
        features = rivals.past_features()
    days = features.index.get_level_values("as_of")
    past = features[days <= pd.Timestamp(NOW)][list(ABOUT.actionable)].groupby("account_id")
    low, high = past.min(), past.max()
    rows = made.dossier.ranges
    assert rows["account_id"].nunique() > 20 and rows["low"].isna().any()
    for row in rows.itertuples():
        np.testing.assert_equal(row.low, float(low.loc[row.account_id, row.feature]))
        np.testing.assert_equal(row.high, float(high.loc[row.account_id, row.feature]))


def test_the_rules_are_those_of_the_accounts_that_are_due(made):
    rows = made.dossier.rules
    due = set(made.cycle.frame["account_id"])
    customers = set(made.now.morning.features.index.get_level_values("account_id"))
    assert set(rows["account_id"]) == due & customers < customers
    assert set(made.dossier.features["account_id"]) == customers


def test_only_so_many_accounts_are_told_about_those_with_most_at_risk_first(made, company):
    with company.inside():
        few = made.again(ABOUT.model_copy(update={"most": 5}))
    first = made.cycle.frame.sort_values("rank")["account_id"].head(5).tolist()
    assert told(made.cycle.frame, 5) == first
    for name in ("rules", "explanations", "series", "ranges"):
        assert set(getattr(few, name)["account_id"]) == set(first), name
    assert set(few.events["account_id"]) <= set(first)
    assert len(few.features) == len(made.now.morning.features) > 100
    assert few.service["accounts"]["told"] == 5


def test_two_dossiers_of_the_same_cycle_are_the_same_bytes(made, company, tmp_path):
    with company.inside():
        again = made.again()
    for name, of in (("one", made.dossier), ("two", again)):
        (tmp_path / name).mkdir()
        of.write(tmp_path / name)
    for file in (tmp_path / "one").iterdir():
        assert file.read_bytes() == (tmp_path / "two" / file.name).read_bytes(), file.name


def test_it_is_said_where_everything_comes_from(made, tmp_path):
    made.dossier.write(tmp_path)
    said = Dossier(tmp_path).service
    assert (said["company"], said["currency"]) == ("Sample company (simulated)", "EUR")
    assert said["as_of"] == "2025-07-01" == said["data_until"]
    assert [of["name"] for of in said["targets"]] == ["churn", "upsell", "downsell"]
    assert said["targets"][0]["cutoff"] == "2025-07-01" and said["targets"][0]["positives"] > 0
    usage = next(of for of in said["freshness"] if of["table"] == "usage")
    assert usage["allowed"] == 10 and usage["last"] is not None
    words = {of["name"]: of for of in said["dictionary"]}
    assert words["seat_utilisation"]["reads"] == ["active_users_28d", "seats"]
    assert words["nps_last"] == {
        "name": "nps_last", "family": "sentiment", "sign": -1, "reads": [],
        "meaning": "The newest answer, 0 to 10, however old; missing if nobody ever answered.",
    }  # fmt: skip
    assert said["health"]["dimensions"]["breadth"]["measures"]["seat_utilisation"]["weight"] == 0.45


def test_without_a_data_report_that_is_said_and_nothing_made_up(made, company, tmp_path):
    bare = company.copy(tmp_path / "bare")
    with bare.inside():
        files.DATA_REPORT.with_suffix(".json").unlink()
        said = made.again(ABOUT.model_copy(update={"most": 1})).service
    assert said["freshness"] is None and said["data"] is None


def texts(contents, folder) -> list[str]:
    """Every text that a dossier holds, of every file."""
    folder.mkdir()
    contents.write(folder)
    found = [(folder / "service.json").read_text()]
    for name in TABLES:
        rows = read_frame(folder / f"{name}.parquet").select_dtypes(["object", "string"])
        found += [str(cell) for column in rows for cell in rows[column].dropna().unique()]
    return found


def test_no_user_no_mail_and_no_word_that_anybody_wrote_is_in_a_dossier(made, company, tmp_path):
    planted = company.copy(tmp_path / "planted")
    words = {
        "tickets": {
            "subject": "'{c} subject'",
            "body": "'{c} body, write to jane.{c}@example.org'",
            "category": "'{c} please call me ' || ticket_id",
            "priority": "'{c}@example.org'",
        },
        "nps": {"comment": "'{c} comment'", "user_id": "'{c}-user'"},
        "touchpoints": {"kind": "'{c} ' || touchpoint_id", "owner": "'{c}'"},
    }
    with planted.inside(), duckdb.connect() as con:
        for name, columns in words.items():
            path = files.FACTS / f"{name}.parquet"
            frame = read_frame(path)
            con.register("given", frame)
            said = ", ".join(f"{sql.format(c=CANARY)} AS {of}" for of, sql in columns.items())
            con.execute(f"COPY (SELECT * REPLACE ({said}) FROM given) TO '{path}' (FORMAT parquet)")
        users = read_frame(files.FACTS / "user_days")["user_id"].unique().tolist()
        planted_in = made.again()
        found = texts(planted_in, tmp_path / "dossier")
    assert len(planted_in.events) > 100
    assert not [text for text in found if CANARY.lower() in text.lower()]
    whole = "\n".join(found)
    assert "@" not in whole
    assert len(users) > 1000 and not [user for user in users if user in whole]
