"""Make a run again from what is left of it, and hold it beside what it was, byte by byte.

The run's code, parameters, lock and data are laid out in a scratch clone and every stage runs from
the beginning, so that what this tree has become since has no part in it. Of what differs the cause
is named: the parameter, the file and its first row, the package; never only the consequence.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import yaml

from features.publication import read_frame
from models import bundle
from pipeline import files
from pipeline.experiments.run_record import UnknownRun
from pipeline.forgetting import Register
from pipeline.reproducing import causes, clones, locks, past_prediction, recorded
from pipeline.reproducing.clones import Failed, Scratch
from pipeline.reproducing.locks import Compared, Difference
from pipeline.reproducing.parting import TOLERANCE, largest
from pipeline.reproducing.past_prediction import Past
from pipeline.reproducing.recorded import Recorded
from pipeline.state import cpu

INGEST, SCORE = "ingest", "score"
KINDS = {
    "tables": (files.RAW, files.TABLES),
    "facts": (files.FACTS, files.OBSERVED),
    "labels": (files.LABELS,),
    "features": (files.FEATURES,),
    "bundles": (files.ARTIFACTS,),
    "predictions": (files.HELDOUT, files.CYCLE, files.RECORD),
}
REPORTS, PUBLISHED = "reports", "of the publication"
SCORED = ["account_id", "as_of", "target", "model"]


@dataclass(frozen=True)
class Reproduction:
    """What came of it. `same` counts the files that are equal to the byte, by what they are.

    `inputs` is what the run was given that differs; `results` came out otherwise though all they
    were made from is the same; `followed` differs because of one of the two; `rows` says where the
    first of them parts from what it was. `skipped` are stages of which the lock tells something
    older. `moved` is what is different in this tree by now, and had no part in it. `apart` is the
    largest difference between scores where another type of CPU made them. `forgotten` is how many
    accounts were part of the run and are no more.
    """

    run_id: str
    identity: str
    target: str
    commit: str
    place: str
    prediction_id: str | None
    same: dict[str, int]
    inputs: list[Difference]
    results: list[Difference]
    followed: list[str]
    rows: list[str]
    skipped: list[str]
    moved: list[Difference]
    cpu_now: str
    cpu_then: str | None = None
    apart: float | None = None
    forgotten: int = 0

    @property
    def to_the_bit(self) -> bool:
        """Whether all that could be compared is equal to the byte."""
        return bool(self.same) and not (self.results or self.followed)

    @property
    def other_cpu(self) -> bool:
        """Whether another type of CPU made the run: equal bits are not promised then."""
        return self.cpu_then not in (None, self.cpu_now)

    @property
    def near(self) -> bool:
        """Made on another type of CPU, and nothing but that tells the scores apart, by 1e-9."""
        apart = self.apart is not None and self.apart <= TOLERANCE
        return self.other_cpu and not self.inputs and apart

    @property
    def all_but_forgotten(self) -> bool:
        """Whether only accounts that were forgotten since, and the exports they were in, differ."""
        code = [one for one in self.inputs if one.name not in causes.exports(self.inputs)]
        return self.forgotten > 0 and not code

    @property
    def reproduced(self) -> bool:
        return self.to_the_bit or self.near or self.all_but_forgotten


def reproduce(given: str, publication: Path, kept: Path | None = None) -> Reproduction:
    """Make a run, or the run behind a prediction, again, and compare.

    `given` begins the id or identity of a run, or the id of a prediction in `publication` or the
    ledger. `kept` is where the scratch clone stays. Raises UnknownRun if nothing is meant by it, or
    what is cannot be restored.
    """
    if not Path(".git").exists():
        raise UnknownRun("this is no git clone: a run is restored from its commit; clone it first")
    found, past = recorded.find(given, remote=False), None
    if found is None:
        past = past_prediction.find(given, publication)
        found = recorded.find(past.run if past else given)
    if found is None:
        raise UnknownRun(
            f"no run has an id or identity that begins with {past.run if past else given}, in "
            f"runs/, in dvc.lock of any commit or in MLflow"
            + ("" if past else f", and no prediction in {publication} or the ledger such an id")
        )
    try:
        with clones.scratch(found.commit, found.lock, {files.PARAMS: found.params}, kept) as made:
            return _again(found, past, made)
    except Failed as why:
        run = found.record["run_id"]
        raise UnknownRun(
            f"run {run} cannot be made again from commit {found.commit[:12]}: {why}"
        ) from None


def _again(found: Recorded, past: Past | None, made: Scratch) -> Reproduction:
    """Lay out the inputs and run the stages; where an export differs and so do the tables, stop."""
    then = locks.read(found.lock)
    (made.folder / files.STAGES_LOCK).unlink()  # nothing counts as done
    forgotten = _forgotten_since(made.folder)
    _furnish(found, then, made)
    last = SCORE if past or (found.whole and SCORE in then) else found.stage
    given = list(causes.changed_exports(found.record, made.folder))
    if given and not forgotten:
        made.make(INGEST)
        early = _compared(found, then, made, INGEST)
        if early.results or early.followed:
            return _told(found, None, made, early, given, forgotten)
    made.make(last)
    return _told(found, past, made, _compared(found, then, made, last), given, forgotten)


def _furnish(found: Recorded, then: Mapping[str, locks.Made], made: Scratch) -> None:
    """Lay the source's SELECTs and exports where no commit and no stage puts them."""
    for tracked in clones.git("ls-files", "*.dvc", folder=made.folder).splitlines():
        clones.dvc("pull", "--quiet", tracked, folder=made.folder)
    source = yaml.safe_load(found.params)["source"]
    outs = {out for stage in then.values() for out in stage.outs}
    for place in (source["folder"], source["input"]):
        path = Path(place)
        if "://" in place or path.is_absolute() or place in outs or (made.folder / path).exists():
            continue
        if not path.exists():
            raise Failed(f"{place}, which it was made from, is neither here nor in the DVC remote")
        clones.lent(path, made.folder)


def _forgotten_since(folder: Path) -> int:
    """How many accounts were forgotten after the commit; they stay so in the scratch clone."""
    known, now = Register.read(folder / files.FORGOTTEN), Register.read(files.FORGOTTEN)
    if now.entries:
        now.write(folder / files.FORGOTTEN)
    return len(set(now.entries) - set(known.entries))


def _compared(
    found: Recorded, then: Mapping[str, locks.Made], made: Scratch, last: str
) -> Compared:
    now = locks.read(made.made())
    order = locks.before(now, last)
    if not found.whole:  # the lock is older than the run: of the run itself it says nothing
        order = [name for name in order if name != found.stage]
    return locks.compared(then, now, order)


def _told(
    found: Recorded,
    past: Past | None,
    made: Scratch,
    seen: Compared,
    given: list[Difference],
    forgotten: int,
) -> Reproduction:
    """Put together what was seen, with the causes of what differs."""
    same: Counter[str] = Counter()
    for out, count in seen.same.items():
        same[_kind(out)] += count
    if not found.whole:
        _hold_bundle(found, made, seen, same)
    if past:
        count, apart = past_prediction.again(past, made.folder)
        same[PUBLISHED] += count
        seen.results.extend(apart)
    inputs = causes.inputs(found.record, made.folder, seen, given)
    other_cpu = found.record.get("cpu") not in (None, cpu())
    return Reproduction(
        run_id=str(found.record["run_id"]),
        identity=str(found.record["identity"]),
        target=found.target,
        commit=found.commit,
        place=found.place,
        prediction_id=past.prediction_id if past else None,
        same={kind: same[kind] for kind in (*KINDS, REPORTS, PUBLISHED) if same[kind]},
        inputs=inputs,
        results=seen.results,
        followed=seen.followed,
        rows=[] if forgotten else causes.rows(found.lock, made, seen),
        skipped=seen.skipped,
        moved=list(causes.moved(found, made.folder)),
        cpu_now=cpu(),
        cpu_then=found.record.get("cpu"),
        apart=_apart(found, made) if other_cpu and (seen.results or seen.followed) else None,
        forgotten=forgotten,
    )


def _hold_bundle(found: Recorded, made: Scratch, seen: Compared, same: Counter[str]) -> None:
    """Hold the served bundle beside the hash that the run was tagged with."""
    place = files.bundle(found.target, files.SERVING)
    then, now = found.record["bundle_sha256"], bundle.identity(made.folder / place)
    if then == now:
        same["bundles"] += sum(1 for _ in (made.folder / place).iterdir())
    elif seen.results or seen.followed:
        seen.followed.append(place.as_posix())
    else:
        seen.results.append(Difference("result", place.as_posix(), then, now))


def _apart(found: Recorded, made: Scratch) -> float | None:
    """The largest difference between the held-out scores of then and now; None if those of then
    are gone."""
    stage = locks.read(found.lock).get(SCORE)
    md5 = stage.outs.get(files.HELDOUT.as_posix()) if stage else None
    if md5 is None or not (made.folder / files.HELDOUT).exists():
        return None
    with made.old(files.HELDOUT.as_posix(), md5) as then:
        if then is None:
            return None
        now = read_frame(made.folder / files.HELDOUT)
        return largest(read_frame(then), now, SCORED, "score")


def _kind(out: str) -> str:
    path = Path(out)
    for kind, folders in KINDS.items():
        if any(path.is_relative_to(folder) for folder in folders):
            return kind
    return REPORTS
