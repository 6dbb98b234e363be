"""What is new takes over whole, what is bad never does, and nobody who asks meanwhile notices."""

from __future__ import annotations

import asyncio
import json
import shutil
import threading

import httpx
import pytest
from sqlalchemy import make_url

from models import bundle
from models.bundle import BundleDamaged
from serve.api.limits import Limits
from serve.predictions import MANIFEST, DamagedPublication
from tests.serve.api.served import Client, app, is_problem, of_customers, publish, save

ROW = {k: None if v != v else v for k, v in of_customers().iloc[0].to_dict().items()}


@pytest.fixture
def client(tmp_path, artifacts):
    publish(tmp_path / "cycle", artifacts)
    return Client(app(tmp_path, artifacts))


def total(client):
    return client.get("/v1/renewals").json()["total"]


def test_a_new_publication_is_served_and_a_damaged_one_is_not(client, tmp_path):
    assert total(client) == 9
    publish(tmp_path / "cycle", within=30)
    assert client.post("/v1/refresh", None).json()["taken"] == ["publication"]
    assert total(client) == 5 and client.get("/v1/accounts/acme").status_code == 200
    publish(tmp_path / "cycle")
    (tmp_path / "cycle" / "predictions.parquet").write_bytes(b"PAR1")
    told = client.post("/v1/refresh", None).json()
    assert told["taken"] == [] and "predictions.parquet" in told["refused"]["publication"]
    assert total(client) == 5
    assert client.get("/readyz").json()["checks"]["publication"]["newer_refused"] is True
    publish(tmp_path / "cycle")
    assert client.state.refresh() == ["publication"] and total(client) == 9
    assert client.state.refused["publication"] is None


def test_a_publication_that_was_half_way_is_taken_once_it_is_whole(client, tmp_path):
    publish(tmp_path / "cycle", within=30)
    late = tmp_path / "cycle" / "features.parquet"
    whole = late.read_bytes()
    late.unlink()
    assert client.state.refresh() == [] and total(client) == 9
    late.write_bytes(whole)
    (tmp_path / "cycle" / MANIFEST).touch()
    assert client.state.refresh() == ["publication"] and total(client) == 5


def test_nothing_sound_to_begin_with_is_refused(tmp_path, artifacts):
    publish(tmp_path / "cycle")
    (tmp_path / "cycle" / "predictions.csv").write_text("")
    with pytest.raises(DamagedPublication):
        app(tmp_path, artifacts)
    with pytest.raises(DamagedPublication):
        app(tmp_path / "nowhere", artifacts)
    publish(tmp_path / "cycle")
    (artifacts / "churn" / "serving" / "model.json").write_text("{}")
    with pytest.raises(BundleDamaged):
        app(tmp_path, artifacts)


@pytest.mark.parametrize("harm", ["truncated", "edited", "forged", "pickle", "link", "stray"])
def test_a_bad_bundle_leaves_the_old_one_serving(client, artifacts, tmp_path, harm):
    before = client.post("/v1/score", {"features": ROW}).json()
    folder = artifacts / "churn" / "serving"
    text, ran = folder / "served-00.txt", tmp_path / "ran"
    whole = text.read_bytes()
    sealed = json.loads((folder / bundle.MANIFEST).read_text())
    if harm == "truncated":
        text.write_bytes(whole[: len(whole) // 2])
    elif harm == "edited":
        text.write_bytes(whole.replace(b"0.1", b"0.9", 1))
    elif harm == "forged":
        sealed["files"]["served-00.txt"] = "0" * 64
    elif harm == "pickle":
        payload = f"cposix\nsystem\n(S'touch {ran}'\ntR.".encode()
        text.write_bytes(payload)
        (folder / "model.pkl").write_bytes(payload)
    elif harm == "link":
        text.unlink()
        text.symlink_to("/etc/passwd")
    else:
        sealed["files"]["../../../etc/passwd"] = "0" * 64
    (folder / bundle.MANIFEST).write_text(json.dumps(sealed) + " ")
    told = client.post("/v1/refresh", None).json()
    assert told["taken"] == [] and "churn" in told["refused"]["bundles"]
    assert client.post("/v1/score", {"features": ROW}).json() == before
    assert client.get("/readyz").json()["checks"]["bundles"]["newer_refused"] is True
    assert not ran.exists() and "root:" not in str(told)


def test_bundles_and_publications_are_exchanged_under_load_and_no_answer_is_lost(
    tmp_path, artifacts
):
    """Two sets take turns while many ask: every answer is well, and of one set or the other."""
    other = save(tmp_path / "other", "second")
    publish(tmp_path / "cycle", artifacts)
    service = app(tmp_path, artifacts, limits=Limits(refresh_seconds=0.01))
    state, done = service.state.renewcast, threading.Event()
    sets = [shutil.copytree(folder, tmp_path / name) for name, folder in
            (("one", artifacts), ("two", other))]  # fmt: skip

    def exchange():
        for turn in range(6):
            for target in ("churn", "upsell"):
                folder = artifacts / target / "serving"
                shutil.copytree(sets[turn % 2] / target / "serving", folder.with_suffix(".new"))
                folder.rename(folder.with_suffix(".old"))
                folder.with_suffix(".new").rename(folder)
                shutil.rmtree(folder.with_suffix(".old"))
            publish(tmp_path / "cycle", artifacts, within=(30, 91)[turn % 2])
        done.set()

    async def asking():
        found = []
        transport = httpx.ASGITransport(app=service)
        async with (
            service.router.lifespan_context(service),
            httpx.AsyncClient(transport=transport, base_url="http://localhost") as http,
        ):
            while not done.is_set() or len(found) < 50:
                found += await asyncio.gather(
                    http.post("/v1/score", json={"features": ROW}),
                    http.get("/v1/accounts/acme"),
                    http.get("/v1/renewals"),
                )
                await asyncio.sleep(0)
        return found

    worker = threading.Thread(target=exchange)
    worker.start()
    found = asyncio.run(asking())
    worker.join()
    assert {answer.status_code for answer in found} == {200}
    scores = {json.dumps(one.json()["score"]) for one in found if "score" in one.json()}
    bundles = {json.dumps(one.json()["bundles"]) for one in found if "score" in one.json()}
    totals = {one.json()["total"] for one in found if "total" in one.json()}
    assert len(scores) == 1 and len(bundles) >= 2 and totals <= {5, 9}
    assert state.refused == {"publication": None, "bundles": None}


@pytest.fixture
def lost(story, public, saved, tmp_path):
    """A service whose ledger is a copy that can be taken away."""
    path = tmp_path / "ledger.db"
    shutil.copy(str(make_url(story).database), path)
    return Client(app(public, saved, ledger=f"sqlite:///{path}")), path


def test_a_ledger_that_is_away_is_said_to_be_and_comes_back(lost):
    client, path = lost
    aside = path.with_suffix(".aside")
    path.rename(aside)
    for asked in ("/v1/runs", "/v1/history/bolt", "/readyz"):
        answer = client.get(asked)
        assert is_problem(answer, 503) and answer.headers["retry-after"] == "5"
        assert str(path) not in answer.text
    bolt = client.get("/v1/accounts/bolt")
    assert bolt.status_code == 200 and bolt.json()["history"] is None
    assert "cannot be reached" in bolt.json()["missing"]["history"]
    assert client.post("/v1/score", {"features": ROW}).status_code == 200
    aside.rename(path)
    assert client.get("/v1/runs").json()["total"] == 2
    assert client.get("/readyz").status_code == 200


def test_a_ledger_that_hangs_is_not_waited_for(story, public, saved):
    client = Client(app(public, saved, ledger=story, limits=Limits(ledger_seconds=0.1)))
    release = threading.Event()
    client.state._opened = lambda: release.wait(20)
    try:
        assert is_problem(client.get("/v1/runs"), 503, "cannot be reached just now")
    finally:
        release.set()
