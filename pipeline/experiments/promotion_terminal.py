"""What `renewcast promote` prints for people."""

from __future__ import annotations

from collections.abc import Sequence

from pipeline.experiments.registry import Decision
from pipeline.terminal import console, grid

DIGITS = 8  # of a run's id
HEX = frozenset("0123456789abcdef")


def decided(decision: Decision) -> None:
    """Who is champion now, and why."""
    run = f"run {decision.run_id[:DIGITS]}"
    if decision.promoted:
        by = "by force" if decision.forced else f"against {_name(decision.against)}"
        said = f"{run} is champion of {decision.target}, {by}: {decision.reason}."
    else:
        stays = "there is still no champion" if _constant(decision) else "the champion stays"
        said = f"Not promoted, {stays}: {run} of {decision.target}, {decision.reason}."
    console().print(said, soft_wrap=True, highlight=False, markup=False)
    if decision.forced and decision.difference is not None:
        console().print(
            f"Log-loss against {_name(decision.against)} on {decision.rows:,} held-out rows: "
            f"{interval(decision)}; below zero is better.",
            soft_wrap=True,
            highlight=False,
        )


def log(decisions: Sequence[Decision]) -> None:
    """Every decision, the newest first; a reason where no interval was the reason."""
    if not decisions:
        console().print("Nothing was promoted yet, nor refused.")
        return
    columns = ("decided", "target", "run", "against", "log-loss", "verdict", "became", "reason")
    table = grid("Promotions", dict.fromkeys(columns, "left"))
    for one in decisions:
        became = "–" if not one.promoted else "champion, forced" if one.forced else "champion"
        table.add_row(
            one.decided_at[:16].replace("T", " "),
            one.target,
            one.run_id[:DIGITS],
            _name(one.against),
            interval(one),
            one.verdict,
            became,
            one.reason if one.forced or one.difference is None else "",
        )
    console().print(table)


def interval(decision: Decision) -> str:
    """The difference with its interval, or a dash where nothing was compared."""
    if decision.difference is None:
        return "–"
    ends = "unknown"
    if decision.low is not None and decision.high is not None:
        ends = f"{decision.low:+.4f} to {decision.high:+.4f}"
    return f"{decision.difference:+.4f} (95 %: {ends})"


def _constant(decision: Decision) -> bool:
    return not _is_run(decision.against)


def _name(against: str) -> str:
    """A run by the beginning of its id, and what stood in for one in words."""
    return against[:DIGITS] if _is_run(against) else f"the {against.replace('_', ' ')}"


def _is_run(against: str) -> bool:
    return set(against) <= HEX
