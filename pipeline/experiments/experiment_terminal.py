"""What the verbs of experiments print for people."""

from __future__ import annotations

from rich.markup import escape

from models.study import Gain
from pipeline.experiments.searching import Found
from pipeline.experiments.side_by_side import SideBySide
from pipeline.terminal import LISTED, cell, console, grid, number
from serve.pages import percent
from serve.predictions import records
from serve.report import METRICS


def searched(found: Found, *, adopted: bool) -> None:
    """What a search found, what it is worth, and how one takes it."""
    out = console()
    out.print(
        f"{found.target}: {found.tried} settings tried, {found.given_up} of them given up early "
        f"(study {found.study})"
    )
    if found.positives < found.enough:
        out.print(
            f"{found.positives:.0f} outcomes to learn from: below "
            f"{found.enough:.0f} (learning.rungs.search_from) a search mostly finds noise.",
            soft_wrap=True,
        )
    if found.verdict is None:
        out.print("None is better than the settings that stand in params.yaml.")
        return
    table = grid("The best of them", {"setting": "left", "now": "right", "found": "right"})
    for name, (now, then) in found.changes.items():
        table.add_row(name, number(now), number(then))
    out.print(table)
    of = found.verdict
    out.print(f"log-loss on the mornings it was chosen by: {_gained(of.searched)}; this flatters")
    out.print(
        f"log-loss on the mornings from {of.since}, which no trial saw: {_gained(of.unseen)}, "
        f"{of.unseen.outcomes} accounts with the outcome: [bold]{of.verdict}[/bold]",
        soft_wrap=True,
    )
    if adopted:
        out.print("Written into params.yaml: `dvc repro` trains with it.")
        return
    sets = " ".join(f"-S {name}={then}" for name, (_, then) in found.changes.items())
    out.print("To try it as an experiment, or with --adopt to write it into params.yaml:")
    out.print(f"  dvc exp run {sets}", soft_wrap=True)


def _gained(of: Gain) -> str:
    return (
        f"{of.before:.4f} → {of.after:.4f}, gain {of.gain:+.4f} "
        f"(95 %: {of.low:+.4f} to {of.high:+.4f})"
    )


def two_runs(found: SideBySide) -> None:
    """Params, figures, bands and families of two runs, and the verdict."""
    out = console()
    names = {side: of["id"][:8] for side, of in found.runs.items()}
    for side, of in found.runs.items():
        dirty = ", from a dirty tree" if of["dirty"] not in (None, "", "[]") else ""
        out.print(f"{side}: {of['id'][:8]}, identity {of['identity'][:12]}{dirty}")
    out.print(f"{', '.join(found.inputs) or 'nothing'} differ{'' if found.inputs else 's'}")
    if not found.params.empty:
        columns = {"param": "left"} | dict.fromkeys(names.values(), "left")
        table = grid("Params that differ", columns)
        for row in records(found.params):
            table.add_row(*(escape(number(row[key])) for key in ("name", "first", "second")))
        out.print(table)
    _figures(found, names)
    _changes(found)
    _by_family(found, names)


def _figures(found: SideBySide, names: dict[str, str]) -> None:
    of, out = found.counts, console()
    title = (
        f"{found.target}, {len(found.mornings)} held-out mornings from {found.mornings[0]}: "
        f"{of['rows']} rows, {of['accounts']} accounts, {of['outcomes']} outcomes"
    )
    columns = {"": "left"} | dict.fromkeys(names.values(), "right")
    table = grid(
        title, columns | {"difference": "right", "95 %, paired": "right", "verdict": "left"}
    )
    told = records(found.metrics)
    for row in told:
        sides = (
            {"value": row[side], "low": row[f"{side}_low"], "high": row[f"{side}_high"]}
            for side in names
        )
        paired = ("–", "–")
        if row["difference"] is not None and row["low"] is not None:
            paired = (f"{row['difference']:+.4f}", f"{row['low']:+.4f} to {row['high']:+.4f}")
        metric = METRICS.get(row["metric"], row["metric"].replace("_", " "))
        table.add_row(metric, *map(cell, sides), *paired, row["verdict"])
    out.print(table)
    primary = next(row for row in told if row["primary"])
    out.print(
        f"  {names['second']} against {names['first']}: [bold]{primary['verdict']}[/bold] "
        f"({escape(primary['reason'])})",
        soft_wrap=True,
    )


def _changes(found: SideBySide) -> None:
    """Whom the second run moves to another band, the largest changes first."""
    out, moved = console(), found.moved
    banded = not found.bands.empty
    others = moved[moved["first_band"] != moved["second_band"]] if banded else moved
    columns = {"account": "left", "first": "right", "second": "right"}
    said = f"of {len(moved)} accounts asked about on {found.morning}"
    title = f"{len(others)} {said} are in another band" if banded else f"Largest changes, {said}"
    table = grid(title, columns | ({"bands": "left"} if banded else {}))
    for row in records(others.head(LISTED)):
        bands = [f"{row['first_band']} → {row['second_band']}"] if banded else []
        table.add_row(row["account_id"], percent(row["first"]), percent(row["second"]), *bands)
    if len(others):
        out.print(table)


def _by_family(found: SideBySide, names: dict[str, str]) -> None:
    """The families of both; where nothing else differs, what the difference is worth."""
    rows = found.families
    if rows["first"].eq(rows["second"]).all():
        return
    headings = [f"{id_} {what}" for id_ in names.values() for what in ("columns", "moves by")]
    table = grid(
        "Families: columns, and how far they move the logit of an account on average",
        {"family": "left"} | dict.fromkeys(headings, "right"),
    )
    for row in records(rows):
        cells = (number(row[f"{side}{what}"]) for side in names for what in ("", "_push"))
        table.add_row(row["family"], *cells)
    console().print(table)
    why = "so that the difference is what they are worth"
    if not found.only_families:
        why = "and other things with them: the difference is not of the families alone"
    console().print(f"The families differ, {why}.", soft_wrap=True)
