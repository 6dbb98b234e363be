"""The honesty gate: before a model is accepted, its rows and columns are probed for leaks.

Structure makes most leaks impossible: a feature never sees the future, mornings are shared, an
unsettled row has no label. The gate asks the data whether it is so, and finds what structure cannot
see: a source that overwrites its past. Each probe measures a figure against a limit that honest
data do not reach; `params.yaml` states where the limits come from.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from models import echoes, encoded, schedule
from models.evidence import Evidence, GateSettings, arrange
from models.separation import is_text, numbers
from models.twins import twins

INDEX = ["account_id", "as_of"]
SAME = 1e-9

Rebuild = Callable[[pd.DataFrame], pd.DataFrame]
"""Observations (account_id, as_of) -> their features on that index, from facts cut to what was
known before each morning."""


class LeakFound(RuntimeError):
    """A model would be learnt from what could not be known; every piece of evidence is named."""


@dataclass(frozen=True)
class Probed:
    """What every probe measured, the most telling first."""

    measured: tuple[Evidence, ...]

    @property
    def evidence(self) -> tuple[Evidence, ...]:
        """What was found."""
        return tuple(one for one in self.measured if one.found)

    @property
    def closest(self) -> tuple[Evidence, ...]:
        """Of each probe the measure that came closest to its limit, found or not."""
        return tuple({one.probe: one for one in reversed(self.measured)}.values())[::-1]

    def to_dict(self) -> dict[str, Any]:
        """For JSON: `passed`, `evidence`, `closest`, and how many measures each probe took."""
        taken = pd.Series([one.probe for one in self.measured], dtype=str).value_counts(sort=False)
        return {
            "passed": not self.evidence,
            "evidence": [asdict(one) for one in self.evidence],
            "closest": [
                {key: value for key, value in asdict(one).items() if key != "sentence"}
                for one in self.closest
            ],
            "measures": {probe: int(count) for probe, count in sorted(taken.items())},
        }

    def accept(self, target: str) -> None:
        """Raises LeakFound with every sentence if anything was found."""
        if self.evidence:
            said = "\n".join(f"- {one.probe}: {one.sentence}." for one in self.evidence)
            raise LeakFound(
                f"{target}: the rows to learn from leak, and no model is trained:\n{said}\n"
                "A column that is honest all the same can be let pass by name and with the reason "
                "in gate.accepted of params.yaml"
            )


def probe(
    features: pd.DataFrame,
    rows: pd.DataFrame,
    earlier: pd.DataFrame,
    observations: pd.DataFrame,
    asked: pd.DataFrame,
    *,
    by: pd.Timestamp,
    gap_days: int,
    leads: Sequence[int],
    settings: GateSettings,
    rebuild: Rebuild | None = None,
) -> Probed:
    """Every probe on the rows of one target.

    `features` is indexed (account_id, as_of). `rows` are those to learn from at the last cutoff
    `by` (account_id, as_of, outcome, weight, days_to_due), `earlier` those at the cutoff before
    the held-out mornings. `observations` are all customers of all mornings (account_id, as_of,
    decided, days_observed), `asked` those of which a row is due: settled, eligible, undecided.
    `gap_days`: from a morning until its outcome is settled; `leads`: edges of the lead bands.
    """
    ever = rows.groupby("account_id")["outcome"].max().astype(bool)
    measured = [
        schedule.unsettled(rows, by, gap_days),
        schedule.decided(rows, observations, settings),
        schedule.unasked(rows, asked, settings),
        schedule.mornings(observations, ever, settings),
        twins(features, settings),
    ]
    if rebuild is not None:
        measured += rebuilt(features, rows, settings, rebuild)
    told, before = (arrange(features, part, leads) for part in (rows, earlier))
    later = arrange(features, rows[~_index(rows).isin(_index(earlier))], leads)
    for column in map(str, features.columns):
        measured += [
            *echoes.too_good(column, told, settings),
            *echoes.echo(column, told, settings),
            *encoded.same_value(column, told, settings),
            *encoded.encoded(column, told, settings, "rows"),
            *encoded.encoded(column, before, settings, "earlier rows"),
            *encoded.fading(column, before, later, settings),
        ]
    known = [_plain(one, settings) for one in measured]
    return Probed(tuple(sorted(known, key=_order)))


def rebuilt(
    features: pd.DataFrame, rows: pd.DataFrame, settings: GateSettings, rebuild: Rebuild
) -> list[Evidence]:
    """Each column against the same one built again from what was known before each morning, on some
    mornings evenly over all: `rebuild` gives the features of the rows that are asked of it."""
    days = np.sort(rows["as_of"].unique())
    chosen = days[np.linspace(0, len(days) - 1, min(settings.rebuilt, len(days))).astype(int)]
    sample = rows.loc[rows["as_of"].isin(chosen), INDEX]
    again = rebuild(sample)
    stored = features.reindex(pd.MultiIndex.from_frame(sample))
    fresh = again.reindex(stored.index)
    found = []
    for column in map(str, features.columns.intersection(again.columns)):
        if is_text(stored[column]) or is_text(fresh[column]):
            same = stored[column].eq(fresh[column]) | (stored[column].isna() & fresh[column].isna())
        else:
            was, now = numbers(stored[column]), numbers(fresh[column])
            same = np.isclose(was, now, rtol=SAME, atol=SAME, equal_nan=True)
        other = float(1 - np.mean(same))
        found.append(
            Evidence(
                "future values",
                column,
                other,
                0.0,
                other > 0,
                f"{column} differs in {other:.0%} of {len(sample)} rows from the same feature "
                "built from what was known before the morning. Build features with "
                "features.feature.build and nothing else",
            )
        )
    return found


def _plain(one: Evidence, settings: GateSettings) -> Evidence:
    """Plain numbers; an accepted column is not found."""
    reason = settings.accepted.get(one.column or "")
    said = f"{one.sentence} (accepted: {reason})" if one.found and reason else one.sentence
    found = bool(one.found) and not reason
    return replace(
        one, figure=float(one.figure), limit=float(one.limit), found=found, sentence=said
    )


def _order(one: Evidence) -> tuple[bool, float, str, str]:
    """What was found first, then what came closest to its limit."""
    near = one.figure / one.limit if one.limit else one.figure
    return not one.found, -near, one.probe, one.column or ""


def _index(rows: pd.DataFrame) -> pd.MultiIndex:
    return pd.MultiIndex.from_frame(rows[INDEX])
