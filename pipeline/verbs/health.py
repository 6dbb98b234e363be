"""Verbs of the rule-based health score."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from pipeline.verbs.front import (
    Account,
    AsJson,
    AsOf,
    need,
    of_account,
    one_morning,
    plain,
    print_json,
    records,
    working,
)


def score(as_of: AsOf, account: Account = None, as_json: AsJson = False) -> None:
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


def backtest(
    config: Annotated[
        Path | None, typer.Option(help="A file with a block `health`; by default params.yaml.")
    ] = None,
    learnt_until: Annotated[
        datetime | None,
        typer.Option(formats=["%Y-%m-%d"], help="It was fitted to what was known until then."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Replay a configuration over past mornings, before it goes live; exit 3 if a floor fails."""
    from pipeline import files, health_trial
    from pipeline import health_trial_terminal as shown
    from pipeline.calendar import Calendar
    from pipeline.settings import load

    need(files.FEATURES, "dvc repro")
    if config is not None and not config.exists():
        raise typer.BadParameter(f"{config} is not there")
    settings = load()
    with working("replaying the health score"):
        found = health_trial.backtest(
            settings,
            settings.health_trial,
            Calendar.read(files.CALENDAR),
            config,
            learnt_until=learnt_until.date() if learnt_until else None,
        )
    if as_json:
        print_json(health_trial.plain(found))
    else:
        shown.backtest(found)
    if not found.passed:
        raise typer.Exit(3)


def diff(
    other: Annotated[Path, typer.Argument(help="A file with a block `health`.")],
    base: Annotated[Path, typer.Option(help="What it is held against.")] = Path("params.yaml"),
    as_json: AsJson = False,
) -> None:
    """Which accounts change band between two configurations, and who would have been right."""
    from pipeline import files, health_trial
    from pipeline import health_trial_terminal as shown
    from pipeline.calendar import Calendar
    from pipeline.settings import load

    need(files.FEATURES, "dvc repro")
    for path in (base, other):
        if not path.exists():
            raise typer.BadParameter(f"{path} is not there")
    with working("comparing two health scores"):
        found = health_trial.diff(load(), Calendar.read(files.CALENDAR), base, other)
    if as_json:
        print_json(health_trial.plain(found))
    else:
        shown.diff(found)
