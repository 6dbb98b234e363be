"""Models fitted once and shared by the tests that only read them."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from models import bundle
from models.blend import Model
from models.ladder import train
from tests.models.panel import FAMILIES, GAP_DAYS, SETTINGS, SIGNS, Churn, panel


@cache
def blend() -> Model:
    """A blend of trees and logit on 300 accounts and 8 mornings."""
    world = panel()
    return train(
        world.features,
        world.labels,
        name="churn",
        target=Churn(),
        settings=SETTINGS,
        signs=SIGNS,
        seed=1,
        gap_days=GAP_DAYS,
        families=FAMILIES,
    )


def small_bundle(folder: Path) -> Path:
    """The blend, saved."""
    bundle.save(blend(), folder, about={"target": "churn"})
    return folder
