"""Drift: whether features and scores look as they did in training, beside the noise to expect.

PSI = Σ (now − then) · ln(now / then) over bins, here deciles of training, values of a text, and
missing as a bin of its own. Without any drift it is not 0: over B bins and samples of n and m
accounts about (B − 1)(1/n + 1/m), for PSI / (1/n + 1/m) is then χ² with B − 1 degrees of freedom
(Yurdakul and Naranjo 2020). The usual limits of 0.1 and 0.25 know nothing of n.

Mornings of one account are no independent rows. Every row counts, for a month-to-month customer is
asked about more often, then as now; but n is the effective number of accounts (Kish 1965), as if an
account's rows were all the same. That they differ, and that accounts of today stood in training,
makes the true noise smaller than said here, never larger. Drift is information, not proof that a
model is wrong.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy.special import chdtrc, chdtri

from models.shock import Floats

BINS = 10
LEAST = 5.0  # accounts expected in a bin of the smaller sample, as χ² asks for
SURE = 0.99
MISSING = "missing"
COLUMNS = ["column", "bins", "psi", "expected", "limit", "beyond", "p", "then", "now", "words"]


def drift(training: pd.DataFrame, now: pd.DataFrame) -> pd.DataFrame:
    """One row a column that both frames have, the most telling first.

    Frames on (account_id, as_of), columns numeric or text. Columns: column, bins, psi, expected (if
    nothing drifted), limit (its upper 99 % quantile), beyond (psi > limit), p, then and now
    (effective numbers of accounts), words. Of a hundred columns without drift one is beyond by
    chance.
    """
    names = [name for name in training.columns if name in now.columns]
    sizes = (accounts(training), accounts(now))
    if min(sizes) == 0 or not names:
        return pd.DataFrame(columns=COLUMNS)
    found = [_of(name, training[name], now[name], sizes) for name in names]
    order = ["p", "psi", "column"]
    return pd.DataFrame(found).sort_values(order, ascending=[True, False, True], ignore_index=True)


def psi(then: Floats, now: Floats, sizes: tuple[float, float]) -> float:
    """The index of two distributions over the same bins; half an account is added to every bin, so
    that an empty one has a finite part.

    >>> psi(np.array([0.5, 0.5]), np.array([0.5, 0.5]), (100, 100))
    0.0
    """
    before, after = (
        (share * n + 0.5) / (n + 0.5 * len(share))
        for share, n in zip((then, now), sizes, strict=True)
    )
    return float(np.sum((after - before) * np.log(after / before)))


def accounts(frame: pd.DataFrame) -> float:
    """The effective number of accounts behind rows on account_id: (Σ k)² / Σ k², k rows each.

    >>> rows = pd.MultiIndex.from_product([["a", "b"], [1, 2, 3]], names=["account_id", "as_of"])
    >>> accounts(pd.DataFrame(index=rows))
    2.0
    """
    rows = frame.groupby(level="account_id").size().to_numpy(dtype=float)
    return float(rows.sum() ** 2 / (rows**2).sum()) if len(rows) else 0.0


def _of(
    name: str,
    training: pd.Series,
    now: pd.Series,
    sizes: tuple[float, float],
) -> dict[str, object]:
    shares = [labels.value_counts(normalize=True) for labels in _binned(training, now)]
    both = pd.concat(shares, axis=1, keys=["then", "now"]).fillna(0.0)
    joined = _enough(both, sizes)
    then, today = joined["then"].to_numpy(), joined["now"].to_numpy()
    bins, noise = len(joined), 1 / sizes[0] + 1 / sizes[1]
    value = psi(then, today, sizes) if bins > 1 else 0.0
    limit = float(chdtri(bins - 1, 1 - SURE)) * noise if bins > 1 else 0.0
    return {
        "column": name,
        "bins": bins,
        "psi": value,
        "expected": (bins - 1) * noise,
        "limit": limit,
        "beyond": bins > 1 and value > limit,
        "p": float(chdtrc(bins - 1, value / noise)) if bins > 1 else 1.0,
        "then": sizes[0],
        "now": sizes[1],
        "words": _words(training, now, both),
    }


def _binned(training: pd.Series, now: pd.Series) -> tuple[pd.Series, pd.Series]:
    """The bin of each row, as text; edges are deciles of training."""
    if not pd.api.types.is_numeric_dtype(training):
        texts = [column.astype(object).where(column.notna(), MISSING) for column in (training, now)]
        return texts[0].astype(str), texts[1].astype(str)
    values, today = _numbers(training), _numbers(now)
    known = np.sort(values[~np.isnan(values)])
    at = np.arange(1, BINS) / BINS
    edges = np.unique(np.quantile(known, at, method="inverted_cdf")) if len(known) else known
    labels = [
        np.where(np.isnan(of), MISSING, np.char.mod("%02d", np.searchsorted(edges, of)))
        for of in (values, today)
    ]
    return pd.Series(labels[0]), pd.Series(labels[1])


def _enough(shares: pd.DataFrame, sizes: tuple[float, float]) -> pd.DataFrame:
    """Bins in which too few accounts are to be expected, joined with the smallest others."""
    n, m = sizes
    rows = shares.assign(both=(shares["then"] * n + shares["now"] * m) / (n + m))
    kept = sorted(rows.to_numpy().tolist(), key=lambda row: (row[2], row[0]))
    while len(kept) > 1 and kept[0][2] * min(n, m) < LEAST:
        joined = [sum(pair) for pair in zip(kept[0], kept[1], strict=True)]
        kept = sorted([joined, *kept[2:]], key=lambda row: (row[2], row[0]))
    return pd.DataFrame(kept, columns=["then", "now", "both"])


def _words(training: pd.Series, now: pd.Series, shares: pd.DataFrame) -> str:
    """What a reader would see: the share of the text, or of no value, that moved most; else the
    middle, or where that is the same, the mean."""
    moved = (shares["now"] - shares["then"]).abs()
    name = str(moved.idxmax())
    if name == MISSING or not pd.api.types.is_numeric_dtype(training):
        said = "without a value" if name == MISSING else f"with {name}"
        then, today = shares.loc[name, "then"], shares.loc[name, "now"]
        return f"{then:.0%} {said} in training, {today:.0%} now"
    known = [of[~np.isnan(of)] for of in (_numbers(training), _numbers(now))]
    if not min(len(of) for of in known):
        return "no value at all in training or now"
    pairs = {
        "median": [float(np.median(of)) for of in known],
        "mean": [float(np.mean(of)) for of in known],
    }
    name = "mean" if f"{pairs['median'][0]:.4g}" == f"{pairs['median'][1]:.4g}" else "median"
    return f"{name} {pairs[name][0]:.4g} in training, {pairs[name][1]:.4g} now"


def _numbers(column: pd.Series) -> Floats:
    return column.to_numpy(dtype=float, na_value=np.nan)
