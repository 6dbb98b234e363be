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


class Situation(NamedTuple):
    """What a decision hangs on; arrays that broadcast against each other."""

    health: np.ndarray
    demand: np.ndarray  # log of the people who want a seat
    seats: np.ndarray
    tenure: np.ndarray  # years
    monthly: np.ndarray
    rise: np.ndarray  # percent of price rise offered; 0 for none
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


def choose(family: Family, at: Situation) -> Choice:
    """How likely each choice is; a price rise hurts, and hurts small accounts more."""
    small = -size(at.seats)
    pain = at.rise * family.churn_price * (1 + family.churn_price_small * np.maximum(small, 0))
    leave = expit(
        family.churn_level
        - family.churn_health * at.health
        + family.churn_small * small
        - family.churn_tenure * np.minimum(at.tenure, LONGEST_TENURE)
        + pain
        + family.churn_monthly * at.monthly
        + family.churn_frailty * at.frailty
    )
    full = fill(family, at.demand, at.seats)
    appetite = family.grow_frailty * at.appetite
    often = family.change_monthly * at.monthly
    grow = expit(
        family.grow_level
        + family.grow_fill * full
        + family.grow_health * at.health
        + appetite
        + often
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
    share = share + family.price_discounted * (discount >= 0.1)
    return np.where(monthly, share / 12, share)
