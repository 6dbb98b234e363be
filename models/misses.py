"""Misses and false alarms: said to be safe and lost, said to be at risk and renewed.

A *miss* is a renewal that churned although it was still green, or of low risk, on the last morning
on which it was scored. A *false alarm* is one that was red, or of high risk, on any morning and yet
renewed. Whether anybody was in touch in between is told beside, and no more than that: what would
have become of an account without it, nobody knows.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

import numpy as np
import pandas as pd

from models.clustered import share_by
from models.standing import KEPT, RENEWAL, TERMS, ripe

MISS, FALSE_ALARM = "miss", "false_alarm"
CONTACTED, UNTOUCHED = "contacted", "untouched"
BY = {"health": ["health"], "model": ["model"], "both": ["health", "model"]}
ABOUT = ["segment", "owner", "plan"]


@dataclass(frozen=True)
class Bands:
    """How a scorer's own bands say safe and at risk: `column` of the record, and two values."""

    column: str
    safe: str
    risky: str


@dataclass(frozen=True)
class Misses:
    """`rows`: one row a renewal, kind (miss or false_alarm) and by (health, model or both): rank
    (by ARR, within kind and by), account_id, due_date, outcome, arr_due, month_to_month, segment,
    owner, plan, mornings (how many scored it), since (the first morning; for a false alarm the
    first alarm), last (the last morning), stayed (whether the alarm stood on the last), contacts
    (touchpoints from `since` to the day before the due date), touched (contacted or untouched).

    `counts`: terms, kind, by, touched (all, contacted, untouched), renewals, arr, arr_unknown, of
    (all the churned, or all the renewed, that were scored and touched so), share with _low and
    _high (95 %, by account)."""

    rows: pd.DataFrame
    counts: pd.DataFrame


def misses(
    predictions: pd.DataFrame,
    outcomes: pd.DataFrame,
    touchpoints: pd.DataFrame,
    bands: Mapping[str, Bands],
    *,
    by: date,
    wait: int,
) -> Misses:
    """Where the health score and the model, each and both, were wrong.

    `predictions`: account_id, due_date, as_of, status, segment, owner, plan and the columns that
    `bands` (health and model) name. `outcomes`: account_id, due_date, outcome, arr_due,
    month_to_month; `by` and `wait` as in `models.standing.standing`. `touchpoints`: account_id,
    occurred_at, in their newest version. A contraction is neither a miss nor a false alarm.
    """
    known = ripe(outcomes, by, wait)
    known = known[[*RENEWAL, "outcome", "arr_due", "month_to_month"]]
    shown = predictions.loc[
        predictions["status"].eq("scored"),
        [*RENEWAL, "as_of", *ABOUT, *(band.column for band in bands.values())],
    ]
    rows = shown.merge(known, on=RENEWAL, validate="m:1").sort_values([*RENEWAL, "as_of"])
    rows = rows.reset_index(drop=True)
    parts = []
    for name, scorers in BY.items():
        safe, risky = (_all(rows, [bands[s] for s in scorers], of) for of in ("safe", "risky"))
        each = _renewals(rows, safe, risky)
        lost = each[each["outcome"].eq("churned")]
        kept = each[each["outcome"].isin(KEPT)]
        parts.append(lost.assign(kind=MISS, by=name, wrong=lost["safe_last"], since=lost["first"]))
        parts.append(
            kept.assign(
                kind=FALSE_ALARM,
                by=name,
                wrong=kept["alarm"].notna(),
                since=kept["alarm"].fillna(kept["first"]),
                stayed=kept["risky_last"],
            )
        )
    told = pd.concat(parts, ignore_index=True)
    told = told.assign(
        contacts=_contacts(told, touchpoints), stayed=told["stayed"].astype("boolean")
    )
    told["touched"] = np.where(told["contacts"] > 0, CONTACTED, UNTOUCHED)
    return Misses(_ranked(told[told["wrong"]]), _counts(told))


def _all(rows: pd.DataFrame, bands: list[Bands], which: str) -> pd.Series:
    """Whether every one of the scorers says so; an unknown band says nothing."""
    said = [rows[band.column].eq(getattr(band, which)).fillna(False) for band in bands]
    return pd.concat(said, axis=1).all(axis=1)


def _renewals(rows: pd.DataFrame, safe: pd.Series, risky: pd.Series) -> pd.DataFrame:
    """One row a renewal, of rows sorted by morning."""
    told = rows.assign(safe=safe, risky=risky, alarm=rows["as_of"].where(risky))
    return (
        told.groupby(RENEWAL)
        .agg(
            outcome=("outcome", "first"),
            arr_due=("arr_due", "first"),
            month_to_month=("month_to_month", "first"),
            **{name: (name, "last") for name in ABOUT},
            mornings=("as_of", "size"),
            first=("as_of", "min"),
            last=("as_of", "max"),
            alarm=("alarm", "min"),
            safe_last=("safe", "last"),
            risky_last=("risky", "last"),
        )
        .reset_index()
    )


def _contacts(rows: pd.DataFrame, touchpoints: pd.DataFrame) -> np.ndarray:
    """Touchpoints from `since` to the day before the due date, whenever they were written down."""
    asked = rows[["account_id", "since", "due_date"]].assign(place=np.arange(len(rows)))
    met = asked.merge(touchpoints[["account_id", "occurred_at"]], on="account_id")
    begun = (met["occurred_at"] - met["since"]).dt.days >= 0
    before = (met["occurred_at"] - met["due_date"]).dt.days < 0
    return np.bincount(met.loc[begun & before, "place"], minlength=len(rows))


def _ranked(wrong: pd.DataFrame) -> pd.DataFrame:
    """Most ARR first within kind and by; unknown ARR last, ties by id."""
    keys = ["kind", "by", "arr_due", *RENEWAL]
    rows = wrong.sort_values(keys, ascending=[True, True, False, True, True], ignore_index=True)
    rows["rank"] = rows.groupby(["kind", "by"]).cumcount() + 1
    shown = ["kind", "by", "rank", *RENEWAL, "outcome", "arr_due", "month_to_month", *ABOUT]
    return rows[[*shown, "mornings", "since", "last", "stayed", "contacts", "touched"]]


def _counts(told: pd.DataFrame) -> pd.DataFrame:
    found = []
    for touched in ("all", CONTACTED, UNTOUCHED):
        here = told if touched == "all" else told[told["touched"].eq(touched)]
        terms = np.where(here["month_to_month"].astype(bool), TERMS[1], TERMS[0])
        for (of, kind, by), part in here.groupby([terms, "kind", "by"], sort=True):
            wrong = part["wrong"].astype(bool)
            share = share_by(wrong, wrong * 0.0 + 1, part["account_id"], wrong * 0).iloc[0]
            arr = part.loc[wrong, "arr_due"].astype(float)
            found.append(
                {"terms": of, "kind": kind, "by": by, "touched": touched}
                | {"renewals": int(wrong.sum()), "arr": arr.sum()}
                | {"arr_unknown": int(arr.isna().sum()), "of": len(part)}
                | {"share": share["value"], "share_low": share["low"], "share_high": share["high"]}
            )
    return pd.DataFrame(found)
