"""A publication, bundles and a ledger to ask about, made once."""

from __future__ import annotations

import shutil

import pytest

from tests.serve import ledgers
from tests.serve.api.served import Client, app, publish, save


@pytest.fixture(scope="session")
def saved(tmp_path_factory):
    """Bundles of two targets; read only."""
    return save(tmp_path_factory.mktemp("artifacts"))


@pytest.fixture(scope="session")
def story(tmp_path_factory):
    """A ledger with an entry of every kind; read only."""
    url = f"sqlite:///{tmp_path_factory.mktemp('story') / 'ledger.db'}"
    ledgers.story(url)
    return url


@pytest.fixture(scope="session")
def public(saved, tmp_path_factory):
    """The folder in which a publication lies; read only."""
    folder = tmp_path_factory.mktemp("public")
    publish(folder / "cycle", saved)
    return folder


@pytest.fixture(scope="session")
def client(public, saved, story):
    """A service with everything."""
    return Client(app(public, saved, ledger=story))


@pytest.fixture
def artifacts(saved, tmp_path):
    """Bundles that a test may change."""
    return shutil.copytree(saved, tmp_path / "artifacts")
