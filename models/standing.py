"""The record as the rows of a duel: what each scorer said on a morning, and how it ended.

A contract is judged by the renewal that it falls due for. A customer from month to month decides
every month, while what is predicted is a loss within the horizon: it is judged by all of the
account's decisions within the horizon of the morning, and counts once a horizon.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from models.clustered import share_by
from models.comparison import INDEX, Comparison, compare_scores, slices
from models.duel import ComparisonSettings, Kind
from models.health_profile import UNKNOWN
from models.slices import sized

MODEL = "model"
SCORERS: Mapping[str, Kind] = {
    MODEL: "probability",
    "base_rate": "probability",
    "health": "rule",
    "health_refitted": "rule",
    "early_warning": "rule",
    "csm_call": "rule",
}
BY = ("segment", "owner", "plan", "size")
SETTLED = ("renewed", "expanded", "contracted", "churned")
WAITING = ("open", "in_grace")
KEPT = ("renewed", "expanded")  # a contraction is no false alarm, and no loss either
TERMS = ("contract", "month_to_month")
RENEWAL = ["account_id", "due_date"]
BANDS = {MODEL: "risk_band", "health": "health_band"}


@dataclass(frozen=True)
class Standing:
    """`rows`: account_id, as_of, target, due_date, outcome (churned), ended (renewed, expanded,
    contracted or churned: of the renewal itself), weight (one a renewal), arr, days_to_due,
    month_to_month, segment, owner, plan, size, risk_band, health_band, sorted by INDEX. `scores`:
    one column for each of SCORERS on the same rows, rising with the risk, NaN where unknown.
    `waiting`: predictions whose end is not known yet; `not_due`: those of renewals that never fell
    due."""

    rows: pd.DataFrame
    scores: pd.DataFrame
    waiting: int
    not_due: int


def standing(
    predictions: pd.DataFrame,
    outcomes: pd.DataFrame,
    *,
    target: str,
    horizon: int,
    by: date,
    wait: int,
    sizes: Sequence[float],
) -> Standing:
    """The settled predictions with status `scored`, on (account_id, as_of).

    A loss may be known at once where a stay is not, and the other way round: what falls due less
    than `wait` days (grace and delay) before the day `by`, as of which the outcomes were read,
    waits whatever became of it.

    `predictions`: account_id, due_date, as_of, days_to_due, status, segment, owner, plan, the
    columns of `scored`, risk_band and health_band. `outcomes`: account_id, due_date, outcome,
    arr_due, month_to_month; those of an account's later renewals too. `horizon`: the days of which
    the probability speaks; `sizes`: the ARR at which the next size of customer begins.
    """
    asked = predictions[predictions["status"].eq("scored")].drop(
        columns=["arr_due", "month_to_month"], errors="ignore"
    )
    known = outcomes[[*RENEWAL, "outcome", "arr_due", "month_to_month"]]
    rows = asked.merge(known, on=RENEWAL, how="left", validate="many_to_one")
    rows = rows.rename(columns={"outcome": "ended", "arr_due": "arr"})
    monthly = _true(rows["month_to_month"])
    lost = rows["ended"].eq("churned").to_numpy(dtype=bool, copy=True)
    waits = (rows["ended"].isna() | rows["ended"].isin(WAITING)).to_numpy(dtype=bool, copy=True)
    lost[monthly] |= _within(rows[monthly], outcomes, ["churned"], horizon)
    waits[monthly] |= _within(rows[monthly], outcomes, WAITING, horizon)
    last = rows["due_date"].where(~monthly, rows["as_of"] + pd.Timedelta(days=horizon))
    waits |= ~is_ripe(last, by, wait)
    settled = rows["ended"].isin(SETTLED).to_numpy(dtype=bool) & ~waits
    told = rows.assign(outcome=lost, month_to_month=monthly, target=target)[settled]
    told = told.sort_values(INDEX, ignore_index=True)
    told = told.assign(weight=_weights(told, horizon), size=sized(told["arr"], sizes))
    kept = [*INDEX, "target", "due_date", "outcome", "ended", "weight", "arr", "days_to_due"]
    kept += ["month_to_month", *BY, *BANDS.values()]
    never = int((~settled & ~waits).sum())
    return Standing(told[kept], scored(told), int(waits.sum()), never)


def is_ripe(due: pd.Series, by: date, wait: int) -> NDArray[np.bool_]:
    """Whether every end of what falls due on each day is known on the day `by`."""
    return ((pd.Timestamp(by) - due).dt.days >= wait).to_numpy(dtype=bool)


def ripe(outcomes: pd.DataFrame, by: date, wait: int) -> pd.DataFrame:
    """The outcomes that are settled, and would be by now whatever they were."""
    settled = outcomes["outcome"].isin(SETTLED).to_numpy(dtype=bool)
    return outcomes[settled & is_ripe(outcomes["due_date"], by, wait)]


def scored(predictions: pd.DataFrame) -> pd.DataFrame:
    """What each of SCORERS says of each prediction: it rises with the risk, and is NaN if unknown.

    Reads churn_probability, base_rate, health_score, health_band, health_refitted, early_warning
    and csm_call. A health score without a band is none.
    """
    said = {
        MODEL: predictions["churn_probability"],
        "base_rate": predictions["base_rate"],
        "health": (100 - predictions["health_score"].astype(float)).where(
            predictions["health_band"].notna() & predictions["health_band"].ne(UNKNOWN)
        ),
        "health_refitted": predictions["health_refitted"],
        "early_warning": predictions["early_warning"].astype("boolean"),
        "csm_call": predictions["csm_call"],
    }
    numbers = {name: column.astype("Float64") for name, column in said.items()}
    return pd.DataFrame(
        {name: column.to_numpy(dtype=float, na_value=np.nan) for name, column in numbers.items()},
        index=predictions.index,
    )[list(SCORERS)]


def duel(of: Standing, settings: ComparisonSettings, *, share: float) -> Comparison:
    """Every scorer against every other, in all and by lead, terms and each of BY."""
    return compare_scores(of.rows, of.scores, SCORERS, settings, share=share, by=BY)


def bands(of: Standing, leads: Sequence[int]) -> pd.DataFrame:
    """Churn in each scorer's own bands, in all and by lead band, terms and each of BY.

    Columns: by, slice, model, band, rows, renewals (weight), accounts, predicted (mean probability,
    only of the model's), observed (weighted share churned) with observed_low and observed_high
    (95 %, by account), arr (of each renewal once), arr_churned.
    """
    numbers = pd.factorize(of.rows["account_id"])[0]
    rows = of.rows[["outcome", "weight", "arr"]].assign(account=numbers)
    found = []
    for model, column in BANDS.items():
        codes, names = pd.factorize(of.rows[column], sort=True)
        told = rows.assign(band=codes, score=of.scores[model])
        for part in slices(of.rows, leads, BY):
            inside = _of_bands(told[part.rows & (codes >= 0)], SCORERS[model])
            inside["band"] = names[inside["band"].to_numpy(dtype=int)]
            inside[["by", "slice", "model"]] = part.by, part.name, model
            found.append(inside)
    first = ["by", "slice", "model", "band"]
    whole = pd.concat(found, ignore_index=True)
    return whole[[*first, *(name for name in whole if name not in first)]]


def _of_bands(rows: pd.DataFrame, kind: Kind) -> pd.DataFrame:
    weight, money = rows["weight"], rows["weight"] * rows["arr"]
    shares = share_by(rows["outcome"], weight, rows["account"], rows["band"])
    each = pd.DataFrame(
        {
            "rows": 1,
            "predicted": weight * rows["score"] if kind == "probability" else np.nan,
            "arr": money,
            "arr_churned": money.where(rows["outcome"], 0.0),
        }
    )
    sums = each.groupby(rows["band"]).sum(min_count=1)
    found = sums.join(shares.rename(columns={"weight": "renewals", "value": "observed"}))
    found = found.rename(columns={"low": "observed_low", "high": "observed_high"})
    found["predicted"] = found["predicted"] / found["renewals"]
    return found.rename_axis("band").reset_index()


def _within(
    rows: pd.DataFrame, outcomes: pd.DataFrame, ends: Sequence[str], horizon: int
) -> NDArray[np.bool_]:
    """Whether a decision of the account that ended so falls due within the horizon of a morning."""
    there = outcomes.loc[outcomes["outcome"].isin(ends), RENEWAL].sort_values(RENEWAL[::-1])
    asked = rows[INDEX].assign(place=np.arange(len(rows))).sort_values(["as_of", "place"])
    there = there.rename(columns={"due_date": "next"}).astype({"next": asked["as_of"].dtype})
    found = pd.merge_asof(
        asked, there, left_on="as_of", right_on="next", by="account_id", direction="forward"
    )
    days = (found["next"] - found["as_of"]).dt.days
    return days.lt(horizon).to_numpy()[np.argsort(found["place"].to_numpy())]


def _weights(rows: pd.DataFrame, horizon: int) -> NDArray[np.float64]:
    """One a contracted renewal; from month to month one an account and block of the horizon."""
    first = pd.Timestamp(0)
    due, block = ((rows[of] - first).dt.days for of in ("due_date", "as_of"))
    decision = due.where(~rows["month_to_month"], -1 - block // horizon)
    size = decision.groupby([rows["account_id"], decision]).transform("size")
    return 1 / size.to_numpy(dtype=float)


def _true(flags: pd.Series) -> NDArray[np.bool_]:
    return flags.astype("boolean").fillna(False).to_numpy(dtype=bool)
