"""A long search among the trees' settings: kept in a file, gone on with later, and then judged.

The earlier blocks of mornings choose, the last one judges: a search that is judged on the rows it
chose by promises more than it keeps. Neither sees a held-out morning.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from scipy.special import stdtrit

from models import calibration, metrics, outoffold
from models.duel import BETTER, CANNOT_TELL, WORSE
from models.folds import Fold, account_groups
from models.gradient import GradientSettings
from models.ladder import LearnSettings
from models.rows import Rows
from models.rungs import BASE_RATE
from models.search import RANGES, SearchMissing, clustered, objective_of, thinned

if TYPE_CHECKING:
    from optuna import Study
    from optuna.trial import FrozenTrial

FREE = 5  # trials drawn by chance, none of them given up, before the others are judged by them
DIGITS = 4  # significant ones of a setting: more would only look exact


@dataclass(frozen=True)
class Gain:
    """Log-loss `before` and `after` on the same rows; `gain` = before − after, `low` and `high` its
    95 % interval by account; `outcomes`: accounts with the outcome among them."""

    before: float
    after: float
    gain: float
    low: float
    high: float
    outcomes: int


@dataclass(frozen=True)
class Verdict:
    """The found settings against the present ones: on the rows they were `searched` on, which
    flatters them, and on the block `unseen`, from the morning `since`, which decides."""

    searched: Gain
    unseen: Gain
    since: str
    verdict: str


def opened(path: Path, name: str, seed: int) -> Study:
    """The study of that name in a SQLite file, both made if they are new; raises SearchMissing."""
    try:
        import optuna
    except ImportError:
        raise SearchMissing(
            "optuna, which searches, is not installed: install the extra `search` "
            "(`uv pip install -e '.[search]'`)"
        ) from None
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    path.parent.mkdir(parents=True, exist_ok=True)
    storage = optuna.storages.RDBStorage(f"sqlite:///{path}")
    pruner = optuna.pruners.MedianPruner(n_startup_trials=FREE)
    study = optuna.create_study(
        storage=storage, study_name=name, pruner=pruner, load_if_exists=True
    )
    shift = len(study.trials)  # else a study gone on with would draw the same settings again
    study.sampler = optuna.samplers.TPESampler(seed=seed + shift, n_startup_trials=FREE)
    return study


def over(study: Study) -> list[FrozenTrial]:
    """The trials that ended: tried to the end, or given up."""
    return [trial for trial in study.trials if trial.state.name in ("COMPLETE", "PRUNED")]


def explore(
    study: Study,
    rows: Rows,
    parts: Sequence[Fold],
    settings: LearnSettings,
    seed: int,
    *,
    trials: int | None,
    seconds: float | None,
    told: Callable[[int, float | None], None],
) -> None:
    """Try settings until `trials` are over, those of earlier calls included, or time is up.

    The present settings are the first trial. `told` hears after each how many are over, and the
    lowest log-loss so far.
    """
    start = settings.gradient
    if not over(study):
        study.enqueue_trial({name: getattr(start, name) for name in RANGES})
    objective = objective_of(rows, thinned(parts, settings.search.rows_most, seed), start, {})

    def after(study: Study, _: FrozenTrial) -> None:
        told(len(over(study)), lowest(study))

    left = None if trials is None else trials - len(over(study))
    if left is None or left > 0:
        study.optimize(objective, n_trials=left, timeout=seconds, callbacks=[after])


def lowest(study: Study) -> float | None:
    """The lowest log-loss of a trial that was tried to the end; None before there is one."""
    ended = [trial.value for trial in over(study) if trial.state.name == "COMPLETE"]
    return min((value for value in ended if value is not None), default=None)


def best(study: Study, start: GradientSettings) -> GradientSettings:
    """The settings of the best trial, to so many digits as one would write down."""
    found = {name: _written(value) for name, value in study.best_trial.params.items()}
    return start.model_copy(update=found)


def judge(
    rows: Rows,
    parts: Sequence[Fold],
    settings: LearnSettings,
    found: GradientSettings,
    seed: int,
    least: int,
) -> Verdict:
    """What would be served under the found settings against what would be under the present ones.

    Rounds, penalty, blend and calibration are chosen on all blocks but the last, and applied to
    it. With fewer than `least` accounts with the outcome there, one cannot tell.
    """
    searched, last = list(parts[:-1]), parts[-1]
    before, after = (
        _losses(rows, searched, last, trees, settings, seed) for trees in (settings.gradient, found)
    )
    on_searched = _gain(rows, searched, before["searched"], after["searched"])
    on_unseen = _gain(rows, [last], before["unseen"], after["unseen"])
    assert last.start is not None  # a block of mornings has a first one
    verdict = BETTER if on_unseen.low > 0 else WORSE if on_unseen.high < 0 else CANNOT_TELL
    if on_unseen.outcomes < least:
        verdict = CANNOT_TELL
    return Verdict(on_searched, on_unseen, last.start.date().isoformat(), verdict)


def _losses(
    rows: Rows,
    searched: Sequence[Fold],
    last: Fold,
    trees: GradientSettings,
    settings: LearnSettings,
    seed: int,
) -> Mapping[str, np.ndarray]:
    """The log-loss of each judged row, of the blocks searched on and of the last one."""
    ridge, blend = settings.linear, settings.blend

    def stages(part: Fold) -> outoffold.Stages:
        return outoffold.stages(rows, part, trees, ridge, blend.fold_seeds, seed)

    tested = np.concatenate([part.test for part in searched])
    outcome, weight = rows.outcome[tested], rows.weight[tested]
    pooled = outoffold.pool([stages(part) for part in searched])
    choice = outoffold.choose(pooled, outcome, weight, trees, ridge, blend.even_prior)
    groups = account_groups(rows.index[tested], settings.folds.account_groups, seed)
    crossed = {
        kind: calibration.cross_fitted(kind, choice.logit, outcome, weight, groups)
        for kind in calibration.permitted(float(weight @ outcome), settings.calibration)
        if kind != BASE_RATE
    }
    kind = min(crossed, key=lambda of: float(metrics.log_loss(crossed[of], outcome, weight)))
    fitted = calibration.fit(kind, choice.logit, outcome, weight)
    later = fitted.probability(outoffold.applied(stages(last), choice, trees, ridge))
    return {
        "searched": metrics.surprise(crossed[kind], outcome),
        "unseen": metrics.surprise(later, rows.outcome[last.test]),
    }


def _gain(rows: Rows, parts: Sequence[Fold], before: np.ndarray, after: np.ndarray) -> Gain:
    tested = np.concatenate([part.test for part in parts])
    weight = rows.weight[tested]
    mean, error = clustered(before - after, weight, rows, parts)
    happened = rows.index[tested[rows.outcome[tested] > 0]].get_level_values("account_id")
    outcomes = int(happened.nunique())
    reach = float(-stdtrit(max(outcomes - 1, 1), 0.025)) * error
    then, now = (float(np.average(of, weights=weight)) for of in (before, after))
    return Gain(then, now, mean, mean - reach, mean + reach, outcomes)


def _written(value: float) -> float:
    return value if isinstance(value, int) else float(f"{value:.{DIGITS}g}")
