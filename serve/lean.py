"""Importing what a service needs, and not what its libraries would like to find beside it.

LightGBM reads scikit-learn for an interface that nothing here uses, and pandas reads PyArrow for a
way of keeping text: a third of the memory of a service, and of the time until it is ready. A
container has neither (the group `serve`); in a whole clone both are there.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def without(*packages: str) -> Iterator[None]:
    """Import what stands inside as if some packages were not installed; those that are imported
    already stay.

    >>> with without("wave"):
    ...     import wave
    Traceback (most recent call last):
    ModuleNotFoundError: import of wave halted; None in sys.modules
    """
    hidden = [name for name in packages if name not in sys.modules]
    sys.modules.update(dict.fromkeys(hidden))  # type: ignore[arg-type]
    try:
        yield
    finally:
        for name in hidden:
            sys.modules.pop(name, None)
