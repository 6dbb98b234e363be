"""What the service says of itself while it runs: one JSON object a line, on standard error.

No path, query, name, header or body is ever in it: a request is told by its route. Of an error the
kind and the place in the code are told, not its words, which may hold a value.
"""

from __future__ import annotations

import logging
import sys
import traceback
from datetime import UTC, datetime
from pathlib import Path

from serve.api.wire import dumped

LOGGER = logging.getLogger("renewcast.service")


class Lines(logging.Formatter):
    """A record as a line of JSON. Words of other libraries are kept only where they are fixed."""

    def format(self, record: logging.LogRecord) -> str:
        """Time with its zone, level, event and fields."""
        line = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "event": str(record.msg),
            **getattr(record, "fields", {}),
        }
        if record.exc_info and record.exc_info[1] is not None:
            line["error"] = told(record.exc_info[1])
        return dumped(line).decode()


def say(event: str, level: int = logging.INFO, **fields: object) -> None:
    """Write a line; `event` says in fixed words what happened."""
    if LOGGER.isEnabledFor(level):
        LOGGER.log(level, event, extra={"fields": fields})


def told(error: BaseException) -> str:
    """The kind of an error and where it arose, without its words.

    >>> try: int("acme")
    ... except ValueError as error: told(error).split(" ")[0]
    'ValueError'
    """
    frames = traceback.extract_tb(error.__traceback__)
    place = f"{Path(frames[-1].filename).name}:{frames[-1].lineno}" if frames else "nowhere"
    return f"{type(error).__name__} in {place}"


def configure() -> None:
    """Have the whole process write such lines, uvicorn as well."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(Lines())
    logging.basicConfig(handlers=[handler], level=logging.INFO, force=True)
