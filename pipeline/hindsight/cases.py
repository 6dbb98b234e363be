"""The renewals in which a scorer was wrong, one by one: what was known when, and what came late."""

from __future__ import annotations

from typing import Any

import pandas as pd

from models.signals import SCORE, WHOLE
from models.standing import RENEWAL
from pipeline.hindsight.timeline import Hindsight
from serve.predictions import records

LISTED = 8  # of a kind, with and without contact
SCORERS = ("health", "model")
CASE = ["kind", "touched", *RENEWAL]
ABOUT = ["outcome", "arr_due", "month_to_month", "segment", "owner", "moved_first"]


def cases(seen: Hindsight, accounts: pd.DataFrame) -> list[dict[str, Any]]:
    """The cases with the most ARR, LISTED of each kind contacted and untouched.

    `accounts`: account_id, and name where it is known. Where both scorers were wrong about a
    renewal it is one case. Keys: those of CASE and ABOUT, name, scorers, contacts, since, timeline
    and late.
    """
    rows = seen.misses.rows
    rows = rows[rows["by"].isin(SCORERS)].sort_values(["by", *CASE])
    if rows.empty:
        return []
    each = rows.groupby(CASE, as_index=False).agg(
        scorers=("by", list),
        contacts=("contacts", "max"),
        since=("since", "min"),
        **{name: (name, "first") for name in ABOUT},
    )
    order = ["kind", "touched", "arr_due", *RENEWAL]
    each = each.sort_values(order, ascending=[False, False, False, True, True])
    top = each.groupby(["kind", "touched"], sort=False).head(LISTED)
    names = accounts if "name" in accounts else accounts.assign(name=None)
    top = top.merge(names[["account_id", "name"]], on="account_id", how="left")
    found = []
    for case, told in zip(top[RENEWAL].itertuples(index=False), records(top), strict=True):
        at = {name: _of(getattr(seen, name), case) for name in ("timelines", "moves", "late")}
        timeline = _timeline(at["timelines"], at["moves"])
        found.append(told | {"timeline": timeline, "late": records(at["late"])})
    return found


def _of(frame: pd.DataFrame, case: Any) -> pd.DataFrame:
    mine = frame["account_id"].eq(case.account_id) & frame["due_date"].eq(case.due_date)
    return frame[mine].drop(columns=RENEWAL)


def _timeline(rows: pd.DataFrame, moves: pd.DataFrame) -> list[dict[str, Any]]:
    """Each morning with the health dimensions in one mapping, and which signals had moved."""
    parts = [c for c in rows if str(c).endswith(SCORE) and c != WHOLE]
    since = dict(zip(moves["signal"], moves["as_of"], strict=True))
    told = []
    for day, row in zip(rows["as_of"], records(rows), strict=True):
        dimensions = {str(c).removesuffix(SCORE): row.pop(str(c)) for c in parts}
        moved = [str(of).removesuffix(SCORE) for of, first in since.items() if first <= day]
        told.append(row | {"dimensions": dimensions, "moved": moved})
    return told
