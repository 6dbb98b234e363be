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
    """What a company supplied, the renewals known on each morning, and who is asked about."""

    tables: dict[str, list[Row]]
    columns: dict[str, list[str]]
    past_renewals: list[Row] = field(default_factory=list)
    observations: list[Row] = field(default_factory=list)
    seen: dict[tuple, object] = field(default_factory=dict)

    def __repr__(self) -> str:
        return f"World({', '.join(f'{len(rows)} {name}' for name, rows in self.tables.items())})"

    def _repr_pretty_(self, printer, cycle) -> None:
        printer.text(repr(self))

    @cached_property
    def facts(self) -> dict[str, list[Fact]]:
        """Rows with the moments they occurred, were known and were replaced."""
        return {name: _facts(name, self.tables[name]) for name in KEYS if name in self.tables}

    def once(self, what, *key):
        """What a function says of a key, worked out once."""
        if (what, key) not in self.seen:
            self.seen[what, key] = what(*key)
        return self.seen[what, key]

    def past(self, table: str, as_of: date) -> dict[str, list[Row]]:
        """The rows of each account as known on a morning, with `age`."""
        return self.once(self._people if table == "people" else self._past, table, as_of)

    def ages(self, table: str, as_of: date) -> set[int]:
        """The ages of the rows of any account as known on a morning."""
        return self.once(self._ages, table, as_of)

    def _ages(self, table: str, as_of: date) -> set[int]:
        return {row["age"] for rows in self.past(table, as_of).values() for row in rows}

    def _past(self, table: str, as_of: date) -> dict[str, list[Row]]:
        if table == "renewals":
            return by_account(
                {**row, "age": (as_of - row["due_date"]).days}
                for row in self.past_renewals
                if row["as_of"] == as_of
            )
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
        return by_account(rows)

    def _people(self, table: str, as_of: date) -> dict[str, list[Row]]:
        """What people did. Of two departments of one person on one day, the last by name counts."""
        everyone = self.past("usage", as_of).values()
        rows = [dict(row) for mine in everyone for row in mine if row["user_id"] is not None]
        departments: dict[tuple, str | None] = {}
        for row in rows:
            day = row["account_id"], row["user_id"], row["age"]
            departments[day] = max(departments.get(day) or "", row.get("department") or "") or None
        for row in rows:
            row["department"] = departments[row["account_id"], row["user_id"], row["age"]]
        return by_account(rows)

    def supplied(self, table: str) -> set[str]:
        """The columns supplied of a table; of `people` there are none without user ids."""
        if table == "people":
            usage = self.supplied("usage")
            return usage if "user_id" in usage else set()
        return set(self.columns.get(table, []))

    def told(self, account_id: str, as_of: date) -> dict[tuple, date]:
        """When what is known of an account's use of a feature on a day last changed, for each."""
        return self.once(self._told, account_id, as_of)

    def _told(self, account_id: str, as_of: date) -> dict[tuple, date]:
        last: dict[tuple, date] = {}
        for row, occurred, known, replaced in self.seen_once:
            if row["account_id"] == account_id:
                days = [day for day in (known, replaced) if day is not None and day < as_of]
                key = row["feature"], occurred
                last[key] = max([last.get(key, date.min), *days])
        return last

    @cached_property
    def seen_once(self) -> list[tuple[Row, date, date, date | None]]:
        """The events that were visible on some morning, with the days of what came to pass."""
        days = [
            (row, occurred.date(), known.date(), replaced and replaced.date())
            for row, occurred, known, replaced in self.facts["usage"]
        ]
        return [(*rest, known, gone) for *rest, known, gone in days if not gone or known < gone]

    def keys_on(self, day: date) -> set[str]:
        """The key features as the catalogue stood on a day.

        Without a catalogue they are all that anyone had used, as known then; in one that does not
        say which are key, all that it lists.
        """
        return self.once(self._keys_on, day)

    def _keys_on(self, day: date) -> set[str]:
        if "product_features" not in self.tables:
            return {row["feature"] for row, _, known, _ in self.seen_once if known <= day}
        newest: dict[str, tuple[datetime, bool]] = {}
        for row in self.tables["product_features"]:
            noted = row.get("recorded_at") or datetime.min
            version = noted, bool(row.get("is_key", True))
            if noted.date() <= day:
                newest[row["feature"]] = max(newest.get(row["feature"], version), version)
        return {feature for feature, (_, is_key) in newest.items() if is_key}


Fact = tuple[Row, datetime, datetime, datetime | None]


def by_account(rows: Iterable[Row]) -> dict[str, list[Row]]:
    """Rows by their account."""
    accounts: dict[str, list[Row]] = {}
    for row in rows:
        accounts.setdefault(row["account_id"], []).append(row)
    return accounts


def _facts(table: str, rows: list[Row]) -> list[Fact]:
    def occurred(row):
        return next(instant(row[name]) for name in OCCURRED[table] if row.get(name))

    def known(row):
        return max(occurred(row), row.get("recorded_at") or occurred(row))

    def written(row):
        return row.get("recorded_at") or datetime.min

    key, versions, facts = KEYS[table], {}, []
    for row in rows:
        versions.setdefault(row.get(key), []).append(row)
    for row in rows:
        others = [] if row.get(key) is None else versions[row[key]]
        newer = [known(other) for other in others if written(other) > written(row)]
        facts.append((row, occurred(row), known(row), min(newer, default=None)))
    return facts


@dataclass
class Account:
    """One account asked about on one morning."""

    world: World
    account_id: str
    as_of: date
    observation: Row
    observations: dict[tuple, list[Row]]

    def rows(self, table: str, *columns: str) -> list[Row]:
        """The account's past in a table, unless no account has any."""
        return self.window(table, 0, 100_000, *columns)

    def window(self, table: str, newest: int, oldest: int, *columns: str) -> list[Row]:
        """The account's past with `newest` < age <= `oldest`, unless no account has any there."""
        supplied = self.world.supplied(table)
        if table != "renewals" and (not supplied or not supplied.issuperset(columns)):
            raise NotKnown(table, columns)
        if not any(newest < age <= oldest for age in self.world.ages(table, self.as_of)):
            raise NotKnown(table, newest, oldest)
        mine = self.world.past(table, self.as_of).get(self.account_id, [])
        return [row for row in mine if newest < row["age"] <= oldest]

    @property
    def is_customer(self) -> bool:
        """Whether a row that is paid for was in force."""
        return any(row["arr"] is None or row["arr"] > 0 for row in self.in_force(0))

    def earlier(self, days: int) -> Account:
        """The same account, asked `days` before with what was known then."""
        return replace(self, as_of=self.as_of - timedelta(days))

    def peers(self) -> list[Account]:
        """The customers of the same industry on the same morning, itself included."""
        alike = self.observations[self.as_of, self.observation["industry"]]
        return [replace(self, account_id=other["account_id"], observation=other) for other in alike]

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
    key = name, account.account_id, account.as_of
    if key not in account.world.seen:
        try:
            account.world.seen[key] = FEATURES[name](account)
        except NotKnown:
            account.world.seen[key] = None
    return account.world.seen[key]


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
    used = sorted({row["age"] for row in a.window("usage", 0, days)})
    gaps = [age - newer for newer, age in zip([0, *used], used, strict=False)]
    return max([min(days, a.observation["days_observed"]) - max(used, default=0), *gaps])


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


def key_features_by_day(a, days):
    """The features used on each of the last `days`, and the key features as known of that day."""
    used = {(row["feature"], row["occurred"].date()) for row in a.window("usage", 0, days)}
    told = a.world.told(a.account_id, a.as_of)
    return [(feature, a.world.keys_on(told[feature, day])) for feature, day in used]


@defines("features_used_28d", "features_used_91d")
def features_used(a, days):
    return len({row["feature"] for row in a.window("usage", 0, days)})


@defines("key_features_used_28d", "key_features_used_91d")
def key_features_used(a, days):
    used = key_features_by_day(a, days)
    return len({feature for feature, keys in used if feature in keys})


@defines("key_feature_share_28d")
def key_feature_share(a):
    """Of as many key features as there were when the last of those used was."""
    used = [(feature, len(keys)) for feature, keys in key_features_by_day(a, 28) if feature in keys]
    most = max((there for _, there in used), default=0)
    return ratio(len({feature for feature, _ in used}), most) or 0


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
    if a.observation["industry"] is None:
        return None
    peers = [value(peer, "active_users_28d") for peer in a.peers()]
    own = value(a, "active_users_28d")
    peers = [users for users in peers if users is not None]
    if own is None or len(peers) < 20:
        return None
    return sum(users < own for users in peers) / (len(peers) - 1)


def features(world: World) -> pd.DataFrame:
    """Every feature of every observation, on the index (account_id, as_of)."""
    groups: dict[tuple, list[Row]] = {}
    for observation in world.observations:
        groups.setdefault((observation["as_of"], observation["industry"]), []).append(observation)
    rows = []
    for observation in world.observations:
        index = {name: observation[name] for name in ("account_id", "as_of")}
        account = Account(world, *index.values(), observation, groups)
        rows.append(index | {name: value(account, name) for name in FEATURES})
    return pd.DataFrame(rows).set_index(["account_id", "as_of"]).astype(float)
