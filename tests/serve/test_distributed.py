"""Scoring by parts gives, to the bit, what scoring at once gives."""

from __future__ import annotations

from collections.abc import Iterator

import duckdb
import pandas as pd
import pyarrow as pa
import pytest

from features.publication import write_frame
from features.spark import Spark
from features.spark_session import SparkMissing
from models import bundle
from models.bundle import BundleDamaged
from models.encoding import MissingColumns
from serve.distributed import _predicted, predict
from tests.models.fitted import small_bundle
from tests.models.panel import panel

INDEX = ["account_id", "as_of"]


@pytest.fixture(scope="module")
def spark() -> Iterator[Spark]:
    try:
        session = Spark("local[2]")
    except SparkMissing as reason:
        pytest.skip(str(reason))
    with session:
        yield session


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return small_bundle(tmp_path_factory.mktemp("bundle"))


@pytest.fixture(scope="module")
def dataset(tmp_path_factory):
    """Features in a file a morning, with an industry that training never met."""
    place = tmp_path_factory.mktemp("features")
    rows = panel().features.reset_index()
    rows.loc[rows.index[::7], "industry"] = "unheard of"
    for morning, part in rows.groupby("as_of"):
        write_frame(part, place / f"{morning:%Y-%m-%d}.parquet", INDEX)
    return place


def test_scores_of_parts_are_those_of_the_whole(spark, folder, dataset):
    with duckdb.connect() as con:
        frame = con.read_parquet(f"{dataset}/*.parquet").df().set_index(INDEX)
    whole = bundle.load(folder).predict(frame)
    found = predict(spark, folder, spark.read_parquet(f"{dataset}/*.parquet"))
    parts = found.df().set_index(INDEX)
    assert set(parts["bundle_sha256"]) == {bundle.identity(folder)}
    assert len(parts) == len(whole) > 2000
    assert parts["probability"].reindex(whole.index).tolist() == whole.tolist()


def test_features_without_a_column_are_refused_before_anything_runs(spark, folder, dataset):
    lacking = spark.sql(f"SELECT * EXCLUDE (nps_last) FROM read_parquet('{dataset}/*.parquet')")
    with pytest.raises(MissingColumns, match="nps_last"):
        predict(spark, folder, lacking)


def test_a_task_that_sees_another_bundle_scores_nothing(folder):
    empty = pa.RecordBatch.from_pandas(pd.DataFrame())
    with pytest.raises(BundleDamaged, match="every executor must see the same folder"):
        list(_predicted(str(folder), "0" * 64, iter([empty])))
