"""Scoring on request, by the bundles and the arithmetic of the batch, to the last bit."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

from fastapi import APIRouter, Request, Response

from models.plain import missing
from models.single import ASKED_BY, Fast
from serve.api.answers import Scored
from serve.api.inbox import body
from serve.api.metrics import Metrics
from serve.api.problems import Problem
from serve.api.state import Snapshot, State
from serve.api.wire import Json

NO_BUNDLES = "this service was started without bundles: it shows what was published, and scores not"
FORMS = ("features", "rows", "columns")
FEW = 32
"""Rows that are scored at once, without another thread: they take less than a millisecond."""
NUMBER = (int, float, bool, type(None))
TEXT = (str, type(None))


def router(state: State, metrics: Metrics) -> APIRouter:
    """`/v1/score`."""
    routes = APIRouter(tags=["scoring"])

    @routes.post(
        "/v1/score",
        summary="Score features: of one observation, of rows, or by column",
        response_model=Scored,
        response_model_exclude_unset=True,
    )
    async def score(request: Request) -> Response:
        held = state.now
        fast_of(held)
        form, features, intervals = asked(await body(request))
        if form == "features":
            found, unseen = one(held, features, intervals)
            rows = 1
        else:
            rows = size(held, form, features, state.limits.batch)
            many = partial(table, held, form, features, intervals)
            found, unseen = many() if rows <= FEW else await state.work(many)
        metrics.rows.inc(rows)
        for column, count in unseen.items():
            metrics.unseen.labels(column).inc(count)
        return Json({**found, "bundles": held.identities, "unseen": unseen})

    return routes


def asked(sent: Any) -> tuple[str, Any, bool]:
    """The form in which features came, what came in it, and whether intervals are wanted."""
    if not isinstance(sent, dict):
        raise Problem(422, f"send an object with one of {', '.join(FORMS)}")
    forms = [form for form in FORMS if form in sent]
    strange = sorted(set(sent) - {*FORMS, "intervals"})
    if len(forms) != 1 or strange:
        said = f"; {', '.join(strange)[:200]} is not known" if strange else ""
        raise Problem(422, f"send one of {', '.join(FORMS)}, and intervals if wanted{said}")
    intervals = sent.get("intervals", False)
    if not isinstance(intervals, bool):
        raise Problem(422, "intervals is true or false")
    form, features = forms[0], sent[forms[0]]
    of = list if form == "rows" else dict
    if not isinstance(features, of):
        raise Problem(422, f"{form} is {'a list of objects' if of is list else 'an object'}")
    return form, features, intervals


def size(held: Snapshot, form: str, features: Any, most: int) -> int:
    """How many rows there are; raises Problem for none and for too many. Columns that nobody reads
    may be anything."""
    if form == "rows":
        rows = len(features)
        if not all(isinstance(row, dict) for row in features):
            raise Problem(422, "rows is a list of objects, one a row")
    else:
        read = [features[name] for name in (*held.read, "decided") if name in features]
        if not all(isinstance(column, list) for column in read):
            raise Problem(422, "columns is an object of lists, each as long as the others")
        rows = max(map(len, read), default=0)
    if not 1 <= rows <= most:
        raise Problem(422, f"there are {rows:,} rows: send from 1 to {most:,} at once")
    return rows


def one(
    held: Snapshot, features: Mapping[str, Any], intervals: bool
) -> tuple[dict[str, Any], dict[str, int]]:
    """One observation, and which of its texts training never met."""
    fast, decided = fast_of(held), features.get("decided", False)
    check(held, {name: (features[name],) for name in held.checked if name in features})
    found = fast.row(features, decided=decided, intervals=intervals)
    texts = {name: (features[name],) for name in held.texts}
    return {"score": found}, counted(fast, texts)


def table(
    held: Snapshot, form: str, features: Any, intervals: bool
) -> tuple[dict[str, Any], dict[str, int]]:
    """Many observations, by row or by column, answered in the same form."""
    fast = fast_of(held)
    columns = features
    if form == "rows":
        names = dict.fromkeys(held.read).keys()
        for row in features:
            if not row.keys() >= names:
                raise missing(names, row)
        columns = {name: [row[name] for row in features] for name in names}
        columns["decided"] = [row.get("decided", False) for row in features]
    check(held, columns)
    found = fast.table(columns, decided=columns.get("decided"), intervals=intervals)
    unseen = counted(fast, {name: columns[name] for name in held.texts})
    if form == "columns":
        return {"columns": found}, unseen
    plain = {name: values.tolist() for name, values in found.items()}
    rows = [dict(zip(plain, row, strict=True)) for row in zip(*plain.values(), strict=True)]
    return {"scores": rows}, unseen


def fast_of(held: Snapshot) -> Fast:
    """The models laid out for speed; raises Problem where there are none."""
    if held.bundles is None:
        raise Problem(503, NO_BUNDLES, retry_after=60)
    return held.bundles.fast


def check(held: Snapshot, columns: Mapping[str, Any]) -> None:
    """Refuse what JSON can say and a feature cannot be: a number for a text, a text for a day."""
    faults = [
        f"{name} should hold {what}"
        for name, kinds, what in (
            *((name, TEXT, "text or null") for name in held.texts),
            *((name, NUMBER, "numbers or null") for name in ASKED_BY),
            ("decided", (bool,), "true or false"),
        )
        if name in columns and not {type(value) for value in columns[name]} <= set(kinds)
    ]
    if faults:
        raise Problem(422, "; ".join(faults))


def counted(fast: Fast, texts: Mapping[str, Any]) -> dict[str, int]:
    """The columns with values that training never met, and how many there are."""
    return {name: count for name, count in fast.unseen(texts).items() if count} if texts else {}
