"""Whether the rows were asked, settled and undecided as they should: on mornings that all share."""

from __future__ import annotations

import numpy as np
import pandas as pd

from models.evidence import Evidence, GateSettings

INDEX = ["account_id", "as_of"]


def unsettled(rows: pd.DataFrame, by: pd.Timestamp, gap_days: int) -> Evidence:
    """Rows whose outcome cannot be known yet: `gap_days` after the morning lie beyond `by`."""
    late = rows["as_of"] + pd.Timedelta(days=gap_days) > by
    return Evidence(
        "unsettled rows",
        None,
        float(late.mean()),
        0.0,
        bool(late.any()),
        f"{late.sum()} of {len(rows)} rows ({_classes(late, rows['outcome'])}) are told an outcome "
        f"before they are settled on {by:%Y-%m-%d}: only early losses are known then. Label them "
        "again, by the cutoff",
    )


def decided(rows: pd.DataFrame, observations: pd.DataFrame, settings: GateSettings) -> Evidence:
    """Rows whose decision was known on the morning: notice given, or already renewed.

    Of an account with several contracts one may be decided while another is not: a few are honest.
    """
    known = observations.set_index(INDEX)["decided"]
    told = known.reindex(pd.MultiIndex.from_frame(rows[INDEX])).notna().to_numpy()
    outcome = rows["outcome"].to_numpy(dtype=bool)
    figure = max(float(told[part].mean()) for part in (outcome, ~outcome) if part.any())
    return Evidence(
        "decided rows",
        None,
        figure,
        settings.missed,
        figure > settings.missed,
        f"{told.sum()} of {len(rows)} rows ({_classes(told, rows['outcome'])}) were decided on "
        "their morning, by notice or a booked renewal: what is known need not be predicted. "
        "Leave them out",
    )


def unasked(rows: pd.DataFrame, asked: pd.DataFrame, settings: GateSettings) -> Evidence:
    """Rows that should be there and are not, by class: `asked` are the settled, undecided
    observations of the target. A row that is not there belongs to the class of the account's row
    nearest in time; accounts of which no row is told have no part."""
    told = rows[[*INDEX, "outcome"]].sort_values("as_of")
    near = pd.merge_asof(
        asked[INDEX].sort_values("as_of"), told, on="as_of", by="account_id", direction="nearest"
    ).dropna(subset="outcome")
    gone = ~pd.MultiIndex.from_frame(near[INDEX]).isin(pd.MultiIndex.from_frame(rows[INDEX]))
    lost = near["outcome"].to_numpy(dtype=bool)
    shares = [float(gone[part].mean()) if part.any() else 0.0 for part in (lost, ~lost)]
    figure, limit = abs(shares[0] - shares[1]), 5 * settings.missed
    return Evidence(
        "rows left out by class",
        None,
        figure,
        limit,
        figure > limit,
        f"of the mornings on which an account was asked about, {shares[0]:.0%} are left out next "
        f"to a row with the outcome and {shares[1]:.0%} elsewhere: which rows are told depends on "
        "what happened. Tell every settled, undecided row",
    )


def mornings(observations: pd.DataFrame, outcome: pd.Series, settings: GateSettings) -> Evidence:
    """Customers who were not asked on a morning of the calendar that all should share.

    The calendar is every morning on which anyone was asked. From its last morning an account was a
    customer in the data for `days_observed` before: it should have been asked on each morning of
    them. `outcome`: by account, whether it ever had the outcome.
    """
    calendar = np.sort(observations["as_of"].unique())
    last = observations.sort_values("as_of").groupby("account_id").tail(1).set_index("account_id")
    first = last["as_of"] - pd.to_timedelta(last["days_observed"], unit="D")
    expected = np.searchsorted(calendar, last["as_of"], side="right") - np.searchsorted(
        calendar, first, side="right"
    )
    recent = observations["as_of"] > observations["account_id"].map(first)
    there = recent.groupby(observations["account_id"]).sum().reindex(last.index)
    due = pd.Series(expected, last.index)
    missed = (due - there).clip(lower=0)
    figure = float(missed.sum() / max(due.sum(), 1))
    known = outcome.reindex(last.index)
    by_class = [
        float(missed[known.eq(which)].sum() / max(due[known.eq(which)].sum(), 1))
        for which in (True, False)
    ]
    return Evidence(
        "mornings not shared",
        None,
        figure,
        settings.missed,
        figure > settings.missed,
        f"customers miss {figure:.0%} of the mornings on which others are asked "
        f"({by_class[0]:.0%} where the outcome came, {by_class[1]:.0%} elsewhere): the day of a "
        "question tells the answer. Ask every customer on every morning",
    )


def _classes(which: np.ndarray | pd.Series, outcome: pd.Series) -> str:
    chosen = outcome.to_numpy(dtype=bool)[np.asarray(which)]
    return f"{chosen.sum()} with the outcome"
