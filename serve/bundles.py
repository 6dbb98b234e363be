"""The bundles that a service scores with: verified before they are loaded, and exchanged as a set.

A set is the models of all targets of one chain. A new one takes the place of the old when every
bundle of it verifies; until then, and for ever if it does not, the old one serves. What is serving
is one reference: a request that took it keeps it to its end, whatever is exchanged meanwhile.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from models import bundle
from models.blend import Model
from models.bundle import BundleDamaged
from models.chain import BrokenChain, check_chains
from models.single import Fast
from models.target import Target
from models.woven import NotWoven


@dataclass(frozen=True)
class Loaded:
    """One set of verified bundles: models, targets, manifests and identities by target's name."""

    models: Mapping[str, Model]
    targets: tuple[Target, ...]
    manifests: Mapping[str, Mapping[str, Any]]
    identities: Mapping[str, str]
    fast: Fast


class Bundles:
    """The bundles in some folders, one a target, read again when a manifest changes.

    Raises BundleDamaged if the first set does not verify: a service without models is not ready.
    """

    def __init__(self, folders: Mapping[str, Path]) -> None:
        self._folders = dict(folders)
        self._exchange = threading.Lock()
        self._held = self._manifests()
        self._serving = load(self._folders)
        self._refused: str | None = None

    @property
    def serving(self) -> Loaded:
        """The newest set that verified; take it once a request."""
        return self._serving

    @property
    def refused(self) -> str | None:
        """Why the set that now lies in the folders is not the one that serves; None if it is."""
        return self._refused

    def refresh(self) -> bool:
        """Look for a new set; True if one took over. Call it beside the requests, not in them:
        loading takes up to a second. A set that was refused is tried again each time, for it may
        have been half-way; to find it damaged costs no more than its hashes."""
        with self._exchange:
            seen = self._manifests()
            if seen == self._held and self._refused is None:
                return False
            try:
                found = load(self._folders)
            except (BundleDamaged, OSError) as fault:
                self._refused = str(fault)
                return False
            taken = found.identities != self._serving.identities
            self._serving, self._held, self._refused = found, seen, None
            return taken

    def _manifests(self) -> dict[str, bytes | None]:
        return {name: _content(folder) for name, folder in self._folders.items()}


def load(folders: Mapping[str, Path]) -> Loaded:
    """Verify and load one set. Raises BundleDamaged if a bundle is not what was saved, is of
    another target than its folder's name says, or the targets are no chain."""
    identities = {name: bundle.identity(folder) for name, folder in folders.items()}
    manifests = {name: bundle.manifest(folder) for name, folder in folders.items()}
    targets = {name: _target(name, folders[name], read) for name, read in manifests.items()}
    try:
        check_chains(targets)
        models = {name: bundle.load(folder) for name, folder in folders.items()}
        fast = Fast(models, list(targets.values()))
    except (BrokenChain, NotWoven) as fault:
        raise BundleDamaged(f"the bundles do not belong together: {fault}") from None
    except (KeyError, TypeError, ValueError) as fault:
        raise BundleDamaged(f"a bundle does not hold a model ({fault!r}): train again") from None
    moved = [
        name for name, folder in folders.items() if bundle.identity(folder) != identities[name]
    ]
    if moved:
        raise BundleDamaged(f"{folders[moved[0]]} was exchanged while it was read: read it again")
    return Loaded(models, tuple(targets.values()), manifests, identities, fast)


def folders(artifacts: Path, cutoff: str = "serving") -> dict[str, Path]:
    """The bundles under a folder of artifacts, by target: `<target>/<cutoff>`."""
    found = {path.parent.parent.name: path.parent for path in artifacts.glob(f"*/{cutoff}/*.json")}
    if not found:
        raise BundleDamaged(f"{artifacts} holds no bundle */{cutoff}: run `renewcast train`")
    return dict(sorted(found.items()))


def _target(name: str, folder: Path, manifest: Mapping[str, Any]) -> Target:
    try:
        target = Target.model_validate(manifest["about"]["target"])
    except (KeyError, TypeError, ValidationError) as fault:
        raise BundleDamaged(f"{folder} does not say what it predicts ({fault!r})") from None
    if target.name != name:
        raise BundleDamaged(f"{folder} predicts {target.name}, not {name}: train again")
    return target


def _content(folder: Path) -> bytes | None:
    try:
        return (folder / bundle.MANIFEST).read_bytes()
    except OSError:
        return None
