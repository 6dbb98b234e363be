"""A batch of any size: features in Parquet, probabilities out, in bounded memory.

The input is read a part (some row groups) at a time and scored in blocks. A finished part is kept
beside the output under the hash of all it was made from, so that a run that was killed goes on
where it stopped; at the end all parts become one publication, or what stood there stays.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import shutil
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from features.publication import manifest, published, sha256, write_parquet
from models.encoding import MissingColumns, UnusableColumn
from models.plain import missing
from models.single import ASKED_BY
from serve import given
from serve.bundles import Loaded
from serve.given import BadInput, Part
from serve.predictions import MANIFEST

INDEX = ("account_id", "as_of")
DECIDED = "decided"
SCORES = "scores.parquet"
BLOCK = 4096  # rows scored at once by one thread
PART = 250_000  # rows between two points from which a killed batch goes on

Progress = Callable[[int, int], None]


def score_bulk(
    features: Path,
    loaded: Loaded,
    out: Path,
    *,
    intervals: bool = False,
    threads: int = 1,
    part_rows: int = PART,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Score every row of a Parquet file, or of a folder of them, and publish to the folder `out`.

    The input has account_id, as_of, the features and what says who is asked: days_to_due, arr and,
    if it is known, `decided` (null for undecided; without the column nobody is). `out` gets
    scores.parquet, sorted by as_of and account_id, a column `<target>_probability` (with
    `intervals` also `_low` and `_high`), null where the target does not ask, and MANIFEST.json,
    which is returned: `rows`, how many each target `asked` about, from which `input` and `bundles`.
    `progress` is told the rows done and the rows in all, after each part.

    Raises BadInput before anything is scored if there is no such file or columns are missing, and
    when a part cannot be read as numbers or an observation stands in it twice; then nothing is
    published, and the parts that were finished are kept for the next try. Another batch that is
    writing to `out` just now is BadInput too.
    """
    files = given.files(features)
    _check(files, loaded)
    hashes = {file.name: sha256(file) for file in files}
    workshop = out.parent / f".{out.name}.parts"
    key = _key(hashes, loaded, intervals, part_rows)
    kept = workshop / key
    cut = list(given.parts(files, part_rows))
    done, total = 0, sum(part.rows for part in cut)
    with _alone(workshop, out):
        _only(workshop, key)
        kept.mkdir(exist_ok=True)
        for part in cut:
            path = kept / f"{part.number:06}.parquet"
            if not path.exists():
                _write(_scored(part, loaded, intervals, threads), path)
            done += part.rows
            if progress is not None:
                progress(done, total)
        about = {
            "rows": total,
            "bundles": dict(sorted(loaded.identities.items())),
            "input": hashes,
            "intervals": intervals,
        }
        commit = _publish(kept, out, about, [target.name for target in loaded.targets])
        shutil.rmtree(workshop)
    return commit


def _scored(part: Part, loaded: Loaded, intervals: bool, threads: int) -> pa.Table:
    """The scores of a part, in the order of its rows."""
    file = pq.ParquetFile(part.file)
    schema = file.schema_arrow
    wanted = _columns(loaded, schema.names)

    def score(batch: pa.RecordBatch) -> pa.Table:
        columns = {
            name: batch.column(name).to_numpy(zero_copy_only=False)
            for name in wanted
            if name not in (*INDEX, DECIDED)
        }
        decided = None
        if DECIDED in wanted:
            decided = batch.column(DECIDED).is_valid().to_numpy(zero_copy_only=False)
        found = loaded.fast.table(columns, decided=decided, intervals=intervals)
        scores = {name: pa.array(of, from_pandas=True) for name, of in found.items()}
        return pa.table({name: batch.column(name) for name in INDEX} | scores)

    batches = file.iter_batches(
        batch_size=BLOCK, row_groups=list(part.groups), columns=wanted, use_threads=threads > 1
    )
    try:
        none = score(pa.RecordBatch.from_pylist([], schema=pa.schema(map(schema.field, wanted))))
        return pa.concat_tables([none, *_in_turn(score, batches, threads)])
    except UnusableColumn as fault:
        raise BadInput(
            f"{part.file}, row groups {part.groups}: {fault}; nothing was "
            "published, mend the features and score again"
        ) from None


def _in_turn(
    work: Callable[[pa.RecordBatch], pa.Table], batches: Iterator[pa.RecordBatch], threads: int
) -> Iterator[pa.Table]:
    """The results in the order of the batches; at most two a thread wait at any time."""
    with ThreadPoolExecutor(threads) as pool:
        waiting: deque[Future[pa.Table]] = deque()
        for batch in batches:
            waiting.append(pool.submit(work, batch))
            if len(waiting) > 2 * threads:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()


def _check(files: Sequence[Path], loaded: Loaded) -> None:
    for file in files:
        there = given.schema(file)
        absent = [name for name in _columns(loaded, ()) if name not in there.names]
        if absent:
            raise MissingColumns(f"{file}: {missing(absent, dict.fromkeys(there.names))}")


def _columns(loaded: Loaded, there: Sequence[str]) -> list[str]:
    names = [
        *INDEX,
        *loaded.fast.columns,
        *ASKED_BY,
        *(DECIDED for name in there if name == DECIDED),
    ]
    return list(dict.fromkeys(names))


def _key(hashes: Mapping[str, str], loaded: Loaded, intervals: bool, part_rows: int) -> str:
    """The hash of all that the parts are made from."""
    made = [sorted(loaded.identities.items()), sorted(hashes.items()), intervals, part_rows]
    return hashlib.sha256(json.dumps(made).encode()).hexdigest()


@contextmanager
def _alone(workshop: Path, out: Path) -> Iterator[None]:
    """No other batch writes the same parts meanwhile; a lock of who was killed is gone with it."""
    workshop.mkdir(parents=True, exist_ok=True)
    held = os.open(workshop, os.O_RDONLY)
    try:
        fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    except BlockingIOError:
        raise BadInput(f"{out} is being written by another batch: wait for it") from None
    finally:
        os.close(held)


def _only(workshop: Path, key: str) -> None:
    """Throw away the parts of another input or another bundle."""
    for old in workshop.iterdir():
        if old.name != key:
            shutil.rmtree(old)


def _write(table: pa.Table, path: Path) -> None:
    """The part is there whole or not at all."""
    new = path.with_suffix(".new")
    pq.write_table(table, new, compression="zstd")
    os.replace(new, path)


def _publish(
    kept: Path, out: Path, about: Mapping[str, object], targets: Sequence[str]
) -> dict[str, Any]:
    with published(out) as new, duckdb.connect() as con:
        parts = str(kept / "*.parquet").replace("'", "''")
        rows = f"SELECT * FROM read_parquet('{parts}')"
        odd = con.execute(
            f"""SELECT account_id, as_of, count(*) FROM ({rows}) GROUP BY account_id, as_of
            HAVING count(*) > 1 OR account_id IS NULL OR as_of IS NULL ORDER BY ALL LIMIT 1"""
        ).fetchone()
        if odd:
            raise BadInput(
                f"account {odd[0]} on {odd[1]} stands in {odd[2]} rows: an observation has one row "
                "and a name; nothing was published"
            )
        write_parquet(con, rows, new / SCORES, ("as_of", "account_id"))
        counts = ", ".join(f'count("{name}_probability")' for name in targets)
        asked = con.execute(f"SELECT {counts} FROM ({rows})").fetchone() or ()
        about = {**about, "asked": dict(zip(targets, asked, strict=True))}
        commit: dict[str, Any] = {**about, "files": manifest(new)}
        text = json.dumps(commit, indent=2, sort_keys=True)
        (new / MANIFEST).write_text(text + "\n", encoding="utf-8")
    return commit
