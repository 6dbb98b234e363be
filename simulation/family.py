"""A family of worlds: how strongly each mechanism works. Draws belong to the seed."""

from __future__ import annotations

from collections.abc import Mapping

from pydantic import BaseModel, ConfigDict


class UnknownFamily(ValueError):
    """A family or an effect was named that does not exist."""


class Family(BaseModel):
    """Mechanism coefficients: logits, for one deviation of health or fill; rates are per year."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str

    # the hidden state, by week
    health_memory: float  # share of this week's health that is left next week
    demand_memory: float  # the same for the people who want a seat
    demand_spread: float  # log deviation of that demand around the account's own level
    champion_rate: float
    champion_shock: float  # fall in health when the champion leaves
    company_incidents: float
    company_reach: float  # share of accounts that a company-wide incident touches
    local_incidents: float
    incident_shock: float
    slow_share: float  # incidents that support is slow to answer
    slow_shock: float

    # a renewal's decision
    churn_level: float
    churn_health: float
    churn_small: float  # for one deviation of log seats less
    churn_tenure: float  # for each year, up to five, of staying
    churn_price: float  # for each percent of price rise
    churn_price_small: float  # how much more of it for one deviation of log seats less
    churn_monthly: float  # a monthly decision against a yearly one
    churn_frailty: float  # deviation of what nothing recorded explains
    grow_level: float
    grow_fill: float  # for one deviation of seats filled
    grow_health: float
    grow_frailty: float
    shrink_level: float
    shrink_fill: float
    shrink_health: float
    change_monthly: float  # growing or shrinking in a monthly decision against a yearly one

    # thresholds and interactions at a renewal; their edges stand in decisions.py
    churn_fallen: float = 0.0  # health has really fallen
    churn_orphaned: float = 0.0  # the champion left lately, and few people use the product
    churn_frustrated: float = 0.0  # support has failed the account lately
    churn_unready: float = 0.0  # onboarding has not ramped up
    churn_price_unloved: float = 0.0  # for each percent of price rise, where health is low
    churn_price_lost: float = 0.0  # for each percent, where the rise takes a discount away
    grow_ready: float = 0.0  # the seats are full and health is good

    # prices, and what happens between decisions
    price_rise: float  # percent
    price_rise_share: float  # renewals that meet it
    price_campaign: float  # added to that share in the campaign year
    price_discounted: float  # added to that share where a discount is left to lose
    midterm_rate: float
    early_rate: float
    return_share: float
    monthly_terms: float = 1.0  # 1: some contracts run month to month; 0: those run a year
    notice_share: float = 0.5  # of those who leave
    ahead_share: float = 0.5  # renewals booked before they fall due
    drift: float = 0.0  # how much of `changes` happens at the pricing change (eras.py)
    changes: Mapping[str, float] = {}  # a renewal's coefficients after it

    # behaviour
    breadth_health: float
    frequency_health: float
    depth_health: float
    behaviour_noise: float  # weekly log deviation of each
    ticket_health: float
    tone_health: float  # what one deviation of health does to the tone of a ticket
    season: float  # 1: full weekdays, holidays and summers; 0: every day alike
    onboarding: float  # 1: use ramps up from nothing; 0: full use from the first day
    stall_share: float = 0.0  # accounts whose onboarding takes several times as long
    style_spread: float = 0.0  # log deviation of habits between accounts, beyond the usual
    wander_spread: float = 0.0  # the same of each habit's own wandering in time
    wander_memory: float = 0.0  # share of that wandering that is left a week later

    # recording
    late_share: float
    twice_share: float
    corrected_share: float

    def without(self, *effects: str) -> Family:
        """The same family with some effects switched off.

        >>> from simulation.families import family
        >>> family("linear").without("champion").champion_shock
        0.0
        """
        unknown = sorted(set(effects) - set(EFFECTS))
        if unknown:
            raise UnknownFamily(
                f"no effect named {', '.join(unknown)}: choose among {', '.join(EFFECTS)}"
            )
        off = {name: 0.0 for effect in effects for name in EFFECTS[effect]}
        changes = {name: value for name, value in self.changes.items() if name not in off}
        return self.model_copy(update=off | {"changes": changes})


EFFECTS: dict[str, tuple[str, ...]] = {
    "health": ("churn_health", "churn_fallen", "grow_health", "grow_ready", "shrink_health"),
    "fill": ("grow_fill", "grow_ready", "shrink_fill"),
    "champion": ("champion_rate", "champion_shock"),
    "incidents": ("company_incidents", "local_incidents"),
    "slow_support": ("slow_share", "slow_shock"),
    "price": (
        "price_rise_share",
        "price_campaign",
        "price_discounted",
        "churn_price",
        "churn_price_unloved",
        "churn_price_lost",
    ),
    "size": ("churn_small", "churn_price_small"),
    "tenure": ("churn_tenure",),
    "frailty": ("churn_frailty", "grow_frailty"),
    "season": ("season",),
    "onboarding": ("onboarding", "stall_share", "churn_unready"),
    "orphans": ("churn_orphaned",),
    "frustration": ("churn_frustrated",),
    "stalls": ("stall_share", "churn_unready"),
    "style": ("style_spread",),
    "wander": ("wander_spread",),
    "monthly": ("monthly_terms",),
    "signals": ("notice_share", "ahead_share"),
    "drift": ("drift",),
    "midterm": ("midterm_rate",),
    "early": ("early_rate",),
    "returns": ("return_share",),
    "tone": ("tone_health",),
    "lateness": ("late_share", "twice_share", "corrected_share"),
}
