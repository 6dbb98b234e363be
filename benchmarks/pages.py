"""How long the pages take with many renewals: server time of one worker, as the page is asked for.

`python -m benchmarks.pages --renewals 50000` prints Markdown: per page the median, the 95th
percentile and the slowest of many requests over the whole application (its guard included, without
a network), and how long opening the publication took. Each question to the list is another one.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import logging
import tempfile
from collections.abc import Iterator
from pathlib import Path
from time import perf_counter

import httpx
import numpy as np

from serve.app import create_app
from serve.web.question import SORTS
from tests.serve.web import shelves

REQUESTS = 300


def questions(accounts: int) -> Iterator[tuple[str, str]]:
    """(page, address) in turn: the list under ever other filters and orders, and the rest."""
    bands, owners, sides = ("", "high", "low"), ("", "Ines", "Nils"), ("", "differ", "agree")
    lists = itertools.cycle(itertools.product(SORTS, bands, owners, sides, (1, 3, 40)))
    for number, (sort, band, owner, side, page) in enumerate(lists):
        asked = f"sort={sort}&band={band}&owner={owner}&agreement={side}&page={page}"
        yield "renewals", f"/renewals?{asked}"
        if number % 3 == 0:
            yield "renewals, 100 a page", f"/renewals?{asked}&size=100"
            yield "renewals, by name", f"/renewals?{asked}&q=company+{number % 97}"
            yield "cycle", "/"
            yield "account", f"/accounts/acc_{number * 7919 % accounts:05d}"


async def measured(folder: Path, accounts: int, requests: int) -> dict[str, list[float]]:
    """Seconds of each request, by page."""
    app = create_app(folder)
    found: dict[str, list[float]] = {}
    transport = httpx.ASGITransport(app=app)
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
        start = perf_counter()
        (await client.get("/renewals")).raise_for_status()
        found["renewals, the very first"] = [perf_counter() - start]
        for page, address in itertools.islice(questions(accounts), requests * 3):
            start = perf_counter()
            (await client.get(address)).raise_for_status()
            found.setdefault(page, []).append(perf_counter() - start)
    return found


def main() -> None:
    """Print the table."""
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("--renewals", type=int, default=50_000)
    asked.add_argument("--requests", type=int, default=REQUESTS)
    given = asked.parse_args()
    logging.disable(logging.INFO)
    with tempfile.TemporaryDirectory() as scratch:
        folder = shelves.publish(Path(scratch) / "cycle", accounts=given.renewals)
        found = asyncio.run(measured(folder, given.renewals, given.requests))
    print(f"{given.renewals:,} renewals\n\n| page | requests | median ms | p95 ms | slowest ms |")
    print("|---|---|---|---|---|")
    for page, seconds in found.items():
        median, high, slowest = 1000 * np.quantile(seconds, [0.5, 0.95, 1])
        print(f"| {page} | {len(seconds)} | {median:.1f} | {high:.1f} | {slowest:.1f} |")


if __name__ == "__main__":
    main()
