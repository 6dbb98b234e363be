"""What a name and a type do not tell: months or years, seconds or minutes, agreed or real ends."""

from __future__ import annotations

import re
from dataclasses import replace

from features.tables import TABLES
from pipeline.beginning.drafts import Choice, Draft
from pipeline.beginning.headers import Export, Field
from pipeline.beginning.names import words
from pipeline.beginning.spellings import PLAIN

PER_CENT = ("%", "percent", "per cent", "pct")
AGREED = 0.95  # a day that stands in nearly every row was agreed, not met
TIMES_A_YEAR = {
    "day": 365, "daily": 365, "week": 52, "weekly": 52, "month": 12, "monthly": 12, "quarter": 4,
    "quarterly": 4, "year": 1, "yearly": 1, "annual": 1, "annually": 1,
}  # fmt: skip


def refined(draft: Draft, relation: str) -> Draft:
    """The draft with each choice's meaning looked into; its SELECT reads from `relation`."""
    for look in (
        _ends,
        _money,
        _minutes,
        _discount,
        _first_response,
        _cancelled,
        _auto_renew,
        _key,
    ):
        draft = look(draft, relation)
    return draft


def day_after(draft: Draft, column: str, found: str) -> Draft:
    """The draft with a day added to an end, where the last day is named; `found` says why."""
    choice = draft[column]
    dated = choice.sql.startswith("CAST(strptime")
    day = choice.sql if dated else f"CAST(nullif(CAST({choice.sql} AS VARCHAR), '') AS DATE)"
    sql = f"{day} + 1"
    note = f"the last day with the row, it seems: {found}; a day is added"
    return draft.with_choice(replace(choice, sql=sql, note=note, sure=False))


def _ends(draft: Draft, relation: str) -> Draft:
    """One column for two ends: agreed if nearly every row has it, else real."""
    if draft.table != "subscriptions":
        return draft
    term, end = draft["term_end"], draft["ended_at"]
    if end.of and not term.of:
        field = draft.export[end.of]
        share = field.filled / field.rows if field.rows else 0.0
        if share >= AGREED and field.rows > 1:
            note = f"stands in {share:.0%} of the rows: taken for the agreed end, not the real one"
            moved = replace(end, column="term_end", note=joined(end.note, note), sure=False)
            lost = replace(end, sql="", of="", sample="", note="", candidates=(end.of,))
            return draft.with_choice(moved).with_choice(lost)
        note = (
            f"stands in {share:.0%} of the rows: taken for the real end; an agreed one is term_end"
        )
        return draft.with_choice(replace(end, note=joined(end.note, note), sure=False))
    return draft


def _money(draft: Draft, relation: str) -> Draft:
    choice = draft["arr"]
    if draft.table != "subscriptions" or not choice.of:
        return draft
    said, sql, notes, sure = set(words(choice.of)), choice.sql, [], choice.sure
    number = f"CAST({sql} AS DOUBLE)"
    if "unit" in said and draft["seats"].of:
        number = f"{number} * CAST({draft['seats'].sql} AS DOUBLE)"
        notes.append("a unit's price: times the seats")
        sure = False
    if "cent" in said:
        number = f"{number} / 100"
        notes.append("cents: divided by 100")
    interval = _interval(draft.export)
    if said & {"mrr", "monthly", "month"}:
        number = f"{number} * 12"
        notes.append("a month's money: times 12")
    elif not said & {"arr", "annual", "acv", "yearly"}:
        sure = False
        if interval is not None:
            cases = " ".join(
                f"WHEN '{value}' THEN {times}"
                for value in sorted({value.strip().lower() for value in interval.values})
                if (times := TIMES_A_YEAR.get(value))
            )
            place = PLAIN.of(interval.name, relation)
            number = f"{number} * CASE lower(trim({place})) {cases} END"
            notes.append(f"for as long as {interval.name} says: brought to a year")
        else:
            notes.append("for how long? taken as a year's: times 12 if it is a month's")
    if not notes:
        return draft
    note = joined(choice.note, "; ".join(notes))
    return draft.with_choice(replace(choice, sql=number, note=note, sure=sure))


def _interval(export: Export) -> Field | None:
    for field in export.fields:
        said = {value.strip().lower() for value in field.values}
        if said and said <= TIMES_A_YEAR.keys():
            return field
    return None


def _minutes(draft: Draft, relation: str) -> Draft:
    choice = draft["minutes"]
    if draft.table != "usage" or not choice.of:
        return draft
    said = set(words(choice.of))
    if "second" in said:
        return draft.with_choice(_scaled(choice, "/ 60", "seconds: divided by 60"))
    if "hour" in said:
        return draft.with_choice(_scaled(choice, "* 60", "hours: times 60"))
    if "minute" not in said:
        note = joined(choice.note, "in which unit?")
        return draft.with_choice(replace(choice, sure=False, note=note))
    spelt = draft.export[choice.of].spelt("number") or PLAIN
    return draft.with_choice(replace(choice, sure=spelt.sure))


def _discount(draft: Draft, relation: str) -> Draft:
    """A share of the price: per cents are divided, where a value or the column's name says so."""
    choice = draft["discount"]
    if draft.table != "subscriptions" or not choice.of:
        return draft
    values = " ".join(draft.export[choice.of].values)
    numbers = re.findall(r"\d+(?:[.,]\d+)?", values)
    if "%" in values or any(float(number.replace(",", ".")) > 1 for number in numbers):
        return draft.with_choice(_scaled(choice, "/ 100", "per cent: divided by 100"))
    if any(mark in choice.of.lower() for mark in PER_CENT):
        note = "per cent by its name, though no value exceeds 1: divided by 100"
        return draft.with_choice(replace(_scaled(choice, "/ 100", note), sure=False))
    return draft


def _first_response(draft: Draft, relation: str) -> Draft:
    """The time of the first answer from how long it took, where only that is exported."""
    if draft.table != "tickets" or draft["first_response_at"].of or not draft["opened_at"].of:
        return draft
    for field in draft.export.fields:
        said = set(words(field.name))
        unit = next((unit for unit in ("minute", "hour", "second") if unit in said), None)
        asked = "first" in said and said & {"response", "reply"} and "business" not in said
        spelt = field.spelt("number")
        if asked and unit and spelt is not None:
            opened = f"CAST({draft['opened_at'].sql} AS TIMESTAMP)"
            took = f"CAST({spelt.of(field.name, relation)} AS DOUBLE)"
            sql = f"{opened} + {took} * INTERVAL 1 {unit.upper()}"
            note = joined(spelt.said, f"{unit}s after the ticket was opened")
            new = replace(draft["first_response_at"], sql=sql, of=field.name, sample=field.sample,
                          note=note, sure=spelt.sure)  # fmt: skip
            return draft.with_choice(new)
    return draft


def _cancelled(draft: Draft, relation: str) -> Draft:
    choice = draft["ended_at"]
    if draft.table == "subscriptions" and set(words(choice.of)) & {"cancelled", "cancel"}:
        note = "the end, or the day of asking for it? If asking, it is notice_at"
        return draft.with_choice(replace(choice, note=joined(choice.note, note), sure=False))
    return draft


def _auto_renew(draft: Draft, relation: str) -> Draft:
    """Left out until a person has said that the source does not switch it off at a cancellation."""
    choice = draft["auto_renew"]
    if draft.table != "subscriptions" or not choice.of:
        return draft
    note = "left out: a flag that is switched off at the cancellation tells the outcome"
    dropped = replace(choice, sql="", of="", sample="", note=note, candidates=(choice.of,))
    return draft.with_choice(dropped)


def _key(draft: Draft, relation: str) -> Draft:
    """An id that stands twice is no id, unless its rows are versions of one."""
    for key in TABLES[draft.table].key:
        choice = draft[key]
        if not choice.of or draft["recorded_at"].of:
            continue
        field = draft.export[choice.of]
        if field.filled > field.distinct:
            repeated = f"{field.filled - field.distinct} rows repeat an id"
            if TABLES[draft.table][key].filled:
                note = joined(choice.note, f"{repeated}: they will be refused")
                draft = draft.with_choice(replace(choice, note=note, sure=False))
            else:
                dropped = replace(choice, sql="", of="", sample="", candidates=(choice.of,))
                draft = draft.with_choice(replace(dropped, note=f"left out: {repeated}"))
    return draft


def _scaled(choice: Choice, by: str, note: str) -> Choice:
    return replace(choice, sql=f"CAST({choice.sql} AS DOUBLE) {by}", note=joined(choice.note, note))


def joined(first: str, second: str) -> str:
    """Two notes as one."""
    return f"{first}; {second}" if first else second
