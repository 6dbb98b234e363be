"""What `health backtest` and `health diff` print for people."""

from __future__ import annotations

from typing import Any

from rich.markup import escape

from models.health_diff import HealthDiff
from models.health_trial import ALL, Trial
from pipeline.terminal import LISTED, console, grid, known
from serve.pages import percent, short_money
from serve.predictions import records


def backtest(found: Trial) -> None:
    """Churn by band, the falls between bands, segments, and which floors are kept."""
    about, out = found.about, console()
    table = grid(
        f"{about['rows']} observations of {about['accounts']} accounts on {about['mornings']} "
        f"mornings, {about['first']} to {about['last']}; {about['churned']} accounts churned",
        {"band": "left", "accounts": "right", "share": "right", "ARR": "right"}
        | {"churn (95 %)": "right", "churn of ARR (95 %)": "right"},
    )
    for row in records(found.bands[found.bands["by"].eq(ALL)]):
        table.add_row(
            escape(row["band"]),
            str(row["accounts"]),
            percent(row["share"]),
            short_money(row["arr"]),
            around(row, "churn"),
            around(row, "arr_churn"),
        )
    out.print(table)
    for row in records(found.steps[found.steps["by"].eq(ALL)]):
        out.print(
            f" · {escape(row['band'])} against {escape(row['better'])}: "
            f"churn {100 * row['difference']:+.1f} points, {row['order']}"
        )
    figures = found.figures.pivot(index=["by", "slice"], columns="figure", values="value")
    lead = f"{about['lead'][0]}–{about['lead'][1] - 1} days ahead"
    table = grid(
        f"Who was not green {lead} ({about['lead_churned']} of {about['lead_accounts']} accounts "
        "churned; whoever pays month to month is never due so far ahead)",
        {"": "left", "of churned ARR": "right", "of all ARR": "right"}
        | {"green": "right", "unknown": "right"},
    )
    for row in records(figures.reset_index()):
        table.add_row(
            escape(str(row["slice"])),
            *(
                percent(row[name])
                for name in (
                    "churned_arr_not_green", "all_arr_not_green", "green_share", "unknown_share",
                )
            ),
        )  # fmt: skip
    out.print(table)
    out.print("[bold]Floors[/bold]")
    for row in records(found.floors):
        mark = "[green]✓[/green]" if row["met"] else "[red]✗[/red]"
        out.print(f" {mark} {escape(row['text'])}")


def diff(found: HealthDiff) -> None:
    """Who changes band today and why, what became of such accounts, and the verdict."""
    out, total = console(), int(found.bands["accounts"].sum())
    columns = {"account": "left", "before": "left", "now": "left", "what moved it": "left"}
    table = grid(f"{len(found.changed)} of {total} accounts change band", columns)
    rows = records(found.changed)
    for row in rows[:LISTED]:
        table.add_row(
            escape(str(row["account_id"])),
            banded(row, "old"),
            banded(row, "new"),
            escape(row["reason_1"] or "–"),
        )
    if rows:
        out.print(table)
    if len(rows) > LISTED:
        out.print(f"… and {len(rows) - LISTED} more: --json lists them")
    columns = {"would have moved": "left", "accounts": "right", "churned": "right"}
    columns |= {"churn (95 %)": "right", "ARR": "right", "ARR churned": "right"}
    table = grid("On the settled mornings", columns)
    for row in records(found.past):
        table.add_row(
            row["move"],
            str(row["accounts"]),
            str(row["churned"]),
            around(row, "churn"),
            short_money(row["arr"]),
            short_money(row["arr_churned"]),
        )
    out.print(table)
    out.print(f"The new configuration is: [bold]{found.verdict}[/bold] ({escape(found.reason)})")
    if found.auc:
        out.print(f"By rank alone: {escape(found.auc)}")


def around(row: dict[str, Any], name: str) -> str:
    """A share with its interval, – where it is unknown."""
    if not known(row[name]):
        return "–"
    ends = [percent(row[f"{name}_{end}"]) for end in ("low", "high")]
    return f"{percent(row[name])} ({ends[0]}–{ends[1]})"


def banded(row: dict[str, Any], which: str) -> str:
    """A band with its score."""
    score = row[f"{which}_score"]
    return escape(str(row[f"{which}_band"])) + (f" {score:.0f}" if known(score) else "")
