"""Targets along `given`: who comes before whom, and every fault at once."""

from __future__ import annotations

import pytest

from models.chain import BrokenChain, chain, check_chains
from tests.serve.cycles import CHURN, DOWNSELL, UPSELL

ALL = {target.name: target for target in (DOWNSELL, UPSELL, CHURN)}


def changed(name, **change):
    return ALL | {name: ALL[name].model_copy(update=change)}


def test_a_chain_begins_with_the_target_that_is_given_nothing():
    assert [target.name for target in chain(DOWNSELL, ALL)] == ["churn", "upsell", "downsell"]
    assert chain(CHURN, ALL) == [CHURN]


def test_a_tree_that_can_be_read_is_passed_in_any_order():
    check_chains(ALL)
    check_chains(dict(reversed(ALL.items())))
    check_chains(changed("downsell", given=None, growth=0.5))  # of another tree, another growth


@pytest.mark.parametrize(
    "name, change, said",
    [
        ("upsell", {"given": "nobody"}, "targets.upsell.given is nobody"),
        ("upsell", {"given": "upsell"}, "it must name another target"),
        ("churn", {"given": "downsell"}, "not one that is itself given it"),
        ("upsell", {"horizon": 30}, "upsell is given churn: both must look over the same days"),
        ("downsell", {"outcome": "lost"}, "downsell is given churn, and both have the outcome"),
        ("downsell", {"growth": 0.2}, "growth must agree, not be 0.2 and 0.1"),
    ],
)
def test_what_cannot_be_one_tree_is_refused(name, change, said):
    with pytest.raises(BrokenChain, match=said):
        check_chains(changed(name, **change))


def test_all_faults_are_said_in_one_message_each_once():
    wrong = changed("downsell", growth=0.2, horizon=30)
    with pytest.raises(BrokenChain) as refused:
        check_chains(wrong)
    said = str(refused.value).split("; ")
    assert len(said) == len(set(said)) == 3
