"""What a person is told after `renewcast init`: what was found, what to decide, what to do next."""

from __future__ import annotations

from typing import Any

import sqlalchemy

from features.tables import TABLES
from pipeline.beginning.proposal import Proposal

TODAY = ("segment", "owner", "plan", "seats", "priority")  # columns that sources overwrite in place


def decisions(proposal: Proposal) -> list[str]:
    """What no file can tell, in questions; each stands where the data made it one."""
    drafts = proposal.drafts
    asked = [
        "Lost customers: do the files hold everyone of the period, also those who left? From which "
        "day? That day is data_from. Without the lost ones nothing can be learnt.",
        "term_end: is it the first day the customer is free to leave, fixed when signed? It is "
        "empty if they may leave at any time, whatever the plan is called, and never the end of "
        "the current period, which moves on.",
        "ended_at: is it the first day without the row? If it is the last day with it, add 1 in "
        "the SELECT. A row that is replaced ends when the next one begins.",
    ]
    subscriptions = drafts.get("subscriptions")
    if subscriptions is not None:
        money = subscriptions["arr"]
        made = f"made of {money.of}" if money.of else "nothing was found for it"
        asked.append(
            f"arr ({made}): is it money a year (a month's times 12), net of discount, in one unit "
            "(not cents), with 0 for what is free?"
        )
        unit = subscriptions["currency"]
        if unit.of and subscriptions.export[unit.of].distinct > 1:
            count = subscriptions.export[unit.of].distinct
            asked.append(f"currency: {count} of them; bring arr to one, at one fixed rate.")
    overwritten = [
        f"{name}.{column}"
        for name, draft in drafts.items()
        for column in TODAY
        if draft[column].sql
    ]
    if overwritten:
        asked.append(
            f"Today's values: do {', '.join(overwritten)} stand as they were when the row began? "
            "What the source overwrites later tells the future: leave it out."
        )
    asked.append("Times without a zone are read as UTC: if they are local, convert them.")
    return asked


def told(proposal: Proposal, name: str, given: str) -> dict[str, Any]:
    """The proposal as plain values for JSON; no value of a person stands in it."""
    products = {one.table: one.product for one in proposal.products if one.table}
    tables = []
    for table in TABLES:
        if f"{table}.sql" not in proposal.selects:
            continue
        draft = proposal.drafts.get(table)
        columns = [] if draft is None else [
            {"column": choice.column, "from": choice.of, "sample": choice.sample,
             "sure": choice.sure, "note": choice.note, "candidates": list(choice.candidates)}
            for choice in draft.choices.values()
        ]  # fmt: skip
        tables.append(
            {"table": table, "file": _file(proposal, table), "product": products.get(table, ""),
             "runs": table not in proposal.failing, "columns": columns}
        )  # fmt: skip
    return {
        "source": name,
        "input": safe_input(given),
        "files": [
            {"file": export.file, "reads_as": export.raw, "rows": export.rows}
            for export in proposal.exports
        ],
        "tables": tables,
        "unused": [export.file for export in proposal.unused],
        "todo": [
            {"table": table, "column": column, "why": why, "candidates": list(candidates)}
            for table, column, why, candidates in proposal.unsure
        ],
        "missing": [
            {"table": table, "column": column, "costs": costs}
            for table, column, costs in proposal.missing
        ],
        "decide": decisions(proposal),
        "params": params(proposal, name, given),
        "next": commands(proposal, name, given),
    }


def params(proposal: Proposal, name: str, given: str) -> str:
    """The block of params.yaml, as it is to stand there."""
    first = str(proposal.data_from or "2023-01-01")
    return (
        "source:\n"
        f"  name: {name}\n"
        f"  folder: sources/{name}\n"
        f"  input: {safe_input(given)}\n"
        f'  data_from: "{first}" # from this day the exports hold every customer, the lost too\n'
        "  data_until: null # the earliest of the tables' ends; or the day of the export\n"
    )


def commands(proposal: Proposal, name: str, given: str) -> list[str]:
    """What to run next, in order."""
    first = proposal.data_from or "2023-01-01"
    given = safe_input(given)
    given = f'"{given}"' if " " in given else given
    return [
        f"renewcast validate --source sources/{name} --input {given} --data-from {first}",
        "dvc repro report",
    ]


def safe_input(given: str) -> str:
    """The input as it may be shown: a database's password is not.

    >>> safe_input("exports"), safe_input("postgresql://me:secret@host/db")
    ('exports', 'postgresql://me:***@host/db')
    """
    return sqlalchemy.make_url(given).render_as_string() if "://" in given else given


def text(proposal: Proposal, name: str, given: str) -> str:
    """The same for a person; it is the source's README, too."""
    lines = [f"# {name}", "", "What `renewcast init` proposed, to be read and corrected.", ""]
    lines += ["## Tables", ""]
    said = told(proposal, name, given)
    for table in said["tables"]:
        how = f"the SELECT of sources/{table['product']}" if table["product"] else "proposed"
        fails = "" if table["runs"] else "; it does NOT run on every row: `validate` says where"
        lines.append(f"- `{table['table']}.sql` reads {table['file']} ({how}){fails}")
    if said["unused"]:
        lines.append(f"- read by no SELECT: {', '.join(said['unused'])}")
    lines += ["", "## To be settled in the SELECTs (marked TODO there)", ""]
    for todo in said["todo"]:
        also = f" (could be {', '.join(todo['candidates'])})" if todo["candidates"] else ""
        lines.append(f"- [ ] `{todo['table']}.{todo['column']}`: {todo['why']}{also}")
    if not said["todo"]:
        lines.append("Nothing.")
    lines += ["", "## Only a person can say", ""]
    lines += [f"- [ ] {question}" for question in said["decide"]]
    lines += ["", "## Missing, and what it costs", ""]
    costs: dict[str, list[str]] = {}
    for gap in sorted(said["missing"], key=lambda gap: bool(gap["column"])):
        place = ".".join(part for part in (gap["table"], gap["column"]) if part)
        costs.setdefault(gap["costs"], []).append(f"`{place}`")
    lines += [f"- {', '.join(places)}: {cost}" for cost, places in costs.items()]
    lines += ["", "## Next", "", "1. Settle the questions above in the `.sql` files.", "2. Try it:"]
    lines += [
        "",
        f"       {said['next'][0]}",
        "",
        "3. Say it in `params.yaml`, block `source`:",
        "",
    ]
    lines += [f"       {line}" for line in said["params"].splitlines()]
    if "://" in given:
        lines += ["", "   (`dvc repro` reads a folder, not a database: export the tables to one.)"]
    lines += ["", f"4. `{said['next'][1]}`, then open `reports/renewcast.html`.", ""]
    return "\n".join(lines)


def _file(proposal: Proposal, table: str) -> str:
    draft = proposal.drafts.get(table)
    if draft is not None:
        return draft.export.file
    names = {export.raw: export.file for export in proposal.exports}
    for one in proposal.products:
        if one.table == table:
            return " and ".join(sorted(names[raw] for raw in one.reads))
    return proposal.drafts["subscriptions"].export.file
