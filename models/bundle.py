"""A fitted model as plain files: LightGBM text, one JSON, and a manifest of their hashes.

The manifest is checked before anything is loaded, for a damaged text model does not raise: it
ends the process. Files hold no clock time, so that the same fit gives the same bytes.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from models import gradient
from models.blend import Member, Model
from models.calibration import Calibration
from models.encoding import Encoding
from models.linear import Linear, Scale

MANIFEST, MODEL, FORMAT = "MANIFEST.json", "model.json", 2
PLAIN_NAME = re.compile(r"[a-z0-9][a-z0-9_-]*\.(txt|json)")


class BundleDamaged(RuntimeError):
    """A bundle is not, byte for byte, what was saved."""


def save(model: Model, folder: Path, *, about: Mapping[str, Any]) -> None:
    """Write a model into a new or empty folder.

    `about` is what the manifest says of its origin: hashes of data, params, code and lock,
    target, cutoff, rows. It must be JSON.
    """
    folder.mkdir(parents=True, exist_ok=True)
    left = sorted(path.name for path in folder.iterdir())
    if left:
        raise FileExistsError(f"{folder} is not empty ({left[0]}): save a bundle in a new folder")
    files: dict[str, bytes] = {}
    served = _member(model.served, "served", files)
    resampled = [
        _member(member, f"resampled-{number:02}", files)
        for number, member in enumerate(model.resampled)
    ]
    described = {
        "name": model.name,
        "rung": model.rung,
        "encoding": {
            "columns": model.encoding.columns,
            "categories": model.encoding.categories,
            "typical": model.encoding.typical,
        },
        "signs": model.signs,
        "trees": model.trees,
        "widen": model.widen,
        "unlearnt": model.unlearnt,
        "calibration": {
            "kind": model.calibration.kind,
            "parameters": model.calibration.parameters,
            "covariance": model.calibration.covariance,
        },
        "served": served,
        "resampled": resampled,
        "report": model.report,
    }
    files[MODEL] = _json(described)
    manifest: dict[str, Any] = {
        "format": FORMAT,
        "about": dict(about),
        "rung": model.rung,
        "files": {name: _sha256(files[name]) for name in sorted(files)},
    }
    manifest["seal"] = _sha256(_json(manifest))
    for name, content in files.items():
        (folder / name).write_bytes(content)
    (folder / MANIFEST).write_bytes(_json(manifest))


def load(folder: Path) -> Model:
    """Read a model back; it predicts the same bits. Raises BundleDamaged before it would load
    anything that is not what was saved."""
    files = _verified(folder)
    described = json.loads(files[MODEL])
    return Model(
        name=described["name"],
        rung=described["rung"],
        encoding=Encoding(
            tuple(described["encoding"]["columns"]),
            {column: tuple(known) for column, known in described["encoding"]["categories"].items()},
            described["encoding"]["typical"],
        ),
        signs=described["signs"],
        served=_read_member(described["served"], files),
        trees=described["trees"],
        calibration=Calibration(
            described["calibration"]["kind"],
            tuple(described["calibration"]["parameters"]),
            tuple(map(tuple, described["calibration"]["covariance"])),
        ),
        resampled=tuple(_read_member(member, files) for member in described["resampled"]),
        widen=described["widen"],
        unlearnt=described["unlearnt"],
        report=described["report"],
    )


def manifest(folder: Path) -> dict[str, Any]:
    """The bundle's manifest, its seal verified: format, about, rung, files."""
    path = folder / MANIFEST
    if not path.is_file():
        raise BundleDamaged(f"{folder} has no {MANIFEST}: it is no bundle, train again")
    content = path.read_bytes()
    try:
        read = json.loads(content)
        seal = read.pop("seal")
    except (ValueError, KeyError, AttributeError, TypeError) as error:
        raise BundleDamaged(f"{path} cannot be read ({error}): train again") from None
    if seal != _sha256(_json(read)) or content != _json(read | {"seal": seal}):
        raise BundleDamaged(f"{path} was changed after it was sealed: train again")
    if read["format"] != FORMAT:
        raise BundleDamaged(f"{path} has format {read['format']}, this code reads {FORMAT}")
    return read


def identity(folder: Path) -> str:
    """SHA-256 of the manifest, and so of every file it lists."""
    manifest(folder)
    return _sha256((folder / MANIFEST).read_bytes())


def columns(folder: Path) -> list[str]:
    """The features that the model reads, in its own order."""
    return list(json.loads(_verified(folder)[MODEL])["encoding"]["columns"])


def report(folder: Path) -> dict[str, Any]:
    """What training said of the model, read without loading it."""
    return json.loads(_verified(folder)[MODEL])["report"]


def _verified(folder: Path) -> dict[str, bytes]:
    """The content of each listed file, read once, its hash checked."""
    listed = manifest(folder)["files"]
    odd = [name for name in listed if not PLAIN_NAME.fullmatch(name)]
    if odd:
        raise BundleDamaged(f"{folder / MANIFEST} lists {odd[0]!r}, which is no plain file name")
    there = {path.name for path in folder.iterdir()} - {MANIFEST}
    for name in sorted(there - set(listed)):
        raise BundleDamaged(f"{folder / name} is not listed in {MANIFEST}: train again")
    for name in sorted(set(listed) - there):
        raise BundleDamaged(f"{folder} lacks {name}: train again")
    files: dict[str, bytes] = {}
    for name, expected in listed.items():
        path = folder / name
        if path.is_symlink() or not path.is_file():
            raise BundleDamaged(f"{path} is not a plain file: train again")
        files[name] = path.read_bytes()
        if _sha256(files[name]) != expected:
            raise BundleDamaged(f"{path} was damaged or changed: its SHA-256 differs, train again")
    return files


def _member(member: Member, stem: str, files: dict[str, bytes]) -> dict[str, Any]:
    names = [f"{stem}-{number:02}.txt" for number in range(len(member.boosters))]
    for name, booster in zip(names, member.boosters, strict=True):
        files[name] = gradient.text(booster).encode()
    linear = member.linear
    return {
        "boosters": names,
        "linear": linear
        and {
            "intercept": linear.intercept,
            "coefficients": linear.coefficients,
            "knots": linear.scale.knots,
            "levels": linear.scale.levels,
            "indicated": linear.scale.indicated,
        },
    }


def _read_member(described: Mapping[str, Any], files: Mapping[str, bytes]) -> Member:
    boosters = tuple(gradient.from_text(files[name].decode()) for name in described["boosters"])
    linear = described["linear"]
    if linear is None:
        return Member(boosters, None)
    scale = Scale(
        {int(column): (values, scores) for column, (values, scores) in linear["knots"].items()},
        {int(column): count for column, count in linear["levels"].items()},
        tuple(linear["indicated"]),
    )
    return Member(boosters, Linear(scale, linear["intercept"], tuple(linear["coefficients"])))


def _json(value: Any) -> bytes:
    # floats are written so that they read back to the same bits; order of keys is kept
    return (json.dumps(value, indent=1, allow_nan=False, ensure_ascii=False) + "\n").encode()


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
