"""A renewal cycle: every renewal that is due, with its prediction or the reason why it has none.

Nothing due is left out: each renewal gets exactly one status, and the rows and the ARR of all
statuses together are those of the renewals that came in.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd
from pydantic import BaseModel, ConfigDict, Field, PositiveInt, model_validator

from features.tables import TABLES
from models.comparison import agreement
from models.health_profile import UNKNOWN
from models.outcomes import OutcomeSettings, branches, expected, learn, totals
from models.target import COLUMNS as LABELS
from models.target import Target
from serve.dossier import Contents
from serve.freshness import Refused
from serve.judgement import HEALTH, PROBABILITIES, REASONS, Scorers, judge
from serve.predictions import COLUMNS, OUTCOMES, publish
from serve.record import PUBLISHED

STATUSES = ("scored", "decided", "in_grace", "later_renewal", "failed")
RIVALS = ["account_id", "plan", "health_refitted", "csm_call", "base_rate"]
SAID = ["health_score", "health_band", "health_refitted", "early_warning", "csm_call", "base_rate"]


class BeyondHorizon(Refused):
    """More days were asked for than the models were trained to see."""


class NotReconciled(RuntimeError):
    """The renewals that are due and the rows that would go out are not the same."""


class Bands(BaseModel):
    """Edges on the churn probability: `medium` from the first, `high` from the second."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    medium: float = Field(gt=0, lt=1)
    high: float = Field(gt=0, lt=1)

    @model_validator(mode="after")
    def _rising(self) -> Bands:
        if self.medium >= self.high:
            raise ValueError(f"bands.medium {self.medium} must lie below bands.high {self.high}")
        return self

    def of(self, probability: pd.Series) -> pd.Series:
        """low, medium or high; an edge belongs to the band above it; empty stays empty.

        >>> Bands(medium=0.1, high=0.3).of(pd.Series([0.09, 0.1, 0.3])).tolist()
        ['low', 'medium', 'high']
        """
        edges = [0, self.medium, self.high, np.inf]
        cut = pd.cut(probability, edges, right=False, labels=["low", "medium", "high"])
        return cut.astype(object).where(probability.notna(), None)


class CycleSettings(BaseModel):
    """How a cycle is scored.

    `within`: days ahead where none are asked for; `share`: of the scored, how many each scorer
    would list; `freshness`: table -> how many days before the morning its last fact may lie;
    `calls`: days for which a CSM's call holds; `outcomes`: how the tree is turned into ARR and
    kinds.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)
    within: PositiveInt
    share: float = Field(gt=0, le=1)
    bands: Bands
    freshness: dict[str, PositiveInt]
    calls: PositiveInt
    outcomes: OutcomeSettings

    @model_validator(mode="after")
    def _known(self) -> CycleSettings:
        if unknown := sorted(set(self.freshness) - set(TABLES)):
            raise ValueError(f"freshness names {unknown}, the tables are {sorted(TABLES)}")
        return self


@dataclass(frozen=True)
class Identity:
    """What the predictions come from; of the same renewals, equal ones give equal predictions."""

    model_version: str
    bundle_sha256: str
    features_sha256: str
    params_sha256: str


@dataclass(frozen=True)
class Due:
    """What is asked, and what is known on the morning.

    `renewals` as known on `as_of`, the settled ones too; `observations` (columns account_id,
    as_of, ...) and `features` (indexed by these two); `accounts`: account_id and, where supplied,
    name, segment, owner; `failures`: account -> why its features could not be computed; `labels`:
    what was settled by then for the target that expands, to learn the kinds from; `rivals`: by
    account, its plan and what else is held against the model, the columns of RIVALS.
    """

    as_of: date
    within: int
    renewals: pd.DataFrame
    observations: pd.DataFrame
    features: pd.DataFrame
    accounts: pd.DataFrame
    failures: Mapping[str, str] = field(default_factory=dict)
    labels: pd.DataFrame = field(default_factory=lambda: pd.DataFrame(columns=list(LABELS)))
    rivals: pd.DataFrame = field(default_factory=lambda: pd.DataFrame(columns=RIVALS))


@dataclass(frozen=True)
class Cycle:
    """`frame`: one row a renewal, with the columns of COLUMNS; `outcomes`: one row a scored one,
    with those of OUTCOMES; `health`: the score and every dimension's, by account; `record`: what
    the ledger keeps of each renewal, the columns of PUBLISHED but `sealed`; `summary`: renewals and
    ARR due, in all and by status, and the outcomes to expect; `dossier`: what is said of the
    accounts beyond that, if anything is."""

    frame: pd.DataFrame
    outcomes: pd.DataFrame
    health: pd.DataFrame
    record: pd.DataFrame
    summary: dict[str, object]
    identity: Identity
    dossier: Contents | None = None

    @property
    def about(self) -> dict[str, object]:
        """What the manifest says of it: when, how much, from what."""
        return {**self.summary, "identity": asdict(self.identity)}

    def publish(self, folder: Path, further: Mapping[str, object] | None = None) -> None:
        """Write to `folder`, whole or not at all (serve/predictions.py); what is `further` to be
        said goes into the manifest."""
        about = {**self.about, **(further or {})}
        publish(self.frame, self.outcomes, self.health, self.record, about, folder, self.dossier)


def score_cycle(due: Due, scorers: Scorers, settings: CycleSettings, identity: Identity) -> Cycle:
    """One row for every renewal due in [as_of, as_of + within) or in grace on the morning.

    Raises BeyondHorizon, and NotReconciled if a renewal were lost or doubled.
    """
    loss = _loss(scorers, due.within)
    rows = _renewals_due(due)
    judged, failures = _judged(due, rows["account_id"], scorers)
    rows = rows.join(_status(rows, failures))
    rows = rows.join(judged.reset_index("as_of", drop=True), on="account_id")
    scored = rows["status"].eq("scored")
    rows[PROBABILITIES] = rows[PROBABILITIES].astype(float).where(scored)
    rows[REASONS] = rows[REASONS].astype(object).where(scored, None)
    rows["arr_at_risk"] = rows["churn_probability"] * rows["arr_due"]
    rows["risk_band"] = settings.bands.of(rows["churn_probability"])
    rows["rank"] = _rank(rows[scored]).reindex(rows.index)
    rows["agreement"] = _agreement(rows[scored], settings.share).reindex(rows.index)
    rows["as_of"] = pd.Timestamp(due.as_of)
    rows["target_cycle"] = rows["due_date"].dt.strftime("%Y-%m")
    rows["prediction_id"] = _ids(rows, due.as_of, loss.name, identity.bundle_sha256)
    rows = rows.assign(**asdict(identity)).sort_values(["rank", "due_date", "account_id"])
    frame = rows[list(COLUMNS)].reset_index(drop=True)
    shares = learn(due.renewals, due.labels, branches(loss, scorers.targets), settings.outcomes)
    ends = rows[rows["status"].eq("scored")].reset_index(drop=True)
    ends = ends.join(expected(ends, shares))
    summary = {
        "as_of": str(due.as_of),
        "due_within": due.within,
        **reconcile(frame, due),
        "outcomes": totals(ends, shares),
    }
    dimensions = [c for c in judged.columns if c in HEALTH or str(c).endswith("_score")]
    outcomes = ends[list(OUTCOMES)]
    record = _record(rows, ends, due.rivals)
    return Cycle(frame, outcomes, judged[dimensions].reset_index(), record, summary, identity)


def _record(rows: pd.DataFrame, ends: pd.DataFrame, rivals: pd.DataFrame) -> pd.DataFrame:
    """What is kept of each renewal for the day on which it is settled; only scored rows say
    anything of the future, whichever scorer speaks."""
    kept = rows.merge(rivals, on="account_id", how="left", validate="many_to_one")
    money = ends[["prediction_id", "expected_arr_renewed"]]
    kept = kept.merge(money, on="prediction_id", how="left", validate="one_to_one")
    scored = kept["status"].eq("scored")
    for column in SAID:
        kept[column] = kept[column].astype(object).where(scored, None)
    kept = kept.sort_values(["due_date", "account_id"], ignore_index=True)
    return kept[[column for column in PUBLISHED if column != "sealed"]]


def reconcile(frame: pd.DataFrame, due: Due) -> dict[str, object]:
    """Renewals and ARR due, in all and by status; raises NotReconciled unless they add up."""
    expected = _renewals_due(due)
    keys = [
        sorted(zip(rows["account_id"], rows["due_date"], strict=True)) for rows in (frame, expected)
    ]
    counts = [_count(rows) for rows in (frame, expected)]
    if keys[0] != keys[1] or counts[0] != counts[1] or not frame["status"].isin(STATUSES).all():
        raise NotReconciled(
            f"due on {due.as_of} are {counts[1]}, but {counts[0]} would be published, "
            "or a row has no status: nothing is written"
        )
    return {
        "due": counts[0],
        "statuses": {status: _count(frame[frame["status"].eq(status)]) for status in STATUSES},
    }


def _count(rows: pd.DataFrame) -> dict[str, float | int]:
    """Renewals, their ARR in whole cents' precision, and how many have no known ARR."""
    cents = int((rows["arr_due"].dropna() * 100).round().sum())
    return {
        "renewals": len(rows),
        "arr": cents / 100,
        "arr_unknown": int(rows["arr_due"].isna().sum()),
    }


def _loss(scorers: Scorers, within: int) -> Target:
    loss = scorers.first_of("lost")
    if loss is None:
        raise Refused("no target has the outcome lost: a cycle of renewals needs one in `targets`")
    if within > loss.horizon:
        raise BeyondHorizon(
            f"renewals due within {within} days were asked for, but {loss.name} was trained to see "
            f"{loss.horizon} days ahead: ask for at most {loss.horizon}, or raise "
            f"targets.{loss.name}.horizon and train again"
        )
    return loss


def _renewals_due(due: Due) -> pd.DataFrame:
    """The renewals the cycle is about, with the names of their accounts."""
    known = due.renewals.reset_index(drop=True)
    days = (known["due_date"] - pd.Timestamp(due.as_of)).dt.days
    rows = known[known["status"].eq("in_grace") | days.between(0, due.within - 1)]
    shown = ["account_id", "due_date", "arr_due", "month_to_month", "status", "decided", "lost_at"]
    rows = rows[shown].assign(days_to_due=days, arr_due=rows["arr_due"].astype(float))
    doubled = rows[rows.duplicated(["account_id", "due_date"])]
    if not doubled.empty:
        raise NotReconciled(
            f"{len(doubled)} renewals come twice, the first is {doubled['account_id'].iloc[0]} due "
            f"{doubled['due_date'].iloc[0]:%Y-%m-%d}: pass them as known on one morning"
        )
    about = due.accounts.set_index("account_id").reindex(columns=["name", "segment", "owner"])
    return rows.rename(columns={"status": "known"}).join(about, on="account_id")


def _judged(due: Due, accounts: pd.Series, scorers: Scorers) -> tuple[pd.DataFrame, dict[str, str]]:
    """What the scorers say, by (account_id, as_of), and why some accounts could not be judged."""
    observed = due.observations[due.observations["account_id"].isin(accounts)]
    features = due.features[due.features.index.get_level_values("account_id").isin(accounts)]
    measured = features[features.select_dtypes("number").notna().any(axis=1)]
    ruled_out: dict[str, str] = {}
    for why, here in (
        ("every feature is empty", measured.index.get_level_values("account_id")),
        ("no features were built", features.index.get_level_values("account_id")),
        ("no customer yet, or no longer: nothing is in force", observed["account_id"]),
    ):
        ruled_out |= {a: f"{why} on {due.as_of}" for a in set(accounts) - set(here)}
    ruled_out |= due.failures
    fit = features.drop(index=list(ruled_out), level="account_id", errors="ignore")
    judgement = judge(fit, observed, scorers)
    silent = judgement.frame.index[judgement.frame["churn_probability"].isna()]
    unasked = {a: f"not eligible for a prediction on {due.as_of}" for a, _ in silent}
    return judgement.frame, {**unasked, **judgement.failures, **ruled_out}


def _status(rows: pd.DataFrame, failures: Mapping[str, str]) -> pd.DataFrame:
    """status and status_reason; of an account's renewals that are open, the first is scored."""
    in_grace, decided = rows["known"].eq("in_grace"), rows["decided"].notna()
    left = rows["lost_at"].notna()
    waits = ~(in_grace | decided | left)
    first = rows["due_date"].where(waits).groupby(rows["account_id"]).transform("min")
    later = waits & rows["due_date"].ne(first)
    failed = rows["account_id"].map(dict(failures)).astype(object)
    due_day, first_day, last_day = (
        days.dt.strftime("%Y-%m-%d") for days in (rows["due_date"], first, rows["lost_at"])
    )
    ways = [
        (in_grace, "in_grace", "not renewed since " + due_day + ", within grace"),
        (decided, "decided", rows["decided"]),
        (left, "decided", "the account's cover ends on " + last_day),
        (later, "later_renewal", "the account decides first on " + first_day),
        (failed.notna(), "failed", failed),
    ]
    found = pd.DataFrame(
        {"status": "scored", "status_reason": None}, index=rows.index, dtype=object
    )
    for holds, status, why in reversed(ways):  # the first way that holds has the last word
        found.loc[holds, "status"] = status
        found.loc[holds, "status_reason"] = why[holds]
    return found


def _rank(scored: pd.DataFrame) -> pd.Series:
    """1 for the most ARR at risk, ties by id; unknown ARR comes last, by probability."""
    by = ["arr_at_risk", "without_arr", "account_id"]
    keyed = scored.assign(without_arr=scored["churn_probability"].where(scored["arr_due"].isna()))
    ordered = keyed.sort_values(by, ascending=[False, False, True]).index
    return pd.Series(range(1, len(ordered) + 1), index=ordered, dtype="Int64")


def _agreement(scored: pd.DataFrame, share: float) -> pd.Series:
    """How model and health score agree on whom to list; unknown where the health band is."""
    by_account = scored.set_index("account_id")
    risk = 100 - by_account["health_score"].astype(float)
    known = risk.where(by_account["health_band"].ne(UNKNOWN))
    found = agreement(by_account["churn_probability"], known, share)
    return pd.Series(found.to_numpy(dtype=object), index=scored.index, dtype=object)


def _ids(rows: pd.DataFrame, as_of: date, target: str, bundle: str) -> Sequence[str]:
    """The hash of account, morning, due date, target and bundle."""
    parts = (
        "\x1f".join([account, str(as_of), f"{day:%Y-%m-%d}", target, bundle])
        for account, day in zip(rows["account_id"], rows["due_date"], strict=True)
    )
    return [hashlib.sha256(part.encode()).hexdigest() for part in parts]
