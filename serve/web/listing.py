"""The renewals of a publication as the list page needs them: sorted once, filtered in a moment.

Every order is worked out when a publication is opened, and every filter is a comparison of small
integers, so that a page costs the rows it shows and not those it leaves out.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from serve.web.question import ALL, CHOICES, FREE, UNKNOWN, Question

LISTED = ["account_id", "due_date"]
OF_RECORD = ["plan", "month_to_month", "csm_call"]
COLUMN_OF = {"health": "health_band", "band": "risk_band", "cycle": "target_cycle"}
DAYS = ("as_of", "due_date")
HIDDEN = ("prediction_id", "model_version", "bundle_sha256", "features_sha256", "params_sha256")
DISPUTES = ("model_riskier", "health_riskier")
GROWS = 0.75  # whoever is more likely to expand than this share of the scored, is likely to grow

Ints = NDArray[np.intp]


@dataclass(frozen=True)
class Answer:
    """`rows` of one page; `total` rows and their `arr` on all pages; `counts`: what each value of
    a filter would leave, the others being as they are."""

    question: Question
    rows: list[dict[str, Any]]
    total: int
    arr: float
    arr_unknown: int
    pages: int
    counts: Mapping[str, Mapping[str, int]]


class Listing:
    """All renewals of one publication; threads may share it."""

    def __init__(
        self,
        predictions: pd.DataFrame,
        record: pd.DataFrame | None = None,
        before: Mapping[str, float] | None = None,
    ) -> None:
        """`predictions` and `record` of serve.predictions.Published; `before`: the churn
        probability of each account on the morning before, where one is known."""
        frame = predictions.reset_index(drop=True)
        if record is None:
            frame = frame.assign(**dict.fromkeys(OF_RECORD))
        else:
            frame = frame.merge(record[[*LISTED, *OF_RECORD]], on=LISTED, how="left")
        then = frame["account_id"].map(dict(before or {})).astype(float)
        frame["before"] = then
        frame["trend"] = frame["churn_probability"].astype(float) - then
        self.grows_from, frame["quadrant"] = _quadrants(frame)
        shown = [name for name in frame if name not in HIDDEN]
        self._columns = {name: frame[name].array for name in shown if name not in DAYS}
        self._codes = {name: _codes(column) for name, column in _filtered(frame).items()}
        self._words = (frame["name"].fillna("") + "\n" + frame["account_id"]).str.lower().tolist()
        self._days = frame["due_date"].to_numpy("datetime64[D]")
        self._accounts = pd.Index(frame["account_id"])
        self._arr = frame["arr_due"].to_numpy(dtype=float)
        self._orders = _orders(frame)
        self.values = {name: words for name, (_, words) in self._codes.items() if name in FREE}

    def __len__(self) -> int:
        return len(self._days)

    def of(self, account_id: str) -> list[dict[str, Any]]:
        """The rows of one account, by due date."""
        places = np.flatnonzero(self._accounts == account_id)
        return self._plain(places[np.argsort(self._days[places], kind="stable")])

    def answer(self, question: Question, whole: bool = False) -> Answer:
        """The page that is asked for, or with `whole` all its rows."""
        keeps = {name: self._keep(name, getattr(question, name)) for name in self._codes}
        rest = self._rest(question)
        keep = np.logical_and.reduce([rest, *(k for k in keeps.values() if k is not None)])
        order = self._orders[question.sort]
        places = order[keep[order]]
        pages = max(1, -(-len(places) // question.size))
        page = min(question.page, pages)
        shown = places if whole else places[(page - 1) * question.size : page * question.size]
        arr = self._arr[places]
        return Answer(
            question=question if page == question.page else question.but(page=page),
            rows=self._plain(shown),
            total=len(places),
            arr=float(np.nansum(arr)),
            arr_unknown=int(np.isnan(arr).sum()),
            pages=pages,
            counts={name: self._counts(name, rest, keeps, places) for name in self._codes},
        )

    def _plain(self, places: Ints) -> list[dict[str, Any]]:
        """Some rows as plain values: days in ISO form, None for what is missing."""
        columns = {
            name: [None if pd.isna(value) else value for value in array.take(places).tolist()]
            for name, array in self._columns.items()
        }
        columns["due_date"] = self._days[places].astype(str).tolist()
        return [
            dict(zip(columns, values, strict=True))
            for values in zip(*columns.values(), strict=True)
        ]

    def _keep(self, name: str, value: str) -> NDArray[np.bool_] | None:
        if not value or value == ALL:
            return None
        codes, words = self._codes[name]
        if name == "agreement" and value == "differ":
            wanted = [place for place, word in enumerate(words) if word in DISPUTES]
            return np.isin(codes, wanted)
        if value not in words:
            return np.zeros(len(codes), dtype=bool)
        return codes == words.index(value)

    def _rest(self, question: Question) -> NDArray[np.bool_]:
        keep = np.ones(len(self._days), dtype=bool)
        if question.due_from:
            keep &= self._days >= np.datetime64(question.due_from)
        if question.due_until:
            keep &= self._days < np.datetime64(question.due_until)
        if question.q:
            sought = question.q.lower()
            keep &= np.fromiter((sought in words for words in self._words), bool, len(keep))
        return keep

    def _counts(
        self,
        name: str,
        rest: NDArray[np.bool_],
        keeps: Mapping[str, NDArray[np.bool_] | None],
        places: Ints,
    ) -> dict[str, int]:
        codes, words = self._codes[name]
        left: NDArray[Any] = places
        if keeps[name] is not None:
            others = [keep for of, keep in keeps.items() if of != name and keep is not None]
            left = np.logical_and.reduce([rest, *others])
        found = np.bincount(codes[left], minlength=len(words)).tolist()
        counts = dict(zip(words, found, strict=True))
        if name == "agreement":
            counts["differ"] = sum(counts.get(side, 0) for side in DISPUTES)
        return counts


def _filtered(frame: pd.DataFrame) -> dict[str, pd.Series]:
    """Each filter's values as text."""
    warned = frame["early_warning"].astype("boolean")
    said = warned.map({True: "yes", False: "no"}).astype(object)
    columns = {
        name: frame[COLUMN_OF.get(name, name)] for name in (*FREE, *CHOICES) if name != "warning"
    }
    return {**columns, "warning": said}


def _codes(column: pd.Series) -> tuple[Ints, list[str]]:
    text = column.astype(object).where(column.notna(), UNKNOWN).astype(str)
    codes, words = pd.factorize(text, sort=True)
    return codes.astype(np.intp), [str(word) for word in words]


def _quadrants(frame: pd.DataFrame) -> tuple[float | None, pd.Series]:
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
    return cut, pd.Series(names, frame.index)


def _orders(frame: pd.DataFrame) -> dict[str, Ints]:
    """The places of the rows under each of SORTS: unknown last, ties by due date and account."""
    ties = (frame["account_id"].rank(method="dense"), frame["due_date"])

    def by(*keys: pd.Series) -> Ints:
        columns = [key.to_numpy(dtype=float, na_value=np.nan) for key in keys[::-1]]
        whole = [tie.to_numpy() for tie in ties] + columns
        return np.lexsort(whole)

    names = frame["name"].fillna(frame["account_id"]).str.lower().rank(method="dense")
    due = (frame["due_date"] - frame["due_date"].min()).dt.days
    return {
        "at_risk": by(-frame["arr_at_risk"]),
        "risk": by(-frame["churn_probability"]),
        "due": by(due),
        "arr": by(-frame["arr_due"]),
        "health": by(frame["health_score"]),
        "expand": by(-frame["upsell_probability"]),
        "trend": by(-frame["trend"]),
        "name": by(names),
    }
