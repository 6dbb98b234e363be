"""Targets along `given`: each is learnt among those who escaped every one before it.

The chain churn, upsell, downsell is a tree with one branch a target and a last one for whoever
escapes them all: P(churn), then P(expand | stay) of the rest, then P(contract | neither) of what is
left of it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from models.target import Target


class BrokenChain(ValueError):
    """Some targets are given what cannot be asked before them; every fault is named."""


def chain(target: Target, targets: Mapping[str, Target]) -> list[Target]:
    """The targets up to and with this one, the first asked first.

    Raises BrokenChain if `given` names no target, or comes back to one.
    """
    found = [target]
    while (before := found[0].given) is not None:
        if before not in targets or before in {one.name for one in found}:
            raise BrokenChain(
                f"targets.{found[0].name}.given is {before}: it must name another target, not one "
                f"that is itself given it, over the same {target.horizon} days"
            )
        found.insert(0, targets[before])
    return found


def check_chains(targets: Mapping[str, Target]) -> None:
    """Raise BrokenChain unless along each chain one tree of results is read.

    That is: the same days, no outcome twice, and where an ancestor's outcome hangs on a growth, the
    same growth.
    """
    faults: dict[str, None] = {}  # each once, in order
    for target in targets.values():
        try:
            ancestors = chain(target, targets)[:-1]
        except BrokenChain as fault:
            faults[str(fault)] = None
            continue
        for before in ancestors:
            if before.horizon != target.horizon:
                faults[
                    f"targets.{target.name} is given {before.name}: both must look over the same "
                    f"days, not over {target.horizon} and {before.horizon}"
                ] = None
            if before.outcome == target.outcome:
                faults[
                    f"targets.{target.name} is given {before.name}, and both have the outcome "
                    f"{target.outcome}: who escaped the first cannot meet it again"
                ] = None
            elif before.needs_growth and before.growth != target.growth:
                faults[
                    f"targets.{target.name} is given {before.name}: their growth must agree, not "
                    f"be {target.growth} and {before.growth}"
                ] = None
    if faults:
        raise BrokenChain("; ".join(faults))
