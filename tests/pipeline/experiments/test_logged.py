"""MLflow's model of a run says what the bundle says, to the bit, or it is not there."""

from __future__ import annotations

import asyncio
import shutil
from pathlib import Path

import httpx
import numpy as np
import pandas as pd
import pytest

from models import bundle
from models.bundle import BundleDamaged
from pipeline.experiments import logged, store
from pipeline.experiments.logged import Unsigned
from tests.models.fitted import blend, small_bundle
from tests.models.panel import panel


@pytest.fixture(scope="module")
def saved(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("saved")
    with store.quiet():
        logged.save(small_bundle(folder / "serving"), folder / "model")
    return folder


@pytest.fixture(scope="module")
def asked() -> pd.DataFrame:
    """Accounts with every kind of trouble: an unseen category, no category, missing numbers, and a
    column that nobody has."""
    rows = panel().features.head(40).copy()
    rows["industry"] = rows["industry"].astype(object)
    rows.iloc[0, rows.columns.get_loc("industry")] = "never met"
    rows.iloc[1, rows.columns.get_loc("industry")] = None
    rows.iloc[2:6, rows.columns.get_loc("arr")] = np.nan
    return rows.assign(nps_last=np.nan).reset_index(drop=True)


def bits(frame: pd.DataFrame) -> bytes:
    return frame[list(logged.SAID)].to_numpy(dtype=np.float64).tobytes()


def expected(asked: pd.DataFrame) -> bytes:
    said = pd.DataFrame({"probability": blend().predict(asked)})
    return bits(said.join(blend().interval(asked)))


def test_every_number_is_a_double_that_may_be_missing_and_every_category_a_string(saved):
    with store.quiet():
        told = logged.signature(saved / "serving").inputs
    kinds = {spec.name: spec.type.name for spec in told}
    assert list(kinds) == list(blend().encoding.columns)
    assert {name for name, kind in kinds.items() if kind == "string"} == {"industry"}
    assert {kind for name, kind in kinds.items() if name != "industry"} == {"double"}


def test_load_model_gives_the_bundles_bits_in_any_order_of_columns(saved, asked):
    with store.quiet():
        import mlflow.pyfunc

        model = mlflow.pyfunc.load_model(str(saved / "model"))
    turned = asked[asked.columns[::-1]].astype({"active_users_28d": "float64"})
    assert bits(model.predict(turned)) == expected(asked)


def test_the_server_gives_the_bundles_bits(saved, asked):
    with store.quiet():
        import mlflow.pyfunc
        from mlflow.pyfunc import scoring_server

        app = scoring_server.init(mlflow.pyfunc.load_model(str(saved / "model")))
    plain = asked.astype(object).where(asked.notna(), None)
    body = {"columns": list(plain), "data": plain.to_numpy().tolist()}

    async def answered() -> httpx.Response:
        transport = httpx.ASGITransport(app=app)
        async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
            return await client.post("/invocations", json={"dataframe_split": body})

    answer = asyncio.run(answered())
    assert answer.status_code == 200, answer.text
    assert bits(pd.DataFrame(answer.json()["predictions"])) == expected(asked)


def test_no_file_of_it_is_a_pickle(saved):
    names = [path.name for path in (saved / "model").rglob("*") if path.is_file()]
    assert not [name for name in names if name.endswith((".pkl", ".pickle", ".cloudpickle"))]
    assert "loader_module: pipeline.experiments.logged" in (saved / "model" / "MLmodel").read_text()


def test_a_damaged_file_is_refused_before_it_is_loaded(saved, tmp_path):
    broken = Path(shutil.copytree(saved / "model", tmp_path / "model"))
    path = next(broken.rglob("served-00.txt"))
    path.write_bytes(path.read_bytes()[:200])
    with pytest.raises(BundleDamaged), store.quiet():
        import mlflow.pyfunc

        mlflow.pyfunc.load_model(str(broken))


def test_what_came_back_unsigned_or_with_other_files_is_said(saved, tmp_path):
    with store.quiet():
        logged.check(saved / "model", saved / "serving")
        bare = Path(shutil.copytree(saved / "model", tmp_path / "bare"))
        text = (bare / "MLmodel").read_text()
        start, end = text.index("signature:"), text.index("utc_time_created")
        (bare / "MLmodel").write_text(text[:start] + text[end:])
        with pytest.raises(Unsigned, match="another signature: None"):
            logged.check(bare, saved / "serving")
        other = tmp_path / "serving"
        bundle.save(blend(), other, about={"target": "another"})
        with pytest.raises(Unsigned, match="other files"):
            logged.check(saved / "model", other)
