"""The duel: every scorer on the same accounts and mornings, with intervals, and a plain verdict.

It loops over models and knows none by name; a scorer is a probability or a rule, as its kind says.
How the scorers are drawn against each other is `models.duel`. A scorer that knows few rows would
leave few to the others: it is sparse, and meets them in a slice of its own.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from models import duel, forecast, metrics
from models.duel import CANNOT_TELL, ComparisonSettings, Kind
from models.metrics import NotSettled

INDEX = ["account_id", "as_of"]
DENSE = 0.8  # of the rows: a scorer that knows fewer does not decide which rows the others meet on
KNOWN = "known"  # the slices of the rows that a sparse scorer knows


class UnknownScorer(ValueError):
    """Predictions and the kinds given for them do not name the same scorers."""


@dataclass(frozen=True)
class Comparison:
    """Who was right: five long frames, each with `target`; slices carry `by` and `slice`.

    counts: rows, accounts, renewals (weight), outcomes (accounts), left_out (rows that a scorer
    does not know), unscored (scorers that know no row, and are left out instead), sparse (scorers
    that know less than DENSE of the rows: they stand in the slice `known` of their name only).
    metrics: model, kind, metric, value, low, high (two-sided 95 %, by account).
    pairs: model, against, metric, primary, difference (model − against), low, high, verdict,
    reason.
    calibration: model, and the columns of metrics.calibration, on every row the model scored.
    months: model, month, rows, predicted, low, high, actual, inside, renewals, and both weighted;
    low and high are what chance alone does if each probability is right.
    """

    counts: pd.DataFrame
    metrics: pd.DataFrame
    pairs: pd.DataFrame
    calibration: pd.DataFrame
    months: pd.DataFrame

    def to_dict(self) -> dict[str, list[dict[str, Any]]]:
        """Plain lists of records for JSON: floats to 6 digits, unknown as null."""
        frames = {field.name: getattr(self, field.name) for field in fields(self)}
        return {
            name: [{k: _plain(v) for k, v in row.items()} for row in frame.to_dict("records")]
            for name, frame in frames.items()
        }

    def verdict(self, target: str, model: str, against: str) -> str:
        """The verdict by the primary metric on all rows, or on those that the sparse one of the two
        knows; "cannot tell" if either is unscored, or both are sparse."""
        p = self.pairs
        asked = p["target"].eq(target) & p["model"].eq(model) & p["against"].eq(against)
        widest = p["by"].eq("all") | (p["by"].eq(KNOWN) & p["slice"].isin([model, against]))
        found = p.loc[asked & widest & p["primary"], "verdict"]
        return CANNOT_TELL if found.empty else str(found.iloc[0])


def compare(
    predictions: pd.DataFrame,
    labels: pd.DataFrame,
    kinds: Mapping[str, Kind],
    settings: ComparisonSettings,
    *,
    share: float,
    by: Sequence[str] = (),
) -> Comparison:
    """Compare every scorer in `kinds` on the rows of `labels`, for each target.

    `predictions`: account_id, as_of, target, model, score. `labels`: account_id, as_of, target,
    outcome (settled, none missing), weight, arr (may be unknown: no part in money), days_to_due,
    month_to_month, and the columns named in `by`. `share` is the length of the list. Rows that any
    scorer does not know are left out for all of them, and counted.
    """
    strangers = set(predictions["model"]) ^ set(kinds)
    if strangers:
        raise UnknownScorer(
            f"{', '.join(sorted(strangers))}: predictions hold {sorted(set(predictions['model']))},"
            f" kinds name {sorted(kinds)}; give each scorer a kind and a prediction"
        )
    rows = labels.reset_index(drop=True)
    wide = _side_by_side(predictions, rows, list(kinds))
    return compare_scores(rows, wide, kinds, settings, share=share, by=by)


def compare_scores(
    labels: pd.DataFrame,
    scores: pd.DataFrame,
    kinds: Mapping[str, Kind],
    settings: ComparisonSettings,
    *,
    share: float,
    by: Sequence[str] = (),
) -> Comparison:
    """The same of `scores` that stand beside the labels: a column a scorer, on their index."""
    found: dict[str, list[pd.DataFrame]] = {field.name: [] for field in fields(Comparison)}
    for target, asked in labels.groupby("target", sort=True):
        ordered = asked.sort_values(INDEX)
        rows, said = ordered.reset_index(drop=True), scores.loc[ordered.index, list(kinds)]
        unsettled = int(rows["outcome"].isna().sum() + rows.duplicated(INDEX).sum())
        if unsettled:
            raise NotSettled(
                f"{unsettled} of {len(rows)} rows of {target} have no outcome or stand there "
                "twice: compare settled, eligible rows only"
            )
        said = said.astype(float).reset_index(drop=True)
        for name, frame in _of_target(rows, said, kinds, settings, share, by).items():
            found[name].append(frame.assign(target=target))
    return Comparison(**{name: _stacked(frames) for name, frames in found.items()})


def agreement(model_scores: pd.Series, health_scores: pd.Series, share: float) -> pd.Series:
    """Whom each scorer would list: agree, model_riskier, health_riskier, or unknown.

    Both rise with the outcome, on one index. Of the accounts known to both, each lists the top
    `share`, rounded up, ties by index; a morning (`as_of` in the index) has its own list.

    >>> risk = pd.Series([.9, .5, .1, .2], index=["a", "b", "c", "d"])
    >>> agreement(risk, pd.Series([10, 90, 20, None], index=risk.index), share=0.3).tolist()
    ['model_riskier', 'health_riskier', 'agree', 'unknown']
    """
    both = pd.DataFrame({"model": model_scores.astype(float), "health": health_scores})
    both = both.astype(float).dropna()
    listed = {name: _listed(both[name], share) for name in both}
    text = np.select(
        [listed["model"] & ~listed["health"], listed["health"] & ~listed["model"]],
        ["model_riskier", "health_riskier"],
        "agree",
    )
    known = pd.Series(text, index=both.index, dtype=object)
    return known.reindex(model_scores.index, fill_value="unknown").rename("agreement")


def _listed(scores: pd.Series, share: float) -> NDArray[np.bool_]:
    ordered = scores.sort_index().sort_values(ascending=False, kind="stable")
    mornings = (
        ordered.index.get_level_values("as_of")
        if "as_of" in ordered.index.names
        else [0] * len(ordered)
    )
    place = ordered.groupby(mornings).cumcount()
    size = ordered.groupby(mornings).transform("size")
    chosen = place < np.ceil(np.round(share * size, 9))
    return chosen.reindex(scores.index).to_numpy(dtype=bool)


@dataclass(frozen=True)
class Slice:
    """Some of the rows, as a mask, under the name `name` of what they are told apart `by`."""

    by: str
    name: str
    rows: NDArray[np.bool_]


def slices(rows: pd.DataFrame, leads: Sequence[int], by: Sequence[str]) -> Iterator[Slice]:
    """All rows, then those of each lead band, of each terms, and of each value of the columns."""
    yield Slice("all", "all", np.ones(len(rows), dtype=bool))
    days = rows["days_to_due"].to_numpy(dtype=float, na_value=np.nan)
    for start, end in zip(leads[:-1], leads[1:], strict=True):
        yield Slice("lead", f"{start}–{end - 1}", (days >= start) & (days < end))
    monthly = rows["month_to_month"].astype("boolean")
    yield Slice("terms", "contract", (~monthly).fillna(False).to_numpy(dtype=bool))
    yield Slice("terms", "month_to_month", monthly.fillna(False).to_numpy(dtype=bool))
    for column in by:
        codes, names = pd.factorize(rows[column], sort=True)
        for code, name in enumerate(names):
            yield Slice(column, str(name), codes == code)


def _of_target(
    rows: pd.DataFrame,
    scores: pd.DataFrame,
    kinds: Mapping[str, Kind],
    settings: ComparisonSettings,
    share: float,
    by: Sequence[str],
) -> dict[str, pd.DataFrame]:
    known = scores.notna()
    scored = [model for model in kinds if known[model].any()]
    unscored = [model for model in kinds if model not in scored]
    dense = [model for model in scored if known[model].mean() >= DENSE] or scored
    sparse = [model for model in scored if model not in dense]
    common = known[dense].all(axis=1).to_numpy()
    accounts = _numbered(rows)
    units = duel.units(accounts, settings)
    drawn = duel.draws(int(units.max(initial=-1)) + 1, settings)
    counts, measured, pairs = [], [], []
    parts = [(part, dense) for part in slices(rows, settings.leads, by)]
    parts += [(Slice(KNOWN, one, known[one].to_numpy()), [*dense, one]) for one in sparse]
    judged = rows[["outcome", "weight", "arr"]]
    for part, met in parts:
        if not part.rows.any():
            continue
        at = common & part.rows
        here = {"by": part.by, "slice": part.name}
        inside, who = judged[at], accounts[at]
        happened = inside["outcome"].to_numpy(dtype=bool)
        outcomes, others = len(np.unique(who[happened])), len(np.unique(who[~happened]))
        counts.append(
            here
            | {
                "rows": int(at.sum()),
                "accounts": len(np.unique(who)),
                "renewals": float(inside["weight"].sum()),
                "outcomes": outcomes,
                "left_out": int((part.rows & ~common).sum()),
                "unscored": ", ".join(unscored),
                "sparse": ", ".join(sparse),
            }
        )
        found = duel.figures(inside, scores.loc[at, met], kinds, drawn, units[at], share)
        for model, figures in found.items():
            for metric, values in figures.items():
                low, high = duel.interval(values, min(outcomes, others))
                measured.append(
                    here
                    | {"model": model, "kind": kinds[model], "metric": metric}
                    | {"value": values[0], "low": low, "high": high}
                )
        pairs += [here | pair for pair in duel.pairs(found, kinds, settings, outcomes, others)]
    probable = [model for model in scored if kinds[model] == "probability"]
    return {
        "counts": pd.DataFrame(counts),
        "metrics": pd.DataFrame(measured),
        "pairs": pd.DataFrame(pairs),
        "calibration": _stacked([_calibrated(rows, scores[m]).assign(model=m) for m in probable]),
        "months": _stacked([_by_month(rows, scores[m]).assign(model=m) for m in probable]),
    }


def _numbered(rows: pd.DataFrame) -> NDArray[np.intp]:
    """A number for the account of each row, by what is known of it: a name decides only ties."""
    codes = pd.factorize(rows["account_id"], sort=True)[0]
    days = (rows["as_of"] - pd.Timestamp(0)).dt.days
    told = [days, *(rows[name] for name in ("days_to_due", "arr", "outcome", "weight"))]
    sums = [np.bincount(codes, of.to_numpy(dtype=float, na_value=0.0)) for of in told]
    place = np.empty(len(sums[0]), dtype=np.intp)
    place[np.lexsort(sums)] = np.arange(len(place))
    return place[codes]


def _side_by_side(
    predictions: pd.DataFrame, labels: pd.DataFrame, models: list[str]
) -> pd.DataFrame:
    index = [*INDEX, "target"]
    if predictions.duplicated([*index, "model"]).any():
        raise NotSettled("predictions hold two scores of one model for one account and morning")
    wide = predictions.pivot(index=index, columns="model", values="score")
    at = pd.MultiIndex.from_frame(labels[index])
    return wide.reindex(index=at, columns=models).set_axis(labels.index)


def _calibrated(rows: pd.DataFrame, probability: pd.Series) -> pd.DataFrame:
    known = probability.notna()
    outcome, weight = rows.loc[known, "outcome"].astype(bool), rows.loc[known, "weight"]
    return metrics.calibration(probability[known], outcome, weight)


def _by_month(rows: pd.DataFrame, probability: pd.Series) -> pd.DataFrame:
    known = rows[["account_id", "outcome", "weight"]].assign(
        account_id=pd.factorize(rows["account_id"])[0],
        p=probability,
        month=rows["as_of"].dt.to_period("M"),
    )
    found = []
    for month, part in known[known["p"].notna()].groupby("month", sort=True):
        # Two mornings of one month ask an account the same question: it counts once.
        asked = part.groupby("account_id").agg(p=("p", "mean"), outcome=("outcome", "max"))
        chance = forecast.poisson_binomial(asked["p"].to_numpy(dtype=float))
        low, high = forecast.ends(chance, level=0.95)
        actual = int(asked["outcome"].sum())
        weight, happened = part["weight"], part["outcome"].astype(float)
        found.append(
            {
                "month": str(month),
                "rows": len(part),
                "predicted": asked["p"].sum(),
                "low": low,
                "high": high,
                "actual": actual,
                "inside": low <= actual <= high,
                "renewals": weight.sum(),
                "predicted_weighted": (weight * part["p"]).sum(),
                "actual_weighted": (weight * happened).sum(),
            }
        )
    return pd.DataFrame(found)


def _stacked(frames: Sequence[pd.DataFrame]) -> pd.DataFrame:
    there = [frame for frame in frames if len(frame)]
    return pd.concat(there, ignore_index=True) if there else pd.DataFrame()


def _plain(value: Any) -> Any:
    if isinstance(value, bool | np.bool_):
        return bool(value)
    if isinstance(value, int | np.integer):
        return int(value)
    if isinstance(value, float | np.floating):
        return round(float(value), 6) + 0.0 if np.isfinite(value) else None
    return None if value is None or value is pd.NA else str(value)
