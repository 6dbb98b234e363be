"""The forecast of the coming cycles: ARR renewed and renewal rates, and how sure they are.

Three things make a forecast miss. Each renewal ends by chance; the model's level is wrong for all
alike; and each period has a shock of its own (models/shock.py). The ends are simulated: in every
draw one shift moves all log-odds, and each renewal then ends by itself in a branch of its tree. The
same draws give logos and money, so that the two belong together.

Contracts only: a decision of a month-to-month customer is no cycle's, and their probability speaks
of the whole horizon. They are shown apart, for the window as a whole.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from pydantic import BaseModel, ConfigDict, Field, PositiveFloat

from models import forecast as numbers
from models.shock import Floats, Shock, moved, period

LEVELS = {80: 0.8, 95: 0.95}
EVERY = ("month", "quarter")
WINDOW = "window"  # everything due within the days that were asked for
TERMS = {False: "contract", True: "month_to_month"}
SCENARIOS = {"high": -1.0, "medium": 0.0, "low": 1.0}
LEFT_OUT = ("in_grace", "later_renewal", "failed")
CELLS = 2_000_000  # draws × renewals held in memory at once
SHRUNK = 0.6  # share of the ARR that a contraction keeps, where its chance is not known
ORDER = ["arr", "p", "contracted", "keeps", "shrunk"]


class ForecastSettings(BaseModel):
    """The block `forecast` of params.yaml.

    `prior`: scale, on the logit, of what a period's shock is believed to spread before any period
    is over. `together`: share of the deviation of a probability that all have in common, where only
    its interval is known.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    draws: int = Field(ge=400)
    seed: int
    prior: PositiveFloat
    together: float = Field(ge=0, le=1)


@dataclass(frozen=True)
class Draws:
    """One number a draw: accounts lost, and ARR renewed among the renewals of known ARR."""

    lost: Floats
    renewed: Floats


def forecast(
    renewals: pd.DataFrame,
    shocks: Mapping[str, Shock],
    doubt: float,
    settings: ForecastSettings,
    *,
    within: int,
) -> pd.DataFrame:
    """One row a cycle (calendar month, quarter, the window) and terms, of what one morning knew.

    `renewals`: account_id, as_of (one morning), due_date, month_to_month, status, arr_due,
    churn_probability, expected_arr_renewed; optional p_contracted, and decided_share (of the ARR
    due that a decided renewal keeps: 1 or 0). `shocks`: by month and quarter; the window takes that
    of the quarter. `doubt`: deviation of the common error, on the logit. `within`: days covered.

    Columns: as_of, every, cycle, terms, covers (share of the cycle's days that the window covers),
    renewals (scored or decided), accounts, decided, arr_due, arr_unknown (renewals without a known
    ARR: no part in money), in_grace, later_renewal, failed, decided_unknown (no part at all);
    arr_renewed, dollar_renewal_rate, logo_renewal_rate, each the expectation, with _low_80,
    _high_80, _low_95, _high_95, and _if_high, _if_medium, _if_low: its value if the shock is one
    standard deviation for the better, none, or one for the worse; shock (that deviation) and
    periods (it was learnt from).
    """
    found = []
    for every, cycle, terms, part in _cycles(renewals, within):
        of = shocks["month" if every == "month" else "quarter"]
        figures = _figures(part, of, doubt, settings)
        if figures:
            found.append(
                {
                    "as_of": pd.Timestamp(part["as_of"].iloc[0]),
                    "every": every,
                    "cycle": str(cycle),
                    "terms": terms,
                    "covers": _covers(cycle, part["as_of"].iloc[0], within),
                    **figures,
                }
            )
    return pd.DataFrame(found)


def at_risk(
    scored: pd.DataFrame, of: Shock, doubt: float, settings: ForecastSettings
) -> dict[str, float | None]:
    """ARR expected to be lost with the accounts among the scored, its 80 % interval, and the ARR
    due; None without a renewal of known ARR."""
    rows = scored[scored["arr_due"].notna() & scored["churn_probability"].notna()]
    if rows.empty:
        return {"expected": None, "low": None, "high": None, "of": None}
    arr, p = rows["arr_due"].to_numpy(dtype=float), rows["churn_probability"].to_numpy(dtype=float)
    table = pd.DataFrame({"arr": arr, "p": p, "contracted": 0.0, "keeps": 1.0, "shrunk": 1.0})
    lost = arr.sum() - simulate(table, of, doubt, settings).renewed
    low, high = np.quantile(lost, [0.1, 0.9]).tolist()
    return {"expected": float(p @ arr), "low": low, "high": high, "of": float(arr.sum())}


def branches(rows: pd.DataFrame) -> pd.DataFrame:
    """What is drawn from, one row a scored renewal, columns of ORDER: arr (0 where money is not
    known), p (churned), contracted (its chance), keeps and shrunk (share of the ARR kept otherwise,
    and if contracted), so that the mean is the expected ARR renewed.

    Where the chance of a contraction is not given, what the expectation lacks of all that stays is
    put down to contractions, that keep SHRUNK: whoever renews may still renew in full.
    """
    arr, p, mean = (
        rows[name].to_numpy(dtype=float, na_value=np.nan)
        for name in ("arr_due", "churn_probability", "expected_arr_renewed")
    )
    given = np.full(len(rows), np.nan)
    if "p_contracted" in rows:
        given = rows["p_contracted"].to_numpy(dtype=float, na_value=np.nan)
    known = ~np.isnan(arr + mean) & (arr > 0)
    arr = np.where(known, arr, 0.0)
    share = np.where(known, mean, 0.0) / np.where(known, arr, 1.0)
    lacking = np.clip((1 - p - np.where(known, share, 1 - p)) / (1 - SHRUNK), 0, 1 - p)
    contracted = np.where(np.isnan(given), lacking, given)
    flat = np.clip(1 - p - contracted, 1e-12, None)
    shrunk = np.clip((share - flat) / np.where(contracted > 0, contracted, 1.0), 0, 1)
    keeps = np.clip((share - contracted * shrunk) / flat, 0, 1)
    table = {"arr": arr, "p": p, "contracted": contracted, "keeps": keeps, "shrunk": shrunk}
    return pd.DataFrame(table, index=rows.index)


def simulate(table: pd.DataFrame, of: Shock, doubt: float, settings: ForecastSettings) -> Draws:
    """Draw the ends of renewals (`table` with the columns of ORDER, and logos: 1 if the renewal is
    an account's, else 0; by default 1).

    The rows are put in order of what they say first: neither names nor the order of rows count.
    """
    rng = np.random.default_rng(settings.seed)
    shift = rng.permutation(of.shifts(settings.draws, doubt))[:, None]
    variance = of.deviation**2 + doubt**2
    full = table if "logos" in table else table.assign(logos=1.0)
    values = full.sort_values([*ORDER, "logos"])[[*ORDER, "logos"]].to_numpy(dtype=float)
    lost, renewed = np.zeros(settings.draws), np.zeros(settings.draws)
    step = max(1, CELLS // settings.draws)
    for at in range(0, len(values), step):
        arr, p, contracted, keeps, shrunk, logos = values[at : at + step].T
        chance = rng.random((settings.draws, len(p)))
        threshold = moved(p, shift, variance)
        churned = chance < threshold
        shrinks = 1 - chance < (1 - threshold) * (contracted / np.maximum(1 - p, 1e-12))
        lost += churned @ logos
        renewed += ~churned @ (arr * keeps) - (shrinks & ~churned) @ (arr * (keeps - shrunk))
    return Draws(lost, renewed)


def _cycles(renewals: pd.DataFrame, within: int) -> list[tuple[str, Any, str, pd.DataFrame]]:
    """The renewals by every, cycle and terms; month to month for the window only."""
    if renewals.empty:
        return []
    monthly = renewals["month_to_month"].fillna(False).astype(bool)
    found: list[tuple[str, Any, str, pd.DataFrame]] = []
    for every in EVERY:
        contracts = renewals[~monthly]
        by = period(contracts["due_date"], every)
        code = "M" if every == "month" else "Q"
        found += [
            (every, pd.Period(name, code), TERMS[False], part)
            for name, part in contracts.groupby(by, sort=True)
        ]
    for flag, terms in TERMS.items():
        found.append((WINDOW, f"{within} days", terms, renewals[monthly.eq(flag)]))
    return found


def _covers(cycle: pd.Period | str, as_of: object, within: int) -> float:
    if isinstance(cycle, str):
        return 1.0
    first = pd.Timestamp(as_of)  # type: ignore[arg-type]
    start, end = cycle.start_time, cycle.end_time.normalize() + pd.Timedelta(days=1)
    covered = min(end, first + pd.Timedelta(days=within)) - max(start, first)
    return max(0.0, covered / (end - start))


def _figures(
    rows: pd.DataFrame, of: Shock, doubt: float, settings: ForecastSettings
) -> dict[str, Any]:
    """The figures of one cycle; empty where nothing is scored or of a known decision."""
    scored = rows[rows["status"].eq("scored") & rows["churn_probability"].notna()]
    fixed = rows[rows["status"].eq("decided")]
    share = fixed.get("decided_share", pd.Series(np.nan, fixed.index)).astype(float)
    unknown = int(share.isna().sum())
    fixed = fixed.assign(share=share)[share.notna()]
    if scored.empty and fixed.empty:
        return {}
    gone = set(fixed.loc[fixed["share"].eq(0), "account_id"])
    table = branches(scored).assign(logos=(~scored["account_id"].isin(gone)).astype(float))
    sure = float((fixed["arr_due"].astype(float) * fixed["share"]).sum())
    due = float(table["arr"].sum() + fixed["arr_due"].astype(float).sum())
    accounts = len({*scored["account_id"], *fixed["account_id"]})
    drawn = simulate(table, of, doubt, settings)
    lost, renewed = drawn.lost + len(gone), drawn.renewed + sure
    counts = np.bincount(lost.astype(int), minlength=accounts + 1) / len(lost)
    found: dict[str, Any] = {
        "renewals": len(scored) + len(fixed),
        "accounts": accounts,
        "decided": len(fixed),
        "arr_due": due,
        "arr_unknown": int(table["arr"].eq(0).sum() + fixed["arr_due"].isna().sum()),
        **{status: int(rows["status"].eq(status).sum()) for status in LEFT_OUT},
        "decided_unknown": unknown,
    }

    def said(tail: str, money: float, logos: float) -> None:
        found[f"arr_renewed{tail}"] = money if due > 0 else np.nan
        found[f"dollar_renewal_rate{tail}"] = money / due if due > 0 else np.nan
        found[f"logo_renewal_rate{tail}"] = 1 - logos / accounts

    expected = _means(table, table["p"].to_numpy())
    said("", expected[0] + sure, expected[1] + len(gone))
    for level, mass in LEVELS.items():
        least, most = numbers.ends(counts, mass)
        low, high = np.quantile(renewed, [(1 - mass) / 2, (1 + mass) / 2]).tolist()
        said(f"_low_{level}", low, most)
        said(f"_high_{level}", high, least)
    for scenario, sign in SCENARIOS.items():
        shifted = moved(table["p"].to_numpy(), np.array(sign * of.deviation))
        money, logos = _means(table, shifted)
        said(f"_if_{scenario}", money + sure, logos + len(gone))
    return found | {"shock": of.deviation, "periods": of.periods}


def _means(table: pd.DataFrame, p: Floats) -> tuple[float, float]:
    """ARR renewed and accounts lost to be expected if the churn probabilities are `p`."""
    arr, was, contracted, keeps, shrunk, logos = table[[*ORDER, "logos"]].to_numpy(dtype=float).T
    shrinks = contracted * (1 - p) / np.maximum(1 - was, 1e-12)
    kept = (1 - p - shrinks) * keeps + shrinks * shrunk
    return float(arr @ kept), float(p @ logos)
