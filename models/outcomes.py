"""The whole tree of an observation: churned, contracted, flat or expanded; and the ARR to expect.

A renewal of `arr_due` is expected to bring, over the branches b of the tree,

    expected ARR renewed = arr_due · Σ P(b) · kept(b)        what the dollar renewal rate will count
    expected ARR         = arr_due · Σ P(b) · grown(b)       growth included

where kept(b) = Σ ARR renewed / Σ ARR due and grown(b) = Σ ARR kept / Σ ARR due of the settled
renewals that ended in b (features/contracts.py). Renewed ARR counts at most the ARR due, so that
kept lies in [0, 1]: 0 of the churned, 1 of the flat and the expanded. Both are learnt for contracts
and for month to month apart, and pulled towards both together; so is which kind an expansion is.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from pydantic import BaseModel, ConfigDict, Field, NonNegativeFloat

from models.chain import chain
from models.target import INDEX, Target, weights

FLAT = "flat"  # whoever escapes every target of the chain
RESULTS = ("churned", "contracted", FLAT, "expanded")
KINDS = ("seats", "plan", "product", "price")
BRANCHES = [f"p_{result}" for result in RESULTS]
SHARES = [f"share_{kind}" for kind in KINDS]
MONEY = ["expected_arr_renewed", "expected_arr"]
ARR = ["arr_due", "arr_kept", "arr_renewed"]
TERMS = pd.Index([False, True], name="month_to_month")


class OutcomeSettings(BaseModel):
    """`kinds_from`: settled expansions below which no kind is said. `prior`: how many decisions the
    figure of all is worth beside that of the same terms."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    kinds_from: int = Field(ge=1)
    prior: NonNegativeFloat


@dataclass(frozen=True)
class Shares:
    """What settled decisions teach, one row for contracts (False) and for month to month (True).

    `kept` and `grown`: a column a branch of RESULTS, as shares of the ARR due. `kinds`: a column a
    kind of KINDS, summing to one; missing where there are too few. `renewals`: how many settled
    ones each branch was learnt from; `expansions`: how many the kinds were.
    """

    kept: pd.DataFrame
    grown: pd.DataFrame
    kinds: pd.DataFrame
    renewals: Mapping[str, int]
    expansions: int


def branches(loss: Target, targets: Sequence[Target]) -> list[Target]:
    """The targets that make the tree: the longest chain that `loss` is on, the first named of
    several."""
    by_name = {target.name: target for target in targets}
    chains = [chain(target, by_name) for target in targets]
    return max((found for found in chains if loss in found), key=len)


def tree(
    probabilities: pd.DataFrame, observations: pd.DataFrame, path: Sequence[Target]
) -> pd.DataFrame:
    """BRANCHES on (account_id, as_of), of every observation that some target of `path` asks of.

    `probabilities` are those of serve.scorer; they sum to one, to within 1e-12. Flat is what the
    targets leave over: where none of them has the outcome contracted, whoever shrinks is among the
    flat and p_contracted is missing. Where a target does not ask, its outcome cannot come yet and
    has probability 0; where the ARR is unknown, all that hangs on it is missing.
    """
    mine = probabilities[probabilities["target"].isin([target.name for target in path])]
    known = observations.set_index(INDEX)
    known = known[known.index.isin(pd.MultiIndex.from_frame(mine[INDEX]))]
    found = pd.DataFrame(np.nan, known.index, BRANCHES)
    left = pd.Series(1.0, known.index)
    for target in path:
        p = mine[mine["target"].eq(target.name)].set_index(INDEX)["probability"]
        impossible = pd.Series(0.0, known.index).where(target.is_measurable(known))
        found[f"p_{target.result}"] = p.reindex(known.index).fillna(impossible)
        left = left - found[f"p_{target.result}"]
    found[f"p_{FLAT}"] = left.clip(lower=0.0)
    return found


def learn(
    renewals: pd.DataFrame,
    labels: pd.DataFrame,
    path: Sequence[Target],
    settings: OutcomeSettings,
) -> Shares:
    """The shares of a tree from what was settled by the morning.

    `renewals` as known on it (status, arr_due, arr_kept, arr_renewed, month_to_month). `labels`: of
    the target that expands (result, kind, days_to_due, month_to_month, decision), learnt from where
    a decision fell due within the horizon, for the others cannot change plan or price. A branch
    that no settled renewal ended in gets the least: contracted keeps nothing, flat all, and
    expanded grows by what counts as growth.
    """
    growth = max(target.growth or 0.0 for target in path)
    ended = _ended(renewals, [target.result for target in path], growth)
    kept = {"churned": 0.0, "contracted": 0.0, FLAT: 1.0, "expanded": 1.0}
    grown = kept | {"expanded": 1.0 + growth}
    by_branch = {result: ended[ended["result"].eq(result)] for result in RESULTS}
    kinds, expansions = _kinds(labels, max(target.horizon for target in path), settings)
    return Shares(
        kept=_ratios(by_branch, "arr_renewed", kept, settings.prior),
        grown=_ratios(by_branch, "arr_kept", grown, settings.prior),
        kinds=kinds,
        renewals={result: len(rows) for result, rows in by_branch.items()},
        expansions=expansions,
    )


def expected(renewals: pd.DataFrame, shares: Shares) -> pd.DataFrame:
    """SHARES and MONEY of renewals with their BRANCHES, arr_due and month_to_month.

    Missing where the tree or the ARR due is. SHARES are those of an expansion, if it comes.
    """
    terms = renewals["month_to_month"].to_numpy(bool)
    p = renewals[BRANCHES].astype(float).set_axis(list(RESULTS), axis=1)
    found = shares.kinds.reindex(terms).set_axis(SHARES, axis=1).set_axis(renewals.index)
    whole = p[FLAT].notna()
    for name, of in zip(MONEY, (shares.kept, shares.grown), strict=True):
        share = (p * of.reindex(terms).set_axis(renewals.index)).sum(axis=1)
        found[name] = (renewals["arr_due"].astype(float) * share).where(whole)
    return found.astype(float)


def totals(renewals: pd.DataFrame, shares: Shares) -> dict[str, Any]:
    """The trees and the expected ARR of renewals together: plain values, money in whole cents.

    Only renewals with a whole tree and a known ARR due count; `left_out` says how many do not. The
    `branches` add up to `renewals` and to `arr_due`; one that is not on the tree is missing. So do
    `kinds` to the expansions; missing where too few are settled. `learnt_from`: settled renewals a
    branch, and expansions of a known kind.
    """
    known = renewals[renewals["expected_arr_renewed"].notna()]
    arr = known["arr_due"].astype(float)
    found: dict[str, Any] = {
        "renewals": len(known),
        "left_out": len(renewals) - len(known),
        "arr_due": round(float(arr.sum()), 2),
        **{name: round(float(known[name].sum()), 2) for name in MONEY},
        "learnt_from": {**shares.renewals, "kinds": shares.expansions},
    }
    found["branches"] = {
        result: None
        if known.empty or known[f"p_{result}"].isna().all()
        else {
            "renewals": round(float(known[f"p_{result}"].sum()), 6),
            "arr_due": round(float((known[f"p_{result}"] * arr).sum()), 2),
        }
        for result in RESULTS
    }
    by_kind = known[SHARES].mul(known["p_expanded"], axis=0).sum(min_count=1)
    found["kinds"] = (
        None
        if by_kind.isna().any()
        else {
            kind: round(float(by_kind[name]), 6) for kind, name in zip(KINDS, SHARES, strict=True)
        }
    )
    return found


def _ended(renewals: pd.DataFrame, results: Sequence[str], growth: float) -> pd.DataFrame:
    """The settled renewals of known ARR, for only they have an arr_kept, with the branch of the
    tree that they ended in."""
    rows = renewals[renewals["arr_due"].gt(0) & renewals["arr_kept"].notna()]
    rows = rows.assign(**{name: rows[name].astype(float) for name in ARR})
    grew = rows["arr_kept"] >= rows["arr_due"] * (1 + growth)
    branch = rows["status"].isin(results) & (rows["status"].ne("expanded") | grew)
    return rows.assign(result=rows["status"].where(branch, FLAT))


def _ratios(
    by_branch: Mapping[str, pd.DataFrame], of: str, least: Mapping[str, float], prior: float
) -> pd.DataFrame:
    """Σ `of` / Σ ARR due by branch and terms, the terms pulled towards both together."""
    found = pd.DataFrame(index=TERMS, columns=list(RESULTS), dtype=float)
    for result, rows in by_branch.items():
        if rows.empty:
            found[result] = least[result]
            continue
        sums = rows.groupby(rows["month_to_month"].astype(bool))[[of, "arr_due"]].sum()
        own = (sums[of] / sums["arr_due"]).astype(float).reindex(TERMS)
        count = rows.groupby(rows["month_to_month"].astype(bool)).size().reindex(TERMS).fillna(0)
        both = float(rows[of].sum() / rows["arr_due"].sum())
        found[result] = _pulled(own, count, both, prior).clip(lower=0.0)
    return found


def _kinds(
    labels: pd.DataFrame, horizon: int, settings: OutcomeSettings
) -> tuple[pd.DataFrame, int]:
    """The kinds' shares of the settled expansions by terms, and how many expansions there are."""
    rows = labels[labels["result"].eq("expanded") & labels["kind"].isin(KINDS)]
    rows = rows[rows["days_to_due"].lt(horizon).fillna(False).astype(bool)]
    found = pd.DataFrame(np.nan, TERMS, list(KINDS))
    rows = rows.assign(weight=weights(rows), monthly=rows["month_to_month"].astype(bool))
    expansions = round(float(rows["weight"].sum()))
    if expansions < settings.kinds_from:
        return found, expansions
    summed = rows.pivot_table(
        index="monthly", columns="kind", values="weight", aggfunc="sum", observed=True
    ).reindex(index=TERMS, columns=list(KINDS))
    counted = summed.fillna(0.0)
    count = counted.sum(axis=1)
    for kind in KINDS:
        own = counted[kind] / count.where(count > 0)
        both = float(counted[kind].sum() / count.sum())
        found[kind] = _pulled(own, count, both, settings.prior)
    return found, expansions


def _pulled(own: pd.Series, count: pd.Series, both: float, prior: float) -> pd.Series:
    """Each figure of `count` decisions, pulled towards `both` as if by `prior` decisions more.

    >>> _pulled(pd.Series([0.8, None]), pd.Series([10, 0]), 0.6, 10).round(2).tolist()
    [0.7, 0.6]
    """
    heavy = (count * own.fillna(both) + prior * both) / (count + prior).where(count + prior > 0)
    return heavy.fillna(both)
