"""What the treatment of accounts did, against those held out by chance."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import ndtri
from scipy.stats import hypergeom

from models.holdout import HELD_OUT, TREATED, added

NO_ASSIGNMENT = (
    "No hold-out was assigned, so no saving can be claimed: nobody knows what would have become of "
    "the accounts that were contacted"
)
UNSETTLED = ("open", "in_grace")
LEVEL = 0.05

Floats = NDArray[np.float64]


class NotAssigned(ValueError):
    """Outcomes or groups that do not belong to an assignment."""


@dataclass(frozen=True)
class Difference:
    """Treated − held out, stratified, with its two-sided 95 % interval; NaN where unknown.

    `p` is exact under chance assignment (a permutation within the strata). Where it does not reject
    "no effect", the interval is drawn out to hold 0: it and the words never disagree.
    """

    treated: float
    held_out: float
    value: float
    low: float
    high: float
    p: float

    @property
    def sure(self) -> bool:
        """Whether 0 is excluded."""
        return bool(self.low > 0 or self.high < 0)


@dataclass(frozen=True)
class Effect:
    """`churn`: the rates of churned accounts; `renewed`: the shares of the ARR due that was
    renewed. `accounts`, `churned`, `unsettled`: by group. `text`: what may be claimed."""

    churn: Difference | None
    renewed: Difference | None
    accounts: dict[str, int]
    churned: dict[str, int]
    unsettled: dict[str, int]
    text: str


def effect(
    assigned: pd.DataFrame | None, outcomes: pd.DataFrame, *, permutations: int = 2000, seed: int
) -> Effect:
    """The difference that the treatment made to what fell due after the assignment.

    `assigned` is what `assign` gave, None if nothing was; `outcomes`: account_id, outcome, arr_due,
    arr_renewed of the renewals that the assignment was for. An account counts once: churned if any
    decision is, unsettled (left out, and counted) if any is and none churned.

    Churn: the Mantel–Haenszel difference over strata, with Sato's variance turned into an interval
    as a score test is (Klingenberg 2014, Statistics in Medicine 33), exact test beside it. ARR: the
    difference of the shares renewed within strata, weighted by ARR due; `permutations` draws of
    other groups stand for its exact test. Differences are by stratum: one without both groups has
    no part in them.
    """
    if assigned is None:
        return Effect(None, None, {}, {}, {}, NO_ASSIGNMENT)
    strange = sorted(set(assigned["group"]) - {TREATED, HELD_OUT})
    if strange or assigned["account_id"].duplicated().any():
        raise NotAssigned(f"groups {strange}: each account is {TREATED} or {HELD_OUT}, once")
    rows = assigned.merge(_of_accounts(outcomes), on="account_id", validate="1:1")
    waiting = rows[rows["churned"].isna()]
    told = rows[rows["churned"].notna()].sort_values(["stratum", "account_id"], ignore_index=True)
    counts = {
        name: {group: int((of["group"] == group).sum()) for group in (TREATED, HELD_OUT)}
        for name, of in {
            "accounts": told,
            "churned": told[told["churned"].eq(True)],
            "unsettled": waiting,
        }.items()
    }
    churn = _churn(told)
    renewed = _renewed(told, permutations, seed)
    return Effect(churn, renewed, **counts, text=_words(churn, renewed, counts["accounts"]))


def _of_accounts(outcomes: pd.DataFrame) -> pd.DataFrame:
    """account_id, churned (NA while unsettled), arr_due, arr_renewed (NaN if any is unknown)."""
    lost, by = outcomes["outcome"].eq("churned"), outcomes["account_id"]
    waiting = outcomes["outcome"].isin(UNSETTLED).groupby(by).any()
    gone = lost.groupby(by).any()
    renewed = outcomes["arr_renewed"].astype(float).mask(lost, 0.0)
    found = pd.DataFrame(
        {
            "churned": gone.astype("boolean").mask(waiting & ~gone),
            "arr_due": added(outcomes["arr_due"].astype(float), by),
            "arr_renewed": added(renewed, by),
        }
    )
    return found.rename_axis("account_id").reset_index()


def _churn(told: pd.DataFrame) -> Difference | None:
    held = told["group"].eq(HELD_OUT).to_numpy()
    churned = told["churned"].to_numpy(dtype=bool)
    stratum = pd.factorize(told["stratum"])[0]
    long = int(told["stratum"].nunique())
    n1, n0 = (np.bincount(stratum[of], minlength=long).astype(float) for of in (~held, held))
    y1, y0 = (
        np.bincount(stratum[of & churned], minlength=long).astype(float) for of in (~held, held)
    )
    both = (n1 > 0) & (n0 > 0)
    n1, n0, y1, y0 = n1[both], n0[both], y1[both], y0[both]
    n = n1 + n0
    w = n1 * n0 / n
    if not w.sum() > 0:
        return None
    value = float((w * (y1 / n1 - y0 / n0)).sum() / w.sum())
    p_part = ((n1**2 * y0 - n0**2 * y1 + n1 * n0 * (n0 - n1) / 2) / n**2).sum()
    q_part = ((y1 * (n0 - y0) + y0 * (n1 - y1)) / (2 * n)).sum()
    z2 = ndtri(1 - LEVEL / 2) ** 2
    middle = value + z2 * p_part / (2 * w.sum() ** 2)
    half = np.sqrt(max(middle**2 - value**2 + z2 * q_part / w.sum() ** 2, 0.0))
    p = _exact(n1, n0, y1, y0)
    low, high = _agreeing(max(middle - half, -1.0), min(middle + half, 1.0), p)
    rates = [float((w * y / m).sum() / w.sum()) for y, m in ((y1, n1), (y0, n0))]
    return Difference(rates[0], rates[1], value, low, high, p)


def _exact(n1: Floats, n0: Floats, y1: Floats, y0: Floats) -> float:
    """Two-sided P of a count of churned treated as far from what chance expects, within strata."""
    chance, least, expected = np.ones(1), 0, 0.0
    for treated, held, a, b in zip(n1, n0, y1, y0, strict=True):
        total, lost = int(treated + held), int(a + b)
        low, high = max(0, lost - int(held)), min(lost, int(treated))
        law = hypergeom.pmf(np.arange(low, high + 1), total, lost, int(treated))
        chance, least = np.convolve(chance, law), least + low
        expected += treated * lost / total
    counts = least + np.arange(len(chance))
    far = np.abs(counts - expected) >= abs(y1.sum() - expected) - 1e-9
    return float(min(chance[far].sum(), 1.0))


def _renewed(told: pd.DataFrame, permutations: int, seed: int) -> Difference | None:
    rows = told[told["arr_due"].gt(0) & told["arr_renewed"].notna()]
    both = rows.groupby("stratum")["group"].transform("nunique") == 2
    # By amounts, so that neither the order of rows nor the names move the permutations.
    rows = rows[both].sort_values(["stratum", "arr_due", "arr_renewed", "group"])
    if rows.empty:
        return None
    parts = _Money(rows)
    held = rows["group"].eq(HELD_OUT).to_numpy()
    treated, kept_out = parts.shares(held)
    rng, beyond, seen = np.random.default_rng(seed), 0, abs(treated - kept_out)
    for _ in range(permutations):
        drawn = held[np.lexsort([rng.random(len(held)), parts.stratum])]
        one, other = parts.shares(drawn)
        beyond += abs(one - other) >= seen - 1e-12
    p = (1 + beyond) / (1 + permutations)
    low, high = parts.interval(held)
    low, high = _agreeing(min(low, treated - kept_out), max(high, treated - kept_out), p)
    return Difference(treated, kept_out, treated - kept_out, low, high, p)


class _Money:
    """Shares of the ARR due that was renewed, compared for any way of holding out.

    A share is that of each stratum, weighted by the ARR due in it from both groups.
    """

    def __init__(self, rows: pd.DataFrame) -> None:
        self.stratum = pd.factorize(rows["stratum"])[0]
        self.due = rows["arr_due"].to_numpy(dtype=float)
        self.kept = rows["arr_renewed"].to_numpy(dtype=float)
        self.weight = self._sum(self.due) / self.due.sum()

    def _sum(self, values: Floats) -> Floats:
        return np.bincount(self.stratum, values, minlength=self.stratum.max() + 1).astype(float)

    def shares(self, held: NDArray[np.bool_]) -> tuple[float, float]:
        """Of the treated, and of the held out."""
        treated, held_out = (
            float((self.weight * self._sum(of * self.kept) / self._sum(of * self.due)).sum())
            for of in (~held, held)
        )
        return treated, held_out

    def interval(self, held: NDArray[np.bool_]) -> tuple[float, float]:
        """Of the difference: each group a share of as many accounts as its ARR is worth (Kish
        1965), two of them added, one renewed and one lost (Agresti and Caffo 2000). The spread of
        the few held out by itself would be too small: it misses the large ones that stayed."""
        value, spread = 0.0, 0.0
        for sign, of, share in zip((1, -1), (~held, held), self.shares(held), strict=True):
            apart = self._sum(of * self.due**2) / self._sum(of * self.due) ** 2
            accounts = 1 / (self.weight**2 * apart).sum()
            near = (accounts * min(max(share, 0.0), 1.0) + 1) / (accounts + 2)
            value += sign * near
            spread += near * (1 - near) / (accounts + 2)
        half = ndtri(1 - LEVEL / 2) * np.sqrt(spread)
        return value - half, value + half


def _agreeing(low: float, high: float, p: float) -> tuple[float, float]:
    if p > LEVEL:
        low, high = min(low, 0.0), max(high, 0.0)
    return float(low), float(high)


def _words(churn: Difference | None, renewed: Difference | None, accounts: dict[str, int]) -> str:
    if churn is None:
        return (
            f"Cannot tell: {accounts[TREATED]} treated and {accounts[HELD_OUT]} held-out accounts "
            "are settled, and no stratum has both"
        )
    ends = sorted([-100 * churn.low, -100 * churn.high])
    size = f"{-100 * churn.value:.1f} points ({ends[0]:.1f} to {ends[1]:.1f})"
    if churn.sure:
        said = f"Fewer churned among the treated, by {size}"
        if churn.value > 0:
            worse = f"{100 * churn.value:.1f} points ({-ends[1]:.1f} to {-ends[0]:.1f})"
            said = f"More churned among the treated, by {worse}"
    else:
        said = (
            f"Cannot tell: the treated churned {100 * churn.value:+.1f} points against the others "
            f"({100 * churn.low:+.1f} to {100 * churn.high:+.1f}), which holds none"
        )
    if renewed is None or not np.isfinite([renewed.low, renewed.high]).all():
        return f"{said}; too little is known of the ARR"
    money = (
        f"{100 * renewed.value:+.1f} points of the ARR due were renewed "
        f"({100 * renewed.low:+.1f} to {100 * renewed.high:+.1f})"
    )
    return f"{said}; {money}" + ("" if renewed.sure else ", which holds none")
