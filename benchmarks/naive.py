"""The naive way: raw events joined to the observations they are past of, in one query.

The rival of `features.feature.build`, and the same work: every default feature of the families
frequency, breadth and depth but `seat_utilisation`, which needs the contracts, with equal values.
It knows no versions (`recorded_at`), no `count`, and reads the events of the last 182 days a
morning, the longest window, but for the day of the last use, which any morning before may hold.

`naive` says of the joined events what the definitions say of their rows: `count(DISTINCT user_id)
FILTER (WHERE age <= 28)`. `regrouped` is the same join at its best: what joined is first counted by
person, feature and day, and distinct people, features and days are then groups.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date
from pathlib import Path

import duckdb

from features import parts
from features.publication import write_parquet

LONGEST = 182
SUMS = [(0, 7), (0, 28), (0, 91), (28, 56), (91, 182)]
BLOCKS = [(28 * block, 28 * block + 28) for block in range(6)]
DAYS = sorted({*SUMS, *BLOCKS})
WEEKS = [(0, 28), (0, 91)]
USERS = [(0, 7), (0, 28), (0, 91), (28, 56)]
COVERED = sorted({*DAYS, (28, 91), (28, LONGEST)})
SOMEONES = "CASE WHEN user_id IS NOT NULL THEN department END"


def naive(
    con: duckdb.DuckDBPyConnection,
    tables: Path,
    observations: Path,
    out: Path,
    mornings: Sequence[date],
    *,
    regrouped: bool = False,
) -> None:
    """Write the usage features of the observations of some mornings, sorted like the engine's."""
    usage, catalogue = parts.source(tables / "usage"), tables / "product_features.parquet"
    days = ", ".join(f"DATE '{morning}'" for morning in mornings)
    sql = f"""
WITH seen AS (
    SELECT row_number() OVER () AS asking, account_id, CAST(as_of AS DATE) AS as_of,
        days_observed, industry
    FROM read_parquet('{observations}') WHERE CAST(as_of AS DATE) IN ({days})
), joined AS (
    SELECT asking, date_diff('day', CAST(occurred_at AS DATE), as_of) AS age, u.feature, user_id,
        department, minutes
    FROM {usage} u JOIN seen USING (account_id)
    WHERE occurred_at < as_of AND occurred_at >= as_of - {LONGEST}
), catalogue AS (
    FROM read_parquet('{catalogue}')
), {_REGROUPED if regrouped else _PLAIN}, {_by_units(regrouped)}, last AS (
    SELECT asking, min(date_diff('day', day, as_of)) AS since
    FROM seen JOIN (SELECT DISTINCT account_id, CAST(occurred_at AS DATE) AS day FROM {usage})
        USING (account_id)
    WHERE day < as_of GROUP BY asking
), cover AS (
    SELECT as_of, {", ".join(f"bool_or({_within(w)}) AS there_{w[0]}_{w[1]}" for w in COVERED)}
    FROM (SELECT as_of, date_diff('day', day, as_of) AS age
        FROM (SELECT DISTINCT as_of FROM seen),
            (SELECT DISTINCT CAST(occurred_at AS DATE) AS day FROM {usage}) WHERE day < as_of)
    GROUP BY as_of
), answered AS (
    SELECT account_id, seen.as_of, days_observed, industry, {_measures()}
    FROM seen LEFT JOIN days USING (asking) LEFT JOIN gaps USING (asking)
        LEFT JOIN people USING (asking) LEFT JOIN departments USING (asking)
        LEFT JOIN product USING (asking) LEFT JOIN last USING (asking)
        LEFT JOIN cover ON cover.as_of = seen.as_of,
        (SELECT count(*) AS keys FROM catalogue WHERE is_key)
)
SELECT account_id, CAST(as_of AS TIMESTAMP) AS as_of, {_outputs()} FROM answered"""
    write_parquet(con, sql, out, ["as_of", "account_id"])


def _within(window: tuple[int, int]) -> str:
    return f"age > {window[0]} AND age <= {window[1]}"


def _each(value: str, name: str, windows: Iterable[tuple[int, int]]) -> str:
    """SQL of an aggregate over some windows, a column each."""
    return ", ".join(
        f"{value} FILTER (WHERE {_within(window)}) AS {name}_{window[0]}_{window[1]}"
        for window in windows
    )


_PLAIN = f"""past AS MATERIALIZED (
    SELECT *, 1 AS events FROM joined LEFT JOIN catalogue USING (feature)
), by_day AS (
    SELECT DISTINCT asking, age FROM past
), days AS (
    SELECT asking,
        {_each("count(*)", "events", SUMS)},
        {_each("sum(minutes)", "minutes", SUMS)},
        {_each("count(DISTINCT age)", "days", DAYS)},
        {_each("count(DISTINCT (age - 1) // 7)", "weeks", WEEKS)},
        {_each("count(DISTINCT user_id)", "users", USERS)},
        {_each(f"count(DISTINCT {SOMEONES})", "departments", WEEKS)},
        {_each("count(DISTINCT feature)", "used", WEEKS)},
        {_each("count(DISTINCT CASE WHEN is_key THEN feature END)", "keys", WEEKS)}
    FROM past GROUP BY asking
)"""

_REGROUPED = f"""past AS MATERIALIZED (
    SELECT asking, age, feature, user_id, department, count(*) AS events, sum(minutes) AS minutes
    FROM joined GROUP BY ALL
), by_day AS (
    SELECT asking, age, sum(events) AS events, sum(minutes) AS minutes FROM past GROUP BY ALL
), days AS (
    SELECT asking,
        {_each("sum(events)", "events", SUMS)},
        {_each("sum(minutes)", "minutes", SUMS)},
        {_each("count(*)", "days", DAYS)},
        {_each("count(DISTINCT (age - 1) // 7)", "weeks", WEEKS)}
    FROM by_day GROUP BY asking
)"""


def _by_units(regrouped: bool) -> str:
    """SQL of what needs the days, people, departments and features of an account one by one."""
    reached = {name: "" for name in ("users", "departments", "used", "keys")}
    if regrouped:
        for name, windows in (("users", WEEKS), ("departments", WEEKS), ("used", WEEKS)):
            reached[name] = "".join(
                f"count(*) FILTER (WHERE newest <= {oldest}) AS {name}_0_{oldest}, "
                for _, oldest in windows
            )
        reached["users"] += (
            "count(*) FILTER (WHERE newest <= 7) AS users_0_7, "
            "count(*) FILTER (WHERE before) AS users_28_56, "
        )
        reached["keys"] = (
            "count(*) FILTER (WHERE is_key AND newest <= 28) AS keys_0_28, "
            "count(*) FILTER (WHERE is_key AND newest <= 91) AS keys_0_91, "
        )
    return f"""gaps AS (
    SELECT asking, max(gap) AS gap, max(age) AS first_age FROM (
        SELECT asking, age,
            age - coalesce(lead(age) OVER (PARTITION BY asking ORDER BY age DESC), 0) AS gap
        FROM by_day WHERE age <= 91)
    GROUP BY asking
), people AS (
    SELECT asking, {reached["users"]}
        count(*) FILTER (WHERE oldest <= 28) AS new_users,
        count(*) FILTER (WHERE newest > 28 AND newest <= 91) AS lost_users,
        max(events) / nullif(sum(events), 0) AS busiest
    FROM (SELECT asking, user_id, min(age) AS newest, max(age) AS oldest,
            bool_or({_within((28, 56))}) AS before, sum(events) FILTER (WHERE age <= 28) AS events
        FROM past WHERE user_id IS NOT NULL GROUP BY ALL)
    GROUP BY asking
), departments AS (
    SELECT asking, {reached["departments"]}
        count(*) FILTER (WHERE oldest <= 91) AS new_departments,
        count(*) FILTER (WHERE newest > 91) AS lost_departments
    FROM (SELECT asking, department, min(age) AS newest, max(age) AS oldest
        FROM past WHERE user_id IS NOT NULL AND department IS NOT NULL GROUP BY ALL)
    GROUP BY asking
), product AS (
    SELECT asking, {reached["used"]} {reached["keys"]}
        count(*) FILTER (WHERE oldest <= 28) AS adopted,
        count(*) FILTER (WHERE newest > 28 AND newest <= 91) AS dropped,
        1 - sum(events * events) / nullif(sum(events), 0) / nullif(sum(events), 0) AS evenness
    FROM (SELECT asking, feature, min(age) AS newest, max(age) AS oldest,
            CAST(sum(events) FILTER (WHERE age <= 28) AS DOUBLE) AS events
        FROM past GROUP BY ALL)
    LEFT JOIN catalogue USING (feature)
    GROUP BY asking
)"""


def _measures() -> str:
    """SQL of what the joined answers say: absent is 0, and without anyone's use it is missing."""
    needed = {f"{name}_{a}_{b}": [(a, b)] for a, b in SUMS for name in ("events", "minutes")}
    needed |= {f"days_{a}_{b}": [(a, b)] for a, b in DAYS}
    needed |= {f"users_{a}_{b}": [(a, b)] for a, b in USERS}
    for name in ("weeks", "departments", "used", "keys"):
        needed |= {f"{name}_{a}_{b}": [(a, b)] for a, b in WEEKS}
    needed["new_users"] = needed["adopted"] = [(0, 28), (28, LONGEST)]
    needed["lost_users"] = needed["dropped"] = [(0, 28), (28, 91)]
    needed["new_departments"] = needed["lost_departments"] = [(0, 91), (91, LONGEST)]
    listed = [
        f"CASE WHEN {' AND '.join(f'there_{a}_{b}' for a, b in windows)} "
        f"THEN CAST(coalesce({name}, 0) AS DOUBLE) END AS {name}"
        for name, windows in needed.items()
    ]
    listed += [
        "CASE WHEN there_0_28 THEN busiest END AS busiest",
        "CASE WHEN there_0_28 THEN evenness END AS evenness",
        "CASE WHEN there_0_28 THEN coalesce(keys_0_28, 0) / keys END AS key_share",
        "CASE WHEN there_0_91 THEN greatest(coalesce(gap, 0), "
        "least(91, days_observed) - coalesce(first_age, 0)) END AS longest_gap",
        "since",
    ]
    return ",\n        ".join(listed)


def _outputs() -> str:
    """SQL of the features, under the names of the engine."""
    said = {
        f"{name}_{days}d": f"{source}_0_{days}"
        for name, source, windows in (
            ("events", "events", (7, 28, 91)), ("minutes", "minutes", (7, 28, 91)),
            ("active_days", "days", (7, 28, 91)), ("active_weeks", "weeks", (28, 91)),
            ("active_users", "users", (7, 28, 91)), ("active_departments", "departments", (28, 91)),
            ("features_used", "used", (28, 91)), ("key_features_used", "keys", (28, 91)),
        )
        for days in windows
    }  # fmt: skip
    said |= {f"active_days_in_{n}": f"days_{a}_{b}" for n, (a, b) in enumerate(BLOCKS, start=1)}
    for name, measure, now, then in (
        ("events_trend_28d", "events", (0, 28), (28, 56)),
        ("events_trend_91d", "events", (0, 91), (91, LONGEST)),
        ("active_days_trend_28d", "days", (0, 28), (28, 56)),
        ("minutes_trend_28d", "minutes", (0, 28), (28, 56)),
        ("active_users_trend_28d", "users", (0, 28), (28, 56)),
    ):
        ratio = f"{measure}_{now[0]}_{now[1]} / nullif({measure}_{then[0]}_{then[1]}, 0)"
        said[name] = f"CASE WHEN days_observed >= {then[1]} THEN {ratio} END"
    blocks = [f"days_{a}_{b}" for a, b in BLOCKS]
    total = " + ".join(blocks)
    below = " + ".join(f"CASE WHEN 12 * {block} < {total} THEN 1 ELSE 0 END" for block in blocks)
    lived = f"days_observed >= {BLOCKS[-1][1]} AND {total} > 0"
    said |= {
        "days_since_use": "since", "longest_gap_91d": "longest_gap",
        "months_below_own_half": f"CASE WHEN {lived} THEN {below} END",
        "new_users_28d": "new_users", "lost_users_28d": "lost_users",
        "new_departments_91d": "new_departments", "lost_departments_91d": "lost_departments",
        "busiest_user_share_28d": "busiest",
        "active_users_28d_in_industry":
            "CASE WHEN users_0_28 IS NOT NULL AND count(*) OVER (PARTITION BY as_of, industry) "
            ">= 20 THEN percent_rank() OVER (PARTITION BY as_of, industry ORDER BY users_0_28) END",
        "key_feature_share_28d": "key_share", "feature_evenness_28d": "evenness",
        "adopted_features_28d": "adopted", "dropped_features_28d": "dropped",
        "events_per_user_28d": "events_0_28 / nullif(users_0_28, 0)",
        "events_per_active_day_28d": "events_0_28 / nullif(days_0_28, 0)",
    }  # fmt: skip
    return ",\n    ".join(f"CAST({sql} AS DOUBLE) AS {name}" for name, sql in said.items())
