"""`renewcast`: the front door. A verb reads its arguments, calls a stage or a function, prints.

Results go to standard output, progress to standard error. Exit 0 is well, 1 an error, 2 bad input.
Heavy modules are imported by the verb that needs them, so that `--help` answers at once.
"""

from __future__ import annotations

import json
import sys
from contextlib import contextmanager
from datetime import date, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, Any

import typer

app = typer.Typer(
    name="renewcast",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
    help="Which accounts will churn or expand at their next renewal, beside the health score.",
)
health_app = typer.Typer(no_args_is_help=True, help="The rule-based health score.")
app.add_typer(health_app, name="health")

PACKAGES = {"features", "models", "serve", "pipeline", "simulation"}

AsOf = Annotated[
    datetime, typer.Option(formats=["%Y-%m-%d"], help="The morning: what was known before it.")
]
AsJson = Annotated[bool, typer.Option("--json", help="JSON for programs.")]
Account = Annotated[str | None, typer.Option(help="Only this account.")]
Out = Annotated[Path, typer.Option(help="The folder to write; it appears whole or not at all.")]


@app.command()
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


@app.command()
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


@app.command()
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


@app.command()
def features(
    as_of: Annotated[
        datetime | None, typer.Option(formats=["%Y-%m-%d"], help="The morning.")
    ] = None,
    account: Account = None,
    dictionary: Annotated[
        bool, typer.Option("--dictionary", help="What each feature means.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Print the features of one morning, or the dictionary of all features."""
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
    rows = of_account(asked.features.drop(columns="segment"), account)
    if as_json:
        print_json(records(rows))
    else:
        shown.features(rows, meanings())


@app.command()
def train(target: Annotated[str, typer.Argument(help="A target of params.yaml.")]) -> None:
    """Train one target on what is settled, and track the run."""
    from pipeline import files, gate, train
    from pipeline.settings import load

    if target not in load().targets:
        raise typer.BadParameter(f"{target} is no target: choose among {', '.join(load().targets)}")
    need(files.LABELS / target, "dvc repro")
    with working(f"training {target}"):
        gate.run(target)
        train.run(target)
    typer.echo((files.RUNS / f"{target}.json").read_text(encoding="utf-8"), nl=False)


@app.command()
def score(
    as_of: AsOf,
    out: Out,
    due_within: Annotated[int | None, typer.Option(min=1, help="Days ahead.")] = None,
    as_json: AsJson = False,
) -> None:
    """Score every renewal that falls due, or say of each why it is not scored."""
    from pipeline import cycle, files
    from pipeline import terminal as shown
    from pipeline.settings import load

    settings = load()
    need(files.FACTS / "facts.json", "dvc repro")
    vacant(out, "MANIFEST.json")
    within = due_within or settings.cycle.within
    with working(f"scoring the renewals due within {within} days of {as_of:%Y-%m-%d}"):
        found = cycle.score(settings, as_of.date(), within)
        found.publish(out)
    if as_json:
        print_json(found.summary)
    else:
        shown.summary(found.summary, found.frame, out)


@app.command()
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
    from pipeline.explanation import Asked, explanation, previous
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


@app.command()
def compare(as_json: AsJson = False) -> None:
    """Compare model, health score and rules on the held-out mornings."""
    from pipeline import compare as stage
    from pipeline import files
    from pipeline import terminal as shown

    need(files.HELDOUT, "dvc repro")
    with working("comparing on the held-out mornings"):
        found = stage.held_out()
    if as_json:
        print_json(found.to_dict())
    else:
        shown.comparison(found)


@app.command()
def report(
    as_json: AsJson = False,
    draw: Annotated[bool, typer.Option("--draw", help="Draw it again first.")] = False,
) -> None:
    """Print the headline figures of the report, and where it is."""
    from pipeline import files
    from pipeline import report as stage
    from pipeline import terminal as shown

    if draw:
        need(files.COMPARISON, "dvc repro")
        stage.run()
    page, figures = files.REPORT.with_suffix(".html"), files.REPORT.with_suffix(".json")
    need(figures, "dvc repro")
    read = json.loads(figures.read_text(encoding="utf-8"))
    if as_json:
        print_json(read)
    else:
        shown.headline(read, page)


@health_app.command("score")
def health_score(as_of: AsOf, account: Account = None, as_json: AsJson = False) -> None:
    """Print the health score of a morning, with the rules that fired."""
    from models.health import HealthScore
    from pipeline import terminal as shown
    from pipeline.settings import load

    rows = of_account(one_morning(as_of.date()).features, account)
    health = HealthScore(load().health)
    assessed, rules = health.assess(rows), health.rules(rows)
    if as_json:
        print_json({"scores": records(assessed), "rules": rules.pipe(plain)})
    elif account:
        shown.health_of_one(assessed, rules)
    else:
        shown.health(assessed)


@app.command()
def serve(
    publication: Annotated[Path, typer.Option(help="Scores as published.")] = Path("data/cycle"),
    host: Annotated[str, typer.Option(help="Loopback unless told otherwise.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=1, max=65535)] = 8000,
) -> None:
    """Serve the last published scores over HTTP."""
    from serve import app as service

    need(publication / "MANIFEST.json", "renewcast score")
    service.serve(publication, host=host, port=port)


def one_morning(as_of: date) -> Any:
    """What is known on a morning, from the facts."""
    from pipeline import files
    from pipeline.calendar import Calendar
    from pipeline.morning import morning
    from pipeline.settings import load
    from serve.freshness import check_freshness

    need(files.CALENDAR, "dvc repro")
    calendar = Calendar.read(files.CALENDAR)
    if as_of <= calendar.data_from:
        raise typer.BadParameter(
            f"the data begin on {calendar.data_from}: nothing is known before {as_of}"
        )
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
def working(what: str) -> Any:
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


def main() -> None:
    """Run a verb; what is wrong is said in sentences: exit 2 for bad input, 3 where the gate
    found a leak, 1 for an error."""
    try:
        app()
    except OSError as error:
        print(f"{error.filename or 'a file'}: {error.strerror or error}", file=sys.stderr)
        sys.exit(1)
    except (ValueError, RuntimeError) as error:
        kinds = refusals() if type(error).__module__.split(".")[0] in PACKAGES else ()
        if not isinstance(error, (*kinds, RuntimeError)):
            raise
        print(error, file=sys.stderr)
        sys.exit(2 if isinstance(error, kinds) else 3 if leaks(error) else 1)


def leaks(error: Exception) -> bool:
    """Whether the honesty gate refused what was to be learnt."""
    from models.gate import LeakFound

    return isinstance(error, LeakFound)


def refusals() -> tuple[type[Exception], ...]:
    """What we raise where the input, not the program, is to be changed."""
    from features.definition import UnknownName
    from features.observations import NoMornings
    from features.tables import BadInput
    from models.health_profile import UnknownFeature
    from models.heldout import NothingHeldOut
    from pipeline.settings import BadParams
    from serve.freshness import Refused

    return (BadInput, BadParams, NoMornings, NothingHeldOut, Refused, UnknownFeature, UnknownName)


if __name__ == "__main__":
    main()
