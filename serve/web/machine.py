"""Data and models: what the predictions were made from, and which models speak."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from serve.bundles import Loaded
from serve.predictions import records

SHOWN = 30  # the newest runs


def figures(
    reports: Path | None,
    runs: pd.DataFrame | None,
    bundles: Loaded | None,
    refused: Mapping[str, str | None],
) -> dict[str, Any]:
    """What the page shows beside service.json."""
    return {
        "runs": None if runs is None else _runs(runs),
        "run_count": 0 if runs is None else len(runs),
        "identities": {} if bundles is None else dict(bundles.identities),
        "refused": refused,
        "gates": _gates(reports),
        "cards": _cards(reports),
        "promotions": _promotions(reports),
    }


def card(reports: Path | None, target: str) -> str | None:
    """The model card of a target, as text; None where there is none."""
    if reports is None or not re.fullmatch(r"[a-z][a-z0-9_]{0,60}", target):
        return None
    path = reports / "cards" / f"{target}.md"
    return path.read_text(encoding="utf-8") if path.is_file() else None


def _runs(runs: pd.DataFrame) -> list[dict[str, Any]]:
    """The newest runs, each with what changed against the one before: a bundle that takes over is
    a promotion."""
    told = runs.copy()
    for name in ("bundle_sha256", "params_sha256"):
        before = told[name].shift()
        told[f"{name}_new"] = told[name].ne(before) & before.notna()
    newest = told.iloc[::-1].head(SHOWN)
    stamps = pd.to_datetime(newest["published_at"])
    return records(newest.assign(published_at=stamps.dt.strftime("%Y-%m-%dT%H:%M:%S")))


def _gates(reports: Path | None) -> dict[str, dict[str, Any]]:
    """What the honesty gate said of each target when it was last trained."""
    folder = None if reports is None else reports / "gate"
    if folder is None or not folder.is_dir():
        return {}
    found = {}
    for path in sorted(folder.glob("*.json")):
        try:
            found[path.stem] = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            continue
    return found


def _cards(reports: Path | None) -> list[str]:
    folder = None if reports is None else reports / "cards"
    if folder is None or not folder.is_dir():
        return []
    return [path.stem for path in sorted(folder.glob("*.md")) if card(reports, path.stem)]


def _promotions(reports: Path | None) -> list[dict[str, Any]]:
    """What was decided on runs that were to be champion, the newest first."""
    if reports is None:
        return []
    try:
        told = json.loads((reports / "promotions.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return []
    return list(told)[:SHOWN]
