"""Who was forgotten: a register that keeps an account out and does not name it.

An entry is a day and SHA-256(salt, account id), with a salt of its own. No id can be read from it;
an id that is known already can be tried against it, which is how ingest leaves the account out.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from datetime import date
from pathlib import Path

import duckdb

from features.tables import TABLES
from pipeline import files

SALT = 16


class BadRegister(ValueError):
    """The register of forgotten accounts cannot be read: nothing may be ingested without it."""


@dataclass(frozen=True)
class Entry:
    """One forgotten account: the day, a salt and the digest (both hexadecimal)."""

    day: str
    salt: str
    digest: str

    def names(self, account_id: str) -> bool:
        """Whether this is the entry of an account."""
        return _digest(self.salt, account_id) == self.digest


@dataclass(frozen=True)
class Register:
    """Every account that was forgotten, in the order of forgetting."""

    entries: tuple[Entry, ...] = ()

    @classmethod
    def read(cls, path: Path | None = None) -> Register:
        """The register at `path` (by default that of this clone), empty where there is none.

        Raises BadRegister if the file is not one.
        """
        path = path or files.FORGOTTEN
        if not path.exists():
            return cls()
        try:
            stated = json.loads(path.read_text(encoding="utf-8"))["forgotten"]
            return cls(tuple(Entry(**entry) for entry in stated))
        except (ValueError, KeyError, TypeError) as error:
            raise BadRegister(
                f"{path} is no register of forgotten accounts ({error}): restore it from git, or "
                "those who asked to be forgotten would come back"
            ) from None

    def among(self, account_ids: Iterable[str]) -> set[str]:
        """Those of some accounts that were forgotten.

        >>> register = Register().and_also("acme", date(2026, 1, 31))
        >>> register.among(["acme", "bolt"]), "acme" in str(register)
        ({'acme'}, False)
        """
        return {one for one in account_ids if any(entry.names(one) for entry in self.entries)}

    def and_also(self, account_id: str, day: date) -> Register:
        """The register with a further account; one that it holds already is not added twice."""
        if self.among([account_id]):
            return self
        salt = os.urandom(SALT).hex()
        return Register((*self.entries, Entry(str(day), salt, _digest(salt, account_id))))

    def write(self, path: Path | None = None) -> None:
        """Write the register, whole or not at all."""
        path = path or files.FORGOTTEN
        text = json.dumps({"forgotten": [asdict(entry) for entry in self.entries]}, indent=1)
        new = path.with_name(f".{path.name}")
        new.write_text(text + "\n", encoding="utf-8")
        os.replace(new, path)


def leave_out(con: duckdb.DuckDBPyConnection, register: Register) -> int:
    """Take forgotten accounts out of the `said_` tables of a source; how many came back.

    Rows of other accounts that name one as their parent stay, without the name.
    """
    if not register.entries:
        return 0
    there: dict[str, list[str]] = {}
    for name, column in con.execute(
        "SELECT table_name, column_name FROM information_schema.columns "
        "WHERE column_name IN ('account_id', 'parent_id')"
    ).fetchall():
        if name.removeprefix("said_") in TABLES and name.startswith("said_"):
            there.setdefault(name, []).append(column)
    said: set[str] = set()
    for name, columns in there.items():
        for column in columns:
            rows = con.execute(f'SELECT DISTINCT CAST("{column}" AS VARCHAR) FROM {name}')
            said |= {value for (value,) in rows.fetchall() if value is not None}
    back = sorted(register.among(said))
    for name, columns in there.items() if back else ():
        if "account_id" in columns:
            con.execute(
                f"DELETE FROM {name} WHERE CAST(account_id AS VARCHAR) IN (SELECT unnest(?))",
                [back],
            )
        if "parent_id" in columns:
            con.execute(
                f"UPDATE {name} SET parent_id = NULL "
                "WHERE CAST(parent_id AS VARCHAR) IN (SELECT unnest(?))",
                [back],
            )
    return len(back)


def _digest(salt: str, account_id: str) -> str:
    return hashlib.sha256(bytes.fromhex(salt) + account_id.encode()).hexdigest()
