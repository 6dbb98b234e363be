"""The people of each account: who sits on which seat, in which department, and who follows whom."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from simulation.accounts import Accounts
from simulation.clock import Clock
from simulation.state import Hidden

DEPARTMENTS = np.array(
    ["Operations", "Sales", "Finance", "Engineering", "Marketing", "Support", "People"], object
)
CHAMPION = 0  # the place of the champion, who uses the product most
SHORTEST_STAY, LONGEST_STAY = 250, 1500  # days before somebody else takes a place
GENERATIONS = 64  # room for successors in a person's code


@dataclass(frozen=True)
class People:
    """Places laid end to end, account by account; a person is a place and a generation in it."""

    account_id: np.ndarray
    origin: int
    first: np.ndarray  # the first place of each account
    department: np.ndarray  # of each place: position in DEPARTMENTS
    stay: np.ndarray  # days
    phase: np.ndarray  # days
    champion_left: np.ndarray  # sorted: account and day in one number

    @staticmethod
    def of(
        rng: np.random.Generator,
        accounts: Accounts,
        hidden: Hidden,
        most_seats: np.ndarray,
        clock: Clock,
    ) -> People:
        """Fill every place that an account ever has; later places belong to later departments."""
        first = np.concatenate([[0], np.cumsum(most_seats)])
        owner = np.repeat(np.arange(len(accounts)), most_seats)
        place = np.arange(first[-1]) - first[owner]
        departments = np.clip(np.round(np.log2(accounts.seats) - 1.5), 1, len(DEPARTMENTS))
        reach = np.minimum(departments[owner], 1 + place * departments[owner] // most_seats[owner])
        shuffled = rng.permuted(np.tile(np.arange(len(DEPARTMENTS)), (len(accounts), 1)), axis=1)
        within = (rng.random(len(place)) * reach).astype("int64")
        left = hidden.champions.account * (1 << 32) + hidden.champions.day
        return People(
            account_id=accounts.account_id,
            origin=clock.origin,
            first=first,
            department=shuffled[owner, within],
            stay=rng.integers(SHORTEST_STAY, LONGEST_STAY, len(place)),
            phase=rng.integers(0, LONGEST_STAY, len(place)),
            champion_left=np.sort(left.to_numpy()),
        )

    @property
    def codes(self) -> int:
        """One more than the largest number of a person."""
        return int(self.first[-1]) * GENERATIONS

    def code(self, account: np.ndarray, place: np.ndarray, day: np.ndarray) -> np.ndarray:
        """The person who sits on that place on that day, as a number."""
        seat = self.first[account] + place
        generation = (day - self.origin + self.phase[seat]) // self.stay[seat]
        key = account.astype("int64") << 32
        gone = np.searchsorted(self.champion_left, key + day, side="right")
        gone -= np.searchsorted(self.champion_left, np.arange(len(self.first)) << 32)[account]
        generation = np.where(place == CHAMPION, gone, generation)
        return seat * GENERATIONS + np.minimum(generation, GENERATIONS - 1)

    def user_ids(self, codes: np.ndarray) -> np.ndarray:
        """The text ids of persons."""
        seat, generation = codes // GENERATIONS, codes % GENERATIONS
        account = np.searchsorted(self.first, seat, side="right") - 1
        place = seat - self.first[account]
        return np.array(
            [
                f"{self.account_id[a][4:]}-{p:03d}-{g:02d}"
                for a, p, g in zip(account, place, generation, strict=True)
            ],
            dtype=object,
        )
