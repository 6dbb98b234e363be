"""The loop over mornings that a data scientist writes: filter the events, group by account.

The same features as `benchmarks.naive`, with equal values, in pandas alone; the small tables are
left out of both. Ids are read as categories, without which the groupings take several times longer.
"""

from __future__ import annotations

from pathlib import Path

import pandas as pd

LONGEST = 182
WINDOWS = {"7d": (0, 7), "28d": (0, 28), "91d": (0, 91), "before 28d": (28, 56),
           "before 91d": (91, 182)}  # fmt: skip
TRENDS = {"events": 28, "active_days": 28, "minutes": 28, "active_users": 28}


def pandas_loop(tables: Path, observations: Path, out: Path | None = None) -> pd.DataFrame:
    """The usage features of all observations, sorted by as_of and account_id; written to `out`."""
    usage = read_usage(tables)
    asked = pd.read_parquet(observations).sort_values(["as_of", "account_id"])
    mornings = [on_morning(usage, rows, as_of) for as_of, rows in asked.groupby("as_of")]
    frame = pd.concat(mornings, ignore_index=True)
    if out is not None:
        frame.to_parquet(out, index=False)
    return frame


def read_usage(tables: Path) -> pd.DataFrame:
    """The events in the order of time, with their days, and whether their feature is key."""
    usage = pd.read_parquet(tables / "usage").sort_values("occurred_at", ignore_index=True)
    catalogue = pd.read_parquet(tables / "product_features.parquet")
    usage["day"] = usage["occurred_at"].dt.normalize()
    usage["is_key"] = usage["feature"].isin(catalogue.loc[catalogue["is_key"], "feature"])
    usage.attrs["keys"] = int(catalogue["is_key"].sum())
    text = ["account_id", "feature", "user_id", "department"]
    return usage.astype(dict.fromkeys(text, "category"))


def on_morning(usage: pd.DataFrame, asked: pd.DataFrame, as_of: pd.Timestamp) -> pd.DataFrame:
    """The features of the accounts asked about on one morning."""
    end = usage["occurred_at"].searchsorted(as_of)
    begin = usage["occurred_at"].searchsorted(as_of - pd.Timedelta(days=LONGEST))
    last = usage["day"].iloc[:end].groupby(usage["account_id"].iloc[:end], observed=True).max()
    past = usage.iloc[begin:end]
    past = past.assign(age=(as_of - past["day"]).dt.days)
    found = asked.set_index("account_id")[["days_observed", "industry"]]
    lived = found["days_observed"]
    columns = {"days_since_use": (as_of - last).dt.days.reindex(found.index)}

    def count(name: str, values: pd.Series | None, *needed: tuple[int, int]) -> None:
        """A column that is 0 without rows, and missing if nobody has any in a window needed."""
        there = all(past["age"].between(newest + 1, oldest).any() for newest, oldest in needed)
        filled = values.reindex(found.index).fillna(0) if there and values is not None else None
        columns[name] = filled if filled is not None else pd.Series(float("nan"), found.index)

    for name, (newest, oldest) in WINDOWS.items():
        rows = past[past["age"].between(newest + 1, oldest)]
        by = rows.groupby("account_id", observed=True)
        for measure, values in (
            ("events", by.size()),
            ("minutes", by["minutes"].sum()),
            ("active_days", by["age"].nunique()),
            ("active_users", by["user_id"].nunique()),
        ):
            count(f"{measure}_{name}", values, (newest, oldest))
        if name in ("28d", "91d"):
            weeks = ((rows["age"] - 1) // 7).groupby(rows["account_id"], observed=True).nunique()
            count(f"active_weeks_{name}", weeks, (0, oldest))
            someone = rows[rows["user_id"].notna()].groupby("account_id", observed=True)
            count(f"active_departments_{name}", someone["department"].nunique(), (0, oldest))
            count(f"features_used_{name}", by["feature"].nunique(), (0, oldest))
            key = rows[rows["is_key"]].groupby("account_id", observed=True)["feature"].nunique()
            count(f"key_features_used_{name}", key, (0, oldest))
    for block in range(6):
        rows = past[past["age"].between(28 * block + 1, 28 * block + 28)]
        days = rows.groupby("account_id", observed=True)["age"].nunique()
        count(f"active_days_in_{block + 1}", days, (28 * block, 28 * block + 28))

    for unit, old, new, recent, longer in (
        ("user_id", "new_users_28d", "lost_users_28d", 28, 91),
        ("department", "new_departments_91d", "lost_departments_91d", 91, 182),
        ("feature", "adopted_features_28d", "dropped_features_28d", 28, 91),
    ):
        known = past if unit == "feature" else past[past["user_id"].notna()]
        ages = known.groupby(["account_id", unit], observed=True)["age"].agg(["min", "max"])
        of = ages.index.get_level_values("account_id")
        first = (ages["max"] <= recent).groupby(of, observed=True).sum()
        gone = ages["min"].between(recent + 1, longer).groupby(of, observed=True).sum()
        count(old, first, (0, recent), (recent, LONGEST))
        count(new, gone, (0, recent), (recent, longer))

    month = past[past["age"] <= 28]
    by_user = month.groupby(["account_id", "user_id"], observed=True).size()
    by_feature = month.groupby(["account_id", "feature"], observed=True).size()
    columns["busiest_user_share_28d"] = _share(by_user).groupby(level=0, observed=True).max()
    squares = (_share(by_feature) ** 2).groupby(level=0, observed=True).sum()
    columns["feature_evenness_28d"] = 1 - squares
    quarter = past.loc[past["age"] <= 91, ["account_id", "age"]].drop_duplicates()
    quarter = quarter.sort_values(["account_id", "age"])
    gap = quarter["age"] - quarter.groupby("account_id", observed=True)["age"].shift(fill_value=0)
    longest = gap.groupby(quarter["account_id"], observed=True).max().reindex(found.index)
    oldest = quarter.groupby("account_id", observed=True)["age"].max().reindex(found.index)
    begun = lived.clip(upper=91) - oldest.fillna(0)
    columns["longest_gap_91d"] = pd.concat([longest, begun], axis=1).max(axis=1)

    frame = pd.DataFrame(columns, index=found.index)
    for measure, days in [*TRENDS.items(), ("events", 91)]:
        before = frame[f"{measure}_before {days}d"]
        ratio = frame[f"{measure}_{days}d"] / before.where(before > 0)
        frame[f"{measure}_trend_{days}d"] = ratio.where(lived >= 2 * days)
    blocks = frame[[f"active_days_in_{block}" for block in range(1, 7)]]
    total = blocks.sum(axis=1, skipna=False)
    below = blocks.mul(12).lt(total, axis=0).sum(axis=1)
    frame["months_below_own_half"] = below.where((lived >= 168) & (total > 0))
    users, days = frame["active_users_28d"], frame["active_days_28d"]
    frame["events_per_user_28d"] = frame["events_28d"] / users.where(users > 0)
    frame["events_per_active_day_28d"] = frame["events_28d"] / days.where(days > 0)
    frame["key_feature_share_28d"] = frame["key_features_used_28d"] / usage.attrs["keys"]
    peers = users.groupby(found["industry"])
    rank = (peers.rank(method="min") - 1) / (peers.transform("count") - 1)
    frame["active_users_28d_in_industry"] = rank.where(peers.transform("count") >= 20)
    frame = frame.drop(columns=[name for name in frame if "before" in name])
    return frame.astype("float64").reset_index().assign(as_of=as_of)


def _share(counts: pd.Series) -> pd.Series:
    """Each unit's part of its account's events."""
    return counts / counts.groupby(level=0, observed=True).transform("sum")
