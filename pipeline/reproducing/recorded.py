"""What is left of a run: its record, the lock that names it, its parameters, and its commit.

A run is named by its id or its identity, as far as that is unambiguous. It is looked for in
the locks first, this tree's and those of every commit and experiment; then in MLflow; and last in
the remote, from where the records that the locks name are fetched.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import yaml

from pipeline import files
from pipeline.experiments import tracking
from pipeline.experiments.run_record import FEWEST, UnknownRun
from pipeline.experiments.store import address
from pipeline.reproducing import locks
from pipeline.reproducing.clones import Failed, dvc, git, stored

HERE = "this tree"


@dataclass(frozen=True)
class Recorded:
    """`record` is what runs/<target>.json says; `commit` holds the code; `lock` and `params` are
    the texts of dvc.lock and params.yaml; `whole` is whether the lock tells of the run itself, not
    only of what went before it; `place` is where all that was found."""

    record: Mapping[str, Any]
    commit: str
    lock: str
    params: str
    whole: bool
    place: str

    @property
    def target(self) -> str:
        return str(self.record["target"])

    @property
    def stage(self) -> str:
        return f"train@{self.target}"


def find(given: str, *, remote: bool = True) -> Recorded | None:
    """The run whose id or identity begins with `given`, or None; with `remote`, wherever it is.

    Raises UnknownRun if too little is given, or runs of several identities are meant. Of runs of
    one identity the newest that a lock names is taken.
    """
    if len(given) < FEWEST:
        raise UnknownRun(f"{given!r} is too short to name a run: give at least {FEWEST} characters")
    known = list(_locks())
    found = _among(known, given) or _tracked(given)
    if found is None and remote and (missing := _missing(known)):
        try:
            dvc("fetch", "--quiet", "--all-commits", *sorted(missing))
        except Failed as why:
            raise UnknownRun(
                f"no run here begins with {given}, and the records of {len(missing)} more could "
                f"not be fetched: {why}. Name a remote (`dvc remote add`), or `dvc pull` first"
            ) from None
        found = _among(known, given)
    return found


def _locks() -> Iterator[tuple[str, str]]:
    """Every lock there is, this tree's first, then the newest: (commit or HERE, its text)."""
    seen = set()
    if files.STAGES_LOCK.exists():
        yield HERE, files.STAGES_LOCK.read_text(encoding="utf-8")
    for commit in git("log", "--all", "--format=%H", "--", files.STAGES_LOCK.name).split():
        try:
            text = git("show", f"{commit}:{files.STAGES_LOCK.name}")
        except Failed:  # the commit that took it away
            continue
        if text not in seen:
            seen.add(text)
            yield commit, text


def _among(known: Iterable[tuple[str, str]], given: str) -> Recorded | None:
    """The run that is meant, if a lock names it and its record is at hand."""
    found: dict[str, tuple[dict[str, Any], str, str]] = {}
    for place, text in known:
        for path, md5 in locks.runs(locks.read(text)).items():
            record = _record(Path(path), md5)
            if record and _meant(record, given):
                identity = record["identity"]
                if identity not in found or found[identity][1] == HERE:
                    found[identity] = (record, place, text)  # a commit goes before this tree
    if len(found) > 1:
        ids = ", ".join(sorted(record["run_id"] for record, _, _ in found.values()))
        raise UnknownRun(f"{given} is the beginning of {len(found)} runs: {ids}; give more of one")
    return next((_recorded(*one) for one in found.values()), None)


def _meant(record: Mapping[str, Any], given: str) -> bool:
    return any(str(record.get(name, "")).startswith(given) for name in ("run_id", "identity"))


def _record(path: Path, md5: str) -> dict[str, Any] | None:
    """The record of that hash, from the cache or from where it lies."""
    for place in (stored(md5), path):
        if place.is_file():
            content = place.read_bytes()
            if locks.md5_of(content) == md5:
                return json.loads(content)
    return None


def _missing(known: Iterable[tuple[str, str]]) -> set[str]:
    """The paths of records that a lock names and that are not at hand."""
    return {
        path
        for _, text in known
        for path, md5 in locks.runs(locks.read(text)).items()
        if _record(Path(path), md5) is None
    }


def _recorded(record: dict[str, Any], place: str, lock: str) -> Recorded:
    """Put together what a lock names. A commit that the run was made in as it stood holds its code;
    what was not yet committed then may be in the commit of the lock."""
    clean = record.get("commit") and not record.get("dirty")
    commit = record["commit"] if clean or place == HERE else place
    if not commit:
        raise UnknownRun(
            f"run {record['run_id']} was made outside a git clone: no commit holds its code"
        )
    here = place == HERE
    base = files.PARAMS.read_text("utf-8") if here else git("show", f"{place}:{files.PARAMS}")
    stages = locks.read(lock)
    given: dict[str, Any] = {}
    for name in locks.before(stages, f"train@{record['target']}"):
        given |= stages[name].params
    where = f"{files.STAGES_LOCK} of {place if here else place[:12]}"
    return Recorded(record, commit, lock, with_leaves(base, given), True, where)


def _tracked(given: str) -> Recorded | None:
    """The run as MLflow tells of it, with the parameters and the lock that were logged."""
    store = address()
    found = [one for one in tracking.find_runs(store, given) if one["status"] == "FINISHED"]
    found = [one for one in found if one["tags"].get("commit")]
    if not found:
        return None
    if len({one["tags"]["identity_sha256"] for one in found}) > 1:
        ids = ", ".join(one["run_id"] for one in found)
        raise UnknownRun(f"{given} is the beginning of {len(found)} runs: {ids}; give more of one")
    tags = found[0]["tags"]
    hashes = {name.removesuffix("_sha256"): of for name, of in tags.items() if "_sha256" in name}
    record = {
        **hashes,
        "run_id": found[0]["run_id"],
        "bundle_sha256": tags["bundle_sha256"],
        "commit": tags["commit"],
        "dirty": json.loads(tags["dirty"]),
        "cpu": tags.get("cpu"),
        "target": tags["target"],
    }
    with TemporaryDirectory() as scratch:
        state = tracking.downloaded(store, record["run_id"], "state", Path(scratch))
        params = (state / files.PARAMS).read_text(encoding="utf-8")
        kept = state / files.STAGES_LOCK
        lock = kept.read_text(encoding="utf-8") if kept.exists() else ""
    return Recorded(record, tags["commit"], lock, params, False, "MLflow")


def with_leaves(text: str, given: Mapping[str, Any]) -> str:
    """params.yaml with some values by their dotted names; the same text if it says so already."""
    params = yaml.load(text, Loader=yaml.CSafeLoader)
    said = dict(locks.leaves(params))
    changed = {name: value for name, value in given.items() if said.get(name, ...) != value}
    for name, value in changed.items():
        *blocks, last = name.split(".")
        block = params
        for part in blocks:
            block = block.setdefault(_key(block, part), {})
        block[_key(block, last)] = value
    return yaml.safe_dump(params, sort_keys=False, allow_unicode=True) if changed else text


def _key(block: Mapping[Any, Any], name: str) -> Any:
    """The key of a block that is written like that: some are numbers."""
    return next((key for key in block if str(key) == name), int(name) if name.isdigit() else name)
