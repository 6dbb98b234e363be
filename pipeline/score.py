"""Stage: every scorer on the held-out mornings, and the coming cycle as it would be published."""

from __future__ import annotations

import pandas as pd

from features.publication import read_frame, write_frame
from models import bundle
from models.blend import Model
from models.health import HealthScore
from models.warning import EarlyWarning
from pipeline import cycle, files, rivals
from pipeline.calendar import Calendar
from pipeline.settings import Settings, load
from serve import scorer

BASE_RATE = "base_rate"


def predictions(settings: Settings, calendar: Calendar) -> pd.DataFrame:
    """Every scorer's word on the held-out mornings: account_id, as_of, target, model, score.

    Whatever learns has learnt from what was settled at the target's own cutoff.
    """
    asked, features = read_frame(files.OBSERVATIONS), rivals.past_features()
    loss, grace = cycle.loss(settings), settings.contracts.grace
    days = pd.to_datetime(
        [
            day
            for target in settings.targets.values()
            for day in calendar.heldout(target, settings.heldout, grace)
        ]
    )
    told = rivals.learnt(settings, loss.name, files.BACKTEST, features, calendar)
    rows = (
        features[features.index.get_level_values("as_of").isin(days)],
        asked[asked["as_of"].isin(days)],
    )
    models = {name: bundle.load(files.bundle(name, files.BACKTEST)) for name in settings.targets}
    targets = list(settings.targets.values())
    rules: list[scorer.Rule] = [HealthScore(settings.health), EarlyWarning(settings.warning)]
    if told.health is not None:
        rules.append(told.health)
    scored = scorer.score(*rows, models, targets, rules)
    constant = scored[scored["model"].eq(scorer.LEARNT)].assign(model=BASE_RATE)
    constant["score"] = constant["target"].map(
        {name: rivals.base_rate(name, files.BACKTEST) for name in settings.targets}
    )
    simple = [
        scorer.score(*rows, models | chain, targets, []).assign(model=kind)
        for kind, chain in baselines(settings).items()
    ]
    return pd.concat([scored, constant, *simple], ignore_index=True)


def baselines(settings: Settings) -> dict[str, dict[str, Model]]:
    """The simple models by kind, each with those of every target that has one."""
    found: dict[str, dict[str, Model]] = {}
    for name in settings.targets:
        folder = files.baselines(name)
        for path in sorted(folder.iterdir()) if folder.is_dir() else []:
            found.setdefault(path.name, {})[name] = bundle.load(path)
    return found


def run() -> None:
    """Write data/heldout.parquet and publish the coming cycle in data/cycle."""
    settings, calendar = load(), Calendar.read(files.CALENDAR)
    by = ("as_of", "account_id", "target", "model")
    write_frame(predictions(settings, calendar), files.HELDOUT, by)
    cycle.score(settings, calendar.data_until, settings.cycle.within).publish(files.CYCLE)


if __name__ == "__main__":
    from pipeline.refusal import in_sentences

    with in_sentences():
        run()
