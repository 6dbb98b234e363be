"""What is usual among similar accounts: the customers of the same segment on the same morning."""

from __future__ import annotations

import pandas as pd

SEGMENT = "segment"
LEAST = 20  # fewer peers than this say nothing, as in the features that rank within an industry


def usual(features: pd.DataFrame, peers: pd.DataFrame, least: int = LEAST) -> pd.DataFrame:
    """The median of every number among the customers of each row's segment and morning.

    `features` and `peers` (all customers of the mornings, the account itself among them) are
    indexed by (account_id, as_of) and carry `segment` as known on the morning, in any case. Missing
    where fewer than `least` peers know a number, or fewer than half of them: the usual length of a
    thing most do not have is not what is usual. Text has no median and no column.
    """
    numbers = peers.select_dtypes(["number", "bool", "boolean"])
    kinds = [numbers.index.get_level_values("as_of"), _segment(peers)]
    grouped = numbers.astype(float).groupby(kinds)
    known, size = grouped.count(), grouped.size()
    enough = known.ge(least) & known.mul(2).ge(size, axis=0)
    at = pd.MultiIndex.from_arrays([features.index.get_level_values("as_of"), _segment(features)])
    found = grouped.median().where(enough).reindex(at)
    return found.set_axis(features.index)


def _segment(features: pd.DataFrame) -> pd.Index:
    return pd.Index(features[SEGMENT].astype("string").str.casefold(), name=SEGMENT)
