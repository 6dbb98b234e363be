"""What the verbs print for people: tables that fit a terminal, numbers as one reads them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from models.comparison import Comparison
from models.explain import OTHER
from models.rungs import BASE_RATE
from serve.pages import money, percent, short_money
from serve.predictions import records
from serve.report import LABELS, METRICS

LISTED = 12


def console() -> Console:
    """Standard output, as wide as the terminal; wide enough for the tables where there is none."""
    out = Console(highlight=False)
    return out if out.is_terminal else Console(highlight=False, width=120)


def grid(title: str, columns: Mapping[str, str]) -> Table:
    """A table, its title printed above; `columns` maps headings to left or right."""
    console().print(f"[bold]{escape(title)}[/bold]", soft_wrap=True)
    table = Table(box=SIMPLE_HEAD)
    for heading, justify in columns.items():
        table.add_column(heading, justify="right" if justify == "right" else "left")
    return table


def number(value: Any) -> str:
    """A figure to four digits, a whole number as such, and – where it is missing.

    >>> number(3.0), number(0.123456), number(float("nan")), number("text")
    ('3', '0.1235', '–', 'text')
    """
    if isinstance(value, str):
        return value
    if value is None or pd.isna(value):
        return "–"
    return f"{value:,.0f}" if float(value).is_integer() else f"{value:.4g}"


def dictionary(frame: pd.DataFrame) -> None:
    """The features by family, with what they mean."""
    for family, rows in frame.groupby("family", sort=False):
        table = grid(f"{family} ({len(rows)})", {"feature": "left", "meaning": "left"})
        for row in records(rows):
            table.add_row(escape(row["name"]), escape(row["meaning"]))
        console().print(table)


def features(rows: pd.DataFrame, meanings: pd.DataFrame) -> None:
    """One account's features with their meanings, or the first accounts side by side."""
    if len(rows) == 1:
        (account, as_of) = rows.index[0]
        columns = {"feature": "left", "value": "right", "meaning": "left"}
        table = grid(f"{account} on {as_of:%Y-%m-%d}", columns)
        texts = dict(zip(meanings["name"], meanings["meaning"], strict=True))
        for name in map(str, rows.columns):
            table.add_row(name, number(rows[name].iloc[0]), escape(texts[name].splitlines()[0]))
    else:
        accounts = rows.index.get_level_values("account_id")[:LISTED]
        headings = {"feature": "left"} | dict.fromkeys(accounts, "right")
        table = grid(f"{len(accounts)} of {len(rows)} accounts; choose with --account", headings)
        for name in map(str, rows.columns):
            table.add_row(name, *(number(value) for value in rows[name].iloc[: len(accounts)]))
    console().print(table)


def summary(found: Mapping[str, Any], frame: pd.DataFrame, out: Path) -> None:
    """How many renewals are due, how many are scored, and the riskiest of them."""
    title = f"Renewals due within {found['due_within']} days of {found['as_of']}, or in grace"
    table = grid(title, {"status": "left", "renewals": "right", "ARR due": "right"})
    for status, count in found["statuses"].items():
        table.add_row(status.replace("_", " "), number(count["renewals"]), money(count["arr"]))
    table.add_section()
    table.add_row("due", number(found["due"]["renewals"]), money(found["due"]["arr"]))
    console().print(table)
    scored = frame[frame["status"].eq("scored")].head(LISTED)
    if not scored.empty:
        risks(records(scored))
    console().print(f"Published in {out}", soft_wrap=True)


def risks(rows: list[dict[str, Any]]) -> None:
    """The renewals with the most ARR at risk."""
    columns = {"account": "left", "due": "left", "ARR": "right", "churn": "right", "80 %": "right"}
    columns |= {"expand": "right", "health": "right", "first reason": "left"}
    table = grid("Most ARR at risk", columns)
    for row in rows:
        band = "unknown" if row["health_band"] is None else str(row["health_band"])
        table.add_row(
            escape(str(row["name"] or row["account_id"])),
            str(row["due_date"])[:10],
            short_money(row["arr_due"]),
            percent(row["churn_probability"]),
            f"{percent(row['churn_low'])}–{percent(row['churn_high'])}",
            percent(row["upsell_probability"]) if known(row["upsell_probability"]) else "–",
            f"{number(round(row['health_score']) if known(row['health_score']) else None)} {band}",
            escape(row["reason_1"] or "–"),
        )
    console().print(table)


def known(value: Any) -> bool:
    return value is not None and not pd.isna(value)


def comparison(found: Comparison) -> None:
    """Every scorer's figures on all rows, and the model's verdicts, by target."""
    if found.metrics.empty:
        console().print("Nothing can be compared yet: of no prediction are grace and delay over")
        return
    for target, rows in found.metrics[found.metrics["by"].eq("all")].groupby("target", sort=False):
        names = [name for name in METRICS if name in set(rows["metric"])]
        columns = {"scorer": "left"} | {METRICS[name]: "right" for name in names}
        count = found.counts[found.counts["by"].eq("all") & found.counts["target"].eq(target)]
        of = count.iloc[0]
        title = f"{target}: {of['rows']} rows, {of['accounts']} accounts, {of['outcomes']} outcomes"
        table = grid(title, columns)
        for model, figures in rows.groupby("model", sort=False):
            cells = {row["metric"]: row for row in records(figures)}
            table.add_row(
                LABELS.get(str(model), str(model)), *(cell(cells.get(name)) for name in names)
            )
        console().print(table)
        told = records(found.pairs[found.pairs["target"].eq(target)])
        verdicts([pair for pair in told if pair["by"] == "all"])
        for pair in told:
            if (pair["by"], pair["slice"]) == ("known", pair["against"]):
                verdicts([pair], ", on the rows it knows")


def cell(figure: Mapping[str, Any] | None) -> str:
    """A figure over its interval, alone where that is unknown, or – where there is none.

    >>> cell({"value": 0.678, "low": 0.61, "high": 0.75}), cell(None)
    ('0.678\\n0.61–0.75', '–')
    >>> cell({"value": 0.678, "low": None, "high": None})
    '0.678'
    """
    if figure is None or not known(figure["value"]):
        return "–"
    value = f"{figure['value']:.3f}"
    if not known(figure["low"]):
        return value
    return f"{value}\n{figure['low']:.2f}–{figure['high']:.2f}"


def verdicts(pairs: list[dict[str, Any]], where: str = "") -> None:
    """What the learnt model is against each other scorer, by the primary metric."""
    for pair in pairs:
        if pair["primary"] and pair["model"] == "model":
            told = []
            if known(pair["difference"]):
                told.append(f"{METRICS[pair['metric']]} {pair['difference']:+.4f}")
            if known(pair["low"]):
                told.append(f"95 % {pair['low']:+.4f} to {pair['high']:+.4f}")
            console().print(
                f"  against {LABELS.get(pair['against'], pair['against'])}{where}: "
                f"[bold]{pair['verdict']}[/bold]" + (f" ({', '.join(told)})" if told else "")
            )


def headline(figures: Mapping[str, Any], page: Path) -> None:
    """The report in a dozen lines."""
    meta, risk = figures["meta"], figures["at_risk"]
    due, scored = (figures["summary"]["due"], figures["summary"]["statuses"]["scored"])
    currency = meta["currency"]
    out = console()
    out.print(
        f"[bold]{escape(meta['company'])}[/bold], as of {figures['summary']['as_of']}: "
        f"{scored['renewals']} renewals and {short_money(scored['arr'], currency)} a year are "
        f"undecided, of {due['renewals']} due within {figures['summary']['due_within']} days or in "
        "grace."
    )
    if risk["expected"] is not None:
        out.print(
            f"Expected to be lost: {short_money(risk['expected'], currency)} of "
            f"{short_money(risk['of'], currency)} scored (80 %: "
            f"{short_money(risk['low'], currency)} to {short_money(risk['high'], currency)})."
        )
    risks(figures["renewals"][:5])
    for part in figures["held_out"]:
        counts = part["counts"]
        out.print(
            f"Held out, {part['name']}: {counts['rows']} rows, {counts['accounts']} accounts, "
            f"{counts['outcomes']} of them {part['happened']}."
        )
        for of in part["models"]:
            cells = [
                f"{METRICS[name]} {of[name]['value']:.3f}"
                + (
                    f" ({of[name]['low']:.3f}–{of[name]['high']:.3f})"
                    if known(of[name]["low"])
                    else ""
                )
                for name in ("auc", "lift", "log_loss")
                if of.get(name, {}).get("value") is not None
            ]
            out.print(f"  {LABELS.get(of['model'], of['model']):<24}{'  '.join(cells)}")
        verdicts([{**pair, "by": "all", "primary": True} for pair in part["pairs"]])
    out.print(f"The report: {page.resolve()}", soft_wrap=True)


def health(assessed: pd.DataFrame) -> None:
    """How many accounts are in each band, and the lowest scores."""
    bands = assessed["health_band"].value_counts()
    counted = ", ".join(f"{count} {band}" for band, count in bands.items())
    table = grid(f"{len(assessed)} accounts: {counted}", {"account": "left"})
    shown = [str(name) for name in assessed.columns if str(name).endswith("_score")]
    for name in shown:
        table.add_column(name.removesuffix("_score"), justify="right")
    for row in records(assessed.nsmallest(LISTED, "health_score").reset_index()):
        cells = [number(None if row[name] is None else round(row[name], 1)) for name in shown]
        table.add_row(escape(row["account_id"]), *cells)
    console().print(table)


def health_of_one(assessed: pd.DataFrame, rules: pd.DataFrame) -> None:
    """One account's score, and the rules that made it."""
    row = assessed.iloc[0]
    title = (
        f"{assessed.index[0][0]}: health {number(round(row['health_score'], 1))} "
        f"({row['health_band']}), {percent(row['health_coverage'])} of the weight measured"
    )
    columns = {"dimension": "left", "points": "right", "weight": "right", "rule": "left"}
    table = grid(title, columns)
    for rule in records(rules):
        points = number(round(rule["points"], 1))
        table.add_row(rule["dimension"], points, percent(rule["weight"]), escape(rule["text"]))
    console().print(table)


def explanation(found: Mapping[str, Any]) -> None:
    """One account's probability by dimension beside its health, in sentences, and what changed."""
    out, changed = console(), found["changed"]
    since = found["since"] if changed or found["health_then"] else None
    title = (
        f"{found['account_id']}, {found['target']} within {found['horizon']} days of "
        f"{found['as_of']}: {percent(found['probability'])} (80 %: {percent(found['low'])}–"
        f"{percent(found['high'])}); base rate {percent(found['base_rate'])}"
    )
    columns = {"": "left", "points": "right"}
    if changed:
        columns |= {f"since {since}": "right"}
    columns |= {"health": "right"} | ({f"on {since}": "right"} if found["health_then"] else {})
    table = grid(title, columns)
    for name, *cells in explained(found):
        if name == "":
            table.add_section()
        else:
            table.add_row(escape(name), *cells)
    out.print(table)
    if found["escape"] < 1:
        first = {name: p for name, p in found["given"].items() if p is not None}
        others = ", ".join(f"{name} {percent(p)}" for name, p in first.items())
        usual = "usual " if found["rung"] == BASE_RATE else ""
        out.print(
            f"{percent(found['conditional'])} if nothing else happens first ({others}), times the "
            f"{usual}{percent(found['escape'])} chance of that."
        )
    if not any(of["logit"] for of in found["dimensions"]):
        out.print(f"The model tells no account from another: {escape(found['why'])}.")
    bullets("What raises it", found["reasons"])
    bullets("What lowers it", found["against"])
    if changed:
        moved = [(" + " if one["raises"] else " – ") + one["text"] for one in changed["sentences"]]
        was, now = percent(changed["probability_then"]), percent(found["probability"])
        bullets(f"Since {since}, from {was} to {now}", moved, mark="")
    elif found["not_compared"]:
        out.print(f"Not compared with an earlier morning: {escape(found['not_compared'])}")
    out.print(found["caution"])


def explained(found: Mapping[str, Any]) -> list[tuple[str, ...]]:
    """The rows of the table above; an empty name stands for a line between them."""
    changed = found["changed"]
    health = [of for of in (found["health"], found["health_then"]) if of]
    moved = {of["dimension"]: of["points"] for of in changed["dimensions"]} if changed else {}

    def row(name: str, points: float | None, change: float | None) -> tuple[str, ...]:
        scores = [
            rounded(of["dimensions"][name]) if name in of["dimensions"] else "" for of in health
        ]
        return name, tenths(points), *([tenths(change)] if changed else []), *scores

    rows: list[tuple[str, ...]] = [("an average account", f"{100 * found['average']:.1f}")]
    rows += [
        row(of["dimension"], of["points"], moved.get(of["dimension"]))
        for of in sorted(found["dimensions"], key=lambda of: -abs(of["points"]))
        if of["logit"] or moved.get(of["dimension"]) or of["dimension"] != OTHER
    ]
    if found["given"]:
        lost = found["conditional"] * (found["escape"] - 1)
        rows.append(
            row(f"{' or '.join(found['given'])} first", lost, changed and changed["escape"])
        )
    if changed and not changed["same_model"]:
        rows.append(row("another model", None, changed["model"]["points"]))
    whole = [f"{100 * found['probability']:.1f}"]
    whole += [tenths(changed["points"])] if changed else []
    whole += [f"{rounded(of['score'])} {of['band']}" for of in health]
    return [*rows, ("",), ("probability", *whole)]


def bullets(title: str, lines: list[str], mark: str = " · ") -> None:
    """A heading and its lines, wrapped; nothing where there is no line."""
    if lines:
        console().print(f"[bold]{escape(title)}[/bold]")
        for line in lines:
            console().print(escape(f"{mark}{line}"))


def tenths(share: float | None) -> str:
    """Points of probability with their sign.

    >>> tenths(0.0123), tenths(-0.5), tenths(-0.0001), tenths(None)
    ('+1.2', '-50.0', '+0.0', '')
    """
    return "" if share is None else f"{round(100 * share, 1) + 0.0:+.1f}"


def rounded(score: float | None) -> str:
    return number(None if score is None else round(score))
