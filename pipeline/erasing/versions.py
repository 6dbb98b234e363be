"""The versions of the data that DVC keeps: its cache, its remotes, and which commits name them."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from pathlib import Path

from pipeline import files
from pipeline.erasing.traces import Sought, holds

DVC, DIR = Path(".dvc"), ".dir"
MD5 = re.compile(r"md5: ([0-9a-f]{32}(?:\.dir)?)")


@dataclass(frozen=True)
class Stores:
    """`folders`: the cache and every remote that is a folder here; `elsewhere`: name -> URL of the
    other remotes."""

    folders: tuple[Path, ...]
    elsewhere: dict[str, str]


def stores() -> Stores:
    """Where DVC keeps what this clone made, as its configuration says."""
    if not DVC.is_dir():
        return Stores((), {})
    from dvc.config import Config

    config = Config(str(DVC.resolve()))
    folders, elsewhere = [Path(config["cache"].get("dir") or DVC / "cache")], {}
    for name, remote in config["remote"].items():
        url = str(remote["url"])
        if "://" in url:
            elsewhere[name] = url
        else:
            folders.append(Path(url))
    return Stores(tuple(folder for folder in folders if folder.is_dir()), elsewhere)


def objects_with(folder: Path, sought: Sought) -> list[Path]:
    """The objects of a store in which there is a trace, and the listings (.dir) that name one:
    a version is there whole or not at all."""
    kept = sorted(path for path in folder.rglob("*") if path.is_file())
    found = [path for path in kept if path.suffix != DIR and holds(path, sought)]
    gone = {md5(path) for path in found}
    listings = (path for path in kept if path.suffix == DIR)
    return found + [path for path in listings if _listed(path) & gone]


def md5(path: Path) -> str:
    """What dvc.lock calls an object: the last folder's name and its own.

    >>> md5(Path("cache/files/md5/0a/1b2c.dir"))
    '0a1b2c.dir'
    """
    return path.parent.name + path.name


def out_of_reach(objects: Collection[Path]) -> list[str]:
    """The commits, experiments too, whose dvc.lock names an object: their data can no longer be
    checked out. Hash and subject, the newest first; none without git."""
    gone = {md5(path) for path in objects}
    listed = _git("log", "--all", "--format=%H %s", "--", str(files.STAGES_LOCK)).splitlines()
    found = []
    for line in listed if gone else ():
        commit, _, subject = line.partition(" ")
        if gone & set(MD5.findall(_git("show", f"{commit}:{files.STAGES_LOCK}"))):
            found.append(f"{commit[:10]} {subject}")
    return found


def in_git(paths: Iterable[Path]) -> set[Path]:
    """Those of some files that git tracks."""
    asked = [str(path) for path in paths]
    tracked = _git("ls-files", "-z", "--", *asked).split("\0") if asked else []
    return {Path(name) for name in tracked if name}


def _listed(path: Path) -> set[str]:
    try:
        return {entry["md5"] for entry in json.loads(path.read_text(encoding="utf-8"))}
    except (ValueError, KeyError, TypeError, OSError):
        return set()


def _git(*command: str) -> str:
    """What git prints, nothing where there is no git or no repository."""
    try:
        done = subprocess.run(["git", *command], capture_output=True, text=True, check=False)
    except FileNotFoundError:
        return ""
    return done.stdout if done.returncode == 0 else ""
