"""Only one harmless SELECT passes; everything else is refused with a reason before it runs."""

from __future__ import annotations

import pytest

from pipeline.reading.selects import Refused, parse


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT * FROM raw_a",
        "SELECT * FROM raw_a;",
        "-- why\nSELECT a /* what */ FROM raw_a -- end",
        "FROM raw_a SELECT a WHERE a > 1",
        "WITH t AS (SELECT * FROM raw_a), u AS (FROM t) SELECT * FROM u JOIN raw_a USING (a)",
        "SELECT a FROM raw_a UNION ALL SELECT a FROM raw_b",
        "(SELECT a FROM raw_a) EXCEPT SELECT a FROM raw_b",
        "SELECT a, row_number() OVER (PARTITION BY b ORDER BY c) FROM raw_a QUALIFY a > 1",
        "SELECT * FROM raw_a, UNNEST([1, 2]) AS t(i), range(3) AS r(j)",
        "SELECT (SELECT max(b) FROM raw_b WHERE raw_b.a = raw_a.a) AS b FROM raw_a",
        "SELECT DATE '2025-01-01' + INTERVAL 1 DAY AS day FROM RAW_A",
    ],
)
def test_a_select_over_raw_tables_is_allowed(sql):
    assert parse(sql).reads <= {"raw_a", "raw_b"}


@pytest.mark.parametrize(
    ("sql", "reason"),
    [
        ("", "0 statements"),
        ("-- nothing", "0 statements"),
        ("SELECT 1; SELECT 2", "2 statements"),
        ("SELECT * FROM raw_a; DROP TABLE raw_a", "2 statements"),
        ("SELEC a FROM raw_a", "not SELECT|cannot be read"),
        ("SELECT (a FROM raw_a", "cannot be read"),
        ("INSERT INTO raw_a VALUES (1)", "it is INSERT"),
        ("UPDATE raw_a SET a = 1", "it is UPDATE"),
        ("DELETE FROM raw_a", "it is DELETE"),
        ("CREATE TABLE b AS SELECT * FROM raw_a", "it is CREATE"),
        ("DROP TABLE raw_a", "it is DROP"),
        ("COPY raw_a TO 'out.csv'", "it is COPY"),
        ("ATTACH 'other.db' AS other", "it is ATTACH"),
        ("INSTALL httpfs", "it is INSTALL"),
        ("CHECKPOINT", "it is CHECKPOINT"),
        ("LOAD httpfs", "not SELECT|cannot be read"),
        ("PRAGMA database_list", "it is PRAGMA"),
        ("SET memory_limit = '1GB'", "it is SET"),
        ("CALL pragma_version()", "it is CALL"),
        ("EXPLAIN SELECT 1", "it is EXPLAIN"),
        ("EXPORT DATABASE 'out'", "cannot be read"),
        ("VALUES (1)", "it is VALUES"),
        ("WITH t AS (INSERT INTO raw_a VALUES (1) RETURNING *) SELECT * FROM t", "it writes"),
        ("WITH t AS (DELETE FROM raw_a RETURNING *) SELECT * FROM t", "it writes"),
        ("SELECT * INTO b FROM raw_a", "it writes"),
        ("SELECT * FROM read_csv('/etc/passwd')", "it reads READ_CSV"),
        ("SELECT * FROM read_text('/etc/passwd')", "it reads READ_TEXT"),
        ("SELECT (SELECT count(*) FROM glob('/*')) FROM raw_a", "it reads GLOB"),
        ("SELECT * FROM query('SELECT 1')", "it reads QUERY"),
        ("SELECT * FROM '/etc/passwd'", "it reads"),
        ("SELECT * FROM 'raw_a.csv'", "raw_a.csv"),
        ("SELECT * FROM accounts", "it reads accounts"),
        ("SELECT * FROM information_schema.tables", "it reads information_schema.tables"),
        ("SELECT * FROM other.raw_a", "it reads other.raw_a"),
        ("SELECT * FROM duckdb_settings()", "it reads DUCKDB_SETTINGS"),
        ("SELECT * FROM raw_a WHERE day < current_date", "it asks CURRENT_DATE"),
        ("SELECT now() AS day FROM raw_a", "it asks"),
        ("SELECT today() AS day FROM raw_a", "it asks"),
        ("SELECT random() AS arr FROM raw_a", "it asks"),
        ("SELECT uuid() AS id FROM raw_a", "it asks"),
        ("SELECT * FROM raw_a USING SAMPLE 10", "it asks"),
    ],
)
def test_anything_else_is_refused_with_its_reason(sql, reason):
    with pytest.raises(Refused, match=f"(?i){reason}"):
        parse(sql)
