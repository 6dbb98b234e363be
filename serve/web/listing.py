"""One page of the list of renewals, as an address asks for it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from serve.listing import BESIDE, SHOWN, Ints, Listing
from serve.web.question import COLUMN_OF, DISPUTES, FREE, Question, filters

HIDDEN = ("prediction_id", "as_of", "model_version", "bundle_sha256", "features_sha256",
          "params_sha256")  # fmt: skip
ROW = tuple(name for name in (*SHOWN, *BESIDE) if name not in HIDDEN)


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


def answer(listing: Listing, question: Question, whole: bool = False) -> Answer:
    """The page that is asked for, or with `whole` all its rows."""
    found = listing.find(question.view())
    places = found.places
    pages = max(1, -(-len(places) // question.size))
    page = min(question.page, pages)
    shown = places if whole else places[(page - 1) * question.size : page * question.size]
    arr = listing.columns["arr_due"][places]
    counts = found.counts()
    sides = counts["agreement"]
    sides["differ"] = sum(sides.get(side, 0) for side in DISPUTES)
    return Answer(
        question=question if page == question.page else question.but(page=page),
        rows=_rows(listing, shown),
        total=len(places),
        arr=float(np.nansum(arr)),
        arr_unknown=int(np.isnan(arr).sum()),
        pages=pages,
        counts={name: counts[COLUMN_OF.get(name, name)] for name in filters()},
    )


def of_account(listing: Listing, account_id: str) -> list[dict[str, Any]]:
    """The rows of one account, by due date."""
    return _rows(listing, listing.of_account(account_id))


def values(listing: Listing) -> dict[str, list[str]]:
    """The values of each filter that has whatever the publication holds."""
    return {name: listing.values(COLUMN_OF.get(name, name)) for name in FREE}


def _rows(listing: Listing, places: Ints) -> list[dict[str, Any]]:
    return listing.rows(places, ROW)
