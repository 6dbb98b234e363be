"""A search for the trees' settings of one target, bound to the data, the code and the space.

It learns from what was settled at the held-out cutoff and walks forward in it: the mornings kept
for the comparison have no part in it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from threadpoolctl import threadpool_limits

from features.feature import families, signs
from features.publication import read_frame
from models import study
from models.folds import Fold, walk_forward
from models.rows import Rows, training_rows
from models.search import RANGES
from models.study import Verdict
from models.target import learnable
from pipeline import files
from pipeline.calendar import Calendar
from pipeline.identity import identity
from pipeline.settings import Settings

if TYPE_CHECKING:
    from optuna import Study

INDEX = ["account_id", "as_of"]
FEWEST = 2  # blocks of mornings: one chooses at least, and one judges


class NothingToSearch(ValueError):
    """The outcomes are too few, or too close together, to choose settings by and to judge them."""


@dataclass(frozen=True)
class Found:
    """What a search came to: `tried` trials, of which `given_up` ended early; `changes`: the dotted
    names in params.yaml whose values differ, with [present, found]; `verdict` None without any;
    `positives` learnt from, and `enough`: from how many the ladder would search by itself."""

    target: str
    study: str
    tried: int
    given_up: int
    changes: dict[str, list[float]]
    verdict: Verdict | None
    positives: float
    enough: float

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self)


@dataclass(frozen=True)
class Search:
    """A target's rows and blocks of mornings, and the study that belongs to them."""

    target: str
    rows: Rows
    parts: list[Fold]
    study: Study
    settings: Settings

    @classmethod
    def of(cls, settings: Settings, name: str) -> Search:
        """From the files of the stages before; raises NothingToSearch."""
        target, learning = settings.targets[name], settings.learning
        chosen = families(settings.features.families)
        columns = [column for family in chosen.values() for column in family]
        features = read_frame(files.FEATURES).set_index(INDEX)[columns]
        told = read_frame(files.LABELS / name / f"{files.BACKTEST}.parquet")
        labels = learnable(told, target, settings.targets)
        positives = float((labels["weight"] * labels["outcome"].astype(bool)).sum())
        binding = target.monotone and positives < learning.rungs.unbound_from
        signed = signs(settings.features.families)
        rows = training_rows(features, labels, binding, signed, chosen)
        wait = settings.contracts.grace + Calendar.read(files.CALENDAR).delay
        parts = walk_forward(rows.index, rows.positives, learning.folds, target.horizon + wait)
        if len(parts) < FEWEST or not all(rows.positives[part.test].any() for part in parts):
            raise NothingToSearch(
                f"{name}: {positives:.0f} outcomes were settled before the held-out mornings, "
                f"which make {len(parts)} blocks to walk forward by; a search needs {FEWEST} with "
                "outcomes in each: bring a longer history, or lower heldout.mornings"
            )
        held = study.opened(
            files.SEARCHES / f"{name}.db", f"{name} {space(settings, name)[:12]}", settings.seed
        )
        return cls(name, rows, parts, held, settings)

    @threadpool_limits.wrap(limits=1, user_api="blas")
    def run(
        self,
        trials: int | None,
        seconds: float | None,
        told: Callable[[int, float | None], None] = lambda *_: None,
    ) -> Found:
        """Try settings until so many trials are over or time is up, and judge the best of them.

        Trials of earlier runs on the same data, code and space count. `told` hears after each how
        many are over, and the lowest log-loss so far.
        """
        learning, seed = self.settings.learning, self.settings.seed
        study.explore(
            self.study,
            self.rows,
            self.parts[:-1],
            learning,
            seed,
            trials=trials,
            seconds=seconds,
            told=told,
        )
        over = study.over(self.study)
        if study.lowest(self.study) is None:
            raise NothingToSearch("time was up before one trial had ended: give it more --minutes")
        found = study.best(self.study, learning.gradient)
        changes = {
            f"learning.gradient.{name}": [getattr(learning.gradient, name), getattr(found, name)]
            for name in RANGES
            if getattr(learning.gradient, name) != getattr(found, name)
        }
        least = self.settings.comparison.min_outcomes
        verdict = (
            study.judge(self.rows, self.parts, learning, found, seed, least) if changes else None
        )
        return Found(
            target=self.target,
            study=self.study.study_name,
            tried=len(over),
            given_up=sum(trial.state.name == "PRUNED" for trial in over),
            changes=changes,
            verdict=verdict,
            positives=float(self.rows.positives.sum()),
            enough=learning.rungs.search_from,
        )


def space(settings: Settings, name: str) -> str:
    """SHA-256 of all that a trial's figure hangs on but the settings tried: where it is the same,
    trials can be gone on with, and where anything is another, they mean something else."""
    hashes = identity("train", name)
    told = {
        "ranges": RANGES,
        "from": {part: hashes[part] for part in ("data", "code", "lock")},
        "learning": settings.learning.model_dump(
            mode="json", exclude={"gradient": set(RANGES), "search": {"trials"}}
        ),
        "target": settings.targets[name].model_dump(mode="json"),
        "contracts": settings.contracts.model_dump(mode="json"),
        "families": settings.features.families,
        "seed": settings.seed,
    }
    return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()
