"""A panel of accounts and mornings whose outcome is drawn from a probability we know."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.special import expit

from models.ladder import LearnSettings

SIGNS = {"active_users_28d": -1, "events_28d": -1, "open_tickets": 1, "nps_last": -1}
FAMILIES = {
    "frequency": ["events_28d"],
    "breadth": ["active_users_28d"],
    "support": ["open_tickets"],
    "sentiment": ["nps_last"],
    "commercial": ["industry", "arr"],
}
GAP_DAYS = 60

SETTINGS = LearnSettings.model_validate(
    {
        "rungs": {
            "linear_from": 10,
            "blend_from": 20,
            "search_from": 100_000,
            "unbound_from": 100_000,
            "least_gain_errors": 1.0,
            "least_evidence": 2.0,
        },
        "folds": {
            "blocks": 3,
            "account_groups": 4,
            "dealings": 2,
            "forward_from": 1,
            "train_share": 0.25,
            "test_share": 0.2,
        },
        "gradient": {
            "learning_rate": 0.1,
            "leaves": 4,
            "depth": 3,
            "leaf_divisor": 30,
            "leaf_least": 20,
            "leaf_most": 200,
            "l2": 10.0,
            "feature_fraction": 0.5,
            "bagging_fraction": 0.7,
            "path_smooth": 5.0,
            "bins": 63,
            "rounds_step": 20,
            "rounds_most": 60,
            "seeds": 2,
            "threads": 1,
        },
        "search": {"trials": 4, "rows_most": 2000},
        "linear": {"ridge": [10.0, 100.0], "knots": 9, "missing_share": 0.02},
        "blend": {"fold_seeds": 1, "even_prior": 100.0},
        "calibration": {"platt_from": 50, "beta_from": 300},
        "interval": {"members": 3, "widen": {10: 1.0}, "unlearnt": 0.5},
    }
)


@dataclass(frozen=True)
class Churn:
    """A target as training sees it."""

    monotone: bool = True


@dataclass(frozen=True)
class Panel:
    """Features and labels on (account_id, as_of), and the true probability of each row."""

    features: pd.DataFrame
    labels: pd.DataFrame
    truth: pd.Series


def panel(accounts: int = 300, mornings: int = 8, seed: int = 0, signal: float = 1.0) -> Panel:
    """`signal` 0 is pure noise. Accounts differ for life and move from morning to morning; use and
    tickets drive the outcome, `nps_last` a little, `arr` and `industry` not at all."""
    draw = np.random.default_rng(seed)
    index = pd.MultiIndex.from_product(
        [
            pd.date_range("2024-01-01", periods=mornings, freq="MS"),
            [f"a{number:04}" for number in range(accounts)],
        ],
        names=["as_of", "account_id"],
    ).swaplevel()
    rows = len(index)
    health = np.tile(draw.normal(size=accounts), mornings) * 0.7 + draw.normal(size=rows) * 0.7
    users = np.round(np.exp(2.5 + 0.6 * health + 0.3 * draw.normal(size=rows)))
    events = np.round(users * np.exp(2 + 0.5 * draw.normal(size=rows)))
    tickets = draw.poisson(np.exp(-0.5 * health)).astype(float)
    nps = np.clip(np.round(7 + health + draw.normal(size=rows)), 0, 10)
    nps[draw.random(rows) < 0.6] = np.nan
    truth = expit(-1.9 + signal * (-1.0 * health + 0.4 * (tickets - 1)))
    features = pd.DataFrame(
        {
            "active_users_28d": users,
            "events_28d": events,
            "open_tickets": tickets,
            "nps_last": nps,
            "arr": np.exp(draw.normal(9, 1, rows)),
            "industry": draw.choice(["retail", "health", "bank"], rows),
        },
        index=index,
    )
    labels = pd.DataFrame({"outcome": draw.random(rows) < truth, "weight": 1.0}, index=index)
    return Panel(features, labels, pd.Series(truth, index))
