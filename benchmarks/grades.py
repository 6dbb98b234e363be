"""The exam's table: what was aimed at, what was measured, and where it was missed.

`python -m benchmarks.grades` prints it for the code as it stands, or for the results named. A
target is met when the end of the 95 % interval of the mean over companies reaches it (for a figure
that is to lie within bounds: when the mean does).
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from scipy.stats import t

from benchmarks import ceiling, exam
from serve.scorer import LEARNT

SIZES = (200, 500, 1_000, 5_000)
SHARE = {"churn": (0.85, 0.90, 0.93, 0.95), "upsell": (0.80, 0.85, 0.88, 0.90)}
REACH = {"churn": (0.92, 0.96, 0.98, 0.995), "upsell": (0.92, 0.96, 0.98, 0.995)}
Result = dict[str, Any]


@dataclass(frozen=True)
class Grade:
    """One row of the table; `worst` is the worst company's figure."""

    what: str
    aim: str
    mean: float
    low: float
    high: float
    worst: float
    companies: int
    met: bool
    reached: bool


def interval(values: Sequence[float]) -> tuple[float, float, float]:
    """Mean and its 95 % interval over companies (Student's t)."""
    known = np.asarray([value for value in values if np.isfinite(value)], dtype=float)
    if len(known) < 2:
        return (float(known.mean()) if len(known) else np.nan, np.nan, np.nan)
    mean = float(known.mean())
    half = float(t.ppf(0.975, len(known) - 1) * known.std(ddof=1) / np.sqrt(len(known)))
    return mean, mean - half, mean + half


def at_least(what: str, values: Sequence[float], aim: float, reach: float) -> Grade:
    """The larger the better."""
    mean, low, high = interval(values)
    worst = float(np.nanmin(values)) if len(values) else np.nan
    aims = f"≥ {aim:g} ({reach:g})"
    return Grade(what, aims, mean, low, high, worst, len(values), low >= aim, low >= reach)


def within(
    what: str, values: Sequence[float], aim: tuple[float, float], reach: tuple[float, float]
) -> Grade:
    """The mean should lie between two bounds; the worst is the farthest from their middle."""
    mean, low, high = interval(values)
    middle = sum(aim) / 2
    worst = max(values, key=lambda value: abs(value - middle)) if len(values) else np.nan
    aims = f"{aim[0]:g} to {aim[1]:g} ({reach[0]:g} to {reach[1]:g})"
    met, reached = aim[0] <= mean <= aim[1], reach[0] <= mean <= reach[1]
    return Grade(what, aims, mean, low, high, worst, len(values), met, reached)


def share_of(kind: str) -> Callable[[list[Result]], Iterator[Grade]]:
    """AUC gained over one half, as a share of what the observable ceiling gains."""

    def grades(results: list[Result]) -> Iterator[Grade]:
        for place, accounts in enumerate(SIZES):
            there = of(results, "share", accounts)
            if not there or not ceiling.path(there[0]["family"], kind).exists():
                continue
            top = ceiling.ceilings(there[0]["family"], kind)["observable"]["all"]
            gains = [(auc(result, kind) - 0.5) / (top - 0.5) for result in there]
            what = f"share of the ceiling's AUC gain, {kind}, {accounts:,} accounts"
            yield at_least(what, gains, SHARE[kind][place], REACH[kind][place])

    return grades


def of(results: list[Result], name: str, accounts: int | None = None) -> list[Result]:
    """The results of one part."""
    return [
        result
        for result in results
        if result["name"] == name and accounts in (None, result["accounts"])
    ]


def auc(result: Result, kind: str, model: str = LEARNT) -> float:
    """A model's AUC on the fresh renewals; .5 if it says the same of everyone."""
    return float(result[kind]["models"][model]["auc"])


def log_losses(results: list[Result]) -> Iterator[Grade]:
    """Against the training base rate: better on average, and no company worse by over .002."""
    for kind in ("churn", "upsell"):
        for accounts in SIZES:
            there = of(results, "share", accounts)
            own = [result[kind]["models"][LEARNT] for result in there]
            gains = [one["base_log_loss"] - one["log_loss"] for one in own]
            if gains:
                what = f"log-loss gained on the base rate, {kind}, {accounts:,} accounts"
                grade = at_least(what, gains, 0.0, 0.0)
                met = grade.low > 0 and grade.worst >= -0.002
                yield Grade(**{**vars(grade), "aim": "> 0; worst ≥ -.002", "met": met})


def over_health(results: list[Result]) -> Iterator[Grade]:
    """Paired AUC over the health score at 1,000 accounts."""
    there = [result["health"] for result in of(results, "share", 1_000)]
    for name, words, aim, reach in (
        ("health", "as configured", 0.08, 0.10),
        ("health_refitted", "refitted", 0.03, 0.05),
    ):
        gaps = [one[f"model_where_{name}"] - one[name] for one in there]
        if gaps:
            yield at_least(f"AUC over the health score {words}, 1,000 accounts", gaps, aim, reach)


def over_rivals(results: list[Result]) -> Iterator[Grade]:
    """Log-loss against plain LightGBM, AUC against the ridge logit."""
    for accounts in SIZES:
        there = [result["churn"]["models"] for result in of(results, "share", accounts)]
        if not there:
            continue
        plain = [one["plain_lightgbm"]["log_loss"] - one[LEARNT]["log_loss"] for one in there]
        yield at_least(f"log-loss gained on plain LightGBM, {accounts:,} accounts", plain, 0, 0)
        better = [one[LEARNT]["auc"] - one["plain_lightgbm"]["auc"] for one in there]
        if accounts == 500:
            yield at_least("AUC over plain LightGBM, 500 accounts", better, 0, 0.04)
        ridge = [one[LEARNT]["auc"] - one["ridge"]["auc"] for one in there]
        yield at_least(f"AUC over the ridge logit, {accounts:,} accounts", ridge, -0.002, 0)


def estimates(results: list[Result]) -> Iterator[Grade]:
    """Whether the held-out estimate of AUC is right, and knows how sure it is."""
    there = [result for result in of(results, "heldout") if result["rung"] != "base rate"]
    errors = [result["auc"] - result["true_auc"] for result in there]
    covers = [float(result["low"] <= result["true_auc"] <= result["high"]) for result in there]
    if there:
        what = "reported less true AUC of the held-out estimate"
        yield within(what, errors, (-0.01, 0.01), (-0.003, 0.003))
        new = [one for one in there if one.get("auc_unseen") is not None]
        if new:
            errors = [one["auc_unseen"] - one["true_auc"] for one in new]
            what = "the same on accounts that nothing was learnt from"
            yield within(what, errors, (-0.01, 0.01), (-0.003, 0.003))
        yield within("its 95 % interval holds the true AUC", covers, (0.92, 0.98), (0.93, 0.97))


def calibrations(results: list[Result]) -> Iterator[Grade]:
    """Mean prediction less outcomes, slope, and the intervals.

    Of the next period: the mornings after all that a model has learnt from; otherwise of all.
    """
    later = [result for result in of(results, "heldout") if "in_the_large" in result]
    if later:
        level = [result["in_the_large"] for result in later]
        what = "calibration in the large, churn, next period"
        yield within(what, level, (-0.015, 0.015), (-0.01, 0.01))
        slope = [result["slope"] for result in later if np.isfinite(result["slope"])]
        yield within("calibration slope, churn, next period", slope, (0.85, 1.15), (0.9, 1.1))
    large = [result for result in of(results, "share") if result["accounts"] >= 1_000]
    for kind in ("churn", "upsell"):
        own = [result[kind]["models"][LEARNT] for result in large]
        if own:
            level = [one["in_the_large"] for one in own]
            what = f"calibration in the large, {kind}, all mornings"
            yield within(what, level, (-0.015, 0.015), (-0.01, 0.01))
            slope = [one["slope"] for one in own if np.isfinite(one["slope"])]
            what = f"calibration slope, {kind}, all mornings"
            yield within(what, slope, (0.85, 1.15), (0.9, 1.1))
    for accounts in SIZES:
        there = of(results, "share", accounts)
        inside = [result["churn_inside"] for result in there if "churn_inside" in result]
        if inside:
            what = f"80 % interval holds the ceiling's probability, {accounts:,} accounts"
            yield within(what, inside, (0.75, 0.85), (0.78, 0.82))
    sums = [one["cycles"]["inside"] / one["cycles"]["cycles"] for one in of(results, "share")]
    if sums:
        what = "80 % interval of a cycle's churns holds their number"
        yield within(what, sums, (0.75, 0.85), (0.78, 0.82))


def reasons(results: list[Result]) -> Iterator[Grade]:
    """How often the first reason is the true first driver, where that is clear."""
    for accounts in SIZES:
        there = [one["reasons"] for one in of(results, "share", accounts) if one.get("reasons")]
        right = [one["right"] / one["said"] for one in there if one["said"]]
        if right:
            yield at_least(f"the first reason is the true driver, {accounts:,}", right, 0.6, 0.75)


def silence(results: list[Result]) -> Iterator[Grade]:
    """What is said where there is nothing to be said."""
    there = of(results, "noise")
    for against in ("against_base_rate", "against_health"):
        said = [float(result[against] in ("better", "worse")) for result in there]
        if said:
            what = f"noise: verdicts better or worse {against.replace('_', ' ')}"
            yield within(what, said, (0, 0.075), (0, 0.05))
    abstained = [float(result["rung"] == "base rate") for result in there]
    if abstained:
        yield at_least("noise: the ladder abstains", abstained, 0, 1)


def false_alarms(results: list[Result]) -> Iterator[Grade]:
    """Companies without a leak in which the gate believes to see one."""
    there = of(results, "heldout") + of(results, "noise")
    raised = [float(result["alarms"] > 0) for result in there if "alarms" in result]
    if raised:
        yield within("companies with a false alarm of the gate", raised, (0, 0.02), (0, 0))


ROWS: Sequence[Callable[[list[Result]], Iterator[Grade]]] = (
    share_of("churn"),
    share_of("upsell"),
    log_losses,
    over_health,
    over_rivals,
    estimates,
    calibrations,
    reasons,
    silence,
    false_alarms,
)


def table(results: list[Result]) -> str:
    """The grades as Markdown."""
    lines = [
        "| | aim (reach for) | mean (95 %) | worst company | companies | |",
        "|---|---|---|---|---|---|",
    ]
    for grade in (grade for rows in ROWS for grade in rows(results)):
        word = "reached" if grade.met and grade.reached else "met" if grade.met else "**missed**"
        lines.append(
            f"| {grade.what} | {grade.aim} | {grade.mean:.3f} ({grade.low:.3f} to {grade.high:.3f})"
            f" | {grade.worst:.3f} | {grade.companies} | {word} |"
        )
    return "\n".join(lines)


def rungs(results: list[Result]) -> str:
    """How often each rung was chosen."""
    rows = [
        (result["accounts"], kind, result[kind]["rung"])
        for result in of(results, "share")
        for kind in ("churn", "upsell")
    ]
    frame = pd.DataFrame(rows, columns=["accounts", "target", "rung"])
    return frame.groupby(["target", "accounts", "rung"]).size().to_string() if rows else ""


def main(asked: list[str]) -> None:
    """Print the table of the results named, or of this code's."""
    found = list(exam.read(Path(asked[0]) if asked else exam.results()))
    print(f"{len(found)} companies\n\n{table(found)}\n\n{rungs(found)}")


if __name__ == "__main__":
    main(sys.argv[1:])
