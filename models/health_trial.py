"""A configuration of the health score on trial: what its bands would have said, and what happened.

Green is the last band and red the first, however a configuration calls them. What is unknown has
no part in a share of bands; how much it is stands beside. Intervals draw accounts, all rows of an
account together.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from models.duel import ComparisonSettings, draws, interval, units
from models.health import INDEX, HealthScore
from models.health_floors import TrialSettings, judged
from models.health_profile import UNKNOWN, HealthSettings
from models.metrics import NotSettled, wilson

ALL = "all"
SHARES = {f"{band}_share" for band in ("known", "unknown", "green", "red")}
SHARES |= {"churned_arr_not_green", "all_arr_not_green", "churned_arr_unknown"}

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Trial:
    """What a configuration would have said; frames carry `by` and `slice`, `all` being everyone.

    about: mornings, first, last, rows, accounts, churned (accounts), renewals (weight),
    arr_unknown (rows without a part in money), lead; lead_accounts and lead_churned in the window.
    bands: band, accounts, renewals, share (of all), arr, churn and arr_churn with _low and _high.
    steps: band, better, difference (in churn), low, high, order: in words.
    figures: figure, value, low, high; beside those of the floors red_share, unknown_share,
    all_arr_not_green (of all ARR in the lead window: what chance would catch) and
    churned_arr_unknown (of the churned ARR there).
    floors: figure, rule, limit, value, low, high, met, short (by how much it fails), sure, text.
    """

    about: dict[str, Any]
    bands: pd.DataFrame
    steps: pd.DataFrame
    figures: pd.DataFrame
    floors: pd.DataFrame

    @property
    def passed(self) -> bool:
        """Whether every floor is met; one that cannot be measured is not."""
        return bool(self.floors["met"].all())


def backtest(
    settings: HealthSettings,
    features: pd.DataFrame,
    labels: pd.DataFrame,
    trial: TrialSettings,
    drawing: ComparisonSettings,
    *,
    by: Sequence[str] = ("segment",),
) -> Trial:
    """Replay a configuration over the rows of `labels`, with the features of their mornings.

    `features`: on (account_id, as_of), as HealthScore reads them. `labels`: account_id, as_of,
    outcome (settled, none missing), weight (one a renewal), arr (may be unknown), days_to_due, and
    what `by` names. Whoever fitted the configuration to some of the mornings leaves those out.
    """
    rows = labels.sort_values(INDEX, ignore_index=True)
    unsettled = int(rows["outcome"].isna().sum() + rows.duplicated(INDEX).sum())
    if unsettled or rows.empty:
        raise NotSettled(
            f"{unsettled} of {len(rows)} rows have no outcome or stand there twice: replay settled "
            "observations, each once, and at least one"
        )
    asked = features.reindex(pd.MultiIndex.from_frame(rows[INDEX]))
    band = HealthScore(settings).assess(asked)["health_band"].to_numpy()
    rows = rows.assign(
        band=band,
        churned=rows["outcome"].astype(bool),
        ahead=rows["days_to_due"].between(*trial.lead, inclusive="left").fillna(False),
    )
    names = [each.name for each in settings.bands]
    bands, steps, figures = [], [], []
    for place, some in _slices(rows, by):
        found = _Sums(some, names, drawing)
        bands.append(found.bands().assign(**place))
        steps.append(found.steps().assign(**place))
        figures.append(found.figures().assign(**place))
    every, lead = pd.concat(figures, ignore_index=True), rows[rows["ahead"]]
    about = {
        "mornings": int(rows["as_of"].nunique()),
        "first": str(rows["as_of"].min().date()),
        "last": str(rows["as_of"].max().date()),
        "rows": len(rows),
        "accounts": int(rows["account_id"].nunique()),
        "renewals": float(rows["weight"].sum()),
        "churned": int(rows.loc[rows["churned"], "account_id"].nunique()),
        "arr_unknown": int(rows["arr"].isna().sum()),
        "lead": list(trial.lead),
        "lead_accounts": int(lead["account_id"].nunique()),
        "lead_churned": int(lead.loc[lead["churned"], "account_id"].nunique()),
    }
    floors = judged(every[every["by"].eq(ALL)], trial.floors)
    told = [pd.concat(frames, ignore_index=True) for frames in (bands, steps)]
    return Trial(about, told[0], told[1], every, floors)


def drawn(sums: Floats, drawing: ComparisonSettings) -> Floats:
    """Totals on the data, then on each draw of accounts; `sums`: accounts × what is added up.

    The accounts are put in order of what they hold, so that their names do not move the draws.
    """
    ordered = sums[np.lexsort(sums.T[::-1])]
    unit = units(np.arange(len(ordered)), drawing)
    dealt = np.zeros((int(unit.max(initial=-1)) + 1, sums.shape[1]))
    np.add.at(dealt, unit, ordered)
    return draws(len(dealt), drawing) @ dealt


def _slices(rows: pd.DataFrame, by: Sequence[str]) -> Iterator[tuple[dict[str, str], pd.DataFrame]]:
    yield {"by": ALL, "slice": ALL}, rows
    for column in by:
        for value, some in rows.groupby(rows[column].astype("string").fillna(UNKNOWN), sort=True):
            yield {"by": column, "slice": str(value)}, some


class _Sums:
    """Sums over accounts of one slice, on the data and on every draw of accounts."""

    def __init__(self, rows: pd.DataFrame, names: Sequence[str], drawing: ComparisonSettings):
        self.rows, self.names = rows, [*names, UNKNOWN]
        weight = rows["weight"].to_numpy(dtype=float)
        arr = rows["arr"].to_numpy(dtype=float, na_value=np.nan)
        money = weight * np.nan_to_num(arr)
        lost, ahead = rows["churned"].to_numpy(), rows["ahead"].to_numpy(dtype=bool)
        parts = {"due": weight, "lost": weight * lost, "arr": money, "arr_lost": money * lost}
        parts |= {"ahead": money * ahead, "ahead_lost": money * ahead * lost}
        cells = {
            (kind, band): part * (rows["band"] == band).to_numpy()
            for kind, part in parts.items()
            for band in self.names
        }
        sums = pd.DataFrame(cells).groupby(rows["account_id"].to_numpy()).sum()
        found = drawn(sums.to_numpy(), drawing)
        self.of = {key: found[:, at] for at, key in enumerate(cells)}
        self.none = np.zeros(len(found))
        lost_once = rows.loc[rows["churned"], "account_id"].nunique()
        self.rarer = min(lost_once, rows["account_id"].nunique() - lost_once)

    def over(self, kind: str, bands: Sequence[str]) -> Floats:
        return sum((self.of[kind, band] for band in bands), self.none)

    def rate(self, kind: str, whole: str, band: str) -> Floats:
        return _ratio(self.of[kind, band], self.of[whole, band])

    def bands(self) -> pd.DataFrame:
        found = []
        for band in self.names:
            inside = self.rows[self.rows["band"].eq(band)]
            churn, money = self.rate("lost", "due", band), self.rate("arr_lost", "arr", band)
            accounts = int(inside["account_id"].nunique())
            found.append(
                {
                    "band": band,
                    "accounts": accounts,
                    "churned": int(inside.loc[inside["churned"], "account_id"].nunique()),
                    "renewals": float(inside["weight"].sum()),
                    "share": float(inside["weight"].sum() / self.rows["weight"].sum()),
                    "arr": float(self.of["arr", band][0]),
                    **self._around("churn", churn, inside),
                    **self._around("arr_churn", money, inside),
                }
            )
        return pd.DataFrame(found)

    def _around(self, name: str, rate: Floats, inside: pd.DataFrame) -> dict[str, float]:
        """A rate and its interval; where all accounts ended alike, Wilson's on their number."""
        lost = inside.groupby("account_id")["churned"].max()
        rarer = int(min(lost.sum(), (~lost).sum())) if len(lost) else 0
        low, high = interval(rate, rarer) if rarer > 1 else (np.nan, np.nan)
        if np.isnan(low) and len(lost) and name == "churn":
            low, high = (float(end) for end in wilson(lost.sum(), len(lost)))
        return {name: float(rate[0]), f"{name}_low": low, f"{name}_high": high}

    def steps(self) -> pd.DataFrame:
        found = []
        for band, better in pairwise(self._there()):
            fall = self.rate("lost", "due", band) - self.rate("lost", "due", better)
            low, high = interval(fall, self.rarer)
            order = "in order" if fall[0] > 0 else "not in order"
            sure = "beyond doubt" if low > 0 or high < 0 else "but these data cannot tell"
            found.append(
                {"band": band, "better": better, "difference": float(fall[0])}
                | {"low": low, "high": high, "order": f"{order}, {sure}"}
            )
        columns = ["band", "better", "difference", "low", "high", "order"]
        return pd.DataFrame(found, columns=columns)

    def _there(self) -> list[str]:
        """The bands that someone is in, the worst first."""
        return [band for band in self.names[:-1] if self.of["due", band][0] > 0]

    def figures(self) -> pd.DataFrame:
        known, green, red = self.names[:-1], [self.names[-2]], [self.names[0]]
        others = self.names[:-2]
        green_churn = _ratio(self.over("lost", green), self.over("due", green))
        other_churn = _ratio(self.over("lost", others), self.over("due", others))
        there = self._there()
        falls = [
            self.rate("lost", "due", band) - self.rate("lost", "due", better)
            for band, better in pairwise(there)
        ]
        found = {
            "known_share": _ratio(self.over("due", known), self.over("due", self.names)),
            "unknown_share": _ratio(self.over("due", [UNKNOWN]), self.over("due", self.names)),
            "green_share": _ratio(self.over("due", green), self.over("due", known)),
            "red_share": _ratio(self.over("due", red), self.over("due", known)),
            "churned_arr_not_green": _ratio(
                self.over("ahead_lost", others), self.over("ahead_lost", known)
            ),
            "all_arr_not_green": _ratio(self.over("ahead", others), self.over("ahead", known)),
            "churned_arr_unknown": _ratio(
                self.over("ahead_lost", [UNKNOWN]), self.over("ahead_lost", self.names)
            ),
            "green_to_other_churn": _ratio(green_churn, other_churn),
            "smallest_step": np.min(falls, axis=0) if falls else self.none + np.nan,
        }
        churned = self.rows.loc[self.rows["churned"] & self.rows["ahead"], "account_id"].nunique()
        everyone = int(self.rows["account_id"].nunique())
        accounts = dict.fromkeys(found, everyone) | dict.fromkeys(
            ["green_to_other_churn", "smallest_step"], self.rarer
        )
        accounts |= dict.fromkeys(["churned_arr_not_green", "churned_arr_unknown"], churned)
        rows = []
        for name, values in found.items():
            value, (low, high) = float(values[0]), interval(values, accounts[name])
            if name in SHARES and value in (0, 1):  # draws of accounts never leave the edge
                low, high = (float(end) for end in wilson(value * accounts[name], accounts[name]))
            rows.append({"figure": name, "value": value, "low": low, "high": high + 0.0})
        return pd.DataFrame(rows)


def _ratio(top: Floats, bottom: Floats) -> Floats:
    """NaN where there is nothing to be a part of."""
    return np.divide(top, bottom, out=np.full(np.shape(top), np.nan), where=bottom > 1e-12)
