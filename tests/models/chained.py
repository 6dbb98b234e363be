"""A chain of two targets with models of a small panel, and what is asked of whom."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd

from models.target import Target
from tests.models.fitted import blend
from tests.models.panel import panel

CHURN = Target(
    name="churn", eligible="due", outcome="lost", horizon=90, growth=None, given=None, monotone=True
)
UPSELL = Target(
    name="upsell",
    eligible="active",
    outcome="expanded",
    horizon=90,
    growth=0.1,
    given="churn",
    monotone=False,
)
TARGETS = [CHURN, UPSELL]


def models():
    """The upsell model reads fewer categories than the churn model, and leans on its trees less."""
    churn = blend()
    known = {"industry": ("bank", "retail")}
    encoding = replace(churn.encoding, categories=known)
    return {"churn": churn, "upsell": replace(churn, encoding=encoding, trees=0.25, name="upsell")}


def features(rows: int = 300) -> pd.DataFrame:
    """On (account_id, as_of), two mornings, with unseen and missing categories, missing numbers and
    ties with the knots; days_to_due and arr say who is asked."""
    found = panel((rows + 1) // 2, 2, seed=11).features.iloc[:rows]
    draw = np.random.default_rng(3)
    found["industry"] = draw.choice(["retail", "bank", "health", "mining", None], rows)
    for column in ("active_users_28d", "open_tickets", "arr"):
        found.loc[draw.random(rows) < 0.15, column] = np.nan
    days = draw.integers(0, 200, rows).astype(float)
    days[draw.random(rows) < 0.2] = np.nan
    return found.assign(days_to_due=days)


def observations(found: pd.DataFrame) -> pd.DataFrame:
    """Whom the targets are asked about: every tenth decided."""
    decided = np.where(np.arange(len(found)) % 10 == 0, "notice_given", None)
    return found[["days_to_due", "arr"]].assign(decided=decided).reset_index()
