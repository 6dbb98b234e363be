"""What stands in the ledger, read as frames."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from typing import Any

import pandas as pd
from sqlalchemy import ColumnElement, Connection, func, select

from serve.record import KEY, OUTCOMES, PUBLISHED
from serve.sealing.entries import as_stored, framed
from serve.sealing.schema import OF_RUN, PREDICTED, assignments, outcomes, predictions, runs

Renewal = tuple[str, date]
RUNS = {
    "run_id": "VARCHAR",
    "as_of": "DATE",
    "within": "BIGINT",
    "model_version": "VARCHAR",
    "bundle_sha256": "VARCHAR",
    "features_sha256": "VARCHAR",
    "params_sha256": "VARCHAR",
    "renewals": "BIGINT",
    "arr": "DOUBLE",
    "published_at": "TIMESTAMP",
}


def due(connection: Connection, first: date, last: date) -> set[Renewal]:
    """(account_id, due_date) of the renewals predicted with a due date from first to last."""
    day = predictions.c.due_date
    found = select(predictions.c.account_id, day).where(day.between(first, last)).distinct()
    return {(row.account_id, row.due_date) for row in connection.execute(found).all()}


def newest(connection: Connection, first: date, last: date) -> dict[Renewal, dict[str, Any]]:
    """The newest outcome of each renewal due from first to last, the columns of OUTCOMES."""
    query = select(*(outcomes.c[name] for name in OUTCOMES)).where(_newest(first, last))
    rows = (row._asdict() for row in connection.execute(query).all())
    return {(row["account_id"], row["due_date"]): row for row in rows}


def ended(connection: Connection, first: date, last: date) -> pd.DataFrame:
    """The same as a frame."""
    columns = as_stored(outcomes.c[name] for name in OUTCOMES)
    query = select(*columns).where(_newest(first, last)).order_by(outcomes.c.sequence)
    return framed(connection.execute(query).all(), OUTCOMES)


def corrections(connection: Connection, account_id: str) -> pd.DataFrame:
    """Every outcome of an account's renewals, the corrected ones too, in the order of sealing."""
    columns = as_stored(outcomes.c[name] for name in OUTCOMES)
    query = select(*columns).where(outcomes.c.account_id == account_id)
    return framed(connection.execute(query.order_by(outcomes.c.sequence)).all(), OUTCOMES)


def accounts(connection: Connection) -> set[str]:
    """Everyone of whom anything was ever predicted."""
    found = connection.execute(select(predictions.c.account_id).distinct())
    return set(found.scalars().all())


def renewals(connection: Connection, until: date, by: date) -> pd.DataFrame:
    """Every renewal predicted on a morning up to `by` with a due date before `until`, with its
    newest outcome if any."""
    day = predictions.c.due_date
    query = select(*as_stored((predictions.c.account_id, day))).where(day < until).distinct()
    query = query.join(runs, runs.c.sequence == predictions.c.run).where(runs.c.as_of <= by)
    asked = framed(connection.execute(query).all(), {name: OUTCOMES[name] for name in KEY})
    known = ended(connection, date.min, until)
    found = asked.merge(known, on=KEY, how="left", validate="one_to_one")
    return found.sort_values(["due_date", "account_id"], ignore_index=True)[list(OUTCOMES)]


def published(connection: Connection, of: Iterable[ColumnElement[bool]]) -> pd.DataFrame:
    """The predictions that meet any of the conditions, each of other rows, in the order of sealing:
    the columns of PUBLISHED."""
    types = {"run": "BIGINT", **PREDICTED}
    query = select(*as_stored(predictions.c[name] for name in types))
    query = query.order_by(predictions.c.sequence)
    parts = [framed(connection.execute(query.where(one)).all(), types) for one in of]
    known = listed(connection)
    days = pd.to_datetime(known["published_at"]).dt.normalize()
    about = known[["sequence", *OF_RUN]].assign(published=days)
    frame = pd.concat(parts or [framed([], types)], ignore_index=True)
    whole = frame.merge(about, left_on="run", right_on="sequence", validate="many_to_one")
    whole["sealed"] = whole["published"] <= whole["due_date"]
    return whole[list(PUBLISHED)]


def mornings(connection: Connection, since: date, until: date) -> list[ColumnElement[bool]]:
    """For each run of the mornings in [since, until), the condition on its predictions."""
    asked = select(runs.c.sequence, runs.c.renewals).order_by(runs.c.sequence)
    found = connection.execute(asked.where(runs.c.as_of >= since, runs.c.as_of < until))
    place = predictions.c.sequence
    return [place.between(run.sequence + 1, run.sequence + run.renewals) for run in found]


def first_word(frame: pd.DataFrame) -> pd.DataFrame:
    """Of several predictions of one renewal on one morning, the one that was scored first, or the
    first of all where none was: what is published again cannot take the first one's place."""
    silent = frame["status"].ne("scored")
    order = frame.assign(silent=silent).sort_values("silent", kind="stable")
    return frame.loc[order.drop_duplicates(["as_of", *KEY]).index.sort_values()]


def listed(connection: Connection) -> pd.DataFrame:
    """Every run in the order of sealing, with its sequence."""
    types = {"sequence": "BIGINT", **RUNS}
    columns = as_stored(runs.c[name] for name in types)
    return framed(connection.execute(select(*columns).order_by(runs.c.sequence)).all(), types)


def assigned(connection: Connection, types: dict[str, str]) -> pd.DataFrame:
    """Every assignment in the order of sealing."""
    columns = as_stored(assignments.c[name] for name in types)
    query = select(*columns).order_by(assignments.c.sequence)
    return framed(connection.execute(query).all(), types)


def _newest(first: date, last: date) -> ColumnElement[bool]:
    within = outcomes.c.due_date.between(first, last)
    last_of = select(func.max(outcomes.c.sequence)).where(within)
    return outcomes.c.sequence.in_(last_of.group_by(outcomes.c.due_date, outcomes.c.account_id))
