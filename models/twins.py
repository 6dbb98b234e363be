"""Accounts that stand in the data twice, under several ids."""

from __future__ import annotations

import numpy as np
import pandas as pd

from models.evidence import Evidence, Floats, GateSettings

DISTINCT = 0.2  # values a column takes, as a share of the accounts: such a column tells them apart
AGREE = 0.5  # of the telling columns: a copy may have been changed in the others
LEAST = 4  # telling columns that must agree
MORNINGS = 3  # on which they must
DIGITS = 3
NOBODY = pd.DataFrame({"one": [], "other": []})


def twins(features: pd.DataFrame, settings: GateSettings) -> Evidence:
    """Accounts whose telling columns agree with another account's on several mornings.

    A column is telling if its values differ between accounts, and within one from morning to
    morning: list prices and terms do not. Two accounts agree on a morning where half of these, and
    at least four, are the same in three significant digits. Zeros and missing values say nothing:
    two idle accounts are no twins.
    """
    ordered = features.sort_index(level=["account_id", "as_of"])
    morning = pd.factorize(ordered.index.get_level_values("as_of"))[0]
    account, names = pd.factorize(ordered.index.get_level_values("account_id"), sort=True)
    telling = []
    for column in sorted(map(str, ordered.columns)):
        if pd.api.types.is_numeric_dtype(ordered[column]):
            values = _digits(ordered[column].to_numpy(dtype=float, na_value=np.nan))
            known = ~np.isnan(values[1:] + values[:-1]) & (account[1:] == account[:-1])
            moved = values[1:][known] != values[:-1][known]
            differs = pd.Series(values).nunique() >= DISTINCT * len(names)
            if differs and known.any() and moved.mean() > 0.5:
                telling.append(values)
    pairs = _pairs(np.column_stack(telling), morning, account) if len(telling) >= LEAST else NOBODY
    copies = len(np.unique(pairs.to_numpy().ravel()))
    figure = copies / max(len(names), 1)
    shown = ""
    if len(pairs):
        one, other = pairs.iloc[0].astype(int)
        shown = f", such as {names[one]} and {names[other]}"
    return Evidence(
        "the same account twice",
        None,
        figure,
        settings.twins,
        figure > settings.twins,
        f"{copies} of {len(names)} accounts have the features of another one{shown}: what is "
        "learnt from the one is judged on the other. Merge them where the accounts table is read",
    )


def _pairs(values: Floats, morning: np.ndarray, account: np.ndarray) -> pd.DataFrame:
    """Accounts, `one` and `other`, that agree on enough mornings; only rows are compared that are
    the same in two columns of different families, which stand far apart in the alphabet."""
    count = values.shape[1]
    near = []
    for first in range(count):
        second = (first + count // 2) % count
        keys = pd.DataFrame({"a": values[:, first], "b": values[:, second], "morning": morning})
        keys = keys[keys.notna().all(axis=1) & keys.duplicated(keep=False)]
        rows = keys.index.to_series()
        before = rows.groupby([keys[name] for name in keys], sort=False).shift()
        near.append(pd.DataFrame({"before": before, "row": rows}).dropna().astype(int))
    met = pd.concat(near).drop_duplicates()
    one, other = values[met["before"]], values[met["row"]]
    same, known = (one == other).sum(axis=1), (~np.isnan(one + other)).sum(axis=1)
    met = met[(same >= LEAST) & (same >= AGREE * known)]
    accounts = {"one": account[met["before"]], "other": account[met["row"]]}
    often = pd.DataFrame(accounts).groupby(["one", "other"]).size()
    return often[often >= MORNINGS].index.to_frame(index=False)


def _digits(values: Floats) -> Floats:
    """Rounded to three significant digits; zero, infinite and missing as NaN."""
    known = np.where(np.isfinite(values) & (values != 0), values, np.nan)
    scale = 10.0 ** (DIGITS - 1 - np.floor(np.log10(np.abs(known))))
    return np.round(known * scale) / scale
