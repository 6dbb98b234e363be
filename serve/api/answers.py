"""The shapes of the answers, as OpenAPI tells them. They describe; what goes out is made once, as
plain values, and tests hold the two together."""

from __future__ import annotations

from datetime import date
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, create_model

from serve.listing import SHOWN

PYTHON = {"VARCHAR": str, "DATE": date, "DOUBLE": float, "BIGINT": int, "BOOLEAN": bool}
FIELDS: dict[str, Any] = {name: (PYTHON[sql] | None, ...) for name, sql in SHOWN.items()}
Renewal = create_model("Renewal", **FIELDS)
Renewal.__doc__ = "One renewal as published; null is unknown, never zero."
Number = float | None


class ProblemDetail(BaseModel):
    """What went wrong, in a sentence (RFC 9457)."""

    model_config = ConfigDict(extra="allow")
    type: str
    title: str
    status: int
    detail: str
    instance: str


class Page(BaseModel):
    """Some of the renewals; `total` counts all that the filters leave."""

    as_of: date
    total: int
    limit: int
    offset: int
    renewals: list[Renewal]  # type: ignore[valid-type]


class Health(BaseModel):
    """The health score, 0 to 100, high is good; that of each dimension; and the rules that fired,
    the costliest first."""

    score: Number
    band: str | None
    coverage: Number
    dimensions: dict[str, Number]
    rules: list[dict[str, Any]]


class History(BaseModel):
    """What the ledger keeps of an account, in the order of sealing, corrected outcomes too."""

    predictions: list[dict[str, Any]]
    outcomes: list[dict[str, Any]]


class Account(BaseModel):
    """One account as last published. `customer`: whether it is one on the morning.

    `explanations` are by target; `series` is its own past beside the median of its segment;
    `missing` says of each part that is null why it is.
    """

    account_id: str
    as_of: date
    customer: bool
    renewals: list[Renewal]  # type: ignore[valid-type]
    health: Health | None
    explanations: dict[str, dict[str, Any]] | None
    series: list[dict[str, Any]] | None
    events: list[dict[str, Any]] | None
    ranges: dict[str, tuple[Number, Number]] | None
    history: History | None
    missing: dict[str, str]


class Scored(BaseModel):
    """Probabilities, in the form in which the features came: `score` of one observation, `scores`
    of rows, `columns` of columns. Null: the target does not ask about it. `bundles` says by which
    models, `unseen` how many values training never met."""

    score: dict[str, Number] | None = None
    scores: list[dict[str, Number]] | None = None
    columns: dict[str, list[Number]] | None = None
    bundles: dict[str, str]
    unseen: dict[str, int]


class Change(BaseModel):
    """One feature as it is and as it is asked about, within what it has been for the account."""

    before: float | str | bool | None
    after: float
    low: float
    high: float


class WhatIf(BaseModel):
    """How the model scores the account with some features changed. `held`: features computed from
    the changed ones, which were left as they are."""

    account_id: str
    as_of: date
    changes: dict[str, Change]
    before: dict[str, Number]
    after: dict[str, Number]
    difference: dict[str, Number]
    held: list[str]
    bundles: dict[str, str]
    caution: str


class Asked(BaseModel):
    """What a what-if asks: the account, and the values of features that somebody can work on."""

    model_config = ConfigDict(extra="forbid", strict=True)
    account_id: str = Field(min_length=1, max_length=500)
    changes: dict[str, float] = Field(min_length=1, max_length=100)


class Runs(BaseModel):
    """The scoring runs in the ledger, the newest first."""

    total: int
    limit: int
    offset: int
    runs: list[dict[str, Any]]


class Models(BaseModel):
    """The models that serve. `published`: whether the publication was scored with this bundle;
    `refused`: why a newer set that lies there does not serve."""

    models: list[dict[str, Any]]
    refused: str | None


class Compared(BaseModel):
    """How the models did on held-out mornings: each figure with its interval, pairs of scorers,
    calibration, counts and months."""

    metrics: list[dict[str, Any]]
    pairs: list[dict[str, Any]]
    calibration: list[dict[str, Any]]
    counts: list[dict[str, Any]]
    months: list[dict[str, Any]]


class Agreement(BaseModel):
    """Where model and health score agree on whom to list, in renewals and in ARR."""

    as_of: date
    rows: list[dict[str, Any]]


class Refreshed(BaseModel):
    """What took over, and why what lies there now does not serve, if it does not."""

    taken: list[str]
    as_of: date
    refused: dict[str, str | None]


class Alive(BaseModel):
    """That the service answers, and from which publication."""

    status: str
    as_of: date
    renewals: int
    identity: dict[str, str]


class Ready(BaseModel):
    """Whether everything that is needed is there, and how old the morning is in whole days."""

    status: str
    checks: dict[str, dict[str, Any]]
