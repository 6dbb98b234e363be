"""The rows of the billing system as they are signed and closed: what the contracts leave behind."""

from __future__ import annotations

import numpy as np
import pandas as pd

from simulation.accounts import Accounts
from simulation.clock import DAY, Clock
from simulation.family import Family

NEVER = np.iinfo("int64").max  # a day or an instant that does not come
CORRECTED_WITHIN = 12  # days
OPENING_HOURS = (8 * 3600, 19 * 3600)


class Papers:
    """An append-only list of contract rows; closing one fills what was left open."""

    def __init__(self) -> None:
        self._opened: list[dict[str, np.ndarray]] = []
        self._closed: list[dict[str, np.ndarray]] = []
        self._size = 0

    def sign(self, **columns: np.ndarray) -> np.ndarray:
        """Write new rows; returns their numbers."""
        self._opened.append(columns)
        rows = self._size + np.arange(len(columns["account"]))
        self._size += len(rows)
        return rows

    def close(
        self,
        rows: np.ndarray,
        ended: np.ndarray,
        recorded: np.ndarray,
        notice: np.ndarray | None = None,
    ) -> None:
        """End rows on a day, recorded at an instant (seconds), perhaps with the day of notice."""
        silent = np.full(len(rows), NEVER)
        columns = {"row": rows, "ended_at": ended, "closed_at": recorded}
        self._closed.append(columns | {"notice_at": silent if notice is None else notice})

    def rows(self) -> pd.DataFrame:
        """Every row in the order of signing, with its end, or `NEVER`."""
        opened, closed = stacked(self._opened), stacked(self._closed).set_index("row")
        return pd.concat([opened, closed.reindex(opened.index, fill_value=NEVER)], axis=1)


def stacked(parts: list[dict[str, np.ndarray]]) -> pd.DataFrame:
    """One frame of many small ones with the same columns."""
    return pd.DataFrame({name: np.concatenate([part[name] for part in parts]) for name in parts[0]})


def instants(rng: np.random.Generator, days: np.ndarray) -> np.ndarray:
    """A moment within office hours on each of the days, in seconds since 1970-01-01."""
    return days * DAY + rng.integers(*OPENING_HOURS, len(days))


def day_or_missing(days: pd.Series) -> pd.Series:
    """Day numbers as dates; `NEVER` as missing."""
    return pd.to_datetime(days.where(days < NEVER), unit="D")


def subscriptions(
    rng: np.random.Generator,
    family: Family,
    accounts: Accounts,
    rows: pd.DataFrame,
    clock: Clock,
) -> pd.DataFrame:
    """The table `subscriptions`, in versions, as it stood when the window ended.

    A row is first recorded when it is booked, sometimes late, sometimes with an error that is
    corrected days later; it is recorded again when notice is given, or when it ends.
    """
    rows = rows.assign(recorded_at=rows.booked_second + 60)
    late = rng.random(len(rows)) < family.late_share
    delay = rng.integers(2, 16, len(rows)) * DAY
    room = rows.closed_at - rows.recorded_at > 40 * DAY
    rows.loc[late & room, "recorded_at"] += delay[late & room]
    wrong = (rng.random(len(rows)) < 3 * family.corrected_share) & room
    mended = rng.integers(1, CORRECTED_WITHIN, len(rows)) * DAY
    slip = rng.choice([0.9, 1.1, 10.0], len(rows), p=[0.45, 0.45, 0.1])

    first = rows.assign(ended_at=NEVER, notice_at=NEVER)
    first["arr"] = np.where(wrong, (first.arr * slip).round(2), first.arr)
    correction = rows[wrong].assign(ended_at=NEVER, notice_at=NEVER)
    correction["recorded_at"] += mended[wrong]
    last = rows[rows.closed_at < NEVER]
    last = last.assign(recorded_at=last.closed_at)
    last["auto_renew"] = last.auto_renew & (last.notice_at == NEVER)
    unfounded = (last.ended_at >= clock.until) & (last.notice_at == NEVER)

    versions = pd.concat([first, correction, last[~unfounded]])
    versions = versions[versions.recorded_at < clock.until * DAY]
    versions = versions.sort_values(["recorded_at"], kind="stable")
    return pd.DataFrame(
        {
            "subscription_id": [f"sub_{row + 1:06d}" for row in versions.index],
            "account_id": accounts.account_id[versions.account.astype(int)],
            "start_date": day_or_missing(versions.start_date),
            "term_end": day_or_missing(versions.term_end),
            "ended_at": day_or_missing(versions.ended_at),
            "arr": versions.arr.map("{:.2f}".format),
            "notice_at": day_or_missing(versions.notice_at),
            "booked_at": pd.to_datetime(versions.booked_second // DAY, unit="D"),
            "product": versions["product"],
            "plan": versions.plan,
            "seats": versions.seats,
            "discount": versions.discount.map("{:.4f}".format),
            "auto_renew": np.where(versions.auto_renew, "true", "false"),
            "currency": "EUR",
            "recorded_at": pd.to_datetime(versions.recorded_at, unit="s"),
        }
    ).reset_index(drop=True)
