"""The families of worlds, by name. What differs from one to the next stands here and nowhere else.

`linear`: a renewal's logits are sums, and one health moves all behaviour.

`thresholds`: little happens before an edge, and then much; habits differ more between accounts and
wander by themselves. Its coefficients were chosen once, by how such customers are known to behave
and by what the truth of seeds 0 to 9 says, never by how any score does there (1,500 accounts each,
yearly contracts): 14 % of the due leave, 17 % grow, the choice as it was made ranks churn with an
AUC of .85, the state 60 days before with .78.

`drift`: as `linear` until the pricing change; then discounts are withdrawn, rises are higher, price
and size matter more, and use less.

`noise`: behaviour, and who grows, as in `linear`, but every decision that falls due is a loss with
one and the same chance. Whatever would tell by itself is left out: monthly terms, early ends, and
the notices and bookings ahead that sort those who stay from those who go before the day.
"""

from __future__ import annotations

from simulation.family import Family, UnknownFamily

LINEAR = Family(
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
    tone_health=0.6,
    season=1.0,
    onboarding=1.0,
    late_share=0.02,
    twice_share=0.004,
    corrected_share=0.006,
)

THRESHOLDS = LINEAR.model_copy(
    update={
        "name": "thresholds",
        "champion_rate": 0.25,
        "churn_level": -3.1,
        "churn_health": 0.0,
        "churn_small": 0.35,
        "churn_tenure": 0.10,
        "churn_price": 0.0,
        "churn_price_small": 0.0,
        "churn_frailty": 0.75,
        "churn_fallen": 2.2,
        "churn_orphaned": 2.3,
        "churn_frustrated": 1.5,
        "churn_unready": 1.7,
        "churn_price_unloved": 0.30,
        "churn_price_lost": 0.20,
        "grow_level": -3.2,
        "grow_fill": 0.0,
        "grow_health": 0.0,
        "grow_ready": 3.5,
        "price_rise_share": 0.06,
        "stall_share": 0.25,
        "style_spread": 0.35,
        "wander_spread": 0.25,
        "wander_memory": 0.98,
    }
)

DRIFT = LINEAR.model_copy(
    update={
        "name": "drift",
        "drift": 1.0,
        "changes": {
            "churn_level": -1.65,
            "churn_health": 0.9,
            "churn_small": 0.75,
            "churn_price": 0.16,
            "price_rise": 8.0,
            "price_rise_share": 0.12,
            "price_discounted": 0.35,
        },
    }
)

NOISE = LINEAR.without("size", "tenure", "monthly", "early", "signals").model_copy(
    update={
        "name": "noise",
        "churn_level": -1.8,
        "churn_health": 0.0,
        "churn_price": 0.0,
        "churn_frailty": 0.0,
    }
)

FAMILIES: dict[str, Family] = {family.name: family for family in (LINEAR, THRESHOLDS, DRIFT, NOISE)}


def family(name: str) -> Family:
    """The family of that name.

    >>> family("linear").name
    'linear'
    """
    if name not in FAMILIES:
        raise UnknownFamily(f"no family named {name!r}: choose among {', '.join(FAMILIES)}")
    return FAMILIES[name]
