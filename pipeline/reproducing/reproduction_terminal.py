"""What `renewcast reproduce` prints: the verdict first, then what was compared or what differs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from rich.markup import escape

from pipeline.reproducing.locks import Difference
from pipeline.reproducing.reproduction import Reproduction
from pipeline.terminal import bullets, console

HEX = 12  # characters of a hash that people are shown
MOST = 12  # lines of one kind
FORGOTTEN = (
    "All but {k} forgotten account{s}: their rows are gone, and whatever they were part of is made "
    "without them."
)


def reproduction(found: Reproduction) -> None:
    """The verdict, the counts, and by their names the inputs that differ."""
    out = console()
    out.print(f"[bold]{escape(verdict(found))}[/bold]", soft_wrap=True)
    out.print(
        f"Run {found.run_id} ({found.target}, identity {found.identity[:HEX]}): the code of commit "
        f"{found.commit[:HEX]}, the rest as {escape(found.place)} names it",
        soft_wrap=True,
    )
    if found.same:
        counts = ", ".join(f"{kind} {count}" for kind, count in found.same.items())
        out.print(f"Files that are the same to the byte: {counts}", soft_wrap=True)
    if found.other_cpu:
        out.print(
            f"Bits are promised on one type of CPU. It was made on {escape(str(found.cpu_then))}; "
            f"this is {escape(found.cpu_now)}. " + _near(found),
            soft_wrap=True,
        )
    differ = not found.to_the_bit
    bullets(
        "What differs of what it was given" if differ else "Given otherwise, without effect",
        _lines(found.inputs),
    )
    bullets("Where the first result parts from what it was", found.rows)
    if differ and not found.inputs:
        bullets("Made otherwise from the same", _lines(found.results))
    bullets("Not compared: the lock tells of something older", found.skipped)
    bullets("Different in this tree by now, which had no part in it", _lines(found.moved))


def verdict(found: Reproduction) -> str:
    """One sentence."""
    of = f"prediction {found.prediction_id[:HEX]}" if found.prediction_id else "the run"
    if found.to_the_bit:
        return f"Reproduced bit for bit: {of}."
    if found.near:
        return f"Reproduced to 1e-9, on another type of CPU: {of}."
    if found.all_but_forgotten:
        k = found.forgotten
        return f"Made again: {of}. " + FORGOTTEN.format(k=k, s="" if k == 1 else "s")
    names = [one.name for one in found.inputs]
    shown = ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")
    if names:
        return f"Not reproduced: {of} was made from another {shown}."
    return f"Not reproduced: {of} comes out otherwise from the same inputs."


def _near(found: Reproduction) -> str:
    if found.to_the_bit:
        return "They are the same all the same."
    if found.apart is None:
        return "The scores of then are gone, so nothing tells how near these are."
    return f"The largest difference between scores is {found.apart:.1e}."


def _lines(differences: Iterable[Difference]) -> list[str]:
    lines = list(_sentences(differences))
    more = [f"and {len(lines) - MOST} more"] if len(lines) > MOST else []
    return lines[:MOST] + more


def _sentences(differences: Iterable[Difference]) -> Iterator[str]:
    for one in differences:
        if one.where:
            yield f"{one.name}: {one.where}"
        elif one.kind in ("parameter", "package", "command"):
            yield f"{one.name}: {one.then} then, {one.now} now"
        else:
            yield f"{one.name}: {_short(one.then)} then, {_short(one.now)} now"


def _short(value: object) -> str:
    return "none" if value is None else str(value)[:HEX]
