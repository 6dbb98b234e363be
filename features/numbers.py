"""Whole numbers as a relation, in SQL that every engine knows."""

from __future__ import annotations

DIGITS = "(VALUES (0), (1), (2), (3), (4), (5), (6), (7), (8), (9))"


def numbers(least: int, most: int) -> str:
    """SQL of the whole numbers from `least` to `most`, both included, as `n`.

    >>> import duckdb
    >>> duckdb.sql(f"SELECT min(n), max(n), count(*) FROM {numbers(9, 182)}").fetchall()
    [(9, 182, 174)]
    """
    places = range(len(str(max(most, 1))))
    value = " + ".join(f"{10**place} * d{place}.n" for place in places)
    tables = " CROSS JOIN ".join(f"{DIGITS} AS d{place}(n)" for place in places)
    return (
        f"(SELECT n FROM (SELECT CAST({value} AS INTEGER) AS n FROM {tables}) "
        f"WHERE n BETWEEN {least} AND {most})"
    )
