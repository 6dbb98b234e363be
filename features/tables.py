"""The tables a user brings: their columns, and every reason to refuse them.

`TABLES` is the contract, as data: documentation, readers and checks all come from it. Times are UTC
and half-open: an end is the first day without. Any table may carry `recorded_at`, the instant its
row was written down; rows with the same key and different `recorded_at` are versions of one row.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

Kind = Literal["text", "date", "instant", "integer", "number", "flag"]

SQL_TYPE: dict[Kind, str] = {
    "text": "VARCHAR",
    "date": "DATE",
    "instant": "TIMESTAMP",
    "integer": "BIGINT",
    "number": "DOUBLE",
    "flag": "BOOLEAN",
}


@dataclass(frozen=True)
class Column:
    """One column of a table.

    A `required` column must be there; a `filled` one must also have a value in every row.
    `costs` says what cannot be known without it.
    """

    name: str
    kind: Kind
    required: bool
    meaning: str
    costs: str = ""
    filled: bool = False


@dataclass(frozen=True)
class Table:
    """One table: its columns, the `key` that names a row, and the column in which it `occurred`.

    A `parted` table is one of events: it grows with every export and lies in a folder of parts, by
    the day on which a row became known; the others lie in one file.
    """

    name: str
    columns: tuple[Column, ...]
    key: tuple[str, ...]
    required: bool
    occurred: str
    meaning: str
    costs: str = ""
    parted: bool = False

    def __getitem__(self, column: str) -> Column:
        return {known.name: known for known in self.columns}[column]

    @property
    def names(self) -> list[str]:
        """The names of all columns, in their order of declaration."""
        return [column.name for column in self.columns]


def _must(name: str, kind: Kind, meaning: str) -> Column:
    return Column(name, kind, True, meaning, filled=True)


def _column(name: str, kind: Kind, meaning: str) -> Column:
    return Column(name, kind, True, meaning)


def _maybe(name: str, kind: Kind, meaning: str, costs: str = "") -> Column:
    return Column(name, kind, False, meaning, costs)


_RECORDED = _maybe(
    "recorded_at",
    "instant",
    "when the row was written down; versions of a row differ in it",
    "rows count as known when they happened: late and corrected ones cannot be told",
)
_ACCOUNT = _must("account_id", "text", "the account, as in accounts")


def _table(
    name: str,
    meaning: str,
    *columns: Column,
    key: str,
    occurred: str,
    required: bool = False,
    costs: str = "",
    parted: bool = False,
) -> Table:
    return Table(name, (*columns, _RECORDED), (key,), required, occurred, meaning, costs, parted)


_ALL = (
    _table(
        "accounts",
        "who signs the contracts",
        _must("account_id", "text", "the account"),
        _must("created_at", "instant", "when the account came to be"),
        _maybe("name", "text", "what people call it", "names in the lists"),
        _maybe("segment", "text", "the group it is compared with", "segment profiles and groups"),
        _maybe("industry", "text", "its line of business", "breadth: rank within the industry"),
        _maybe("country", "text", "where it is"),
        _maybe("owner", "text", "who looks after it", "the owner in the lists"),
        _maybe("parent_id", "text", "the account it belongs to"),
        key="account_id",
        occurred="created_at",
        required=True,
    ),
    _table(
        "subscriptions",
        "what an account pays for; rows that overlap add up",
        _must("subscription_id", "text", "the row"),
        _ACCOUNT,
        _must("start_date", "date", "the first day of the row"),
        _column(
            "term_end",
            "date",
            "the first day the customer is free to leave, fixed when signed; "
            "empty if they may leave at any time",
        ),
        _column(
            "ended_at",
            "date",
            "the first day without the row: cancelled, expired or replaced; empty while it runs",
        ),
        _column(
            "arr",
            "number",
            "recurring money a year, net of discount, in one currency; "
            "0 = free or trial, empty = paying, amount unknown",
        ),
        _maybe(
            "notice_at",
            "date",
            "the day notice was given",
            "decisions already taken cannot be told from open ones",
        ),
        _maybe(
            "booked_at",
            "date",
            "the day the row was signed or entered",
            "a row counts as known from its start: renewals booked ahead are not seen as decided",
        ),
        _maybe(
            "product", "text", "what is bought", "commercial: products; the kind of an expansion"
        ),
        _maybe("plan", "text", "on which plan", "the kind of an expansion"),
        _maybe(
            "seats",
            "integer",
            "how many people may use it",
            "breadth: seat_utilisation; commercial: seats, seats_growth, price_per_seat",
        ),
        _maybe(
            "discount", "number", "share of the list price given away, 0-1", "commercial: discount"
        ),
        _maybe("auto_renew", "flag", "renews unless cancelled", "commercial: auto_renew"),
        _maybe("currency", "text", "the one currency of arr", "money is shown without its unit"),
        key="subscription_id",
        occurred="start_date",
        required=True,
    ),
    _table(
        "usage",
        "what was done with the product",
        _ACCOUNT,
        _must("occurred_at", "instant", "when it was done"),
        _must("feature", "text", "the feature used"),
        _maybe("event_id", "text", "the event", "events sent twice cannot be told from two events"),
        _maybe(
            "user_id",
            "text",
            "who did it",
            "breadth: active, new and lost users, seat_utilisation, busiest_user_share; "
            "depth: events_per_user; support: tickets_per_user",
        ),
        _maybe("count", "number", "how many or how much", "a row counts as one event"),
        _maybe("minutes", "number", "how long, in minutes", "frequency: minutes, minutes_trend"),
        _maybe(
            "department",
            "text",
            "the user's department",
            "breadth: active, new and lost departments",
        ),
        key="event_id",
        occurred="occurred_at",
        costs="the families frequency, breadth and depth; the early warning; most of the health",
        parted=True,
    ),
    _table(
        "product_features",
        "the features of the product",
        _must("feature", "text", "the feature, as in usage"),
        _maybe("is_key", "flag", "whether its use shows value", "each one named counts as key"),
        _maybe("module", "text", "the part of the product it belongs to"),
        key="feature",
        occurred="",
        costs="every feature counts as key: depth cannot tell key features from others",
    ),
    _table(
        "tickets",
        "what the account asked support for",
        _must("ticket_id", "text", "the ticket"),
        _ACCOUNT,
        _must("opened_at", "instant", "when it was opened"),
        _maybe(
            "first_response_at",
            "instant",
            "when someone first answered",
            "support: first_response_hours, within_sla_share",
        ),
        _maybe(
            "resolved_at",
            "instant",
            "when it was solved; empty while open",
            "support: open tickets and their age, resolution_hours",
        ),
        _maybe("priority", "text", "low, normal, high or urgent", "support: urgent tickets"),
        _maybe("category", "text", "what it is about"),
        _maybe("is_incident", "flag", "caused by an outage of ours", "support: incidents"),
        _maybe("reopened_at", "instant", "when it was opened again", "support: reopened_tickets"),
        _maybe("csat", "number", "satisfaction with the answer", "support: csat"),
        _maybe(
            "csat_at",
            "instant",
            "when csat was given",
            "csat counts as known when the ticket is resolved",
        ),
        _maybe("subject", "text", "its title"),
        _maybe("body", "text", "its text"),
        key="ticket_id",
        occurred="opened_at",
        costs="the family support",
    ),
    _table(
        "nps",
        "answers to: how likely are you to recommend us?",
        _must("response_id", "text", "the answer"),
        _ACCOUNT,
        _must("occurred_at", "instant", "when it was given"),
        _must("score", "integer", "0-10"),
        _maybe("user_id", "text", "who answered", "answers of one person cannot be told apart"),
        _maybe("comment", "text", "what they wrote"),
        key="response_id",
        occurred="occurred_at",
        costs="the family sentiment",
    ),
    _table(
        "touchpoints",
        "when customer success and the account met",
        _must("touchpoint_id", "text", "the touchpoint"),
        _ACCOUNT,
        _must("occurred_at", "instant", "when it happened"),
        _must("kind", "text", "call, review, training, ..."),
        _maybe("owner", "text", "who did it", "groups by owner"),
        _maybe(
            "planned_for",
            "date",
            "the day it had been planned for",
            "relationship: planned and late touchpoints",
        ),
        _maybe(
            "risk_call",
            "number",
            "the CSM's own forecast of a loss; rises with risk; never a feature",
        ),
        key="touchpoint_id",
        occurred="occurred_at",
        costs="the family relationship",
    ),
)

TABLES: dict[str, Table] = {table.name: table for table in _ALL}


@dataclass(frozen=True)
class Finding:
    """One thing found in what the user brought: a *fault* is refused, a *warning* is shown.

    `row` counts from 1 in the result of the table's SELECT; empty where no single row is meant.
    `message` says what is wrong, `action` what to do about it.
    """

    severity: Literal["fault", "warning"]
    table: str
    column: str
    row: int | None
    value: str | None
    message: str
    action: str

    def __str__(self) -> str:
        place = ".".join(part for part in (self.table, self.column) if part)
        row = "" if self.row is None else f" row {self.row}"
        value = "" if self.value is None else f" ({self.value!r})"
        return f"{place}{row}: {self.message}{value}. {self.action}"


class BadInput(ValueError):
    """What the user brought cannot be used; `findings` holds every fault, and str() lists them."""

    def __init__(self, findings: Iterable[Finding]):
        self.findings = list(findings)
        super().__init__("\n".join(str(finding) for finding in self.findings))
