"""Cover, spells and renewals again, slow and obvious: day by day, row by row, in plain Python.

It shares no code with `features.contracts`. A row is a dict of dates, text and money; `facts` adds
to the rows of a table when each occurred, was known and was replaced, `write` lays them down as
the files that the real functions read.
"""

from __future__ import annotations

from calendar import monthrange
from collections import defaultdict
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

DAY = timedelta(days=1)
TYPES = {
    "start_date": pa.date32(),
    "term_end": pa.date32(),
    "ended_at": pa.date32(),
    "notice_at": pa.date32(),
    "booked_at": pa.date32(),
    "arr": pa.decimal128(18, 2),
    "seats": pa.int64(),
    "created_at": pa.timestamp("us"),
    "recorded_at": pa.timestamp("us"),
    "occurred_at": pa.timestamp("us"),
    "known_at": pa.timestamp("us"),
    "replaced_at": pa.timestamp("us"),
}


def read(value, column):
    """A cell of a text table as its column's type."""
    if not isinstance(value, str) or column not in TYPES:
        return value
    if column == "arr":
        return Decimal(value)
    if column == "seats":
        return int(value)
    kind = date if TYPES[column] == pa.date32() else datetime
    return kind.fromisoformat(value)


def rows_of(table: pd.DataFrame) -> list[dict]:
    """The rows of a text table; ids and accounts are made up where the table leaves them out."""
    rows = []
    for number, record in enumerate(table.to_dict("records")):
        row = {"account_id": "acme", "subscription_id": f"s{number}", "term_end": None}
        row |= {"ended_at": None, "arr": Decimal(100)}
        rows.append(row | {column: read(value, column) for column, value in record.items()})
    return rows


def facts(rows: list[dict], key: str = "subscription_id") -> list[dict]:
    """The rows with occurred_at, known_at, replaced_at; rows of one key are its versions."""
    found = []
    for row in rows:
        occurred = row.get("created_at") or row.get("booked_at") or row.get("start_date")
        if not isinstance(occurred, datetime):
            occurred = datetime.combine(occurred, time())
        known = max(occurred, row.get("recorded_at") or occurred)
        found.append({**row, "occurred_at": occurred, "known_at": known, "replaced_at": None})
    for row in found:
        newer = [
            other["known_at"]
            for other in found
            if other[key] == row[key]
            and (other.get("recorded_at") or datetime.min)
            > (row.get("recorded_at") or datetime.min)
        ]
        row["replaced_at"] = min(newer, default=None)
    return found


def write(folder: Path, rows: list[dict], name: str = "subscriptions") -> Path:
    """The facts as a file of the folder; a column that no row names is left out."""
    columns = dict.fromkeys(column for row in rows for column in row)
    schema = pa.schema([(column, TYPES.get(column, pa.string())) for column in columns])
    whole = [{column: row.get(column) for column in columns} for row in rows]
    pq.write_table(pa.Table.from_pylist(whole, schema=schema), folder / f"{name}.parquet")
    return folder


def erased(facts, by):
    """The facts without anything that was not known before a day."""
    day, found = datetime.combine(by, time()), []
    for row in facts:
        if row["occurred_at"] < day and row["known_at"] < day:
            told = [d for d in (row["notice_at"], row["ended_at"]) if d]
            found.append(
                dict(
                    row,
                    notice_at=row["notice_at"]
                    if row["notice_at"] and row["notice_at"] < by
                    else None,
                    ended_at=row["ended_at"] if told and min(told) < by else None,
                    replaced_at=row["replaced_at"]
                    if row["replaced_at"] and row["replaced_at"] < day
                    else None,
                )
            )
    return found


def known(rows: list[dict], by: date) -> list[dict]:
    """The facts as known before a day; notice and end are empty until they are known."""
    morning, seen = datetime.combine(by, time()), []
    for row in rows:
        if row["occurred_at"] >= morning or row["known_at"] >= morning:
            continue
        if row["replaced_at"] is not None and row["replaced_at"] < morning:
            continue
        notice, end = row.get("notice_at"), row["ended_at"]
        told = min((day for day in (notice, end) if day), default=None)
        row = dict(row, notice_at=notice if notice and notice < by else None)
        seen.append(dict(row, ended_at=end if told and told < by else None))
    return seen


def months_later(day: date, months: int) -> date:
    """The same day of a later month, or its last day."""
    year, month = divmod(day.year * 12 + day.month - 1 + months, 12)
    return date(year, month + 1, min(day.day, monthrange(year, month + 1)[1]))


def monthly(row: dict) -> bool:
    return row["term_end"] is None or (row["term_end"] - row["start_date"]).days <= 31


def due(row: dict, k: int) -> date:
    """The k-th due date of a row."""
    start, end = row["start_date"], row["term_end"]
    if monthly(row):
        return months_later(start, k)
    for months in range(1, 200):
        if months_later(start, months) == end:
            return months_later(start, k * months)
    return start + k * (end - start)


def covering(rows: list[dict], grace: int) -> list[dict]:
    """Rules 1 and 3: the rows that cover an account, each with its `cover_end`."""
    found = []
    for row in rows:
        end = row["ended_at"]
        if row["arr"] == 0 or (end is not None and end <= row["start_date"]):
            continue
        if end is not None and not monthly(row):
            k = 1
            while due(row, k) <= end:
                k += 1
            if k > 1 and (end - due(row, k - 1)).days <= grace:
                end = due(row, k - 1)
        found.append(dict(row, cover_end=end))
    return found


def covers(row: dict, day: date) -> bool:
    return row["start_date"] <= day and (row["cover_end"] is None or day < row["cover_end"])


def arr(rows: list[dict], day: date):
    """ARR on a day, None if unknown."""
    amounts = [row["arr"] for row in rows if covers(row, day)]
    return None if None in amounts else sum(amounts, Decimal(0))


def spells(rows: list[dict], grace: int) -> list[tuple[date, date | None]]:
    """Rule 4, by walking the days: (first day, first day without or None) of each spell."""
    if not rows:
        return []
    day = min(row["start_date"] for row in rows)
    last = max(max(row["start_date"], row["cover_end"] or row["start_date"]) for row in rows)
    found, first, covered = [], day, day
    while day <= last:
        if any(covers(row, day) for row in rows):
            if (day - covered).days > grace + 1:
                found.append((first, covered + DAY))
                first = day
            covered = day
        day += DAY
    runs = any(row["cover_end"] is None for row in rows)
    return [*found, (first, None if runs else covered + DAY)]


def renewals(rows: list[dict], by: date, grace: int, until_days: int) -> list[dict]:
    """Rules 1 to 6 and 9, over the facts of any number of accounts."""
    found = []
    accounts = defaultdict(list)
    for row in known(rows, by):
        accounts[row["account_id"]].append(row)
    for account, mine in accounts.items():
        for one in account_renewals(covering(mine, grace), by, grace, until_days):
            found.append({"by": by, "account_id": account, **one})
    return sorted(found, key=lambda row: (row["account_id"], row["due_date"]))


def account_renewals(rows: list[dict], by: date, grace: int, until_days: int) -> list[dict]:
    """The renewals of one account from its covering rows as known."""
    far = by + timedelta(until_days + 100)
    decisions: dict[date, dict] = {}
    for first, lost_at in spells(rows, grace):
        mine = [
            row
            for row in rows
            if first <= row["start_date"] and (lost_at is None or row["start_date"] < lost_at)
        ]
        dues = [(day, row) for row in mine for day in due_days(row, lost_at, far)]
        falling: dict[date, list[dict]] = defaultdict(list)
        for day, row in dues:
            month = [
                other
                for other, others_row in dues
                if monthly(others_row) and (other.year, other.month) == (day.year, day.month)
            ]
            falling[min(month) if monthly(row) else day].append(row)
        days = sorted(falling)
        for day, next_due in zip(days, [*days, None][1:], strict=True):
            decisions[day] = judged(day, falling[day], next_due, lost_at, rows, by, grace)
    return [
        decision
        for day, decision in decisions.items()
        if (day - by).days < until_days or decision["status"] == "churned"
    ]


def due_days(row: dict, lost_at: date | None, far: date) -> list[date]:
    """Rules 2 and 5: the days on which a row is due."""
    found, k, end = [], 1, row["cover_end"]
    while (end is None and due(row, k) <= far) or (end is not None and due(row, k) <= end):
        found.append(due(row, k))
        k += 1
    if end is not None and end == lost_at and end not in found:
        found.append(due(row, k))
    return found


def judged(day, falling, next_due, lost_at, rows, by, grace) -> dict:
    """Rule 6, and rule 9 for what is still ahead."""
    amounts = [row["arr"] for row in falling]
    arr_due = None if None in amounts else sum(amounts, Decimal(0))
    settled = min(day, lost_at or day) + timedelta(grace) < by
    status, kept = "open", None
    if settled and lost_at is not None and lost_at <= day:
        status, kept = "churned", Decimal(0)
    elif settled:
        bounds = [day + timedelta(grace), next_due and next_due - DAY, lost_at and lost_at - DAY]
        then = arr(rows, min(bound for bound in bounds if bound))
        before = arr(rows, day - DAY)
        status = "renewed"
        if None not in (then, before, arr_due):
            kept = then - (before - arr_due)
            if kept > arr_due * Decimal("1.01"):
                status = "expanded"
            if kept < arr_due * Decimal("0.99"):
                status = "contracted"
    elif day < by and not any(covers(row, by - DAY) for row in rows):
        status = "in_grace"
    renewed = min(max(kept, 0), arr_due or 0) if kept is not None else None
    return {
        "due_date": day,
        "arr_due": arr_due,
        "month_to_month": all(monthly(row) for row in falling),
        "early": lost_at is not None and lost_at < day,
        "lost_at": lost_at,
        "status": status,
        "arr_kept": kept,
        "arr_renewed": renewed,
        "decided": decided(day, falling, rows, by, grace) if day >= by else None,
    }


def decided(day, falling, rows, by, grace) -> str | None:
    """Notice from a row that is due, or a later row booked that goes on beyond the due date."""
    if any(row["notice_at"] for row in falling):
        return "notice_given"
    for row in rows:
        later = row["start_date"] >= by and all(
            row["start_date"] > one["start_date"] for one in falling
        )
        beyond = row["cover_end"] or row["term_end"] or date.max
        if later and row["start_date"] <= day + timedelta(grace) and beyond > day:
            return "already_renewed"
    return None
