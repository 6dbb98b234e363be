"""Small tables written as text, so that an example can be checked by eye."""

from __future__ import annotations

import pandas as pd


def table(text: str) -> pd.DataFrame:
    """A frame of text from white-space separated lines; `-` is missing, `<-` begins a comment.

    >>> table('''
    ...     account_id  day
    ...     acme        2025-03-01   <- the morning itself
    ...     bolt        -
    ... ''')["day"].tolist()
    ['2025-03-01', None]
    """
    lines = [line.split("<-")[0].split() for line in text.strip().splitlines()]
    header, *rows = [line for line in lines if line]
    cells = [[None if cell == "-" else cell for cell in row] for row in rows]
    return pd.DataFrame(cells, columns=header, dtype=object)
