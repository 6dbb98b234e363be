"""The registry of models: which version of a target is champion, which challenges it, and why.

Every decision, refusals too, is a tag of the registered model: there is one place to read them, it
lies with the models wherever they are kept, and outlives each version.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from pipeline.experiments.store import at, quiet

if TYPE_CHECKING:
    from mlflow.entities import LoggedModel
    from mlflow.tracking import MlflowClient

CHAMPION, CHALLENGER = "champion", "challenger"
PREFIX, DECISION = "renewcast-", "decision."


@dataclass(frozen=True)
class Decision:
    """What became of a run that was to be champion of a target.

    `against`: the champion's run, or what stood in for one; `difference` is the log-loss of the run
    less that of `against` on the same held-out mornings, below zero if the run is better, `low` and
    `high` its 95 % interval; all None where nothing was compared. `forced`: moved all the same, for
    the `reason` that was given; else `reason` is what the verdict rests on.
    """

    decided_at: str
    target: str
    run_id: str
    bundle_sha256: str
    against: str
    rows: int
    difference: float | None
    low: float | None
    high: float | None
    verdict: str
    promoted: bool
    forced: bool
    reason: str


def now() -> str:
    """The instant of a decision, to the microsecond: no two decisions share one."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def register(client: MlflowClient, target: str, model: LoggedModel) -> str:
    """Make the model of a run a version of its target's, and the challenger; returns the version.

    A target's first version challenges, too: nobody is champion who beat nobody.
    """
    name = _named(client, target)
    # not by its models:/ name, which MLflow would look up in another store than the client's
    found = client.create_model_version(
        name, model.artifact_location, model.source_run_id, model_id=model.model_id,
        await_creation_for=0,
    )  # fmt: skip
    client.set_registered_model_alias(name, CHALLENGER, found.version)
    return str(found.version)


def champion(store: str, target: str) -> str | None:
    """The run whose model is champion of a target, None if there is none yet."""
    with quiet():
        from mlflow.exceptions import MlflowException

        try:
            found = at(store).get_model_version_by_alias(PREFIX + target, CHAMPION)
        except MlflowException:
            return None
        return str(found.run_id)


def record(store: str, decision: Decision) -> None:
    """Keep a decision for good, and move the alias if it says so.

    The decision is written first: a move that the log does not know of cannot be.
    """
    with quiet():
        client = at(store)
        name = _named(client, decision.target)
        told = json.dumps(asdict(decision))
        client.set_registered_model_tag(name, DECISION + decision.decided_at, told)
        if not decision.promoted:
            return
        versions = client.search_model_versions(f"name = '{name}'")
        mine = [int(one.version) for one in versions if one.run_id == decision.run_id]
        client.set_registered_model_alias(name, CHAMPION, str(max(mine)))
        challenger = client.get_registered_model(name).aliases.get(CHALLENGER)
        if challenger is not None and int(challenger) in mine:
            client.delete_registered_model_alias(name, CHALLENGER)


def decisions(store: str) -> list[Decision]:
    """Every decision that the store holds, the newest first."""
    with quiet():
        models = at(store).search_registered_models(f"name LIKE '{PREFIX}%'")
    told = [
        Decision(**json.loads(value))
        for model in models
        for key, value in model.tags.items()
        if key.startswith(DECISION)
    ]
    return sorted(told, key=lambda one: one.decided_at, reverse=True)


def _named(client: MlflowClient, target: str) -> str:
    """The registered model of a target, made if it is new."""
    from mlflow.exceptions import MlflowException

    name = PREFIX + target
    try:
        client.get_registered_model(name)
    except MlflowException:
        client.create_registered_model(name)
    return name
