"""Whether a file holds a trace of an account: its id, or a word that is of nobody else.

Parquet is read cell by cell, SQLite row by row, zip and gzip are opened; everything else is
searched as it lies, in the spellings that CSV, JSON, HTML and addresses have for a text.
"""

from __future__ import annotations

import csv
import gzip
import html
import io
import json
import re
import sqlite3
import zipfile
from collections.abc import Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import IO
from urllib.parse import quote

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

BLOCK, OVERLAP = 1 << 26, 1 << 12
ROWS = 10_000
LEAST = 4  # characters of an id, one of them a letter, from which it means nothing else in a text
SQLITE, PARQUET, ZIP, GZIP = b"SQLite format 3\x00", b"PAR1", b"PK\x03\x04", b"\x1f\x8b"
WORD, INSIDE = "0-9A-Za-z", "0-9A-Za-z_.:@-"
ESCAPED = r"\\[bfnrt]|\\u[0-9a-f]{4}|%[0-9A-Fa-f]{2}"  # ends in a letter, and is none


@dataclass(frozen=True)
class Sought:
    """An account and the `words` that only it has: its name, its people, their addresses.

    `within`: whether ids of other accounts contain its id, as acme-2 contains acme.
    """

    account_id: str
    words: tuple[str, ...] = ()
    within: bool = False

    @property
    def bare(self) -> bool:
        """Whether the id is too plain for running text, such as 1042: there it is looked for in
        quotes, between tags, and in columns of account ids only."""
        return len(self.account_id) < LEAST or not any(map(str.isalpha, self.account_id))

    @cached_property
    def pattern(self) -> str:
        """A regular expression (RE2) of every trace in a text."""
        ids = _either([self.account_id])
        if self.bare:
            parts = [rf"[\"'>][ \t]*{ids}[ \t]*[\"'<]"]
        elif self.within:
            after = rf"(?:[^{INSIDE}]|[-_.:@](?:[^{WORD}]|$)|$)"
            parts = [rf"(?:^|[^{INSIDE}]|{ESCAPED}){ids}{after}"]
        else:
            parts = [rf"(?:^|[^{WORD}]|{ESCAPED}){ids}(?:[^{WORD}]|$)"]
        if self.words:
            parts.append(rf"(?i:(?:^|[^{WORD}]|{ESCAPED}){_either(self.words)}(?:[^{WORD}]|$))")
        return "|".join(parts)

    def in_texts(self, texts: Iterable[str]) -> bool:
        """Whether any text, each a whole cell, holds a trace."""
        return _any(pa.array(list(texts), pa.string()), self)


def _either(texts: Iterable[str]) -> str:
    said = sorted({one for text in texts for one in spellings(text)})
    return f"(?:{'|'.join(map(re.escape, said))})"


def spellings(text: str) -> list[str]:
    """A text as JSON, HTML, JSON inside HTML, CSV and addresses write it."""
    page = html.escape(text)
    pages = {text, page, page.replace("&#x27;", "&#39;").replace("&quot;", "&#34;")}
    said = {json.dumps(one)[1:-1] for one in pages} | {json.dumps(text, ensure_ascii=False)[1:-1]}
    for sign in "&<>'":
        said |= {one.replace(sign, f"\\u{ord(sign):04x}") for one in said}
    return sorted(pages | said | {text.replace('"', '""'), quote(text), quote(text, safe="")})


def holding(paths: Iterable[Path], sought: Sought) -> list[Path]:
    """Those of some files that hold a trace."""
    return [path for path in paths if holds(path, sought)]


def holds(path: Path, sought: Sought) -> bool:
    """Whether a file, or its name, holds a trace. What vanishes meanwhile holds none."""
    if not sought.bare and sought.in_texts([path.name]):
        return True
    try:
        with path.open("rb") as file:
            return _in_file(file, sought, path)
    except FileNotFoundError:
        return False


def _in_file(file: IO[bytes], sought: Sought, path: Path | None = None) -> bool:
    start = file.read(len(SQLITE))
    file.seek(0)
    try:
        if start == SQLITE and path is not None:
            return _in_sqlite(path, sought)
        if start.startswith(PARQUET):
            return _in_parquet(pq.ParquetFile(file), sought)
        if start.startswith(ZIP):
            with zipfile.ZipFile(file) as archive:
                return any(
                    _in_file(io.BytesIO(archive.read(of)), sought) for of in archive.namelist()
                )
        if start.startswith(GZIP):
            with gzip.open(file) as inside:
                return _in_bytes(inside, sought)
    except (
        pa.ArrowException,
        sqlite3.DatabaseError,
        zipfile.BadZipFile,
        gzip.BadGzipFile,
        EOFError,
    ):
        file.seek(0)  # it only begins like one: searched as it lies
    return _in_bytes(file, sought)


def _in_bytes(file: IO[bytes] | gzip.GzipFile, sought: Sought) -> bool:
    end, first = b"", True
    while block := file.read(BLOCK):
        if _any(pa.array([end + block], pa.large_binary()), sought):
            return True
        if first and sought.bare and _in_csv(block, sought.account_id):
            return True
        end, first = block[-OVERLAP:], False
    return False


def _in_csv(block: bytes, account_id: str) -> bool:
    """Whether a column of account ids names the account, if this is the begin of a CSV file."""
    lines = io.StringIO(block.decode("utf-8-sig", "replace"), newline="")
    try:
        rows = csv.reader(lines)
        of = [place for place, name in enumerate(next(rows, [])) if name.endswith("account_id")]
        return any(row[place] == account_id for row in rows for place in of if place < len(row))
    except csv.Error:
        return False


def _in_sqlite(path: Path, sought: Sought) -> bool:
    with closing(sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True)) as con:
        con.text_factory = lambda raw: raw.decode("utf-8", "replace")
        tables = con.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
        for (table,) in tables:
            quoted = table.replace('"', '""')
            cursor = con.execute(f'SELECT * FROM "{quoted}"')
            while rows := cursor.fetchmany(ROWS):
                cells = (cell for row in rows for cell in row)
                if sought.in_texts(cell for cell in cells if isinstance(cell, str)):
                    return True
    return False


def _in_parquet(file: pq.ParquetFile, sought: Sought) -> bool:
    names = [field.name for field in file.schema_arrow if _has_text(field.type)]
    for group in range(file.num_row_groups) if names else ():
        table = file.read_row_group(group, columns=names)
        for column in table.columns:
            for chunk in column.chunks:
                if any(_any(texts, sought) for texts in _texts(chunk)):
                    return True
    return False


def _has_text(of: pa.DataType) -> bool:
    if pa.types.is_dictionary(of):
        return _has_text(of.value_type)
    if pa.types.is_nested(of):
        return any(_has_text(of.field(place).type) for place in range(of.num_fields))
    return _is_text(of)


def _is_text(of: pa.DataType) -> bool:
    return any(
        is_one(of)
        for is_one in (pa.types.is_string, pa.types.is_large_string, pa.types.is_string_view,
                       pa.types.is_binary, pa.types.is_large_binary)
    )  # fmt: skip


def _texts(array: pa.Array) -> Iterator[pa.Array]:
    """Every array of texts in an array of any type."""
    if pa.types.is_dictionary(array.type):
        yield from _texts(array.dictionary)
    elif pa.types.is_map(array.type):
        yield from _texts(array.keys)
        yield from _texts(array.items)
    elif pa.types.is_struct(array.type):
        for place in range(array.type.num_fields):
            yield from _texts(array.field(place))
    elif pa.types.is_nested(array.type):
        yield from _texts(array.flatten())
    elif _is_text(array.type):
        yield array


def _any(texts: pa.Array, sought: Sought) -> bool:
    plain = texts.cast(pa.large_binary())
    if pc.any(pc.match_substring_regex(plain, pattern=sought.pattern)).as_py():
        return True
    same = pa.scalar(sought.account_id.encode(), pa.large_binary())
    return bool(pc.any(pc.equal(plain, same)).as_py())
