"""The renewals of a publication, laid out once: how interface and pages filter, sort and count.

A filter compares small whole numbers and an order is worked out when it is first asked for, so that
a page of 50,000 renewals costs the rows it shows and not those it leaves out.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from serve.predictions import COLUMNS, OUTCOMES
from serve.record import KEY

OF_RECORD = {"plan": "VARCHAR", "month_to_month": "BOOLEAN", "csm_call": "DOUBLE"}
SHOWN: dict[str, str] = {**COLUMNS, **OF_RECORD, **OUTCOMES}
"""The columns of a row: the prediction, what the ledger keeps beside it, and the whole tree."""

BESIDE = ("before", "trend", "quadrant")
"""What is worked out here: the probability of the morning before, the change since, and whether the
account is likely to grow and at risk."""

FILTERS = (
    "owner", "segment", "plan", "target_cycle", "status", "risk_band", "health_band", "agreement",
    "status_reason", "warning", "quadrant",
)  # fmt: skip
"""What is filtered by its value: columns, `quadrant`, and `warning`, the early warning in words."""

ORDERS = (
    "rank", "due_date", "label", "owner", "arr_due", "arr_at_risk", "churn_probability",
    "upsell_probability", "health_score", "expected_arr", "trend",
)  # fmt: skip
"""What the renewals are sorted by, `-` before it for downwards; `label` is the name or else id."""

UNKNOWN = "unknown"
GROWS = 0.75  # whoever is more likely to expand than this share of the scored, is likely to grow

Ints = NDArray[np.intp]
Bools = NDArray[np.bool_]


@dataclass(frozen=True)
class View:
    """Which renewals, in which order. `values`: by filter, those that leave a renewal in; UNKNOWN
    stands for what is missing. `due_until` is the first day without; `words` are a part of name or
    id. What is missing sorts last either way, and ties are by due date, then account."""

    values: Mapping[str, Collection[str]] = field(default_factory=dict)
    due_from: date | None = None
    due_until: date | None = None
    words: str = ""
    order: str = "rank"


class Found:
    """The renewals of a view: their `places` in the listing, in the order wanted."""

    def __init__(self, listing: Listing, view: View) -> None:
        self._codes = listing.codes
        self._rest = listing.within(view)
        self._keeps = {name: listing.having(name, of) for name, of in view.values.items()}
        keep = np.logical_and.reduce([self._rest, *self._keeps.values()])
        order = listing.order(view.order)
        self.places: Ints = order[keep[order]]

    def counts(self) -> dict[str, dict[str, int]]:
        """By filter, how many renewals each of its values would leave, the others as they are."""
        return {name: self._counts(name) for name in FILTERS}

    def _counts(self, name: str) -> dict[str, int]:
        codes, words = self._codes[name]
        left: NDArray[Any] = self.places
        if name in self._keeps:
            others = [keep for of, keep in self._keeps.items() if of != name]
            left = np.logical_and.reduce([self._rest, *others])
        counts = np.bincount(codes[left], minlength=len(words)).tolist()
        return dict(zip(words, counts, strict=True))


class Listing:
    """All renewals of one publication by column; threads may share it."""

    def __init__(
        self,
        predictions: pd.DataFrame,
        record: pd.DataFrame,
        outcomes: pd.DataFrame,
        before: Mapping[str, float] | None = None,
    ) -> None:
        """The frames of serve.predictions.Published; `before`: the churn probability of each
        account on the morning before, where one is known."""
        frame = predictions.merge(
            record[[*KEY, *OF_RECORD]], on=KEY, how="left", validate="one_to_one"
        ).merge(outcomes.drop(columns=KEY), on="prediction_id", how="left", validate="one_to_one")
        then = frame["account_id"].map(dict(before or {})).astype(float)
        trend = frame["churn_probability"].astype(float) - then
        self.grows_from, quadrant = _quadrants(frame)
        self.columns: dict[str, np.ndarray] = {
            **{name: _array(frame[name], sql) for name, sql in SHOWN.items()},
            "before": then.to_numpy(),
            "trend": trend.to_numpy(),
            "quadrant": quadrant,
        }
        self.codes = {name: _codes(self._filtered(name)) for name in FILTERS}
        self._size = len(frame)
        self._orders: dict[str, Ints] = {}

    def __len__(self) -> int:
        return self._size

    def find(self, view: View) -> Found:
        """The renewals wanted, in the order wanted."""
        return Found(self, view)

    def rows(self, places: Ints, names: Iterable[str] = SHOWN) -> list[dict[str, Any]]:
        """Plain rows of some columns: days in ISO form, None for what is missing."""
        names = list(names)
        columns = [_plain(self.columns[name][places]) for name in names]
        return [dict(zip(names, row, strict=True)) for row in zip(*columns, strict=True)]

    def of_account(self, account_id: str) -> Ints:
        """The places of an account's renewals, by due date; none for who has none."""
        return self._by_account.get(account_id, np.array([], dtype=np.intp))

    def values(self, name: str) -> list[str]:
        """The values that a filter has here, sorted."""
        return self.codes[name][1]

    def within(self, view: View) -> Bools:
        """Whom the days and the words of a view leave."""
        keep = np.ones(self._size, dtype=bool)
        days = self.columns["due_date"]
        if view.due_from is not None:
            keep &= days >= np.datetime64(view.due_from)
        if view.due_until is not None:
            keep &= days < np.datetime64(view.due_until)
        if view.words:
            sought = view.words.lower()
            keep &= np.fromiter((sought in of for of in self._words), bool, self._size)
        return keep

    def having(self, name: str, values: Collection[str]) -> Bools:
        """Who has one of some values of a filter."""
        codes, words = self.codes[name]
        wanted = [place for place, word in enumerate(words) if word in values]
        return codes == wanted[0] if len(wanted) == 1 else np.isin(codes, wanted)

    def order(self, by: str) -> Ints:
        """All places, sorted by one of ORDERS."""
        if by not in self._orders:
            name = by.removeprefix("-")
            column = self._labels if name == "label" else self.columns[name]
            keys = _keys(column[self._ties], falling=by.startswith("-"))
            self._orders[by] = self._ties[keys.argsort(kind="stable")]
        return self._orders[by]

    def _filtered(self, name: str) -> np.ndarray:
        if name != "warning":
            return self.columns[name]
        said = {True: "yes", False: "no", None: None}
        return np.array([said[one] for one in self.columns["early_warning"]], dtype=object)

    @cached_property
    def _ties(self) -> Ints:
        accounts, _ = pd.factorize(self.columns["account_id"], sort=True)
        return np.lexsort((accounts, self.columns["due_date"]))

    @cached_property
    def _labels(self) -> np.ndarray:
        pairs = zip(self.columns["name"], self.columns["account_id"], strict=True)
        return np.array([(name or account).lower() for name, account in pairs], dtype=object)

    @cached_property
    def _words(self) -> list[str]:
        pairs = zip(self.columns["name"], self.columns["account_id"], strict=True)
        return [f"{name or ''}\n{account}".lower() for name, account in pairs]

    @cached_property
    def _by_account(self) -> dict[str, Ints]:
        codes, accounts = pd.factorize(self.columns["account_id"])
        if not len(accounts):
            return {}
        order = np.lexsort((self.columns["due_date"], codes))
        bounds = np.searchsorted(codes[order], np.arange(1, len(accounts)))
        return dict(zip(accounts, np.split(order, bounds), strict=True))


def _keys(column: np.ndarray, *, falling: bool) -> np.ndarray:
    """Numbers that sort as the column does, what is missing last."""
    if column.dtype.kind == "f":
        return -column if falling else column
    codes, _ = pd.factorize(pd.Series(column), sort=True)
    return np.where(codes < 0, len(codes), -codes if falling else codes)


def _codes(column: np.ndarray) -> tuple[Ints, list[str]]:
    text = np.array([UNKNOWN if value is None else value for value in column], dtype=object)
    codes, words = pd.factorize(text, sort=True)
    return codes.astype(np.intp), [str(word) for word in words]


def _quadrants(frame: pd.DataFrame) -> tuple[float | None, np.ndarray]:
    """Likely to grow (the top quarter of the scored) against at risk (more than a low band)."""
    scored = frame["status"].eq("scored")
    grows = frame["upsell_probability"].astype(float)
    known = scored & grows.notna() & frame["risk_band"].notna()
    cut = float(grows[known].quantile(GROWS)) if known.any() else None
    likely = grows >= (np.inf if cut is None else cut)
    risky = frame["risk_band"].ne("low")
    names = np.select(
        [~known, likely & risky, likely, risky],
        [UNKNOWN, "secure_first", "expand", "at_risk"],
        "steady",
    )
    return cut, names.astype(object)


def _array(column: pd.Series, sql: str) -> np.ndarray:
    if sql == "DATE":
        return column.to_numpy().astype("datetime64[D]")
    if sql == "DOUBLE":
        return column.to_numpy(dtype=float, na_value=np.nan)
    return column.astype(object).where(column.notna(), None).to_numpy()


def _plain(values: np.ndarray) -> Sequence[Any]:
    if values.dtype.kind == "M":
        return [None if day is None else day.isoformat() for day in values.tolist()]
    if values.dtype.kind == "f":
        return [None if value != value else value for value in values.tolist()]
    return values.tolist()
