"""Where on disk an account is found, what each place needs, and what is not ours to change."""

from __future__ import annotations

import csv
import json
import os
import shutil
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow.parquet as pq

from features.publication import manifest, published, safe
from pipeline import files, ledger
from pipeline.erasing import scrubbing
from pipeline.erasing.belongings import Belongings
from pipeline.erasing.rewriting import SUFFIXES, rewrite
from pipeline.erasing.traces import Sought, holding, holds
from pipeline.erasing.versions import DVC, Stores, in_git
from pipeline.reading.inputs import raw_name
from pipeline.settings import Settings
from serve.predictions import MANIFEST

PASSED = {".git", ".venv", "__pycache__"}
LOGGED = (files.TRACKING.with_name("mlartifacts"), files.TRACKING.with_name("mlruns"))
TEMPORARY = DVC / "tmp"
MADE = (
    files.TABLES, files.FACTS, files.OBSERVED, files.LABELS, files.FEATURES, files.HELDOUT,
    files.CYCLE, files.RECORD,
)  # fmt: skip
FOLDERS = (files.ARTIFACTS, files.RUNS, files.REPORT.parent)  # of which each child is made at once


@dataclass(frozen=True)
class Find:
    """A place that holds the account: what to do there (`action`) with how many (`count`) of what
    (`unit`), and how (`erase`, which may be repeated)."""

    place: str
    action: str
    count: int
    unit: str
    names: tuple[str, ...]
    erase: Callable[[], None]

    @classmethod
    def deleting(cls, place: str, paths: Sequence[Path], unit: str = "files") -> Find:
        """Delete files and whole folders."""
        names = tuple(str(path) for path in paths)
        return cls(place, "delete", len(paths), unit, names, lambda: _delete(paths))

    def to_dict(self) -> dict[str, object]:
        """The find as JSON holds it."""
        return {
            "place": self.place, "action": self.action, "count": self.count, "unit": self.unit,
            "names": list(self.names),
        }  # fmt: skip


def on_disk(
    settings: Settings,
    publications: Sequence[Path],
    own: Path | None,
    sought: Sought,
    belongs: Belongings,
    stores: Collection[Path],
) -> tuple[list[Find], list[Path], list[Path]]:
    """What to erase in the clone and in publications elsewhere; the files that are neither made by
    us nor tracked by git, which somebody has to look at; and those that git tracks.

    `own`: the folder of exports, if it may be written; `stores`: folders searched already.
    """
    exports = Path(settings.source.input)
    passed = {files.TRACKING, scrubbing.ledger_file(settings), files.FORGOTTEN}
    aside = {*(folder.resolve() for folder in stores), exports.resolve()}
    found = holding((path for path in _walk(Path(), aside) if path not in passed), sought)
    found += [path for folder in publications for path in holding(_walk(folder, set()), sought)]
    tracked = in_git(path for path in found if not path.is_absolute())
    told, left, kept = list[Path](), list[Path](), list[Path]()
    made, copies = set[Path](), set[Path]()
    for path in found:
        if any(path.is_relative_to(folder) for folder in (*LOGGED, TEMPORARY)):
            told.append(path)
        elif whole := _output(path):
            made.add(whole)
        elif folder := _publication(path):
            copies.add(folder)
        else:
            (kept if path in tracked else left).append(path)
    finds = [_withdrawing(folder, sought.account_id) for folder in sorted(copies)]
    if told:
        finds.append(Find.deleting("what MLflow and DVC keep aside", told))
    if made:
        finds.append(Find.deleting("what the stages make again", sorted(made), "outputs"))
    if own is not None:
        mine, unread = _exports(own, sought, belongs)
        finds += mine
        left += unread
    return finds, left, kept


def left_to_you(
    settings: Settings,
    own: Path | None,
    sought: Sought,
    belongs: Belongings,
    stores: Stores,
    kept: Collection[Path],
) -> Iterator[str]:
    """What holds the account, or may, and is not ours to change: a sentence each. `kept`: the files
    that git tracks."""
    given, account = settings.source.input, sought.account_id
    rows = ", ".join(f"{name} {count:,}" for name, count in belongs.rows.items() if count)
    if own is None and rows:
        where = given.split("@")[-1] if "://" in given else given
        then = "" if "://" in given else ", or say --inputs"
        yield (
            f"{where} is yours: it holds rows of {account} ({rows}). Delete them there{then}; "
            "until then ingest leaves the account out"
        )
    for name, url in stores.elsewhere.items():
        yield (
            f"the DVC remote {name} ({url}): what was pushed holds it. After `dvc repro` and `dvc "
            f"push`, `dvc gc --workspace --cloud --remote {name}` deletes all but what is in use"
        )
    if ledger.begun(settings) and scrubbing.ledger_file(settings) is None:
        yield "a ledger on a server: its own VACUUM, archives and replicas are its administrator's"
    if kept:
        listed = ", ".join(str(path) for path in kept)
        yield f"git, its history too, keeps {listed}: edit them, or rewrite the history, yourself"
    yield "backups, other clones and caches of colleagues: run the same command there"
    if sought.bare:
        yield (
            f"{account} alone means nothing in a text: there the account is found by its name, its "
            "people and their addresses, and the id in quotes, between tags and in columns of ids"
        )


def _walk(folder: Path, aside: set[Path]) -> Iterator[Path]:
    """The files below a folder, sorted, without version control, environments and `aside`."""
    for root, folders, names in os.walk(folder):
        here = Path(root)
        kept = (name for name in folders if name not in PASSED)
        folders[:] = sorted(name for name in kept if (here / name).resolve() not in aside)
        yield from (here / name for name in sorted(names) if (here / name).is_file())


def _output(path: Path) -> Path | None:
    """The output of ours that a file is part of; what a crash left of one counts as one."""
    for folder in MADE:
        if path.is_relative_to(folder):
            return folder
    parts = path.parts
    if len(parts) > 1 and (Path(parts[0]) in FOLDERS or parts[1].startswith(".")):
        first = Path(*parts[:2])
        return first if Path(parts[0]) in (*FOLDERS, files.TABLES.parent) else None
    return None


def _publication(path: Path) -> Path | None:
    """The folder of a publication (serve/predictions.py) that a file lies in."""
    stated = path.parent / MANIFEST
    try:
        known = json.loads(stated.read_text(encoding="utf-8"))
        return path.parent if {"as_of", "due", "files"} <= set(known) else None
    except (OSError, ValueError, TypeError):
        return None


def _withdrawing(folder: Path, account_id: str) -> Find:
    """Take an account's rows out of a publication. The totals that it states of itself stay, as
    they do in the ledger; its manifest counts how many accounts were forgotten."""

    def erase() -> None:
        with published(folder) as new:
            shutil.copytree(folder, new, dirs_exist_ok=True)
            for path in _rows(new):
                rewrite(path, {"account_id": {account_id, str(safe(account_id))}})
            stated = json.loads((new / MANIFEST).read_text(encoding="utf-8"))
            stated["files"] = {of: sha for of, sha in manifest(new).items() if of != MANIFEST}
            stated["forgotten"] = stated.get("forgotten", 0) + 1
            text = json.dumps(stated, indent=2, sort_keys=True, allow_nan=False)
            (new / MANIFEST).write_text(text + "\n", encoding="utf-8")

    names = (str(folder),)
    return Find(f"the publication {folder}", "write anew without it", 1, "folder", names, erase)


def _exports(folder: Path, sought: Sought, belongs: Belongings) -> tuple[list[Find], list[Path]]:
    """The exports to be written anew, and what else beside them holds the account."""
    account = sought.account_id
    every = sorted(path for path in folder.rglob("*") if path.is_file())
    named = {"account_id", *(name for of in belongs.marks.values() for name in of)}
    marks: dict[Path, dict[str, Collection[str]]] = {}
    for path in every:
        read = belongs.marks.get(raw_name(path.stem)) if path.parent == folder else None
        if read:
            marks[path] = dict(read)
        elif path.suffix.lower() in SUFFIXES and holds(path, sought):
            columns = _columns(path)
            marks[path] = {name: {account} for name in columns if not sought.bare or name in named}
    unread = [path for path in every if path not in marks and holds(path, sought)]
    if not marks:
        return [], unread
    rows = sum(belongs.rows.values())
    emptied = None if sought.bare else account

    def erase() -> None:
        for path, of in marks.items():
            rewrite(path, of, emptied)

    names = tuple(str(path) for path in marks)
    return [Find(f"the exports in {folder}", "leave out", rows, "rows", names, erase)], unread


def _rows(folder: Path) -> Iterable[Path]:
    return sorted(path for path in folder.rglob("*") if path.suffix.lower() in SUFFIXES)


def _columns(path: Path) -> list[str]:
    if path.suffix.lower() == ".parquet":
        return list(pq.read_schema(path).names)
    with path.open(encoding="utf-8-sig", errors="replace", newline="") as file:
        return next(csv.reader(file), [])


def _delete(paths: Iterable[Path]) -> None:
    for path in paths:
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)
