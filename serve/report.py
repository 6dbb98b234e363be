"""The report: one set of figures, drawn as a self-contained page and written as JSON.

The page is rendered from the figures alone, so the two cannot disagree.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from markupsafe import Markup

from models.rates import TERMS
from serve import charts
from serve.pages import render
from serve.predictions import records

LISTED, COLLAPSED, CANDIDATES, DISPUTED = 25, 175, 10, 8

LABELS = {
    "model": "Model",
    "health": "Health score",
    "health_refitted": "Health score, refitted",
    "early_warning": "Early warning",
    "base_rate": "Base rate",
    "contract_only": "Contract alone",
    "ridge": "Ridge logit",
    "plain_lightgbm": "LightGBM as it comes",
    "csm_call": "CSM’s own call",
}
METRICS = {
    "auc": "AUC",
    "average_precision": "average precision",
    "lift": "lift in the list",
    "arr_caught": "ARR caught by the list",
    "log_loss": "log-loss",
    "brier": "Brier score",
    "calibration_intercept": "calibration intercept",
    "calibration_slope": "calibration slope",
}
QUESTION = {
    "lost": "Who would leave",
    "expanded": "Who would expand",
    "contracted": "Who would contract",
}
DISPUTES = ("model_riskier", "health_riskier")
WHY = ("failed", "in_grace", "decided")  # the statuses that need a reason on the page
HAPPENED = {"lost": "left", "expanded": "expanded", "contracted": "contracted"}
Figures = dict[str, Any]


def build(
    cycle: pd.DataFrame,
    summary: Mapping[str, Any],
    comparison: Mapping[str, Sequence[Mapping[str, Any]]],
    data: Mapping[str, Any],
    rates: pd.DataFrame,
    meta: Mapping[str, Any],
    at_risk: Mapping[str, float | None],
) -> Figures:
    """Every figure the report shows, as plain values that JSON can hold (missing is None).

    `cycle`, `summary`: of serve.batch.Cycle. `comparison`: Comparison.to_dict(). `data`:
    `missing` (table, costs) and `oddities` (table, message, action). `rates`: of
    models.rates.renewal_rates. `meta`: company, currency, data_from, data_until, model_version,
    hashes (name -> hex), share, model and rival (the scorer that learns, and the one it is held
    against), targets (name, outcome, horizon, rows, positives, rung, note). `at_risk`: of
    models.portfolio.at_risk.
    """
    scored = cycle[cycle["status"].eq("scored")]
    rows = records(cycle.astype({"early_warning": object}))
    listed = [row for row in rows if row["status"] == "scored"]
    told = [held_out(target, comparison, meta) for target in meta["targets"]]
    return {
        "meta": dict(meta),
        "summary": dict(summary),
        "at_risk": dict(at_risk),
        "outcomes": dict(summary["outcomes"]),
        "held_out": [part for part in told if part is not None],
        "counts": {
            "high": sum(row["risk_band"] == "high" for row in listed),
            "warned": sum(row["early_warning"] is True for row in listed),
            "disputed": sum(row["agreement"] in DISPUTES for row in listed),
        },
        "renewals": listed[: LISTED + COLLAPSED],
        "listed": LISTED,
        "scale": _scale(scored),
        "unscored": [row for status in WHY for row in rows if row["status"] == status][:COLLAPSED],
        "disputes": {
            side: [row for row in listed if row["agreement"] == side][:DISPUTED]
            for side in DISPUTES
        },
        "expansion": _expansion(listed),
        "rates": records(_settled(rates)),
        "data": {"missing": list(data["missing"]), "oddities": list(data["oddities"])},
    }


def page(figures: Figures) -> str:
    """The figures as one HTML page: no script, no other file, nothing from a network."""
    drawn = [drawings(part) for part in figures["held_out"]]
    terms = [[row for row in figures["rates"] if row["terms"] == of] for of in TERMS]
    charted = pd.DataFrame(max(terms, key=len))
    enough = not charted.empty and charted["logo_renewal_rate"].notna().any()
    rates = Markup(charts.rates(charted)) if enough else None
    return render(
        "report.html", **figures, drawings=drawn, rates_chart=rates, labels=LABELS, names=METRICS
    )


def write(figures: Figures, html: Path, json_file: Path) -> None:
    """Write the page and the same figures as JSON; equal figures give equal bytes."""
    html.parent.mkdir(parents=True, exist_ok=True)
    html.write_text(page(figures), encoding="utf-8")
    text = json.dumps(figures, indent=1, sort_keys=True, allow_nan=False, ensure_ascii=False)
    json_file.write_text(text + "\n", encoding="utf-8")


def _settled(rates: pd.DataFrame) -> pd.DataFrame:
    """The periods in which anything is settled: the others say nothing yet."""
    if rates.empty:
        return rates
    return rates[rates["due"] > rates["open"] + rates["in_grace"]]


def _scale(scored: pd.DataFrame) -> float:
    """The right end of the probability bars: the highest upper end, rounded up to a tenth."""
    top = scored["churn_high"].max()
    return 1.0 if pd.isna(top) else float(min(1.0, max(0.1, np.ceil(top * 10) / 10)))


def _expansion(listed: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    known = [dict(row) for row in listed if row["upsell_probability"] is not None]
    ordered = sorted(known, key=lambda row: (-row["upsell_probability"], row["account_id"]))
    return ordered[:CANDIDATES]


def held_out(
    target: Mapping[str, Any],
    comparison: Mapping[str, Sequence[Mapping[str, Any]]],
    meta: Mapping[str, Any],
) -> dict[str, Any] | None:
    """What the comparison says of one target, in the order in which it is told."""
    mine = {
        name: [row for row in rows if row["target"] == target["name"]]
        for name, rows in comparison.items()
    }
    counts = {(row["by"], row["slice"]): row for row in mine["counts"]}
    if ("all", "all") not in counts:
        return None
    model, rival = meta["model"], meta["rival"]
    metrics: dict[str, dict[str, Any]] = {}
    for row in mine["metrics"]:
        if row["by"] == "all":
            of = metrics.setdefault(row["model"], {"model": row["model"], "kind": row["kind"]})
            of[row["metric"]] = {end: row[end] for end in ("value", "low", "high")}
    duels = [row for row in mine["pairs"] if row["model"] == model and row["primary"]]
    everywhere = [row for row in duels if row["by"] == "all"]
    return {
        **target,
        "model": model,
        "question": QUESTION[target["outcome"]],
        "happened": HAPPENED[target["outcome"]],
        "counts": counts["all", "all"],
        "models": sorted(metrics.values(), key=lambda of: (of["model"] != model, of["model"])),
        "pairs": everywhere,
        "verdict": next((row for row in everywhere if row["against"] == rival), None),
        "slices": [
            {**row, **{k: v for k, v in counts[row["by"], row["slice"]].items() if k != "target"}}
            for row in duels
            if row["by"] != "all" and row["against"] == rival
        ],
        "calibration": [row for row in mine["calibration"] if row["model"] == model],
        "months": [row for row in mine["months"] if row["model"] == model],
    }


def drawings(part: Mapping[str, Any]) -> dict[str, Any]:
    """The charts of one target; None where there is nothing to draw."""
    drawn: dict[str, Any] = {"duel": []}
    for metric, reference in (("auc", 0.5), ("arr_caught", None)):
        rows = [
            {
                "label": LABELS.get(of["model"], of["model"].replace("_", " ")),
                "learnt": of["model"] == part["model"],
                **of[metric],
            }
            for of in part["models"]
            if of.get(metric, {}).get("value") is not None
        ]
        if rows:
            chart = charts.duel(pd.DataFrame(rows), METRICS[metric], reference)
            drawn["duel"].append(Markup(chart))
    for name, draw in (("calibration", charts.calibration), ("months", charts.by_month)):
        told = pd.DataFrame(part[name])
        drawn[name] = None if told.empty else Markup(draw(told))
    return drawn
