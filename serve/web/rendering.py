"""How a page is written: the templates of this folder, in the report's own words and parts."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import ChoiceLoader, Environment, FileSystemLoader, StrictUndefined

from serve import pages
from serve.web import drawing, question

FOLDER = Path(__file__).parent
STATIC = FOLDER / "static"
FILES = {
    "pages.css": STATIC / "pages.css",
    "report.css": pages.FOLDER / "report.css",
    "htmx.min.js": STATIC / "htmx.min.js",
    "pages.js": STATIC / "pages.js",
}
TYPES = {".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8"}


def render(page: str, figures: Mapping[str, Any]) -> str:
    """A page of templates/ with its figures; everything it loads lies on this service."""
    return _environment().get_template(page).render(**figures)


def day(value: str | date | None) -> str:
    """A day as people write it, from its ISO form or as a date.

    >>> day("2025-07-01"), day(date(2025, 7, 1)), day(None)
    ('1 Jul 2025', '1 Jul 2025', '–')
    """
    return pages.day(None if value is None else str(value)[:10])


def instant(value: str | None) -> str:
    """An instant of the ledger, with its zone.

    >>> instant("2025-07-01T06:05:00")
    '1 Jul 2025, 06:05 UTC'
    """
    return pages.MISSING if value is None else f"{day(value)}, {value[11:16]} UTC"


def figure(value: float | None) -> str:
    """A measure as people read it: to three figures, whole above a hundred.

    >>> figure(0.66667), figure(1234.5), figure(12.0), figure(-0.5), figure(None)
    ('0.667', '1,234', '12', '−0.5', '–')
    """
    if value is None:
        return pages.MISSING
    text = f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"
    return text.replace("-", "−")


def points(value: float | None) -> str:
    """A change of a probability, in points, with its sign.

    >>> points(0.123), points(-0.02), points(0.001)
    ('+12 points', '−2 points', '±0 points')
    """
    if value is None:
        return pages.MISSING
    whole = round(100 * value)
    sign = "+" if whole > 0 else "−" if whole < 0 else "±"
    return f"{sign}{abs(whole)} points"


def pairs(choices: Mapping[str, str] | Sequence[str]) -> list[tuple[str, str]]:
    """The options of a filter, each with how it reads, in the order given."""
    if isinstance(choices, Mapping):
        return list(choices.items())
    return [(one, one) for one in choices]


def words(name: str | None) -> str:
    """A name of the code in words.

    >>> words("month_to_month"), words(None)
    ('month to month', 'unknown')
    """
    return "unknown" if name is None else name.replace("_", " ")


@cache
def static(name: str) -> str:
    """The address of a file of FILES; another content is another address."""
    mark = hashlib.sha256(FILES[name].read_bytes()).hexdigest()[:12]
    return f"/static/{name}?v={mark}"


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=ChoiceLoader(
            [FileSystemLoader(FOLDER / "templates"), FileSystemLoader(pages.FOLDER)]
        ),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    shared = (pages.percent, pages.money, pages.short_money, pages.number, pages.sentence)
    for wording in (*shared, day, instant, figure, points, pairs, words):
        environment.filters[wording.__name__] = wording
    environment.globals.update(
        static=static,
        link=question.link,
        CHOICES=question.CHOICES,
        SORTS=question.SORTS,
        SIZES=question.SIZES,
        line=drawing.line,
        stretch=drawing.stretch,
    )
    return environment
