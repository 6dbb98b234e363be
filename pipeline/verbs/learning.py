"""Verbs of the models: score, explain, serve."""

from __future__ import annotations

from datetime import date, datetime
from pathlib import Path
from typing import Annotated, Literal

import typer

from pipeline.verbs.front import AsJson, AsOf, Out, need, one_morning, print_json, vacant, working


def score(
    out: Out,
    as_of: Annotated[
        datetime | None,
        typer.Option(formats=["%Y-%m-%d"], help="The morning: what was known before it."),
    ] = None,
    due_within: Annotated[int | None, typer.Option(min=1, help="Days ahead.")] = None,
    seal: Annotated[bool, typer.Option(help="Write them into the ledger, for good.")] = True,
    features: Annotated[
        Path | None,
        typer.Option(help="Instead of a morning: a Parquet file of features, or a folder of them."),
    ] = None,
    intervals: Annotated[bool, typer.Option(help="Of --features: with low and high.")] = False,
    threads: Annotated[int, typer.Option(min=1, help="Of --features.")] = 1,
    part_rows: Annotated[
        int, typer.Option(min=1, help="Of --features: rows until the next point to go on from.")
    ] = 250_000,
    as_json: AsJson = False,
) -> None:
    """Score every renewal that falls due, or say of each why it is not scored, and seal it.

    With --features every row of a batch of any size is scored as it stands, and nothing is sealed;
    a batch that was stopped goes on where it was when the same command is given again.
    """
    if (as_of is None) == (features is None):
        raise typer.BadParameter("say on which morning, --as-of 2026-01-01, or give --features")
    if features is None:
        assert as_of is not None
        _score_cycle(as_of, out, due_within, seal, as_json)
        return
    if due_within is not None:
        raise typer.BadParameter("--due-within is of a morning: leave it out with --features")
    from pipeline import bulk, files
    from pipeline.settings import load

    need(files.ARTIFACTS, "dvc repro")
    vacant(out, "scores.parquet")
    try:
        with bulk.told() as progress:
            found = bulk.score(
                load(),
                features,
                out,
                intervals=intervals,
                threads=threads,
                part_rows=part_rows,
                progress=progress,
            )
    except KeyboardInterrupt:
        typer.echo("stopped; the same command goes on from the parts that are done", err=True)
        raise typer.Exit(130) from None
    if as_json:
        print_json(found)
    else:
        asked = ", ".join(f"{name} {count:,}" for name, count in found["asked"].items())
        typer.echo(f"{found['rows']:,} rows scored into {out}; asked: {asked}; nothing is sealed")


def _score_cycle(
    as_of: datetime, out: Path, due_within: int | None, seal: bool, as_json: bool
) -> None:
    from pipeline import cycle, files, ledger, record_terminal
    from pipeline import terminal as shown
    from pipeline.settings import load

    settings = load()
    need(files.FACTS / "facts.json", "dvc repro")
    vacant(out, "MANIFEST.json")
    within = due_within or settings.cycle.within
    with working(f"scoring the renewals due within {within} days of {as_of:%Y-%m-%d}"):
        found = cycle.score(settings, as_of.date(), within)
        receipt = ledger.publish(found, ledger.opened(settings) if seal else None, out)
    if as_json:
        print_json(found.summary)
    else:
        shown.summary(found.summary, found.frame, out)
        record_terminal.sealed(receipt)


def explain(
    account: Annotated[str, typer.Argument(help="An account id.")],
    as_of: AsOf,
    target: Annotated[
        str | None, typer.Option(help="A target of params.yaml; by default the loss.")
    ] = None,
    since: Annotated[
        datetime | None,
        typer.Option(formats=["%Y-%m-%d"], help="An earlier morning; by default last month's."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Say why one account's probability is what it is, and what changed since last month."""
    from pipeline import cycle, files
    from pipeline import terminal as shown
    from pipeline.accounts.explanation import Asked, explanation, previous
    from pipeline.settings import load
    from serve.freshness import Refused

    def asked(day: date) -> Asked:
        known = cycle.bundles(settings, day)
        return Asked(day, one_morning(day), known.models, known.sha256)

    settings, day = load(), as_of.date()
    about = target or cycle.loss(settings).name
    if about not in settings.targets:
        raise typer.BadParameter(
            f"{about} is no target: choose among {', '.join(settings.targets)}"
        )
    if since is not None and since >= as_of:
        raise typer.BadParameter(f"--since {since:%Y-%m-%d} must lie before --as-of {day}")
    need(files.ARTIFACTS, "dvc repro")
    now, then, why_not = asked(day), None, None
    try:
        then = asked(since.date() if since else previous(day))
    except (Refused, typer.BadParameter) as why:
        if since is not None:
            raise
        why_not = str(why)
    found = explanation(settings, account, settings.targets[about], now, then, why_not)
    if as_json:
        print_json(found)
    else:
        shown.explanation(found)


def serve(
    publication: Annotated[Path, typer.Option(help="Scores as published.")] = Path("data/cycle"),
    host: Annotated[str, typer.Option(help="Loopback unless told otherwise.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=1, max=65535)] = 8000,
    tokens: Annotated[
        Path | None, typer.Option(help="Who may read and publish: lines of `renewcast token`.")
    ] = None,
    name: Annotated[
        list[str] | None, typer.Option(help="A name under which a proxy passes requests on.")
    ] = None,
) -> None:
    """Serve the last published scores: pages for people at /, an interface at /v1."""
    from pipeline import files, ledger
    from pipeline.settings import load
    from serve import app as service

    settings = load()
    need(publication / "MANIFEST.json", "renewcast score")
    if tokens is not None:
        need(tokens, "renewcast token")
    service.serve(
        publication,
        host=host,
        port=port,
        hosts=tuple(name or ()),
        tokens=None if tokens is None else tokens.read_text(encoding="utf-8"),
        bundles=files.ARTIFACTS if files.ARTIFACTS.exists() else None,
        reports=files.COMPARISON.parent,
        ledger=ledger.address(settings) if ledger.begun(settings) else None,
    )


def token(
    name: Annotated[str, typer.Argument(help="Whose it is.")],
    role: Annotated[Literal["read", "publish"], typer.Option(help="What it allows.")] = "read",
) -> None:
    """Print the line of a new token for the configuration; the token itself is shown once."""
    from serve.api.tokens import issue

    secret, line = issue(role, name)
    typer.echo(line)
    typer.echo(f"the token, shown once: {secret}", err=True)
