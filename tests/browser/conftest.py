"""A service on a port of its own, and the system's Chromium to walk it with."""

from __future__ import annotations

import os
import shutil
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import uvicorn

from serve.app import create_app
from serve.ledger import Ledger
from tests.serve.web import figures, shelves

CHROMIUM = (
    shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
)
REQUIRED = "RENEWCAST_BROWSER"
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]


class Service:
    """The pages of 60 renewals; three have been lost since the morning."""

    def __init__(self, folder: Path) -> None:
        self.rows = shelves.predictions(60)
        shelves.publish(folder / "cycle")
        self.url = shelves.ledger(folder / "ledger.db", self.rows, 3)
        app = create_app(
            folder / "cycle", ledger=self.url, reports=figures.write(folder / "reports")
        )
        config = uvicorn.Config(app, port=0, log_level="error", ws="none", lifespan="on")
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._server.run, daemon=True)
        self._thread.start()
        while not self._server.started:
            if not self._thread.is_alive():
                raise RuntimeError("the service did not start")
            time.sleep(0.02)
        port = self._server.servers[0].sockets[0].getsockname()[1]
        self.address = f"http://127.0.0.1:{port}"

    def settle(self, lost: int) -> None:
        """The first so many scored renewals have left."""
        shelves.settle(Ledger.open(self.url), self.rows, lost)

    def stop(self) -> None:
        self._server.should_exit = True
        self._thread.join(10)


@pytest.fixture(scope="session")
def service(tmp_path_factory) -> Iterator[Service]:
    found = Service(tmp_path_factory.mktemp("browser"))
    yield found
    found.stop()


@pytest.fixture(scope="module")
def chromium() -> Iterator[object]:
    """A running Chromium; without one the tests are left out, unless RENEWCAST_BROWSER=required.

    Not for the session: while Playwright runs, no other test of this process has a loop of its own.
    """
    why = None if CHROMIUM else "there is no Chromium here: apt-get install chromium"
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        why = "playwright is not installed: make .venv/dev"
    if why:
        if os.environ.get(REQUIRED) == "required":
            pytest.fail(f"the pages were not walked: {why}")
        pytest.skip(why)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture
def page(chromium, service) -> Iterator[object]:
    """A fresh page; whatever it loads from elsewhere, or complains of, fails the test."""
    context = chromium.new_context(base_url=service.address, accept_downloads=True)
    context.set_default_timeout(15_000)
    tab = context.new_page()
    complaints: list[str] = []
    tab.on("console", lambda said: complaints.append(said.text) if said.type == "error" else None)
    tab.on("pageerror", lambda error: complaints.append(str(error)))
    tab.on("request", lambda asked: complaints.append(asked.url)
           if not asked.url.startswith((service.address, "data:")) else None)  # fmt: skip
    yield tab
    context.close()
    assert not complaints
