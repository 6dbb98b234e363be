"""The report's second page: what was predicted, what happened, and who was right.

The page is drawn from `figures` alone, which are written as JSON too. They hold

meta        company, currency, as_of (the day of knowledge), data_from, data_until, source (replay
            or ledger), first and last (mornings), mornings, share (of a list), within, wait (days
            after a due date until its end is settled), grace, every, model, rival, model_version,
            hashes, target (name, outcome, horizon), primary, rules_primary
summary     predictions (scored), renewals = renewed + expanded + contracted + churned + in_grace +
            open + not_due; settled; arr_churned; waiting (predictions not judged yet), unsealed
            (predictions that no ledger held before the due date)
verdicts    the model against each scorer: against, verdict, metric, difference, low, high, reason,
            and known (the scorer by whose rows the two meet, null if on all)
forecast    coming, past, held, at_risk, common_error (pipeline.hindsight.monitoring.forecast); of,
            the publication that is coming (serve.predictions.of_publication); and charted: one row
            a month: cycle, and of its first whole forecast the ends and what happened
trade       pipeline.hindsight.trade.figures: renewal_rates, book_rates, nps, definitions_due,
            definitions_book, orders, involuntary, every, grace, definitions_period
duel        as one of serve.report's held_out; sparse: scorer, counts, metrics and pairs on the rows
            that a sparse scorer knows; bands: churn in each scorer's own bands. null where nothing
            is settled
lead_time   table (models.lead_time), days, share
misses      counts (models.misses); cases: kind, touched, scorers (who was wrong), account_id, name,
            due_date, outcome, arr_due, month_to_month, segment, owner, contacts, since,
            moved_first, timeline (a row a morning; moved: the columns that had moved by then), late
signals     points, probability, back: what counts as a move
trial       about, bands, steps, figures, floors (models.health_trial); null where no morning is
            settled
monitoring  performance, alarm, retrain, drift (pipeline.hindsight.monitoring.monitoring)
holdout     text, accounts, churned, unsettled: what may be claimed of contacts
files       name of a table -> rows, columns; it lies in the folder of the page's own name

Dates are ISO text, shares lie between 0 and 1, money is in `currency`, unknown is null.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from markupsafe import Markup

from features.publication import published, write_csv
from models.rates import TERMS
from serve import charts
from serve.pages import render
from serve.report import LABELS, METRICS, drawings

BY = {"segment": "segment", "owner": "owner", "plan": "plan", "size": "size (ARR)"}
NEWEST = 4  # periods whose slices are on the page; all are in the tables
DIGITS = 6

Figures = dict[str, Any]


def page(figures: Figures, folder: str = "predicted") -> str:
    """The figures as one HTML page: no script, nothing from a network; the tables lie in `folder`
    beside it."""
    duel, trade = figures["duel"], figures["trade"]
    contracts = [
        row
        for row in trade["renewal_rates"]
        if row["by"] == "all" and row["terms"] == TERMS[0] and row["logo_renewal_rate"] is not None
    ]
    drawn = {
        "forecast": _forecast(figures["forecast"]["charted"]),
        "rates": Markup(charts.rates(pd.DataFrame(contracts))) if contracts else None,
        "performance": _performance(figures["monitoring"]["performance"]),
        "duel": None if duel is None else drawings(duel),
    }
    return render(
        "predicted.html",
        **figures,
        folder=folder,
        drawn=drawn,
        sliced={name: (said, _sliced(trade, name)) for name, said in BY.items()},
        labels=LABELS,
        names=METRICS,
    )


def write(figures: Figures, frames: Mapping[str, pd.DataFrame], place: Path) -> None:
    """Write `place`.html, `place`.json and the folder `place` of tables, as CSV.

    Everything is written elsewhere first: where that fails, what stood there stays.
    """
    text = json.dumps(figures, indent=1, allow_nan=False, ensure_ascii=False)
    written = {".html": page(figures, place.name), ".json": text + "\n"}
    drafts = {suffix: place.with_name(f".{place.name}{suffix}") for suffix in written}
    try:
        with published(place) as folder:
            for name, frame in frames.items():
                write_csv(frame, folder / f"{name}.csv")
            for suffix, content in written.items():
                drafts[suffix].write_text(content, encoding="utf-8")
        for suffix, draft in drafts.items():
            os.replace(draft, place.with_suffix(suffix))
    finally:
        for draft in drafts.values():
            draft.unlink(missing_ok=True)


def listed(frames: Mapping[str, pd.DataFrame]) -> dict[str, Figures]:
    """How many rows each table has, and its columns."""
    return {
        name: {"rows": len(frame), "columns": list(frame.columns)} for name, frame in frames.items()
    }


def plain(value: Any) -> Any:
    """Figures as JSON can hold them: rounded, days as text, and null where they are unknown.

    >>> plain({"a": np.float64("nan"), "b": (np.int64(3), 0.12345678), "c": pd.NA})
    {'a': None, 'b': [3, 0.123457], 'c': None}
    """
    if isinstance(value, Mapping):
        return {str(name): plain(of) for name, of in value.items()}
    if isinstance(value, list | tuple):
        return [plain(of) for of in value]
    if value is None or value is pd.NA or value is pd.NaT:
        return None
    if isinstance(value, bool | np.bool_):
        return bool(value)
    if isinstance(value, int | np.integer):
        return int(value)
    if isinstance(value, float | np.floating):
        return round(float(value), DIGITS) + 0.0 if np.isfinite(value) else None
    return str(value)


def _forecast(months: list[Figures]) -> list[Markup]:
    """ARR and accounts by month: forecast and, where it is over, what happened."""
    if not months:
        return []
    rows = pd.DataFrame(months)
    drawn = []
    for name, of, title in (
        ("arr_renewed", "actual_arr_renewed", "ARR renewed"),
        ("logo_renewal_rate", "actual_logo_renewal_rate", "accounts renewed"),
    ):
        ends = {f"{name}_{end}_{at}": f"{end}_{at}" for end in ("low", "high") for at in (80, 95)}
        told = rows.rename(columns={name: "forecast", "cycle": "period", **ends})
        told["happened"] = rows[of].astype(float) if of in rows else np.nan
        drawn.append(Markup(charts.forecast(told, title, share=name != "arr_renewed")))
    return drawn


def _performance(periods: list[Figures]) -> Markup | None:
    """Churned renewals expected and realised, of the periods that are judged."""
    judged = [row for row in periods if row["judged"]]
    if not judged:
        return None
    columns = {"period": "month", "expected_churned": "predicted", "churned": "actual"}
    columns |= {f"expected_churned_{end}": end for end in ("low", "high")}
    return Markup(charts.by_month(pd.DataFrame(judged)[list(columns)].rename(columns=columns)))


def _sliced(trade: Mapping[str, Any], by: str) -> list[Figures]:
    """The newest settled periods of each slice: what fell due of contracts, and of the book."""
    due = [row for row in trade["renewal_rates"] if row["terms"] == TERMS[0]]
    told = {row["period"] for row in due if row["by"] == "all" and not _waits(row)}
    newest = sorted(told)[-NEWEST:]
    book = {(row["period"], row["slice"]): row for row in trade["book_rates"] if row["by"] == by}
    nps = {(row["period"], row["slice"]): row for row in trade["nps"] if row["by"] == by}
    rows = [row for row in due if row["by"] == by and row["period"] in newest]
    keys = [(row["period"], row["slice"]) for row in rows]
    found = [
        {"due": row, "book": book.get(key), "nps": nps.get(key)}
        for key, row in zip(keys, rows, strict=True)
    ]
    places = list(dict.fromkeys(key[1] for key in keys))
    return sorted(found, key=lambda of: places.index(of["due"]["slice"]))


def _waits(row: Mapping[str, Any]) -> bool:
    return bool(row["due"] == row["open"] + row["in_grace"] or "not settled" in row["note"])
