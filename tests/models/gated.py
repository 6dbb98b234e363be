"""A small company as the gate is shown it, with nothing wrong; tests plant what they look for."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from scipy.special import expit

from models.evidence import GateSettings
from models.gate import Probed, Rebuild, probe

LEADS = [0, 31, 61, 91]
GAP_DAYS = 120
SETTINGS = GateSettings(
    auc=0.9,
    odds=15,
    memory=210,
    errors=2.5,
    chance=0.001,
    least=10,
    fading=0.1,
    missed=0.05,
    twins=0.02,
    rebuilt=3,
    accepted={},
)


@dataclass(frozen=True)
class Gated:
    """What `probe` reads, and what it says of it. `labels` hold the unsettled mornings as well."""

    features: pd.DataFrame
    labels: pd.DataFrame
    rows: pd.DataFrame
    earlier: pd.DataFrame
    observations: pd.DataFrame
    asked: pd.DataFrame
    by: pd.Timestamp

    def probed(self, settings: GateSettings = SETTINGS, rebuild: Rebuild | None = None) -> Probed:
        return probe(
            self.features,
            self.rows,
            self.earlier,
            self.observations,
            self.asked,
            by=self.by,
            gap_days=GAP_DAYS,
            leads=LEADS,
            settings=settings,
            rebuild=rebuild,
        )

    def found(self) -> set[str]:
        return {one.probe for one in self.probed().evidence}

    def told(self, outcome: np.ndarray | None = None) -> pd.Series:
        """The outcome of each row of features, NaN where it is not told."""
        known = self.rows.set_index(["account_id", "as_of"])["outcome"].astype(float)
        return known.reindex(self.features.index)

    def with_column(self, values: object, name: str = "planted") -> Gated:
        return replace(self, features=self.features.assign(**{name: values}))


def company(accounts: int = 400, quarters: int = 6, seed: int = 0) -> Gated:
    """Every account decides once a quarter and is asked about three times before, unless its
    decision is known by then; what is seen of its health tells a little. Who is lost is asked about
    no more. The last four mornings are not settled."""
    draw = np.random.default_rng(seed)
    days = pd.date_range("2024-01-01", periods=3 * quarters, freq="MS")
    names = [f"a{number:04}" for number in range(accounts)]
    index = pd.MultiIndex.from_product([names, days], names=["account_id", "as_of"])
    lasting = draw.normal(size=(accounts, 1))
    health = 0.6 * lasting + 0.8 * draw.normal(size=(accounts, quarters))
    lost = draw.random((accounts, quarters)) < expit(-2.2 - 1.0 * health)
    seen = np.repeat(health, 3, axis=1) + 0.6 * draw.normal(size=(accounts, len(days)))
    size = np.exp(draw.normal(3, 1, (accounts, 1)))
    users = np.round(size * np.exp(0.4 * seen))
    since = draw.integers(600, 2500, (accounts, 1))

    def about(values: np.ndarray, spread: float) -> np.ndarray:
        return np.round(values * np.exp(spread * draw.normal(size=users.shape)))

    features = pd.DataFrame(
        {
            "active_users_28d": users.ravel(),
            "active_users_91d": about(1.4 * users, 0.2).ravel(),
            "events_7d": about(2 * users, 0.5).ravel(),
            "minutes_7d": about(12 * users, 0.5).ravel(),
            "events_per_user_28d": about(800 + 0 * users, 0.3).ravel(),
            "minutes_per_user_28d": about(5000 + 0 * users, 0.3).ravel(),
            "events_28d": about(8 * users, 0.4).ravel(),
            "events_91d": about(24 * users, 0.3).ravel(),
            "minutes_28d": about(50 * users, 0.4).ravel(),
            "minutes_91d": about(150 * users, 0.3).ravel(),
            "open_tickets": draw.poisson(np.exp(-0.5 * seen)).ravel().astype(float),
            "nps_last": np.clip(np.round(7 + seen + draw.normal(size=users.shape)), 0, 10).ravel(),
            "seats": np.round(1.5 * size + np.zeros_like(users)).ravel(),
            "price_per_seat": np.round(about(900 + np.zeros_like(users), 0.3)).ravel(),
            "arr": np.round(900 * size + np.zeros_like(users)).ravel(),
            "tenure_days": np.round(since + 30.4 * np.arange(len(days))).ravel(),
            "auto_renew": draw.integers(0, 2, users.size).astype(float),
        },
        index=index,
    )  # fmt: skip
    features.loc[draw.random(len(features)) < 0.4, "nps_last"] = np.nan
    lead = (80 - 30.4 * (np.arange(len(days)) % 3)).round() + draw.integers(-10, 10, (accounts, 1))
    lead = (80 - 30.4 * (np.arange(len(days)) % 3)).round() + draw.integers(-10, 10, (accounts, 1))
    gone = np.repeat(np.cumsum(lost, axis=1) - lost, 3, axis=1).ravel() > 0
    outcome = np.repeat(lost, 3, axis=1).ravel()
    early = draw.random(len(index)) < np.where(outcome, 0.3, 0.1)
    known = np.where(outcome, "notice_given", "already_renewed")
    rows = pd.DataFrame(
        {
            "outcome": outcome,
            "weight": 1 / 3,
            "days_to_due": lead.ravel(),
            "decision": np.tile(np.repeat(np.arange(quarters), 3), accounts).astype(str),
            "decided": np.where(early & (lead.ravel() < 30), known, None),
        },
        index=index,
    ).reset_index()[~gone]
    by = days[-1] + pd.Timedelta(days=1)
    rows["settled"] = rows["as_of"] + pd.Timedelta(days=GAP_DAYS) <= by
    rows["eligible"] = rows["decided"].isna()
    rows["days_observed"] = (rows["as_of"] - days[0]).dt.days + 40
    told = rows[rows["settled"] & rows["eligible"]]
    before = days[len(days) // 2]
    return Gated(
        features=features[~gone],
        labels=rows.drop(columns=["decided", "days_observed"]),
        rows=told.drop(columns=["decided", "days_observed"]),
        earlier=told[told["as_of"] + pd.Timedelta(days=GAP_DAYS) <= before],
        observations=rows[["account_id", "as_of", "decided", "days_observed"]],
        asked=told[["account_id", "as_of"]],
        by=by,
    )
