"""How a figure, a table and a sentence stand in a notebook: the look of the report, on a card.

A figure has a title that says what it shows and a line that says where its numbers come from.
"""

from __future__ import annotations

from collections.abc import Mapping
from html import escape

import altair as alt
import pandas as pd
from IPython.display import HTML, Markdown

from serve import charts

CARD = (
    f"background:#fff; color:{charts.INK}; font-family:{charts.FONT}; padding:14px 18px; margin:0"
)
TITLE = "font-weight:600; font-size:15px; margin-bottom:10px"
SOURCE = f"color:{charts.MUTED}; font-size:12px; margin-top:8px"
UNKNOWN = "–"


def figure(drawn: alt.Chart | alt.LayerChart | str, title: str, source: str) -> HTML:
    """A chart, or one that `serve.charts` has drawn, under its title and above its source."""
    picture = drawn if isinstance(drawn, str) else charts.svg(drawn, title)
    # letters are measured in one font and drawn in another: the longest labels would be cut off
    picture = picture.replace("<svg", '<svg style="overflow:visible"', 1)
    return _card(picture, title, source)


def table(frame: pd.DataFrame, title: str, source: str, formats: Mapping[str, str]) -> HTML:
    """The rows of a frame without its index; `formats`: a column's format, such as `{:.1%}`."""
    numbers = [
        {"selector": f".col{place}", "props": "text-align:right"}
        for place, (_, column) in enumerate(frame.items())
        if pd.api.types.is_numeric_dtype(column)
    ]
    look = [
        {"selector": "", "props": "border-collapse:collapse; font-size:13px; margin:0"},
        {"selector": "th, td", "props": f"border-bottom:1px solid {charts.LINE}; padding:4px 12px"},
        {"selector": "th, td", "props": "text-align:left; background:#fff; vertical-align:top"},
        {
            "selector": "th",
            "props": f"color:{charts.MUTED}; font-weight:normal; white-space:nowrap",
        },
        *numbers,
    ]
    styled = (
        frame.style.hide(axis="index")
        .format(dict(formats), na_rep=UNKNOWN, escape="html")
        .set_table_styles(look)
        .set_uuid("".join(letter for letter in title.casefold() if letter.isalnum()))
    )
    return _card(styled.to_html(), title, source)


def said(text: str) -> Markdown:
    """A sentence of the article whose figures were just computed."""
    return Markdown(text)


def _card(content: str, title: str, source: str) -> HTML:
    return HTML(
        f'<figure style="{CARD}"><figcaption style="{TITLE}">{escape(title)}</figcaption>'
        f'{content}<div style="{SOURCE}">Source: {escape(source)}</div></figure>'
    )
