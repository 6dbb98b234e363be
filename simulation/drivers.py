"""What a decision may hang on, as far as the morning tells, and which group of causes tells it.

A group's contribution to the churn logit is the logit as it is, less the logit with that group as
it usually is; what is still to come stays as uncertain as it was. Beyond an edge the groups do not
add up.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pandas as pd

from simulation.accounts import MEDIAN_SEATS
from simulation.decisions import Situation
from simulation.family import Family
from simulation.futures import Futures

GROUPS = ("usage", "sponsor", "support", "commercial")
USUAL_TENURE = 2.0  # years


class Remaining(NamedTuple):
    """What will be left at the decision of each part of health on the morning; one entry a row."""

    own: np.ndarray
    sponsor: np.ndarray
    support: np.ndarray


def remaining(family: Family, known: pd.DataFrame) -> Remaining:
    """The rest of today's health, after the weeks until the decision."""
    kept = family.health_memory ** known.weeks.to_numpy()
    sponsor, support = known.sponsor.to_numpy(), known.support.to_numpy()
    own = known.health.to_numpy() - sponsor - support
    return Remaining(kept * own, kept * sponsor, kept * support)


def situations(
    family: Family,
    known: pd.DataFrame,
    left: Remaining,
    usual: np.ndarray,
    demand: np.ndarray,
    coming: Futures,
) -> Situation:
    """What each decision may hang on: futures by rows of `known`.

    `usual` is the log of the people usually wanting a seat then, `demand` the deviation from it on
    the morning.
    """
    weeks = known.weeks.to_numpy()
    sponsor = left.sponsor + coming.sponsor.T[:, weeks]
    support = left.support + coming.support.T[:, weeks]
    wish = family.demand_memory**weeks * demand + coming.demand.T[:, weeks]
    return Situation(
        health=left.own + coming.own.T[:, weeks] + sponsor + support,
        sponsor=sponsor,
        support=support,
        demand=usual + family.demand_spread * wish,
        seats=known.seats.to_numpy(),
        tenure=known.tenure.to_numpy(),
        monthly=known.monthly.to_numpy(),
        rise=risen(family, coming, known.rise_share.to_numpy()),
        discount=known.discount.to_numpy(),
        unready=known.unready.to_numpy(),
        frailty=coming.frailty[:, None],
        appetite=coming.appetite[:, None],
    )


def risen(family: Family, coming: Futures, share: np.ndarray) -> np.ndarray:
    """Percent of price rise in each future, where `share` of the renewals meet one."""
    return np.where(coming.rise[:, None] < share, family.price_rise, 0.0)


def first(at: Situation, futures: int) -> Situation:
    """The first so many futures of the situations."""
    return Situation(*(part[:futures] if part.ndim == 2 else part for part in at))


def typical(
    family: Family, at: Situation, left: Remaining, coming: Futures
) -> dict[str, Situation]:
    """The same situations, in each with one group as it usually is; `none` as they are."""
    usual_rise = risen(family, coming, np.array([family.price_rise_share]))[: len(at.rise)]
    return {
        "none": at,
        "usage": at._replace(health=at.health - left.own, unready=np.zeros(len(left.own))),
        "sponsor": at._replace(health=at.health - left.sponsor, sponsor=at.sponsor - left.sponsor),
        "support": at._replace(health=at.health - left.support, support=at.support - left.support),
        "commercial": at._replace(
            seats=np.array(MEDIAN_SEATS),
            tenure=np.array(USUAL_TENURE),
            monthly=np.array(False),
            rise=usual_rise,
            discount=np.array(0.0),
        ),
    }
