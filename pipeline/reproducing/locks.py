"""What dvc.lock says: each stage's parameters, what it read and what it made, by their hashes.

Two locks are two accounts of the same stages. Where they part, and from what on, is read off them:
a stage that was given the same and made something else is not reproducible; one that was given
something else says what.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from pipeline import files


@dataclass(frozen=True)
class Made:
    """A stage as it was run: hashes of what it read and made by path, parameters by dotted name."""

    cmd: str
    deps: Mapping[str, str] = field(default_factory=dict)
    params: Mapping[str, Any] = field(default_factory=dict)
    outs: Mapping[str, str] = field(default_factory=dict)
    counts: Mapping[str, int] = field(default_factory=dict)  # files in each of the outs


@dataclass(frozen=True)
class Difference:
    """Something that is not what it was: `kind` is parameter, file, package, command or result.

    `then` and `now` are both values, None where there was none; `where` says more, if more is
    known: the first row that differs.
    """

    kind: str
    name: str
    then: Any = None
    now: Any = None
    where: str = ""


def read(text: str) -> dict[str, Made]:
    """The stages of a lock, by their names."""
    stages = (yaml.load(text, Loader=yaml.CSafeLoader) or {}).get("stages") or {}
    return {name: _made(stage) for name, stage in stages.items()}


def _made(stage: Mapping[str, Any]) -> Made:
    hashes = {
        kind: {entry["path"]: entry.get("md5", "") for entry in stage.get(kind, [])}
        for kind in ("deps", "outs")
    }
    given = stage.get("params", {}).get(files.PARAMS.name, {})
    counts = {entry["path"]: entry.get("nfiles", 1) for entry in stage.get("outs", [])}
    return Made(stage.get("cmd", ""), params=dict(leaves(given)), counts=counts, **hashes)


def leaves(nested: Any, name: str = "") -> Iterator[tuple[str, Any]]:
    """Every value below, with its dotted name.

    >>> dict(leaves({"seed": 1, "gradient": {"leaves": 6, "monotone": [1, -1]}}))
    {'seed': 1, 'gradient.leaves': 6, 'gradient.monotone': [1, -1]}
    """
    if isinstance(nested, Mapping) and nested:
        for key, value in nested.items():
            yield from leaves(value, f"{name}.{key}" if name else str(key))
    else:
        yield name, nested


def runs(stages: Mapping[str, Made]) -> dict[str, str]:
    """The hash of each record of a run that the stages made, by its path."""
    found: dict[str, str] = {}
    for made in stages.values():
        found |= {path: md5 for path, md5 in made.outs.items() if _is_run(path)}
    return found


def before(stages: Mapping[str, Made], last: str) -> list[str]:
    """The names of the stages that `last` hangs on, and itself, each after those it hangs on."""
    order: list[str] = []

    def visit(name: str) -> None:
        for other, made in stages.items():
            if other != name and other not in order and _reads(stages[name].deps, made.outs):
                visit(other)
        if name not in order:
            order.append(name)

    visit(last)
    return order


def _reads(deps: Iterable[str], outs: Iterable[str]) -> bool:
    """Whether one of some paths is, or lies above or below, one of those that were made."""
    made = [Path(out) for out in outs]
    return any(
        of == Path(dep) or of in Path(dep).parents or Path(dep) in of.parents
        for dep in deps
        for of in made
    )


@dataclass(frozen=True)
class Compared:
    """Two accounts of the same stages, held side by side.

    `same` counts the files of each result that is the same, by its path; `inputs` is what the
    stages were given from outside that differs, each once; `results` is what differs although its
    stage was given the same; `followed` are results that differ because of what went before;
    `skipped` are stages whose account is older than what they would read.
    """

    same: dict[str, int]
    inputs: list[Difference]
    results: list[Difference]
    followed: list[str]
    skipped: list[str]


def compared(then: Mapping[str, Made], now: Mapping[str, Made], order: Iterable[str]) -> Compared:
    """Hold the stages in `order` side by side, without the records of runs: they hold run ids."""
    found = Compared({}, [], [], [], [])
    differ: set[str] = set()  # results made again that are not what they were
    for name in (name for name in order if name in then and name in now):
        was, is_ = then[name], now[name]
        made_above = {out for other in now.values() for out in other.outs}
        inner = [dep for dep in was.deps if _reads([dep], made_above)]
        changed = [dep for dep in inner if was.deps[dep] != is_.deps.get(dep)]
        if any(not _reads([dep], differ) for dep in changed):
            found.skipped.append(name)
            continue
        outer = list(differences(was, is_, set(inner)))
        found.inputs.extend(one for one in outer if one not in found.inputs)
        for out, md5 in was.outs.items():
            if _is_run(out):
                continue
            if is_.outs.get(out) == md5:
                found.same[out] = was.counts.get(out, 1)
                continue
            differ.add(out)
            if outer or changed:
                found.followed.append(out)
            else:
                found.results.append(Difference("result", out, md5, is_.outs.get(out)))
    return found


def differences(was: Made, is_: Made, inner: set[str]) -> Iterator[Difference]:
    """What a stage was given that differs; `inner` are paths that other stages make."""
    if was.cmd != is_.cmd:
        yield Difference("command", was.cmd, was.cmd, is_.cmd)
    for name in sorted(was.params.keys() | is_.params.keys()):
        then, now = was.params.get(name), is_.params.get(name)
        if then != now:
            yield Difference("parameter", name, then, now)
    for path in sorted((was.deps.keys() | is_.deps.keys()) - inner):
        then, now = was.deps.get(path), is_.deps.get(path)
        if then != now:
            yield Difference("file", path, then, now)


def _is_run(path: str) -> bool:
    return Path(path).parent == files.RUNS and path.endswith(".json")


def md5_of(content: bytes) -> str:
    """The name that DVC's cache gives to what a file holds."""
    return hashlib.md5(content, usedforsecurity=False).hexdigest()
