"""What is told of a training: its figures, its plots, the data it read, and the state of the tree.

Nothing of this has a part in what is learnt, nor in its identity.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pandas as pd

from features.publication import manifest, sha256
from models import bundle, explain, metrics
from models.blend import Model
from models.metrics import Ranking
from pipeline import card, files
from pipeline.calendar import Calendar
from pipeline.experiments import cutoffs, store
from pipeline.experiments.tracking import Data, Training, track
from pipeline.identity import inputs
from pipeline.settings import Settings, read
from pipeline.state import state
from serve import charts

HANGS_ON = ("contracts", "features", "learning", "seed", "source")  # with the target's own block
SHOWN = 1000  # rows that importance is averaged over: the newest
STEPS = 200  # points of a curve, at most
SHORTEST = 0.01  # of all: what a shorter list holds is chance


@dataclass(frozen=True)
class Learnt:
    """A training that is over: `models` and `about` (what their manifests say) by cutoff, `hashes`
    of params, data, code and lock, `families` the columns by family."""

    name: str
    settings: Settings
    calendar: Calendar
    features: pd.DataFrame
    families: Mapping[str, list[str]]
    models: Mapping[str, Model]
    about: Mapping[str, Mapping[str, Any]]
    hashes: Mapping[str, str]


def tell(learnt: Learnt) -> None:
    """Track a training whose bundles are published, and write runs/<target>.json of the run."""
    name, now, given = learnt.name, state(), inputs()
    params = read()
    tags = {f"{part}_sha256": value for part, value in learnt.hashes.items()}
    tree = {"commit": now.commit or "", "dirty": json.dumps(now.dirty), "cpu": now.cpu}
    days = {cutoff: str(about["cutoff"]) for cutoff, about in learnt.about.items()}
    bundles = {"bundle": files.bundle(name, files.SERVING)}
    bundles[files.BACKTEST] = files.bundle(name, files.BACKTEST)
    told = cutoffs.cutoffs(learnt.models, days, seed=learnt.settings.seed)
    reports = {cutoff: model.report for cutoff, model in learnt.models.items()}
    with TemporaryDirectory() as folder:
        plots = Path(folder)
        draw(learnt, plots)
        tracked = track(
            Training(
                name=f"{name} {learnt.hashes['identity'][:12]}",
                target=name,
                params={"target": params["targets"][name]} | {of: params[of] for of in HANGS_ON},
                metrics={**told[0].metrics, **reports},
                tags=tags | tree,
                bundles=bundles,
                files=[plots],
                state=[path for path in (files.PARAMS, files.STAGES_LOCK) if path.exists()],
                data=_data(name, given),
                cutoffs=told,
            ),
            store.address(),
        )
    files.RUNS.mkdir(exist_ok=True)
    run = {
        **tracked,
        "target": name,
        **learnt.hashes,
        "bundle_sha256": bundle.identity(bundles["bundle"]),
        "commit": now.commit,
        "dirty": list(now.dirty),
        "cpu": now.cpu,
        "inputs": given,
    }
    path = files.RUNS / f"{name}.json"
    path.write_text(json.dumps(run, indent=1) + "\n", encoding="utf-8")


def draw(learnt: Learnt, folder: Path) -> None:
    """The plots of a run and its card. All but the importance are of what was judged out-of-fold
    before the held-out mornings; where nothing was, they are not drawn."""
    model = learnt.models[files.BACKTEST]
    drawn: dict[str, str] = {}
    if not model.oof.empty:
        happened, weight = model.oof["outcome"].astype(bool), model.oof["weight"]
        drawn["calibration"] = charts.calibration(
            metrics.calibration(model.oof["probability"], happened, weight)
        )
        steps = curve(model.oof)
        drawn["lift"] = charts.lift(steps)
        drawn["precision_recall"] = charts.precision_recall(steps)
    periods = cutoffs.over_time(learnt.models[files.SERVING], seed=learnt.settings.seed)
    if not periods.empty:
        drawn["backtest"] = charts.over_time(periods, "AUC", 0.5)
    families = list(learnt.families)
    served = replace(model, resampled=())  # of an average there is no doubt to tell
    moved = explain.contributions(served, learnt.features.tail(SHOWN), learnt.families)[families]
    weights = moved.abs().mean()
    drawn["importance"] = charts.importance(
        pd.DataFrame({"family": weights.index, "weight": weights.to_numpy()})
    )
    for plot, svg in drawn.items():
        (folder / f"{plot}.svg").write_text(svg, encoding="utf-8")
    seen = {
        cutoff: {"report": of.report, "signs": of.signs, "about": learnt.about[cutoff]}
        for cutoff, of in learnt.models.items()
    }
    shown = card.of(learnt.name, learnt.settings, learnt.calendar, seen, None)
    (folder / "card.md").write_text(card.render(shown, "card.md"), encoding="utf-8")


def curve(oof: pd.DataFrame) -> pd.DataFrame:
    """From the highest score down, at most STEPS lists of at least SHORTEST of all: `share` of the
    weight on it, share of the outcomes `caught`, its `precision` and `lift`, and the `base_rate`.

    >>> told = {"logit": [2.0, 1.0, 0.0, -1.0], "outcome": [1, 0, 1, 0], "weight": 1.0}
    >>> curve(pd.DataFrame(told))[["share", "caught", "lift"]].values.tolist()
    [[0.25, 0.5, 2.0], [0.5, 0.5, 1.0], [0.75, 1.0, 1.3333333333333333], [1.0, 1.0, 1.0]]
    """
    ranked = Ranking.of(oof["logit"], oof["outcome"], oof["weight"])
    mass, caught = np.cumsum(ranked.weight), np.cumsum(ranked.outcome)
    base = caught[-1] / mass[-1]
    first = int(np.searchsorted(mass, SHORTEST * mass[-1]))
    steps = min(STEPS, len(mass) - first)
    ends = np.linspace(first, len(mass) - 1, steps).round().astype(int)
    precision = (caught / mass)[ends]
    return pd.DataFrame(
        {
            "share": (mass / mass[-1])[ends],
            "caught": (caught / caught[-1])[ends],
            "precision": precision,
            "lift": precision / base,
            "base_rate": base,
        }
    )


def _data(name: str, given: Mapping[str, str]) -> list[Data]:
    """What the stages before left for this one, and the exports that all of it came from."""
    text = json.dumps(manifest(files.FEATURES), sort_keys=True)
    features = hashlib.sha256(text.encode()).hexdigest()
    read = [Data("features", features, files.FEATURES.as_posix(), "training")]
    for cutoff in (files.BACKTEST, files.SERVING):
        path = files.LABELS / name / f"{cutoff}.parquet"
        read.append(Data(f"labels of {cutoff}", sha256(path), path.as_posix(), cutoff))
    return [*read, *(Data(path, sha, path, "export") for path, sha in given.items())]
