"""What the pipeline leaves in reports/, of four renewals of accounts called 007, NA, c and d."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd

RATES = {"by": "all", "slice": "all", "period": "2025Q1", "note": ""}
ENDS = {f"{name}_{end}": 0.8 for name in ("logo_renewal_rate", "dollar_renewal_rate", "grr", "nrr",
        "churn_rate", "downsell_rate") for end in ("low", "high")}  # fmt: skip
DUE = {**RATES, **ENDS, "terms": "contract", "due": 12, "churned": 2, "open": 0, "in_grace": 1,
       "logo_renewal_rate": 0.9, "dollar_renewal_rate": None}  # fmt: skip
BOOK = {**RATES, **ENDS, "customers": 50, "churn_rate": 0.1, "grr": 0.9, "nrr": 1.1,
        "downsell_rate": 0.0}  # fmt: skip
CASE = {"account_id": "007", "due_date": "2025-05-01", "late": [],
        "timeline": [{"as_of": "2025-04-01", "churn_probability": 0.04, "health_score": 80.0,
                      "health_band": "green", "moved": ["depth"]}]}  # fmt: skip
TOLD = {
    "meta": {"as_of": "2025-07-01", "mornings": 2, "first": "2025-03-01", "last": "2025-04-01",
             "share": 0.5, "source": "replay"},
    "summary": {"renewals": 4, "predictions": 5, "unsealed": 5, "settled": 2, "churned": 1,
                "contracted": 0, "renewed": 1, "expanded": 0, "open": 1, "in_grace": 1,
                "waiting": 1},
    "trade": {"renewal_rates": [DUE], "book_rates": [BOOK], "nps": [], "grace": 30,
              "definitions_due": [{**DUE, "due": 100 + grace, "grace": grace,
                                   "objective_downsell": counts}
                                  for grace in (0, 30) for counts in (True, False)],
              "definitions_book": [], "definitions_period": "2024-01-01 to 2025-01-01",
              "involuntary": "Not told apart.",
              "orders": [{"grace": grace, "unit": "arr", "place": 1, "scorer": "model", "next": "",
                          "metric": "arr_caught", "value": 0.3 + grace / 100, "value_low": None,
                          "value_high": None} for grace in (0, 30)]},
    "forecast": {"coming": []},
    "lead_time": {"table": [{"terms": "contract", "scorer": "model", "by": "list", "days": 30,
                             "caught_share": 0.25, "caught_low": 0.1, "caught_high": 0.5,
                             "caught": 1, "churned": 4, "alarmed_share": 0.1, "note": ""}]},
    "misses": {"counts": [{"kind": "miss", "by": "both", "terms": "contract", "touched": "all",
                           "renewals": 1, "of": 4, "share": 0.25, "share_low": 0.05,
                           "share_high": 0.6, "arr": 900.0}], "cases": [CASE]},
    "holdout": {"text": "No hold-out was assigned"},
    "trial": None,
    "files": {},
}  # fmt: skip


def write(reports: Path) -> Path:
    """reports/predicted.json and the tables behind it."""
    (reports / "predicted").mkdir(parents=True)
    ids = ["007", "NA", "c", "d"]
    about = pd.DataFrame({"account_id": ids, "due_date": "2025-05-01"})
    duel = about.assign(as_of="2025-04-01", outcome=[True, False, False, True], ended="renewed",
                        arr=[900, 800, 700, 600], risk_band="low", health_band="green",
                        segment=["SMB", "SMB", "=X", "=X"], owner=None, model=[0.9, 0.8, 0.1, 0.2],
                        health=[10.0, 90.0, 80.0, 20.0])  # fmt: skip
    said = about.assign(as_of="2025-04-01", status="scored", segment="SMB", owner=None, plan=None)
    ends = about.assign(outcome=["churned", "renewed", "open", "in_grace"], arr_due=1.0,
                        known_on="2025-07-01")  # fmt: skip
    wrong = pd.DataFrame([{"kind": "miss", "by": "both", "account_id": "007",
                           "due_date": "2025-05-01", "outcome": "churned", "arr_due": 900.0,
                           "segment": "SMB", "owner": None, "since": "2025-04-01", "contacts": 0,
                           "touched": "untouched", "month_to_month": False,
                           "moved_first": "depth"}])  # fmt: skip
    bands = pd.DataFrame([{"by": "all", "slice": "all", "model": "model", "band": "low",
                           "renewals": 4.0, "predicted": 0.1, "observed": 0.5, "observed_low": 0.1,
                           "observed_high": 0.9, "arr_churned": 1500.0}])  # fmt: skip
    tables = {"duel_rows": duel, "predictions": said, "outcomes": ends, "misses": wrong,
              "duel_bands": bands}  # fmt: skip
    for name, frame in tables.items():
        frame.to_csv(reports / "predicted" / f"{name}.csv", index=False)
    told = TOLD | {"files": dict.fromkeys(tables, {})}
    (reports / "predicted.json").write_text(json.dumps(told), encoding="utf-8")
    return reports
