"""A canary in the sample company: an account whose name and whose people must not be seen further
than they are meant to be."""

from __future__ import annotations

from pathlib import Path

ACCOUNT, NAME = "acc_00064", "Canary & Søns “Zwitscher”"
MAIL = "jo.canary@canary-mine.example"
SAID = {
    "accounts": {"name": f"'{NAME}'"},
    "usage": {"user_id": f"user_id || '.{MAIL}'"},
    "tickets": {"subject": f"'Please call {MAIL}'", "body": f"'Dear team,\n{MAIL} of {NAME}'"},
    "nps": {"user_id": f"user_id || '.{MAIL}'", "comment": f"'Ask {MAIL}'"},
}


def plant(source: Path) -> None:
    """Have the SELECTs in `source` say the canary's name and addresses of the account."""
    for table, columns in SAID.items():
        path = source / f"{table}.sql"
        path.write_text(f"SELECT * {replaced(columns)} FROM (\n{path.read_text()}\n)\n")


def replaced(columns: dict[str, str]) -> str:
    """SQL that puts the canary's values into some columns of its rows."""
    told = [
        f"CASE WHEN account_id = '{ACCOUNT}' THEN {said} ELSE {column} END AS {column}"
        for column, said in columns.items()
    ]
    return f"REPLACE ({', '.join(told)})"
