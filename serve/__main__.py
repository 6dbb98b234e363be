"""The service as a container runs it: `python -m serve`, configured by its environment.

RENEWCAST_PUBLICATION   the folder that `renewcast score` wrote
RENEWCAST_BUNDLES       the folder of the models, artifacts/
RENEWCAST_LEDGER        the ledger's URL
RENEWCAST_REPORTS       the folder of what the pipeline reported, reports/
RENEWCAST_TOKENS        hashes of the tokens that may ask (serve/api/tokens.py)
RENEWCAST_HOST, _PORT   where to listen; 127.0.0.1 and 8000 unless told otherwise
RENEWCAST_NAMES         further names under which it may be asked, with commas between

Each may end in _FILE and name a file that holds the value, as secrets are handed over. Who listens
beyond loopback must have tokens.
"""

from __future__ import annotations

import ipaddress
import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from serve.lean import without

PREFIX = "RENEWCAST_"


class BadEnvironment(ValueError):
    """The environment cannot be used; the sentence says what to change."""


@dataclass(frozen=True)
class Place:
    """What one service answers from, and where it listens."""

    publication: Path
    bundles: Path | None
    reports: Path | None
    ledger: str | None
    tokens: str | None
    host: str
    port: int
    names: tuple[str, ...]

    @classmethod
    def of(cls, environment: Mapping[str, str]) -> Place:
        """Read an environment; raises BadEnvironment, never with a secret in it."""
        port = _value(environment, "PORT") or "8000"
        if not port.isascii() or not port.isdigit() or not 0 < int(port) < 65536:
            raise BadEnvironment(f"{PREFIX}PORT is {port!r}: give a number from 1 to 65535")
        place = cls(
            publication=Path(_value(environment, "PUBLICATION") or "data/cycle"),
            bundles=_folder(environment, "BUNDLES"),
            reports=_folder(environment, "REPORTS"),
            ledger=_value(environment, "LEDGER"),
            tokens=_value(environment, "TOKENS"),
            host=_value(environment, "HOST") or "127.0.0.1",
            port=int(port),
            names=tuple(name for name in (_value(environment, "NAMES") or "").split(",") if name),
        )
        if place.tokens is None and not _is_loopback(place.host):
            raise BadEnvironment(
                f"{PREFIX}HOST is {place.host} and there are no tokens: whoever reaches it could "
                f"read every account. Name a file of hashes in {PREFIX}TOKENS_FILE"
            )
        return place


def _value(environment: Mapping[str, str], name: str) -> str | None:
    """A value, or the content of the file that the name with _FILE holds; empty is none."""
    plain, file = environment.get(PREFIX + name), environment.get(f"{PREFIX}{name}_FILE")
    if plain and file:
        raise BadEnvironment(f"{PREFIX}{name} and {PREFIX}{name}_FILE are both set: keep one")
    if file:
        try:
            plain = Path(file).read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            why = type(error).__name__
            raise BadEnvironment(f"{PREFIX}{name}_FILE: {file} cannot be read ({why})") from None
        if not plain:
            raise BadEnvironment(f"{PREFIX}{name}_FILE: {file} is empty")
    return plain or None


def _folder(environment: Mapping[str, str], name: str) -> Path | None:
    value = _value(environment, name)
    return None if value is None else Path(value)


def _is_loopback(host: str) -> bool:
    """
    >>> _is_loopback("127.0.0.1"), _is_loopback("::1"), _is_loopback("0.0.0.0")
    (True, True, False)
    """
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def main() -> int:
    """Answer until SIGTERM; 2 if the environment cannot be used."""
    try:
        place = Place.of(os.environ)
    except BadEnvironment as fault:
        print(fault, file=sys.stderr)
        return 2
    with without("pyarrow", "sklearn"):
        from serve import app  # heavy: a bad environment is refused at once
    from serve.api.tokens import BadTokens

    try:
        app.serve(
            place.publication,
            host=place.host,
            port=place.port,
            tokens=place.tokens,
            bundles=place.bundles,
            reports=place.reports,
            ledger=place.ledger,
            hosts=place.names,
        )
    except BadTokens as fault:
        print(fault, file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
