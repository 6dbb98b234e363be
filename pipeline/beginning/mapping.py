"""Which of our columns each column of a file is: by its name, what stands in it, and how often."""

from __future__ import annotations

from collections.abc import Mapping

from features.tables import SQL_TYPE, TABLES, Column
from pipeline.beginning import meanings
from pipeline.beginning.drafts import Choice, Draft
from pipeline.beginning.headers import Export, Field
from pipeline.beginning.links import GIVEN, Link
from pipeline.beginning.names import CALLED, COLUMNS, ROLLING, likeness, words
from pipeline.beginning.spellings import PLAIN, Spelling

TAKEN, SURE = 0.5, 0.75  # of names.likeness: a part of a name, and a whole one


def scores(export: Export, table: str) -> dict[tuple[str, str], float]:
    """How well each column of a file does for each of a table's, where it does at all."""
    found = {}
    for column in TABLES[table].columns:
        for field in export.fields:
            if (score := _score(field, column, table, export)) >= TAKEN:
                found[column.name, field.name] = score
    return found


def _score(field: Field, column: Column, table: str, export: Export) -> float:
    score = likeness(field.name, COLUMNS[table].get(column.name, ""))
    if not score or field.spelt(column.kind) is None:
        return 0.0
    said = set(words(field.name))
    overwritten = (table, column.name) == ("accounts", "segment") and "plan" in said
    if overwritten or any(set(name.split("_")) <= said for name in ROLLING):
        return 0.0
    if column.name in TABLES[table].key and column.name != "feature":
        versions = any(words(other.name) == ["recorded", "at"] for other in export.fields)
        score += 0.05 if field.unique else 0.0 if versions or table == "usage" else -0.3
    return round(min(score, 1.0), 4)


def assigned(found: Mapping[tuple[str, str], float]) -> dict[str, str]:
    """The best column of the file for each of ours, none of them twice."""
    chosen: dict[str, str] = {}
    for (ours, theirs), _ in sorted(found.items(), key=lambda item: -item[1]):
        if ours not in chosen and theirs not in chosen.values():
            chosen[ours] = theirs
    return chosen


def fitness(export: Export, table: str, stem: list[str]) -> float:
    """How well a file does for a table, 0 if it cannot be: by its name, then by its columns.

    `stem` are the words of the file's name without those that all files share.
    """
    found = scores(export, table)
    chosen = assigned(found)
    needed = [c.name for c in TABLES[table].columns if c.filled and c.name != "account_id"]
    named = likeness("_".join(stem), CALLED[table])
    had = [found[name, chosen[name]] if name in chosen else 0.0 for name in needed]
    if min(had) < TAKEN and named < SURE or not any(had):
        return 0.0
    further = len(chosen.keys() - {*needed, "account_id"})
    if not named and further < 2:
        return 0.0
    return named + sum(had) / len(had) + 0.1 * min(further, 5)


def draft(export: Export, table: str, link: Link | None) -> Draft:
    """A table's columns chosen from a file; `link` is the way from its rows to the accounts."""
    found = scores(export, table)
    if link is not None:
        found = {pair: score for pair, score in found.items() if pair[0] != "account_id"}
        if not link.join:
            found = {pair: score for pair, score in found.items() if pair[1] != link.of}
    relation = GIVEN if link is not None and link.join else ""
    chosen = assigned(found)
    choices = {}
    for column in TABLES[table].columns:
        if column.name == "account_id" and link is not None:
            choices[column.name] = _linked(export, link, relation)
        elif column.name in chosen:
            field = export[chosen[column.name]]
            also = tuple(
                theirs
                for (ours, theirs), score in found.items()
                if ours == column.name and theirs != field.name and theirs not in chosen.values()
            )
            score = found[column.name, field.name]
            choices[column.name] = _choice(column, field, score, also, relation)
    made = Draft(table, export, choices, link.join if link is not None else "")
    return meanings.refined(made, relation)


def _choice(
    column: Column, field: Field, score: float, candidates: tuple[str, ...], relation: str
) -> Choice:
    spelling: Spelling = field.spelt(column.kind) or PLAIN
    sure = score >= SURE and spelling.sure
    sql = spelling.of(field.name, relation)
    also = () if sure else candidates
    return Choice(column.name, sql, field.name, field.sample, sure, spelling.said, also)


def _linked(export: Export, link: Link, relation: str) -> Choice:
    sql = link.sql if relation else link.sql.removeprefix(f"{GIVEN}.")
    note = link.said
    if link.share < 1:
        found = f"{link.share:.1%} of the values are found; the others will be refused"
        note = meanings.joined(note, found)
    if link.doubled:
        several = f"names of several accounts: {link.doubled}; their rows will be refused"
        note = meanings.joined(note, several)
    sample = "" if link.join else export[link.of].sample
    sure = link.share == 1 and not link.doubled
    return Choice("account_id", sql, link.of, sample, sure, note)


def empty(column: Column) -> str:
    """SQL of a column in which nothing stands."""
    return f"CAST(NULL AS {SQL_TYPE[column.kind]})"
