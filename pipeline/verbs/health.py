"""Verbs of the rule-based health score."""

from __future__ import annotations

from pipeline.verbs.front import (
    Account,
    AsJson,
    AsOf,
    of_account,
    one_morning,
    plain,
    print_json,
    records,
)


def score(as_of: AsOf, account: Account = None, as_json: AsJson = False) -> None:
    """Print the health score of a morning, with the rules that fired."""
    from models.health import HealthScore
    from pipeline import terminal as shown
    from pipeline.settings import load

    rows = of_account(one_morning(as_of.date()).features, account)
    health = HealthScore(load().health)
    assessed, rules = health.assess(rows), health.rules(rows)
    if as_json:
        print_json({"scores": records(assessed), "rules": rules.pipe(plain)})
    elif account:
        shown.health_of_one(assessed, rules)
    else:
        shown.health(assessed)
