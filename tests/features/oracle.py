"""Every default feature again, slow and obvious: one observation at a time, in plain Python.

`features` reads the raw tables as lists of rows (dicts, None for missing) and knows nothing of the
engine: no SQL, no rollups, no shared code. What it says is what a feature means.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from datetime import date, datetime, time, timedelta
from functools import cached_property, partial
from statistics import fmean

import pandas as pd

Row = dict[str, object]

OCCURRED = {
    "usage": ("occurred_at",),
    "tickets": ("opened_at",),
    "nps": ("occurred_at",),
    "touchpoints": ("occurred_at",),
    "subscriptions": ("booked_at", "start_date"),
}
KEYS = {
    "usage": "event_id",
    "tickets": "ticket_id",
    "nps": "response_id",
    "touchpoints": "touchpoint_id",
    "subscriptions": "subscription_id",
}
WRITTEN_LATER: dict[str, dict[str, Callable[[Row], object]]] = {
    "tickets": {
        "first_response_at": lambda row: row.get("first_response_at"),
        "resolved_at": lambda row: row.get("resolved_at"),
        "reopened_at": lambda row: row.get("reopened_at"),
        "csat": lambda row: row.get("csat_at") or row.get("resolved_at"),
        "csat_at": lambda row: row.get("csat_at"),
    },
    "subscriptions": {
        "notice_at": lambda row: row.get("notice_at"),
        "ended_at": lambda row: min(
            (day for day in (row.get("notice_at"), row.get("ended_at")) if day), default=None
        ),
    },
}
URGENT = {"urgent", "critical", "p1"}


class NotKnown(LookupError):
    """A table or column was not supplied, or a window has no row from any account."""


def instant(moment) -> datetime:
    """A date as its midnight."""
    return moment if isinstance(moment, datetime) else datetime.combine(moment, time())


@dataclass(repr=False)
class World:
    """What a company supplied: its tables, and the renewals known on each morning."""

    tables: dict[str, list[Row]]
    columns: dict[str, list[str]]
    past_renewals: list[Row] = field(default_factory=list)
    seen: dict[tuple[str, date], list[Row]] = field(default_factory=dict)

    def __repr__(self) -> str:
        return f"World({', '.join(f'{len(rows)} {name}' for name, rows in self.tables.items())})"

    @cached_property
    def facts(self) -> dict[str, list[tuple[Row, datetime, datetime, datetime | None]]]:
        """Rows with the moments they occurred, were known and were replaced."""
        return {name: list(_facts(name, self.tables[name])) for name in KEYS if name in self.tables}

    def past(self, table: str, as_of: date) -> list[Row]:
        """The rows of all accounts as known on a morning, with `age`."""
        if (table, as_of) not in self.seen:
            rows = self._people(as_of) if table == "people" else self._past(table, as_of)
            self.seen[table, as_of] = rows
        return self.seen[table, as_of]

    def _past(self, table: str, as_of: date) -> list[Row]:
        morning, rows = instant(as_of), []
        for row, occurred, known, replaced in self.facts.get(table, []):
            if occurred < morning and known < morning and (not replaced or replaced >= morning):
                then = dict(row)
                for column, moment in WRITTEN_LATER.get(table, {}).items():
                    written = moment(row)
                    if column in then and (written is None or instant(written) >= morning):
                        then[column] = None
                then["age"] = (as_of - occurred.date()).days
                then["occurred"] = occurred
                rows.append(then)
        return rows

    def _people(self, as_of: date) -> list[Row]:
        """What people did. Of two departments of one person on one day, the last by name counts."""
        rows = [dict(row) for row in self.past("usage", as_of) if row["user_id"] is not None]
        departments: dict[tuple, str | None] = {}
        for row in rows:
            day = row["account_id"], row["user_id"], row["age"]
            departments[day] = max(departments.get(day) or "", row.get("department") or "") or None
        for row in rows:
            row["department"] = departments[row["account_id"], row["user_id"], row["age"]]
        return rows

    def supplied(self, table: str) -> set[str]:
        """The columns supplied of a table; of `people` there are none without user ids."""
        if table == "people":
            usage = self.supplied("usage")
            return usage if "user_id" in usage else set()
        return set(self.columns.get(table, []))


def _facts(table: str, rows: list[Row]) -> Iterable[tuple]:
    def occurred(row):
        return next(instant(row[name]) for name in OCCURRED[table] if row.get(name))

    def known(row):
        return max(occurred(row), row.get("recorded_at") or occurred(row))

    key = KEYS[table]
    for row in rows:
        newer = [
            known(other)
            for other in rows
            if row.get(key) is not None
            and other.get(key) == row.get(key)
            and (other.get("recorded_at") or datetime.min)
            > (row.get("recorded_at") or datetime.min)
        ]
        yield row, occurred(row), known(row), min(newer, default=None)


@dataclass
class Account:
    """One account asked about on one morning."""

    world: World
    account_id: str
    as_of: date
    observation: Row
    observations: list[Row]

    def all_rows(self, table: str, *columns: str) -> list[Row]:
        """The past of every account, if the table and columns were supplied."""
        if table == "renewals":
            return [
                {**row, "age": (self.as_of - row["due_date"]).days}
                for row in self.world.past_renewals
                if row["as_of"] == self.as_of
            ]
        supplied = self.world.supplied(table)
        if not supplied or not supplied.issuperset(columns):
            raise NotKnown(table, columns)
        return self.world.past(table, self.as_of)

    def rows(self, table: str, *columns: str) -> list[Row]:
        """The account's past in a table, unless no account has any."""
        return self.window(table, 0, 100_000, *columns)

    def window(self, table: str, newest: int, oldest: int, *columns: str) -> list[Row]:
        """The account's past with `newest` < age <= `oldest`, unless no account has any there."""
        everyone = [r for r in self.all_rows(table, *columns) if newest < r["age"] <= oldest]
        if not everyone:
            raise NotKnown(table, newest, oldest)
        return [row for row in everyone if row["account_id"] == self.account_id]

    @property
    def is_customer(self) -> bool:
        """Whether a row that is paid for was in force."""
        return any(row["arr"] is None or row["arr"] > 0 for row in self.in_force(0))

    def earlier(self, days: int) -> Account:
        """The same account, asked `days` before with what was known then."""
        return replace(self, as_of=self.as_of - timedelta(days))

    def peers(self) -> list[Account]:
        """The customers of the same industry on the same morning, itself included."""
        return [
            replace(self, account_id=other["account_id"], observation=other)
            for other in self.observations
            if other["as_of"] == self.as_of
            and other["industry"] == self.observation["industry"] is not None
        ]

    def in_force(self, days_ago: int, *columns: str) -> list[Row]:
        """Subscription rows in force at the end of the day before, so many days ago."""
        day = self.as_of - timedelta(days_ago + 1)
        return [
            row
            for row in self.rows("subscriptions", *columns)
            if row["start_date"] <= day and (row["ended_at"] is None or row["ended_at"] > day)
        ]


FEATURES: dict[str, Callable[[Account], float | None]] = {}


def defines(*names: str):
    """Register a function as the meaning of features; windows in the names are passed to it."""

    def register(function):
        for name in names:
            takes_days = function.__code__.co_argcount == 2
            days = {"days": int(name.rsplit("_", 1)[1].strip("d"))} if takes_days else {}
            FEATURES[name] = partial(function, **days)
        return function

    return register


def ratio(above, below):
    """A quotient that is missing if either side is, or if the lower is zero."""
    return None if above is None or not below else above / below


def mean(values):
    """A mean over what is there; missing if nothing is."""
    there = [value for value in values if value is not None]
    return fmean(there) if there else None


def total(values):
    """A sum over what is there; missing if nothing is."""
    there = [value for value in values if value is not None]
    return sum(there) if there else None


def same_before(account: Account, name: str, days: int):
    """A feature against itself `days` before, once the account was observed for both windows."""
    before = account.earlier(days)
    if account.observation["days_observed"] < 2 * days or not before.is_customer:
        return None
    return ratio(value(account, name), value(before, name))


def value(account: Account, name: str):
    """One feature of one account, None where missing."""
    try:
        return FEATURES[name](account)
    except NotKnown:
        return None


# frequency


@defines("events_7d", "events_28d", "events_91d")
def events(a, days):
    return sum(count_of(row) for row in a.window("usage", 0, days))


def count_of(row):
    return 1 if row.get("count") is None else row["count"]


@defines("minutes_7d", "minutes_28d", "minutes_91d")
def minutes(a, days):
    rows = a.window("usage", 0, days, "minutes")
    return total(row["minutes"] for row in rows) if rows else 0


@defines("active_days_7d", "active_days_28d", "active_days_91d")
def active_days(a, days):
    return len({row["age"] for row in a.window("usage", 0, days)})


@defines("active_weeks_28d", "active_weeks_91d")
def active_weeks(a, days):
    return len({(row["age"] - 1) // 7 for row in a.window("usage", 0, days)})


@defines("days_since_use")
def days_since_use(a):
    return min((row["age"] for row in a.rows("usage")), default=None)


@defines("longest_gap_91d")
def longest_gap(a, days):
    ages = sorted({row["age"] for row in a.rows("usage")})
    if not ages:
        return None
    used_or_edge = [0] + [age for age in ages if age < days] + [days] * (ages[-1] >= days)
    return max(b - c for c, b in zip(used_or_edge, used_or_edge[1:], strict=False))


for block in range(1, 7):

    @defines(f"active_days_in_{block}")
    def active_days_in(a, days):
        return len({row["age"] for row in a.window("usage", 28 * days - 28, 28 * days)})


@defines("events_trend_28d", "events_trend_91d")
def events_trend(a, days):
    return same_before(a, f"events_{days}d", days)


@defines("active_days_trend_28d")
def active_days_trend(a, days):
    return same_before(a, f"active_days_{days}d", days)


@defines("minutes_trend_28d")
def minutes_trend(a, days):
    return same_before(a, f"minutes_{days}d", days)


@defines("months_below_own_half")
def months_below_own_half(a):
    blocks = [value(a, f"active_days_in_{block}") for block in range(1, 7)]
    if None in blocks or not any(blocks) or a.observation["days_observed"] < 168:
        return None
    return sum(block < fmean(blocks) / 2 for block in blocks)


# breadth


def seen(a, table, column, recent, memory):
    """The ages at which each person (department, feature) used the product, within the memory.

    Who is new or lost can be told only if there are rows, from anyone, on both sides of `recent`.
    """
    ages: dict[str, list[int]] = {}
    for row in a.window(table, 0, recent, column) + a.window(table, recent, memory, column):
        if row[column] is not None:
            ages.setdefault(row[column], []).append(row["age"])
    return ages.values()


@defines("active_users_7d", "active_users_28d", "active_users_91d")
def active_users(a, days):
    return len({row["user_id"] for row in a.window("people", 0, days)})


@defines("seat_utilisation")
def seat_utilisation(a):
    return ratio(value(a, "active_users_28d"), value(a, "seats"))


@defines("active_users_trend_28d")
def active_users_trend(a, days):
    return same_before(a, f"active_users_{days}d", days)


@defines("active_departments_28d", "active_departments_91d")
def active_departments(a, days):
    return len({row["department"] for row in a.window("people", 0, days, "department")} - {None})


def first_seen_in(a, table, column, recent, memory):
    """How many were first seen, within the memory, in the recent days."""
    return sum(max(ages) <= recent for ages in seen(a, table, column, recent, memory))


def last_seen_before(a, table, column, recent, memory):
    """How many were seen, within the memory, but not in the recent days."""
    return sum(min(ages) > recent for ages in seen(a, table, column, recent, memory))


@defines("new_users_28d")
def new_users(a):
    return first_seen_in(a, "people", "user_id", 28, 182)


@defines("lost_users_28d")
def lost_users(a):
    return last_seen_before(a, "people", "user_id", 28, 91)


@defines("new_departments_91d")
def new_departments(a):
    return first_seen_in(a, "people", "department", 91, 182)


@defines("lost_departments_91d")
def lost_departments(a):
    return last_seen_before(a, "people", "department", 91, 182)


def shares(a, table, column):
    """The shares of the last 28 days' events by person or by feature."""
    by: Counter = Counter()
    for row in a.window(table, 0, 28):
        by[row[column]] += count_of(row)
    events = sum(by.values())
    return [count / events for count in by.values()] if events else []


@defines("busiest_user_share_28d")
def busiest_user_share(a):
    return max(shares(a, "people", "user_id"), default=None)


# depth


def key_features(world: World):
    """The catalogue's key features."""
    return {row["feature"] for row in world.tables["product_features"] if row["is_key"]}


def key_features_used_before(a):
    """How many features anyone had used, as known with the newest of the account's last 28 days."""

    def told(row, known, replaced):
        """The days on which something became known of an event, before the morning."""
        days = {known.date(), replaced.date()} if replaced else {known.date()}
        return {day for day in days if day < a.as_of} if len(days) > 1 or not replaced else set()

    facts = [
        (row, occurred.date(), known.date(), told(row, known, replaced))
        for row, occurred, known, replaced in a.world.facts["usage"]
    ]
    there = {(row["feature"], row["occurred"].date()) for row in a.window("usage", 0, 28)}
    newest = max(
        day
        for row, occurred, _, days in facts
        if row["account_id"] == a.account_id and (row["feature"], occurred) in there
        for day in days
    )
    return len({row["feature"] for row, _, known, days in facts if days and known <= newest})


@defines("features_used_28d", "features_used_91d")
def features_used(a, days):
    return len({row["feature"] for row in a.window("usage", 0, days)})


@defines("key_features_used_28d", "key_features_used_91d")
def key_features_used(a, days):
    used = {row["feature"] for row in a.window("usage", 0, days)}
    return len(used & key_features(a.world) if "product_features" in a.world.tables else used)


@defines("key_feature_share_28d")
def key_feature_share(a):
    used = key_features_used(a, 28)
    if used == 0:
        return 0
    catalogue = "product_features" in a.world.tables
    return used / (len(key_features(a.world)) if catalogue else key_features_used_before(a))


@defines("events_per_user_28d")
def events_per_user(a):
    return ratio(value(a, "events_28d"), value(a, "active_users_28d"))


@defines("events_per_active_day_28d")
def events_per_active_day(a):
    return ratio(value(a, "events_28d"), value(a, "active_days_28d"))


@defines("feature_evenness_28d")
def feature_evenness(a):
    used = shares(a, "usage", "feature")
    return 1 - sum(share**2 for share in used) if used else None


@defines("adopted_features_28d")
def adopted_features(a):
    return first_seen_in(a, "usage", "feature", 28, 182)


@defines("dropped_features_28d")
def dropped_features(a):
    return last_seen_before(a, "usage", "feature", 28, 91)


# support


def hours(start, end):
    """Hours between two instants; missing if the second is."""
    return None if end is None else (end - start).total_seconds() / 3600


def urgent(row):
    return (row["priority"] or "").lower() in URGENT


@defines("tickets_opened_28d", "tickets_opened_91d")
def tickets_opened(a, days):
    return len(a.window("tickets", 0, days))


@defines("open_tickets")
def open_tickets(a):
    return sum(row["resolved_at"] is None for row in a.rows("tickets", "resolved_at"))


@defines("oldest_open_ticket")
def oldest_open_ticket(a):
    rows = a.rows("tickets", "resolved_at")
    return max((row["age"] for row in rows if row["resolved_at"] is None), default=None)


@defines("urgent_tickets_91d")
def urgent_tickets(a):
    return sum(urgent(row) for row in a.window("tickets", 0, 91, "priority"))


@defines("open_urgent_tickets")
def open_urgent_tickets(a):
    rows = a.rows("tickets", "priority", "resolved_at")
    return sum(urgent(row) and row["resolved_at"] is None for row in rows)


@defines("oldest_open_urgent_ticket")
def oldest_open_urgent_ticket(a):
    rows = a.rows("tickets", "priority", "resolved_at")
    ages = [row["age"] for row in rows if urgent(row) and row["resolved_at"] is None]
    return max(ages, default=None)


@defines("incidents_91d")
def incidents(a):
    return sum(bool(row["is_incident"]) for row in a.window("tickets", 0, 91, "is_incident"))


@defines("first_response_hours_91d")
def first_response_hours(a):
    rows = a.window("tickets", 0, 91, "first_response_at")
    return mean(hours(row["opened_at"], row["first_response_at"]) for row in rows)


@defines("resolution_hours_91d")
def resolution_hours(a):
    rows = a.window("tickets", 0, 91, "resolved_at")
    return mean(hours(row["opened_at"], row["resolved_at"]) for row in rows)


@defines("within_sla_share_91d")
def within_sla_share(a):
    judged = []
    for row in a.window("tickets", 0, 91, "first_response_at"):
        taken = hours(row["opened_at"], row["first_response_at"])
        if taken is not None:
            judged.append(taken <= 24)
        elif row["age"] >= 2:
            judged.append(False)
    return mean(judged)


@defines("reopened_tickets_91d")
def reopened_tickets(a):
    rows = a.window("tickets", 0, 91, "reopened_at")
    return sum(row["reopened_at"] is not None for row in rows)


@defines("csat_91d")
def csat(a):
    return mean(row["csat"] for row in a.window("tickets", 0, 91, "csat"))


def newest(rows, column, key):
    """The value of the newest row that has one; of two at one instant the larger id."""
    there = [row for row in rows if row[column] is not None]
    return max(there, key=lambda row: (row["occurred"], row[key]))[column] if there else None


@defines("csat_last")
def csat_last(a):
    return newest(a.rows("tickets", "csat"), "csat", "ticket_id")


@defines("tickets_per_user_91d")
def tickets_per_user(a):
    return ratio(value(a, "tickets_opened_91d"), value(a, "active_users_91d"))


# sentiment


@defines("nps_last")
def nps_last(a):
    return newest(a.rows("nps", "score"), "score", "response_id")


@defines("nps_age")
def nps_age(a):
    return min((row["age"] for row in a.rows("nps")), default=None)


@defines("nps_answers_182d")
def nps_answers(a):
    return len(a.window("nps", 0, 182))


@defines("nps_detractors_182d")
def nps_detractors(a):
    return sum(row["score"] <= 6 for row in a.window("nps", 0, 182))


@defines("nps_mean_182d")
def nps_mean(a):
    return mean(row["score"] for row in a.window("nps", 0, 182))


@defines("nps_trend")
def nps_trend(a):
    rows = sorted(a.rows("nps"), key=lambda row: (row["occurred"], row["response_id"]))
    if len(rows) < 2:
        return None
    return rows[-1]["score"] - fmean(row["score"] for row in rows[:-1])


# commercial


for observed in ("arr", "tenure_days", "days_to_due", "month_to_month"):
    FEATURES[observed] = partial(lambda column, a: a.observation[column], observed)


@defines("seats")
def seats(a):
    return total(row["seats"] for row in a.in_force(0, "seats"))


@defines("products")
def products(a):
    return len({row["product"] for row in a.in_force(0, "product")} - {None}) or None


@defines("term_days")
def term_days(a):
    rows = [row for row in a.in_force(0) if row["term_end"]]
    return max(((row["term_end"] - row["start_date"]).days for row in rows), default=None)


@defines("auto_renew")
def auto_renew(a):
    rows = a.in_force(0, "auto_renew")
    if "recorded_at" not in a.world.columns["subscriptions"]:
        return None
    stated = [row["auto_renew"] for row in rows if row["auto_renew"] is not None]
    return all(stated) if stated else None


@defines("discount")
def discount(a):
    rows = [
        row
        for row in a.in_force(0, "discount")
        if row["discount"] is not None and row["arr"] is not None
    ]
    return ratio(sum(r["discount"] * r["arr"] for r in rows), sum(r["arr"] for r in rows))


@defines("arr_growth_91d", "arr_growth_182d")
def arr_growth(a, days):
    now = [row["arr"] for row in a.in_force(0)]
    then = [row["arr"] for row in a.in_force(days)]
    if None in now + then:
        return None
    change = ratio(sum(now), sum(then))
    return None if change is None else change - 1


@defines("seats_growth_91d")
def seats_growth(a):
    now = total(row["seats"] for row in a.in_force(0, "seats"))
    change = ratio(now, total(row["seats"] for row in a.in_force(91)))
    return None if change is None else change - 1


@defines("price_per_seat")
def price_per_seat(a):
    return ratio(value(a, "arr"), value(a, "seats"))


@defines("days_since_change")
def days_since_change(a):
    since = [(a.as_of - row["start_date"]).days for row in a.rows("subscriptions")]
    return min((days for days in since if days > 0), default=None)


def ended(a, *statuses):
    """Contract renewals that ended so."""
    return sum(
        row["status"] in statuses and not row["month_to_month"] for row in a.rows("renewals")
    )


@defines("past_renewals")
def past_renewals(a):
    return ended(a, "renewed", "expanded", "contracted")


@defines("past_expansions")
def past_expansions(a):
    return ended(a, "expanded")


@defines("past_contractions")
def past_contractions(a):
    return ended(a, "contracted")


# relationship


@defines("touchpoints_28d", "touchpoints_91d")
def touchpoints(a, days):
    return len(a.window("touchpoints", 0, days))


@defines("days_since_touchpoint")
def days_since_touchpoint(a):
    return min((row["age"] for row in a.rows("touchpoints")), default=None)


@defines("planned_touchpoints_182d")
def planned_touchpoints(a):
    rows = a.window("touchpoints", 0, 182, "planned_for")
    return sum(row["planned_for"] is not None for row in rows)


@defines("late_touchpoints_182d")
def late_touchpoints(a):
    planned = [r for r in a.window("touchpoints", 0, 182, "planned_for") if r["planned_for"]]
    return sum((row["occurred"].date() - row["planned_for"]).days > 7 for row in planned)


@defines("active_users_28d_in_industry")
def active_users_in_industry(a):
    """Between 0 for the least and 1 for the most; equals share the lower rank."""
    peers = [value(peer, "active_users_28d") for peer in a.peers()]
    own = value(a, "active_users_28d")
    peers = [users for users in peers if users is not None]
    if own is None or len(peers) < 20:
        return None
    return sum(users < own for users in peers) / (len(peers) - 1)


def features(world: World, observations: list[Row]) -> pd.DataFrame:
    """Every feature of every observation, on the index (account_id, as_of)."""
    rows = []
    for observation in observations:
        index = {name: observation[name] for name in ("account_id", "as_of")}
        account = Account(world, *index.values(), observation, observations)
        rows.append(index | {name: value(account, name) for name in FEATURES})
    return pd.DataFrame(rows).set_index(["account_id", "as_of"]).astype(float)
