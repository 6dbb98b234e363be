"""What an account has signed: money, seats, products, term, and how earlier renewals ended.

`arr`, `tenure_days`, `days_to_due` and `month_to_month` come with the observation. Most carry no
sign: a rise in ARR can be an expansion or a price rise, and a discount can be won or begged for.
"""

from __future__ import annotations

from features.feature import derived, feature

KEPT = "status IN ('renewed', 'expanded', 'contracted')"
CONTRACT = "NOT month_to_month"


@derived
def arr() -> str:
    """Recurring revenue per year on the morning, in the source's currency.

    Missing if the amount of any row in force is unknown.
    """
    return "arr"


@derived
def tenure_days() -> str:
    """Days since the account became a customer; it starts again after a reactivation."""
    return "tenure_days"


@derived
def days_to_due() -> str:
    """Days until the next undecided due date; missing if none is known."""
    return "days_to_due"


@derived(days=[90])
def due_within(days: int) -> str:
    """1 if an undecided due date lies fewer than {days} days ahead, 0 if not, or none is known."""
    return f"coalesce(days_to_due, {days}) < {days}"


@derived
def month_to_month() -> str:
    """1 if the next decision is a monthly one, 0 if a contract's; missing without a decision."""
    return "month_to_month"


@feature("subscriptions")
def seats() -> str:
    """Seats in force on the morning, over all rows; missing if no row in force states them."""
    return "sum(seats) FILTER (WHERE in_force(0))"


@feature("subscriptions", sign=-1)
def products() -> str:
    """Different products in force on the morning; missing if no row in force names one."""
    return "nullif(count(DISTINCT product) FILTER (WHERE in_force(0)), 0)"


@feature("subscriptions")
def term_days() -> str:
    """Days of the longest term in force, from its start to the first day the customer may leave.

    Missing if every row in force may be left at any time.
    """
    return "max(since(start_date) + until(term_end)) FILTER (WHERE in_force(0))"


@feature("subscriptions", sign=-1)
def auto_renew() -> str:
    """1 if every row in force renews by itself, 0 if one does not; missing if none states it.

    Used only where the source keeps versions: elsewhere the flag is overwritten at cancellation.
    """
    renews = "CASE WHEN auto_renew THEN 1 WHEN NOT auto_renew THEN 0 END"
    return f"min({renews}) FILTER (WHERE in_force(0))"


@feature("subscriptions")
def discount() -> str:
    """Mean discount of the rows in force, weighted by their ARR; 0.1 is a tenth off.

    Missing if no paying row in force states it.
    """
    stated = "FILTER (WHERE in_force(0) AND discount IS NOT NULL)"
    return f"sum(discount * arr) {stated} / nullif(sum(arr) {stated}, 0)"


@feature("subscriptions", days=[91, 182])
def arr_growth(days: int) -> str:
    """ARR on the morning against {days} days before: 0.1 is a tenth more, -0.5 is half.

    Missing for accounts that paid nothing then, or with an amount unknown on either day.
    """
    unknown = f"count(*) FILTER (WHERE arr IS NULL AND (in_force(0) OR in_force({days})))"
    now = "coalesce(sum(arr) FILTER (WHERE in_force(0)), 0)"
    then = f"nullif(sum(arr) FILTER (WHERE in_force({days})), 0)"
    return f"CASE WHEN {unknown} = 0 THEN {now} / {then} - 1 END"


@feature("subscriptions", days=[91], sign=-1)
def seats_growth(days: int) -> str:
    """Seats on the morning against {days} days before: 0.1 is a tenth more, -0.5 is half.

    Missing for accounts without stated seats on either day.
    """
    now = "sum(seats) FILTER (WHERE in_force(0))"
    return f"{now} / nullif(sum(seats) FILTER (WHERE in_force({days})), 0) - 1"


@derived
def price_per_seat() -> str:
    """ARR per seat in force; missing if either is unknown, or there are no seats."""
    return "arr / nullif(seats, 0)"


@feature("subscriptions")
def days_since_change() -> str:
    """Days since a row of the contract last began: a renewal, a new plan, price or seat count."""
    return "min(since(start_date)) FILTER (WHERE since(start_date) > 0)"


@feature("renewals", absent=0, sign=-1)
def past_renewals() -> str:
    """Contract renewals that the account kept, at whatever amount; monthly ones do not count."""
    return f"count(*) FILTER (WHERE {KEPT} AND {CONTRACT})"


@feature("renewals", absent=0, sign=-1)
def past_expansions() -> str:
    """Contract renewals at which the account grew."""
    return f"count(*) FILTER (WHERE status = 'expanded' AND {CONTRACT})"


@feature("renewals", absent=0)
def past_contractions() -> str:
    """Contract renewals at which the account shrank."""
    return f"count(*) FILTER (WHERE status = 'contracted' AND {CONTRACT})"
