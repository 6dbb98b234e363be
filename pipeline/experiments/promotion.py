"""Whether a run takes the champion's place: both are judged on the same held-out mornings.

The bundles compared are those learnt before the mornings that they are judged on. A target that is
learnt among those who escape others is judged as it would be published: with the other targets'
present models on both sides, so that the difference is its own.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pandas as pd

from models import bundle
from models.duel import BETTER, CANNOT_TELL
from models.target import Target
from pipeline import files
from pipeline.calendar import Calendar
from pipeline.experiments import paired, registry, run_record
from pipeline.experiments.registry import Decision
from pipeline.experiments.run_record import RunRecord
from pipeline.score import BASE_RATE
from pipeline.settings import Settings

REFUSED = "refused"  # without a comparison: the run could not be what it says it is
NOTHING: Mapping[str, Any] = {"rows": 0, "difference": None, "low": None, "high": None}


class CannotJudge(ValueError):
    """Two runs cannot be compared on these held-out mornings."""


def promote(
    settings: Settings, calendar: Calendar, store: str, given: str, reason: str | None = None
) -> Decision:
    """Judge the run that `given` names against its target's champion, and keep the decision.

    The run becomes champion if the 95 % interval of the paired difference in log-loss, drawn by
    account, lies below zero; where there is no champion yet, against the base rate. A `reason`
    moves it whatever the interval says (forced), also where the champion cannot be judged any more,
    because params.yaml asks another question now. A run of a dirty tree is refused in any case:
    nobody could make it again. Raises UnknownRun and CannotJudge; then nothing is kept.
    """
    with TemporaryDirectory() as folder:
        asked = run_record.run(store, given, Path(folder))
        before = registry.champion(store, asked.target)
        if before == asked.id:
            raise CannotJudge(f"run {asked.short} is champion of {asked.target} already")
        said: dict[str, Any] = {
            "decided_at": registry.now(),
            "target": asked.target,
            "run_id": asked.id,
            "bundle_sha256": bundle.identity(asked.bundle),
            "against": before or BASE_RATE,
        }
        why = unclean(asked.tags)
        if why is not None:
            found = {**NOTHING, "verdict": REFUSED, "reason": why}
            decided = Decision(**said, **found, promoted=False, forced=False)
        else:
            against = None if before is None else run_record.run(store, before, Path(folder))
            found = _judged(settings, calendar, asked, against, forcing=reason is not None)
            better = found["verdict"] == BETTER
            forced = not better and reason is not None
            told = reason if forced else found["reason"]
            decided = Decision(
                **{**said, **found, "reason": told}, promoted=better or forced, forced=forced
            )
    registry.record(store, decided)
    return decided


def unclean(tags: Mapping[str, str]) -> str | None:
    """Why a run cannot be promoted at all, by its tags; None if it can."""
    dirty = tags.get("dirty")
    if dirty is None:
        return "it was tracked before runs told the state of their tree: train again"
    if dirty != "[]":
        return f"its tree was dirty, so that nobody could make it again: {dirty}; commit, train"
    return None


def judged(settings: Settings, asked: RunRecord, against: RunRecord | None) -> dict[str, Any]:
    """`rows`, `difference`, `low`, `high`, `verdict` and its `reason`: a run against another, or
    against the base rate, by log-loss on the settled rows of the target's held-out mornings."""
    target = settings.targets[asked.target]
    other = None if against is None else against.backtest
    found, _ = paired.held_out(settings, target, asked.backtest, other)
    pairs = found.pairs[found.pairs["metric"].eq("log_loss")]
    row = pairs[pairs["model"].eq(paired.FIRST)].iloc[0]
    figures = {name: _finite(row[name]) for name in ("difference", "low", "high")}
    counted = found.counts[found.counts["by"].eq("all")].iloc[0]
    verdict = str(row["verdict"])
    if None in figures.values():
        verdict = CANNOT_TELL
    return {
        "rows": int(counted["rows"]),
        **figures,
        "verdict": verdict,
        "reason": str(row["reason"]),
    }


def publish(store: str) -> None:
    """Write every decision, the newest first, where the service's page of models looks for them."""
    files.PROMOTIONS.parent.mkdir(parents=True, exist_ok=True)
    text = json.dumps([asdict(decision) for decision in registry.decisions(store)], indent=1)
    new = files.PROMOTIONS.with_suffix(".new")
    new.write_text(text + "\n", encoding="utf-8")
    new.replace(files.PROMOTIONS)


def _judged(
    settings: Settings,
    calendar: Calendar,
    asked: RunRecord,
    against: RunRecord | None,
    *,
    forcing: bool,
) -> dict[str, Any]:
    """The same, of runs that may turn out not to be comparable."""
    target = settings.targets.get(asked.target)
    if target is None:
        raise CannotJudge(f"run {asked.short} predicts {asked.target}, which params.yaml does not")
    first = str(calendar.heldout(target, settings.heldout, settings.contracts.grace)[0])
    _comparable(asked, target, first)
    try:
        if against is not None:
            _comparable(against, target, first)
    except CannotJudge as why:
        if not forcing:
            raise CannotJudge(f"{why}; or give a reason (--force --reason)") from None
        return {**NOTHING, "verdict": CANNOT_TELL, "reason": str(why)}
    return judged(settings, asked, against)


def _comparable(run: RunRecord, target: Target, first: str) -> None:
    """Raise CannotJudge if a run answers another question, or knows the answers already."""
    about = bundle.manifest(run.backtest)["about"]
    if about["target"] != target.model_dump():
        raise CannotJudge(
            f"run {run.short} was asked another question than params.yaml asks of {target.name} "
            f"now: {about['target']}: train again"
        )
    if about["cutoff"] > first:
        raise CannotJudge(
            f"run {run.short} learnt until {about['cutoff']}, and the mornings that judge begin on "
            f"{first}: it would have seen the answers: train again"
        )


def _finite(value: float) -> float | None:
    return float(value) if pd.notna(value) else None
