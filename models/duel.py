"""Scorers against each other on the same rows: figures over account draws, and verdicts in words.

Accounts are drawn with replacement, all rows of an account together, and the same draws serve every
scorer: differences are paired, and an account seen at several leads does not count as several.

Of many accounts, groups are drawn instead, into which they are dealt by chance; what the draws make
of the rows is worked out in `models.drawn`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, PositiveInt, field_validator
from scipy.special import ndtr, stdtrit

from models.drawn import Kind, Rows, of_bins, of_rows

BETTER, WORSE, CANNOT_TELL = "better", "worse", "cannot tell"
EACH = 1_000  # accounts up to which each is drawn by itself
GROUPS = 400  # that more are dealt into; the spread of so many draws of so many is known to 5 %
BINNED = 3_000  # rows from which the draws are worked out on bins of the score

Figure = Literal["log_loss", "brier", "auc", "average_precision", "lift", "arr_caught"]
Floats = NDArray[np.float64]

NAMES = {"log_loss": "log-loss", "brier": "Brier score", "auc": "AUC", "arr_caught": "ARR caught"}
LOWER_IS_BETTER = {"log_loss", "brier"}
OF_PROBABILITIES = {"log_loss", "brier", "calibration_intercept", "calibration_slope"}
SAME = 1e-5  # a difference that is certain, and smaller than this, is the rounding of a fit


class ComparisonSettings(BaseModel):
    """The block `comparison` of params.yaml.

    `primary` decides between two probabilities, `rules_primary` where one of the two is a rule.
    Below `min_outcomes` accounts with the outcome (or without it) there is no verdict. `leads` are
    the edges, in days, of the lead bands: [0, 31, 61] means 0–30 and 31–60.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    primary: Figure
    rules_primary: Figure
    draws: int = Field(ge=100)
    seed: int
    min_outcomes: PositiveInt
    leads: tuple[int, ...] = Field(min_length=2)

    @field_validator("rules_primary")
    @classmethod
    def _for_rules(cls, name: Figure) -> Figure:
        if name in OF_PROBABILITIES:
            raise ValueError(f"rules_primary is {name}, which asks for probabilities: take auc")
        return name

    @field_validator("leads")
    @classmethod
    def _rising(cls, edges: tuple[int, ...]) -> tuple[int, ...]:
        if list(edges) != sorted(set(edges)):
            raise ValueError(f"leads {list(edges)}: edges must rise")
        return edges


def units(accounts: NDArray[np.intp], settings: ComparisonSettings) -> NDArray[np.intp]:
    """What is drawn with each row: its account, or of more than EACH the group it is dealt into.

    `accounts`: the number of each row's account, from 0.
    """
    number = int(accounts.max(initial=-1)) + 1
    if number <= EACH:
        return accounts
    dealt = np.random.default_rng(settings.seed).permutation(np.arange(number) % GROUPS)
    return np.asarray(dealt[accounts], dtype=np.intp)


def draws(number: int, settings: ComparisonSettings) -> Floats:
    """How often each unit is drawn: the first row is the data, each other one a bootstrap."""
    if not number:
        return np.ones((settings.draws + 1, 0))
    rng = np.random.default_rng(settings.seed)
    drawn = rng.multinomial(number, np.full(number, 1 / number), size=settings.draws)
    return np.vstack([np.ones(number), drawn])


def figures(
    rows: pd.DataFrame,
    scores: pd.DataFrame,
    kinds: Mapping[str, Kind],
    drawn: Floats,
    units: NDArray[np.intp],
    share: float,
) -> dict[str, dict[str, Floats]]:
    """Every metric of every model: the figure on the data first, then one for each draw.

    `rows`: outcome, weight and arr; `scores`: one column a model; `drawn`: draws × units; `units`:
    the column of `drawn` that each row belongs to.
    """
    if rows.empty:
        return {}
    told = Rows(
        units,
        rows["weight"].to_numpy(dtype=float),
        rows["outcome"].to_numpy(dtype=bool),
        rows["arr"].to_numpy(dtype=float, na_value=np.nan),
    )
    work = of_bins if len(rows) >= BINNED else of_rows
    return {
        str(model): work(scores[model].to_numpy(dtype=float), told, drawn, kinds[str(model)], share)
        for model in scores
    }


def pairs(
    found: Mapping[str, Mapping[str, Floats]],
    kinds: Mapping[str, Kind],
    settings: ComparisonSettings,
    outcomes: int,
    others: int,
) -> Iterator[dict[str, Any]]:
    """Every ordered pair, on its primary metric and on AUC; the second order mirrors the first.

    `found`: each model's figures; `outcomes`, `others`: accounts with the outcome and without.
    """
    doubt = _too_few(outcomes, others, settings.min_outcomes)
    models = list(found)
    flat = [model for model in models if _says_one_thing(found[model]["auc"])]
    for i, first in enumerate(models):
        for second in models[i + 1 :]:
            rule = "rule" in (kinds[first], kinds[second])
            primary = settings.rules_primary if rule else settings.primary
            for metric in dict.fromkeys([primary, "auc"]):
                a, b = found[first][metric], found[second][metric]
                low, high = interval(a - b, min(outcomes, others))
                for model, against, x, y, sign in (
                    (first, second, a[0], b[0], 1),
                    (second, first, b[0], a[0], -1),
                ):
                    ends = sorted([sign * low, sign * high])
                    lists = metric not in LOWER_IS_BETTER  # a probability needs no list
                    no_list = _no_list([one for one in flat if one in (model, against)])
                    verdict, reason = _verdict(metric, x, y, ends, (lists and no_list) or doubt)
                    yield {
                        "model": model,
                        "against": against,
                        "metric": metric,
                        "primary": metric == primary,
                        "difference": x - y,
                        "low": ends[0],
                        "high": ends[1],
                        "verdict": verdict,
                        "reason": reason,
                    }


def _verdict(
    metric: str, value: float, other: float, ends: Sequence[float], doubt: str | None
) -> tuple[str, str]:
    if doubt is not None:
        return CANNOT_TELL, doubt
    name = NAMES.get(metric, metric.replace("_", " "))
    if not np.isfinite([value, other, *ends]).all():
        return CANNOT_TELL, f"{name} cannot be computed on these rows"
    reason = (
        f"{name} {value:.3f} against {other:.3f}, "
        f"difference {value - other:+.3f} (95 %: {ends[0]:+.3f} to {ends[1]:+.3f})"
    )
    if ends[0] <= 0 <= ends[1] or np.abs(ends).max() < SAME:
        return CANNOT_TELL, reason
    return BETTER if (ends[0] > 0) != (metric in LOWER_IS_BETTER) else WORSE, reason


def _says_one_thing(auc: Floats) -> bool:
    """Whether a scorer ranks nobody before anybody: its AUC is one half however rows are drawn."""
    known = auc[np.isfinite(auc)]
    return bool(len(known)) and bool((known == 0.5).all())


def _no_list(flat: Sequence[str]) -> str | None:
    """Why a list of the same length cannot be compared with one that nobody made."""
    if not flat:
        return None
    return f"{' and '.join(flat)} says the same of everyone, and so lists nobody"


def _too_few(outcomes: int, others: int, needed: int) -> str | None:
    if min(outcomes, others) >= needed:
        return None
    which, number = ("with", outcomes) if outcomes < needed else ("without", others)
    return f"only {number} accounts {which} the outcome, {needed} are needed"


def interval(draws: Floats, accounts: int) -> tuple[float, float]:
    """The middle 95 % of the draws; unknown if over a tenth of them could not be computed.

    Bootstrap percentiles are too narrow for few accounts: they are moved out as Student's t with
    `accounts` (of the rarer outcome) would be (the expanded percentile interval, Hesterberg 2015).
    """
    drawn = draws[1:][np.isfinite(draws[1:])]
    if accounts < 2 or not np.isfinite(draws[0]) or len(drawn) < 0.9 * (len(draws) - 1):
        return np.nan, np.nan
    tail = ndtr(np.sqrt(accounts / (accounts - 1)) * stdtrit(accounts - 1, 0.025))
    # Written so that the interval of b − a is that of a − b turned round, to the last bit.
    return float(np.quantile(drawn, tail)), -float(np.quantile(-drawn, tail))
