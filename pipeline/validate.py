"""Stage: the data report on the published tables, for a terminal, for programs, and as a page."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import jinja2
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from pipeline.data_report import data_report

PAGES = Path(__file__).parent / "pages"


def percent(share: float | None) -> str:
    """A share for people: 0 and 1 only where they are exact.

    >>> percent(0), percent(0.0004), percent(0.123), percent(0.9999), percent(None)
    ('0 %', '<1 %', '12 %', '>99 %', '')
    """
    if share is None:
        return ""
    if 0 < share < 0.005:
        return "<1 %"
    return ">99 %" if 0.995 <= share < 1 else f"{share:.0%}".replace("%", " %")


def render_html(report: dict[str, Any]) -> str:
    """The data report as one page that needs nothing from a network."""
    pages = jinja2.Environment(
        loader=jinja2.FileSystemLoader(PAGES),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    pages.filters["percent"] = percent
    return pages.get_template("data.html").render(report=report)


def render_text(report: dict[str, Any], width: int = 100) -> str:
    """The data report for a terminal of `width` characters."""
    out = io.StringIO()
    console = Console(file=out, width=width, highlight=False, markup=False)
    console.print(f"{report['source']}: {report['data_from']} until {report['data_until']}\n")
    console.print(_tables(report))
    for table in report["tables"]:
        if thin := [column for column in table["columns"] if column["missing_share"]]:
            listed = ", ".join(f"{c['column']} {percent(c['missing_share'])}" for c in thin)
            console.print(f"{table['table']}: empty in part: {listed}")
    _section(
        console,
        "Measured by the source",
        [
            f"{percent(_share(odd))} ({odd['figure']:,} of {odd['of']:,}) {odd['finding']}"
            for odd in report["oddities"]
        ],
    )
    _section(console, "Left out", left_out(report))
    _section(
        console,
        "Warnings",
        [
            f"{_place(warning)}: {warning['message']}. {warning['action']}"
            for warning in report["warnings"]
        ],
    )
    _section(
        console,
        "Not supplied, and what it costs",
        [f"{_place(missing)}: {missing['costs']}" for missing in report["missing"]],
    )
    return out.getvalue()


def left_out(report: dict[str, Any]) -> list[str]:
    """What the exports hold and the tables do not: forgotten accounts that came back."""
    count = report["forgotten"]
    return [f"{count:,} forgotten accounts that the exports still hold"] if count else []


def _tables(report: dict[str, Any]) -> Table:
    shown = Table(box=SIMPLE_HEAD, pad_edge=False)
    shown.add_column("table")
    for heading in ("rows", "first day", "last day", "days short", "late rows", "versions"):
        shown.add_column(heading, justify="right")
    for table in report["tables"]:
        figures = [table.get(key) for key in ("first", "last", "days_missing_at_end")]
        figures += [table.get("late_rows"), table.get("versions")]
        cells = [
            "–" if figure is None else f"{figure:,}" if isinstance(figure, int) else figure
            for figure in figures
        ]
        shown.add_row(table["table"], f"{table['rows']:,}", *cells)
    return shown


def _section(console: Console, heading: str, lines: list[str]) -> None:
    if lines:
        console.print(f"\n{heading}")
        for line in lines:
            console.print(f"- {line}", soft_wrap=True)


def _place(finding: dict[str, Any]) -> str:
    return ".".join(part for part in (finding["table"], finding["column"]) if part)


def _share(oddity: dict[str, Any]) -> float | None:
    return oddity["figure"] / oddity["of"] if oddity["of"] else None


def write_report(tables: Path, json_path: Path, html_path: Path) -> str:
    """Write the data report as JSON and as a page; returns it for a terminal."""
    report = data_report(tables)
    for path, text in (
        (json_path, json.dumps(report, indent=2) + "\n"),
        (html_path, render_html(report)),
    ):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return render_text(report)


def run() -> None:
    """Write reports/data.json and reports/data.html from data/tables, and say where they are."""
    from pipeline import files

    report = files.DATA_REPORT
    write_report(files.TABLES, report.with_suffix(".json"), report.with_suffix(".html"))
    print(f"{report.with_suffix('.html')}: what the tables hold (`renewcast validate` prints it)")


if __name__ == "__main__":
    from pipeline.refusal import in_sentences

    with in_sentences():
        run()
