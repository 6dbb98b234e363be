"""Verbs up to the features: a company, its exports, its tables, what was known on a morning."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated

import typer

from pipeline.verbs.front import (
    Account,
    AsJson,
    Out,
    need,
    of_account,
    one_morning,
    plain,
    print_json,
    records,
    vacant,
    working,
)

Source = Annotated[Path | None, typer.Option(help="A folder of SELECTs, one a table.")]
Given = Annotated[
    str | None, typer.Option("--input", help="A folder of exports, or a database URL.")
]
From = Annotated[
    datetime | None,
    typer.Option(formats=["%Y-%m-%d"], help="From this day the exports hold every customer."),
]
Until = Annotated[
    datetime | None, typer.Option(formats=["%Y-%m-%d"], help="Until this day, exclusive.")
]


def simulate(
    out: Annotated[Path, typer.Option(help="The folder to write to.")],
    accounts: Annotated[int, typer.Option(min=1, help="How many accounts.")] = 800,
    months: Annotated[int, typer.Option(min=1, help="How many months of history.")] = 36,
    seed: Annotated[int, typer.Option(help="Another seed, another company.")] = 7,
) -> None:
    """Write the raw exports of a company whose truth is known."""
    from pipeline.settings import load
    from simulation.company import simulate

    vacant(out, "truth")
    settings = load().simulation.model_copy(
        update={"accounts": accounts, "months": months, "seed": seed}
    )
    with working(f"simulating {accounts} accounts over {months} months"):
        simulate(settings, out)
    typer.echo(str(out))


def ingest(
    source: Source = None,
    given: Given = None,
    data_from: From = None,
    data_until: Until = None,
    out: Out = Path("data/tables"),
) -> None:
    """Map a company's exports to the tables, or name every reason why not."""
    vacant(out, "source.json")
    read_source(source, given, data_from, data_until, out)
    typer.echo(str(out))


def validate(
    source: Source = None,
    given: Given = None,
    data_from: From = None,
    data_until: Until = None,
    html: Annotated[Path | None, typer.Option(help="Write the report as a page, too.")] = None,
    as_json: AsJson = False,
) -> None:
    """Say what the tables hold, what is odd and what is missing: of a source, or as ingested.

    With a source nothing but the page is written; its faults are named all at once.
    """
    from pipeline import files
    from pipeline.data_report import data_report
    from pipeline.validate import render_html, render_text

    if source or given or data_from or data_until:
        with TemporaryDirectory() as folder:
            tables = Path(folder) / "tables"
            read_source(source, given, data_from, data_until, tables)
            report = data_report(tables)
    else:
        need(files.TABLES / "source.json", "renewcast ingest")
        report = data_report(files.TABLES)
    if html:
        html.parent.mkdir(parents=True, exist_ok=True)
        html.write_text(render_html(report), encoding="utf-8")
    if as_json:
        print_json(report)
    else:
        typer.echo(render_text(report))


def read_source(
    source: Path | None,
    given: str | None,
    data_from: datetime | None,
    data_until: datetime | None,
    out: Path,
) -> None:
    """Ingest what was named; what was not, is as params.yaml says of its own source."""
    from pipeline.ingest import ingest
    from pipeline.settings import load

    stated = load().source
    until = None if source else stated.data_until
    with working("reading the exports"):
        ingest(
            source or Path(stated.folder),
            given or stated.input,
            data_from.date() if data_from else stated.data_from,
            data_until.date() if data_until else until,
            out,
        )


def features(
    as_of: Annotated[
        datetime | None, typer.Option(formats=["%Y-%m-%d"], help="The morning.")
    ] = None,
    account: Account = None,
    dictionary: Annotated[
        bool, typer.Option("--dictionary", help="What each feature means.")
    ] = False,
    out: Annotated[
        Path | None, typer.Option(help="Write them as `score --features` reads them.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Print or write the features of one morning, or print the dictionary of all features."""
    from features.feature import dictionary as meanings
    from pipeline import terminal as shown

    if dictionary:
        frame = meanings()
        if as_json:
            print_json(plain(frame))
        else:
            shown.dictionary(frame)
        return
    if as_of is None:
        raise typer.BadParameter("say on which morning: --as-of 2026-01-01, or ask --dictionary")
    asked = one_morning(as_of.date())
    if out is not None:
        from pipeline.bulk import write_features

        write_features(asked, out)
        typer.echo(str(out))
        return
    rows = of_account(asked.features.drop(columns="segment"), account)
    if as_json:
        print_json(records(rows))
    else:
        shown.features(rows, meanings())
