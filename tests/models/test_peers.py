"""What is usual: the median among enough customers of the same segment on the same morning."""

from __future__ import annotations

import numpy as np
import pandas as pd

from models.peers import LEAST, usual

MAY, JUNE = pd.Timestamp("2025-05-01"), pd.Timestamp("2025-06-01")


def customers(segment, count, as_of=MAY, **columns):
    """So many customers of a segment; their seats are 0, 1, 4, 9, ... unless told otherwise."""
    index = pd.MultiIndex.from_product(
        [[f"{segment}-{number}" for number in range(count)], [as_of]], names=["account_id", "as_of"]
    )
    return pd.DataFrame({"seats": np.arange(float(count)) ** 2} | columns, index).assign(
        segment=segment
    )


def test_it_is_the_median_of_the_own_segment_and_morning():
    peers = pd.concat([
        customers("SMB", 21), customers("Enterprise", 21, seats=900.0), customers("SMB", 41, JUNE),
    ])  # fmt: skip
    asked = peers.loc[[("SMB-3", MAY), ("SMB-3", JUNE), ("Enterprise-0", MAY)]]
    assert usual(asked, peers)["seats"].tolist() == [100.0, 400.0, 900.0]
    assert usual(asked, peers).index.equals(asked.index)


def test_too_few_peers_say_nothing():
    few, enough = customers("SMB", LEAST - 1), customers("Enterprise", LEAST)
    peers = pd.concat([few, enough])
    found = usual(peers, peers)["seats"]
    assert found[: LEAST - 1].isna().all() and found[LEAST - 1 :].eq(90.5).all()


def test_what_most_peers_do_not_have_is_not_what_is_usual():
    peers = customers("SMB", 60, nps=np.where(np.arange(60) < 29, 8.0, np.nan))
    assert usual(peers, peers)["nps"].isna().all()
    half = peers.assign(nps=np.where(np.arange(60) < 30, 8.0, np.nan))
    assert usual(half, half)["nps"].eq(8.0).all()


def test_a_segment_in_another_case_is_the_same_and_without_one_there_are_no_peers():
    peers = pd.concat([customers("SMB", 30), customers(None, 30)])
    asked = peers.iloc[[0, 31]].assign(segment=["smb", None])
    assert usual(asked, peers)["seats"].tolist()[0] == 210.5
    assert usual(asked, peers)["seats"].isna().tolist() == [False, True]


def test_text_has_no_median():
    peers = customers("SMB", 30, plan="pro")
    assert list(usual(peers, peers).columns) == ["seats"]
