"""The pages over a small publication, asked without a port."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI

from serve.api.state import State
from tests.serve.web import shelves


@dataclass(frozen=True)
class Pages:
    """Asks the application itself."""

    folder: Path
    state: State

    @cached_property
    def app(self) -> FastAPI:
        return shelves.app(self.state)

    def get(self, path: str, params: dict[str, str] | None = None) -> httpx.Response:
        async def asked() -> httpx.Response:
            transport = httpx.ASGITransport(app=self.app)
            async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
                return await client.get(path, params=params)

        return asyncio.run(asked())


def _pages(folder: Path) -> Pages:
    shelves.publish(folder / "cycle")
    ledger = shelves.ledger(folder / "ledger.db", shelves.predictions(60), 3)
    return Pages(folder, State(folder / "cycle", ledger=ledger, reports=folder / "reports"))


@pytest.fixture(scope="session")
def pages(tmp_path_factory) -> Pages:
    """60 renewals with a dossier, sealed, three of them lost since; no reports. Only read."""
    return _pages(tmp_path_factory.mktemp("pages"))


@pytest.fixture
def own(tmp_path) -> Pages:
    """The same, to be changed."""
    return _pages(tmp_path)


@pytest.fixture(scope="session")
def bare(tmp_path_factory) -> Pages:
    """A publication and nothing beside it."""
    folder = tmp_path_factory.mktemp("bare")
    shelves.publish(folder / "cycle", dossier=False)
    return Pages(folder, State(folder / "cycle"))
