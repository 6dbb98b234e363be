"""Leaks as they happen, planted one at a time into what a model is told of a simulated company."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from models.target import weights

INDEX = ["account_id", "as_of"]
Draw = np.random.Generator


@dataclass(frozen=True)
class Case:
    """What the gate is shown of one target. `labels`: all of them, settled or not; `rows`: those
    to learn from, `earlier` those at the cutoff before the held-out mornings."""

    features: pd.DataFrame
    labels: pd.DataFrame
    rows: pd.DataFrame
    earlier: pd.DataFrame
    observations: pd.DataFrame
    asked: pd.DataFrame


@dataclass(frozen=True)
class Leak:
    """`plant` puts it in; `outside`: the features were made outside the engine, so that building
    them again gives the honest ones. All others are in the source, and survive a rebuild. `lost`:
    it tells who leaves, and is no leak of another outcome."""

    name: str
    plant: Callable[[Case, Draw], Case]
    outside: bool
    lost: bool

    @property
    def meaning(self) -> str:
        """The first line of the docstring."""
        return (self.plant.__doc__ or "").strip().splitlines()[0].rstrip(".")


LEAKS: list[Leak] = []


def leak(
    outside: bool = False, lost: bool = False
) -> Callable[[Callable[[Case, Draw], Case]], object]:
    """List a function as a leak of the catalogue."""

    def listed(plant: Callable[[Case, Draw], Case]) -> object:
        LEAKS.append(Leak(plant.__name__.replace("_", " "), plant, outside, lost))
        return plant

    return listed


def outcome(case: Case) -> np.ndarray:
    """Of each row of features: 1 the outcome, 0 none, NaN where it is not told."""
    told = case.rows.set_index(INDEX)["outcome"].astype(float)
    return told.reindex(case.features.index).to_numpy()


def column(case: Case, values: object, name: str = "planted") -> Case:
    """The same with a column more, or another one."""
    return replace(case, features=case.features.assign(**{name: values}))


def accounts(case: Case) -> np.ndarray:
    """The account of each row of features, as a number."""
    return pd.factorize(case.features.index.get_level_values("account_id"))[0]


def by_account(case: Case, draw: Draw, share: float) -> np.ndarray:
    """Whether a row's account is one of a drawn share of them."""
    codes = accounts(case)
    return (draw.random(codes.max() + 1) < share)[codes]


def flag(case: Case, draw: Draw, lost: float, kept: float) -> np.ndarray:
    """1 in these shares of the accounts with and without the outcome, else 0."""
    y = outcome(case)
    return np.where(y == 1, by_account(case, draw, lost), by_account(case, draw, kept)).astype(
        float
    )


@leak()
def the_label_itself(case: Case, draw: Draw) -> Case:
    """The outcome under another name."""
    return column(case, np.nan_to_num(outcome(case)))


@leak()
def the_label_with_noise(case: Case, draw: Draw) -> Case:
    """The outcome with normal noise of 0.4."""
    return column(case, np.nan_to_num(outcome(case)) + draw.normal(0, 0.4, len(case.features)))


@leak()
def the_label_in_a_third(case: Case, draw: Draw) -> Case:
    """A flag set for a third of the accounts with the outcome, and for nobody else."""
    return column(case, flag(case, draw, 0.33, 0))


@leak()
def exit_survey(case: Case, draw: Draw) -> Case:
    """A score that exists only where the outcome came: missing for all others."""
    score = draw.integers(0, 11, len(case.features)).astype(float)
    return column(case, np.where(outcome(case) == 1, score, np.nan))


@leak()
def exit_survey_answered_by_some(case: Case, draw: Draw) -> Case:
    """The same, answered by half, and by 1 % of the others."""
    score = draw.integers(0, 11, len(case.features)).astype(float)
    return column(case, np.where(flag(case, draw, 0.5, 0.01) == 1, score, np.nan))


@leak()
def days_to_the_end(case: Case, draw: Draw) -> Case:
    """Days until the outcome, a year and more without one, with three weeks of noise."""
    days = case.rows.set_index(INDEX)["days_to_due"].astype(float)
    near = days.reindex(case.features.index).fillna(60).to_numpy()
    far = draw.uniform(150, 500, len(near))
    return column(case, np.where(outcome(case) == 1, near, far) + draw.normal(0, 21, len(near)))


@leak()
def tickets_of_cancellation(case: Case, draw: Draw) -> Case:
    """Tickets re-filed as cancellation after the fact: for half the accounts that left."""
    filed = flag(case, draw, 0.5, 0.01) * (1 + draw.poisson(0.5, len(case.features)))
    return column(case, filed, "cancellation_tickets_91d")


@leak()
def seats_overwritten(case: Case, draw: Draw) -> Case:
    """Seats set to zero by the cancellation, for the past too, in 60 % of them."""
    gone = flag(case, draw, 0.6, 0) == 1
    return column(case, case.features["seats"].mask(gone, 0), "seats")


@leak()
def renewal_switched_off(case: Case, draw: Draw) -> Case:
    """A flag that the source overwrites at the cancellation: off for 85 % and for 5 % of others."""
    return column(case, 1 - flag(case, draw, 0.85, 0.05), "auto_renew")


@leak()
def segment_of_the_lost(case: Case, draw: Draw) -> Case:
    """Today's segment: accounts that left are filed under `Former`, two in five of them."""
    names = draw.choice(["SMB", "Mid-Market", "Enterprise"], len(case.features))
    return column(case, np.where(flag(case, draw, 0.4, 0) == 1, "Former", names), "segment")


@leak()
def code_in_the_middle(case: Case, draw: Draw) -> Case:
    """A status code 0 to 9 of which one in the middle means gone, for 40 %."""
    codes = draw.choice([0, 1, 2, 3, 4, 6, 7, 8, 9], len(case.features)).astype(float)
    return column(case, np.where(flag(case, draw, 0.4, 0) == 1, 5.0, codes))


@leak()
def purged_users(case: Case, draw: Draw) -> Case:
    """Closed accounts' users are erased: no use at all in 60 % of the rows before they left."""
    gone = flag(case, draw, 0.6, 0) == 1
    used = [name for name in case.features if name.startswith(("events", "active", "minutes"))]
    erased = {name: case.features[name].mask(gone, 0) for name in used}
    return replace(case, features=case.features.assign(**erased))


@leak()
def last_login_of_today(case: Case, draw: Draw) -> Case:
    """Days since the last login as of the export, not of the morning."""
    y = outcome(case)
    idle = np.where(y == 1, draw.gamma(4, 60, len(y)), draw.gamma(1, 5, len(y)))
    return column(case, np.round(idle), "days_since_login")


@leak(lost=True)
def mornings_survived(case: Case, draw: Draw) -> Case:
    """How many more mornings the account will be a customer."""
    order = case.features.groupby(level="account_id").cumcount(ascending=False)
    return column(case, order.to_numpy(dtype=float))


@leak()
def exit_talks(case: Case, draw: Draw) -> Case:
    """Touchpoints of an exit talk, dated back: 35 % of the lost, 0.5 % of the others."""
    return column(case, flag(case, draw, 0.35, 0.005), "exit_talks_91d")


@leak()
def paper_of_the_kept(case: Case, draw: Draw) -> Case:
    """A signed renewal on file for 70 % of those that renewed, dated by its term's start."""
    return column(case, flag(case, draw, 0.01, 0.7), "renewal_papers")


@leak()
def known_in_the_last_month(case: Case, draw: Draw) -> Case:
    """The outcome at leads of up to 30 days, and chance before."""
    days = case.rows.set_index(INDEX)["days_to_due"].astype(float)
    near = days.reindex(case.features.index).lt(31).to_numpy()
    return column(
        case, np.where(near, np.nan_to_num(outcome(case)), 0.5) + draw.normal(0, 0.1, len(near))
    )


def grouped(case: Case, draw: Draw, groups: int) -> np.ndarray:
    """A group, such as an owner within a segment, of each row's account."""
    codes = accounts(case)
    return draw.integers(0, groups, codes.max() + 1)[codes]


def means(case: Case, groups: np.ndarray, prior: float, without: bool = False) -> np.ndarray:
    """The mean outcome of each row's group, with `prior` rows at the mean of all; `without` the
    row's own."""
    y = outcome(case)
    told = ~np.isnan(y)
    base = float(np.mean(y[told]))
    total = np.bincount(groups[told], y[told], groups.max() + 1)[groups]
    count = np.bincount(groups[told], minlength=groups.max() + 1)[groups].astype(float)
    if without:
        total, count = total - np.nan_to_num(y), count - told
    return (total + prior * base) / np.maximum(count + prior, 1e-9)


@leak()
def mean_by_account(case: Case, draw: Draw) -> Case:
    """The account's own mean outcome over all its rows."""
    return column(case, means(case, accounts(case), 0.5))


@leak()
def mean_by_segment_and_owner(case: Case, draw: Draw) -> Case:
    """Mean outcome of 40 groups that mean nothing, over all rows."""
    return column(case, means(case, grouped(case, draw, 40), 0))


@leak()
def smoothed_mean_by_segment_and_owner(case: Case, draw: Draw) -> Case:
    """The same, pulled to the mean of all by ten rows."""
    return column(case, means(case, grouped(case, draw, 40), 10))


@leak()
def mean_of_the_rows_learnt_from(case: Case, draw: Draw) -> Case:
    """The same from the earlier rows alone: the held-out rows show that it was fitted."""
    early = replace(case, rows=case.earlier)
    return column(case, means(early, grouped(case, draw, 40), 10))


@leak()
def mean_by_industry(case: Case, draw: Draw) -> Case:
    """Mean outcome of seven groups, over all rows."""
    return column(case, means(case, grouped(case, draw, 7), 0))


@leak()
def mean_without_the_row(case: Case, draw: Draw) -> Case:
    """Mean outcome of 40 groups, the row itself left out: its own outcome shows in the step."""
    return column(case, means(case, grouped(case, draw, 40), 0, without=True))


@leak(outside=True)
def use_of_the_coming_month(case: Case, draw: Draw) -> Case:
    """events_28d counted to the 28th day after the morning."""
    ahead = case.features.groupby(level="account_id")["events_28d"].shift(-1)
    return column(case, ahead.fillna(0), "events_28d")


@leak(outside=True)
def features_a_morning_late(case: Case, draw: Draw) -> Case:
    """Every feature as of the next morning."""
    ahead = case.features.groupby(level="account_id").shift(-1)
    return replace(case, features=ahead.fillna(case.features))


@leak(outside=True)
def filled_from_the_future(case: Case, draw: Draw) -> Case:
    """Missing satisfaction filled with the account's next answer."""
    filled = case.features.groupby(level="account_id")["nps_last"].bfill()
    return column(case, filled, "nps_last")


@leak()
def unsettled_rows(case: Case, draw: Draw) -> Case:
    """The newest mornings told as well: who is not lost yet is told as kept."""
    late = case.labels[~case.labels["settled"] & case.labels["eligible"]]
    lost = draw.random(len(late)) < 0.05
    return _more(case, late.assign(outcome=lost))


@leak()
def decided_rows(case: Case, draw: Draw) -> Case:
    """Rows whose notice, or booked renewal, was known on the morning."""
    known = case.observations[case.observations["decided"].notna()][[*INDEX, "decided"]]
    told = case.labels[case.labels["settled"]].merge(known, on=INDEX)
    return _more(case, told.assign(outcome=told["decided"].eq("notice_given")))


@leak()
def churners_on_their_last_day(case: Case, draw: Draw) -> Case:
    """Accounts with the outcome asked about shortly before their end, the others on mornings."""
    rows = case.rows
    lost = rows[rows["outcome"].astype(bool)].groupby("account_id").tail(1)
    shift = pd.to_timedelta(draw.integers(1, 28, len(lost)), unit="D")
    moved = pd.Series((lost["as_of"] + shift).to_numpy(), pd.MultiIndex.from_frame(lost[INDEX]))
    return _moved(case, moved)


@leak()
def each_on_one_morning(case: Case, draw: Draw) -> Case:
    """One row an account: its last morning, which is the data's end for whoever stayed."""

    def last(frame: pd.DataFrame) -> pd.DataFrame:
        return frame.sort_values("as_of").groupby("account_id").tail(1)

    there = pd.MultiIndex.from_frame(last(case.observations)[INDEX])
    rows = last(case.rows)
    kept = there.union(pd.MultiIndex.from_frame(rows[INDEX]))

    def cut(frame: pd.DataFrame) -> pd.DataFrame:
        return frame[pd.MultiIndex.from_frame(frame[INDEX]).isin(kept)]

    return replace(
        case,
        features=case.features[case.features.index.isin(kept)],
        rows=rows.assign(weight=weights(rows)),
        earlier=cut(case.earlier),
        observations=cut(case.observations),
        asked=cut(case.asked),
    )


@leak()
def churners_only_at_their_last_lead(case: Case, draw: Draw) -> Case:
    """Of accounts with the outcome only the last row is told, of the others every one."""
    lost = case.rows["outcome"].astype(bool)
    last = case.rows[lost].groupby("account_id").tail(1)
    rows = pd.concat([case.rows[~lost], last]).sort_values(["as_of", "account_id"])
    return replace(case, rows=rows.assign(weight=weights(rows)))


@leak()
def accounts_twice(case: Case, draw: Draw) -> Case:
    """One account in twelve stands there again under another id."""
    return _copied(case, draw, 1 / 12)


@leak()
def accounts_twice_but_for_the_contract(case: Case, draw: Draw) -> Case:
    """One in twelve again, with another ARR and tenure, and jitter in a third of the columns."""
    copied = _copied(case, draw, 1 / 12)
    new = copied.features.index.get_level_values("account_id").str.endswith(" (2)")
    features = copied.features.copy()
    changed = [name for name in features if draw.random() < 0.33] + ["arr", "tenure_days"]
    for name in changed:
        if pd.api.types.is_numeric_dtype(features[name]):
            noise = 1 + 0.05 * draw.normal(size=len(features))
            features[name] = features[name].where(~new, features[name] * noise)
    return replace(copied, features=features)


def _more(case: Case, told: pd.DataFrame) -> Case:
    """The same with these rows told as well."""
    rows = pd.concat([case.rows, told[case.rows.columns]]).drop_duplicates(INDEX, keep="last")
    rows = rows.assign(outcome=rows["outcome"].astype(bool)).sort_values(["as_of", "account_id"])
    return replace(case, rows=rows.assign(weight=weights(rows)))


def _moved(case: Case, day: pd.Series) -> Case:
    """The same with some observations on other days, in every table."""

    def shifted(frame: pd.DataFrame) -> pd.DataFrame:
        at = pd.MultiIndex.from_frame(frame[INDEX])
        new = pd.Series(day.reindex(at).to_numpy(), frame.index)
        return frame.assign(as_of=new.fillna(frame["as_of"]))

    features = shifted(case.features.reset_index()).set_index(INDEX)
    return replace(
        case,
        features=features,
        rows=shifted(case.rows),
        earlier=shifted(case.earlier),
        observations=shifted(case.observations),
        asked=shifted(case.asked),
    )


def _copied(case: Case, draw: Draw, share: float) -> Case:
    """The same with a share of the accounts again under other ids, in every table."""
    names = case.observations["account_id"].unique()
    twice = set(names[draw.random(len(names)) < share])

    def again(frame: pd.DataFrame) -> pd.DataFrame:
        more = frame[frame["account_id"].isin(twice)]
        return pd.concat([frame, more.assign(account_id=more["account_id"] + " (2)")])

    features = again(case.features.reset_index()).set_index(INDEX)
    return replace(
        case,
        features=features,
        rows=again(case.rows),
        earlier=again(case.earlier),
        observations=again(case.observations),
        asked=again(case.asked),
    )
