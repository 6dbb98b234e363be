"""The only door to MLflow: one run, told in full and at once.

MLflow is imported when a run is tracked and not before. Its autologging, its git look-ups and its
telemetry stay off: what a run is, its tags say, and nothing leaves the machine.
"""

from __future__ import annotations

import json
import os
import time
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from models import bundle

if TYPE_CHECKING:
    from mlflow.tracking import MlflowClient

EXPERIMENT = "renewcast"
PARAMS_AT_ONCE, METRICS_AT_ONCE = 100, 1000
LONGEST_PARAM = 6000
QUIET = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_LOGGING_LEVEL": "WARNING",
    "GIT_PYTHON_REFRESH": "quiet",
}


def track(
    run_name: str,
    params: Mapping[str, Any],
    metrics: Mapping[str, Any],
    tags: Mapping[str, str],
    artifacts: Path | Sequence[Path],
    model_folder: Path,
    store: str,
) -> dict[str, str]:
    """Log one finished run and return what identifies it there: `run_id`, `experiment_id`,
    `artifact_uri`.

    Nested `params` and `metrics` are flattened with dots; of the metrics only numbers are logged.
    `tags` carry the hashes of data, params, code and lock. `artifacts` are files, or folders whose
    files are taken; the bundle goes to `bundle/`, its columns to `features.txt`. `store` is a
    tracking URI; the artifacts of a sqlite store lie in `mlartifacts` beside the database.
    """
    with _quiet():
        from mlflow.entities import Metric, Param

        client, experiment = _open(store)
        run = client.create_run(experiment, run_name=run_name, tags=dict(tags))
        run_id, now = run.info.run_id, int(time.time() * 1000)
        status = "FAILED"
        try:
            for part in _parts(flat(params), PARAMS_AT_ONCE):
                told = [Param(name, str(value)[:LONGEST_PARAM]) for name, value in part.items()]
                client.log_batch(run_id, params=told)
            for part in _parts(numbers(metrics), METRICS_AT_ONCE):
                points = [Metric(name, value, now, 0) for name, value in part.items()]
                client.log_batch(run_id, metrics=points)
            client.set_tag(run_id, "bundle_sha256", bundle.identity(model_folder))
            client.log_artifacts(run_id, str(model_folder), "bundle")
            client.log_text(run_id, "\n".join(bundle.columns(model_folder)) + "\n", "features.txt")
            for path in [artifacts] if isinstance(artifacts, Path) else artifacts:
                (client.log_artifacts if path.is_dir() else client.log_artifact)(run_id, str(path))
            status = "FINISHED"
        finally:
            client.set_terminated(run_id, status)
        return {
            "run_id": run_id,
            "experiment_id": experiment,
            "artifact_uri": run.info.artifact_uri,
        }


def flat(nested: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """One level of dotted names; lists and empty mappings stay values, written as JSON.

    >>> flat({"gradient": {"leaves": 6}, "ridge": [1, 10]})
    {'gradient.leaves': 6, 'ridge': '[1, 10]'}
    """
    leaves: dict[str, Any] = {}
    for name, value in nested.items():
        if isinstance(value, Mapping) and value:
            leaves |= flat(value, f"{prefix}{name}.")
        elif isinstance(value, Mapping | list | tuple):
            leaves[f"{prefix}{name}"] = json.dumps(value)
        else:
            leaves[f"{prefix}{name}"] = value
    return leaves


def numbers(nested: Mapping[str, Any]) -> dict[str, float]:
    """The flattened leaves that are numbers; spaces in names become underscores.

    >>> numbers({"auc": 0.7, "rung": "blend", "loss": {"base rate": 0.3, "none": None}})
    {'auc': 0.7, 'loss.base_rate': 0.3}
    """
    return {
        name.replace(" ", "_"): float(value)
        for name, value in flat(nested).items()
        if isinstance(value, int | float)
    }


def _open(store: str) -> tuple[MlflowClient, str]:
    """A client of the store and its experiment, made if it is new."""
    from mlflow.tracking import MlflowClient

    where: str | None = None
    if store.startswith("sqlite:///"):
        database = Path(store.removeprefix("sqlite:///")).resolve()
        database.parent.mkdir(parents=True, exist_ok=True)
        where = (database.parent / "mlartifacts").as_uri()
    client = MlflowClient(tracking_uri=store)
    known = client.get_experiment_by_name(EXPERIMENT)
    if known is not None:
        return client, known.experiment_id
    return client, client.create_experiment(EXPERIMENT, artifact_location=where)


def _parts(values: Mapping[str, Any], size: int) -> Iterator[dict[str, Any]]:
    items = list(values.items())
    return (dict(items[start : start + size]) for start in range(0, len(items), size))


@contextmanager
def _quiet() -> Iterator[None]:
    """Telemetry off before the first import; deprecations inside MLflow and the log of its first
    migration are not ours to show."""
    for name, value in QUIET.items():
        os.environ.setdefault(name, value)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        warnings.simplefilter("ignore", FutureWarning)
        yield
