"""Training: how much is learnt depends on how many outcomes there are to learn from.

Rung `base rate`: too few, or nothing that holds out-of-fold; everyone gets the base rate and the
health score stands alone. Rung `linear`: a ridge logit. Rung `blend`: the ridge logit and
regularised, monotone trees over several seeds, weighted out-of-fold. Rung `search`: the same, the
trees' settings searched for. Positives are counted as the weights count them: one a renewal,
however many mornings saw it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import pandas as pd
from pydantic import BaseModel, ConfigDict, Field, NonNegativeFloat, PositiveFloat, PositiveInt
from threadpoolctl import threadpool_limits

from models import calibration, gradient, metrics, outoffold
from models.blend import Member, Model
from models.calibration import CalibrationSettings
from models.folds import FORWARD, FoldSettings, account_groups, folds, walk_forward
from models.gradient import GradientSettings
from models.linear import LinearSettings
from models.outoffold import BlendSettings, Choice
from models.rows import Rows, training_rows
from models.rungs import BASE_RATE, LINEAR, SEARCH, RungSettings
from models.search import RANGES, SearchSettings, search

if TYPE_CHECKING:
    import lightgbm as lgb


class IntervalSettings(BaseModel):
    """`members`: refits on resampled accounts. `widen`: by so many positives, the factor on their
    spread; in between it follows the logarithm of the positives. `unlearnt`: where everyone gets
    the base rate, the spread of the true log-odds around it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    members: int = Field(ge=2)
    widen: dict[PositiveInt, PositiveFloat] = Field(min_length=1)
    unlearnt: NonNegativeFloat

    def factor(self, positives: float) -> float:
        """The factor for so many positives, that of the nearest end beyond either.

        >>> IntervalSettings(members=2, widen={10: 3.0, 1000: 2.0}, unlearnt=0.9).factor(100)
        2.5
        """
        known = sorted(self.widen.items())
        sizes = np.log([size for size, _ in known])
        return float(np.interp(np.log(max(positives, 1.0)), sizes, [by for _, by in known]))


class LearnSettings(BaseModel):
    """Everything that training can be told; the values stand in params.yaml."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    rungs: RungSettings
    folds: FoldSettings
    gradient: GradientSettings
    search: SearchSettings
    linear: LinearSettings
    blend: BlendSettings
    calibration: CalibrationSettings
    interval: IntervalSettings


class Learnable(Protocol):
    """What training must know of a target: whether the declared signs bind."""

    @property
    def monotone(self) -> bool: ...


# one BLAS thread: its many small steps gain nothing from more, and lose much on a busy machine
@threadpool_limits.wrap(limits=1, user_api="blas")
def train(
    features: pd.DataFrame,
    labels: pd.DataFrame,
    *,
    name: str,
    target: Learnable,
    settings: LearnSettings,
    signs: Mapping[str, int],
    seed: int,
    gap_days: int,
    families: Mapping[str, Sequence[str]],
) -> Model:
    """Learn one target from settled rows.

    `features` is indexed (account_id, as_of); `labels` holds `outcome` and `weight` of exactly the
    rows to learn from, on that index or with its names as columns. `signs`: +1 where more means
    more of the outcome; they bind where the target is monotone. `gap_days`: from a morning until
    its outcome is settled. `families`: columns by family, each with one common effect in the
    ridge logit.
    """
    rows = training_rows(features, labels, target.monotone, signs, families)
    positives = float(rows.positives.sum())
    if positives >= settings.rungs.unbound_from:
        rows = replace(rows, signs={})
    if positives < settings.rungs.linear_from or rows.outcome.all():
        why = f"{positives:.0f} positives, at least {settings.rungs.linear_from} are needed"
        return _abstain(rows, name, settings, why)
    rung = settings.rungs.of(positives)
    trees = None if rung == LINEAR else settings.gradient

    kind, parts = folds(rows.index, rows.positives, settings.folds, gap_days, seed)
    if not parts:
        return _abstain(rows, name, settings, "all positives in one group of accounts")
    searched: dict[str, Any] = {}
    if rung == SEARCH:
        trees, searched = search(rows, parts, settings.gradient, settings.search, seed)
    tested = np.concatenate([part.test for part in parts])
    outcome = rows.outcome[tested]
    weight = rows.weight[tested] / np.bincount(tested)[tested]  # of a row however often judged
    pooled = outoffold.pool(
        [
            outoffold.stages(rows, part, trees, settings.linear, settings.blend.fold_seeds, seed)
            for part in parts
        ]
    )
    choice = outoffold.choose(
        pooled, outcome, weight, trees, settings.linear, settings.blend.even_prior
    )
    groups = account_groups(rows.index[tested], settings.folds.account_groups, seed)
    maps = {
        map_: calibration.cross_fitted(map_, choice.logit, outcome, weight, groups)
        for map_ in calibration.permitted(positives, settings.calibration)
    }
    losses = {map_: float(metrics.log_loss(p, outcome, weight)) for map_, p in maps.items()}
    best = min((map_ for map_ in losses if map_ != BASE_RATE), key=losses.__getitem__)
    oof = outoffold.frame(rows, parts, choice, weight, maps[best])
    gain, error = outoffold.gain(oof, maps[BASE_RATE])
    declared = rows.declared()
    found = {
        "rounds": choice.rounds,
        "ridge": choice.ridge,
        "blend_weight": choice.trees,
        "blend_weight_unshrunk": choice.unshrunk,
        "trees": {} if trees is None else trees.model_dump(include=set(RANGES)),
        **searched,
        "folds": kind,
        "oof_positives": float(np.sum(weight * outcome)),
        "oof_log_loss": losses[best],
        "oof_log_loss_base_rate": losses[BASE_RATE],
        "oof_log_loss_by_calibration": losses,
        "oof_gain": gain,
        "oof_gain_error": error,
        "declared_signs": declared,
        "oof_auc": outoffold.figures(oof)["auc"],
        "oof_auc_seen": outoffold.figures(oof[oof["seen"]])["auc"],
        "oof_auc_unseen": outoffold.figures(oof[~oof["seen"]])["auc"],
        "per_fold": outoffold.per_fold(rows, parts, oof),
    }
    if not settings.rungs.tells(gain, error, declared):
        return _abstain(rows, name, settings, _too_little(gain, error, declared), found, oof)
    if kind != FORWARD and (later := _later(rows, choice, trees, settings, gap_days, seed)):
        found["later_gain"], found["later_gain_error"] = later
        if not settings.rungs.holds(*later):
            why = "what other accounts teach fails on later mornings: {:.4f} ± {:.4f}"
            return _abstain(rows, name, settings, why.format(*later), found, oof)
    served, resampled = _fit_all(rows, choice, trees or settings.gradient, settings, seed)
    why = f"{positives:.0f} positives; {settings.rungs.next_rung(rung)}"
    return Model(
        name=name,
        rung=rung,
        encoding=rows.encoding,
        signs=rows.bound(np.arange(len(rows.outcome))),
        served=served,
        trees=choice.trees,
        calibration=calibration.fit(best, choice.logit, outcome, weight),
        resampled=resampled,
        widen=settings.interval.factor(positives),
        report=_report(rows, rung, why, best) | found,
        oof=oof,
    )


def _too_little(gain: float, error: float, declared: float | None) -> str:
    """Why what was learnt is not kept, in words."""
    said = f"out-of-fold the gain in log-loss over the base rate is {gain:.4f} ± {error:.4f}"
    if declared is None:
        return said
    return f"{said}, and the declared signs agree with the outcomes by {declared:.1f} errors"


def _later(
    rows: Rows,
    choice: Choice,
    trees: GradientSettings | None,
    settings: LearnSettings,
    gap_days: int,
    seed: int,
) -> tuple[float, float] | None:
    """The gain in log-loss over the base rate, walking forward, of what was chosen by account, and
    its standard error.

    None where the history is too short to walk. With few outcomes this says little by itself; but
    what clearly loses on later mornings has learnt something of its time.
    """
    parts = walk_forward(rows.index, rows.positives, settings.folds, gap_days)
    if not parts:
        return None
    pooled = outoffold.pool(
        [outoffold.stages(rows, part, trees, settings.linear, 1, seed) for part in parts]
    )
    tested = np.concatenate([part.test for part in parts])
    outcome, weight = rows.outcome[tested], rows.weight[tested]
    logit = outoffold.applied(pooled, choice, trees, settings.linear)
    groups = account_groups(rows.index[tested], settings.folds.account_groups, seed)
    told, base = (
        calibration.cross_fitted(map_, logit, outcome, weight, groups)
        for map_ in ("intercept", BASE_RATE)
    )
    judged = {"outcome": outcome, "weight": weight, "probability": told}
    return outoffold.gain(pd.DataFrame(judged, index=rows.index[tested]), base)


def _fit_all(
    rows: Rows, choice: Choice, trees: GradientSettings, settings: LearnSettings, seed: int
) -> tuple[Member, tuple[Member, ...]]:
    """The served fit on all rows, and the same on resampled accounts: each account's rows get one
    exponential weight (Rubin's Bayesian bootstrap), so that no row is lost."""
    everything = np.arange(len(rows.outcome))
    ridge = rows.ridge(everything, settings.linear)
    fitted, end = ridge.fit(rows.weight, choice.ridge)
    data, params = rows.trees(everything, trees) if choice.rounds else (None, {})

    def boosters(seeds: range) -> tuple[lgb.Booster, ...]:
        if data is None:
            return ()
        return tuple(gradient.fit(data, params, choice.rounds, seed + shift) for shift in seeds)

    served = Member(boosters(range(trees.seeds)), fitted)
    codes, accounts = pd.factorize(rows.index.get_level_values("account_id"), sort=True)
    draw = np.random.default_rng(seed)
    resampled = []
    for member in range(settings.interval.members):
        weight = rows.weight * draw.standard_exponential(len(accounts))[codes]
        if data is not None:
            data.set_weight(weight)
        refitted, _ = ridge.fit(weight, choice.ridge, end)
        resampled.append(Member(boosters(range(member, member + 1)), refitted))
    return served, tuple(resampled)


def _abstain(
    rows: Rows,
    name: str,
    settings: LearnSettings,
    why: str,
    found: Mapping[str, Any] | None = None,
    oof: pd.DataFrame | None = None,
) -> Model:
    """Everyone gets the base rate."""
    nothing = np.zeros(len(rows.outcome))
    return Model(
        name=name,
        rung=BASE_RATE,
        encoding=rows.encoding,
        signs=rows.signs,
        served=Member((), None),
        trees=0.0,
        calibration=calibration.fit(BASE_RATE, nothing, rows.outcome, rows.weight),
        resampled=(),
        widen=1.0,
        unlearnt=settings.interval.unlearnt,
        report=_report(rows, BASE_RATE, why, BASE_RATE) | dict(found or {}),
        oof=pd.DataFrame() if oof is None else oof,
    )


def _report(rows: Rows, rung: str, why: str, kind: str) -> dict[str, Any]:
    bound = rows.bound(np.arange(len(rows.outcome)))
    return {
        "rows": len(rows.outcome),
        "accounts": int(rows.index.get_level_values("account_id").nunique()),
        "mornings": int(rows.index.get_level_values("as_of").nunique()),
        "weight": float(rows.weight.sum()),
        "positives": float(rows.positives.sum()),
        "positive_rows": int(rows.outcome.sum()),
        "base_rate": float(np.average(rows.outcome, weights=rows.weight)),
        "rung": rung,
        "why": why,
        "calibration": kind,
        "monotone_columns": len(bound),
        "contradicted": sorted(set(rows.signs) - set(bound)),
    }
