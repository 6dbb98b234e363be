"""The renewals of a publication, laid out once so that filtering and sorting 50,000 is no work.

A filter compares whole numbers, an order is computed when it is first asked for, and only the rows
of a page become plain values.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from functools import cached_property
from typing import Annotated, Any, Literal

import numpy as np
import pandas as pd
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from serve.predictions import COLUMNS, OUTCOMES, Published
from serve.record import KEY

OF_RECORD = {"plan": "VARCHAR", "month_to_month": "BOOLEAN", "csm_call": "DOUBLE"}
SHOWN: dict[str, str] = {**COLUMNS, **OF_RECORD, **OUTCOMES}
"""The columns of a row: the prediction, what the ledger keeps beside it, and the whole tree."""

Sort = Literal[
    "rank", "-rank",
    "due_date", "-due_date",
    "name", "-name",
    "owner", "-owner",
    "arr_due", "-arr_due",
    "arr_at_risk", "-arr_at_risk",
    "churn_probability", "-churn_probability",
    "upsell_probability", "-upsell_probability",
    "health_score", "-health_score",
    "expected_arr", "-expected_arr",
]  # fmt: skip
Band = Literal["low", "medium", "high"]
Status = Literal["scored", "decided", "in_grace", "later_renewal", "failed"]
Agreement = Literal["agree", "model_riskier", "health_riskier", "unknown"]


def _iso(value: object) -> object:
    """Only 2025-07-01 is a day: a number would be read as seconds since 1970."""
    if isinstance(value, str) and not (len(value) == 10 and value[4] == value[7] == "-"):
        raise ValueError("give a day as 2025-07-01")
    return value


Day = Annotated[date | None, BeforeValidator(_iso)]
Text = Annotated[str | None, Field(max_length=500)]


class Wanted(BaseModel):
    """Which renewals; what is not given does not narrow them. `due_until` is the first day that is
    not asked for any more. What is missing sorts last, either way."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    owner: Text = None
    segment: Text = None
    plan: Text = None
    risk_band: Band | None = None
    status: Status | None = None
    agreement: Agreement | None = None
    health_band: Text = None
    due_from: Day = None
    due_until: Day = None
    sort: Sort = "rank"


EQUAL = ("owner", "segment", "plan", "risk_band", "status", "agreement", "health_band")


class Listing:
    """One publication's renewals by column, in the published order."""

    def __init__(self, published: Published) -> None:
        frame = _joined(published)
        self._size = len(frame)
        self.columns: dict[str, np.ndarray] = {
            name: _array(frame[name], sql) for name, sql in SHOWN.items()
        }
        self._codes = {name: pd.factorize(self.columns[name]) for name in EQUAL}
        self._orders: dict[str, np.ndarray] = {}

    def __len__(self) -> int:
        return self._size

    def find(self, wanted: Wanted) -> np.ndarray:
        """The places of the renewals wanted, in the order wanted."""
        kept = np.ones(self._size, dtype=bool)
        for name in EQUAL:
            value = getattr(wanted, name)
            if value is not None:
                codes, values = self._codes[name]
                (at,) = np.nonzero(np.asarray(values, dtype=object) == value)
                kept &= codes == (at[0] if len(at) else -2)
        days = self.columns["due_date"]
        if wanted.due_from is not None:
            kept &= days >= np.datetime64(wanted.due_from)
        if wanted.due_until is not None:
            kept &= days < np.datetime64(wanted.due_until)
        order = self._order(wanted.sort)
        return order[kept[order]]

    def rows(self, places: np.ndarray) -> list[dict[str, Any]]:
        """Plain rows of SHOWN, null for what is missing."""
        columns = [_plain(column[places]) for column in self.columns.values()]
        names = list(self.columns)
        return [dict(zip(names, row, strict=True)) for row in zip(*columns, strict=True)]

    def of_account(self, account_id: str) -> np.ndarray:
        """The places of an account's renewals; none for who has none."""
        return self._by_account.get(account_id, np.array([], dtype=int))

    @cached_property
    def _by_account(self) -> dict[str, np.ndarray]:
        codes, accounts = pd.factorize(self.columns["account_id"])
        if not len(accounts):
            return {}
        order = np.argsort(codes, kind="stable")
        bounds = np.searchsorted(codes[order], np.arange(1, len(accounts)))
        return dict(zip(accounts, np.split(order, bounds), strict=True))

    def _order(self, sort: str) -> np.ndarray:
        if sort not in self._orders:
            codes, _ = pd.factorize(pd.Series(self.columns[sort.removeprefix("-")]), sort=True)
            keys = np.where(codes < 0, self._size, -codes if sort.startswith("-") else codes)
            self._orders[sort] = keys.argsort(kind="stable")
        return self._orders[sort]


def choices(listing: Listing, name: str) -> list[str]:
    """The values that a filter may have, in their order.

    `name` is one of EQUAL."""
    return sorted({value for value in listing.columns[name] if value is not None})


def _joined(published: Published) -> pd.DataFrame:
    frame = published.predictions
    beside = published.record[[*KEY, *OF_RECORD]]
    frame = frame.merge(beside, on=KEY, how="left", validate="one_to_one")
    tree = published.outcomes.drop(columns=KEY)
    return frame.merge(tree, on="prediction_id", how="left", validate="one_to_one")


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
