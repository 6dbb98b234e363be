"""The same year under other definitions: how the rates move, and who is the better scorer.

A definition has a grace (for how many days a late renewal still counts as renewed), a unit (logos
or ARR), and may leave out objective downsell: contractions by seats alone, at the old price for
each seat. Every definition is shown on what all of them have settled. Who is better at finding
churn does not hang on downsell: the scorers are ordered by grace and unit.

With or without involuntary churn is no switch: the tables hold no reason for an end. An end without
notice may be a card that was declined as well as a customer who said nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta
from functools import reduce
from pathlib import Path

import numpy as np
import pandas as pd
from duckdb import DuckDBPyConnection

from features import contracts
from models import duel
from models.book import Period, book, described
from models.comparison import INDEX
from models.duel import ComparisonSettings
from models.rates import RatesSettings, book_rates, due_rates
from models.standing import RENEWAL, Standing
from models.target import ROUNDING

INVOLUNTARY = (
    "Involuntary churn (a failed payment, a business that closed) is not told apart: the tables "
    "hold no reason for an end, and an end without notice may be either."
)
UNITS = {"logos": "auc", "arr": "arr_caught"}
"""What a scorer is ranked by in each unit."""
LEAST_HEARD = 0.5  # of the rows: a scorer that says less has no place in the order


def settled_year(data_from: date, data_until: date, wait: int) -> Period:
    """The newest year of due dates of which every end is known on `data_until`, `wait` days later.

    >>> settled_year(date(2023, 1, 1), date(2026, 1, 1), 31).period
    '2024-12-01 to 2025-12-01'
    """
    after = data_until - timedelta(wait)
    first = max(data_from, (pd.Timestamp(after) - pd.DateOffset(years=1)).date())
    return Period(f"{first} to {after}", first, after)


def rates(
    con: DuckDBPyConnection,
    facts: Path,
    grace: int,
    period: Period,
    *,
    by: date,
    settings: RatesSettings,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The rates of what fell due in a period, and of its book, with and without objective downsell.

    The first frame has the columns of models.rates.due_rates (contracts and month to month apart),
    the second those of book_rates, each after grace and objective_downsell (whether it counts).
    """
    known = contracts.renewals(con, facts, [by], grace=grace, until_days=1).df()
    first, after = pd.Timestamp(period.first), pd.Timestamp(period.after)
    inside = known["due_date"].between(first, after, inclusive="left")
    due = known[inside].assign(period=period.period)
    same = _by_seats(con, facts, known, by=by, grace=grace)[inside]
    customers = book(con, facts, [period], by=by, grace=grace, sizes=settings.sizes)
    fewer = by_seats_alone(customers, "start", "end")
    found_due, found_book = [], []
    for counts in (True, False):
        told = {"grace": grace, "objective_downsell": counts}
        left, held = same & (not counts), fewer & (not counts)
        renewed = due["arr_renewed"].mask(left, due["arr_due"])
        decisions = due.assign(status=due["status"].mask(left, "renewed"), arr_renewed=renewed)
        paying = customers.assign(arr_end=customers["arr_end"].mask(held, customers["arr_start"]))
        found_due.append(_told(told, due_rates(decisions, settings)))
        found_book.append(_told(told, book_rates(paying, settings)))
    return pd.concat(found_due, ignore_index=True), pd.concat(found_book, ignore_index=True)


def by_seats_alone(rows: pd.DataFrame, before: str, then: str) -> pd.Series:
    """Whether an account pays less for fewer seats, and no less for each.

    `rows`: arr_<before>, seats_<before>, arr_<then>, seats_<then>. Who has left, or whose seats are
    unknown, has not.

    >>> by_seats_alone(pd.DataFrame({"arr_was": [100.0] * 4, "seats_was": [10, 10, 10, None],
    ...     "arr_is": [80, 80, 99.5, 80], "seats_is": [8, 9, 10, 8]}), "was", "is").tolist()
    [True, False, False, False]
    """
    arr, seats = rows[f"arr_{before}"].astype(float), rows[f"seats_{before}"].astype(float)
    new_arr, new_seats = rows[f"arr_{then}"].astype(float), rows[f"seats_{then}"].astype(float)
    least = 1 - float(ROUNDING)
    fewer = (new_arr < arr) & (new_seats < seats) & (new_seats > 0)
    return fewer & (new_arr * seats >= least * arr * new_seats)


def _by_seats(
    con: DuckDBPyConnection, facts: Path, known: pd.DataFrame, *, by: date, grace: int
) -> pd.Series:
    """Which renewals contracted by seats alone, between the due date and the day the end is read
    (design, 3a.6): the last of the grace, or the last before the next due date or the loss."""
    rows = known.sort_values(RENEWAL)
    day = pd.Timedelta(days=1)
    next_due = rows.groupby("account_id")["due_date"].shift(-1)
    ends = [rows["due_date"] + grace * day, next_due - day, rows["lost_at"] - day]
    reading = pd.concat(ends, axis=1).min(axis=1)
    shrunk = rows.assign(read=reading + day)[rows["status"].eq("contracted")]
    was = described(con, facts, shrunk, "due_date", by=by, grace=grace)
    now = described(con, facts, shrunk, "read", by=by, grace=grace)
    columns = ["arr", "seats"]
    both = was[columns].add_suffix("_was").join(now[columns].add_suffix("_is"))
    return by_seats_alone(both, "was", "is").reindex(known.index, fill_value=False)


def orders(
    standings: Mapping[int, Standing], settings: ComparisonSettings, share: float
) -> pd.DataFrame:
    """The scorers from best to worst in each unit, by days of grace.

    `standings`: the same predictions with their outcomes under each grace. Only what is settled
    under all of them counts, and of that only where every scorer speaks that does so on half of it
    or more. Columns: grace, unit, place (1 is best), scorer, metric, value with _low and _high,
    next (whether it is better than the one that follows, or cannot tell; empty for the last), rows,
    renewals (weight), churned (accounts), left_out (rows), unscored.
    """
    indexed = {grace: of.rows.set_index(INDEX) for grace, of in sorted(standings.items())}
    shared = reduce(pd.MultiIndex.intersection, (rows.index for rows in indexed.values()))
    newest = standings[max(standings)]
    scores = newest.scores.set_axis(indexed[max(standings)].index).loc[shared.sort_values()]
    heard = [name for name in scores if scores[name].notna().mean() >= LEAST_HEARD]
    scores = scores.loc[scores[heard].notna().all(axis=1), heard]
    longest = max(len(rows) for rows in indexed.values())
    told = {
        "rows": len(scores),
        "left_out": longest - len(scores),
        "unscored": ", ".join(str(name) for name in newest.scores if name not in heard),
    }
    return pd.DataFrame(
        [
            {"grace": grace} | row | told
            for grace, rows in indexed.items()
            for row in _order(rows.loc[scores.index].reset_index(), scores, settings, share)
        ]
    )


def _order(
    rows: pd.DataFrame, scores: pd.DataFrame, settings: ComparisonSettings, share: float
) -> list[dict[str, object]]:
    lost = rows.loc[rows["outcome"].astype(bool), "account_id"].nunique()
    rarer = min(lost, rows.loc[~rows["outcome"].astype(bool), "account_id"].nunique())
    accounts, names = pd.factorize(rows["account_id"], sort=True)
    units = duel.units(accounts.astype(np.intp), settings)
    drawn = duel.draws(int(units.max(initial=-1)) + 1, settings)
    rules: dict[str, duel.Kind] = dict.fromkeys(map(str, scores), "rule")
    figures = duel.figures(rows, scores, rules, drawn, units, share) if rarer else {}
    found: list[dict[str, object]] = []
    for unit, metric in UNITS.items():
        values = {name: metrics[metric] for name, metrics in figures.items()}
        best = sorted(values, key=lambda name: (-np.nan_to_num(values[name][0], nan=-1.0), name))
        for place, (name, follows) in enumerate(zip(best, [*best[1:], ""], strict=False), start=1):
            low, high = duel.interval(values[name], rarer)
            sure = follows and duel.interval(values[name] - values[follows], rarer)[0] > duel.SAME
            word = duel.BETTER if sure and rarer >= settings.min_outcomes else duel.CANNOT_TELL
            found.append(
                {"unit": unit, "place": place, "scorer": name, "metric": metric}
                | {"value": float(values[name][0]), "value_low": low, "value_high": high}
                | {"next": word if follows else "", "churned": lost}
                | {"renewals": float(rows["weight"].sum())}
            )
    return found


def _told(told: Mapping[str, object], frame: pd.DataFrame) -> pd.DataFrame:
    return pd.concat([pd.DataFrame([told] * len(frame), index=frame.index), frame], axis=1)
