"""What the verbs share: their options, how they print, and what they refuse."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, datetime
from pathlib import Path
from typing import Annotated, Any

import typer

AsOf = Annotated[
    datetime, typer.Option(formats=["%Y-%m-%d"], help="The morning: what was known before it.")
]
AsJson = Annotated[bool, typer.Option("--json", help="JSON for programs.")]
Account = Annotated[str | None, typer.Option(help="Only this account.")]
Out = Annotated[Path, typer.Option(help="The folder to write; it appears whole or not at all.")]


def one_morning(as_of: date) -> Any:
    """What is known on a morning, from the facts."""
    from pipeline import files
    from pipeline.calendar import Calendar
    from pipeline.morning import morning
    from pipeline.settings import load
    from serve.freshness import check_freshness, check_reached

    need(files.CALENDAR, "dvc repro")
    calendar = Calendar.read(files.CALENDAR)
    if as_of <= calendar.data_from:
        raise typer.BadParameter(
            f"the data begin on {calendar.data_from}: nothing is known before {as_of}"
        )
    check_reached(as_of, calendar.data_until)
    check_freshness(files.FACTS, as_of, load().cycle.freshness)
    with working(f"building the features of {as_of}"):
        return morning(files.FACTS, as_of, load(), calendar)


def of_account(rows: Any, account: str | None) -> Any:
    """The rows of one account, or all of them."""
    if account is None:
        return rows
    found = rows[rows.index.get_level_values("account_id") == account]
    if found.empty:
        raise typer.BadParameter(
            f"{account} is no customer on that morning; {len(rows)} accounts are"
        )
    return found


def plain(rows: Any) -> list[dict[str, Any]]:
    """Rows as JSON holds them."""
    from serve.predictions import records

    return records(rows)


def records(rows: Any) -> list[dict[str, Any]]:
    """Rows with their index as JSON holds them."""
    return plain(rows.reset_index())


def print_json(value: object) -> None:
    typer.echo(json.dumps(value, indent=1, allow_nan=False, ensure_ascii=False))


@contextmanager
def working(what: str) -> Iterator[None]:
    """Say on standard error what is going on, while a person watches."""
    from rich.console import Console

    with Console(stderr=True).status(f"{what} …"):
        yield


def vacant(out: Path, mark: str) -> None:
    """Refuse a folder with other things in it: it would be replaced as a whole."""
    if out.exists() and not (out / mark).exists() and (not out.is_dir() or any(out.iterdir())):
        raise typer.BadParameter(
            f"{out} holds other files and would be replaced as a whole: name a new folder"
        )


def need(path: Path, command: str) -> None:
    """Refuse, with the command that makes it, where a file or folder is not there yet."""
    if not path.exists():
        raise typer.BadParameter(f"{path} is not there yet: run `{command}` first")
