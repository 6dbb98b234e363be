"""A small cycle whose every figure can be checked by eye, and scorers that read a column."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date

import pandas as pd

from models.outcomes import OutcomeSettings
from models.target import Target
from serve.batch import Bands, CycleSettings, Due, Identity
from serve.judgement import Scorers
from tests.worlds import table

AS_OF = date(2025, 7, 1)

CHURN = Target(
    name="churn", eligible="due", outcome="lost", horizon=91, growth=None, given=None, monotone=True
)
UPSELL = Target(
    name="upsell",
    eligible="active",
    outcome="expanded",
    horizon=91,
    growth=0.1,
    given="churn",
    monotone=True,
)
DOWNSELL = Target(
    name="downsell",
    eligible="due",
    outcome="contracted",
    horizon=91,
    growth=0.1,
    given="upsell",
    monotone=True,
)
SETTINGS = CycleSettings(
    within=91,
    share=0.34,
    bands=Bands(medium=0.1, high=0.3),
    freshness={"usage": 14},
    calls=182,
    outcomes=OutcomeSettings(kinds_from=20, prior=10),
)
IDENTITY = Identity("v1", "b" * 64, "f" * 64, "p" * 64)

RENEWALS = table("""
    account_id  due_date    arr_due  status    decided          lost_at
    acme        2025-07-11  1000     open      -                -
    acme        2025-09-11  300      open      -                -  <- a further one
    bolt        2025-07-21  5000     open      -                -
    cask        2025-07-01  800      open      -                -  <- due on the morning
    dune        2025-08-01  2000     open      notice_given     2025-08-01
    echo        2025-08-02  2500     open      already_renewed  -
    fern        2025-06-20  700      in_grace  -                2025-06-20
    gale        2025-09-29  900      open      -                -  <- the last day asked
    hill        2025-09-30  9000     open      -                -  <- a day too far
    iris        2025-06-25  9000     open      -                -  <- past, and covered
    jade        2025-07-30  400      churned   -                2025-05-01  <- left early
""")
SETTLED = table("""
    account_id  due_date    arr_due  status      arr_kept  month_to_month
    acme        2024-07-11  800      expanded    1000      0
    bolt        2024-07-21  5000     renewed     5000      0
    cask        2024-07-01  1000     contracted  600       0
    gale        2024-09-29  3000     contracted  2400      0
    hill        2024-09-30  9000     expanded    9090      0  <- too little to count as growth
    kale        2025-01-31  100      churned     0         0
""")
SIGNALS = table("""
    account_id  days_to_due  risk   growth  shrink  health  months
    acme        10           0.40   0.20    0.50    30      0
    bolt        20           0.10   0.50    0.20    80      0
    cask        0            0.40   0.00    0.10    90      3
    dune        -            0.90   0.10    0.10    20      6
    echo        -            0.05   0.30    0.10    95      0
    gale        90           0.05   0.10    0.30    -       0
    hill        91           0.20   0.10    0.10    50      0
""")


@dataclass(frozen=True)
class Reads:
    """A model whose probability is a column, give or take a tenth of it."""

    column: str
    base_rate: float = 0.25
    abstains: bool = False

    def predict(self, features: pd.DataFrame) -> pd.Series:
        if features[self.column].isna().any():
            raise ValueError(f"{self.column} is missing")
        return features[self.column]

    def interval(self, features: pd.DataFrame) -> pd.DataFrame:
        p = self.predict(features)
        return pd.DataFrame({"low": p * 0.9, "high": p * 1.1})


class Health:
    name = "health"

    def assess(self, features: pd.DataFrame) -> pd.DataFrame:
        score = features["health"]
        band = pd.Series("good", features.index).where(score >= 50, "poor")
        return pd.DataFrame(
            {
                "health_score": score,
                "health_band": band.where(score.notna(), "unknown"),
                "health_coverage": score.notna().astype(float),
                "frequency_score": score,
            }
        )

    def score(self, features: pd.DataFrame) -> pd.Series:
        return 100 - features["health"]


class Warns:
    name = "early_warning"

    def assess(self, features: pd.DataFrame) -> pd.Series:
        return (features["months"] >= 3).astype("boolean")

    def score(self, features: pd.DataFrame) -> pd.Series:
        return features["months"]


def reasons(features: pd.DataFrame) -> pd.DataFrame:
    said = pd.DataFrame(index=features.index, columns=["reason_1", "reason_2", "reason_3"])
    return said.assign(reason_1="fewer people use it")


SCORERS = Scorers(
    {"churn": Reads("risk"), "upsell": Reads("growth")}, [CHURN, UPSELL], Health(), Warns(), reasons
)

TREE = replace(
    SCORERS,
    models={**SCORERS.models, "downsell": Reads("shrink")},
    targets=[CHURN, UPSELL, DOWNSELL],
)


def renewals() -> pd.DataFrame:
    """RENEWALS and SETTLED with their types."""
    known = pd.concat([RENEWALS, SETTLED], ignore_index=True)
    due, kept = known["arr_due"].astype(float), known["arr_kept"].astype(float)
    return known.assign(
        due_date=pd.to_datetime(known["due_date"]),
        lost_at=pd.to_datetime(known["lost_at"]),
        arr_due=due,
        arr_kept=kept,
        arr_renewed=kept.clip(upper=due),
        month_to_month=False,
    )


def features() -> pd.DataFrame:
    """SIGNALS as features of the morning, on (account_id, as_of)."""
    signals = SIGNALS.set_index("account_id").astype(float)
    return signals.assign(as_of=pd.Timestamp(AS_OF)).set_index("as_of", append=True)


def emptied(account: str) -> pd.DataFrame:
    """The features, with none of one account's known."""
    found = features()
    found.loc[(account,), :] = float("nan")
    return found


def observations() -> pd.DataFrame:
    """Who is asked about: every customer that SIGNALS names, dune and echo decided."""
    decided = {"dune": "notice_given", "echo": "already_renewed"}
    return pd.DataFrame(
        {
            "account_id": SIGNALS["account_id"],
            "as_of": pd.Timestamp(AS_OF),
            "days_to_due": SIGNALS["days_to_due"].astype(float),
            "decided": SIGNALS["account_id"].map(decided),
            "arr": 1000.0,
        }
    )


def accounts() -> pd.DataFrame:
    return pd.DataFrame({"account_id": ["acme", "bolt"], "name": ["Acme", "=Bolt()"]})


def due(**changes: object) -> Due:
    """The cycle of 91 days from AS_OF, with some of what is known changed."""
    asked = Due(AS_OF, 91, renewals(), observations(), features(), accounts())
    return replace(asked, **changes)
