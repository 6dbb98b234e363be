"""Where runs are kept: an MLflow store, opened quietly.

MLflow is imported when a store is opened and not before. Its autologging, its git look-ups and its
telemetry stay off: what a run is, its tags say, and nothing leaves the machine.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline import files

if TYPE_CHECKING:
    from mlflow.tracking import MlflowClient

EXPERIMENT = "renewcast"
QUIET = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_LOGGING_LEVEL": "WARNING",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    "MLFLOW_UV_AUTO_DETECT": "false",
    "GIT_PYTHON_REFRESH": "quiet",
}
ITS_OWN = ("Any type hint", "An input example was not provided")


def address() -> str:
    """The tracking URI: MLFLOW_TRACKING_URI where it is set, else mlflow.db in the clone.

    DVC runs a queued experiment in a folder that it throws away, and names the clone in DVC_ROOT.
    """
    given = os.environ.get("MLFLOW_TRACKING_URI")
    return given or f"sqlite:///{Path(os.environ.get('DVC_ROOT', '')) / files.TRACKING}"


def at(store: str) -> MlflowClient:
    """A client of a store and of the registry in it; call it inside `quiet()`."""
    from mlflow.tracking import MlflowClient

    return MlflowClient(tracking_uri=store, registry_uri=store)


def opened(store: str) -> tuple[MlflowClient, str]:
    """A client of the store and its experiment, made if it is new."""
    where, database = None, database_of(store)
    if database is not None:
        database.parent.mkdir(parents=True, exist_ok=True)
        where = (database.parent / "mlartifacts").as_uri()
    client = at(store)
    known = client.get_experiment_by_name(EXPERIMENT)
    if known is not None:
        return client, known.experiment_id
    return client, client.create_experiment(EXPERIMENT, artifact_location=where)


def database_of(store: str) -> Path | None:
    """The file of a sqlite store, None of any other."""
    if not store.startswith("sqlite:///"):
        return None
    return Path(store.removeprefix("sqlite:///")).resolve()


@contextmanager
def quiet() -> Iterator[None]:
    """Telemetry off before the first import; what MLflow says of its own code, and of its first
    migration, is not ours to show."""
    for name, value in QUIET.items():
        os.environ.setdefault(name, value)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        warnings.simplefilter("ignore", FutureWarning)
        warnings.filterwarnings("ignore", f".*({'|'.join(ITS_OWN)})", UserWarning)
        yield
