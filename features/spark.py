"""Spark, spoken to as if it were a DuckDB connection: the same SQL, the same values and types.

For events that outgrow a machine. A `Spark` offers the few methods of a connection that the project
uses; statements are DuckDB's SQL in the portable subset, and `features.dialect` says them in
Spark's. Results come back through Arrow and DuckDB, so that a frame has the types that DuckDB gives
it. Tables are kept by name in the object and under names of their own in the session: their names
may hold blanks, and two cursors may use the same one.

A temporary table is kept, in memory or on disk, until it is replaced or dropped, or the connection
is closed. On a cluster where executors may be lost, set `spark.checkpoint.dir` to a shared folder,
and it is kept there.
"""

from __future__ import annotations

import itertools
import shutil
from collections.abc import Sequence
from pathlib import Path
from tempfile import mkdtemp
from typing import TYPE_CHECKING, Any

import duckdb
import pandas as pd
import pyarrow as pa
from sqlglot import exp

from features.dialect import written
from features.spark_files import arrow, read, write
from features.spark_session import ALWAYS, session
from features.statement import NotPortable, files, named, parse, shared, taken_out

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

_numbers = itertools.count()


class Spark:
    """A connection to Spark at `master`, `config` being further Spark settings by their names.

    A session that already lives in this process is used, if it has the same master, and left alive.
    """

    def __init__(self, master: str = "local[2]", **config: object) -> None:
        wrong = [key for key, value in ALWAYS.items() if str(config.get(key, value)) != value]
        if wrong:
            raise ValueError(f"{wrong[0]} must stay {ALWAYS[wrong[0]]}: figures depend on it")
        self.scratch: Path | None = Path(mkdtemp(prefix="renewcast-spark-"))
        try:
            self.owned, self.session = session(master, config, self.scratch)
        except BaseException:
            shutil.rmtree(self.scratch, ignore_errors=True)
            raise
        self.names: dict[str, str] = {}
        self.frames: dict[str, DataFrame] = {}

    def cursor(self) -> Spark:
        """A connection of its own to the same session: the names it gives are not seen here."""
        other = Spark.__new__(Spark)
        other.scratch, other.owned, other.session = None, False, self.session
        other.names, other.frames = dict(self.names), {}
        return other

    def close(self) -> None:
        """Drop what was named here; the session, too, if it began here."""
        for name in list(self.frames):
            self._drop(name)
        if self.owned:
            self.session.stop()
        if self.scratch is not None:
            shutil.rmtree(self.scratch, ignore_errors=True)

    def __enter__(self) -> Spark:
        return self

    def __exit__(self, *reason: object) -> None:
        self.close()

    def execute(self, statement: str) -> Relation:
        """Run a statement: a query, CREATE TABLE or VIEW ... AS, COPY ... TO, DESCRIBE or DROP."""
        tree = parse(statement)
        if isinstance(tree, exp.Create):
            self._create(tree)
        elif isinstance(tree, exp.Copy):
            self._copy(tree)
        elif isinstance(tree, exp.Describe):
            return Relation(self, statement, self._described(tree))
        elif isinstance(tree, exp.Drop):
            for table in tree.find_all(exp.Table):
                if table.name.lower() not in self.frames and not tree.args["exists"]:
                    raise NotPortable(f"there is no table {table.name} to drop")
                self._drop(table.name.lower())
        elif isinstance(tree, exp.Query):
            return self.sql(statement)
        else:
            raise NotPortable(f"`{statement:.200}`: Spark has no such statement here")
        return Relation(self, statement, pa.table({"Count": pa.array([], pa.int64())}))

    def sql(self, query: str) -> Relation:
        """A query, which runs when its rows are asked for."""
        return Relation(self, query, self._frame(parse(query)))

    def read_parquet(self, path: str | Sequence[str]) -> Relation:
        """The rows of one or more Parquet files; a path may be a pattern."""
        paths = [path] if isinstance(path, str) else list(path)
        listed = ", ".join("'" + name.replace("'", "''") + "'" for name in paths)
        return Relation(self, f"SELECT * FROM read_parquet([{listed}])", read(self.session, paths))

    def from_df(self, frame: pd.DataFrame) -> Relation:
        """The rows of a frame."""
        name = f"frame_{next(_numbers)}"
        self.register(name, frame)
        return self.sql(f"SELECT * FROM {name}")

    def relation(self, rows: DataFrame) -> Relation:
        """The rows of a frame of Spark's own."""
        name = f"rows_{next(_numbers)}"
        self._name(name, rows)
        return Relation(self, f"SELECT * FROM {name}", rows)

    def register(self, name: str, rows: pd.DataFrame | pa.Table) -> None:
        """Give a frame or an Arrow table a name; its columns have the types that DuckDB reads."""
        with duckdb.connect() as con:
            con.register("given", rows)
            listed = []
            for column, sort in zip(*_described(con, "given"), strict=True):
                quoted = '"' + column.replace('"', '""') + '"'
                cast = _PLAIN.get(sort)
                listed.append(f"CAST({quoted} AS {cast}) AS {quoted}" if cast else quoted)
            table = con.sql(f"SELECT {', '.join(listed)} FROM given").to_arrow_table()
        self._name(name, self.session.createDataFrame(table))

    def _create(self, tree: exp.Create) -> None:
        name = tree.this.name
        if tree.args.get("kind") not in ("TABLE", "VIEW") or tree.expression is None:
            raise NotPortable(f"`{tree.sql('duckdb'):.200}`: only CREATE TABLE or VIEW ... AS")
        if name.lower() in self.frames and not tree.args.get("replace"):
            raise NotPortable(f"{name} is there already: CREATE OR REPLACE it")
        query = tree.expression
        if tree.args["kind"] == "VIEW":
            self._name(name, self._frame(query))
            return
        if query.args.get("limit") is None and isinstance(query, exp.Query):
            query.set("order", None)  # the rows of a table are in no order
        self._name(name, self._cut_off(self._frame(query)))

    def _name(self, name: str, frame: DataFrame) -> None:
        self._drop(name.lower())
        safe = f"renewcast_{next(_numbers)}"
        frame.createOrReplaceTempView(safe)
        self.names[name.lower()], self.frames[name.lower()] = safe, frame

    def _drop(self, name: str) -> None:
        frame = self.frames.pop(name, None)
        if frame is not None:
            self.session.catalog.dropTempView(self.names.pop(name))
            plan = frame._jdf.queryExecution().logical()
            if plan.getClass().getSimpleName() == "LogicalRDD":
                plan.rdd().unpersist(False)

    def _frame(self, tree: exp.Expr) -> DataFrame:
        """The rows of a query, its names and files replaced by what the session calls them.

        What a WITH query gives to several others is computed once; Spark would for each again.
        """
        tree, passing = tree.copy(), []

        def viewed(frame: DataFrame) -> str:
            passing.append(f"renewcast_{next(_numbers)}")
            frame.createOrReplaceTempView(passing[-1])
            return passing[-1]

        try:
            for table in list(tree.find_all(exp.Table)):
                paths = files(table)
                if paths is not None:
                    _rename(table, viewed(read(self.session, paths)))
                elif named(table):
                    _rename(table, self._known(table.name))
            for cte in shared(tree):
                rows = self.session.sql(written(taken_out(cte)))
                name = viewed(self._cut_off(rows))
                for table in list(tree.find_all(exp.Table)):
                    if table.name.lower() == cte.alias.lower() and named(table):
                        _rename(table, name)
            return self.session.sql(written(tree))
        finally:
            for name in passing:
                self.session.catalog.dropTempView(name)

    def _cut_off(self, rows: DataFrame) -> DataFrame:
        """The rows, computed, without the plan that led to them: plans of plans grow too large."""
        if self.session.conf.get("spark.checkpoint.dir", ""):
            return rows.checkpoint(eager=True)
        return rows.localCheckpoint(eager=True)

    def _known(self, name: str) -> str:
        if name.lower() not in self.names:
            there = ", ".join(sorted(self.names)) or "none"
            raise NotPortable(f"there is no table {name!r}; there are: {there}")
        return self.names[name.lower()]

    def _copy(self, tree: exp.Copy) -> None:
        """Write the rows of a query to one Parquet file, in the order of its ORDER BY."""
        options = {param.this.name.upper(): param.expression.name for param in tree.args["params"]}
        if options.pop("FORMAT", "parquet").lower() != "parquet" or options.keys() - _OPTIONS:
            raise NotPortable(f"`{tree.sql('duckdb')[-200:]}`: only (FORMAT parquet) is written")
        query = tree.this.unnest()
        order = query.args.get("order")
        if order is not None and query.args.get("limit") is None:
            query.set("order", None)
        else:
            order = None
        keys = [] if order is None else order.expressions
        listed = [(written(key.this.copy()), bool(key.args.get("desc"))) for key in keys]
        codec = options.get("COMPRESSION", "zstd")
        write(self._frame(query), Path(tree.args["files"][0].name), listed, codec)

    def _described(self, tree: exp.Describe) -> pa.Table:
        rows = self._frame(exp.select("*").from_(tree.this.copy()))
        with duckdb.connect() as con:
            con.register("given", arrow(rows.limit(0)))
            return con.sql("DESCRIBE given").to_arrow_table()


class Relation:
    """The rows of a query, computed when they are asked for, once."""

    def __init__(self, spark: Spark, query: str, rows: DataFrame | pa.Table) -> None:
        self.spark = spark
        self.text = query
        self.rows = rows
        self.table: pa.Table | None = rows if isinstance(rows, pa.Table) else None
        self.fetched = 0

    @property
    def columns(self) -> list[str]:
        """The names of the columns, in their order."""
        given = self.rows
        return list(given.column_names if isinstance(given, pa.Table) else given.columns)

    def sql_query(self) -> str:
        """The query, as it may stand in another one in brackets."""
        return self.text

    def query(self, name: str, statement: str) -> Relation:
        """A query in which these rows have a name."""
        inner = self.spark.cursor()
        inner._name(name, self.rows)
        return inner.sql(statement)

    def to_arrow_table(self) -> pa.Table:
        """The rows as an Arrow table."""
        if self.table is None:
            self.table = arrow(self.rows)
        return self.table

    def df(self) -> pd.DataFrame:
        """The rows as a frame with the types that DuckDB gives it."""
        with duckdb.connect() as con:
            return con.from_arrow(self.to_arrow_table()).df()

    def fetchall(self) -> list[tuple[Any, ...]]:
        """The rows not yet fetched, as Python's values."""
        return self._fetched(self.to_arrow_table().slice(self.fetched))

    def fetchone(self) -> tuple[Any, ...] | None:
        """The next row; None at the end."""
        rows = self._fetched(self.to_arrow_table().slice(self.fetched, 1))
        return rows[0] if rows else None

    def _fetched(self, table: pa.Table) -> list[tuple[Any, ...]]:
        self.fetched += table.num_rows
        with duckdb.connect() as con:
            return con.from_arrow(table).fetchall()


_OPTIONS = {"FORMAT", "COMPRESSION", "ROW_GROUP_SIZE"}
_PLAIN = {
    "HUGEINT": "DECIMAL(38, 0)", "UBIGINT": "DECIMAL(20, 0)", "UINTEGER": "BIGINT",
    "USMALLINT": "INTEGER", "UTINYINT": "SMALLINT", "TIMESTAMP_NS": "TIMESTAMP",
    "TIMESTAMP_S": "TIMESTAMP", "TIMESTAMP_MS": "TIMESTAMP", '"NULL"': "VARCHAR",
}  # fmt: skip
"""Types that Spark has not, and those that hold the same values."""


def _described(con: duckdb.DuckDBPyConnection, name: str) -> tuple[list[str], list[str]]:
    rows = con.execute(f"DESCRIBE {name}").fetchall()
    return [row[0] for row in rows], [
        row[1].split("(")[0] if row[1][:4] == "ENUM" else row[1] for row in rows
    ]


def _rename(table: exp.Table, name: str) -> None:
    if not table.alias:
        table.set("alias", exp.TableAlias(this=exp.to_identifier(table.name or name, True)))
    table.set("this", exp.to_identifier(name))
