"""Every feature again from its own expression, over the slow, obvious join of the raw tables.

One query a feature: the raw rows are joined to every morning, cut to what was known on it, rolled
up to days where the table is one of days, and aggregated. No rollup, state, pass, distinct interval
or stored fact of the engine is used; only the expressions, as they were read, are shared with it. A
feature that is declared is thereby under test with no further edit.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date
from functools import cache

import duckdb
import pandas as pd

from features.definition import Aggregate, Definition, Derived, Relative, definitions, references
from features.expression import Expression, Need, over_columns
from features.tables import SQL_TYPE, TABLES
from tests.features.worked import OBSERVED, RENEWALS, typed

HAPPENED = {
    "usage": "occurred_at", "tickets": "opened_at", "nps": "occurred_at",
    "touchpoints": "occurred_at", "subscriptions": "coalesce(booked_at, start_date)",
}  # fmt: skip
KEY = {
    "usage": "event_id", "tickets": "ticket_id", "nps": "response_id",
    "touchpoints": "touchpoint_id", "subscriptions": "subscription_id",
}  # fmt: skip
TOLD_BY = {
    "tickets": {
        "first_response_at": "first_response_at", "resolved_at": "resolved_at",
        "reopened_at": "reopened_at", "csat": "coalesce(csat_at, resolved_at)",
        "csat_at": "csat_at",
    },
    "subscriptions": {"notice_at": "notice_at", "ended_at": "least(notice_at, ended_at)"},
}  # fmt: skip
OVERWRITTEN = {"subscriptions": {"auto_renew", "plan"}, "touchpoints": {"owner"}}
UNIT = {"user_days": "user_id", "account_days": "", "feature_days": "feature"}
FROM_USAGE = {
    "minutes": "minutes", "department": "department", "users": "user_id", "user_id": "user_id",
}  # fmt: skip
LONG_AGO = "TIMESTAMP '0001-01-01'"


def features(
    observations: pd.DataFrame,
    tables: Mapping[str, pd.DataFrame],
    past_renewals: pd.DataFrame | None = None,
    families: Iterable[str] | None = None,
) -> pd.DataFrame:
    """The features of observations, on the index (account_id, as_of); tables are frames of text."""
    with duckdb.connect(config={"threads": 1}) as con:
        asked = con.sql(f"{typed(con, observations, OBSERVED)} ORDER BY as_of, account_id").df()
        engine = SlowEngine(con, asked, tables, past_renewals)
        columns = {d.name: engine.answer(d, 0) for d in definitions(families)}
    index = pd.MultiIndex.from_frame(asked[["account_id", "as_of"]])
    return pd.DataFrame(columns).set_index(index)


class SlowEngine:
    """Answers one definition at a time, for every observation, so many days before its morning."""

    def __init__(
        self,
        con: duckdb.DuckDBPyConnection,
        asked: pd.DataFrame,
        tables: Mapping[str, pd.DataFrame],
        past_renewals: pd.DataFrame | None,
    ) -> None:
        self.con, self.asked = con, asked
        con.register("frame", asked.assign(number=range(len(asked))))
        con.execute(
            "CREATE TABLE asked AS SELECT * REPLACE (CAST(as_of AS DATE) AS as_of) FROM frame"
        )
        self.columns = {name: set(rows) for name, rows in tables.items()}
        for name, rows in tables.items():
            types = {column.name: SQL_TYPE[column.kind] for column in TABLES[name].columns}
            missing = "".join(
                f", CAST(NULL AS {kind}) AS {column}"
                for column, kind in types.items()
                if column not in rows
            )
            con.execute(
                f"CREATE TABLE {name} AS SELECT *{missing} FROM ({typed(con, rows, types)})"
            )
        if past_renewals is not None:
            self.columns["renewals"] = set(past_renewals)
            con.execute(f"CREATE TABLE renewals AS {typed(con, past_renewals, RENEWALS)}")
        self.answer = cache(self._answer)
        self.past = cache(self._past)
        self.ages = cache(self._ages)

    def _answer(self, d: Definition, ago: int) -> pd.Series:
        """The values of a definition; earlier ones only of those who were customers then."""
        if isinstance(d, Aggregate):
            values = self._aggregate(d, ago)
        elif isinstance(d, Relative):
            values = self._rank(d)
        else:
            assert isinstance(d, Derived)
            values = self._formula(d, ago)
        return values.where(self._customers(ago)) if ago else values

    def _customers(self, ago: int) -> pd.Series:
        """Who was paying, as known then, at the end of the day before the earlier morning."""
        paying = (
            f"SELECT DISTINCT morning, account_id FROM {self.past('subscriptions', ago)} "
            "WHERE start_date < morning AND (ended_at IS NULL OR ended_at >= morning) "
            "AND (arr IS NULL OR arr > 0)"
        )
        return self._by_observation("p.morning IS NOT NULL", paying, ago).astype(bool)

    def _by_observation(self, value: str, answers: str, ago: int) -> pd.Series:
        """A value for each observation, from answers `p` on (account_id, morning)."""
        found = self.con.execute(
            f"SELECT {value} FROM asked a LEFT JOIN ({answers}) p "
            f"ON p.account_id = a.account_id AND p.morning = a.as_of - {ago} ORDER BY number"
        )
        return pd.Series([row[0] for row in found.fetchall()], dtype=float)

    def _aggregate(self, d: Aggregate, ago: int) -> pd.Series:
        read = {column for need in d.inner.needs for column in need.columns}
        supplied = self._supplied(d.table)
        if not supplied or not read | ({d.per} if d.per else set()) <= supplied:
            return pd.Series(float("nan"), self.asked.index)
        past = self.past(d.table, ago)
        handed = "".join(f", {_handed(d.table, need)} AS {need.sql}" for need in d.inner.needs)
        unit = f", {d.per} AS unit" if d.per else ""
        rows = f"SELECT morning, account_id, age{unit}{handed} FROM {past}"
        last = d.inner
        if d.outer is not None:
            rows = (
                f'SELECT morning, account_id, {d.inner.sql} AS "inner {d.key}", '
                f'{_reads(d.inner)} AS "read {d.key}" FROM ({rows}) WHERE unit IS NOT NULL '
                "GROUP BY morning, account_id, unit"
            )
            last = d.outer
        answers = (
            f"SELECT morning, account_id, CAST({last.sql} AS DOUBLE) AS value, "
            f"{_reads(last)} AS read FROM ({rows}) GROUP BY morning, account_id"
        )
        absent = "NULL" if d.absent is None else float(d.absent)
        value = f"CAST(CASE WHEN p.read THEN p.value ELSE {absent} END AS DOUBLE)"
        return self._by_observation(value, answers, ago).where(self._there(d, past, ago))

    def _there(self, d: Aggregate, past: str, ago: int) -> pd.Series:
        """Whether any account has a row in each window that the definition reads."""
        ages = self.ages(past)
        there = {
            morning: all(
                any(w.newest < age and (w.oldest is None or age <= w.oldest) for age in found)
                for w in d.windows
            )
            for morning, found in ages.items()
        }
        mornings = (self.asked["as_of"] - pd.Timedelta(ago, "D")).dt.date
        return mornings.map(lambda morning: there.get(morning, False)).astype(bool)

    def _ages(self, past: str) -> dict[date, set[int]]:
        """The ages of the rows of any account, on each morning."""
        ages: dict[date, set[int]] = {}
        for morning, age in self.con.execute(
            f"SELECT DISTINCT morning, age FROM {past}"
        ).fetchall():
            ages.setdefault(morning, set()).add(age)
        return ages

    def _supplied(self, table: str) -> set[str]:
        """The columns of a table that features may use of what was supplied; none without it."""
        if table not in UNIT:
            given = self.columns.get(table, set())
            return given if "recorded_at" in given else given - OVERWRITTEN.get(table, set())
        usage = self.columns.get("usage", set())
        if not usage or (table == "user_days" and "user_id" not in usage):
            return set()
        lost = {column for column, source in FROM_USAGE.items() if source not in usage}
        return {"events", "day", "feature", "is_key", "key_features", *FROM_USAGE} - lost

    def _formula(self, d: Derived, ago: int) -> pd.Series:
        names, columns = {}, {}
        for number, (used, back) in enumerate(references(d)):
            name = used if isinstance(used, str) else used.name
            names[name, back] = f"c{number}"
            if isinstance(used, str):
                there = used in self.asked
                columns[f"c{number}"] = self.asked[used] if there else float("nan")
            else:
                columns[f"c{number}"] = self.answer(used, ago + back)
        self.con.register("used", pd.DataFrame({"number": range(len(self.asked)), **columns}))
        sql = over_columns(d.formula.text, d.name, names).sql
        found = self.con.execute(f"SELECT CAST({sql} AS DOUBLE) FROM used ORDER BY number")
        return pd.Series([row[0] for row in found.fetchall()], dtype=float)

    def _rank(self, d: Relative) -> pd.Series:
        values = self._formula(d, 0)
        if d.to not in self.asked:
            return values * float("nan")
        groups = [self.asked["as_of"], self.asked[d.to]]
        peers = values.groupby(groups).transform("count")
        below = values.groupby(groups).rank(method="min") - 1
        return (below / (peers - 1)).where(peers >= d.min_peers)

    def _past(self, table: str, ago: int) -> str:
        """Create the past of every account in a table on every morning, and say its name."""
        name = f"past_{table}_{ago}"
        mornings = f"(SELECT DISTINCT as_of - {ago} AS morning FROM asked)"
        if table == "renewals":
            rows = "SELECT *, as_of AS morning, due_date AS occurred FROM renewals"
        elif table in UNIT:
            rows = self._days(table, ago)
        else:
            told = TOLD_BY.get(table, {}).items()
            late = ", ".join(f"CASE WHEN {at} < morning THEN {c} END AS {c}" for c, at in told)
            rows = (
                f"SELECT *{f' REPLACE ({late})' if late else ''} FROM ({self._facts(table)}) "
                f"JOIN {mornings} ON occurred < morning AND known < morning "
                "AND (replaced IS NULL OR replaced >= morning)"
            )
        age = "date_diff('day', CAST(occurred AS DATE), morning)"
        self.con.execute(f"CREATE TABLE {name} AS SELECT *, {age} AS age FROM ({rows})")
        return name

    def _facts(self, table: str) -> str:
        """SQL of a table's rows with when they occurred, were known and were replaced."""
        happened = f"CAST({HAPPENED[table]} AS TIMESTAMP)"
        key, written = KEY[table], f"coalesce(recorded_at, {LONG_AGO})"
        facts = (
            f"SELECT *, {happened} AS occurred, {written} AS written, "
            f"greatest({happened}, recorded_at) AS known FROM {table}"
        )
        newer = f"n.{key} = f.{key} AND n.written > f.written"
        replaced = f"(SELECT min(n.known) FROM ({facts}) n WHERE {newer})"
        return f"SELECT f.*, {replaced} AS replaced FROM ({facts}) f"

    def _days(self, table: str, ago: int) -> str:
        """SQL of a rollup: what was known of each day of an account, and of each unit."""
        unit = f", {UNIT[table]}" if UNIT[table] else ""
        only = "WHERE user_id IS NOT NULL" if table == "user_days" else ""
        days = (
            f"SELECT morning, account_id{unit}, CAST(occurred AS DATE) AS day, day AS occurred, "
            "sum(coalesce(count, 1)) AS events, sum(minutes) AS minutes, "
            "max(department) AS department, count(DISTINCT user_id) AS users "
            f"FROM {self.past('usage', ago)} {only} GROUP BY morning, account_id{unit}, day"
        )
        return self._with_catalogue(days) if table == "feature_days" else days

    def _with_catalogue(self, days: str) -> str:
        """SQL of days of features, with the catalogue as it stood when they were last changed."""
        self.con.execute(
            "CREATE OR REPLACE TABLE visible AS SELECT account_id, feature, "
            "CAST(occurred AS DATE) AS day, CAST(known AS DATE) AS known, "
            f"CAST(replaced AS DATE) AS gone FROM ({self._facts('usage')}) "
            "WHERE replaced IS NULL OR CAST(known AS DATE) < CAST(replaced AS DATE)"
        )
        told = (
            "SELECT greatest(max(known) FILTER (WHERE known < d.morning), "
            "max(gone) FILTER (WHERE gone < d.morning)) FROM visible v "
            "WHERE v.account_id = d.account_id AND v.feature = d.feature AND v.day = d.day"
        )
        days = f"SELECT *, ({told}) AS told FROM ({days}) d"
        if "product_features" not in self.columns:
            keys = "SELECT count(DISTINCT feature) FROM visible v WHERE v.known <= d.told"
            return f"SELECT *, TRUE AS is_key, ({keys}) AS key_features FROM ({days}) d"
        named = "is_key" in self.columns["product_features"]
        newest = (
            f"SELECT feature, arg_max({'coalesce(is_key, FALSE)' if named else 'TRUE'}, "
            f"coalesce(recorded_at, {LONG_AGO})) AS is_key FROM product_features "
            f"WHERE coalesce(CAST(recorded_at AS DATE), DATE '0001-01-01') <= d.told "
            "GROUP BY feature"
        )
        keys = f"SELECT count(*) FILTER (WHERE is_key) FROM ({newest})"
        is_key = f"coalesce((SELECT is_key FROM ({newest}) n WHERE n.feature = d.feature), FALSE)"
        return f"SELECT *, {is_key} AS is_key, ({keys}) AS key_features FROM ({days}) d"


def _reads(expression: Expression) -> str:
    condition = "" if expression.reads is None else f" FILTER (WHERE {expression.reads})"
    return f"count(*){condition} > 0"


def _handed(table: str, need: Need) -> str:
    """What an expression needs of a row, on its morning."""
    unit = f", {UNIT[table]}" if UNIT.get(table) else ""
    if need.kind == "newest":
        key = UNIT[table] or "day" if table in UNIT else KEY.get(table, "due_date")
        return f"row_number() OVER (PARTITION BY morning, account_id ORDER BY occurred, {key})"
    if need.kind == "gap":
        newer = f"lead(day) OVER (PARTITION BY morning, account_id{unit} ORDER BY day)"
        return f"date_diff('day', day, coalesce({newer}, morning))"
    if need.kind == "since":
        return f"date_diff('day', CAST({need.columns[0]} AS DATE), morning)"
    if need.kind == "hours":
        start, end = need.columns
        return f"(epoch({end}) - epoch({start})) / 3600"
    assert need.kind == "value"
    return need.columns[0]
