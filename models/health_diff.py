"""Two configurations of the health score: which accounts change band and why, and who was right."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from models import duel
from models.duel import CANNOT_TELL, ComparisonSettings
from models.health import INDEX, OVERRIDE, HealthScore
from models.health_profile import UNKNOWN, HealthSettings
from models.health_trial import drawn
from models.metrics import NotSettled, wilson

OLD, NEW = "old", "new"
MOVES = ("down", "up", "same", "unknown")

Floats = NDArray[np.float64]


class BandsDiffer(ValueError):
    """Two configurations call their bands differently, so no account moves between them."""


@dataclass(frozen=True)
class HealthDiff:
    """`new` beside `old`.

    changed: the newest morning's accounts in another band: account_id, as_of, segment, old_band,
    new_band, old_score, new_score, move (down: a worse band; up; unknown: a band won or lost),
    reason_1 to reason_3: what moved the score, the strongest first.
    bands: old_band, new_band, accounts: all accounts of that morning.
    past: move, rows, accounts, churned (accounts), churn with _low and _high, arr, arr_churned:
    what became of those who would have moved so on the settled mornings.
    verdict, reason: whether `new` would have caught more of the churned ARR at the same length of
    list: better, worse or cannot tell; `auc` the same by rank.
    """

    changed: pd.DataFrame
    bands: pd.DataFrame
    past: pd.DataFrame
    verdict: str
    reason: str
    auc: str


def diff(
    old: HealthSettings,
    new: HealthSettings,
    today: pd.DataFrame,
    features: pd.DataFrame,
    labels: pd.DataFrame,
    drawing: ComparisonSettings,
    *,
    share: float,
) -> HealthDiff:
    """`today`: the features of one morning; `features` and `labels` as for health_trial.backtest.

    `share`: how long a list is, as a part of the accounts. Raises BandsDiffer if the bands are not
    called alike, from the worst to the best.
    """
    names = [[band.name for band in one.bands] for one in (old, new)]
    if names[0] != names[1]:
        raise BandsDiffer(f"the bands are {names[0]} and {names[1]}: give both the same names")
    rows = labels.sort_values(INDEX, ignore_index=True)
    if rows["outcome"].isna().any():
        raise NotSettled(f"{rows['outcome'].isna().sum()} rows have no outcome: take settled ones")
    asked = features.reindex(pd.MultiIndex.from_frame(rows[INDEX]))
    scorers = {OLD: HealthScore(old), NEW: HealthScore(new)}
    then = {name: scorer.assess(asked) for name, scorer in scorers.items()}
    past = rows.assign(move=_moves(then[OLD], then[NEW], names[0]))
    risks = pd.DataFrame({name: scorers[name].risk(then[name]).to_numpy() for name in scorers})
    pairs = _duel(rows, risks, drawing, share)
    main = next((pair for pair in pairs if pair["primary"]), None)
    auc = next((pair["reason"] for pair in pairs if pair["metric"] == "auc"), "")
    moved = [_became(past[past["move"].eq(move)], move, drawing) for move in MOVES]
    changed, bands = _changes(scorers[OLD], scorers[NEW], today.sort_index(), names[0])
    return HealthDiff(
        changed,
        bands,
        pd.DataFrame(moved),
        main["verdict"] if main else CANNOT_TELL,
        main["reason"] if main else "no row has a score from both",
        auc,
    )


def _moves(old: pd.DataFrame, new: pd.DataFrame, names: Sequence[str]) -> NDArray[np.object_]:
    """down, up or same of each row; unknown where either has no band, same where neither has."""
    places = {name: place for place, name in enumerate(names)}
    before, after = (
        one["health_band"].map(places).to_numpy(dtype=float, na_value=np.nan) for one in (old, new)
    )
    both = ~(np.isnan(before) | np.isnan(after))
    neither = np.isnan(before) & np.isnan(after)
    moves = np.select([after < before, after > before], ["down", "up"], "same").astype(object)
    return np.where(both | neither, moves, UNKNOWN)


def _became(past: pd.DataFrame, move: str, drawing: ComparisonSettings) -> dict[str, Any]:
    """Churn of one group over its renewals, by account draws; Wilson's if all ended alike."""
    weight = past["weight"].to_numpy(dtype=float)
    lost = past["outcome"].to_numpy(dtype=bool)
    arr = weight * past["arr"].fillna(0.0).to_numpy(dtype=float)
    cells = pd.DataFrame({"due": weight, "lost": weight * lost, "any": lost.astype(float)})
    sums = cells.groupby(past["account_id"].to_numpy()).sum().to_numpy()
    churned = int((sums[:, 2] > 0).sum())
    found: dict[str, Any] = {"move": move, "rows": len(past), "accounts": len(sums)}
    found |= {"churned": churned, "arr": float(arr.sum()), "arr_churned": float(arr @ lost)}
    if not len(sums):
        return found | {"churn": np.nan, "churn_low": np.nan, "churn_high": np.nan}
    totals = drawn(sums, drawing)
    rate = totals[:, 1] / totals[:, 0]
    low, high = duel.interval(rate, min(churned, len(sums) - churned))
    if np.isnan(low):
        low, high = (float(end) for end in wilson(churned, len(sums)))
    return found | {"churn": float(rate[0]), "churn_low": low, "churn_high": high}


def _duel(
    rows: pd.DataFrame, risks: pd.DataFrame, drawing: ComparisonSettings, share: float
) -> list[dict[str, Any]]:
    """The pair new against old, by the rules of the duel, on the rows that both know."""
    known = risks.notna().all(axis=1).to_numpy()
    kept = rows[known]
    if kept.empty:
        return []
    # By content, so that renamed accounts are drawn alike.
    about = kept.assign(risk=risks.loc[known, OLD])[["risk", "weight", "outcome"]].astype(float)
    total = about.groupby(kept["account_id"]).sum().sort_values(["risk", "weight", "outcome"])
    place = {name: at for at, name in enumerate(total.index)}
    unit = duel.units(kept["account_id"].map(place).to_numpy(dtype=np.intp), drawing)
    outcomes = int((total["outcome"] > 0).sum())
    kinds: dict[str, duel.Kind] = {NEW: "rule", OLD: "rule"}
    chosen = duel.draws(int(unit.max()) + 1, drawing)
    found = duel.figures(kept, risks.loc[known, [NEW, OLD]], kinds, chosen, unit, share)
    others = len(total) - outcomes
    pairs = duel.pairs(found, kinds, drawing, outcomes, others)
    return [pair for pair in pairs if pair["model"] == NEW]


def _changes(
    old: HealthScore, new: HealthScore, today: pd.DataFrame, names: Sequence[str]
) -> tuple[pd.DataFrame, pd.DataFrame]:
    before, after = old.assess(today), new.assess(today)
    frame = pd.DataFrame(
        {
            "segment": today["segment"],
            "old_band": before["health_band"],
            "new_band": after["health_band"],
            "old_score": before["health_score"],
            "new_score": after["health_score"],
            "move": _moves(before, after, names),
        }
    )
    bands = frame.groupby(["old_band", "new_band"], as_index=False).size()
    moved = frame[frame["old_band"] != frame["new_band"]]
    reasons = _reasons(old, new, today.loc[moved.index])
    found = moved.join(reasons).reset_index()
    order = found["move"].map(MOVES.index)
    size = (found["new_score"] - found["old_score"]).abs().fillna(0.0)
    found = found.assign(order=order, size=-size).sort_values(["order", "size", "account_id"])
    return (
        found.drop(columns=["order", "size"]).reset_index(drop=True),
        bands.rename(columns={"size": "accounts"}),
    )


def _reasons(old: HealthScore, new: HealthScore, today: pd.DataFrame) -> pd.DataFrame:
    """Up to three sentences a row on what moved its score.

    A measure adds weight · (points − the old score before caps): over the measures these sum to
    nothing under the old configuration, and to the change of the score under the new one, so that
    a weight counts only as far as the measure differs from the rest. An override counts for what
    its cap takes of the score before caps.
    """
    columns = [f"reason_{at}" for at in (1, 2, 3)]
    if today.empty:
        return pd.DataFrame(index=today.index, columns=columns, dtype=object)
    key = [*INDEX, "dimension", "measure"]
    both = []
    for name, scorer in ((OLD, old), (NEW, new)):
        rules = scorer.rules(today)[[*key, "weight", "points"]]
        both.append(rules.set_index(key).add_suffix(f"_{name}"))
    joined = both[0].join(both[1], how="outer").reset_index()
    weights = [joined[f"weight_{name}"].fillna(0.0) for name in (OLD, NEW)]
    points = [joined[f"points_{name}"].fillna(0.0) for name in (OLD, NEW)]
    totals = [
        (weight * score).groupby([joined[name] for name in INDEX]).transform("sum")
        for weight, score in zip(weights, points, strict=True)
    ]
    moved = weights[1] * (points[1] - totals[0]) - weights[0] * (points[0] - totals[0])
    before, after = (
        (total - joined[f"points_{name}"]).clip(lower=0).fillna(0.0)
        for total, name in zip(totals, (OLD, NEW), strict=True)
    )
    moved = moved.where(joined["dimension"].ne(OVERRIDE), before - after)
    told = joined.assign(size=moved.abs().round(6), text=_sentences(joined, moved))
    told = told[told["size"] > 0].sort_values(
        [*INDEX, "size", "measure"], ascending=[True, True, False, True]
    )
    told = told.assign(place="reason_" + (told.groupby(INDEX).cumcount() + 1).astype(str))
    wide = told.pivot(index=INDEX, columns="place", values="text")
    return wide.reindex(index=today.index, columns=columns)


def _sentences(joined: pd.DataFrame, moved: pd.Series) -> list[str]:
    rows = zip(joined.to_dict("records"), moved, strict=True)
    return [_said({str(key): value for key, value in row.items()}, by) for row, by in rows]


def _said(row: dict[str, Any], by: float) -> str:
    name = f"{row['dimension']}, {row['measure']}: {by:+.1f}"
    if row["dimension"] == OVERRIDE:
        then, now = (_cap(row[f"points_{one}"]) for one in (OLD, NEW))
        return f"{name} ({then}, now {now})"
    then, now = (_measured(row[f"points_{one}"], row[f"weight_{one}"]) for one in (OLD, NEW))
    return f"{name} ({then}, now {now})"


def _measured(points: float, weight: float) -> str:
    return "no part" if np.isnan(points) else f"{points:.0f} points at {weight:.0%} of the score"


def _cap(points: float) -> str:
    return "no cap" if np.isnan(points) else f"a cap of {points:g}"
