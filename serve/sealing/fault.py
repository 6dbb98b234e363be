"""What is wrong with a ledger, by name."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Fault:
    """The first entry that is not as it was sealed.

    `kind`: altered, removed, inserted, swapped, rewritten or unreadable; account and due date as
    the row reads now, None where there is none.
    """

    kind: str
    table: str
    sequence: int | None
    detail: str
    run_id: str | None = None
    account_id: str | None = None
    due_date: str | None = None

    def __str__(self) -> str:
        place = "" if self.sequence is None else f" entry {self.sequence}"
        named = {"run": self.run_id, "account": self.account_id, "due": self.due_date}
        about = ", ".join(f"{name} {value}" for name, value in named.items() if value)
        return f"{self.kind}: {self.table}{place}{f' ({about})' if about else ''}: {self.detail}"


class Found(Exception):
    """Carries the first fault out of the walk."""

    def __init__(self, fault: Fault) -> None:
        super().__init__(str(fault))
        self.fault = fault
