"""The tables of the ledger.

    seals        one row an entry, in the order of sealing: digest of its content, link of the chain
    chain_head   one row: how many entries there are, and the last link; writers queue for it
    runs         a published scoring run, followed by its `renewals` predictions
    predictions  a prediction of a renewal, the columns of serve.record.PUBLISHED that vary in a run
    outcomes     how a renewal stood, the columns of serve.record.OUTCOMES; the newest entry counts
    assignments  who is held out, and who is treated
    forgettings  the entries whose content was erased, by their sequence only
    configurations  the parameters of runs, under their hash (serve/sealing/configurations.py)

The five before the last hold the contents, keyed by the sequence of their seal. Instants are UTC.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Date,
    DateTime,
    Double,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
)
from sqlalchemy.types import TypeEngine

from serve.record import OUTCOMES, PUBLISHED

REVISION = "0002"
"""The newest migration, in serve/sealing/migrations/versions."""

TYPES: dict[str, type[TypeEngine]] = {
    "VARCHAR": Text,
    "DATE": Date,
    "DOUBLE": Double,
    "BIGINT": BigInteger,
    "BOOLEAN": Boolean,
}
OF_RUN = ("as_of", "model_version", "bundle_sha256")
PREDICTED = {n: sql for n, sql in PUBLISHED.items() if n not in (*OF_RUN, "sealed")}
ASSIGNED = {
    "account_id": "VARCHAR",
    "due_date": "DATE",
    "group": "VARCHAR",
    "stratum": "VARCHAR",
    "as_of": "DATE",
    "share": "DOUBLE",
    "holdout_salt": "VARCHAR",
}
NEEDED = {"account_id", "due_date", "status", "outcome", "known_on", "group", "as_of"}

metadata = MetaData()


def _content(name: str, *columns: Column) -> Table:
    """A table of contents: whose entry, the salt of its digest, and what was sealed."""
    whose = Column("sequence", BigInteger, primary_key=True, autoincrement=False)
    return Table(name, metadata, whose, Column("salt", LargeBinary, nullable=False), *columns)


def _columns(types: dict[str, str], optional: tuple[str, ...] = ()) -> list[Column]:
    needed = NEEDED - set(optional)
    return [Column(name, TYPES[sql], nullable=name not in needed) for name, sql in types.items()]


seals = Table(
    "seals",
    metadata,
    Column("sequence", BigInteger, primary_key=True, autoincrement=False),
    Column("kind", Text, nullable=False),
    Column("digest", LargeBinary, nullable=False),
    Column("chain", LargeBinary, nullable=False),
)
chain_head = Table(
    "chain_head",
    metadata,
    Column("id", Integer, CheckConstraint("id = 1"), primary_key=True, autoincrement=False),
    Column("count", BigInteger, nullable=False),
    Column("head", LargeBinary, nullable=False),
)
runs = _content(
    "runs",
    Column("run_id", Text, nullable=False, unique=True),
    Column("as_of", Date, nullable=False),
    Column("within", BigInteger, nullable=False),
    Column("model_version", Text, nullable=False),
    Column("bundle_sha256", Text, nullable=False),
    Column("features_sha256", Text, nullable=False),
    Column("params_sha256", Text, nullable=False),
    Column("renewals", BigInteger, nullable=False),
    Column("arr", Double, nullable=False),
    Column("published_at", DateTime, nullable=False),
)
predictions = _content(
    "predictions", Column("run", BigInteger, nullable=False), *_columns(PREDICTED)
)
outcomes = _content(
    "outcomes", *_columns(OUTCOMES), Column("recorded_at", DateTime, nullable=False)
)
assignments = _content(
    "assignments",
    *_columns(ASSIGNED, optional=("due_date",)),
    Column("recorded_at", DateTime, nullable=False),
)
forgettings = _content(
    "forgettings",
    Column("sequences", Text, nullable=False),
    Column("recorded_at", DateTime, nullable=False),
)
configurations = Table(
    "configurations",
    metadata,
    Column("params_sha256", Text, primary_key=True),
    Column("body", Text, nullable=False),
)
Index("predictions_by_renewal", predictions.c.due_date, predictions.c.account_id)
Index("outcomes_by_renewal", outcomes.c.due_date, outcomes.c.account_id)

CONTENTS = {table.name: table for table in (runs, predictions, outcomes, assignments, forgettings)}
