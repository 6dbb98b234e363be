"""Two mornings of a company of five accounts, as they go into a ledger."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pandas as pd

from serve.ledger import Ledger
from serve.record import OUTCOMES, PUBLISHED
from serve.sealing.receipts import Run
from serve.sealing.schema import PREDICTED
from tests.worlds import table

DUE = table("""
    account_id  due_date    arr_due  status    churn_probability  health_score  early_warning
    acme        2025-07-11  1000     scored    0.1                71.5          False
    bolt        2025-07-21  5000     scored    0.30000000000004   40            True
    cask        2025-08-01  800.25   scored    0.0000001          -             -
    dune        2025-08-01  -        decided   -                  -             -
    echo        2025-06-20  700      in_grace  -                  -             -
""")
ENDS = table("""
    account_id  due_date    outcome   arr_due  arr_kept  arr_renewed  known_on
    acme        2025-07-11  renewed   1000     1000      1000         2025-08-05
    bolt        2025-07-21  in_grace  5000     -         -            2025-08-05
    cask        2025-08-01  open      800.25   -         -            2025-08-05
    zeta        2025-07-30  churned   10       0         0            2025-08-05  <- never asked
""")
JULY, AUGUST = date(2025, 7, 1), date(2025, 8, 1)
MODEL, BUNDLE = "v1", "b" * 64


def said(as_of: date = JULY, rows: pd.DataFrame = DUE, **changes) -> pd.DataFrame:
    """Predictions of a morning: the columns of PUBLISHED but `sealed`, empty unless given."""
    frame = rows.assign(as_of=pd.Timestamp(as_of), model_version=MODEL, bundle_sha256=BUNDLE)
    for name in PREDICTED:
        if name not in frame:
            frame[name] = None
    frame["due_date"] = pd.to_datetime(frame["due_date"])
    for name in ("arr_due", "churn_probability", "health_score"):
        frame[name] = pd.to_numeric(frame[name])
    flags = {"True": True, "False": False}
    frame["early_warning"] = frame["early_warning"].map(flags).astype(object)
    frame["segment"] = "Küche & Bad"
    frame["month_to_month"] = False
    frame["days_to_due"] = (frame["due_date"] - frame["as_of"]).dt.days
    return frame.assign(**changes)[[name for name in PUBLISHED if name != "sealed"]]


def run(frame: pd.DataFrame, **changes) -> Run:
    """The run that the frame is of."""
    about = {
        "as_of": frame["as_of"].iloc[0].date(),
        "within": 91,
        "model_version": MODEL,
        "bundle_sha256": BUNDLE,
        "features_sha256": "f" * 64,
        "params_sha256": "p" * 64,
        "renewals": len(frame),
        "arr": float(frame["arr_due"].astype(float).sum()),
    }
    return Run(**about | changes)


def ended(rows: pd.DataFrame = ENDS, **changes) -> pd.DataFrame:
    """Outcomes: the columns of OUTCOMES."""
    frame = rows.assign(month_to_month=False, early=False, **changes)
    days = {name: pd.to_datetime(frame[name]) for name in ("due_date", "known_on")}
    for name in ("arr_due", "arr_kept", "arr_renewed"):
        frame[name] = pd.to_numeric(frame[name])
    return frame.assign(**days)[list(OUTCOMES)]


def many(rows: int, as_of: date = JULY) -> pd.DataFrame:
    """Predictions of as many accounts, all due on one day."""
    numbers = pd.Series(range(rows))
    frame = pd.DataFrame({"account_id": "acc_" + numbers.astype(str).str.zfill(6)})
    frame = frame.assign(due_date="2025-07-20", arr_due=numbers / 3, status="scored")
    return said(as_of, frame, churn_probability=0.25, csm_call=2.0)


class Clock:
    """A clock that shows what it was set to."""

    def __init__(self, now: datetime = datetime(2025, 7, 1, 6, tzinfo=UTC)) -> None:
        self.now = now

    def __call__(self) -> datetime:
        return self.now


def story(url: str) -> Ledger:
    """A ledger with an entry of every kind: a run (1-6), outcomes (7-9), assignments (10-12),
    a run (13-18), a corrected outcome (19), and acme forgotten (20)."""
    ledger = Ledger.open(url, clock=Clock())
    july, august = said(), said(AUGUST)
    ledger.publish(run(july), july)
    ledger.settle(ended())
    drawn = pd.DataFrame({"account_id": ["acme", "bolt", "cask"], "stratum": "high, large"})
    held = drawn.assign(group=["treated", "held_out", "treated"])
    ledger.assign(held, as_of=JULY, share=0.34, salt="spring")
    ledger.publish(run(august), august)
    late = ended(ENDS.iloc[[1]], outcome="renewed", arr_kept=5000.0, known_on="2025-09-01")
    ledger.settle(late)
    ledger.forget("acme")
    return ledger
