"""A draft as the file a person reads and corrects: one SELECT, with what was chosen and why."""

from __future__ import annotations

import textwrap

from features.tables import TABLES, Column
from pipeline.beginning.drafts import Choice, Draft
from pipeline.beginning.links import GIVEN
from pipeline.beginning.mapping import empty

TODO = "TODO"


def select(draft: Draft) -> str:
    """The SELECT of a table, as a file."""
    table = TABLES[draft.table]
    body: list[str] = []
    left_out = []
    for column in table.columns:
        choice = draft[column.name]
        if choice.sql or column.required:
            body += _notes(column, choice)
            sample = f"  -- such as {_line(choice.sample)}" if choice.sample else ""
            body.append(f"    {choice.sql or empty(column)} AS {column.name},{sample}")
        else:
            left_out.append((column, choice))
    last, comma, sample = body[-1].rpartition(",  -- such as ")
    body[-1] = f"{last}  -- such as {sample}" if comma else body[-1].removesuffix(",")
    source = f"FROM {draft.export.raw}" + (f" AS {GIVEN}" if draft.join else "")
    tail = [source, draft.join] if draft.join else [source]
    return "\n".join([*_head(draft, left_out), "SELECT", *body, *tail, ""])


def derived_accounts(draft: Draft) -> str:
    """Accounts from the contracts, where no file lists them: since the first start of each."""
    account, start = draft["account_id"], draft["start_date"]
    return "\n".join(
        [
            f"-- accounts: {TABLES['accounts'].meaning}. No file lists them: they are those of",
            f"-- {_line(draft.export.file)}. {TODO}: customers that never signed are missing.",
            "SELECT",
            f"    {account.sql or 'CAST(NULL AS VARCHAR)'} AS account_id,",
            f"    min({start.sql or 'CAST(NULL AS DATE)'}) AS created_at",
            f"FROM {draft.export.raw}",
            "GROUP BY 1",
            "",
        ]
    )


def _head(draft: Draft, left_out: list[tuple[Column, Choice]]) -> list[str]:
    table = TABLES[draft.table]
    head = _wrapped(f"{draft.table}: {table.meaning}; from {_line(draft.export.file)}")
    nothing = [column.name for column, choice in left_out if not choice.note]
    if nothing:
        head += _wrapped(f"Nothing found for: {', '.join(nothing)}")
    for column, choice in left_out:
        if choice.note:
            also = f" ({', '.join(map(_line, choice.candidates))})" if choice.candidates else ""
            head += _wrapped(f"{column.name}{also} is {choice.note}")
    if draft.unread:
        head += _wrapped(f"Not read: {', '.join(map(_line, draft.unread))}")
    return head


def _notes(column: Column, choice: Choice) -> list[str]:
    """What to know of a column, above it; TODO where a person has to say."""
    parts = [choice.note] if choice.note else []
    if not choice.sql:
        parts += ["nothing found", f"meant is {column.meaning}"]
    elif not choice.sure and not parts:
        parts.append("a guess by its name")
    if choice.candidates:
        parts.append(f"could be {', '.join(map(_line, choice.candidates))}")
    if not parts:
        return []
    mark = "" if choice.sql and choice.sure else f"{TODO} {column.name}: "
    return _wrapped(mark + "; ".join(parts), "    ")


def _wrapped(text: str, indent: str = "") -> list[str]:
    first, further = f"{indent}-- ", f"{indent}--   "
    return textwrap.wrap(text, 98, initial_indent=first, subsequent_indent=further)


def _line(text: str) -> str:
    """Text that stays within one line of a comment."""
    return " ".join(text.split())
