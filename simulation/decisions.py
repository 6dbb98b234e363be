"""What a customer chooses at a renewal, given its state: leave, grow, shrink or stay as it is.

One function serves the world that happens and the futures that the truth averages over.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy.special import expit

from simulation.accounts import LOG_SEATS, MEDIAN_SEATS
from simulation.family import Family
from simulation.state import USUAL_FILL

LONGEST_TENURE = 5.0  # years after which staying longer no longer calms
WORTH_KEEPING = 0.1  # a discount whose loss is felt

# edge and softness of each threshold, in the units of what is compared with it
FALLEN = (0.7, 0.2)  # deviations of health below its mean
UNLOVED = (0.3, 0.2)
WELL = (0.2, 0.2)  # above it
ORPHANED = (0.5, 0.1)  # what is left of the fall: about 20 weeks after the champion left
FRUSTRATED = (0.45, 0.08)  # about 10 weeks after an incident that support was slow to answer
FEW = (-np.log(9.0), 0.25)  # minus log people who want a seat
UNREADY = (0.15, 0.03)
FULL = (0.5, 0.25)  # deviations of seats filled above the usual


class Situation(NamedTuple):
    """What a decision hangs on; arrays that broadcast against each other."""

    health: np.ndarray
    sponsor: np.ndarray  # what champions who left have done to health
    support: np.ndarray  # what incidents and slow support have done to it
    demand: np.ndarray  # log of the people who want a seat
    seats: np.ndarray
    tenure: np.ndarray  # years
    monthly: np.ndarray
    rise: np.ndarray  # percent of price rise offered; 0 for none
    discount: np.ndarray  # share of the list price
    unready: np.ndarray  # share of full use that onboarding has not yet reached
    frailty: np.ndarray  # standard normal: what nothing recorded explains, on leaving
    appetite: np.ndarray  # standard normal: the same, on growing and shrinking


class Choice(NamedTuple):
    """Probabilities that sum to one."""

    leave: np.ndarray
    grow: np.ndarray
    shrink: np.ndarray
    stay: np.ndarray


def size(seats: np.ndarray) -> np.ndarray:
    """Log seats in deviations from the median account.

    >>> float(size(np.array(18)))
    0.0
    """
    return (np.log(seats) - np.log(MEDIAN_SEATS)) / LOG_SEATS


def fill(family: Family, demand: np.ndarray, seats: np.ndarray) -> np.ndarray:
    """How full the seats are, in deviations from the usual."""
    return (demand - np.log(seats) - np.log(USUAL_FILL)) / family.demand_spread


def beyond(strength: float, value: np.ndarray, edge: float, soft: float) -> np.ndarray | float:
    """`strength`, felt only once `value` is past the edge: half of it on the edge itself.

    >>> beyond(2.0, np.array([0.0, 0.7, 2.0]), edge=0.7, soft=0.1).round(2).tolist()
    [0.0, 1.0, 2.0]
    """
    return strength * expit((value - edge) / soft) if strength else 0.0


def leaving(family: Family, at: Situation) -> np.ndarray:
    """The logit of leaving; a price rise hurts, and hurts small accounts more.

    What matters only beyond an edge: fallen health; a champion who left a product that few people
    use; fresh failures of support; an onboarding that has not ramped up; a rise where health is
    low, or one that takes a discount away.
    """
    small = -size(at.seats)
    pain = at.rise * family.churn_price * (1 + family.churn_price_small * np.maximum(small, 0))
    few = beyond(1.0, -at.demand, *FEW) if family.churn_orphaned else 0.0
    unloved = beyond(family.churn_price_unloved, -at.health, *UNLOVED)
    lost = family.churn_price_lost * (at.discount >= WORTH_KEEPING)
    return (
        family.churn_level
        - family.churn_health * at.health
        + family.churn_small * small
        - family.churn_tenure * np.minimum(at.tenure, LONGEST_TENURE)
        + pain
        + family.churn_monthly * at.monthly
        + family.churn_frailty * at.frailty
        + beyond(family.churn_fallen, -at.health, *FALLEN)
        + beyond(family.churn_orphaned, -at.sponsor, *ORPHANED) * few
        + beyond(family.churn_frustrated, -at.support, *FRUSTRATED)
        + beyond(family.churn_unready, at.unready, *UNREADY)
        + at.rise * (unloved + lost)
    )


def choose(family: Family, at: Situation) -> Choice:
    """How likely each choice is."""
    leave = expit(leaving(family, at))
    full = fill(family, at.demand, at.seats)
    appetite = family.grow_frailty * at.appetite
    often = family.change_monthly * at.monthly
    grow = expit(
        family.grow_level
        + family.grow_fill * full
        + family.grow_health * at.health
        + appetite
        + often
        + beyond(family.grow_ready, full, *FULL) * beyond(1.0, at.health, *WELL)
    )
    shrink = expit(
        family.shrink_level
        - family.shrink_fill * full
        - family.shrink_health * at.health
        - appetite
        + often
    )
    kept = 1 - leave
    return Choice(leave, kept * grow, kept * (1 - grow) * shrink, kept * (1 - grow) * (1 - shrink))


def rise_share(
    family: Family, in_campaign: np.ndarray, discount: np.ndarray, monthly: np.ndarray
) -> np.ndarray:
    """The share of renewals that meet a price rise: more in a campaign, and under a discount."""
    share = family.price_rise_share + family.price_campaign * in_campaign
    share = share + family.price_discounted * (discount >= WORTH_KEEPING)
    return np.where(monthly, share / 12, share)
