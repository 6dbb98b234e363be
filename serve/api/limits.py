"""How much may be asked of the service at once."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, PositiveFloat, PositiveInt

PAGE = 500
"""Rows on a page."""


class Limits(BaseModel):
    """What a request may cost.

    `body`: its bytes; `batch`: rows to score at once; `at_once`:
    requests under way; `seconds`: from first to last byte of an answer; `ledger_seconds`: of those,
    for the ledger; `refresh_seconds`: between two looks for a new publication and new bundles. How
    deep JSON may nest needs no setting: no body that is asked for is deeper than three.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)
    body: PositiveInt = 16 * 2**20
    batch: PositiveInt = 10_000
    at_once: PositiveInt = 64
    seconds: PositiveFloat = 30.0
    ledger_seconds: PositiveFloat = 10.0
    refresh_seconds: PositiveFloat = 2.0
