"""The page of predicted against actual: only what is settled is judged, and how much is not stands
beside it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from serve.web.told import SIDES, Row, Told

TABS = {
    "duel": "The duel",
    "calibration": "Calibration",
    "misses": "Misses and false alarms",
    "lead": "Lead time",
    "disagreements": "Disagreements",
    "trade": "Renewal rates",
    "definitions": "Definitions",
}
BY = {
    "all": "all together",
    "segment": "by segment",
    "owner": "by owner",
    "lead": "by days to the renewal",
    "plan": "by plan",
    "size": "by size",
    "terms": "by terms",
}
MODEL, RIVAL = "model", "health"
SCORERS = {
    "model": "Model",
    "health": "Health score",
    "health_refitted": "Health score, refitted",
    "early_warning": "Early warning",
    "csm_call": "CSM’s own call",
    "base_rate": "Base rate",
}
METRICS = {
    "auc": "AUC",
    "arr_caught": "ARR caught by the list",
    "lift": "lift in the list",
    "log_loss": "log-loss",
}
WRONG = {"model": "the model", "health": "the health score", "both": "both"}
LISTED = 25


def rows(told: Told, table: str, asked: Mapping[str, str]) -> list[Row]:
    """The rows behind a number: those of a table that have what the address asks for."""
    return [
        row
        for row in told.table(table)
        if all(name not in row or str(row[name]) == value for name, value in asked.items())
    ]


def page(told: Told | None, asked: Mapping[str, str]) -> dict[str, Any]:
    """What the page shows of one tab; `told` is None where nothing was written."""
    tab = asked.get("tab", "duel")
    tab = tab if tab in TABS else "duel"
    by = asked.get("by", "all")
    shared = {
        "tab": tab,
        "tabs": TABS,
        "by": by if by in BY else "all",
        "slicings": BY,
        "scorers": SCORERS,
        "metrics": METRICS,
        "wrong": WRONG,
        "told": None if told is None else told.figures,
    }
    if told is None:
        return shared
    return shared | _TABS[tab](told, by if by in BY else "all", asked)


def _duel(told: Told, by: str, asked: Mapping[str, str]) -> dict[str, Any]:
    metrics = [row for row in told.table("duel_metrics") if row["by"] == by]
    known = {row["slice"]: row for row in told.table("duel_counts") if row["by"] == by}
    primary = [
        row
        for row in told.table("duel_pairs")
        if row["by"] == by and row["model"] == MODEL and row["primary"]
    ]
    views = []
    for name in dict.fromkeys(row["slice"] for row in metrics):
        against = {row["against"]: row for row in primary if row["slice"] == name}
        values: dict[str, dict[str, Row]] = {}
        for row in metrics:
            if row["slice"] == name:
                values.setdefault(row["model"], {})[row["metric"]] = row
        views.append(
            {
                "slice": name,
                "counts": known.get(name),
                "verdict": against.get(RIVAL),
                "values": values,
                "against": against,
            }
        )
    months = [row for row in told.table("duel_months") if row["model"] == MODEL]
    return {"views": views, "months": months}


def _calibration(told: Told, by: str, asked: Mapping[str, str]) -> dict[str, Any]:
    bands = [row for row in told.table("duel_bands") if row["by"] == by]
    bands.sort(
        key=lambda row: (
            row["slice"],
            row["model"] != MODEL,
            row["band"] == "unknown",
            -(row["observed"] or 0.0),
        )
    )
    deciles = [row for row in told.table("duel_calibration") if row["model"] == MODEL]
    return {"bands": bands, "deciles": deciles}


def _misses(told: Told, by: str, asked: Mapping[str, str]) -> dict[str, Any]:
    who = asked.get("who", "both")
    who = who if who in WRONG else "both"
    mine = [row for row in told.table("misses") if row["by"] == who]
    cases = {(row["account_id"], row["due_date"]): row for row in told.figures["misses"]["cases"]}
    kinds = {}
    for kind in ("miss", "false_alarm"):
        wrong = [row for row in mine if row["kind"] == kind]
        kinds[kind] = {
            "counts": [
                row
                for row in told.figures["misses"]["counts"]
                if row["kind"] == kind and row["by"] == who
            ],
            "rows": [
                row | {"case": cases.get((row["account_id"], row["due_date"]))}
                for row in wrong[:LISTED]
            ],
            "all": len(wrong),
        }
    return {"who": who, "kinds": kinds}


def _lead(told: Told, by: str, asked: Mapping[str, str]) -> dict[str, Any]:
    way = asked.get("way", "list")
    mine = [
        row
        for row in told.figures["lead_time"]["table"]
        if row["by"] == (way if way == "band" else "list")
    ]
    days = sorted({row["days"] for row in mine}, reverse=True)
    found: dict[str, dict[str, dict[int, Row]]] = {}
    for row in mine:
        found.setdefault(row["terms"], {}).setdefault(row["scorer"], {})[row["days"]] = row
    return {"way": "band" if way == "band" else "list", "days": days, "leads": found}


def _disagreements(told: Told, by: str, asked: Mapping[str, str]) -> dict[str, Any]:
    sides = {}
    for side in SIDES:
        mine = [row for row in told.table("disagreements") if row["agreement"] == side]
        sides[side] = {
            "rows": mine[:LISTED],
            "predictions": len(mine),
            "accounts": len({row["account_id"] for row in mine}),
            "left": len({row["account_id"] for row in mine if row["outcome"]}),
        }
    return {"sides": sides}


def _trade(told: Told, by: str, asked: Mapping[str, str]) -> dict[str, Any]:
    trade = told.figures["trade"]
    return {
        "due_rates": [row for row in trade["renewal_rates"] if row["by"] == by],
        "book": [row for row in trade["book_rates"] if row["by"] == by],
        "nps": [row for row in trade["nps"] if row["by"] == by],
    }


def _definitions(told: Told, by: str, asked: Mapping[str, str]) -> dict[str, Any]:
    trade = told.figures["trade"]
    graces = sorted({row["grace"] for row in trade["definitions_due"]})
    usual = trade["grace"] if trade["grace"] in graces else (graces or [0])[0]
    given = asked.get("grace", "")
    grace = int(given) if given.isdecimal() and given.isascii() and int(given) in graces else usual
    unit = asked.get("unit", "logos")
    unit = unit if unit in ("logos", "arr") else "logos"
    downsell = asked.get("downsell", "yes") != "no"
    mine = [row for row in trade["orders"] if row["grace"] == grace and row["unit"] == unit]
    return {
        "graces": graces,
        "grace": grace,
        "unit": unit,
        "downsell": downsell,
        "period": trade["definitions_period"],
        "involuntary": trade["involuntary"],
        "due_rates": _under(trade["definitions_due"], grace, downsell),
        "book": _under(trade["definitions_book"], grace, downsell),
        "beside": [
            row
            for row in trade["definitions_due"]
            if row["terms"] == "contract" and row["objective_downsell"] == downsell
        ],
        "orders": mine,
    }


def _under(found: Sequence[Row], grace: int, downsell: bool) -> list[Row]:
    return [row for row in found if row["grace"] == grace and row["objective_downsell"] == downsell]


_TABS = {
    "duel": _duel,
    "calibration": _calibration,
    "misses": _misses,
    "lead": _lead,
    "disagreements": _disagreements,
    "trade": _trade,
    "definitions": _definitions,
}
