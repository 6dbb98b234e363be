"""A family of worlds: how strongly each mechanism works. Draws belong to the seed."""

from __future__ import annotations

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
    price_rise: float  # percent
    price_rise_share: float  # renewals that meet it
    price_campaign: float  # added to that share in the campaign year
    price_discounted: float  # added to that share where a discount is left to lose
    midterm_rate: float
    early_rate: float
    return_share: float

    # behaviour
    breadth_health: float
    frequency_health: float
    depth_health: float
    behaviour_noise: float  # weekly log deviation of each
    ticket_health: float
    season: float  # 1: full weekdays, holidays and summers; 0: every day alike
    onboarding: float  # 1: use ramps up from nothing; 0: full use from the first day

    # recording
    late_share: float
    twice_share: float
    corrected_share: float

    def without(self, *effects: str) -> Family:
        """The same family with some effects switched off.

        >>> FAMILIES["linear"].without("champion").champion_shock
        0.0
        """
        unknown = sorted(set(effects) - set(EFFECTS))
        if unknown:
            raise UnknownFamily(
                f"no effect named {', '.join(unknown)}: choose among {', '.join(EFFECTS)}"
            )
        off = {name: 0.0 for effect in effects for name in EFFECTS[effect]}
        return self.model_copy(update=off)


EFFECTS: dict[str, tuple[str, ...]] = {
    "health": ("churn_health", "grow_health", "shrink_health"),
    "fill": ("grow_fill", "shrink_fill"),
    "champion": ("champion_rate", "champion_shock"),
    "incidents": ("company_incidents", "local_incidents"),
    "slow_support": ("slow_share", "slow_shock"),
    "price": ("price_rise_share", "price_campaign", "price_discounted", "churn_price"),
    "size": ("churn_small", "churn_price_small"),
    "tenure": ("churn_tenure",),
    "frailty": ("churn_frailty", "grow_frailty"),
    "season": ("season",),
    "onboarding": ("onboarding",),
    "midterm": ("midterm_rate",),
    "early": ("early_rate",),
    "returns": ("return_share",),
    "lateness": ("late_share", "twice_share", "corrected_share"),
}

FAMILIES: dict[str, Family] = {
    "linear": Family(
        name="linear",
        health_memory=0.955,
        demand_memory=0.985,
        demand_spread=0.36,
        champion_rate=0.15,
        champion_shock=1.2,
        company_incidents=5.0,
        company_reach=0.3,
        local_incidents=0.4,
        incident_shock=0.12,
        slow_share=0.3,
        slow_shock=0.6,
        churn_level=-1.75,
        churn_health=1.3,
        churn_small=0.45,
        churn_tenure=0.18,
        churn_price=0.10,
        churn_price_small=0.8,
        churn_monthly=-2.15,
        churn_frailty=0.7,
        grow_level=-2.55,
        grow_fill=1.5,
        grow_health=0.35,
        grow_frailty=0.4,
        shrink_level=-2.6,
        shrink_fill=0.8,
        shrink_health=0.5,
        change_monthly=-2.5,
        price_rise=5.0,
        price_rise_share=0.04,
        price_campaign=0.12,
        price_discounted=0.06,
        midterm_rate=0.06,
        early_rate=0.012,
        return_share=0.06,
        breadth_health=0.42,
        frequency_health=0.5,
        depth_health=0.3,
        behaviour_noise=0.30,
        ticket_health=0.35,
        season=1.0,
        onboarding=1.0,
        late_share=0.02,
        twice_share=0.004,
        corrected_share=0.006,
    ),
}


def family(name: str) -> Family:
    """The family of that name.

    >>> family("linear").name
    'linear'
    """
    if name not in FAMILIES:
        raise UnknownFamily(f"no family named {name!r}: choose among {', '.join(FAMILIES)}")
    return FAMILIES[name]
