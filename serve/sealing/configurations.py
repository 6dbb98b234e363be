"""The parameters that runs were made with, each kept once under its hash.

They are no entries of the chain: the hash that they lie under stands in the sealed runs, and what
was altered since no longer answers to it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from hashlib import sha256
from typing import Any

from sqlalchemy import Connection, insert, select

from serve.sealing.entries import Unsealable
from serve.sealing.schema import configurations

Params = Mapping[str, Any]


def digest(body: str) -> str:
    """The hash of parameters written as JSON with sorted keys: the `params_sha256` of a run."""
    return sha256(body.encode()).hexdigest()


def keep(connection: Connection, params: Params, params_sha256: str) -> None:
    """Store the parameters, if they are not there yet; raise Unsealable if they are not those of
    the run."""
    body = json.dumps(params, sort_keys=True)
    if digest(body) != params_sha256:
        raise Unsealable(
            f"the parameters have the hash {digest(body)[:12]}, the run says {params_sha256[:12]}: "
            "they were changed since it was scored; score again"
        )
    known = select(configurations.c.params_sha256)
    if connection.execute(known.where(configurations.c.params_sha256 == params_sha256)).first():
        return
    connection.execute(insert(configurations), [{"params_sha256": params_sha256, "body": body}])


def kept(connection: Connection) -> dict[str, Params]:
    """All parameters by their hash, without those that no longer answer to it."""
    rows = connection.execute(select(configurations.c.params_sha256, configurations.c.body))
    return {name: json.loads(body) for name, body in rows if digest(body) == name}
