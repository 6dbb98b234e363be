"""Who the customers are: what is fixed when they sign, and the habits that no outcome hangs on."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product

import numpy as np
import pandas as pd

from simulation.clock import DAY, HISTORY_WEEKS, Clock, on_or_before_the_28th

PRESENT_AT_START = 0.6
MEDIAN_SEATS, LOG_SEATS, FEWEST_SEATS, MOST_SEATS = 18, 0.95, 5, 500
MONTHLY, YEARLY = 0, 12
TERMS = {MONTHLY: 0.15, YEARLY: 0.70, 24: 0.09, 36: 0.06}  # months: share of first contracts
SMALL_TERMS = {MONTHLY: 0.25, YEARLY: 0.70, 24: 0.05}  # the same below 15 seats
DISCOUNTS = {0.0: 0.45, 0.05: 0.12, 0.10: 0.18, 0.15: 0.10, 0.20: 0.10, 0.25: 0.05}
COUNTRIES = {"DE": 0.3, "GB": 0.2, "US": 0.2, "FR": 0.12, "NL": 0.1, "SE": 0.08}
INDUSTRIES = ("Software", "Manufacturing", "Finance", "Health", "Retail", "Logistics", "Education")
SEGMENTS = ("SMB", "Mid-Market", "Enterprise")
MID_MARKET_FROM, ENTERPRISE_FROM = 25, 90  # seats at sign-up
OWNERS = {
    "SMB": ("Ines Falk", "Tom Adler", "Mira Sand"),
    "Mid-Market": ("Jonas Reuter", "Clara Weiss", "Nils Borg", "Aisha Karim"),
    "Enterprise": ("Helen Ward", "Paul Lindner", "Sofia Marin"),
}
FIRST_WORDS = """
    Amber Alder Arden Aurora Beacon Birch Bright Cedar Clear Cobalt Copper Coral Crest Dawn Delta
    Ember Falcon Fern Fjord Flint Garnet Granite Harbour Hazel Heron Indigo Ivory Juniper Kestrel
    Lantern Larch Linden Lumen Maple Meadow Mistral Nimbus Nordic North Oak Onyx Opal Orchard
    Pebble Pine Polar Quarry Quartz Raven Ridge River Saffron Silver Slate Solar Spruce Sterling
    Summit Tidal Umber Velvet Willow Zephyr
"""
SECOND_WORDS = """
    Analytics Apparel Bank Builders Capital Care Clinics College Dynamics Energy Foods Foundry
    Freight Goods Health Industries Insurance Instruments Labs Learning Logistics Machines
    Markets Materials Media Mills Motors Networks Optics Partners Pharma Press Retail Robotics
    Schools Shipping Software Supply Systems Tools Trading Works
"""


@dataclass(frozen=True)
class Accounts:
    """One entry for each account in every array; days are whole days since 1970-01-01."""

    account_id: np.ndarray
    name: np.ndarray
    segment: np.ndarray
    industry: np.ndarray
    country: np.ndarray
    owner: np.ndarray
    created_at: np.ndarray  # seconds since 1970-01-01
    signup: np.ndarray  # day the first contract starts
    seats: np.ndarray  # in the first contract
    term: np.ndarray  # months; 0 is month to month
    discount: np.ndarray
    plan: np.ndarray  # position in contracts.PLANS
    signs_anew: np.ndarray  # every renewal is a new paper: never renews by itself
    events_per_user: np.ndarray  # usage rows a week of an active person in good times
    regulars: np.ndarray  # people who come in a usual week, against the usual account
    depth: np.ndarray  # share of the product that is used in good times
    ramp_weeks: np.ndarray  # of onboarding
    weekend: np.ndarray  # how much of a weekday a weekend day is
    automated: np.ndarray  # has an integration that works every night

    def __len__(self) -> int:
        return len(self.account_id)

    def export(self) -> pd.DataFrame:
        """The table `accounts`, as the CRM exports it."""
        return pd.DataFrame(
            {
                "account_id": self.account_id,
                "name": self.name,
                "segment": self.segment,
                "industry": self.industry,
                "country": self.country,
                "owner": self.owner,
                "created_at": self.created_at.astype("datetime64[s]"),
            }
        ).sort_values(["created_at", "account_id"], ignore_index=True)


def pick(rng: np.random.Generator, shares: dict, size: int) -> np.ndarray:
    """`size` of the keys of `shares`, each as often as its share."""
    return rng.choice(np.array(list(shares)), size=size, p=np.array(list(shares.values())))


def signups(rng: np.random.Generator, clock: Clock, size: int) -> np.ndarray:
    """First days of contract: most signed before the window, over years; the others join in it."""
    present = rng.random(size) < PRESENT_AT_START
    before = clock.start - 1 - (7 * HISTORY_WEEKS - 40) * rng.beta(1.0, 1.3, size)
    joined = clock.start + (clock.until - clock.start) * rng.random(size)
    return on_or_before_the_28th(np.where(present, before, joined).astype("int64"))


def names(rng: np.random.Generator, size: int) -> np.ndarray:
    """Fictional company names, no two alike."""
    words = product(FIRST_WORDS.split(), SECOND_WORDS.split())
    pairs = [f"{first} {second}" for first, second in words]
    order = rng.permutation(len(pairs))
    numbered = [f" {number}" if number > 1 else "" for number in range(1, size // len(pairs) + 2)]
    every = [pairs[place] + suffix for suffix in numbered for place in order]
    return np.array(every[:size], dtype=object)


def settle_in(rng: np.random.Generator, clock: Clock, size: int) -> Accounts:
    """All the accounts that are, or become, customers in the window."""
    signup = signups(rng, clock, size)
    seats = np.exp(np.log(MEDIAN_SEATS) + LOG_SEATS * rng.standard_normal(size))
    seats = np.clip(np.round(seats), FEWEST_SEATS, MOST_SEATS).astype("int64")
    level = (seats >= MID_MARKET_FROM).astype(int) + (seats >= ENTERPRISE_FROM)
    segment = np.array(SEGMENTS, dtype=object)[level]
    owner = np.empty(size, dtype=object)
    for name, people in OWNERS.items():
        owner[segment == name] = rng.choice(people, size=int((segment == name).sum()))
    width = max(5, len(str(size)))
    first_call = signup - rng.integers(3, 60, size)
    return Accounts(
        account_id=np.array([f"acc_{number:0{width}d}" for number in range(1, size + 1)], object),
        name=names(rng, size),
        segment=segment,
        industry=rng.choice(np.array(INDUSTRIES, dtype=object), size),
        country=pick(rng, COUNTRIES, size),
        owner=owner,
        created_at=first_call * DAY + rng.integers(8 * 3600, 18 * 3600, size),
        signup=signup,
        seats=seats,
        term=np.where(seats < 15, pick(rng, SMALL_TERMS, size), pick(rng, TERMS, size)),
        discount=pick(rng, DISCOUNTS, size),
        plan=np.clip(level + rng.integers(-1, 2, size), 0, 2),
        signs_anew=rng.random(size) < 0.2,
        events_per_user=0.87 * np.exp(0.75 * rng.standard_normal(size)),
        regulars=np.clip(0.95 * np.exp(0.35 * rng.standard_normal(size)), 0.25, 1.5),
        depth=0.30 * np.exp(0.6 * rng.standard_normal(size)),
        ramp_weeks=rng.uniform(3, 12, size),
        weekend=rng.choice([0.05, 0.15, 0.6], size, p=[0.5, 0.4, 0.1]),
        automated=rng.random(size) < 0.15,
    )
