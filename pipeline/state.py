"""The state of the tree a result is made in: its commit, what is not committed, and the CPU type.

Parameters and data are no part of it: they are hashed and logged with every run, so an experiment
that sets a parameter (`dvc exp run -S`) is as clean as the code it runs.
"""

from __future__ import annotations

import os
import platform
import subprocess
from dataclasses import dataclass
from pathlib import Path

from pipeline import files

NO_CLONE = "not a git clone"
OF_DVC = (files.PARAMS.name, "dvc.lock", ".gitignore", ".dvcignore")


@dataclass(frozen=True)
class State:
    """`commit` is HEAD, None outside a clone; `dirty` names, sorted, what of the code is not in it.

    `cpu` is the machine's type: equal bits are promised on one type.
    """

    commit: str | None
    dirty: tuple[str, ...]
    cpu: str


def state() -> State:
    """The clone whose top is the current folder, now.

    Dirty are tracked files that differ from HEAD and untracked `.py` files among the code; not
    params.yaml, dvc.lock and what else DVC writes. Outside a clone: no commit, and dirty says so.
    """
    try:
        top, commit = _git("rev-parse", "--show-toplevel", "HEAD").split("\n")[:2]
    except (subprocess.CalledProcessError, FileNotFoundError):
        return State(None, (NO_CLONE,), cpu())
    if Path(top).resolve() != Path.cwd().resolve():
        return State(None, (NO_CLONE,), cpu())
    asked = ["status", "--porcelain", "-z", "--no-renames", "--untracked-files=all"]
    told = [entry for entry in _git(*asked).split("\0") if entry]
    dirty = (name for kind, name in ((entry[:2], entry[3:]) for entry in told) if _says(kind, name))
    return State(commit, tuple(sorted(dirty)), cpu())


def cpu() -> str:
    """The type of this machine's processor, such as `x86_64 Intel(R) Xeon(R) CPU @ 2.80GHz`."""
    kind = platform.machine()
    try:
        told = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return f"{kind} {platform.processor()}".strip()
    names = [line.partition(":")[2] for line in told.splitlines() if line.startswith("model name")]
    return " ".join([kind, *(names[0].split() if names else [])])


def _says(kind: str, name: str) -> bool:
    """Whether an entry of `git status` tells of code that no commit holds."""
    path = Path(name)
    if path.name in OF_DVC or path.suffix == ".dvc" or path.parts[0] == ".dvc":
        return False
    return kind != "??" or (path.suffix == ".py" and path.parts[0] in files.CODE)


def _git(*asked: str) -> str:
    """What git prints in the current folder, whoever's hook this runs in."""
    free = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    command = ["git", "--no-optional-locks", *asked]
    return subprocess.run(
        command, check=True, capture_output=True, text=True, encoding="utf-8", env=free
    ).stdout
