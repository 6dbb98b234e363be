"""What each part of the exam asks of one company."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

import numpy as np
import pandas as pd

from benchmarks import ceiling, judging, leaks, population
from benchmarks.worlds import World, world
from features.feature import families
from models import explain, forecast, metrics
from models.blend import Model
from models.comparison import compare
from models.duel import Kind
from models.health import HealthScore
from models.health_refit import RefittedHealth
from models.target import learnable, weights
from pipeline import files
from pipeline.morning import INDEX
from pipeline.settings import Settings, load
from serve import scorer

CHURN = "churn"
BASE = "base_rate"
GATED = 4  # every so manieth company is shown to the honesty gate: 200 of 800
CYCLES, CYCLE_SHARE = 20, 0.1  # cycles a company, of a tenth of its accounts
EXPLAINED = 600  # fresh renewals whose first reason is checked
FEW = 5  # rows of each class below which an AUC says nothing
CLEAR = 1.25  # by how much the first true driver must exceed the second
DRIVER_OF = {  # what behaves: the champion and the mood both show in use
    "frequency": "use",
    "breadth": "use",
    "depth": "use",
    "relationship": "use",
    "support": "support",
    "sentiment": "support",
    "commercial": "commercial",
}


@cache
def fresh(family: str, target: str) -> pd.DataFrame:
    """The fresh renewals of a family, with the observable ceiling's probability if it is learnt."""
    rows = population.fresh(family, target)
    if ceiling.path(family, target).exists():
        return rows.assign(ceiling=ceiling.learnt(family, target))
    return rows


@cache
def asked(family: str, mornings: tuple[pd.Timestamp, ...]) -> pd.DataFrame:
    """Renewals that were asked about on some mornings, as many as models are judged on elsewhere.

    Of every company made: on the held-out mornings the first five have a third as many, and the
    luck of five moves an AUC by more than what is measured here.
    """
    every = population.made(family, CHURN)
    there = population.rows(family, CHURN, every, mornings)
    return population.single(there, population.FRESH_ROWS)


def share(family: str, accounts: int, seed: int) -> dict[str, Any]:
    """A company's models beside their rivals, all on the same fresh renewals."""
    settings = load()
    made = world(
        family,
        seed,
        accounts,
        settings=settings,
        cutoffs=(files.SERVING,),
        targets=population.TARGETS,
        known=False,
    )
    models = judging.fitted(made, settings, beside=True, only=population.TARGETS)
    found: dict[str, Any] = {}
    for target in models:
        rows = fresh(family, target)
        base = training_rate(made.labels[target][files.SERVING])
        every: dict[str, np.ndarray] = {}
        for name in models[target]:
            chain = {one: them.get(name, them[scorer.LEARNT]) for one, them in models.items()}
            sure = name == scorer.LEARNT and target == CHURN and "ceiling" in rows
            told = judging.predicted(chain, rows, target, settings, sure)
            every[name] = told["probability"].to_numpy()
            if sure:
                inside = rows["ceiling"].between(told["low"], told["high"])
                found[f"{target}_inside"] = float(inside.mean())
        learnt = models[target][scorer.LEARNT].report
        found[target] = {
            "rung": learnt["rung"],
            "positives": learnt["positives"],
            "models": {name: judging.figures(p, rows, base) for name, p in every.items()},
        }
        if target == CHURN:
            found["health"] = health(made, rows, every[scorer.LEARNT], settings)
            found["cycles"] = cycles(models[target][scorer.LEARNT], rows, accounts, seed)
            found["reasons"] = reasons(models[target][scorer.LEARNT], rows, settings)
    return found


def training_rate(labels: pd.DataFrame) -> float:
    """The weighted share of outcomes among a company's own settled rows."""
    told = labels[labels["outcome"].notna()]
    return float(np.average(told["outcome"].astype(float), weights=told["weight"]))


def health(
    made: World, rows: pd.DataFrame, probability: np.ndarray, settings: Settings
) -> dict[str, float]:
    """AUC of the health score, as configured and refitted, and of the model on the same rows."""
    features = rows.set_index(INDEX)
    configured = HealthScore(settings.health)
    target = settings.targets[CHURN]
    told = learnable(made.labels[CHURN][files.SERVING], target, settings.targets)
    refitted = RefittedHealth.fit(configured, made.features, told)
    found: dict[str, float] = {}
    for scorer_ in (configured, refitted):
        score = scorer_.score(features).to_numpy(dtype=float)
        known = ~np.isnan(score)
        outcome = rows["outcome"].to_numpy(dtype=bool)[known]
        found[scorer_.name] = metrics.auc(score[known], outcome)
        found[f"model_where_{scorer_.name}"] = metrics.auc(probability[known], outcome)
    return found


def cycles(model: Model, rows: pd.DataFrame, accounts: int, seed: int) -> dict[str, int]:
    """How often the churns of a cycle lie within the 80 % interval of their number."""
    rng = np.random.default_rng(seed)
    size = max(20, int(accounts * CYCLE_SHARE))
    inside = 0
    for _ in range(CYCLES):
        cycle = rows.iloc[rng.choice(len(rows), size, replace=False)]
        expected = forecast.losses(model, cycle.set_index(INDEX))
        inside += int(expected.low <= cycle["outcome"].sum() <= expected.high)
    return {"cycles": CYCLES, "inside": inside}


def reasons(model: Model, rows: pd.DataFrame, settings: Settings) -> dict[str, int] | None:
    """How often the dimension named first is the one that truly drives the churn up most."""
    columns = [column for column in population.DRIVERS if column in rows]
    if not columns:
        return None
    there = rows[rows[columns].notna().all(axis=1)].iloc[:EXPLAINED]
    true = pd.DataFrame(
        {
            "use": there["driver_usage"] + there["driver_sponsor"],
            "support": there["driver_support"],
            "commercial": there["driver_commercial"],
        }
    )
    ordered = np.sort(true.to_numpy(), axis=1)
    clear = (ordered[:, -1] > 0) & (ordered[:, -1] >= CLEAR * np.maximum(ordered[:, -2], 0))
    chosen = families(settings.features.families)
    known = {column: DRIVER_OF[name] for name, its in chosen.items() for column in its}
    first = explain.top(model, there.set_index(INDEX), chosen, count=1)["top_1"]
    told = first.map(known).to_numpy(dtype=object)
    right = told == true.idxmax(axis=1).to_numpy()
    said = clear & pd.notna(told)
    return {"clear": int(clear.sum()), "said": int(said.sum()), "right": int((right & said).sum())}


def held_out(family: str, accounts: int, seed: int) -> dict[str, Any]:
    """What the comparison reports of a model, and what is true of it on fresh renewals of the same
    mornings, which come after all that it has learnt from."""
    settings = load()
    made = company(family, accounts, seed, settings)
    found, model = duel(made, settings)
    rows = asked(family, tuple(pd.to_datetime(made.held[CHURN])))
    true = judging.figures(model.predict(rows.set_index(INDEX)).to_numpy(), rows, model.base_rate)
    found |= {"true_auc": true["auc"]} | {name: true[name] for name in ("in_the_large", "slope")}
    return found | alarms(made, settings, seed)


def company(family: str, accounts: int, seed: int, settings: Settings) -> World:
    """A company without what neither the comparison nor, if it comes to that, the gate looks at."""
    targets = population.TARGETS if gated(seed) else (CHURN,)
    return world(family, seed, accounts, settings=settings, targets=targets, known=False)


def duel(made: World, settings: Settings) -> tuple[dict[str, Any], Model]:
    """The model as of the held-out cutoff, and what the comparison says of it."""
    model = judging.fitted(made, settings, files.BACKTEST, only=(CHURN,))[CHURN][scorer.LEARNT]
    return {"rung": model.rung, **compared(made, model, settings)}, model


def gated(seed: int) -> bool:
    """Whether the gate is asked: it costs a quarter of the time, and 200 companies tell enough."""
    return seed % GATED == 0


def alarms(made: World, settings: Settings, seed: int) -> dict[str, int]:
    """How many leaks the honesty gate believes to see in a company that has none, if asked."""
    if not gated(seed):
        return {}
    shown = settings.model_copy(update={"targets": {n: settings.targets[n] for n in made.labels}})
    asked = leaks.targets(made, shown)
    return {"alarms": sum(len(leaks.probed(one, settings).evidence) for one in asked)}


def noise(family: str, accounts: int, seed: int) -> dict[str, Any]:
    """What the comparison says where there is nothing to be learnt."""
    settings = load()
    made = company(family, accounts, seed, settings)
    found, _ = duel(made, settings)
    return found | alarms(made, settings, seed)


def compared(made: World, model: Model, settings: Settings) -> dict[str, Any]:
    """The model, the base rate and the health score on the held-out mornings."""
    labels = made.labels[CHURN]
    days = pd.to_datetime(made.held[CHURN])
    told = labels[files.SERVING]
    judged = told[told["as_of"].isin(days) & told["outcome"].notna()]
    judged = judged.assign(weight=weights(judged), target=CHURN)
    features = made.features.loc[pd.MultiIndex.from_frame(judged[INDEX])]
    scores: Mapping[str, pd.Series] = {
        scorer.LEARNT: model.predict(features),
        BASE: pd.Series(training_rate(labels[files.BACKTEST]), features.index),
        HealthScore.name: HealthScore(settings.health).score(features),
    }
    long = pd.concat(
        [
            score.rename("score").to_frame().reset_index().assign(model=name, target=CHURN)
            for name, score in scores.items()
        ]
    )
    kinds: dict[str, Kind] = {name: "probability" for name in scores}
    kinds[HealthScore.name] = "rule"
    found = compare(long, judged, kinds, settings.comparison, share=settings.cycle.share)
    measured = found.metrics
    auc = measured[
        measured["by"].eq("all")
        & measured["model"].eq(scorer.LEARNT)
        & measured["metric"].eq("auc")
    ].iloc[0]
    learnt = learnable(labels[files.BACKTEST], settings.targets[CHURN], settings.targets)
    return {
        "auc": float(auc["value"]),
        "auc_unseen": unseen(judged, scores[scorer.LEARNT], learnt),
        "low": float(auc["low"]),
        "high": float(auc["high"]),
        "against_base_rate": found.verdict(CHURN, scorer.LEARNT, BASE),
        "against_health": found.verdict(CHURN, scorer.LEARNT, HealthScore.name),
    }


def unseen(judged: pd.DataFrame, score: pd.Series, learnt: pd.DataFrame) -> float | None:
    """AUC on accounts that nothing was learnt from; None where too few of them left or stayed."""
    new = ~judged["account_id"].isin(learnt["account_id"]).to_numpy()
    outcome = judged["outcome"].to_numpy(dtype=bool)[new]
    if min(outcome.sum(), (~outcome).sum()) < FEW:
        return None
    return metrics.auc(score.to_numpy()[new], outcome, judged["weight"].to_numpy()[new])


PAPERS: Mapping[str, Callable[[str, int, int], dict[str, Any]]] = {
    "share": share,
    "heldout": held_out,
    "noise": noise,
}
