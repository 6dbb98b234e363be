"""The hold-out: accounts left untouched by chance, so that a saving can be claimed, or not.

Without one nobody can say what would have become of the accounts that were contacted. Groups are
compared as assigned, whoever was contacted in the end.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.optimize import brentq
from scipy.special import ndtri

TREATED, HELD_OUT = "treated", "held_out"
UNKNOWN = "unknown"
RISKS = ("low", "medium", "high")

Floats = NDArray[np.float64]


class CannotAssign(ValueError):
    """No hold-out can be drawn from these rows."""


@dataclass(frozen=True)
class Detectable:
    """What a hold-out could show: differences that it finds with the stated power.

    `churn`: a fall in the churn rate (0.1 is ten points); `arr`: ARR a year kept that would have
    churned, had all been treated; NaN where no ARR is known. `possible`: whether so much churn is
    expected at all; where it is not, this hold-out can show no saving.
    """

    accounts: int
    held_out: int
    expected: float
    churn: float
    arr: float
    possible: bool

    @property
    def text(self) -> str:
        """In one sentence."""
        size = f"{self.held_out} of {self.accounts} accounts held out"
        rate = f"a churn rate lower by {100 * self.churn:.1f} points"
        if self.possible:
            return f"With {size}, {rate} would be found ({100 * self.expected:.1f} % are expected)"
        return (
            f"With {size}, only {rate} would be found, and {100 * self.expected:.1f} % are "
            "expected to churn: hold out more accounts, or wait for several cycles"
        )


def assign(
    scored: pd.DataFrame, share: float, salt: str, before: Mapping[str, str] | None = None
) -> pd.DataFrame:
    """Who is held out: account_id, group (treated or held_out) and stratum, by account_id.

    `scored` has account_id, arr_due and risk_band, or churn_probability in its place, which is cut
    into thirds. Strata are risk by the larger and smaller half of its ARR; each gives `share` of
    its accounts, rounded down or up so that the whole is `share` to the nearest account (largest
    remainder). Within a stratum those with the lowest hash of salt and account id are held out: an
    account keeps its place in that order from cycle to cycle, so that only those near the edge can
    change. `before` (account id -> group) goes first: who was held out is again, as far as the
    stratum gives so many, and who was treated is taken last.

    >>> scored = pd.DataFrame({"account_id": ["a", "b", "c", "d"], "arr_due": 1.0,
    ...                        "risk_band": "low"})
    >>> assign(scored, 0.25, "2026")["group"].value_counts().to_dict()
    {'treated': 3, 'held_out': 1}
    """
    if not 0 < share < 1:
        raise CannotAssign(f"share is {share}: the held-out part lies between 0 and 1")
    rows = _accounts(scored)
    known = dict(before or {})
    strangers = sorted(set(known.values()) - {TREATED, HELD_OUT})
    if strangers:
        raise CannotAssign(f"groups {strangers}: an account was {TREATED} or {HELD_OUT} before")
    stratum = _strata(rows)
    hashed = [sha256(f"{salt}\0{name}".encode()).hexdigest() for name in rows["account_id"]]
    turn = rows["account_id"].map(known).map({HELD_OUT: 0, TREATED: 2}).fillna(1)
    order = pd.DataFrame({"stratum": stratum, "turn": turn, "hash": hashed}).sort_values(
        ["stratum", "turn", "hash"]
    )
    place = order.groupby("stratum").cumcount().reindex(rows.index)
    quota = stratum.map(_quotas(stratum.value_counts(), share))
    group = np.where(place < quota, HELD_OUT, TREATED)
    return pd.DataFrame({"account_id": rows["account_id"], "group": group, "stratum": stratum})


def detectable(
    scored: pd.DataFrame, share: float, power: float = 0.8, level: float = 0.05
) -> Detectable:
    """The smallest fall in churn that a hold-out of `share` finds with `power`, two-sided `level`.

    `scored` has account_id, arr_due and churn_probability. Normal approximation of the stratified
    difference, its spread pooled without an effect and of each group with it (Fleiss 1981). For the
    money the spread is Σ arr² p (1 − p), so that few large accounts count for what they are.
    """
    if "churn_probability" not in scored:
        raise CannotAssign("detectable reads churn_probability: how much churn is expected?")
    rows = _accounts(scored)
    sizes = _strata(rows).value_counts()
    held = _quotas(sizes, share)
    p = float(rows["churn_probability"].mean())
    n0 = np.array([held[name] for name in sizes.index], dtype=float)
    n1 = sizes.to_numpy(dtype=float) - n0
    w = n1 * n0 / (n1 + n0)
    alpha, beta = ndtri(1 - level / 2), ndtri(power)
    if not w.sum() > 0:
        return Detectable(len(rows), int(n0.sum()), p, np.nan, np.nan, False)

    def missing(fall: float) -> float:
        left = max(p - fall, 0.0)
        parts = w * w * (p * (1 - p) / np.maximum(n0, 1) + left * (1 - left) / np.maximum(n1, 1))
        mean = (n0.sum() * p + n1.sum() * left) / len(rows)
        even = np.sqrt((w * mean * (1 - mean)).sum()) / w.sum()
        return float(fall - alpha * even - beta * np.sqrt(parts.sum()) / w.sum())

    churn = float(brentq(missing, 0.0, 10.0)) if p > 0 else np.nan
    priced = rows[rows["arr_due"].gt(0) & rows["churn_probability"].notna()]
    arr, chance = priced["arr_due"].to_numpy(float), priced["churn_probability"].to_numpy(float)
    part = n0.sum() / len(rows)
    spread = np.sqrt((arr**2 * chance * (1 - chance)).sum() * (1 / part + 1 / (1 - part)))
    money = float((alpha + beta) * spread) if len(priced) else np.nan
    return Detectable(len(rows), int(n0.sum()), p, churn, money, bool(churn <= p))


def _accounts(scored: pd.DataFrame) -> pd.DataFrame:
    """One row an account, by its id: ARR due added up, the highest of its risks."""
    unnamed = int(scored["account_id"].isna().sum())
    if scored.empty or unnamed:
        raise CannotAssign(f"{len(scored)} rows, {unnamed} without an account id")
    p = pd.Series(np.nan, scored.index)
    if "churn_probability" in scored:
        p = scored["churn_probability"].astype(float)
        if ((p < 0) | (p > 1)).any():
            raise CannotAssign(f"churn_probability {p[(p < 0) | (p > 1)].iloc[0]} is none")
    elif "risk_band" not in scored:
        raise CannotAssign("neither risk_band nor churn_probability is there: score first")
    risk = pd.Series(np.nan, scored.index)
    if "risk_band" in scored:
        strangers = sorted(set(scored["risk_band"].dropna()) - set(RISKS))
        if strangers:
            raise CannotAssign(f"risk_band {strangers}: there are {list(RISKS)}")
        risk = scored["risk_band"].map({name: at for at, name in enumerate(RISKS)}).astype(float)
    rows = scored.assign(arr_due=scored["arr_due"].astype(float), churn_probability=p, risk=risk)
    each = rows.groupby("account_id", sort=True)
    found = each.agg({"churn_probability": "max", "risk": "max"})
    found = found.assign(arr_due=added(rows["arr_due"], rows["account_id"])).reset_index()
    if "risk_band" not in scored and found["churn_probability"].notna().any():
        of = found["churn_probability"]
        third = np.searchsorted(of.quantile([1 / 3, 2 / 3]), of, side="right").astype(float)
        found["risk"] = np.where(of.isna(), np.nan, third)
    return found


def added(amounts: pd.Series, accounts: pd.Series) -> pd.Series:
    """Sums by account; unknown where any amount of it is.

    >>> added(pd.Series([1.0, 2.0, 3.0, None]), pd.Series(["a", "a", "b", "b"])).tolist()
    [3.0, nan]
    """
    return amounts.groupby(accounts).sum().mask(amounts.isna().groupby(accounts).any())


def _strata(rows: pd.DataFrame) -> pd.Series:
    """Risk and the half of its ARR, in words."""
    risk = rows["risk"].map(dict(enumerate(RISKS))).fillna(UNKNOWN)
    middle = rows.groupby(risk)["arr_due"].transform("median")
    size = np.where(rows["arr_due"] > middle, "larger", "smaller")
    return risk + ", " + pd.Series(np.where(rows["arr_due"].isna(), UNKNOWN, size), rows.index)


def _quotas(sizes: pd.Series, share: float) -> dict[str, int]:
    """How many each stratum gives: down or up to the whole, the largest remainders up."""
    exact = (sizes * share).round(9).sort_index()
    whole = np.floor(exact)
    rest = int(np.floor(exact.sum() + 0.5) - whole.sum())
    first = (exact - whole).sort_values(ascending=False, kind="stable").index[:rest]
    return {str(name): int(whole[name]) + int(name in first) for name in exact.index}
