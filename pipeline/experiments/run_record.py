"""A tracked run as it stands in the store, found by its id or identity, its bundles verified."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from models import bundle
from pipeline import files, settings
from pipeline.experiments import tracking

FEWEST = 6  # characters of a prefix: fewer name another run by a slip of the finger
BUNDLE, BACKTEST, STATE = "bundle", "backtest", "state"  # what a run is logged with


class UnknownRun(ValueError):
    """What was given names no run that can be read, or more than one."""


@dataclass(frozen=True)
class RunRecord:
    """`params`: params.yaml as a whole, as it stood; `metrics` and `tags` as logged; `bundle`: the
    serving bundle, `backtest`: that of the held-out cutoff, two folders."""

    id: str
    identity: str
    target: str
    params: dict[str, Any]
    metrics: dict[str, float]
    tags: dict[str, str]
    bundle: Path
    backtest: Path

    @property
    def short(self) -> str:
        """The id as people are shown it."""
        return self.id[:8]


def run(store: str, given: str, to: Path) -> RunRecord:
    """The finished run whose id or identity begins with `given`, its files copied to `to`/<id>.

    `store` is a tracking URI. Of runs of one identity the newest is taken: they are the same to the
    bit. Raises UnknownRun if none, or runs of several identities, are meant.
    """
    found = one(store, given)
    key, tags = found["run_id"], found["tags"]
    folder = to / key
    try:
        bundles = [tracking.downloaded(store, key, name, folder) for name in (BUNDLE, BACKTEST)]
        state = tracking.downloaded(store, key, f"{STATE}/{files.PARAMS}", folder)
    except tracking.NotTracked as why:
        raise UnknownRun(f"{why}; train again to have a run that holds all of it") from None
    served = bundle.manifest(bundles[0])["about"]
    if bundle.identity(bundles[0]) != tags.get("bundle_sha256"):
        raise UnknownRun(
            f"the bundle of run {key} is not the one it was tagged with: it was exchanged in "
            f"{store}; train again"
        )
    return RunRecord(
        id=key,
        identity=tags["identity_sha256"],
        target=served["target"]["name"],
        params=settings.read(state),
        metrics=found["metrics"],
        tags=tags,
        bundle=bundles[0],
        backtest=bundles[1],
    )


def one(store: str, given: str) -> dict[str, Any]:
    """What the store tells of the one finished run that is meant; raises UnknownRun."""
    if len(given) < FEWEST:
        raise UnknownRun(f"{given!r} is too short to name a run: give at least {FEWEST} characters")
    known = tracking.find_runs(store, given)
    found = [run for run in known if run["status"] == "FINISHED"]
    if not found:
        unfinished = f"; {len(known)} began and did not finish" if known else ""
        raise UnknownRun(
            f"no finished run in {store} has an id or identity that begins with {given}{unfinished}"
            f": runs/<target>.json names the newest, `mlflow ui --backend-store-uri {store}` all"
        )
    meant = {run["tags"].get("identity_sha256", run["run_id"]) for run in found}
    if len(meant) > 1:
        ids = ", ".join(run["run_id"] for run in found)
        raise UnknownRun(f"{given} is the beginning of {len(found)} runs: {ids}; give more of one")
    return found[0]
