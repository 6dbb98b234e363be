"""The duel over a record as the report tells it, and the tables that it is told from."""

from __future__ import annotations

from typing import Any

import pandas as pd

from models import standing
from models.comparison import KNOWN, Comparison
from models.health_profile import UNKNOWN
from models.standing import MODEL, Standing
from pipeline.settings import Settings
from serve.predictions import records
from serve.report import held_out

RISKS = ("high", "medium", "low")

Frames = dict[str, pd.DataFrame]
Figures = dict[str, Any]


def told(judged: Standing, settings: Settings, meta: Figures) -> tuple[Figures | None, Frames]:
    """Figures as serve.predicted describes them, None where nothing is settled, and the tables.

    `meta`: target, model, rival, as serve.report.held_out reads them.
    """
    found = standing.duel(judged, settings.comparison, share=settings.cycle.share)
    bands = standing.bands(judged, settings.comparison.leads)
    figures = held_out(meta["target"], found.to_dict(), meta)
    if figures is not None:
        order = [*RISKS, *(band.name for band in settings.health.bands), UNKNOWN]
        whole = bands[bands["by"].eq("all")]
        whole = whole.sort_values("band", key=lambda of: of.map(order.index), kind="stable")
        whole = whole.sort_values("model", ascending=False, kind="stable")
        figures |= {"sparse": _sparse(found), "bands": records(whole)}
    return figures, {
        "duel_rows": judged.rows.join(judged.scores),
        "duel_counts": found.counts,
        "duel_metrics": found.metrics,
        "duel_pairs": found.pairs,
        "duel_calibration": found.calibration,
        "duel_months": found.months,
        "duel_bands": bands,
    }


def _sparse(found: Comparison) -> list[Figures]:
    """The scorers that know few rows, each with everyone's figures on the rows that it knows."""
    told = found.to_dict()
    return [
        {
            "scorer": counts["slice"],
            "counts": counts,
            "metrics": [row for row in told["metrics"] if _at(row, counts)],
            "pairs": [
                row
                for row in told["pairs"]
                if _at(row, counts) and row["primary"] and row["model"] == MODEL
            ],
        }
        for counts in told["counts"]
        if counts["by"] == KNOWN
    ]


def _at(row: Figures, counts: Figures) -> bool:
    return bool(row["by"] == counts["by"] and row["slice"] == counts["slice"])


def verdicts(duel: Figures | None) -> list[Figures]:
    """The model against each scorer, on all rows or on those that a sparse one knows."""
    if duel is None:
        return []
    own = [
        pair | {"known": of["scorer"]}
        for of in duel["sparse"]
        for pair in of["pairs"]
        if pair["against"] == of["scorer"]
    ]
    return [pair | {"known": None} for pair in duel["pairs"]] + own
