"""One training as MLflow knows it: told in full and at once, and found again.

With `store`, `registry` and `logged` this is all that speaks to MLflow.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from models import bundle
from pipeline.experiments import logged, registry
from pipeline.experiments.store import EXPERIMENT, at, database_of, opened, quiet

if TYPE_CHECKING:
    from mlflow.entities import LoggedModel, Run
    from mlflow.tracking import MlflowClient

    from pipeline.experiments.cutoffs import Cutoff

MODEL = "model"  # what MLflow's own model of a run is called there
PARAMS_AT_ONCE, ENTITIES_AT_ONCE = 100, 1000
LONGEST_PARAM, DIGEST = 6000, 36
HEX = frozenset("0123456789abcdef")
PARENT = "mlflow.parentRunId"


class NotTracked(ValueError):
    """A run, or something that was to be logged with it, is not in the tracking store."""


@dataclass(frozen=True)
class Data:
    """A set of data that a training read: its name, where it lies, and what it is read for
    (`context`)."""

    name: str
    sha256: str
    path: str
    context: str


@dataclass(frozen=True)
class Training:
    """All that is told of one training.

    Nested `params` and `metrics` are flattened with dots; of the metrics only numbers are logged.
    `tags` carry the hashes of data, params, code and lock, and the state of the tree. Of the
    `bundles` the first is the one that serves, and becomes the model; each goes to a folder of its
    name. `files` are files, or folders whose files are taken; `state` goes to `state/`. Each of the
    `cutoffs` is a nested run.
    """

    name: str
    target: str
    params: Mapping[str, Any]
    metrics: Mapping[str, Any]
    tags: Mapping[str, str]
    bundles: Mapping[str, Path]
    files: Sequence[Path] = ()
    state: Sequence[Path] = ()
    data: Sequence[Data] = ()
    cutoffs: Sequence[Cutoff] = ()


def track(told: Training, store: str) -> dict[str, str]:
    """Log one finished training, register its model as challenger, and return what identifies it
    there: `run_id`, `experiment_id`, `artifact_uri`.

    `store` is a tracking URI; the artifacts of a sqlite store lie in `mlartifacts` beside the
    database. Raises Unsigned if the model does not come back as it was logged; the run is then
    marked failed, and nothing is registered.
    """
    with quiet():
        client, experiment = opened(store)
        served = next(iter(told.bundles.values()))
        tags = {**told.tags, "target": told.target, "bundle_sha256": bundle.identity(served)}
        with _running(client, experiment, told.name, tags) as run:
            run_id = run.info.run_id
            _batches(client, run_id, told.params, told.metrics)
            _data(client, run_id, told.data)
            for name, folder in told.bundles.items():
                client.log_artifacts(run_id, str(folder), name)
            client.log_text(run_id, "\n".join(bundle.columns(served)) + "\n", "features.txt")
            for path in told.files:
                (client.log_artifacts if path.is_dir() else client.log_artifact)(run_id, str(path))
            for path in told.state:
                client.log_artifact(run_id, str(path), "state")
            for cutoff in told.cutoffs:
                nested = {PARENT: run_id, "target": told.target, "cutoff": cutoff.day}
                with _running(client, experiment, cutoff.name, nested) as child:
                    _batches(client, child.info.run_id, {}, cutoff.metrics)
            model = _model(client, store, run, served, tags)
        registry.register(client, told.target, model)
        return {
            "run_id": run_id,
            "experiment_id": experiment,
            "artifact_uri": run.info.artifact_uri,
        }


def find_runs(store: str, prefix: str) -> list[dict[str, Any]]:
    """The runs whose id or identity begins with `prefix`, newest first; nested ones are left out.

    Each is a dict of `run_id`, `status`, `start_time` (ms), `artifact_uri`, `tags`, `params` and
    `metrics`. A store that is not there holds no run, and is not made.
    """
    wanted, there = prefix.lower(), database_of(store)
    if not set(wanted) <= HEX or (there is not None and not there.exists()):
        return []
    with quiet():
        client = at(store)
        experiment = client.get_experiment_by_name(EXPERIMENT)
        if experiment is None:
            return []
        found: dict[str, Run] = {}
        for told in (f"run_id LIKE '{wanted}%'", f"tags.identity_sha256 LIKE '{wanted}%'"):
            token: str | None = None
            while token != "":
                page = client.search_runs([experiment.experiment_id], told, page_token=token)
                found |= {run.info.run_id: run for run in page}
                token = page.token or ""
    mine = [run for run in found.values() if PARENT not in run.data.tags]
    return [
        {
            "run_id": run.info.run_id,
            "status": run.info.status,
            "start_time": run.info.start_time,
            "artifact_uri": run.info.artifact_uri,
            "tags": dict(run.data.tags),
            "params": dict(run.data.params),
            "metrics": dict(run.data.metrics),
        }
        for run in sorted(mine, key=lambda run: (-run.info.start_time, run.info.run_id))
    ]


def downloaded(store: str, run_id: str, path: str, to: Path) -> Path:
    """What a run logged under `path` (`bundle`, `backtest`, `state/params.yaml`), copied into the
    folder `to`. Raises NotTracked if the run holds nothing there."""
    to.mkdir(parents=True, exist_ok=True)
    with quiet():
        from mlflow.exceptions import MlflowException

        try:
            found = at(store).download_artifacts(run_id, path, str(to))
        except (MlflowException, OSError) as error:
            raise NotTracked(f"run {run_id} holds no {path} in {store}: {error}") from None
    return Path(found)


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


@contextmanager
def _running(
    client: MlflowClient, experiment: str, name: str, tags: Mapping[str, str]
) -> Iterator[Run]:
    """A new run, finished when the block ends well and failed when it does not."""
    run, status = client.create_run(experiment, run_name=name, tags=dict(tags)), "FAILED"
    try:
        yield run
        status = "FINISHED"
    finally:
        client.set_terminated(run.info.run_id, status)


def _batches(
    client: MlflowClient, run_id: str, params: Mapping[str, Any], metrics: Mapping[str, Any]
) -> None:
    from mlflow.entities import Metric, Param

    now = int(time.time() * 1000)
    points = [Metric(name, value, now, 0) for name, value in numbers(metrics).items()]
    told = [Param(name, str(value)[:LONGEST_PARAM]) for name, value in flat(params).items()]
    while points or told:
        some, told = told[:PARAMS_AT_ONCE], told[PARAMS_AT_ONCE:]
        room = ENTITIES_AT_ONCE - len(some)
        client.log_batch(run_id, metrics=points[:room], params=some)
        points = points[room:]


def _data(client: MlflowClient, run_id: str, data: Sequence[Data]) -> None:
    """What was read, by its hash: MLflow has room for the first half of one."""
    from mlflow.entities import Dataset, DatasetInput, InputTag

    client.log_inputs(
        run_id,
        [
            DatasetInput(
                Dataset(of.name, of.sha256[:DIGEST], "local", json.dumps({"uri": of.path})),
                [InputTag("mlflow.data.context", of.context), InputTag("sha256", of.sha256)],
            )
            for of in data
        ],
    )


def _model(
    client: MlflowClient, store: str, run: Run, served: Path, tags: Mapping[str, str]
) -> LoggedModel:
    """Log the serving bundle as MLflow's model of the run, and see that it came back."""
    from mlflow.artifacts import download_artifacts
    from mlflow.entities import LoggedModelOutput, LoggedModelStatus

    run_id = run.info.run_id
    found = client.create_logged_model(run.info.experiment_id, MODEL, run_id, dict(tags))
    with TemporaryDirectory() as folder:
        saved = Path(folder) / "saved"
        about = {"target": tags["target"], "bundle_sha256": tags["bundle_sha256"]}
        logged.save(served, saved, run_id=run_id, model_id=found.model_id, metadata=about)
        client.log_model_artifacts(found.model_id, str(saved))
        client.log_outputs(run_id, [LoggedModelOutput(found.model_id, 0)])
        back = download_artifacts(
            artifact_uri=found.artifact_location, dst_path=f"{folder}/back", tracking_uri=store
        )
        logged.check(Path(back), served)
    client.finalize_logged_model(found.model_id, LoggedModelStatus.READY)
    return found
