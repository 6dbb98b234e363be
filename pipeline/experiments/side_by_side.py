"""Two runs side by side: what differs in their params, who predicts better, and whom it moves."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from features.feature import families
from features.publication import read_frame
from models import bundle, explain
from models.chain import chain
from models.comparison import Comparison
from models.target import Target
from pipeline import files
from pipeline.calendar import Calendar
from pipeline.experiments.paired import FIRST, INDEX, SECOND, NotComparable, held_out, said
from pipeline.experiments.run_record import RunRecord
from pipeline.experiments.tracking import flat
from pipeline.settings import Settings
from serve.predictions import records

TOLD = ("difference", "low", "high", "verdict", "reason", "primary")  # of a pair
INPUTS = ("params", "data", "code", "lock")


@dataclass(frozen=True)
class SideBySide:
    """`runs`: id, identity, commit and dirty of the two. `inputs`: which of INPUTS differ. Frames:

    params: name, first, second – those that differ. counts: one row of Comparison.counts.
    metrics: metric, first and second with _low and _high, difference (second − first) with low and
    high (paired, 95 %), verdict (of the second), primary. moved: account_id, first, second
    (probabilities on `morning`), first_band, second_band, change; the largest first. bands:
    first_band, second_band, accounts; empty where the outcome is not the loss, as `*_band` are.
    families: family, first, second (columns), first_push, second_push (mean |logit| moved).
    same_rows: whether both learnt from as many rows, accounts, mornings and positives.
    """

    target: str
    runs: dict[str, dict[str, Any]]
    inputs: list[str]
    params: pd.DataFrame
    mornings: list[str]
    counts: dict[str, Any]
    metrics: pd.DataFrame
    morning: str
    moved: pd.DataFrame
    bands: pd.DataFrame
    families: pd.DataFrame
    same_rows: bool

    @property
    def only_families(self) -> bool:
        """Whether nothing differs but the families: then the difference is what these are worth.

        The gate's report, of other columns, counts as data: whether the rows that were learnt from
        are as many, and as many of them positive, says more.
        """
        others = set(self.inputs) - {"params", "data"}
        return self.same_rows and not others and set(self.params["name"]) == {"features.families"}

    def to_dict(self) -> dict[str, Any]:
        """Plain lists of records for JSON."""
        return {
            name: records(value) if isinstance(value, pd.DataFrame) else value
            for name, value in vars(self).items()
        }


def of_runs(settings: Settings, first: RunRecord, second: RunRecord) -> SideBySide:
    """The second run against the first; raises NotComparable."""
    target = _target(settings, first, second)
    comparison, days = held_out(settings, target, first.backtest, second.backtest)
    morning = Calendar.read(files.CALENDAR).mornings[-1]
    told = said(
        settings, target, {FIRST: first.bundle, SECOND: second.bundle}, files.SERVING, [morning]
    )
    moved = _moved(settings, target, told)
    banded = moved.groupby(["first_band", "second_band"], sort=False).size()
    return SideBySide(
        target=target.name,
        runs={side: _about(of) for side, of in ((FIRST, first), (SECOND, second))},
        inputs=[name for name in INPUTS if len({_hash(of, name) for of in (first, second)}) > 1],
        params=_params(first.params, second.params),
        mornings=[str(day) for day in days],
        counts=records(comparison.counts[comparison.counts["by"].eq("all")])[0],
        metrics=_metrics(comparison),
        morning=str(morning),
        moved=moved,
        bands=banded.rename("accounts").reset_index(),
        families=_families(told.index, first.bundle, second.bundle),
        same_rows=len({_rows(of.bundle) for of in (first, second)}) == 1,
    )


def _target(settings: Settings, first: RunRecord, second: RunRecord) -> Target:
    """The target of both, if it is still what params.yaml describes, and its columns are there."""
    faults = []
    if first.id == second.id:
        faults.append(f"{first.short} is the same run twice")
    if first.target != second.target:
        faults.append(
            f"{first.short} predicts {first.target}, {second.short} predicts {second.target}"
        )
    columns = set(read_frame(files.FEATURES).columns)
    for run in (first, second):
        if run.target not in settings.targets:
            faults.append(f"{run.short} predicts {run.target}, no target of {files.PARAMS} now")
            continue
        now = settings.targets[run.target]
        described = (now.model_dump(), [one.result for one in chain(now, settings.targets)])
        about = bundle.manifest(run.bundle)["about"]
        if (about["target"], about["chain"]) != described:
            faults.append(
                f"{run.short} was learnt for another targets.{run.target} than {files.PARAMS} now "
                "describes: restore that, or train again"
            )
        if absent := sorted(set(bundle.columns(run.bundle)) - columns):
            faults.append(
                f"{run.short} reads {len(absent)} columns that are no features now, the first "
                f"{absent[0]}: restore its code (`renewcast reproduce {run.short}`)"
            )
    if faults:
        raise NotComparable("; ".join(faults))
    return settings.targets[first.target]


def _rows(folder: Path) -> tuple[Any, ...]:
    report = bundle.report(folder)
    return tuple(report[name] for name in ("rows", "accounts", "mornings", "positives"))


def _about(run: RunRecord) -> dict[str, Any]:
    told = {name: run.tags.get(name) for name in ("commit", "dirty")}
    return {"id": run.id, "identity": run.identity, **told}


def _hash(run: RunRecord, name: str) -> str | None:
    return run.tags.get(f"{name}_sha256")


def _params(first: Mapping[str, Any], second: Mapping[str, Any]) -> pd.DataFrame:
    one, other = flat(first), flat(second)
    names = [name for name in one | other if one.get(name) != other.get(name)]
    rows = [{"name": name, FIRST: one.get(name), SECOND: other.get(name)} for name in names]
    return pd.DataFrame(rows, columns=["name", FIRST, SECOND], dtype=object)


def _metrics(found: Comparison) -> pd.DataFrame:
    """One row a figure: both, and the paired difference second − first."""
    figures = found.metrics[found.metrics["by"].eq("all")].set_index(["metric", "model"])
    rows = []
    for pair in found.pairs[found.pairs["model"].eq(SECOND)].to_dict("records"):
        row = {"metric": pair["metric"]}
        for side in (FIRST, SECOND):
            value, low, high = figures.loc[(pair["metric"], side), ["value", "low", "high"]]
            row |= {side: value, f"{side}_low": low, f"{side}_high": high}
        rows.append(row | {key: pair[key] for key in TOLD})
    return pd.DataFrame(rows)


def _moved(settings: Settings, target: Target, told: pd.DataFrame) -> pd.DataFrame:
    rows = told.reset_index().drop(columns="as_of").assign(first_band=None, second_band=None)
    if target.outcome == "lost":
        for side in (FIRST, SECOND):
            rows[f"{side}_band"] = settings.cycle.bands.of(rows[side])
    rows["change"] = rows[SECOND] - rows[FIRST]
    order = rows["change"].abs().sort_values(ascending=False, kind="stable").index
    return rows.loc[order].reset_index(drop=True)


def _families(index: pd.Index, first: Path, second: Path) -> pd.DataFrame:
    """What each family has in both models, and how far it moves those asked about on average."""
    known = families()
    asked = read_frame(files.FEATURES).set_index(INDEX).reindex(index)
    rows = pd.DataFrame({"family": list(known)})
    for side, folder in ((FIRST, first), (SECOND, second)):
        columns = set(bundle.columns(folder))
        pushed = explain.contributions(bundle.load(folder), asked, known)[list(known)]
        rows[side] = [len(columns & set(of)) for of in known.values()]
        rows[f"{side}_push"] = pushed.abs().mean().to_numpy()
    return rows
