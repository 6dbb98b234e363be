"""Two drawings: the way from tables to the comparison, and the stages of dvc.yaml.

Boxes bring their own ground and lines are of a middle grey, so that one file can be read on a light
page and on a dark one.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from html import escape
from textwrap import wrap
from typing import Any

import yaml

from pipeline import files
from pipeline.settings import load

WAY = {
    "tables": "what a company brings",
    "facts": "and when it was known",
    "observations": "who is asked on which morning",
    "features": "what the past says of them",
    "models": "what is learnt of what settled",
    "predictions": "published and sealed",
    "comparison": "who was right",
}
STYLE = """\
text{font-family:system-ui,sans-serif;fill:#22282c}
.name{font-size:15px;font-weight:600}.said{font-size:12px}
rect{fill:#eaf3f1;stroke:#0f6b66;stroke-width:1.2}
path{fill:none;stroke:#6b747a;stroke-width:1.6;marker-end:url(#tip)}
#tip path{fill:#6b747a;stroke:none;marker-end:none}"""
TIP = (
    '<marker id="tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" '
    'orient="auto"><path d="M0 0L8 4L0 8z"/></marker>'
)
WIDE, HIGH, ACROSS, DOWN, EDGE = 292, 62, 26, 38, 8
ASIDE = 16  # where lines run down that pass by a row of boxes
Stages = Mapping[str, Mapping[str, Any]]


def way() -> str:
    """Tables → facts → observations → features → models → predictions → comparison, as SVG."""
    wide, high, gap = 122, HIGH, 18
    boxes, lines = [], []
    for place, (name, said) in enumerate(WAY.items()):
        x = EDGE + place * (wide + gap)
        boxes.append(_box(x, EDGE, wide, high, (name, *wrap(said, 17))))
        if place:
            lines.append(_line([(x - gap, EDGE + high / 2), (x - 2, EDGE + high / 2)]))
    size = 2 * EDGE + len(WAY) * (wide + gap) - gap, 2 * EDGE + high
    title = "Data flows one way: " + ", ".join(WAY)
    return _drawing(size, title, [*lines, *boxes])


def flow() -> str:
    """The stages of dvc.yaml, each below what it needs, as SVG; reads the file itself.

    A line is drawn where a stage needs another that it does not need by way of a third.
    """
    given = files.STAGES.read_text(encoding="utf-8").replace("${source.input}", load().source.input)
    stages = yaml.safe_load(given)["stages"]
    stages = {name: told.get("do", told) for name, told in stages.items()}
    needs = needed(stages)
    rows: dict[str, int] = {}
    for name in stages:  # a stage stands in dvc.yaml below those it needs
        rows[name] = 1 + max((rows[other] for other in needs[name]), default=-1)
    across = {row: [n for n in stages if rows[n] == row] for row in range(max(rows.values()) + 1)}
    widest = max(len(names) for names in across.values())
    whole = widest * (WIDE + ACROSS) - ACROSS
    places = {}
    for row, names in across.items():
        left = EDGE + ASIDE + (whole - len(names) * (WIDE + ACROSS) + ACROSS) / 2
        for place, name in enumerate(names):
            places[name] = left + place * (WIDE + ACROSS), EDGE + row * (HIGH + DOWN)
    boxes = [
        _box(*places[name], WIDE, HIGH, (name, *wrap(str(told.get("desc", "")), 44)))
        for name, told in stages.items()
    ]
    lines = [
        _line(_between(places[other], places[name])) for name in stages for other in needs[name]
    ]
    size = 2 * EDGE + ASIDE + whole, 2 * EDGE + len(across) * (HIGH + DOWN) - DOWN
    return _drawing(size, "The stages of dvc.yaml and what each needs", [*lines, *boxes])


def needed(stages: Stages) -> dict[str, list[str]]:
    """Of each stage those it needs directly, and not by way of another.

    >>> chain = {"a": {"outs": ["x"]}, "b": {"deps": ["x"], "outs": ["y/${key}"]}}
    >>> needed(chain | {"c": {"deps": ["x", "y"]}})
    {'a': [], 'b': ['a'], 'c': ['b']}
    """
    made = {name: _paths(told, ("outs", "metrics", "plots")) for name, told in stages.items()}
    direct = {
        name: [
            other
            for other in stages
            if other != name
            and any(_holds(a, b) for a in made[other] for b in _paths(told, ("deps",)))
        ]
        for name, told in stages.items()
    }
    behind: dict[str, set[str]] = {}

    def reached(name: str) -> set[str]:
        if name not in behind:
            behind[name] = set()
            behind[name] = set(direct[name]).union(*(reached(other) for other in direct[name]))
        return behind[name]

    return {
        name: [a for a in others if not any(a in reached(b) for b in others if b != a)]
        for name, others in direct.items()
    }


def _paths(told: Mapping[str, Any], kinds: Iterable[str]) -> list[str]:
    found = [one for kind in kinds for one in told.get(kind, ())]
    named = (next(iter(one)) if isinstance(one, Mapping) else str(one) for one in found)
    return [re.sub(r"\$\{\w+\}.*", "", name).rstrip("/") for name in named]


def _holds(one: str, other: str) -> bool:
    """Whether one of two paths is, or lies in, the other."""
    return one == other or one.startswith(f"{other}/") or other.startswith(f"{one}/")


def _between(above: tuple[float, float], below: tuple[float, float]) -> list[tuple[float, float]]:
    """From a box to the upper edge of another; along the margin if there are rows in between."""
    end = below[0] + WIDE / 2, below[1] - 2
    bend = end[1] - DOWN / 2
    if below[1] - above[1] > HIGH + DOWN:
        side = above[0], above[1] + HIGH / 2
        return [side, (EDGE, side[1]), (EDGE, bend), (end[0], bend), end]
    start = above[0] + WIDE / 2, above[1] + HIGH
    return [start, (start[0], bend), (end[0], bend), end]


def _box(x: float, y: float, wide: float, high: float, told: Sequence[str]) -> str:
    middle, kinds = x + wide / 2, ("name", "said", "said")
    lines = [
        f'<text class="{kind}" x="{middle:g}" y="{y + 23 + 17 * place:g}" text-anchor="middle">'
        f"{escape(text)}</text>"
        for place, (kind, text) in enumerate(zip(kinds, told, strict=False))
    ]
    return f'<rect x="{x:g}" y="{y:g}" width="{wide:g}" height="{high:g}" rx="7"/>\n' + "\n".join(
        lines
    )


def _line(points: Sequence[tuple[float, float]]) -> str:
    return f'<path d="M{" L".join(f"{x:g} {y:g}" for x, y in points)}"/>'


def _drawing(size: tuple[float, float], title: str, inside: Sequence[str]) -> str:
    wide, high = size
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {wide:g} {high:g}" '
            f'width="{wide:g}" height="{high:g}" role="img">',
            f"<title>{escape(title)}</title>\n<style>\n{STYLE}\n</style>\n<defs>{TIP}</defs>",
            *inside,
            "</svg>",
        ]
    )
