"""Accounts on one morning: each probability taken apart, the health score beside it, and what
changed since an earlier morning. Everything adds up to the published probability."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import pandas as pd

from features.feature import dictionary, families
from models import change, explain
from models.blend import Model
from models.chain import chain
from models.health import HealthScore
from models.target import Target
from pipeline.morning import Morning
from pipeline.settings import Settings
from serve.scorer import ENDS, probabilities

CAUTION = "Contributions say what goes with the score, not what causes it or what would change it."


@dataclass(frozen=True)
class Asked:
    """A morning, and the models that score it with the hash of their bundles."""

    as_of: date
    morning: Morning
    models: Mapping[str, Model]
    sha256: str


@dataclass(frozen=True)
class Scored:
    """Some accounts on one morning, in one order.

    `said`: probability, low, high; `conditional`, the model's own probability given that nothing
    happens before; `escape`, the chance of that. `given`: the chance of what may happen first,
    missing where it is not asked about, as when nothing falls due. Where the model abstains both
    are the usual ones, the same for everyone.
    """

    features: pd.DataFrame
    model: Model
    said: pd.DataFrame
    given: pd.DataFrame

    def of(self, accounts: pd.Index) -> Scored:
        """The same of some of the accounts, in their order."""
        at = self.said.index.get_indexer(accounts)
        return Scored(self.features.iloc[at], self.model, self.said.iloc[at], self.given.iloc[at])


def refusal(target: Target, asked: Asked, account: str) -> str | None:
    """Why there is no prediction of an account on a morning; None if there is one."""
    known = asked.morning.observations
    row = known[known["account_id"].eq(account)]
    if row.empty:
        return (
            f"{account} is no customer on {asked.as_of}; {len(known)} accounts are customers then"
        )
    if account in asked.morning.failures:
        return f"{account} has no features: {asked.morning.failures[account]}"
    if target.is_eligible(row).iloc[0]:
        return None
    of = row.iloc[0]
    if pd.notna(of["decided"]):
        why = f"its decision is known ({str(of['decided']).replace('_', ' ')})"
    elif pd.isna(of["days_to_due"]):
        why = "no undecided due date is known"
    else:
        why = f"its next decision falls due in {int(of['days_to_due'])} days"
    why += ", and its ARR is not known" if pd.isna(of["arr"]) else ""
    asks = f"due within {target.horizon} days" if target.eligible == "due" else "of customers"
    refused = f"{target.name} does not ask about {account} on {asked.as_of}"
    return f"{refused}: {why}; it asks about undecided decisions {asks}"


def explanations(
    settings: Settings,
    target: Target,
    now: Asked,
    then: Asked | None,
    why_not: str | None,
    accounts: Collection[str],
) -> dict[str, dict[str, Any]]:
    """What `renewcast explain` says of those of some accounts that a target asks about, by account.

    Values are plain, as JSON holds them. `then` is the earlier morning; `why_not` says why there is
    none. Probabilities and `points` are shares of 1; `logit` is before calibration. `average` + the
    points of the dimensions = `conditional`, and that times `escape`, the chance of meeting none of
    `given`, = `probability`; where the model abstains both are the usual ones. Who was not asked
    about then is not compared, and it is said why.
    """
    here = _scored(settings, target, now, accounts)
    if here.features.empty:
        return {}
    asked, known = explain.apart(families(settings.features.families)), dictionary()
    texts = dict(zip(known["name"], known["meaning"], strict=True))
    found = _taken_apart(here, target, now, asked, texts)
    health = HealthScore(settings.health)
    healths = _healths(health, here.features)
    for account, of in found.items():
        of |= {
            "health": healths[account],
            "bundle_sha256": now.sha256,
            "caution": CAUTION,
            "since": None if then is None else str(then.as_of),
            "changed": None,
            "health_then": None,
            "not_compared": why_not,
        }
    if then is None:
        return found
    earlier = _scored(settings, target, then, accounts)
    moved = _changed(earlier, here, asked, texts, str(then.as_of), then.sha256 == now.sha256)
    past = then.morning.features
    healths = _healths(health, past[past.index.get_level_values(0).isin(list(found))])
    for account, of in found.items():
        of["health_then"] = healths.get(account)
        of["changed"] = moved.get(account)
        of["not_compared"] = None if account in moved else refusal(target, then, account)
    return found


def _taken_apart(
    here: Scored,
    target: Target,
    now: Asked,
    asked: Mapping[str, list[str]],
    texts: Mapping[str, str],
) -> dict[str, dict[str, Any]]:
    """What is said of each account without an earlier morning."""
    parts = explain.contributions(here.model, here.features, asked)
    shares = change.points(here.model, parts)
    whole = here.model.logit(here.features).tolist()
    told = {
        way: explain.reasons(
            here.model,
            here.features,
            asked,
            dictionary=texts,
            peers=now.morning.features,
            against=way == "against",
        ).to_numpy()
        for way in ("reasons", "against")
    }
    report = here.model.report
    logit, points = parts.to_dict("records"), shares.to_dict("records")
    said, given = here.said.to_dict("records"), here.given.to_dict("records")
    found: dict[str, dict[str, Any]] = {}
    for at, account in enumerate(here.said.index):
        found[account] = {
            "account_id": account,
            "as_of": str(now.as_of),
            "target": target.name,
            "outcome": target.outcome,
            "horizon": target.horizon,
            **said[at],
            "given": {name: None if pd.isna(of) else of for name, of in given[at].items()},
            "base_rate": report["base_rate"],
            "rung": here.model.rung,
            "why": report["why"],
            "average": points[at].pop("base"),
            "logit": {"base": logit[at].pop("base"), "sum": whole[at]},
            "dimensions": _both(logit[at], points[at]),
            **{way: [text for text in of[at] if text is not None] for way, of in told.items()},
        }
    return found


def _changed(
    earlier: Scored,
    later: Scored,
    asked: Mapping[str, list[str]],
    texts: Mapping[str, str],
    when: str,
    same: bool,
) -> dict[str, dict[str, Any]]:
    """What moved the published probability of each account asked about on both mornings: the rows
    of `dimensions`, `model` and `escape` add up to it. The model's own change enters times the mean
    escape, and the change of the escape times the mean of the model's own probability."""
    both = later.said.index.intersection(earlier.said.index, sort=False)
    if both.empty:
        return {}
    then, now = earlier.of(both), later.of(both)
    before, step = then.said.to_dict("records"), (now.said - then.said).to_dict("records")
    mean = (then.said + now.said) / 2
    first = now.model if same else then.model
    moved = change.change(first, then.features, now.model, now.features, asked)
    logit = moved.logit.to_dict("records")
    points = moved.points.mul(mean["escape"].to_numpy(), axis=0).to_dict("records")
    told = change.sentences(
        now.model, then.features, now.features, asked, dictionary=texts, when=when
    )
    found: dict[str, dict[str, Any]] = {}
    for at, (account, conditional) in enumerate(mean["conditional"].items()):
        found[str(account)] = {
            "probability_then": before[at]["probability"],
            "escape_then": before[at]["escape"],
            "logit": sum(logit[at].values()),
            "points": step[at]["probability"],
            "same_model": same,
            "model": {"logit": logit[at].pop(change.MODEL), "points": points[at].pop(change.MODEL)},
            "dimensions": _both(logit[at], points[at]),
            "escape": step[at]["escape"] * conditional,
            "sentences": [{"raises": way > 0, "text": text} for way, text in told[at]],
        }
    return found


def _both(logit: Mapping[Any, float], points: Mapping[Any, float]) -> list[dict[str, Any]]:
    return [{"dimension": of, "logit": logit[of], "points": points[of]} for of in logit]


def _scored(settings: Settings, target: Target, asked: Asked, accounts: Collection[str]) -> Scored:
    """Those of the accounts that a target asks about on a morning and that have features there."""
    known, features = asked.morning.observations, asked.morning.features
    wanted = known["account_id"].isin(accounts) & target.is_eligible(known)
    rows = known[wanted & ~known["account_id"].isin(asked.morning.failures)]
    features = features[features.index.get_level_values(0).isin(rows["account_id"])]
    there = features.index.get_level_values(0)
    model = asked.models[target.name]
    of = probabilities(features, rows, asked.models, list(settings.targets.values()))
    said = of[of["target"].eq(target.name)].set_index("account_id").reindex(there)
    final = of.pivot(index="account_id", columns="target", values="probability")
    before = [ancestor.name for ancestor in chain(target, settings.targets)[:-1]]
    given = final.reindex(index=there, columns=before)
    escape = 1.0 - given.sum(axis=1).to_numpy(dtype=float)
    conditional = model.predict(features).to_numpy()
    if model.abstains:
        given = _usual(before, asked.models, there)
        escape = said["probability"].to_numpy() / conditional  # less where little is left
    said = said[ENDS].assign(conditional=conditional, escape=escape)
    return Scored(features, model, said, given)


def _usual(before: Sequence[str], models: Mapping[str, Model], accounts: pd.Index) -> pd.DataFrame:
    """The usual chance of each target of a chain, the same for every account."""
    found, left = pd.DataFrame(index=accounts), 1.0
    for name in before:
        found[name] = left * models[name].base_rate
        left -= left * models[name].base_rate
    return found


def _healths(health: HealthScore, features: pd.DataFrame) -> dict[str, dict[str, Any]]:
    """By account: score, band, coverage and the dimensions' scores; None where missing."""
    whole, assessed = ("health_score", "health_band", "health_coverage"), health.assess(features)
    found = {}
    for account, row in zip(
        assessed.index.get_level_values(0), assessed.to_dict("records"), strict=True
    ):
        plain = {str(name): None if pd.isna(value) else value for name, value in row.items()}
        found[str(account)] = {
            **{name.removeprefix("health_"): plain.pop(name) for name in whole},
            "dimensions": {name.removesuffix("_score"): value for name, value in plain.items()},
        }
    return found
