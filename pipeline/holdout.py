"""A hold-out of a published cycle: accounts left alone on purpose, so that a saving can be told
from what would have happened anyway."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta

import pandas as pd
from pydantic import BaseModel, ConfigDict, Field

from models import holdout
from models.holdout import Detectable
from models.holdout_effect import Effect, effect
from serve.freshness import Refused
from serve.ledger import Ledger
from serve.record import KEY, SETTLED, UNSETTLED


class HoldoutSettings(BaseModel):
    """`share` of the scored accounts that is held out where none is asked for; `salt` decides who:
    another salt, other accounts; `seed` of the permutation test on ARR."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    share: float = Field(gt=0, lt=1)
    salt: str
    seed: int


class NotPublished(Refused):
    """No run of the morning is in the ledger, or none of its renewals was scored."""


@dataclass(frozen=True)
class Assigned:
    """`rows`: account_id, group, stratum; `new`: how many were not in the ledger before;
    `detectable`: what it could show."""

    rows: pd.DataFrame
    new: int
    detectable: Detectable


def assign(ledger: Ledger, as_of: date, share: float, salt: str) -> Assigned:
    """Hold out a share of the accounts scored on a morning, and seal who they are.

    Whoever was held out before stays so as far as the share allows. Raises NotPublished, and
    Unsealable if the morning has another hold-out already.
    """
    said = ledger.read(as_of, as_of + timedelta(days=1)).predictions
    scored = said[said["status"].eq("scored")]
    if scored.empty:
        raise NotPublished(
            f"the ledger holds no scored renewal of {as_of}: publish it first "
            f"(`renewcast score --as-of {as_of} --out DIR`)"
        )
    earlier = ledger.assignments()
    earlier = earlier[earlier["as_of"].lt(pd.Timestamp(as_of))].sort_values("as_of")
    before = earlier.groupby("account_id")["group"].last().to_dict()
    rows = holdout.assign(scored, share, salt, before)
    new = ledger.assign(rows, as_of=as_of, share=share, salt=salt)
    return Assigned(rows, new, holdout.detectable(scored, share))


def newest_effect(ledger: Ledger, settings: HoldoutSettings) -> Effect:
    """What the newest hold-out shows whose renewals are all settled; while there is none, the
    newest with any settled. Without one, that nothing can be claimed."""
    every = ledger.assignments()
    begun: Effect | None = None
    for day in sorted(every["as_of"].unique(), reverse=True):
        as_of = pd.Timestamp(day).date()
        record = ledger.read(as_of, as_of + timedelta(days=1))
        ended = record.outcomes.merge(record.predictions[KEY], on=KEY)
        over = not ended["outcome"].isin(UNSETTLED).any()
        if over or (begun is None and ended["outcome"].isin(SETTLED).any()):
            shown = effect(every[every["as_of"].eq(day)], ended, seed=settings.seed)
            if over:
                return shown
            begun = shown
    return begun or effect(None, pd.DataFrame(), seed=settings.seed)
