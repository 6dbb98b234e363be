"""Stage: the model of one target, as of the held-out cutoff and as of the data's end.

As of the held-out cutoff the baselines are learnt, too: they are compared, and never published.
"""

from __future__ import annotations

import json
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pandas as pd
from threadpoolctl import threadpool_limits

from features.feature import families, signs
from features.publication import published, read_frame
from models import bundle, explain, metrics
from models.baselines import baselines
from models.blend import Model
from models.chain import chain
from models.ladder import train
from models.target import learnable
from pipeline import card, files
from pipeline.calendar import Calendar
from pipeline.identity import identity
from pipeline.settings import load, read
from pipeline.tracking import track
from serve import charts

INDEX = ["account_id", "as_of"]
SHOWN = 1000  # rows that importance is averaged over: the newest


def run(name: str) -> None:
    """Write artifacts/<target>, one bundle a cutoff, and runs/<target>.json of the tracked run."""
    settings, calendar = load(), Calendar.read(files.CALENDAR)
    target, hashes = settings.targets[name], identity("train", name)
    chosen = families(settings.features.families)
    columns = [column for family in chosen.values() for column in family]
    features = read_frame(files.FEATURES).set_index(INDEX)[columns]
    told = {
        cutoff: learnable(
            read_frame(files.LABELS / name / f"{cutoff}.parquet"), target, settings.targets
        )
        for cutoff in (files.BACKTEST, files.SERVING)
    }

    given: dict[str, Any] = {
        "name": name,
        "target": target,
        "settings": settings.learning,
        "signs": signs(settings.features.families),
        "seed": settings.seed,
        "gap_days": target.horizon + settings.contracts.grace + calendar.delay,
        "families": chosen,
    }

    def learnt(cutoff: str) -> Model:
        return train(features, told[cutoff], **given)

    # the trees are grown outside Python's lock; the limit holds until both models are there
    with threadpool_limits(1, user_api="blas"), ThreadPoolExecutor(len(told)) as pool:
        models = dict(zip(told, pool.map(learnt, told), strict=True))
        simple = baselines(features, told[files.BACKTEST], **given)
    with published(files.ARTIFACTS / name) as folder:
        chained = [one.result for one in chain(target, settings.targets)]
        described = {**hashes, "target": target.model_dump(), "chain": chained}
        about = {
            cutoff: {**described, "cutoff": str(rows["by"].max().date())}
            for cutoff, rows in told.items()
        }
        for cutoff, model in models.items():
            bundle.save(model, folder / cutoff, about=about[cutoff])
        for kind, model in simple.items():
            bundle.save(model, folder / files.BASELINES / kind, about={**described, "kind": kind})
    with TemporaryDirectory() as plots:
        draw(models[files.BACKTEST], features, chosen, Path(plots))
        seen = {
            cutoff: {"report": model.report, "signs": model.signs, "about": about[cutoff]}
            for cutoff, model in models.items()
        }
        shown = card.render(card.of(name, settings, calendar, seen, None), "card.md")
        (Path(plots) / "card.md").write_text(shown, encoding="utf-8")
        tracked = track(
            run_name=f"{name} {hashes['identity'][:12]}",
            params={"target": target.model_dump(), "learning": read()["learning"]},
            metrics={cutoff: model.report for cutoff, model in models.items()},
            tags={f"{part}_sha256": value for part, value in hashes.items()},
            artifacts=Path(plots),
            model_folder=files.bundle(name, files.SERVING),
            store=f"sqlite:///{files.TRACKING}",
        )
    files.RUNS.mkdir(exist_ok=True)
    text = json.dumps({**tracked, "target": name, **hashes}, indent=1)
    (files.RUNS / f"{name}.json").write_text(text + "\n", encoding="utf-8")


def draw(model: Model, features: pd.DataFrame, chosen: dict[str, list[str]], folder: Path) -> None:
    """The plots of a tracked run: calibration out-of-fold, and importance by family."""
    if not model.oof.empty:
        rows = metrics.calibration(
            model.oof["probability"], model.oof["outcome"].astype(bool), model.oof["weight"]
        )
        (folder / "calibration.svg").write_text(charts.calibration(rows), encoding="utf-8")
    moved = explain.contributions(model, features.tail(SHOWN), chosen)[list(chosen)].abs().mean()
    weights = pd.DataFrame({"family": moved.index, "weight": moved.to_numpy()})
    (folder / "importance.svg").write_text(charts.importance(weights), encoding="utf-8")


if __name__ == "__main__":
    run(sys.argv[1])
