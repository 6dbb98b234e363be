"""The verb that forgets an account."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pipeline.verbs.front import AsJson, print_json, working

if TYPE_CHECKING:
    from pipeline.erasing.erasure import Plan

SHOWN = 3


def forget(
    account: Annotated[str, typer.Argument(help="The account_id, as the tables have it.")],
    publication: Annotated[
        list[Path] | None, typer.Option(help="A publication outside the clone, too; repeatable.")
    ] = None,
    inputs: Annotated[
        bool, typer.Option("--inputs", help="Also write exports outside the clone anew.")
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only say what would be done.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    as_json: AsJson = False,
) -> None:
    """Remove an account from every file and database of ours; exit 1 if a trace is left."""
    from datetime import UTC, datetime

    from pipeline.erasing.erasure import Request, erase, plan
    from pipeline.settings import load

    settings, asked = load(), Request(account, publication or (), inputs)
    with working("looking for the account"):
        found = plan(settings, asked)
    if not as_json:
        planned(found)
    if dry_run:
        if as_json:
            print_json({"done": False, **found.to_dict()})
        return
    if not yes:
        typer.confirm("This cannot be undone. Forget the account?", abort=True, err=True)
    with working("forgetting it, and looking again"):
        after = erase(settings, asked, found, datetime.now(UTC).date())
    traces = [*(name for find in after.finds for name in (find.names or [find.place])), *after.left]
    if as_json:
        print_json({"done": not traces, **found.to_dict(), "traces": traces})
    else:
        done(traces)
    if traces:
        raise typer.Exit(1)


def planned(found: Plan) -> None:
    """What is to be done, place by place."""
    for find in found.finds:
        typer.echo(f"{find.place}: {find.action} {find.count:,} {find.unit}")
        for name in find.names[:SHOWN]:
            typer.echo(f"    {name}")
        if len(find.names) > SHOWN:
            typer.echo(f"    and {len(find.names) - SHOWN:,} more (--json names all)")
    if found.unreachable:
        typer.echo(f"Data of {len(found.unreachable):,} commits cannot be checked out any more:")
        for commit in found.unreachable[:SHOWN]:
            typer.echo(f"    {commit}")
    for path in found.left:
        typer.echo(f"Not made by us, yours to delete or edit: {path}")
    for said in found.yours:
        typer.echo(f"Not touched: {said}.")


def done(traces: list[str]) -> None:
    """What is left, or what to do next."""
    if traces:
        typer.echo("The account is registered as forgotten, but a trace is left in:", err=True)
        for path in traces:
            typer.echo(f"    {path}", err=True)
        typer.echo("Delete or edit these, then run the same command again.", err=True)
        return
    typer.echo(
        "Forgotten; no trace is left. Next: commit forgotten.json, then run `dvc repro`, which "
        "makes every output again. The models still are what they learnt from the account, though "
        "they do not name it, until then."
    )
