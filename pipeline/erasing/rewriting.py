"""Files of rows written anew without those of one account; every other row stays as it is."""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

SUFFIXES = (".csv", ".parquet")
Marks = Mapping[str, Collection[str]]


def rewrite(path: Path, marks: Marks, emptied: str | None = None) -> int:
    """Replace a CSV or Parquet file by one without the marked rows; how many rows were changed.

    `marks`: column -> values by which a row is left out. Cells of other rows that hold `emptied`
    become empty: another account's parent. Nothing is written where nothing changes, and the file
    is there whole, before or after.
    """
    new = path.with_name(f".{path.name}.new")
    csv_file = path.suffix.lower() == ".csv"
    try:
        changed = (_csv if csv_file else _parquet)(path, new, marks, emptied)
        if changed:
            os.replace(new, path)
    finally:
        new.unlink(missing_ok=True)
    return changed


def _csv(path: Path, new: Path, marks: Marks, emptied: str | None) -> int:
    changed, columns = 0, None
    with new.open("w", encoding="utf-8", errors="surrogateescape", newline="") as out:
        for cells, text in _records(path):
            if columns is None:
                header = [name.removeprefix("\ufeff") for name in cells]
                columns = [(place, marks[of]) for place, of in enumerate(header) if of in marks]
            elif any(place < len(cells) and cells[place] in values for place, values in columns):
                changed += 1
                continue
            elif emptied is not None and emptied in cells:
                changed += 1
                text = _line(["" if cell == emptied else cell for cell in cells], text)
            out.write(text)
    return changed


def _records(path: Path) -> Iterator[tuple[list[str], str]]:
    """The cells of each record of a CSV file, and its text as it stands there."""
    read: list[str] = []

    def lines() -> Iterator[str]:
        with path.open(encoding="utf-8", errors="surrogateescape", newline="") as file:
            for line in file:
                read.append(line)
                yield line

    for cells in csv.reader(lines()):
        yield cells, "".join(read)
        read.clear()


def _line(cells: list[str], text: str) -> str:
    """A record with other cells that ends as `text` does."""
    ending = text[len(text.rstrip("\r\n")) :]
    out = io.StringIO(newline="")
    csv.writer(out, lineterminator=ending).writerow(cells)
    return out.getvalue()


def _parquet(path: Path, new: Path, marks: Marks, emptied: str | None) -> int:
    changed = 0
    with pq.ParquetFile(path) as file:
        schema = file.schema_arrow
        kind = file.metadata.row_group(0).column(0).compression if file.num_row_groups else "ZSTD"
        with pq.ParquetWriter(new, schema, compression=kind) as out:
            for group in range(file.num_row_groups):
                table = _plain(file.read_row_group(group))
                kept, moved = _kept(table, marks, emptied)
                changed += table.num_rows - kept.num_rows + moved
                out.write_table(kept.cast(schema))
    return changed


def _plain(table: pa.Table) -> pa.Table:
    """A table without dictionaries, which would keep the values of rows that are gone."""
    for place, field in enumerate(table.schema):
        if pa.types.is_dictionary(field.type):
            column = table[field.name].cast(field.type.value_type)
            table = table.set_column(place, field.name, column)
    return table


def _kept(table: pa.Table, marks: Marks, emptied: str | None) -> tuple[pa.Table, int]:
    """The rows without a mark, and in how many of them a cell was emptied."""
    for name in set(marks) & set(table.column_names):
        texts = table[name].cast(pa.string())
        table = table.filter(pc.invert(pc.is_in(texts, pa.array(sorted(marks[name]), pa.string()))))
    moved = 0
    for place, field in enumerate(table.schema if emptied is not None else ()):
        if pa.types.is_string(field.type) or pa.types.is_large_string(field.type):
            hit = pc.fill_null(pc.equal(table[field.name], emptied), False)
            if here := pc.sum(hit).as_py():
                moved += here
                none = pa.scalar(None, field.type)
                table = table.set_column(place, field, pc.if_else(hit, none, table[field.name]))
    return table, moved
