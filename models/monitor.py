"""Whether the model still performs as it says it should: expected against realised, by period.

A calibrated model's own probabilities say what its log-loss, its AUC and the number of losses ought
to be (as confidence-based performance estimation does); what then happens is judged against worlds
drawn from them. The worlds hold what is ordinary, too: the error of the level that all periods
share, and a period's own ups and downs (models/shock.py), for those come with every good model.

Four signals, each in standard deviations of the drawn worlds and rising as things get worse, are
summed up over the periods (CUSUM, Page 1954): S_t = max(0, S_{t−1} + z_t − ½). Their highest point
is set against that of the drawn worlds, so that one figure is tested however many periods and
signals there are: where nothing moved, an alarm is raised over the watched periods in a share
`alarm` of companies. Drift of features never alarms.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Any, Literal

import numpy as np
import pandas as pd
from pydantic import BaseModel, ConfigDict, Field, NonNegativeFloat, PositiveInt
from scipy.stats import rankdata

from models.shock import SMALLEST, Floats, moved

SLACK = 0.5  # of the running sum: deviations that a period may be off without counting
CELLS = 2_000_000  # draws × cases held in memory at once
SIGNALS = {
    "log_loss": "the log-loss is higher than the model expects",
    "auc": "the AUC is lower than the model expects",
    "more": "more accounts are lost than predicted",
    "fewer": "fewer accounts are lost than predicted",
}


class RetrainSettings(BaseModel):
    """When to train again: `on_alarm`; once the outcomes settled since the cutoff are `positives`
    (0.25: a quarter) of those that were learnt from; `days` after the cutoff."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    on_alarm: bool
    positives: float = Field(gt=0)
    days: PositiveInt


class MonitorSettings(BaseModel):
    """The block `monitor` of params.yaml.

    `periods`: how many of the last are watched; `alarm`: the chance of a false alarm over them all;
    `ordinary`: deviation, on the logit, of a period's ups and downs that are no reason to alarm.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)
    every: Literal["month", "quarter"]
    periods: PositiveInt
    draws: int = Field(ge=400)
    seed: int
    alarm: float = Field(gt=0, lt=0.5)
    ordinary: NonNegativeFloat
    retrain: RetrainSettings


@dataclass(frozen=True)
class Alarm:
    """Whether performance is likely to have moved: the chance `p` of a running sum as high where it
    has not, the signal that rose most, the period since which it most likely is worse (Hinkley
    1970), and a sentence."""

    raised: bool
    p: float | None
    signal: str | None
    since: str | None
    reason: str


@dataclass(frozen=True)
class Performance:
    """`periods`: one row a period, oldest first: period, renewals, open (not settled yet), judged
    (all are settled), then log_loss, auc and churned, each with expected_, its 95 % interval _low
    and _high, and p_ (two-sided; missing until judged). `alarm` is read from those judged."""

    periods: pd.DataFrame
    alarm: Alarm


@dataclass(frozen=True)
class Decision:
    """Whether to train again, and every reason for it, or why not."""

    retrain: bool
    reasons: tuple[str, ...]


def performance(cases: pd.DataFrame, settings: MonitorSettings, doubt: float) -> Performance:
    """Expected against realised over the last periods of `cases` (models.shock.cases: period,
    probability, churned; one row a renewal, missing until settled). `doubt`: deviation of the error
    of the level, on the logit."""
    rng = np.random.default_rng(settings.seed)
    level = rng.normal(0, doubt, settings.draws) if doubt > 0 else np.zeros(settings.draws)
    variance = doubt**2 + settings.ordinary**2
    rows, drawn, actual = [], [], []
    periods = sorted(cases["period"].unique())[-settings.periods :]
    for name in periods:
        part = cases[cases["period"].eq(name)].sort_values(["probability", "churned"])
        shift = level + rng.normal(0, 1, settings.draws) * settings.ordinary
        p = part["probability"].to_numpy(dtype=float)
        worlds = _worlds(p, shift, variance, rng)
        unsettled = int(part["churned"].isna().sum())
        happened = None
        if not unsettled:
            happened = _measured(p, part["churned"].to_numpy(dtype=bool)[None, :])[0]
            drawn.append(worlds)
            actual.append(happened)
        rows.append(_period(name, len(part), unsettled, worlds, happened))
    judged = [row["period"] for row in rows if row["judged"]]
    return Performance(pd.DataFrame(rows), _alarm(drawn, actual, judged, settings.alarm))


def decision(
    alarm: Alarm,
    settings: RetrainSettings,
    *,
    cutoff: date,
    today: date,
    learnt: float,
    new: float,
) -> Decision:
    """Whether to train again: `learnt` outcomes when the model was, `new` ones settled since.

    >>> quiet = Alarm(False, 0.6, None, None, "")
    >>> rule = RetrainSettings(on_alarm=True, positives=0.25, days=180)
    >>> decision(quiet, rule, cutoff=date(2025, 1, 1), today=date(2025, 3, 1),
    ...          learnt=100, new=30).reasons
    ('30 outcomes settled since the cutoff are 30% of the 100 learnt from (rule: 25%)',)
    """
    found = []
    if settings.on_alarm and alarm.raised:
        found.append(f"alarm: {alarm.reason}")
    share = new / learnt if learnt else float("inf") if new else 0.0
    if share >= settings.positives:
        found.append(
            f"{new:.0f} outcomes settled since the cutoff are {share:.0%} of the {learnt:.0f} "
            f"learnt from (rule: {settings.positives:.0%})"
        )
    age = (today - cutoff).days
    if age > settings.days:
        found.append(f"the model knows nothing of the last {age} days (rule: {settings.days})")
    if found:
        return Decision(True, tuple(found))
    quiet = (
        f"no alarm, {new:.0f} new outcomes beside {learnt:.0f}, and {age} days since the cutoff: "
        "no rule asks for training"
    )
    return Decision(False, (quiet,))


def _worlds(p: Floats, shift: Floats, variance: float, rng: np.random.Generator) -> Floats:
    """The measures of outcomes drawn from the probabilities: (draws, 3)."""
    step = max(1, CELLS // max(len(p), 1))
    return np.concatenate(
        [
            _measured(p, rng.random((len(part), len(p))) < moved(p, part[:, None], variance))
            for part in np.split(shift, range(step, len(shift), step))
        ]
    )


def _measured(p: Floats, churned: np.ndarray) -> Floats:
    """Log-loss, AUC (missing where one class is alone) and number lost, of each row of outcomes."""
    safe = np.clip(p, SMALLEST, 1 - SMALLEST)
    lost = churned.sum(axis=1).astype(float)
    loss = -(np.log1p(-safe).sum() + churned @ (np.log(safe) - np.log1p(-safe))) / len(p)
    pairs = lost * (len(p) - lost)
    above = churned @ rankdata(p) - lost * (lost + 1) / 2
    auc = np.divide(above, pairs, out=np.full(len(lost), np.nan), where=pairs > 0)
    return np.column_stack([loss, auc, lost])


def _period(
    name: str, size: int, unsettled: int, worlds: Floats, happened: Floats | None
) -> dict[str, Any]:
    row: dict[str, Any] = {
        "period": name,
        "renewals": size,
        "open": unsettled,
        "judged": happened is not None,
    }
    for at, measure in enumerate(("log_loss", "auc", "churned")):
        known = worlds[~np.isnan(worlds[:, at]), at]
        low, high = np.quantile(known, [0.025, 0.975]) if len(known) else (np.nan, np.nan)
        row[f"expected_{measure}"] = known.mean() if len(known) else np.nan
        row[f"expected_{measure}_low"], row[f"expected_{measure}_high"] = low, high
        value = np.nan if happened is None else happened[at]
        row[measure] = value
        tails = [(1 + np.sum(known <= value)), (1 + np.sum(known >= value))]
        enough = len(known) > 0 and not np.isnan(value)
        row[f"p_{measure}"] = min(1.0, 2 * min(tails) / (1 + len(known))) if enough else np.nan
    return row


def _alarm(drawn: list[Floats], actual: list[Floats], names: list[str], level: float) -> Alarm:
    if not drawn:
        return Alarm(False, None, None, None, "no period is settled yet: nothing to judge by")
    worlds = np.stack([_signals(one, one) for one in drawn])  # (periods, draws, signals)
    real = np.stack(
        [_signals(one, happened[None, :]) for one, happened in zip(drawn, actual, strict=True)]
    )
    highest, paths = _running(worlds).max(axis=(0, 2)), _running(real)[:, 0, :]
    peak = np.unravel_index(int(np.argmax(paths)), paths.shape)
    p = float((1 + np.sum(highest >= paths[peak] - 1e-12)) / (1 + len(highest)))
    if paths[peak] <= 0:
        return Alarm(False, p, None, None, "every period is as the model expects")
    risen = np.cumsum(real[: peak[0] + 1, 0, peak[1]][::-1])
    length = 1 + int(np.argmax(risen / np.sqrt(np.arange(1, len(risen) + 1))))
    since = names[int(peak[0]) + 1 - length]
    signal = list(SIGNALS)[int(peak[1])]
    said = f"{SIGNALS[signal]}, since {since}"
    odds = f"by chance in {p:.1%} of companies whose model is right (alarm below {level:.1%})"
    return Alarm(p < level, p, signal, since, f"{said}; as far as this {odds}")


def _signals(worlds: Floats, measured: Floats) -> Floats:
    """The four signals of outcomes, in deviations of the drawn worlds; 0 where there is none."""
    known = ~np.isnan(worlds)
    count = np.maximum(known.sum(axis=0), 1)
    mean = np.where(known, worlds, 0).sum(axis=0) / count
    spread = np.sqrt(np.where(known, (worlds - mean) ** 2, 0).sum(axis=0) / count)
    z = np.nan_to_num((measured - mean) / np.where(spread > 0, spread, np.inf))
    return np.column_stack([z[:, 0], -z[:, 1], z[:, 2], -z[:, 2]])


def _running(signals: Floats) -> Floats:
    """The running sums over the first axis."""
    found, total = np.zeros_like(signals), np.zeros(signals.shape[1:])
    for at, one in enumerate(signals):
        total = np.maximum(0.0, total + one - SLACK)
        found[at] = total
    return found
