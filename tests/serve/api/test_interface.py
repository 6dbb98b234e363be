"""The interface keeps what its OpenAPI says, whatever is asked of it, with tokens and without."""

from __future__ import annotations

import json
import os

import pytest

from serve.api.tokens import issue
from tests.serve.api.served import Client, app

pytest.importorskip("schemathesis", reason="no schemathesis: install the group dev")

from tests.serve.api.exam import examine

EXAMPLES = int(os.environ.get("RENEWCAST_EXAMPLES", "3"))
"""For one operation and phase; 2000 before a release."""
NOTHING = dict.fromkeys(("metrics", "pairs", "calibration", "counts", "months"), [])


@pytest.mark.filterwarnings("ignore:Generating overly large repr")  # of a long example
@pytest.mark.parametrize("with_tokens", [True, False] if EXAMPLES > 100 else [True])
def test_no_check_of_schemathesis_fails(public, saved, story, tmp_path, with_tokens):
    (tmp_path / "comparison.json").write_text(json.dumps(NOTHING))
    token, line = issue("publish", "exam")
    served = app(
        public, saved, ledger=story, reports=tmp_path, hosts=("testserver",),
        tokens=line if with_tokens else None,
    )  # fmt: skip
    found = examine(served, EXAMPLES, token if with_tokens else None)
    assert found.failures == []
    assert sum(found.answers.values()) > 500 and {200, 404, 405, 422} <= set(found.answers)
    assert (401 in found.answers) is with_tokens
    assert not any(status >= 500 for status in found.answers)
    assert Client(served).get("/healthz").status_code == 200


def test_the_interface_names_every_feature_that_the_models_read(client):
    api = client.get("/openapi.json").json()
    row = api["components"]["schemas"]["Features"]
    assert set(row["required"]) == {*client.state.now.read}
    assert row["properties"]["industry"] == {"type": ["string", "null"]}
    assert row["properties"]["arr"] == {"type": ["number", "boolean", "null"]}


def test_every_example_of_scoring_can_be_sent_as_it_is(client):
    body = client.get("/openapi.json").json()["paths"]["/v1/score"]["post"]["requestBody"]
    examples = body["content"]["application/json"]["examples"]
    assert set(examples) == {"one", "rows", "columns"}
    for example in examples.values():
        assert client.post("/v1/score", example["value"]).status_code == 200


def test_the_page_of_the_interface_shows_every_route_and_needs_no_network(client):
    page = client.get("/docs").text
    for path in client.get("/openapi.json").json()["paths"]:
        assert path in page
    assert "model_riskier" in page and "<script" not in page and "//cdn" not in page
