"""Spark answers what DuckDB answers: pieces of SQL, contracts, labels, facts and every feature."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import duckdb
import pandas as pd
import pytest

from features import contracts, observations
from features.facts import build_facts
from features.feature import build, dictionary
from features.spark import Spark
from features.spark_session import SparkMissing
from features.statement import NotPortable
from models.target import Target, labels
from tests.features.laws import GRACE, HORIZON, Tables, company
from tests.features.worked import write_tables

STATIC = ["country", "industry"]
SMALL = {
    "spark.sql.codegen.wholeStage": "false",  # for a few rows, compiling takes longer than running
    "spark.sql.codegen.factoryMode": "NO_CODEGEN",
    "spark.sql.shuffle.partitions": "1",
}


@pytest.fixture(scope="module")
def spark() -> Iterator[Spark]:
    try:
        session = Spark("local[2]", **SMALL)
    except SparkMissing as reason:
        pytest.skip(str(reason))
    with session:
        yield session


@pytest.fixture(scope="module")
def con() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as connection:
        yield connection


def equal(one: pd.DataFrame, other: pd.DataFrame) -> None:
    """Same columns, types and rows in the same order; reals to nine digits."""
    pd.testing.assert_frame_equal(one, other, check_exact=False, rtol=1e-9, atol=0)


def widened(frame: pd.DataFrame) -> pd.DataFrame:
    """The frame with all whole numbers of one width: that of a quotient is an engine's own."""
    return frame.astype({name: "Int64" for name, sort in frame.dtypes.items() if sort.kind == "i"})


ROWS = """(VALUES
    (1, 'a', DATE '2024-01-31', TIMESTAMP '2024-01-31 23:59:59.900', 2.50, 0.125e0, TRUE),
    (2, 'a', DATE '2024-02-29', TIMESTAMP '2024-02-29 00:00:00', -2.50, -0.125e0, FALSE),
    (3, 'b', DATE '2023-12-31', TIMESTAMP '2024-01-01 00:00:01.100', 1.00, 2.5e0, NULL),
    (4, 'b', DATE '2024-02-01', NULL, NULL, 3.5e0, TRUE),
    (5, NULL, NULL, TIMESTAMP '2023-03-01 12:00:00', 1.00, NULL, FALSE),
    (6, 'Émile', DATE '2024-01-31', TIMESTAMP '2025-01-01 00:00:00', 7.35, 1.005e0, NULL),
    (-7, 'B', DATE '2024-01-30', TIMESTAMP '1969-12-31 23:59:58.5', 0.00, 0e0, TRUE)
) AS t(n, g, d, m, x, r, f)"""

SCALARS = [
    "CAST(x AS INTEGER)", "CAST(r AS INTEGER)", "CAST(r AS BIGINT)", "CAST(f AS INTEGER)",
    "CAST(r AS DECIMAL(18, 2))", "CAST(r * 3 AS DECIMAL(38, 9))", "CAST(x AS DECIMAL(18, 1))",
    "CAST(n / 3 AS DECIMAL(18, 6))", "CAST(CAST(r AS DOUBLE) AS DECIMAL(18, 2))",
    "n / nullif(n - 2, 0)", "n / (n - 2)", "x / 3", "x / nullif(x, 0)", "n // 2", "n % 4",
    "CAST(n AS BIGINT) // CAST(3 AS BIGINT)", "CAST(x * x AS DECIMAL(18, 4))",
    "round(r)", "round(r, 2)", "round(x, 1)", "floor(r)", "ceil(x)", "abs(x)", "sqrt(abs(r))",
    "CASE WHEN r > 0 THEN ln(r) END", "greatest(x, r)", "least(d, CAST(m AS DATE))",
    "greatest(n, 3)", "coalesce(x, 0)", "nullif(g, 'a')", "lower(g)", "g < 'b'", "g >= 'B'",
    "g IS NOT DISTINCT FROM NULL", "n BETWEEN 2 AND 4", "n IN (1, 5)", "f AND n > 1", "NOT f",
    "d + 1", "d - 30", "d - INTERVAL 5 DAY", "d + INTERVAL 1 MONTH", "m + INTERVAL 1 DAY",
    "CAST(d + INTERVAL '1' MONTH * CAST(n AS INTEGER) AS DATE)", "last_day(d)",
    "date_trunc('month', d)", "date_trunc('month', m)", "EXTRACT(year FROM d)",
    "EXTRACT(month FROM m)", "date_diff('day', d, DATE '2024-03-01')", "date_diff('day', m, d)",
    "date_diff('second', m, TIMESTAMP '2024-02-01 00:00:00')", "CAST(m AS DATE)",
    "CAST(d AS TIMESTAMP)", "m < d", "CAST('2024-02-29T01:02:03' AS TIMESTAMP)",
    "CAST(1 AS BIGINT) << CAST(abs(n) * 8 AS INTEGER)", "n & 3", "n | 8", "~n",
    "bit_count(CAST(n AS BIGINT))",
    "CAST('yes' AS BOOLEAN)", "CAST(CASE WHEN f THEN '1' ELSE 'false' END AS BOOLEAN)",
    "CAST(NULL AS TIMESTAMP)", "CAST(n AS VARCHAR) || coalesce(g, 'o''x\\')", "1e9", "1.50",
    'n AS "since ended_at"',
]  # fmt: skip

AGGREGATES = [
    "count(*)", "count(x)", "count(*) FILTER (WHERE f)", "count(DISTINCT x)",
    "count(DISTINCT g) FILTER (WHERE n > 1)", "CAST(sum(n) AS BIGINT)", "sum(x)",
    "sum(CAST(r AS DECIMAL(38, 9)))", "avg(n)", "avg(x)", "avg(x) FILTER (WHERE n > 99)",
    "min(d)", "max(m)", "max(g)", "bool_or(f)", "bool_and(f)", "bit_or(n)", "bit_and(n)",
    "quantile_disc(n, 0.95)",
    "quantile_disc(d, 0.5)", "quantile_disc(x, 0.5) FILTER (WHERE n > 1)", "quantile_disc(n, 1.0)",
    "quantile_disc(greatest(n, 0), 0.25)",
    "arg_max(x, n)", "arg_min(g, m)", "arg_max(r, n) FILTER (WHERE n < 5)",
    "arg_max(x, struct_pack(m := x, k := n)) FILTER (WHERE x IS NOT NULL)",
]  # fmt: skip

WINDOWS = [
    "row_number() OVER (PARTITION BY g ORDER BY d DESC, n)", "rank() OVER (ORDER BY d)",
    "dense_rank() OVER (ORDER BY x DESC)", "percent_rank() OVER (PARTITION BY f ORDER BY x)",
    "lead(n) OVER (ORDER BY n)", "lag(d, 2) OVER (ORDER BY d, n)",
    "sum(x) OVER (ORDER BY n ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW)",
    "max(m) OVER (ORDER BY n ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING)",
    "min(n) OVER (ORDER BY d NULLS FIRST ROWS BETWEEN 1 FOLLOWING AND UNBOUNDED FOLLOWING)",
    "avg(x) OVER (PARTITION BY f)", "count(*) OVER (PARTITION BY g, x IS NULL)",
    "count(*) OVER (ORDER BY d)",
]  # fmt: skip

QUERIES = [
    "SELECT * FROM t WHERE n > 1 ORDER BY d, n",
    "SELECT * FROM t ORDER BY x DESC, n",
    "FROM t ORDER BY g, n LIMIT 3",
    "SELECT * EXCLUDE (m, r) FROM t ORDER BY n",
    "SELECT g, count(*) AS rows FROM t GROUP BY g HAVING count(*) > 1 ORDER BY g",
    "SELECT DISTINCT f FROM t ORDER BY f",
    "SELECT n, g FROM t SEMI JOIN (SELECT n FROM t WHERE f) USING (n) ORDER BY n",
    "SELECT a.n, b.n AS other FROM t a LEFT JOIN t b ON a.g IS NOT DISTINCT FROM b.g "
    "AND a.n < b.n ORDER BY a.n, b.n",
    "SELECT CAST(a.n + 10 * b.n AS BIGINT) AS n FROM (VALUES (0), (1)) AS a(n) "
    "CROSS JOIN (VALUES (0), (1)) AS b(n) ORDER BY n",
    "SELECT n FROM t WHERE n IN (SELECT n FROM t GROUP BY n HAVING n > 3) ORDER BY n",
    "SELECT d FROM t UNION SELECT CAST(m AS DATE) FROM t ORDER BY d",
    "WITH t AS (SELECT n + 1 AS n FROM t), u AS (FROM t) SELECT t.n, u.n AS m FROM t JOIN u "
    "ON t.n = u.n + 1 ORDER BY t.n",
    "SELECT g, d, sum(sum(x)) OVER past AS x, lead(d) OVER past AS later FROM t GROUP BY g, d "
    "WINDOW past AS (PARTITION BY g ORDER BY d) ORDER BY g, d",
]


@pytest.mark.parametrize(
    ("what", "query"),
    [
        ("scalars", "SELECT n AS key, {} FROM t ORDER BY key"),
        ("aggregates", "SELECT {} FROM t"),
        ("aggregates of groups", "SELECT g AS key, {} FROM t GROUP BY g ORDER BY key"),
        ("aggregates of nothing", "SELECT {} FROM t WHERE n > 99"),
        ("windows", "SELECT n AS key, {} FROM t ORDER BY key"),
    ],
)
def test_expressions_mean_the_same(con, spark, what, query):
    pieces = {"scalars": SCALARS, "windows": WINDOWS}.get(what, AGGREGATES)
    listed = ", ".join(
        piece if " AS " in piece.rsplit(")")[-1] else f"{piece} AS c{number}"
        for number, piece in enumerate(pieces)
    )
    for engine in (con, spark):
        engine.execute(f"CREATE OR REPLACE TEMP TABLE t AS SELECT * FROM {ROWS}")
    statement = query.format(listed)
    one, other = (widened(engine.sql(statement).df()) for engine in (con, spark))
    told = dict(zip((f"c{n}" for n in range(len(pieces))), pieces, strict=True))
    assert list(one) == list(other)
    faults = []
    for name in one:
        try:
            equal(one[[name]], other[[name]])
        except AssertionError as difference:
            faults.append(f"{told.get(name, name)}: {difference}")
    assert not faults, "\n".join(faults)


@pytest.mark.parametrize("query", QUERIES)
def test_queries_mean_the_same(con, spark, query):
    for engine in (con, spark):
        engine.execute(f"CREATE OR REPLACE TEMP TABLE t AS SELECT * FROM {ROWS}")
    equal(*(widened(engine.sql(query).df()) for engine in (con, spark)))


def test_a_written_file_holds_the_same_rows_types_and_order(con, spark, tmp_path):
    files = {}
    for name, engine in {"duckdb": con, "spark": spark}.items():
        engine.execute(f"CREATE OR REPLACE TEMP TABLE t AS SELECT * FROM {ROWS}")
        files[name] = tmp_path / f"{name} of 'x' [1].parquet"
        target = str(files[name]).replace("'", "''")
        engine.execute(
            f"COPY (SELECT * FROM (SELECT * FROM t) ORDER BY g, d, n) TO '{target}' "
            "(FORMAT parquet, COMPRESSION zstd, ROW_GROUP_SIZE 122880)"
        )
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(
        path.name for path in files.values()
    )
    one, other = (con.read_parquet(str(path)) for path in files.values())
    assert one.columns == other.columns and list(map(str, one.types)) == list(map(str, other.types))
    equal(one.df(), other.df())
    equal(one.df(), spark.read_parquet(str(files["spark"])).df())


def test_names_with_blanks_belong_to_one_cursor(spark):
    with spark.cursor() as one, spark.cursor() as other:
        one.execute('CREATE TEMP TABLE "pass a" AS SELECT 1 AS "since b"')
        other.execute('CREATE TEMP TABLE "pass a" AS SELECT 2 AS "since b"')
        assert one.execute('SELECT "pass a"."since b" FROM "pass a"').fetchone() == (1,)
        assert other.execute('FROM "pass a"').fetchall() == [(2,)]
        one.execute('DROP TABLE "pass a"')
        with pytest.raises(NotPortable, match="no table 'pass a'"):
            one.sql('FROM "pass a"')


def test_a_table_is_what_it_was_when_it_was_made(con, spark, tmp_path):
    file = tmp_path / "rows.parquet"
    con.sql("SELECT 1 AS n").write_parquet(str(file))
    spark.execute(f"CREATE OR REPLACE TEMP TABLE old AS FROM read_parquet('{file}')")
    con.sql("SELECT 2 AS n").write_parquet(str(file), overwrite=True)
    assert spark.execute("FROM old").fetchall() == [(1,)]
    assert spark.execute(f"FROM read_parquet('{tmp_path}/*.parquet')").fetchall() == [(2,)]


@pytest.mark.parametrize(
    "statement",
    ["SELECT unknown FROM nowhere", "INSERT INTO t VALUES (1)", "FROM read_csv('x.csv')",
     "SELECT 1; SELECT 2",
     "COPY (SELECT 1 AS n) TO 'x.csv' (FORMAT csv)", "SELECT date_diff('week', d, d) FROM t"],
)  # fmt: skip
def test_what_only_one_engine_can_is_refused(spark, statement):
    spark.execute(f"CREATE OR REPLACE TEMP TABLE t AS SELECT * FROM {ROWS}")
    with pytest.raises(NotPortable):
        spark.execute(statement)


def test_an_interval_is_refused_rather_than_returned(spark):
    spark.execute(f"CREATE OR REPLACE TEMP TABLE t AS SELECT * FROM {ROWS}")
    with pytest.raises(NotPortable, match="date_diff"):
        spark.sql("SELECT d - d AS days FROM t").df()


def test_what_figures_depend_on_cannot_be_configured(spark):
    with pytest.raises(ValueError, match=r"session\.timeZone must stay UTC"):
        Spark("local[2]", **{"spark.sql.session.timeZone": "Europe/Berlin"})
    with pytest.raises(SparkMissing, match="lives here already"):
        Spark("local[7]")


def test_a_session_that_lives_is_joined_and_left_alive(spark):
    with Spark("local[2]") as guest:
        assert guest.execute("SELECT CAST('2024-01-01' AS TIMESTAMP) AS m").fetchone() is not None
    assert spark.execute("SELECT 1 AS n").fetchone() == (1,)


def worlds(*seeds: int) -> Tables:
    """Random companies side by side: late and corrected rows in every table."""
    tables: dict[str, list[pd.DataFrame]] = {}
    for seed in seeds:
        for name, rows in company(seed).tables.items():
            ids = [column for column in rows if column.endswith("_id") and column != "user_id"]
            named = {column: f"{seed}-" + rows[column] for column in ids}
            tables.setdefault(name, []).append(rows.assign(**named))
    joined = {name: pd.concat(rows, ignore_index=True) for name, rows in tables.items()}
    # a file a month, or a day, is written of use: half a year has all there is to see
    joined["usage"] = joined["usage"][joined["usage"]["occurred_at"] > "2024-11-15"]
    joined["product_features"] = joined["product_features"].drop_duplicates("feature")
    return joined


MORNINGS = company(1).mornings


@pytest.fixture(scope="module")
def facts(con, spark, tmp_path_factory) -> dict[str, Path]:
    """The facts of two random companies, by either engine."""
    place = tmp_path_factory.mktemp("spark")
    (place / "tables").mkdir()
    write_tables(place / "tables", worlds(1, 2))
    for name, engine in {"duckdb": con, "spark": spark}.items():
        build_facts(engine, place / "tables", place / name, static=STATIC)
    return {name: place / name for name in ("duckdb", "spark")}


@pytest.fixture(scope="module")
def observed(con, spark, facts) -> dict[str, tuple[pd.DataFrame, pd.DataFrame]]:
    """Past renewals and observations, by either engine."""

    def asked(engine):
        place = facts["duckdb"]
        renewals = contracts.past_renewals(engine, place, MORNINGS, grace=GRACE).df()
        customers = observations.observe(
            engine, place, mornings=MORNINGS, grace=GRACE, horizon=HORIZON,
            data_from=date(2024, 1, 1), static=STATIC,
        )  # fmt: skip
        return renewals.rename(columns={"by": "as_of"}), customers

    return {"duckdb": asked(con), "spark": asked(spark)}


def test_facts_are_the_same(con, facts):
    one, other = facts["duckdb"], facts["spark"]
    files = sorted(path.relative_to(one) for path in one.rglob("*") if path.is_file())
    assert files == sorted(path.relative_to(other) for path in other.rglob("*") if path.is_file())
    assert len(files) > 20
    for file in files:
        if file.suffix == ".parquet":
            theirs, ours = (con.read_parquet(str(place / file)) for place in (one, other))
            assert list(map(str, theirs.types)) == list(map(str, ours.types)), file
            pd.testing.assert_frame_equal(theirs.df(), ours.df(), check_exact=True)
        else:
            theirs, ours = (json.loads((place / file).read_text()) for place in (one, other))
            assert theirs | {"made_by": ""} == ours | {"made_by": ""}


def test_contracts_and_observations_are_the_same(observed):
    for one, other in zip(observed["duckdb"], observed["spark"], strict=True):
        assert len(one)
        pd.testing.assert_frame_equal(one, other, check_exact=True)


@pytest.mark.parametrize("outcome", ["lost", "expanded"])
def test_labels_are_the_same(con, spark, facts, observed, outcome):
    target = Target(
        name=outcome, eligible="active", outcome=outcome, horizon=30, growth=0.1, given=None,
        monotone=True,
    )  # fmt: skip
    one, other = (
        labels(
            engine, observed["duckdb"][1], facts["duckdb"], target, by=date(2025, 6, 1),
            grace=GRACE, delay=0,
        )
        for engine in (con, spark)
    )  # fmt: skip
    assert one["outcome"].notna().any()
    pd.testing.assert_frame_equal(one, other, check_exact=True)


def test_every_feature_is_the_same(con, spark, facts, observed):
    renewals, customers = observed["duckdb"]
    one, other = (build(engine, customers, facts["duckdb"], renewals) for engine in (con, spark))
    assert set(dictionary()["name"]) <= set(one)
    assert one.notna().any().mean() > 0.9
    equal(one, other)
