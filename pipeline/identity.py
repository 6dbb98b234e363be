"""What a result comes from: the params, data, code and lock that its stage in dvc.yaml hangs on.

The stage says what it reads, and that is what is hashed: a result that need not be made again keeps
its identity, whatever else has changed.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pandas as pd
import yaml

from features import publication
from pipeline import files, settings

ROOT = Path(__file__).parents[1]
COMPILED = ".pyc"


def identity(stage: str, target: str = "") -> dict[str, str]:
    """SHA-256 of `params`, `data`, `code` and `lock` of a stage, and `identity`, that of all four.

    No clock, no place and no name of a machine has a part in it.
    """
    stated = _stated(stage, target)
    deps = [Path(dep) for dep in stated["deps"]]
    code = {dep: ROOT / dep for dep in deps if dep.parts[0] in files.CODE}
    data = {dep: dep for dep in deps if dep not in code and dep != files.LOCK}
    parts = {
        "params": _sha256(params(stage, target)),
        "data": _sha256({dep.as_posix(): _content(path) for dep, path in data.items()}),
        "code": _sha256({dep.as_posix(): _content(path) for dep, path in code.items()}),
        "lock": publication.sha256(files.LOCK),
    }
    return {**parts, "identity": _sha256(parts)}


def params(stage: str, target: str = "") -> dict[str, Any]:
    """What params.yaml says under each of the names that a stage reads."""
    found = settings.read()
    return {name: _leaf(found, name) for name in _stated(stage, target)["params"]}


def inputs() -> dict[str, str]:
    """SHA-256 by path: the source's SELECTs, and the exports that they read.

    A database is no file: what it held is in data/tables, which `data` stands for.
    """
    from pipeline.reading.inputs import SUFFIXES, raw_name
    from pipeline.reading.source import read_source

    source = settings.load().source
    folder, given = Path(source.folder), Path(source.input)
    reads = read_source(folder)[0].reads
    exports = given.iterdir() if given.is_dir() else []
    read = (of for of in exports if of.suffix.lower() in SUFFIXES and raw_name(of.stem) in reads)
    found = sorted([*folder.rglob("*.sql"), *read])
    return {path.as_posix(): publication.sha256(path) for path in found}


def of_frame(frame: pd.DataFrame) -> str:
    """The hash of a frame's values, columns and index, in their order."""
    rows = pd.util.hash_pandas_object(frame).to_numpy().tobytes()
    return hashlib.sha256(",".join(frame.columns).encode() + rows).hexdigest()


def _stated(stage: str, target: str) -> dict[str, Any]:
    """What dvc.yaml states of a stage."""
    text = files.STAGES.read_text(encoding="utf-8")
    stated = yaml.load(text, Loader=yaml.CSafeLoader)["stages"][stage]
    return json.loads(json.dumps(stated.get("do", stated)).replace("${key}", target))


def _leaf(params: object, name: str) -> object:
    """What params.yaml says under a dotted name."""
    found = params
    for part in name.split("."):
        found = found[part]  # type: ignore[index]
    return found


def _content(path: Path) -> object:
    """The hash of a file, or of each file in a folder; compiled code has no part in it."""
    if path.is_file():
        return publication.sha256(path)
    hashes = publication.manifest(path)
    return {name: sha for name, sha in hashes.items() if not name.endswith(COMPILED)}


def _sha256(value: object) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()
