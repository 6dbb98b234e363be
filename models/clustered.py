"""Shares of rows that are not independent: an account may stand there more than once."""

from __future__ import annotations

import numpy as np
import pandas as pd

from models.metrics import wilson


def share_by(
    happened: pd.Series, weight: pd.Series, account: pd.Series, by: pd.Series
) -> pd.DataFrame:
    """The weighted share of rows where it happened, for each value of `by`, with a 95 % interval.

    Wilson's interval on the effective number of rows: the one at which independent rows would be
    as uncertain as these are by account (linearised; Korn and Graubard 1998), at most the number
    of accounts. All series are aligned. Columns: value, low, high, weight (the sum), accounts;
    index: the values of `by`.

    >>> four = pd.Series(range(4))
    >>> share_by(four < 1, four * 0 + 1.0, four, four * 0).round(3).iloc[0].tolist()
    [0.25, 0.046, 0.699, 4.0, 4.0]
    """
    groups, names = pd.factorize(by, sort=True)
    people, _ = pd.factorize(account)
    cells, both = np.unique(groups * (people.max(initial=0) + 1) + people, return_inverse=True)
    of = cells // (people.max(initial=0) + 1)
    mass = weight.to_numpy(dtype=float)
    w = np.bincount(both, mass, len(cells))
    wy = np.bincount(both, mass * happened.to_numpy(dtype=bool), len(cells))
    total = np.bincount(of, w, len(names))
    accounts = np.bincount(of, minlength=len(names)).astype(float)
    value = np.bincount(of, wy, len(names)) / total
    spread = np.bincount(of, (wy - value[of] * w) ** 2, len(names)) / total**2
    known = spread > 1e-15  # else nothing varies, and the accounts alone say how sure that is
    alone = np.divide(value * (1 - value), spread, np.full(len(names), np.inf), where=known)
    number = np.minimum(alone, accounts)
    low, high = wilson(value * number, number)
    found = {"value": value, "low": low, "high": high, "weight": total, "accounts": accounts}
    return pd.DataFrame(found, index=pd.Index(names, name=by.name))
