"""Lead time: how long before the due date each scorer turned risky, and stayed so.

An account is risky to a scorer on a morning if it stands on its list, the top `share` of everyone
scored that morning, as long for every scorer; or, apart from that, in the scorer's own worst band.
Alarms that were taken back do not count: what counts is the last unbroken run of them, up to the
last morning on which the renewal was scored. The price stands beside: how many of the renewals that
were kept were listed as long ahead.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, field_validator

from models.clustered import share_by
from models.standing import BANDS, KEPT, RENEWAL, TERMS, ripe, scored

LIST, BAND = "list", "band"
WARNING = "early_warning"
NOT_ASKED = "not asked"

Floats = NDArray[np.float64]


class LeadTimeSettings(BaseModel):
    """The block `lead_time` of params.yaml: `days` ahead of the due date at which is counted."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    days: tuple[int, ...]

    @field_validator("days")
    @classmethod
    def _falling(cls, days: tuple[int, ...]) -> tuple[int, ...]:
        if not days or list(days) != sorted(set(days), reverse=True) or days[-1] < 0:
            raise ValueError(f"days {list(days)}: they must fall, such as [180, 120, 90, 60, 30]")
        return days


@dataclass(frozen=True)
class LeadTimes:
    """`table`: one row a terms, scorer, `by` (list or band) and days: churned (asked so far ahead
    and known to the scorer), caught, caught_share with _low and _high (95 %, by account), kept,
    alarmed, alarmed_share with _low and _high, silent (asked so far ahead, but unknown to the
    scorer all the time), note ("not asked" where no renewal was scored so far ahead). `renewals`:
    one row a settled renewal, scorer and `by`: account_id, due_date, terms, outcome, asked (days
    ahead on the first morning), first_known (likewise, where the scorer said something), lead (days
    ahead at which it turned risky and stayed so; missing if never)."""

    table: pd.DataFrame
    renewals: pd.DataFrame


def lead_times(
    predictions: pd.DataFrame,
    outcomes: pd.DataFrame,
    settings: LeadTimeSettings,
    *,
    by: date,
    wait: int,
    share: float,
    worst: Mapping[str, str],
) -> LeadTimes:
    """When each scorer turned risky, for the renewals that were scored and are settled, and due at
    least `wait` days (grace and delay) before the day `by`, as of which the outcomes were read.

    `predictions`: account_id, due_date, as_of, days_to_due, arr_due, status, risk_band and the
    columns of `models.standing.scored`. `outcomes`: account_id, due_date, outcome, month_to_month.
    `worst`: the column of a scorer's own band -> its riskiest value; a warning is its own band.
    Renewals that ended `contracted` are neither caught nor falsely alarmed, and stand in no figure.
    """
    asked = predictions[predictions["status"].eq("scored")].reset_index(drop=True)
    known = ripe(outcomes, by, wait)[[*RENEWAL, "outcome", "month_to_month"]]
    rows = asked[[*RENEWAL, "days_to_due"]].merge(known, on=RENEWAL, how="left", validate="m:1")
    rows = rows.assign(number=rows.groupby(RENEWAL).ngroup())
    rows = rows[rows["outcome"].notna()].sort_values(["number", "days_to_due"])
    each = rows.groupby("number").first()
    each["terms"] = np.where(each["month_to_month"].astype(bool), TERMS[1], TERMS[0])
    each = each.assign(asked=rows.groupby("number")["days_to_due"].max())[
        [*RENEWAL, "terms", "outcome", "asked"]
    ]
    parts = []
    for (scorer, way), alarm in alarms(asked, share=share, worst=worst).items():
        turned = _turned(rows, alarm[rows.index.to_numpy()])
        parts.append(each.join(turned).assign(scorer=scorer, by=way))
    renewals = pd.concat(parts, ignore_index=True)
    return LeadTimes(_table(renewals, settings.days), renewals)


def alarms(
    asked: pd.DataFrame, *, share: float, worst: Mapping[str, str]
) -> dict[tuple[str, str], Floats]:
    """Whether each prediction is an alarm (1, 0 or NaN), by scorer and `list` or `band`."""
    scores = scored(asked)
    found = {(name, LIST): listed(asked, scores[name], share) for name in scores}
    for name, column in BANDS.items():
        inside = asked[column].eq(worst[column]).fillna(False).to_numpy(dtype=float)
        found[name, BAND] = np.where(scores[name].isna(), np.nan, inside)
    found[WARNING, BAND] = scores[WARNING].to_numpy(dtype=float)
    return found


def listed(asked: pd.DataFrame, score: pd.Series, share: float) -> Floats:
    """1 for the top `share` of everyone scored on a morning, rounded up; NaN where unknown.

    Ties go to the greater ARR due, and then by id. Who stands at the lowest score of the morning is
    on no list: a scorer that says the same of everyone lists nobody, and a rule only its alarms.
    """
    value = score.to_numpy(dtype=float)
    mornings = pd.factorize(asked["as_of"])[0]
    accounts = pd.factorize(asked["account_id"], sort=True)[0]
    arr = asked["arr_due"].to_numpy(dtype=float, na_value=-np.inf)
    known = ~np.isnan(value)
    order = np.lexsort((accounts, -arr, np.where(known, -value, np.inf), mornings))
    size = np.bincount(mornings)
    place = np.empty(len(value), dtype=np.intp)
    place[order] = np.arange(len(value)) - np.repeat(np.cumsum(size) - size, size)
    lowest = np.full(len(size), np.inf)
    np.minimum.at(lowest, mornings[known], value[known])
    room = np.ceil(np.round(share * size, 9))
    chosen = (place < room[mornings]) & (value > lowest[mornings])
    return np.where(known, chosen, np.nan)


def _turned(rows: pd.DataFrame, alarm: Floats) -> pd.DataFrame:
    """first_known and lead of each renewal; `rows` from the last morning of each to its first."""
    days, number = rows["days_to_due"].astype(float), rows["number"]
    still = pd.Series(np.nan_to_num(alarm), rows.index).groupby(number).cummin().eq(1)
    said = pd.Series(~np.isnan(alarm), rows.index)
    return pd.DataFrame(
        {
            "first_known": days.where(said).groupby(number).max(),
            "lead": days.where(still).groupby(number).max(),
        }
    )


def _table(renewals: pd.DataFrame, days: Sequence[int]) -> pd.DataFrame:
    found = []
    for (terms, scorer, by), part in renewals.groupby(["terms", "scorer", "by"], sort=True):
        for ahead in days:
            there = part[part["asked"] >= ahead]
            known = there[there["first_known"] >= ahead]
            at = {"terms": terms, "scorer": scorer, "by": by, "days": ahead}
            at |= _share(known, known["outcome"].eq("churned"), ahead, ("churned", "caught"))
            at |= _share(known, known["outcome"].isin(KEPT), ahead, ("kept", "alarmed"))
            at |= {"silent": len(there) - len(known), "note": "" if len(there) else NOT_ASKED}
            found.append(at)
    return pd.DataFrame(found)


def _share(
    known: pd.DataFrame, among: pd.Series, ahead: int, names: tuple[str, str]
) -> dict[str, float]:
    rows = known[among]
    early = rows["lead"] >= ahead
    whole, part = names
    told = share_by(early, early * 0.0 + 1, rows["account_id"], early * 0)
    value, low, high = told.iloc[0, :3] if len(told) else (np.nan, np.nan, np.nan)
    return {
        whole: len(rows),
        part: int(early.sum()),
        f"{part}_share": value,
        f"{part}_low": low,
        f"{part}_high": high,
    }
