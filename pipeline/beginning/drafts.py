"""One of our tables as a file could make it, and what each of its columns is made of."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from pipeline.beginning.headers import Export


@dataclass(frozen=True)
class Choice:
    """What one of our columns is made of: `sql` over the file's column `of`; both are empty where
    nothing was found. `note` says what to know, and a choice that is not `sure` is a person's."""

    column: str
    sql: str = ""
    of: str = ""
    sample: str = ""
    sure: bool = True
    note: str = ""
    candidates: tuple[str, ...] = ()


@dataclass(frozen=True)
class Draft:
    """One of our tables as a file could make it."""

    table: str
    export: Export
    choices: Mapping[str, Choice]
    join: str = ""

    def __getitem__(self, column: str) -> Choice:
        return self.choices.get(column, Choice(column))

    @property
    def unread(self) -> list[str]:
        """The file's columns that no choice reads."""
        read = {choice.of for choice in self.choices.values()}
        return [field.name for field in self.export.fields if field.name not in read]

    def with_choice(self, choice: Choice) -> Draft:
        """The same with one choice made otherwise."""
        return replace(self, choices={**self.choices, choice.column: choice})
