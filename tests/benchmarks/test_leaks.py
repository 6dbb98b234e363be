"""Every leak of the catalogue is caught in a small company, and nothing without one."""

from __future__ import annotations

from dataclasses import fields

import numpy as np
import pandas as pd
import pytest

from benchmarks.catalogue import LEAKS, Case
from tests.models.gated import Gated, company


@pytest.fixture(scope="module")
def small() -> Gated:
    return company(accounts=500, quarters=8)


def planted(small: Gated, leak) -> Gated:
    case = Case(*(getattr(small, field.name) for field in fields(Case)))
    told = leak.plant(case, np.random.default_rng(0))
    return Gated(*(getattr(told, field.name) for field in fields(Case)), small.by)


def test_there_are_more_than_twenty_kinds_and_each_says_what_it_is():
    assert len({leak.name for leak in LEAKS}) >= 20
    assert all(len(leak.meaning) > 20 for leak in LEAKS)


def test_without_a_leak_nothing_is_found(small):
    assert small.found() == set()


@pytest.mark.parametrize("leak", LEAKS, ids=lambda one: one.name)
def test_a_planted_leak_is_caught(small, leak):
    def rebuild(sample):
        return small.features.reindex(pd.MultiIndex.from_frame(sample))

    told = planted(small, leak)
    assert told.probed(rebuild=rebuild if leak.outside else None).evidence
