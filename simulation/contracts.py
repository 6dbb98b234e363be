"""The contracts' life, month by month: signing, renewing, changing, leaving, coming back."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from simulation.accounts import MONTHLY, YEARLY, Accounts
from simulation.clock import DAY, Clock, on_or_before_the_28th
from simulation.decisions import Situation, choose, fill, rise_share
from simulation.eras import in_campaign, in_force
from simulation.family import Family
from simulation.habits import unready
from simulation.papers import NEVER, Papers, instants, stacked
from simulation.standing import LIST_PRICE, Standing
from simulation.state import Hidden

PLANS = ("Team", "Business", "Enterprise")
ADD_ON_PRICE = 0.2  # of the core product's ARR
ADD_ON_SHARE = 0.15
LATE_SHARE = 0.15  # renewals booked after they fell due
QUIET_DAYS = 95  # without a change between two terms' ends and whatever happens between them

LEFT, GREW, SHRANK, RAN_ON = 0, 1, 2, 3


@dataclass(frozen=True)
class Contracts:
    """What became of every contract. Days are whole days since 1970-01-01."""

    rows: pd.DataFrame  # the billing system's rows (papers.Papers)
    decisions: pd.DataFrame  # one row a renewal, with what it hung on
    spells: pd.DataFrame  # account, start, end (`NEVER` while a customer)


class Office:
    """Runs one world's contracts: `run` is the whole of it, each other method one mechanism."""

    def __init__(
        self,
        rng: np.random.Generator,
        family: Family,
        accounts: Accounts,
        hidden: Hidden,
        clock: Clock,
    ) -> None:
        self.rng, self.as_founded, self.family, self.accounts = rng, family, family, accounts
        self.hidden, self.clock = hidden, clock
        self.now = Standing.nobody(accounts)
        self.papers = Papers()
        self.decided: list[dict[str, np.ndarray]] = []
        self.spells: list[dict[str, np.ndarray]] = []

    def run(self) -> Contracts:
        """Live through every month of the world."""
        for low, high in self.clock.months():
            self.family = in_force(self.as_founded, self.clock, low)
            signup, now = self.accounts.signup, self.now
            self.begin(np.flatnonzero((signup >= low) & (signup < high)), signup)
            back = ~now.customer & (now.returns >= low) & (now.returns < high)
            self.begin(np.flatnonzero(back), now.returns)
            self.decide(np.flatnonzero(now.customer & (now.due >= low) & (now.due < high)))
            self.grow_between(low)
            self.leave_early(low)
        still = np.flatnonzero(self.now.customer)
        self.end_spells(still, np.full(len(still), NEVER))
        return Contracts(
            self.papers.rows(),
            stacked(self.decided),
            stacked(self.spells).sort_values(["account", "start"], ignore_index=True),
        )

    def begin(self, who: np.ndarray, days: np.ndarray) -> None:
        """A first contract, or a new one after an absence."""
        now, start = self.now, days[who]
        now.customer[who], now.since[who], now.returns[who] = True, start, NEVER
        now.price[who] = LIST_PRICE[now.plan[who]]
        buys = (self.rng.random(len(who)) < ADD_ON_SHARE) & (now.term[who] != MONTHLY)
        now.add_on[who] = np.where(buys, (ADD_ON_PRICE * now.arr(who)).round(2), 0.0)
        booked = instants(self.rng, start - self.rng.integers(0, 20, len(who)))
        now.start_term(who, start)
        self.sign_core(who, start, booked)
        self.sign_add_on(who[buys], start[buys], booked[buys])

    def sign_core(
        self, who: np.ndarray, start: np.ndarray, booked: np.ndarray, stub: bool = False
    ) -> None:
        """A new row of the core product until the account's due date."""
        now = self.now
        now.core_row[who] = self.sign(who, start, booked, "Core", now.arr(who))
        now.stub[who], now.changed[who] = stub, start

    def sign_add_on(
        self, who: np.ndarray, start: np.ndarray, booked: np.ndarray, stub: bool = False
    ) -> None:
        """A new row of the add-on, with the core product's due date."""
        now = self.now
        now.add_on_row[who] = self.sign(who, start, booked, "Insights", now.add_on[who])
        now.add_on_stub[who], now.changed[who] = stub, start

    def sign(
        self,
        who: np.ndarray,
        start: np.ndarray,
        booked: np.ndarray,
        product: str,
        arr: np.ndarray,
    ) -> np.ndarray:
        """New rows of one product for these accounts."""
        now = self.now
        return self.papers.sign(
            account=who,
            start_date=start,
            term_end=np.where(now.term[who] == MONTHLY, NEVER, now.due[who]),
            booked_second=booked,
            arr=arr,
            product=np.full(len(who), product, dtype=object),
            plan=np.array(PLANS, dtype=object)[now.plan[who]],
            seats=now.seats[who],
            discount=now.discount[who].round(4),
            auto_renew=~self.accounts.signs_anew[who] | (now.term[who] == MONTHLY),
        )

    def replace(self, rows: np.ndarray, start: np.ndarray, closed: np.ndarray) -> None:
        """Close rows that a later row replaces; if booked ahead, the night before it starts."""
        self.papers.close(rows, start, np.maximum(closed, start * DAY - 3600))

    def decide(self, who: np.ndarray) -> None:
        """The renewals that fall due: what is chosen, some weeks before, and what is done."""
        now, rng, family = self.now, self.rng, self.family
        due, monthly = now.due[who], now.term[who] == MONTHLY
        lead = np.where(monthly, rng.integers(0, 21, len(who)), rng.integers(15, 91, len(who)))
        week = self.clock.week_of(due - lead)
        share = rise_share(family, in_campaign(self.clock, due), now.discount[who], monthly)
        at = Situation(
            health=self.hidden.health[who, week],
            sponsor=self.hidden.sponsor[who, week],
            support=self.hidden.support[who, week],
            demand=self.hidden.demand[who, week],
            seats=now.seats[who],
            tenure=(due - now.since[who]) / 365.25,
            monthly=monthly,
            rise=np.where(rng.random(len(who)) < share, family.price_rise, 0.0),
            discount=now.discount[who],
            unready=unready(family, self.accounts, who, (due - lead - now.since[who]) / 7),
            frailty=rng.standard_normal(len(who)),
            appetite=rng.standard_normal(len(who)),
        )
        odds = choose(family, at)
        # those who are customers on the first day have stayed until then
        leave = np.where(due < self.clock.start, 0.0, odds.leave)
        draw = leave + (1 - leave) * rng.random(len(who))
        draw = np.where(rng.random(len(who)) < leave, -1.0, draw)
        rest = (1 - leave) / (1 - odds.leave)
        grows = leave + rest * odds.grow
        choice = np.select(
            [draw < 0, draw < grows, draw < grows + rest * odds.shrink],
            [LEFT, GREW, SHRANK],
            RAN_ON,
        )
        rise = np.where(choice == SHRANK, 0.0, at.rise)
        outcome = np.array(["churned", "expanded", "contracted", "renewed"], object)[choice]
        outcome[(choice == RAN_ON) & (rise > 0)] = "expanded"
        expands = odds.grow + odds.stay * (at.rise > 0)
        self.decided.append(
            {
                "account": who,
                "due_date": due,
                "decided": due - lead,
                "term_start": now.term_start[who],
                "since": now.since[who],
                "monthly": monthly,
                "seats": at.seats,
                "discount": at.discount,
                "unready": at.unready,
                "rise_share": share,
                "outcome": outcome,
                "omniscient_churn": odds.leave,
                "omniscient_expansion": expands,
            }
        )
        left = choice == LEFT
        self.leave_at_due(who[left], lead[left])
        self.renew(who[~left], choice[~left], rise[~left], lead[~left])

    def renew(
        self, who: np.ndarray, choice: np.ndarray, rise: np.ndarray, lead: np.ndarray
    ) -> None:
        """Carry a renewal out: a new row where something changes, else often none at all."""
        now, rng, due = self.now, self.rng, self.now.due[who]
        monthly, had_add_on = now.term[who] == MONTHLY, now.add_on[who] > 0
        drops = (choice == SHRANK) & had_add_on & (rng.random(len(who)) < 0.5)
        kind = rng.random(len(who))
        adds = (choice == GREW) & ~had_add_on & ~monthly & (kind < 0.15)
        upgrades = (choice == GREW) & (kind > 0.9) & (now.plan[who] < 2)
        now.move_seats(rng, who[(choice == GREW) & ~adds & ~upgrades], up=True)
        now.move_seats(rng, who[(choice == SHRANK) & ~drops], up=False)
        now.upgrade(who[upgrades])
        now.raise_price(who, rise)
        commits = (choice == RAN_ON) & (rng.random(len(who)) < np.where(monthly, 0.02, 0.04))
        now.term[who[commits]] = np.where(monthly[commits], YEARLY, 24)

        repapers = (choice == GREW) & ~adds | (choice == SHRANK) & ~drops | (rise > 0) | commits
        repapers |= now.stub[who] | ~monthly & self.accounts.signs_anew[who]
        repapers |= ~monthly & (rng.random(len(who)) < 0.25)
        gap = np.where(repapers & ~monthly & (rng.random(len(who)) < 0.03), 1, 0)
        gap = gap * rng.integers(1, 16, len(who))
        start, booked, closed = self.booking(due, lead, gap, monthly)

        old_core, old_add_on = now.core_row[who], now.add_on_row[who]
        now.start_term(who, start)
        self.replace(old_core[repapers], due[repapers], closed[repapers])
        self.sign_core(who[repapers], start[repapers], booked[repapers])

        anew = had_add_on & ~drops & (repapers | now.add_on_stub[who])
        self.replace(old_add_on[anew], due[anew], closed[anew])
        self.papers.close(old_add_on[drops], due[drops], instants(rng, due[drops]))
        now.add_on[who[drops]], now.add_on_row[who[drops]] = 0.0, NEVER
        now.changed[who[drops]] = due[drops]
        now.add_on[who[anew]] = (now.add_on[who[anew]] * (1 + rise[anew] / 100)).round(2)
        now.add_on[who[adds]] = (ADD_ON_PRICE * now.arr(who[adds])).round(2)
        signs = anew | adds
        self.sign_add_on(who[signs], start[signs], booked[signs])

    def booking(
        self, due: np.ndarray, lead: np.ndarray, gap: np.ndarray, monthly: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """When a renewal starts, is booked, and closes the old row: ahead, on the day, or late."""
        rng = self.rng
        ahead_share = self.family.ahead_share
        shares = [ahead_share, 1 - LATE_SHARE - ahead_share, LATE_SHARE]
        how = rng.choice(["ahead", "on time", "late"], len(due), p=shares)
        ahead = due - (rng.random(len(due)) * (np.minimum(lead, 45) + 1)).astype("int64")
        late = np.where(monthly, due, due + rng.integers(1, 21, len(due)))
        day = np.select([gap > 0, how == "ahead", how == "late"], [due + gap, ahead, late], due)
        booked = instants(rng, day)
        lapsed = (gap > 0) | (how == "late") & (rng.random(len(due)) < 0.3)
        return due + gap, booked, np.where(lapsed, instants(rng, due), booked + 120)

    def far_from_due(self, day: np.ndarray) -> np.ndarray:
        """Contracted customers in the quiet middle of a term."""
        now = self.now
        since = np.maximum(now.changed, now.term_start)
        quiet = (day - since >= QUIET_DAYS) & (now.due - day >= QUIET_DAYS)
        return now.customer & (now.term != MONTHLY) & quiet

    def grow_between(self, low: int) -> None:
        """Full seats make some accounts buy more in the middle of a term, or the add-on."""
        now, rng = self.now, self.rng
        day = low + rng.integers(0, 28, len(self.accounts))
        week = self.clock.week_of(np.minimum(day, self.clock.first_day(self.clock.weeks) - 1))
        full = fill(self.family, self.hidden.demand[np.arange(len(week)), week], now.seats)
        hazard = self.family.midterm_rate / 12 * np.exp(np.clip(full, -2, 2))
        grows = self.far_from_due(day) & (rng.random(len(full)) < hazard)
        adds = grows & (now.add_on == 0) & (rng.random(len(full)) < 0.2)
        more, who = np.flatnonzero(grows & ~adds), np.flatnonzero(adds)
        start, first = day[more], day[who]
        booked = instants(rng, start - rng.integers(0, 6, len(more)))
        now.move_seats(rng, more, up=True)
        self.replace(now.core_row[more], start, booked + 120)
        self.sign_core(more, start, booked, stub=True)
        now.add_on[who] = (ADD_ON_PRICE * now.arr(who)).round(2)
        self.sign_add_on(who, first, instants(rng, first), stub=True)

    def leave_at_due(self, who: np.ndarray, lead: np.ndarray) -> None:
        """Half give notice when they decide; the others just stop, a few after unpaid invoices."""
        rng, due = self.rng, self.now.due[who]
        notice = (rng.random(len(who)) < self.family.notice_share) & (lead > 0)
        unpaid = ~notice & (self.now.term[who] != MONTHLY) & (rng.random(len(who)) < 0.2)
        ended = np.where(unpaid, due + rng.integers(1, 26, len(who)), due)
        self.leave(who, ended, np.where(notice, due - lead, NEVER))
        returns = rng.random(len(who)) < self.family.return_share
        back = on_or_before_the_28th(ended + rng.integers(75, 300, len(who)))
        self.now.returns[who] = np.where(returns, back, NEVER)

    def leave_early(self, low: int) -> None:
        """A few end in the middle of a term: bankrupt, or bought by someone."""
        day = low + self.rng.integers(0, 28, len(self.accounts))
        chance = self.rng.random(len(self.accounts)) < self.family.early_rate / 12
        who = np.flatnonzero(self.far_from_due(day) & chance & (day >= self.clock.start))
        warned = self.rng.random(len(who)) < 0.5
        ahead = self.rng.integers(10, 31, len(who))
        self.leave(who, day[who], np.where(warned, day[who] - ahead, NEVER))

    def leave(self, who: np.ndarray, ended: np.ndarray, notice: np.ndarray) -> None:
        """Close every row of these accounts, and their spell."""
        now = self.now
        seen = instants(self.rng, np.minimum(ended, notice))
        self.papers.close(now.core_row[who], ended, seen, notice)
        both = now.add_on[who] > 0
        self.papers.close(now.add_on_row[who[both]], ended[both], seen[both], notice[both])
        now.add_on[who], now.add_on_row[who], now.customer[who] = 0.0, NEVER, False
        self.end_spells(who, ended)

    def end_spells(self, who: np.ndarray, ended: np.ndarray) -> None:
        """Note when these accounts were customers."""
        since = self.now.since[who]
        self.spells.append({"account": who, "start": since, "end": ended})
