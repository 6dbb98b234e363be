"""Stage: the report that people read, and the same figures as JSON."""

from __future__ import annotations

import json

import duckdb
import pandas as pd

from features.publication import read_frame
from models import bundle, rates
from pipeline import files
from pipeline.calendar import Calendar
from pipeline.settings import Settings, load
from serve import predictions, report
from serve.scorer import LEARNT

RIVAL = "health"
ODDITY = "{share:.0%} ({figure:,} of {of:,}) {finding}"


def run() -> None:
    """Write reports/renewcast.html and reports/renewcast.json."""
    settings, calendar = load(), Calendar.read(files.CALENDAR)
    cycle = predictions.read(files.CYCLE)
    renewals = read_frame(files.RENEWALS)
    start, end = pd.Timestamp(calendar.data_from), pd.Timestamp(calendar.data_until)
    inside = renewals[renewals["due_date"].between(start, end, inclusive="left")]
    ahead = json.loads(files.PREDICTED.with_suffix(".json").read_text(encoding="utf-8"))
    version = str(cycle.predictions["model_version"].max())
    figures = report.build(
        cycle.predictions,
        cycle.manifest,
        json.loads(files.COMPARISON.read_text(encoding="utf-8")),
        data(json.loads(files.DATA_REPORT.with_suffix(".json").read_text(encoding="utf-8"))),
        rates.renewal_rates(inside, settings.rates),
        meta(settings, calendar, version),
        ahead["forecast"]["at_risk"],
    )
    report.write(figures, files.REPORT.with_suffix(".html"), files.REPORT.with_suffix(".json"))


def data(found: dict) -> dict:
    """What the data could not support, in the report's own words."""
    measured = [
        {
            "table": "source",
            "message": ODDITY.format(share=odd["figure"] / odd["of"] if odd["of"] else 0, **odd),
            "action": "",
        }
        for odd in found["oddities"]
    ]
    return {"missing": found["missing"], "oddities": measured + found["warnings"]}


def meta(settings: Settings, calendar: Calendar, version: str) -> dict:
    """Where the figures come from."""
    with duckdb.connect() as con:
        path = str(files.FACTS / "subscriptions.parquet")
        table = con.read_parquet(path)
        there = "currency" in table.columns
        currency = table.aggregate("max(currency)").fetchall()[0][0] if there else None
    targets, hashes = [], {}
    for name, target in settings.targets.items():
        folder = files.bundle(name, files.SERVING)
        hashes[name] = bundle.identity(folder)
        about = bundle.report(folder)
        targets.append(
            {
                "name": name,
                "outcome": target.outcome,
                "horizon": target.horizon,
                "rows": about["rows"],
                "positives": about["positives"],
                "rung": about["rung"],
                "note": about["why"],
            }
        )
    return {
        "company": settings.source.name,
        "currency": currency,
        "data_from": str(calendar.data_from),
        "data_until": str(calendar.data_until),
        "model_version": version,
        "hashes": hashes,
        "share": settings.cycle.share,
        "model": LEARNT,
        "rival": RIVAL,
        "targets": targets,
    }


if __name__ == "__main__":
    from pipeline.refusal import in_sentences

    with in_sentences():
        run()
