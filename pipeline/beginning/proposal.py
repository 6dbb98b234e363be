"""A source proposed for a user's files: the SELECTs, what is missing, and what a person decides."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import duckdb

from features.tables import TABLES, BadInput, Finding
from pipeline.beginning import ends, links, mapping
from pipeline.beginning.drafts import Draft
from pipeline.beginning.headers import Export
from pipeline.beginning.links import ACCOUNTS, Link
from pipeline.beginning.names import words
from pipeline.beginning.products import Known, known
from pipeline.beginning.written import derived_accounts, select
from pipeline.reading.selects import parse

SMALLEST = 1.0  # of mapping.fitness


@dataclass(frozen=True)
class Proposal:
    """What `renewcast init` says and writes.

    `selects` are the files to write, by their place below the source's folder; `drafts` the tables
    that were guessed, `products` the SELECTs taken from a known product's source. `failing` are
    tables whose SELECT does not run on every row.
    """

    exports: list[Export]
    selects: dict[str, str]
    drafts: dict[str, Draft]
    products: list[Known]
    failing: list[str]
    data_from: date | None

    @property
    def unused(self) -> list[Export]:
        """The files that no SELECT reads."""
        read = set().union(*(parse(text).reads for text in self.selects.values()))
        return [export for export in self.exports if export.raw not in read]

    @property
    def missing(self) -> list[tuple[str, str, str]]:
        """Table, column (empty: the whole table) and what it costs that nothing makes it."""
        found = []
        products = {one.table: one.text for one in self.products if one.table}
        for name, table in TABLES.items():
            if f"{name}.sql" not in self.selects:
                found.append((name, "", table.costs or "required: nothing can be learnt without"))
            for column in table.columns if f"{name}.sql" in self.selects else ():
                made = f" AS {column.name}" in products.get(name, "") or (
                    f"{column.name}," in products.get(name, "")
                )
                if name in self.drafts:
                    made = bool(self.drafts[name][column.name].sql)
                if not made and (column.costs or column.required):
                    found.append((name, column.name, column.costs or f"required: {column.meaning}"))
        return found

    @property
    def unsure(self) -> list[tuple[str, str, str, tuple[str, ...]]]:
        """Table, column, why, and the file's other columns that could be meant."""
        found = []
        for name, draft in self.drafts.items():
            for column in TABLES[name].columns:
                choice = draft[column.name]
                if choice.sql and not choice.sure or column.required and not choice.sql:
                    why = choice.note or ("a guess by its name" if choice.sql else "nothing found")
                    found.append((name, column.name, why, choice.candidates))
        return found


def propose(con: duckdb.DuckDBPyConnection, exports: list[Export]) -> Proposal:
    """A source for the exports, which lie in `con`; BadInput if nothing in them is a contract.

    Every column is looked at by its name, by what stands in it, by whether that is unique, and by
    whether it is found among the accounts. The same files give the same proposal.
    """
    products = known(exports)
    chosen = _chosen(exports, products)
    tables = {*chosen, *(one.table for one in products)}
    if "subscriptions" not in tables:
        files = [export.file for export in exports]
        message = f"none of {files} looks like subscriptions: an account, a start and an amount"
        action = "Bring the contracts, or write the SELECTs by hand (docs/your-own-data.md)"
        raise BadInput([Finding("fault", "subscriptions", "", None, None, message, action)])
    drafts: dict[str, Draft] = {}
    selects = {one.place: one.text for one in products}
    if "accounts" in chosen:
        drafts["accounts"] = mapping.draft(chosen["accounts"], "accounts", None)
        selects["accounts.sql"] = select(drafts["accounts"])
    elif "accounts" not in tables:
        first = mapping.draft(chosen["subscriptions"], "subscriptions", None)
        selects["accounts.sql"] = derived_accounts(first)
    failing = [] if _know_accounts(con, selects["accounts.sql"]) else ["accounts"]
    linked = dict(_links(con, exports, chosen, drafts))
    for table, export in chosen.items():
        if table not in drafts:
            drafts[table] = mapping.draft(export, table, linked.get(export.raw))
            if table == "subscriptions":
                near = [(other, linked[other.raw]) for other in exports if other.raw in linked]
                used = {other.raw for other in chosen.values()}
                drafts[table] = ends.elsewhere(ends.inclusive(con, drafts[table]), near, used)
            selects[f"{table}.sql"] = select(drafts[table])
            failing += [] if _runs(con, selects[f"{table}.sql"]) else [table]
    in_order = {place: selects[place] for place in sorted(selects)}
    return Proposal(exports, in_order, drafts, products, failing, _first_day(con, in_order))


def _chosen(exports: list[Export], products: list[Known]) -> dict[str, Export]:
    """The file for each table that no product makes: the best pair first, each file once."""
    taken = {one.main for one in products if one.table}
    done = {one.table for one in products}
    read = set().union(*(one.reads for one in products)) if products else set()
    free = [export for export in exports if export.raw not in taken | read]
    stems = {export.raw: words(Path(export.file).stem) for export in exports}
    shared = set.intersection(*map(set, stems.values())) if len(stems) > 1 else set()
    ranked = sorted(
        (
            (-mapping.fitness(export, table, [w for w in stems[export.raw] if w not in shared]), i,
             export.file, table, export)
            for i, table in enumerate(TABLES)
            for export in free
            if table not in done
        ),
        key=lambda found: found[:3],
    )  # fmt: skip
    chosen: dict[str, Export] = {}
    for fitness, _, _, table, export in ranked:
        if -fitness >= SMALLEST and table not in chosen and export not in chosen.values():
            chosen[table] = export
    return {table: chosen[table] for table in TABLES if table in chosen}


def _know_accounts(con: duckdb.DuckDBPyConnection, sql: str) -> bool:
    """Leave the accounts' ids and names in `con`; whether their SELECT runs."""
    try:
        con.execute(f"CREATE TABLE {ACCOUNTS} AS SELECT * FROM ({sql}\n)")
        columns = {name for name, *_ in con.execute(f"DESCRIBE {ACCOUNTS}").fetchall()}
        name = "CAST(name AS VARCHAR)" if "name" in columns else "CAST(NULL AS VARCHAR)"
        con.execute(
            f"CREATE OR REPLACE TABLE {ACCOUNTS} AS SELECT CAST(account_id AS VARCHAR) "
            f"AS account_id, {name} AS name FROM {ACCOUNTS}"
        )
    except duckdb.Error:
        con.execute(f"CREATE OR REPLACE TABLE {ACCOUNTS} (account_id VARCHAR, name VARCHAR)")
        return False
    return True


def _links(
    con: duckdb.DuckDBPyConnection,
    exports: list[Export],
    chosen: dict[str, Export],
    drafts: dict[str, Draft],
) -> Iterator[tuple[str, Link]]:
    """The way of each file's rows to the accounts, where there is one."""
    of_table = {export.raw: table for table, export in chosen.items() if table != "accounts"}
    near: list[tuple[Export, Link]] = []
    for export in exports:
        table = of_table.get(export.raw, "subscriptions")
        accounts = drafts.get("accounts")
        apart = table == "product_features"
        if apart or accounts is not None and export == accounts.export:
            continue
        if link := links.direct(con, export, table):
            near.append((export, link))
            yield export.raw, link
    reached = {export.raw for export, _ in near}
    for export in exports:
        table = of_table.get(export.raw, "")
        if export.raw in reached or table in ("", "product_features"):
            continue
        link = links.through(con, export, near)
        accounts = drafts.get("accounts")
        if link is None and accounts is not None and accounts["name"].of:
            link = links.by_name(
                con, export, of_table[export.raw], accounts.export.raw,
                accounts["account_id"].of, accounts["name"].of,
            )  # fmt: skip
        if link is not None:
            yield export.raw, link


def _runs(con: duckdb.DuckDBPyConnection, sql: str) -> bool:
    try:
        con.execute(f"CREATE OR REPLACE TEMP TABLE tried AS SELECT * FROM ({sql}\n)")
    except duckdb.Error:
        return False
    return True


def _first_day(con: duckdb.DuckDBPyConnection, selects: dict[str, str]) -> date | None:
    """The first day of the events, or else of the contracts: a proposal for data_from."""
    found: list[date] = []
    for table in ("usage", "tickets", "nps", "touchpoints", "subscriptions"):
        if f"{table}.sql" not in selects or (found and table == "subscriptions"):
            continue
        day = f"TRY_CAST(left(CAST({TABLES[table].occurred} AS VARCHAR), 10) AS DATE)"
        try:
            ((first,),) = con.execute(
                f"SELECT min({day}) FROM ({selects[f'{table}.sql']}\n)"
            ).fetchall()
        except duckdb.Error:
            continue
        found += [first] if first is not None else []
    return min(found, default=None)
