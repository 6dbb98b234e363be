"""Where each account stands with its contract, and how seats, plan and price move."""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np

from simulation.accounts import Accounts
from simulation.clock import add_months
from simulation.papers import NEVER

LIST_PRICE = np.array([300.0, 480.0, 660.0])  # EUR a seat and year, by plan
GROW_BY, SHRINK_BY = (0.08, 0.40), (0.12, 0.50)  # log seats


@dataclass
class Standing:
    """Where each account stands now; one entry an account, changed as the months pass."""

    customer: np.ndarray
    since: np.ndarray  # start of the spell
    term: np.ndarray  # months; 0 is month to month
    term_start: np.ndarray
    due: np.ndarray
    changed: np.ndarray  # day of the last change of the rows
    seats: np.ndarray
    plan: np.ndarray
    price: np.ndarray  # list price, EUR a seat and year
    discount: np.ndarray
    add_on: np.ndarray  # ARR of the add-on; 0 without
    core_row: np.ndarray
    add_on_row: np.ndarray
    stub: np.ndarray  # the core row was cut to fit the term: it cannot run on as it is
    add_on_stub: np.ndarray
    returns: np.ndarray

    @staticmethod
    def nobody(accounts: Accounts) -> Standing:
        """Before anyone has signed."""
        blank = {field.name: np.full(len(accounts), NEVER) for field in fields(Standing)}
        for flag in ("customer", "stub", "add_on_stub"):
            blank[flag] = np.zeros(len(accounts), bool)
        blank["price"], blank["add_on"] = np.zeros((2, len(accounts)))
        blank |= {"seats": accounts.seats.copy(), "term": accounts.term.copy()}
        blank |= {"plan": accounts.plan.copy(), "discount": accounts.discount.copy()}
        return Standing(**blank)

    def arr(self, who: np.ndarray) -> np.ndarray:
        """EUR a year of the core product."""
        return (self.seats[who] * self.price[who] * (1 - self.discount[who])).round(2)

    def start_term(self, who: np.ndarray, start: np.ndarray) -> None:
        """The next due date, a term away."""
        self.term_start[who] = start
        self.due[who] = add_months(start, np.maximum(self.term[who], 1))

    def move_seats(self, rng: np.random.Generator, who: np.ndarray, up: bool) -> None:
        """More seats, or fewer; with two left, a lower price instead of fewer."""
        by = rng.uniform(*(GROW_BY if up else SHRINK_BY), len(who))
        seats = self.seats[who]
        if up:
            self.seats[who] = np.maximum(seats + 1, np.round(seats * np.exp(by))).astype("int64")
            return
        fewer = np.minimum(seats - 1, np.round(seats * np.exp(-by))).astype("int64")
        self.seats[who] = np.where(seats > 2, fewer, seats)
        cheaper = who[seats <= 2]
        self.discount[cheaper] = 1 - (1 - self.discount[cheaper]) * 0.85

    def upgrade(self, who: np.ndarray) -> None:
        """The next plan, at its list price if that is higher."""
        self.plan[who] += 1
        step = LIST_PRICE[self.plan[who]] / LIST_PRICE[self.plan[who] - 1]
        self.price[who] *= step

    def raise_price(self, who: np.ndarray, percent: np.ndarray) -> None:
        """A rise first takes away the discount, then lifts the list price."""
        paid = (1 - self.discount[who]) * (1 + percent / 100)
        self.price[who] *= np.maximum(paid, 1)
        self.discount[who] = 1 - np.minimum(paid, 1)
