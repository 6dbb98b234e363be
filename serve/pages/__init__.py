"""The pages, and how figures read on them: one wording for the report and the service."""

from __future__ import annotations

import re
from datetime import date
from functools import cache
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

FOLDER = Path(__file__).parent
MISSING = "–"


def render(page: str, **figures: object) -> str:
    """A whole page with its style sheet inside: it needs no other file and no network."""
    style = Markup((FOLDER / "report.css").read_text(encoding="utf-8"))
    return _environment().get_template(page).render(style=style, **figures)


def percent(share: float | None, digits: int = 0) -> str:
    """A share as people read it; one that is not zero never reads as zero.

    >>> percent(0.347), percent(0.002), percent(None)
    ('35%', '<1%', '–')
    """
    if share is None:
        return MISSING
    smallest = 10.0 ** -(digits + 2)
    if 0 < share < smallest:
        return f"<{smallest:.{digits}%}"
    return f"{share:.{digits}%}"


def money(amount: float | None, currency: str | None = None) -> str:
    r"""An amount in full, without cents; the currency stands before it if there is one.

    >>> money(1234567.8, "EUR"), money(1200), money(None)
    ('EUR\xa01,234,568', '1,200', '–')
    """
    if amount is None:
        return MISSING
    return f"{currency}\u00a0{amount:,.0f}" if currency else f"{amount:,.0f}"


def short_money(amount: float | None, currency: str | None = None) -> str:
    r"""An amount for a headline, to three figures.

    >>> short_money(1234567, "EUR"), short_money(45300), short_money(870)
    ('EUR\xa01.23m', '45.3k', '870')
    """
    if amount is None:
        return MISSING
    for size, unit in ((1e9, "bn"), (1e6, "m"), (1e3, "k")):
        if abs(amount) >= size * 0.9995:
            text = f"{amount / size:.3g}{unit}"
            break
    else:
        text = f"{amount:.0f}"
    return f"{currency}\u00a0{text}" if currency else text


def number(value: float | None, digits: int = 2) -> str:
    """A figure with a fixed number of decimals and a true minus sign.

    >>> number(-0.0712, 3), number(None)
    ('−0.071', '–')
    """
    return MISSING if value is None else f"{value:,.{digits}f}".replace("-", "−")


def day(value: str | None) -> str:
    """An ISO date as people write it.

    >>> day("2025-07-01")
    '1 Jul 2025'
    """
    if value is None:
        return MISSING
    found = date.fromisoformat(value)
    return f"{found.day} {found:%b %Y}"


def sentence(text: str) -> str:
    """A reason as a sentence: its first letter and its abbreviations large.

    >>> sentence("arr caught 0.30 against 0.28")
    'ARR caught 0.30 against 0.28'
    >>> sentence("only 7 accounts with the outcome, 20 are needed")
    'Only 7 accounts with the outcome, 20 are needed'
    """
    spelt = re.sub(r"\b(arr|auc|nps)\b", lambda found: found[0].upper(), text)
    spelt = re.sub(r"(?<=[ (])-(?=\d)", "−", spelt).replace(" %", "%")
    return spelt[:1].upper() + spelt[1:]


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(FOLDER),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    for wording in (percent, money, short_money, number, day, sentence):
        environment.filters[wording.__name__] = wording
    return environment
