"""Why a run that is made again is not what it was: the input that differs, by its name.

A parameter with both values, a file with its first row that is another, a package with both
versions, code that no commit holds.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import yaml

from features.publication import sha256
from pipeline import files
from pipeline.reproducing import clones, locks
from pipeline.reproducing.clones import Failed, Scratch
from pipeline.reproducing.locks import Compared, Difference
from pipeline.reproducing.parting import files_apart, first_row
from pipeline.reproducing.recorded import Recorded
from pipeline.state import state

PIN = re.compile(r"^([A-Za-z0-9_.-]+)==([^ ;\\]+)", re.MULTILINE)
UNCOMMITTED = "the run was made from a tree that was not committed; no commit holds it"
FILES_SHOWN = 3


def changed_exports(record: Mapping[str, Any], folder: Path) -> Iterator[Difference]:
    """The source's files below `folder` that are not those the run was made from."""
    for name, then in record.get("inputs", {}).items():
        path = folder / name
        if path.exists() and (now := sha256(path)) != then:
            yield Difference("file", name, then, now)


def inputs(
    record: Mapping[str, Any], folder: Path, seen: Compared, given: list[Difference]
) -> list[Difference]:
    """All that the run was given that differs; `given` are its exports, told file by file."""
    found = list(given)
    for one in seen.inputs:
        if one.kind == "file" and _inside(one.name, given):
            continue
        found += _uncommitted(one, record) if _is_code(one.name) else [one]
    if seen.results or seen.followed:
        found += _other_code(record, folder, found)
    if seen.results:
        found += packages(folder / files.LOCK)
    return found


def exports(differences: Iterable[Difference]) -> set[str]:
    """The names of those that are data: files that are no code of ours."""
    return {one.name for one in differences if one.kind == "file" and not _is_code(one.name)}


def packages(pins: Path) -> list[Difference]:
    """The packages that are installed here in another version than a lock pins."""
    pinned: dict[str, set[str]] = {}
    for name, wanted in PIN.findall(pins.read_text(encoding="utf-8")):
        pinned.setdefault(name, set()).add(wanted)
    found = []
    for name, wanted in sorted(pinned.items()):
        try:
            here = version(name)
        except PackageNotFoundError:  # meant for another platform
            continue
        if here not in wanted:
            found.append(Difference("package", name, " or ".join(sorted(wanted)), here))
    return found


def rows(lock: str, made: Scratch, seen: Compared) -> list[str]:
    """Sentences on where the first result that differs parts from what it was."""
    then = locks.read(lock)
    hashes = {out: md5 for stage in then.values() for out, md5 in stage.outs.items()}
    differ = [*seen.followed, *(one.name for one in seen.results)]
    first = next((out for out in hashes if out in differ), None)
    if first is None:
        return []
    with made.old(first, hashes[first]) as old:
        now = made.folder / first
        if old is None or not now.exists():
            return []
        if now.is_file():
            return [f"{first}: {first_row(old, now)}"]
        apart = files_apart(old, now)
        said = [(name, first_row(old / name, now / name)) for name in apart[:FILES_SHOWN]]
    more = [f"{first}: {len(apart) - FILES_SHOWN} more files"] if len(apart) > FILES_SHOWN else []
    return [f"{first}/{name}: {row}" if row else f"{first}/{name}" for name, row in said] + more


def moved(found: Recorded, restored: Path) -> Iterator[Difference]:
    """What is different in this tree by now: parameters, exports, code. It had no part."""
    now = dict(locks.leaves(yaml.safe_load(files.PARAMS.read_text(encoding="utf-8"))))
    stages = locks.read(found.lock)
    then: dict[str, Any] = {}
    if found.whole:
        for name in locks.before(stages, found.stage):
            then |= stages[name].params
    else:
        then = dict(locks.leaves(yaml.safe_load(found.params)))
    for name, value in sorted(then.items()):
        if now.get(name) != value:
            yield Difference("parameter", name, value, now.get(name))
    for name, sha in found.record.get("inputs", {}).items():
        here, old = Path(name), restored / name
        is_ = sha256(here) if here.exists() else None
        if is_ != sha and is_ is not None:
            known = old.exists() and sha256(old) == sha
            yield Difference("file", name, sha, is_, first_row(old, here) if known else "")
    asked = [*files.CODE, files.STAGES.name, files.LOCK.as_posix()]
    try:
        changed = set(clones.git("diff", "--name-only", found.commit, "--", *asked).split("\n"))
    except Failed:
        changed = set()
    changed |= {name for name in state().dirty if _is_code(name)}
    for name in sorted(changed - {""}):
        yield Difference("file", name, found.commit[:12], "this tree")


def _other_code(
    record: Mapping[str, Any], folder: Path, found: list[Difference]
) -> list[Difference]:
    """Code or lock that the run's hashes tell of and that no file was named for."""
    path = folder / files.RUNS / f"{record['target']}.json"
    if not path.exists():
        return []
    now = yaml.safe_load(path.read_text(encoding="utf-8"))
    differ = {part for part in ("params", "code", "lock") if record.get(part) != now[part]}
    named = {one.name for one in found}
    other = []
    if "code" in differ and not any(_is_code(name) for name in named):
        code = Difference("file", "code", record.get("code"), now["code"])
        other += _uncommitted(code, record)
    if "lock" in differ and files.LOCK.as_posix() not in named:
        other.append(Difference("file", files.LOCK.as_posix(), record.get("lock"), now["lock"]))
    if "params" in differ and not any(one.kind == "parameter" for one in found):
        other.append(Difference("file", files.PARAMS.name, record.get("params"), now["params"]))
    return other


def _uncommitted(one: Difference, record: Mapping[str, Any]) -> list[Difference]:
    """The files of the code that were not committed when the run was made, for what stands for
    them: a folder, or all of it."""
    dirty = [name for name in record.get("dirty", []) if _is_code(name)]
    below = [name for name in dirty if one.name == "code" or _covers(one.name, name)]
    if below:
        return [Difference("file", name, where=UNCOMMITTED) for name in below]
    return [Difference(one.kind, one.name, one.then, one.now)]


def _inside(folder: str, given: Iterable[Difference]) -> bool:
    return any(_covers(folder, one.name) for one in given)


def _covers(folder: str, name: str) -> bool:
    return Path(name).is_relative_to(folder)


def _is_code(name: str) -> bool:
    return name == "code" or Path(name).parts[0] in files.CODE
