"""This clone and scratch ones: what git and DVC say here, and a tree as it once stood.

DVC runs as its own process, of this interpreter, and tells nobody.
"""

from __future__ import annotations

import configparser
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from features.publication import keep, published
from pipeline import files

CONFIG = Path(".dvc/config")
LOCAL = Path(".dvc/config.local")
SILENT = {"DVC_NO_ANALYTICS": "true", "MLFLOW_DISABLE_TELEMETRY": "true", "DO_NOT_TRACK": "1"}


class Failed(RuntimeError):
    """git or DVC did not do what it was asked; str() is what it said."""


def git(*asked: str, folder: Path = Path()) -> str:
    """What git prints in a clone."""
    return _run(["git", *asked], folder)


def dvc(*asked: str, folder: Path = Path()) -> str:
    """What DVC prints in a clone; the stages that it runs find this interpreter first."""
    return _run([sys.executable, "-m", "dvc", *asked], folder)


def _run(command: list[str], folder: Path) -> str:
    free = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    here = Path(sys.executable).parent
    path = f"{here}{os.pathsep}{free.get('PATH', '')}"
    try:
        return subprocess.run(
            command,
            cwd=folder,
            env={**free, **SILENT, "PATH": path},
            check=True,
            capture_output=True,
            text=True,
            encoding="utf-8",
        ).stdout
    except FileNotFoundError:
        raise Failed(f"{command[0]} is not installed here") from None
    except subprocess.CalledProcessError as error:
        told = [line for line in (error.stderr or error.stdout).splitlines() if line.strip()]
        raise Failed("; ".join(told[-3:]) or f"{' '.join(command)} failed") from None


def stored(md5: str, cache: Path | None = None) -> Path:
    """Where DVC's cache holds what has that hash, if it does."""
    return (cache or cache_folder()) / "files" / "md5" / md5[:2] / md5[2:]


def cache_folder() -> Path:
    """The folder of this clone's cache."""
    said = _config().get("core", {}) | _config().get("cache", {})
    return (CONFIG.parent / said.get("dir", "cache")).absolute()


def _config() -> dict[str, dict[str, str]]:
    """DVC's settings for this clone, the local ones last, by section."""
    read = configparser.ConfigParser(interpolation=None)
    read.read([CONFIG, LOCAL], encoding="utf-8")
    return {name: dict(read[name]) for name in read.sections()}


@dataclass(frozen=True)
class Scratch:
    """A clone in which a tree stands as it once stood; it shares this clone's DVC cache."""

    folder: Path
    cache: Path
    lock: str  # dvc.lock as it stood

    def make(self, stage: str) -> None:
        """Run a stage, and all it hangs on, from the beginning; nothing goes into the cache."""
        options = ["--quiet", "--force", "--no-run-cache", "--no-commit"]
        dvc("repro", *options, stage, folder=self.folder)

    def made(self) -> str:
        """The lock of what has been made."""
        path = self.folder / files.STAGES_LOCK
        return path.read_text(encoding="utf-8") if path.exists() else ""

    @contextmanager
    def old(self, out: str, md5: str) -> Iterator[Path | None]:
        """What lay at `out` then, fetched from the cache or the remote; None if it is gone."""
        now = self.made()
        (self.folder / files.STAGES_LOCK).write_text(self.lock, encoding="utf-8")
        try:
            if not self._whole(md5):
                dvc("fetch", "--quiet", out, folder=self.folder)
        except Failed:
            yield None
            return
        finally:
            (self.folder / files.STAGES_LOCK).write_text(now, encoding="utf-8")
        with TemporaryDirectory(prefix="renewcast-then-") as place:
            yield self._laid(md5, Path(place) / Path(out).name)

    def _entries(self, md5: str) -> Mapping[str, str]:
        """The files of what has a hash, by their paths in it; those of a file have no path."""
        if not md5.endswith(".dir"):
            return {"": md5}
        listed = json.loads(stored(md5, self.cache).read_text(encoding="utf-8"))
        return {entry["relpath"]: entry["md5"] for entry in listed}

    def _whole(self, md5: str) -> bool:
        if not stored(md5, self.cache).exists():
            return False
        return all(stored(of, self.cache).exists() for of in self._entries(md5).values())

    def _laid(self, md5: str, place: Path) -> Path | None:
        if not self._whole(md5):
            return None
        for name, of in self._entries(md5).items():
            path = place / name if name else place
            path.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(stored(of, self.cache), path)
        return place


@contextmanager
def scratch(commit: str, lock: str, written: Mapping[Path, str], kept: Path | None) -> Iterator:
    """A clone at `commit` with the given lock and other files `written`.

    It is thrown away at the end unless it is `kept`, whole, in a folder.
    """
    if kept is not None:
        with published(kept) as folder:
            yield _furnished(folder, commit, lock, written)
        return
    with TemporaryDirectory(prefix="renewcast-scratch-") as place:
        yield _furnished(Path(place), commit, lock, written)


def _furnished(folder: Path, commit: str, lock: str, written: Mapping[Path, str]) -> Scratch:
    git("clone", "--quiet", "--shared", "--no-checkout", ".", str(folder.resolve()))
    git("checkout", "--quiet", "--detach", commit, folder=folder)
    for path, text in {files.STAGES_LOCK: lock, **written}.items():
        (folder / path).write_text(text, encoding="utf-8")
    cache = cache_folder()
    _configure(folder, cache)
    return Scratch(folder, cache, lock)


def _configure(folder: Path, cache: Path) -> None:
    """Give a scratch clone this clone's cache and remotes; relative places are meant from here."""
    config = _config()
    for section, said in config.items():
        url = said.get("url", "")
        if "remote" in section and url and "://" not in url:
            said["url"] = str((CONFIG.parent / url).resolve())
    config.setdefault("cache", {})["dir"] = str(cache)
    written = configparser.ConfigParser(interpolation=None)
    written.read_dict(config)
    (folder / CONFIG.parent).mkdir(exist_ok=True)
    with (folder / LOCAL).open("w", encoding="utf-8") as file:
        written.write(file)


def lent(path: Path, scratch: Path) -> None:
    """Lay a file or folder of this clone at the same place of a scratch one."""
    for file in [path] if path.is_file() else sorted(of for of in path.rglob("*") if of.is_file()):
        (scratch / file).parent.mkdir(parents=True, exist_ok=True)
        keep(file, scratch / file)
