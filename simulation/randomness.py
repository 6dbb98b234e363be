"""One stream of chance for each mechanism: changing one leaves the others alone."""

from __future__ import annotations

import zlib

import numpy as np


def stream(seed: int, mechanism: str) -> np.random.Generator:
    """The generator of one mechanism in the world `seed`, the same on every run.

    >>> round(float(stream(7, "usage").random()), 6)
    0.970493
    >>> bool(stream(7, "usage").random() == stream(7, "support").random())
    False
    """
    key = zlib.crc32(mechanism.encode())
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence(seed, spawn_key=(key,))))
