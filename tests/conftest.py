"""What every test may ask for."""

from __future__ import annotations

import pytest

from tests.workspace import Workspace, reproduced


@pytest.fixture(scope="session")
def company(tmp_path_factory) -> Workspace:
    """A small simulated company, carried through every stage once; tests only read it."""
    return reproduced(tmp_path_factory.mktemp("company"))


def pytest_terminal_summary(terminalreporter) -> None:
    """Say what was left out: a folder's own conftest is not loaded by whoever hands tests out."""
    skipped = terminalreporter.stats.get("skipped", [])
    left = [report for report in skipped if "tests/browser" in report.nodeid]
    if left:
        terminalreporter.write_line(
            f"Left out: {len(left)} tests in a browser, for want of Chromium or Playwright"
        )
