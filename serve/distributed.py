"""A bundle applied to features that lie in many files, each part of them where it lies.

The rows are dealt out by Spark; each of its tasks verifies and reads the bundle once and predicts
its rows with it. A prediction does not depend on the rows beside it, so that the probabilities are,
to the bit, those that `models.bundle.load(folder).predict` gives of the whole.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import duckdb
import pandas as pd
import pyarrow as pa

from models import bundle
from serve.scorer import INDEX

if TYPE_CHECKING:
    from features.spark import Relation, Spark

PROBABILITY = "probability"
OF = "bundle_sha256"


def predict(spark: Spark, folder: Path, features: Relation) -> Relation:
    """account_id, as_of, probability and bundle_sha256 of each row of `features`, in no order.

    `folder` holds the bundle and is seen under the same path by every executor; the bundle there
    must be the one that is there now. Raises BundleDamaged if it is none, and MissingColumns if the
    features lack a column of it; both before anything is dealt out.
    """
    model, sha256 = bundle.load(folder), bundle.identity(folder)
    model.encoding.matrix(pd.DataFrame(columns=features.columns))  # are all of them there?
    rows = features.rows.select(*dict.fromkeys([*INDEX, *model.encoding.columns]))
    schema = rows.select(*INDEX).schema.add(PROBABILITY, "double").add(OF, "string")
    apply = partial(_predicted, str(folder.absolute()), sha256)
    with warnings.catch_warnings():  # of frames made by Spark: these are made by DuckDB
        warnings.filterwarnings(
            "ignore", "PySpark does not yet fully support pandas", FutureWarning
        )
        return spark.relation(rows.mapInArrow(apply, schema))


def _predicted(
    folder: str, sha256: str, batches: Iterator[pa.RecordBatch]
) -> Iterator[pa.RecordBatch]:
    """The predictions of one task's rows."""
    place = Path(folder)
    found = bundle.identity(place)
    if found != sha256:
        raise bundle.BundleDamaged(
            f"{place} holds the bundle {found[:12]} here and {sha256[:12]} where scoring began: "
            "every executor must see the same folder"
        )
    model = bundle.load(place)
    with duckdb.connect() as con:  # reads a frame from Arrow as everywhere else
        for batch in batches:
            frame = con.from_arrow(pa.Table.from_batches([batch])).df()
            predicted = pa.array(model.predict(frame).to_numpy(), pa.float64())
            columns = [
                *map(batch.column, INDEX),
                predicted,
                pa.array([sha256] * len(frame), pa.string()),
            ]
            yield pa.RecordBatch.from_arrays(columns, names=[*INDEX, PROBABILITY, OF])
