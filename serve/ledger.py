"""The ledger: the append-only record of every prediction published, and of what then happened.

Entries are sealed as they come (serve/sealing/) and never changed. A correction is a further entry;
only the content of an account that must be forgotten is erased, and that is an entry as well.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict
from datetime import UTC, date, datetime
from hashlib import sha256
from typing import Any

import pandas as pd
from sqlalchemy import delete, select

from serve.record import KEY, OPEN, OUTCOMES, SETTLED, Record
from serve.sealing import configurations, reading
from serve.sealing.configurations import Params
from serve.sealing.entries import Unsealable, entries
from serve.sealing.receipts import Receipt, Run, Settlement
from serve.sealing.schema import (
    ASSIGNED,
    OF_RUN,
    PREDICTED,
    assignments,
    forgettings,
    outcomes,
    predictions,
    runs,
    seals,
)
from serve.sealing.seal import HEAD, Chain, contents_of
from serve.sealing.store import Store
from serve.sealing.verification import Verification, verify

Row = dict[str, Any]
SAID_OF_RUN = {"as_of": "DATE", "model_version": "VARCHAR", "bundle_sha256": "VARCHAR"}
ORDER = ("due_date", "account_id")
JUDGED = [name for name in OUTCOMES if name != "known_on"]


def _now() -> datetime:
    return datetime.now(UTC)


class Ledger:
    """A ledger in a SQLite file or a PostgreSQL database. Every method is one transaction; if it
    raises serve.sealing.store.LedgerUnavailable, nothing was changed."""

    def __init__(self, store: Store, clock: Callable[[], datetime] = _now) -> None:
        self._store = store
        self._clock = clock

    @classmethod
    def open(cls, url: str, *, create: bool = True, clock: Callable[[], datetime] = _now) -> Ledger:
        """The ledger at `sqlite:///ledger.db` or `postgresql+psycopg://user@host/database`.

        Brings its tables to this version. Raises serve.sealing.store.LedgerUnavailable, also for a
        ledger of a newer version and, without `create`, where there is none.
        """
        return cls(Store.open(url, create), clock)

    def publish(self, run: Run, frame: pd.DataFrame, params: Params | None = None) -> Receipt:
        """Seal a run and its predictions, the columns of PUBLISHED without `sealed`; keep the
        parameters it was made with.

        Publishing the same content again changes nothing and gives the same receipt. Raises
        Unsealable if the rows are not, one by one, those of the run, or its parameters others.
        """
        rows = entries(frame, {**PREDICTED, **SAID_OF_RUN}, ORDER)
        _refuse_strange(run, rows)
        sealed = contents_of(predictions, rows)
        run_id = _run_id(run, sealed)
        with self._store.writing() as connection:
            chain = Chain(connection)
            if params is not None:
                configurations.keep(connection, params, run.params_sha256)
            known = select(runs.c.sequence).where(runs.c.run_id == run_id)
            place = connection.execute(known).scalar()
            if place is not None:
                last = place + run.renewals
                link = select(seals.c.chain).where(seals.c.sequence == last)
                head = connection.execute(link).scalar_one()
                return Receipt(run_id, head.hex(), last, new=False)
            about = {"run_id": run_id, **asdict(run), "published_at": self._instant()}
            chain.append(runs, [about])
            whose = {"run": chain.count}
            chain.append(predictions, [_only(PREDICTED, row) | whose for row in rows], sealed)
            return Receipt(run_id, chain.head.hex(), chain.count, new=True)

    def settle(self, frame: pd.DataFrame) -> Settlement:
        """Append the outcomes, columns of OUTCOMES, that say anything new of predicted renewals, or
        of another decision of a predicted account that decides every month.

        What stood before stays, and the newest counts. A reading of an earlier day than the one
        stored changes nothing.
        """
        rows = entries(frame, OUTCOMES, ORDER)
        days = [row["due_date"] for row in rows] or [date.max]
        counts = dict.fromkeys(("corrected", "unchanged", "outdated", "unpredicted"), 0)
        new: list[Row] = []
        with self._store.writing() as connection:
            chain = Chain(connection)
            expected = reading.due(connection, min(days), max(days))
            everyone = reading.accounts(connection)
            stored = reading.newest(connection, min(days), max(days))
            for row in rows:
                key = (row["account_id"], row["due_date"])
                before = stored.get(key)
                monthly = row["month_to_month"] and row["account_id"] in everyone
                if not (key in expected or monthly or before):
                    counts["unpredicted"] += 1
                elif before and row["known_on"] < before["known_on"]:
                    counts["outdated"] += 1
                elif before and _only(JUDGED, row) == _only(JUDGED, before):
                    counts["unchanged"] += 1
                else:
                    counts["corrected"] += bool(before and before["outcome"] in SETTLED)
                    new.append(row | {"recorded_at": self._instant()})
            chain.append(outcomes, new)
            return Settlement(len(new), **counts, head=chain.head.hex(), count=chain.count)

    def assign(self, frame: pd.DataFrame, *, as_of: date, share: float, salt: str) -> int:
        """Seal a hold-out (account_id, group, stratum, and due_date if it is of one renewal only);
        how many rows were new. Raises Unsealable if one would change its group of that morning."""
        about = {"as_of": pd.Timestamp(as_of), "share": share, "holdout_salt": salt}
        asked = ({} if "due_date" in frame else {"due_date": pd.NaT}) | about
        rows = entries(frame.assign(**asked), ASSIGNED, ORDER, optional=("due_date",))
        with self._store.writing() as connection:
            chain = Chain(connection)
            query = select(*(assignments.c[name] for name in ASSIGNED))
            same_day = connection.execute(query.where(assignments.c.as_of == as_of))
            stored = {(row.account_id, row.due_date): row._asdict() for row in same_day}
            new = []
            for row in rows:
                before = stored.get((row["account_id"], row["due_date"]))
                if before and before != row:
                    raise Unsealable(
                        f"account {row['account_id']} is {before['group']} since {as_of} "
                        f"(salt {before['holdout_salt']}, share {before['share']}): "
                        "a hold-out cannot be drawn again for the same morning"
                    )
                if not before:
                    new.append(row | {"recorded_at": self._instant()})
            chain.append(assignments, new)
            return len(new)

    def forget(self, account_id: str) -> int:
        """Erase the content of every entry about an account; how many there were.

        Their digests stay, so the chain holds. Totals that a run states of itself stay as well.
        """
        with self._store.writing() as connection:
            chain = Chain(connection)
            gone: list[int] = []
            for table in (predictions, outcomes, assignments):
                of = select(table.c.sequence).where(table.c.account_id == account_id)
                found = connection.execute(of).scalars().all()
                for place in found:
                    connection.execute(delete(table).where(table.c.sequence == place))
                gone += found
            if gone:
                erased = {"sequences": json.dumps(sorted(gone)), "recorded_at": self._instant()}
                chain.append(forgettings, [erased])
            return len(gone)

    def read(self, since: date = date.min, until: date = date.max) -> Record:
        """The predictions of the mornings in [since, until), and their accounts' newest outcomes.

        A renewal that nobody has looked up yet is open, with `known_on` missing. Of several runs of
        one morning the first word on each renewal counts. `sealed`: published on the due date at
        the latest, by the publisher's clock.
        """
        with self._store.reading() as connection:
            of = reading.mornings(connection, since, until)
            said = reading.first_word(reading.published(connection, of))
            first = said["due_date"].min().date() if len(said) else date.max
            ends = reading.ended(connection, first, date.max)
        ends = ends[ends["account_id"].isin(said["account_id"])]
        rows = ends.merge(said[KEY].drop_duplicates(), on=KEY, how="outer", validate="one_to_one")
        rows["outcome"] = rows["outcome"].fillna(OPEN)
        return Record(said.reset_index(drop=True), rows)

    def renewals(self, until: date = date.max, by: date = date.max) -> pd.DataFrame:
        """Every renewal predicted on a morning up to `by` with a due date before `until`: columns
        of OUTCOMES, those of the newest outcome, empty where nobody has looked it up yet."""
        with self._store.reading() as connection:
            return reading.renewals(connection, until, by)

    def outcomes(self) -> pd.DataFrame:
        """The newest outcome of every renewal that has one: columns of OUTCOMES."""
        with self._store.reading() as connection:
            return reading.ended(connection, date.min, date.max)

    def history(self, account_id: str) -> Record:
        """All that was published of an account and every outcome, the corrected ones too, in the
        order of sealing."""
        with self._store.reading() as connection:
            said = reading.published(connection, [predictions.c.account_id == account_id])
            return Record(said, reading.corrections(connection, account_id))

    def runs(self) -> pd.DataFrame:
        """One row a run in the order of sealing, the columns of serve.sealing.reading.RUNS."""
        with self._store.reading() as connection:
            return reading.listed(connection)[list(reading.RUNS)]

    def configurations(self) -> dict[str, Params]:
        """The parameters of runs by `params_sha256`, as far as they were kept and are unaltered."""
        with self._store.reading() as connection:
            return configurations.kept(connection)

    def assignments(self) -> pd.DataFrame:
        """One row an assignment in the order of sealing: serve.sealing.schema.ASSIGNED."""
        with self._store.reading() as connection:
            return reading.assigned(connection, ASSIGNED)

    @property
    def anchor(self) -> dict[str, str | int]:
        """The head and count of the chain now: what `verify` takes, to be kept elsewhere."""
        with self._store.reading() as connection:
            count, head = connection.execute(HEAD).one()
        return {"head": head.hex(), "count": count}

    def verify(self, anchor: Mapping[str, Any] | None = None) -> Verification:
        """Whether every entry is as it was sealed, or the first that is not."""
        with self._store.reading() as connection:
            return verify(connection, anchor)

    def _instant(self) -> datetime:
        return self._clock().astimezone(UTC).replace(tzinfo=None)


def _run_id(run: Run, sealed: list[bytes]) -> str:
    """SHA-256 of what is published, without the clock."""
    about = json.dumps(asdict(run), default=str, sort_keys=True).encode()
    return sha256(b"\n".join([about, *sealed])).hexdigest()


def _refuse_strange(run: Run, rows: list[Row]) -> None:
    if len(rows) != run.renewals:
        raise Unsealable(
            f"the run of {run.as_of} says that {run.renewals} renewals are due, the frame has "
            f"{len(rows)}: publish what was scored, whole"
        )
    for name in OF_RUN:
        said = getattr(run, name)
        strange = sorted({str(row[name]) for row in rows} - {str(said)})
        if strange:
            raise Unsealable(f"{name} is {said} in the run, but {', '.join(strange)} in its rows")


def _only(names: Mapping[str, str] | list[str], row: Row) -> Row:
    return {name: row[name] for name in names}
