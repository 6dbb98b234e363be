"""The first service: the published figures, filters, problems, and nothing from elsewhere."""

from __future__ import annotations

import asyncio
import re

import httpx
import pytest

from serve.app import create_app
from serve.batch import score_cycle
from serve.predictions import COLUMNS, DamagedPublication
from tests.serve.cycles import IDENTITY, SCORERS, SETTINGS, due


def publish(folder, **changes):
    score_cycle(due(**changes), SCORERS, SETTINGS, IDENTITY).publish(folder)


class Client:
    """Asks the application itself: no port, no network."""

    def __init__(self, app):
        self.app = app

    def ask(self, method, path, params=None):
        async def asked():
            transport = httpx.ASGITransport(app=self.app)
            async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
                return await client.request(method, path, params=params)

        return asyncio.run(asked())

    def get(self, path, params=None):
        return self.ask("GET", path, params)


@pytest.fixture
def client(tmp_path):
    publish(tmp_path / "cycle")
    return Client(create_app(tmp_path / "cycle"))


def test_renewals_come_by_rank_and_a_page_at_a_time(client):
    page = client.get("/v1/renewals", params={"limit": 2, "offset": 1}).json()
    assert (page["total"], page["limit"], page["offset"]) == (9, 2, 1)
    assert [row["rank"] for row in page["renewals"]] == [2, 3]
    assert list(page["renewals"][0]) == list(COLUMNS)


@pytest.mark.parametrize(
    ("asked", "accounts"),
    [
        ({"status": "in_grace"}, ["fern"]),
        ({"risk_band": "high"}, ["acme", "cask"]),
        ({"agreement": "health_riskier"}, ["bolt"]),
        ({"risk_band": "high", "agreement": "agree"}, ["acme"]),
        ({"owner": "nobody"}, []),
    ],
)
def test_filters_narrow_the_list(client, asked, accounts):
    rows = client.get("/v1/renewals", params=asked).json()["renewals"]
    assert [row["account_id"] for row in rows] == accounts


def test_an_account_shows_its_renewals_and_its_health_by_dimension(client):
    acme = client.get("/v1/accounts/acme").json()
    assert [row["due_date"] for row in acme["renewals"]] == ["2025-07-11", "2025-09-11"]
    assert acme["renewals"][0]["churn_probability"] == 0.4
    assert acme["health"] == {
        "score": 30.0,
        "band": "poor",
        "coverage": 1.0,
        "dimensions": {"frequency": 30.0},
    }


def test_what_is_missing_is_null(client):
    gale = client.get("/v1/accounts/gale").json()
    assert gale["renewals"][0]["health_score"] is None and gale["health"]["score"] is None
    fern = client.get("/v1/accounts/fern").json()
    assert fern["renewals"][0]["churn_probability"] is None and fern["health"] is None


@pytest.mark.parametrize(
    ("path", "status", "said"),
    [
        ("/v1/accounts/nobody", 404, "no renewal of account nobody"),
        ("/v1/accounts/..%2f..%2fetc", 404, ""),
        ("/nowhere", 404, "Not Found"),
        ("/v1/renewals?limit=501", 422, "query.limit"),
        ("/v1/renewals?status=lost", 422, "query.status"),
        ("/v1/renewals?offset=-1", 422, "query.offset"),
    ],
)
def test_errors_are_problem_details(client, path, status, said):
    answer = client.get(path)
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    problem = answer.json()
    assert set(problem) == {"type", "title", "status", "detail", "instance"}
    assert problem["status"] == status and said in problem["detail"]


def test_a_write_is_not_allowed(client):
    assert client.ask("POST", "/v1/renewals").status_code == 405


def test_the_page_of_the_interface_needs_no_network(client):
    page = client.get("/docs").text
    assert "/v1/renewals" in page and "risk_band" in page and "model_riskier" in page
    assert not re.findall(r"(?:src|href)=[\"']?(?:https?:)?//", page) and "<script" not in page


def test_healthz_says_which_publication_is_served(client):
    assert client.get("/healthz").json()["as_of"] == "2025-07-01"


def test_a_new_publication_is_served_and_a_damaged_one_is_not(client, tmp_path):
    publish(tmp_path / "cycle", within=30)
    assert client.get("/v1/renewals").json()["total"] == 5
    publish(tmp_path / "cycle")
    (tmp_path / "cycle" / "predictions.parquet").write_bytes(b"PAR1")
    assert client.get("/v1/renewals").json()["total"] == 5


def test_a_damaged_publication_is_not_served(tmp_path):
    publish(tmp_path / "cycle")
    (tmp_path / "cycle" / "predictions.csv").write_text("")
    with pytest.raises(DamagedPublication):
        create_app(tmp_path / "cycle")
