"""A folder in which the pipeline has run on a small company."""

from __future__ import annotations

import contextlib
import importlib
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import yaml

from tests.canary import plant

ROOT = Path(__file__).parents[1]
SMALL = {
    "seed": 1,
    "simulation": {"accounts": 260, "months": 30, "seed": 5},
    "source": {"data_until": "2025-07-01"},
    "heldout": {"mornings": 5},
    "learning": {
        "rungs": {"linear_from": 10, "blend_from": 15, "least_gain_errors": 0.0},
        "gradient": {"rounds_most": 100, "seeds": 2, "threads": 1},
        "interval": {"members": 3},
    },
    "comparison": {"draws": 100, "min_outcomes": 5},
    "forecast": {"draws": 400},
    "monitor": {"draws": 400},
}
STAGES = (
    ("simulate",), ("ingest",), ("validate",), ("observe",), ("label", "churn"),
    ("label", "upsell"), ("label", "downsell"), ("featurize",), ("gate", "churn"),
    ("gate", "upsell"), ("gate", "downsell"), ("train", "churn"), ("train", "upsell"),
    ("train", "downsell"), ("replay",), ("score",), ("compare",), ("plots",), ("card", "churn"),
    ("card", "upsell"), ("card", "downsell"), ("predicted",), ("report",),
)  # fmt: skip


@dataclass(frozen=True)
class Workspace:
    """`folder` holds what the stages wrote; `inside()` makes it the current one."""

    folder: Path

    @contextlib.contextmanager
    def inside(self) -> Iterator[Path]:
        with contextlib.chdir(self.folder):
            yield self.folder

    def copy(self, folder: Path) -> Workspace:
        """The same in another folder, to be changed at will."""
        shutil.copytree(self.folder, folder, symlinks=True)
        return Workspace(folder)


def prepare(folder: Path, changes: dict = SMALL) -> Workspace:
    """What a clone holds for the stages to run, with some parameters changed."""
    params = yaml.safe_load((ROOT / "params.yaml").read_text())
    merge(params, changes)
    (folder / "params.yaml").write_text(yaml.safe_dump(params, sort_keys=False))
    shutil.copy(ROOT / "dvc.yaml", folder / "dvc.yaml")
    shutil.copytree(ROOT / "sources", folder / "sources")
    plant(folder / "sources" / "simulated")
    shutil.copytree(ROOT / "requirements", folder / "requirements")
    return Workspace(folder)


def merge(params: dict, changes: dict) -> None:
    """Change leaves of nested blocks in place."""
    for key, value in changes.items():
        if isinstance(value, dict):
            merge(params[key], value)
        else:
            params[key] = value


def reproduced(folder: Path) -> Workspace:
    """Every stage, one after the other, in this process."""
    workspace = prepare(folder)
    with workspace.inside():
        for name, *arguments in STAGES:
            importlib.import_module(f"pipeline.{name}").run(*arguments)
    return workspace
