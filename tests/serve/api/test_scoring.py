"""What is scored on request is what the batch would say, to the last bit, in every form."""

from __future__ import annotations

import math

import pytest

from serve.scorer import probabilities
from tests.models.chained import TARGETS, models
from tests.serve.api.served import Client, app, is_problem, of_customers

CUSTOMERS = of_customers()
ROWS = [
    {name: None if value != value else value for name, value in row.items()}
    for row in CUSTOMERS.to_dict("records")
]
DECIDED = [number % 10 == 0 for number in range(len(ROWS))]


@pytest.fixture(scope="module")
def batch():
    """What the batch says, by account and column; None where a target does not ask."""
    asked = CUSTOMERS[["days_to_due", "arr"]].reset_index()
    asked["decided"] = ["notice_given" if one else None for one in DECIDED]
    found = probabilities(CUSTOMERS, asked, models(), TARGETS)
    accounts = CUSTOMERS.index.get_level_values(0)
    said = {account: {} for account in accounts}
    for target in TARGETS:
        mine = found[found["target"].eq(target.name)].set_index("account_id")
        for end in ("probability", "low", "high"):
            column = mine[end].reindex(accounts)
            for account, value in column.items():
                said[account][f"{target.name}_{end}"] = None if math.isnan(value) else value
    return [said[account] for account in accounts]


def test_one_observation_is_scored_to_the_bit(client, batch):
    for number in (0, 1, 7, 10, 42):
        row = ROWS[number] | {"decided": DECIDED[number]}
        told = client.post("/v1/score", {"features": row, "intervals": True}).json()
        assert told["score"] == batch[number]
    assert told["bundles"] == dict(client.state.now.bundles.identities)


@pytest.mark.parametrize("count", [1, 300])
def test_rows_are_scored_to_the_bit_few_or_many(client, batch, count):
    rows = [row | {"decided": is_it} for row, is_it in zip(ROWS, DECIDED, strict=True)][:count]
    told = client.post("/v1/score", {"rows": rows, "intervals": True}).json()
    assert told["scores"] == batch[:count]


def test_columns_are_scored_to_the_bit(client, batch):
    columns = {name: [row[name] for row in ROWS] for name in ROWS[0]} | {"decided": DECIDED}
    told = client.post("/v1/score", {"columns": columns, "intervals": True}).json()["columns"]
    for name, values in told.items():
        assert values == [row[name] for row in batch]


def test_what_training_never_met_is_counted(client):
    told = client.post("/v1/score", {"rows": [ROWS[0] | {"industry": "mïning\0"}] * 3}).json()
    assert told["unseen"]["industry"] >= 3
    assert 'renewcast_unseen_categories_total{column="industry"}' in client.get("/metrics").text


@pytest.mark.parametrize(
    ("sent", "said"),
    [
        ({"features": {"arr": 1}}, "missing columns"),
        ({"features": ROWS[0] | {"arr": "ten"}}, "arr"),
        ({"features": ROWS[0] | {"arr": [1]}}, "arr"),
        ({"features": ROWS[0] | {"industry": 3}}, "industry should hold text"),
        ({"features": ROWS[0] | {"days_to_due": "5"}}, "days_to_due should hold numbers"),
        ({"features": ROWS[0] | {"decided": None}}, "decided should hold true or false"),
        ({"features": ROWS[0], "rows": [ROWS[0]]}, "send one of features, rows, columns"),
        ({"features": ROWS[0], "as_of": 1}, "as_of is not known"),
        ({"features": [ROWS[0]]}, "features is an object"),
        ({"rows": ROWS[0]}, "rows is a list"),
        ({"rows": [ROWS[0], 3]}, "rows is a list of objects"),
        ({"rows": []}, "there are 0 rows"),
        ({"rows": [ROWS[0]] * 10_001}, "there are 10,001 rows"),
        ({"columns": {name: 3 for name in ROWS[0]}}, "columns is an object of lists"),
        ({"columns": {name: [None] for name in ROWS[0]} | {"arr": [1, 2]}}, "most columns have 1"),
        ({"features": ROWS[0], "intervals": "yes"}, "intervals is true or false"),
        ([ROWS[0]], "send an object"),
    ],
)
def test_what_cannot_be_scored_is_refused_in_a_sentence(client, sent, said):
    assert is_problem(client.post("/v1/score", sent), 422, said)


def test_a_service_without_bundles_says_so(public):
    answer = Client(app(public, None)).post("/v1/score", {"features": ROWS[0]})
    assert is_problem(answer, 503, "started without bundles") and answer.headers["retry-after"]


def test_a_what_if_is_scored_like_any_other_row(client):
    told = client.post("/v1/what-if", {"account_id": "acme", "changes": {"active_users_28d": 3}})
    told = told.json()
    row = {"intervals": True, "features": ROWS[0]}
    assert told["before"] == client.post("/v1/score", row).json()["score"]
    row["features"] = ROWS[0] | {"active_users_28d": 3.0}
    assert told["after"] == client.post("/v1/score", row).json()["score"]
    moved = told["after"]["churn_probability"] - told["before"]["churn_probability"]
    assert told["difference"]["churn_probability"] == moved
    assert told["changes"]["active_users_28d"] == {
        "before": 16.0, "after": 3.0, "low": 0.0, "high": 20.0,
    }  # fmt: skip


def test_a_what_if_promises_nothing_and_says_what_it_held(client):
    told = client.post("/v1/what-if", {"account_id": "acme", "changes": {"active_users_28d": 3}})
    assert told.json()["held"] == ["utilisation", "utilisation_trend"]
    assert "associated with" in told.json()["caution"]
    assert " will " not in told.text and "saved" not in told.text


@pytest.mark.parametrize(
    ("account", "changes", "status", "said"),
    [
        ("acme", {"arr": 5}, 422, "arr cannot be acted on; active_users_28d"),
        ("acme", {"active_users_28d": 21}, 409, "between 0 and 20 for this account, not 21"),
        ("acme", {"open_tickets": 1}, 409, "never known of this account"),
        ("acme", {}, 422, "changes"),
        ("acme", {"active_users_28d": "5"}, 422, "changes.active_users_28d"),
        ("bolt", {"active_users_28d": 5}, 404, "not among those"),
        ("nobody", {"active_users_28d": 5}, 404, "account nobody is no customer"),
    ],
)
def test_a_what_if_stays_within_what_the_account_has_been(client, account, changes, status, said):
    answer = client.post("/v1/what-if", {"account_id": account, "changes": changes})
    assert is_problem(answer, status, said)
