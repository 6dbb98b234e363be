"""Stage: the report's second page, what was predicted and what happened, with the rows behind it.

The page of the sample company reads a replay of past mornings; the same figures come from the
ledger, of what was sealed.
"""

from __future__ import annotations

from dataclasses import asdict
from datetime import date
from typing import Any, Literal

import numpy as np
import pandas as pd

from models import lead_time, standing
from models.health import HealthScore
from models.hindsight import COVERED
from models.holdout_effect import Effect, effect
from models.lead_time import LeadTimes
from models.standing import SETTLED, Standing
from pipeline import cycle, files, health_trial, replay, report, rivals
from pipeline.calendar import Calendar
from pipeline.hindsight import cases, duel, monitoring, trade
from pipeline.hindsight.timeline import hindsight
from pipeline.settings import Settings, load
from serve import predicted, predictions
from serve.predictions import records
from serve.record import KEY, NOT_DUE, OPEN, Record

ENDS = ("renewed", "expanded", "contracted", "churned", "in_grace", "open")

Frames = dict[str, pd.DataFrame]
Figures = dict[str, Any]


def figures(
    settings: Settings,
    calendar: Calendar,
    record: Record,
    *,
    source: Literal["replay", "ledger"],
    tested: Effect | None = None,
) -> tuple[Figures, Frames]:
    """What serve.predicted draws, and by name every table behind it.

    `tested`: what a hold-out showed; without one no saving can be claimed. The coming cycle, the
    features and the facts are those of the stages before.
    """
    day, loss = record.read_on or calendar.data_until, cycle.loss(settings)
    wait = calendar.wait(settings.contracts.grace)
    judged = standing.standing(
        record.predictions,
        record.outcomes,
        target=loss.name,
        horizon=loss.horizon,
        by=day,
        wait=wait,
        sizes=settings.rates.sizes,
    )
    meta = _meta(settings, calendar, record) | {"source": source, "wait": wait, "as_of": str(day)}
    who, frames = duel.told(judged, settings, meta)
    traded = trade.frames(settings, calendar, record.predictions)
    both = (record.predictions, _known(record.outcomes, day, wait, calendar))
    coming = predictions.read(files.CYCLE)
    ahead = monitoring.forecast(settings, settings.forecast, calendar, coming, *both)
    watched = monitoring.monitoring(
        settings, settings.monitor, settings.forecast.together, calendar, *both
    )
    turned = _lead_times(record, settings, day, wait)
    trial, tried = _trial(settings, calendar)
    seen = hindsight(
        record, settings, settings.signals, rivals.past_features(), files.FACTS, by=day, wait=wait
    )
    shown = effect(None, record.outcomes, seed=settings.holdout.seed) if tested is None else tested
    frames |= (
        tried
        | traded
        | {
            "predictions": record.predictions,
            "outcomes": record.outcomes,
            "forecast_coming": ahead.tables["coming"],
            "forecast_past": ahead.tables["past"],
            "forecast_held": ahead.tables["held"],
            "lead_time": turned.table,
            "lead_time_renewals": turned.renewals,
            "misses": seen.misses.rows,
            "miss_counts": seen.misses.counts,
            "timelines": seen.timelines,
            "moves": seen.moves,
            "recorded_late": seen.late,
            "performance": watched.tables["performance"],
            "drift": watched.tables["drift"],
        }
    )
    told = {
        "meta": meta,
        "summary": _summary(record, judged),
        "verdicts": duel.verdicts(who),
        "forecast": ahead.figures | {"charted": records(_charted(ahead.tables))},
        "trade": trade.figures(traded, settings, calendar),
        "duel": who,
        "lead_time": {
            "table": records(turned.table),
            "days": list(settings.lead_time.days),
            "share": settings.cycle.share,
        },
        "misses": {
            "counts": records(seen.misses.counts),
            "cases": cases.cases(seen, cycle.accounts(files.FACTS)),
        },
        "signals": settings.signals.model_dump(),
        "trial": trial,
        "monitoring": watched.figures,
        "holdout": {
            name: asdict(shown)[name] for name in ("text", "accounts", "churned", "unsettled")
        },
        "files": predicted.listed(frames),
    }
    return predicted.plain(told), frames


def run() -> None:
    """Write reports/predicted.html, .json and a folder of tables beside them."""
    settings, calendar = load(), Calendar.read(files.CALENDAR)
    found, frames = figures(settings, calendar, replay.read(), source="replay")
    predicted.write(found, frames, files.PREDICTED)


def _meta(settings: Settings, calendar: Calendar, record: Record) -> Figures:
    versions = sorted(record.predictions["model_version"].dropna().unique())
    of, days = report.meta(settings, calendar, ", ".join(versions)), record.predictions["as_of"]
    loss = cycle.loss(settings)
    return {
        **{name: of[name] for name in of if name != "targets"},
        "target": next(each for each in of["targets"] if each["name"] == loss.name),
        "first": None if days.empty else str(days.min().date()),
        "last": None if days.empty else str(days.max().date()),
        "mornings": int(days.nunique()),
        "within": settings.cycle.within,
        "grace": settings.contracts.grace,
        "every": settings.rates.every,
        "primary": settings.comparison.primary,
        "rules_primary": settings.comparison.rules_primary,
    }


def _summary(record: Record, judged: Standing) -> Figures:
    scored = record.predictions[record.predictions["status"].eq("scored")]
    asked = scored[KEY].drop_duplicates().merge(record.outcomes, on=KEY, how="left")
    ended = asked["outcome"]
    counts = {name: int(ended.eq(name).sum()) for name in (*ENDS, NOT_DUE)}
    churned = asked.loc[ended.eq("churned"), "arr_due"]
    return {
        "predictions": len(scored),
        "renewals": len(asked),
        **counts,
        "settled": sum(counts[name] for name in SETTLED),
        "arr_churned": float(churned.sum()) if churned.notna().any() else np.nan,
        "waiting": judged.waiting,
        "unsealed": int((~scored["sealed"].astype(bool)).sum()),
    }


def _known(outcomes: pd.DataFrame, day: date, wait: int, calendar: Calendar) -> pd.DataFrame:
    """The outcomes as a morning of today may use them. Where they were read on an earlier day, what
    was not ripe then is open: losses are known first, and would pass for a bad month."""
    if day == calendar.data_until:
        return outcomes
    waits = outcomes["outcome"].isin(SETTLED) & ~standing.is_ripe(outcomes["due_date"], day, wait)
    return outcomes.assign(outcome=outcomes["outcome"].mask(waits, OPEN))


def _lead_times(record: Record, settings: Settings, day: date, wait: int) -> LeadTimes:
    return lead_time.lead_times(
        record.predictions,
        record.outcomes,
        settings.lead_time,
        by=day,
        wait=wait,
        share=settings.cycle.share,
        worst={"risk_band": "high", "health_band": settings.health.bands[0].name},
    )


def _trial(settings: Settings, calendar: Calendar) -> tuple[Figures | None, Frames]:
    """The configured health score on every settled morning, and the rows; None without any."""
    features, asked = health_trial.past()
    rows = health_trial.settled(settings, calendar.mornings, asked)
    if rows.empty:
        return None, {"health_trial_rows": rows}
    index = pd.MultiIndex.from_frame(rows[list(features.index.names)])
    said = HealthScore(settings.health).assess(features.reindex(index))
    shown = rows.assign(**{c: said[c].to_numpy() for c in ("health_score", "health_band")})
    found = health_trial.backtest(settings, settings.health_trial, calendar)
    frames = {f"health_trial_{of}": getattr(found, of) for of in ("bands", "figures", "floors")}
    return health_trial.plain(found), frames | {"health_trial_rows": shown}


def _charted(tables: Any) -> pd.DataFrame:
    """The months one by one: over, as each was forecast first in whole; coming, as forecast now."""
    coming, past = (
        table if table.empty else table[table["every"].eq("month")]
        for table in (tables["coming"], tables["past"])
    )
    if not past.empty:
        whole = past[past["covers"].ge(COVERED) & ~past["cycle"].isin(coming.get("cycle", []))]
        past = whole.sort_values("as_of").drop_duplicates("cycle")
        done = past["settled_share"].eq(1)
        ended = ["actual_arr_renewed", "actual_logo_renewal_rate"]
        past = past.assign(**{name: past[name].where(done) for name in ended})
    both = [frame for frame in (past, coming) if not frame.empty]
    return pd.concat(both, ignore_index=True).sort_values("cycle") if both else pd.DataFrame()


if __name__ == "__main__":
    from pipeline.refusal import in_sentences

    with in_sentences():
        run()
