"""From the few rows of a worked example to the features of its mornings."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from tempfile import TemporaryDirectory

import duckdb
import pandas as pd
import pyarrow as pa

from features.facts import build_facts
from features.feature import build
from features.publication import sha256
from features.stored import write_table
from features.tables import SQL_TYPE, TABLES

DATA_FROM, DATA_UNTIL = date(2022, 1, 1), date(2026, 1, 1)
OBSERVED = {
    "account_id": "VARCHAR", "as_of": "DATE", "due_date": "DATE", "days_to_due": "BIGINT",
    "month_to_month": "BOOLEAN", "arr_due": "DOUBLE", "arr": "DOUBLE", "decided": "VARCHAR",
    "tenure_days": "BIGINT", "days_observed": "BIGINT", "segment": "VARCHAR",
    "industry": "VARCHAR", "country": "VARCHAR",
}  # fmt: skip
RENEWALS = {
    "as_of": "DATE", "account_id": "VARCHAR", "due_date": "DATE",
    "month_to_month": "BOOLEAN", "early": "BOOLEAN", "status": "VARCHAR", "arr_due": "DOUBLE",
    "arr_kept": "DOUBLE", "arr_renewed": "DOUBLE",
}  # fmt: skip


def typed(con: duckdb.DuckDBPyConnection, rows: pd.DataFrame, types: Mapping[str, str]) -> str:
    """Register rows, and give the SELECT of those of their columns that `types` knows, cast."""
    texts = {
        name: pa.array([None if pd.isna(cell) else str(cell) for cell in cells], pa.string())
        for name, cells in rows.items()
        if name in types
    }
    name = f"rows_{id(rows)}"
    con.register(name, pa.table(texts))
    return f"SELECT {', '.join(f'CAST({c} AS {types[c]}) AS {c}' for c in texts)} FROM {name}"


def write_tables(folder: Path, tables: Mapping[str, pd.DataFrame]) -> None:
    """Write tables of text as an ingest leaves them: typed Parquet and source.json.

    The rows of a single file keep the order given, which must make no difference to anyone.
    """
    described: dict[str, dict] = {}
    with duckdb.connect() as con:
        for name, rows in tables.items():
            types = {column.name: SQL_TYPE[column.kind] for column in TABLES[name].columns}
            con.execute(f"CREATE TEMP VIEW {name} AS {typed(con, rows, types)}")
            if TABLES[name].parted:
                described[name] = write_table(con, name, con.table(name).columns, folder)
                continue
            file = folder / f"{name}.parquet"
            con.table(name).write_parquet(str(file))
            described[name] = {"rows": len(rows), "sha256": sha256(file)}
    source = {"data_from": str(DATA_FROM), "data_until": str(DATA_UNTIL), "source": "worked"}
    source["tables"] = described
    (folder / "source.json").write_text(json.dumps(source))


def features(
    observations: pd.DataFrame,
    tables: Mapping[str, pd.DataFrame],
    past_renewals: pd.DataFrame | None = None,
    families: list[str] | None = None,
) -> pd.DataFrame:
    """The features of observations, on the index (account_id, as_of), by the real engine.

    `accounts` and `subscriptions` may be left out: each account then pays since 2023.
    """
    accounts = pd.DataFrame({"account_id": observations["account_id"].unique()}, dtype=object)
    given = {
        "accounts": accounts.assign(created_at="2023-01-01"),
        "subscriptions": accounts.assign(
            subscription_id=accounts["account_id"], start_date="2023-01-01", term_end=None,
            ended_at=None, arr="1000",
        ),
        **tables,
    }  # fmt: skip
    with TemporaryDirectory() as place, duckdb.connect() as con:
        raw, facts = Path(place, "tables"), Path(place, "facts")
        raw.mkdir()
        write_tables(raw, given)
        build_facts(con, raw, facts, static=["country", "industry"])
        asked = con.sql(typed(con, observations, OBSERVED)).df()
        renewals = None
        if past_renewals is not None:
            renewals = con.sql(typed(con, past_renewals, RENEWALS)).df()
        frame = build(con, asked, facts, renewals, families=families)
    return frame.set_index(["account_id", "as_of"])


def morning(
    as_of: str, *, observed: Mapping[str, object] | None = None, **tables: pd.DataFrame
) -> pd.DataFrame:
    """The features of every account named in the tables on one morning, indexed by account.

    `observed` sets columns of the observations; each was observed for 400 days if it says nothing.
    """
    renewals = tables.pop("renewals", None)
    names = sorted(
        {name for rows in tables.values() if "account_id" in rows for name in rows["account_id"]}
    )
    columns = {"days_observed": 400, "tenure_days": 400, "industry": "retail", **(observed or {})}
    observations = pd.DataFrame({"account_id": names, "as_of": as_of, **columns}, dtype=object)
    if renewals is not None:
        renewals = renewals.assign(as_of=as_of)
    return features(observations, tables, renewals).droplevel("as_of")
