"""What every test may ask for."""

from __future__ import annotations

import pytest

from tests.workspace import Workspace, reproduced


@pytest.fixture(scope="session")
def company(tmp_path_factory) -> Workspace:
    """A small simulated company, carried through every stage once; tests only read it."""
    return reproduced(tmp_path_factory.mktemp("company"))
