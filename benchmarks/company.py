"""The small tables of a generated company, and who is asked about: everything but the events.

All accounts are customers of the whole time on yearly contracts. About four tickets, two answers
and six touchpoints an account and two years. Each query reads `account` (a, people) of the
generator's connection; `{first}` and `{until}` are the days of the data.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

ACCOUNT = "printf('acc_%06d', a)"
SINCE = "(DATE '{first}' - CAST(30 + hash(a, 'since') % 1000 AS INTEGER))"
SPAN = "date_diff('second', TIMESTAMP '{first}', TIMESTAMP '{until}')"
INDUSTRY = "printf('industry_%d', CAST(hash(a, 'industry') % 8 AS INTEGER))"
SEGMENT = "CASE WHEN people < 8 THEN 'small' WHEN people < 60 THEN 'medium' ELSE 'large' END"
COUNTRY = "printf('country_%d', CAST(hash(a, 'country') % 12 AS INTEGER))"
SEATS = "CAST(people + hash(a, 'seats') % 10 AS BIGINT)"


def _moments(name: str, most: int) -> str:
    """SQL of up to `most` moments an account within the data, with a number n and a hash h each."""
    return (
        f"(SELECT *, TIMESTAMP '{{first}}' + to_seconds(CAST(h % {SPAN} AS INTEGER)) AS moment "
        f"FROM (SELECT *, hash(a, n, '{name}') AS h FROM (SELECT a, people, "
        f"unnest(range(CAST(hash(a, '{name}') % {most + 1} AS BIGINT))) AS n FROM account)))"
    )


def _after(condition: str, hours: str) -> str:
    """SQL of a moment some hours after another, if the data still hold it."""
    told = f"moment + to_hours(CAST({hours} AS INTEGER))"
    return f"CASE WHEN {condition} AND {told} < TIMESTAMP '{{until}}' THEN {told} END"


ANSWERED, RESOLVED = "1 + (h >> 8) % 60", "61 + (h >> 16) % 400"

SMALL = {
    "accounts": (
        f"SELECT {ACCOUNT} AS account_id, CAST({SINCE} AS TIMESTAMP) AS created_at, "
        f"{SEGMENT} AS segment, {INDUSTRY} AS industry, {COUNTRY} AS country FROM account"
    ),
    "subscriptions": (
        f"SELECT printf('%s.%d', {ACCOUNT}, year) AS subscription_id, {ACCOUNT} AS account_id, "
        "CAST(begun AS DATE) AS start_date, CAST(ending AS DATE) AS term_end, "
        "CASE WHEN ending < DATE '{until}' THEN CAST(ending AS DATE) END AS ended_at, "
        f"CAST(240 * ({SEATS} + year) AS DOUBLE) AS arr, CAST(begun AS DATE) - 20 AS booked_at, "
        f"'core' AS product, {SEATS} + year AS seats, "
        "CAST(hash(a, 'discount') % 4 AS DOUBLE) / 20 AS discount "
        f"FROM (SELECT *, {SINCE} + to_years(CAST(year AS INTEGER)) AS begun, "
        f"{SINCE} + to_years(CAST(year + 1 AS INTEGER)) AS ending "
        "FROM account, range(30) years(year)) WHERE begun < DATE '{until}'"
    ),
    "tickets": (
        f"SELECT printf('%s.%d', {ACCOUNT}, n) AS ticket_id, {ACCOUNT} AS account_id, "
        f"moment AS opened_at, {_after('TRUE', ANSWERED)} AS first_response_at, "
        f"{_after('h % 20 > 0', RESOLVED)} AS resolved_at, "
        "['low', 'normal', 'high', 'urgent'][CAST(1 + (h >> 24) % 4 AS INTEGER)] AS priority, "
        "(h >> 26) % 15 = 0 AS is_incident, "
        f"{_after('(h >> 32) % 10 = 0', f'{RESOLVED} + 50')} AS reopened_at, "
        f"CASE WHEN h % 60 > 30 THEN CAST(1 + (h >> 40) % 5 AS DOUBLE) END AS csat "
        f"FROM {_moments('ticket', 8)}"
    ),
    "nps": (
        f"SELECT printf('%s.%d', {ACCOUNT}, n) AS response_id, {ACCOUNT} AS account_id, "
        f"moment AS occurred_at, CAST((h >> 8) % 11 AS BIGINT) AS score FROM {_moments('nps', 4)}"
    ),
    "touchpoints": (
        f"SELECT printf('%s.%d', {ACCOUNT}, n) AS touchpoint_id, {ACCOUNT} AS account_id, "
        "moment AS occurred_at, CASE WHEN h % 2 = 0 THEN 'call' ELSE 'review' END AS kind, "
        "CASE WHEN (h >> 8) % 3 > 0 THEN CAST(moment AS DATE) - CAST((h >> 10) % 15 AS INTEGER) "
        f"END AS planned_for FROM {_moments('touchpoint', 12)}"
    ),
    "product_features": (
        "SELECT printf('feature_%02d', range) AS feature, range % 10 < 3 AS is_key FROM range(40)"
    ),
}  # fmt: skip
"""The SELECT of each small table."""


def _mornings(first: str, mornings: Sequence[date]) -> str:
    listed = ", ".join(f"(DATE '{morning}')" for morning in mornings)
    since = SINCE.format(first=first)
    return (
        f"(SELECT *, {since} AS since, date_diff('year', {since}, as_of) AS years "
        f"FROM account, (VALUES {listed}) m(as_of))"
    )


def seen_on(first: str, mornings: Sequence[date]) -> str:
    """SQL of the observations: every account on every morning, with what is known of it."""
    due = "(CASE WHEN again >= as_of THEN again ELSE again + to_years(1) END)"
    return (
        f"SELECT {ACCOUNT} AS account_id, CAST(as_of AS TIMESTAMP) AS as_of, "
        f"CAST({due} AS TIMESTAMP) AS due_date, "
        f"date_diff('day', as_of, CAST({due} AS DATE)) AS days_to_due, FALSE AS month_to_month, "
        f"CAST(240 * ({SEATS} + years) AS DOUBLE) AS arr_due, "
        f"CAST(240 * ({SEATS} + years) AS DOUBLE) AS arr, CAST(NULL AS VARCHAR) AS decided, "
        "date_diff('day', since, as_of) AS tenure_days, "
        f"date_diff('day', DATE '{first}', as_of) AS days_observed, {SEGMENT} AS segment, "
        f"{INDUSTRY} AS industry, {COUNTRY} AS country "
        f"FROM (SELECT *, since + to_years(CAST(years AS INTEGER)) AS again "
        f"FROM {_mornings(first, mornings)})"
    )


def past_renewals(first: str, mornings: Sequence[date]) -> str:
    """SQL of the renewals settled on each morning: every year, a quarter of them expanded."""
    amount = f"CAST(240 * ({SEATS} + year) AS DOUBLE)"
    return (
        f"SELECT CAST(as_of AS TIMESTAMP) AS as_of, {ACCOUNT} AS account_id, "
        f"CAST(due AS TIMESTAMP) AS due_date, {amount} - 240 AS arr_due, FALSE AS month_to_month, "
        "FALSE AS early, CASE WHEN hash(a, year) % 4 = 0 THEN 'expanded' ELSE 'renewed' END "
        f"AS status, {amount} AS arr_kept, {amount} - 240 AS arr_renewed "
        "FROM (SELECT *, since + to_years(CAST(year AS INTEGER)) AS due "
        f"FROM {_mornings(first, mornings)}, range(1, 30) y(year)) WHERE due < as_of - 60"
    )
