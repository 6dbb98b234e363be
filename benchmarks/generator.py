"""A company of any size, as the tables that an ingest leaves: what the benchmarks measure on.

    python -m benchmarks.generator --events 1e6 --out DIR [--per-day 1.5] [--late]

People use the product on some days, in one session of `per_day` events on average, in runs of three
events of one feature; some sessions begin at midnight sharp. Each person has a dozen of the forty
features, a few of which everybody has. Accounts are log-normal in size, but one has a twentieth of
all people. Half of the people were there before the data, half stay to their end, and some accounts
fall silent as a whole.

Every draw is the hash of the seed, its name and what it is drawn for: a world is the same on any
number of threads, and a day can be drawn alone. The `until` of the data lies in a month's middle,
so that a day more is the common case of an increment.
"""

from __future__ import annotations

import argparse
import json
import shutil
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import date, timedelta
from pathlib import Path

import duckdb

from benchmarks.company import SMALL, past_renewals, seen_on
from features import parts
from features.publication import published, sha256, write_frame, write_parquet

SESSION, SPARSE = 20.0, 1.5
PRODUCT_FEATURES, OWN_FEATURES, RUN = 40, 20, 3
MEAN_PEOPLE, SIGMA, GIANT = 14, 1.2, 0.05
LATEST_DAYS = 51
"""The most days from an event to its recording: 30 if it is late, 20 more if corrected."""

COLUMNS = ["account_id", "occurred_at", "feature", "user_id", "minutes", "department"]
LATE_COLUMNS = [*COLUMNS[:3], "event_id", *COLUMNS[3:], "recorded_at"]


@dataclass(frozen=True)
class Company:
    """How large a company is: `events` over the whole time, `per_day` of them a user-day.

    `late` adds event ids and the moments of recording: 2 % of the events are recorded up to 30 days
    late, and .5 % corrected up to 20 days after that.
    """

    events: int
    accounts: int
    per_day: float = SESSION
    months: int = 24
    late: bool = False
    seed: int = 7
    first: str = "2024-01-01"
    until: str = ""

    @classmethod
    def of(cls, events: int, **more: object) -> Company:
        """One with as many accounts as the events suggest: 1,000 a million, fewer above 10 million.

        >>> Company.of(1_000_000).accounts, Company.of(100_000_000).accounts
        (1000, 50118)
        """
        accounts = min(events / 1e3, 1e4 * (events / 1e7) ** 0.7)
        return cls(events, int(max(accounts, 3)), **more)  # type: ignore[arg-type]

    @property
    def mornings(self) -> list[date]:
        """The firsts of the months after the first month, `months` of them."""
        begun = date.fromisoformat(self.first)
        count = [begun.year * 12 + begun.month - 1 + month for month in range(1, self.months + 1)]
        return [date(month // 12, month % 12 + 1, 1) for month in count]

    @property
    def end(self) -> date:
        """The first day without events."""
        return date.fromisoformat(self.until) if self.until else self.mornings[-1] + timedelta(13)

    @property
    def days(self) -> int:
        """The days over which `events` are spread; a day that is appended adds to both."""
        return (self.mornings[-1] + timedelta(13) - date.fromisoformat(self.first)).days


def draw(company: Company, name: str, *keys: str) -> str:
    """SQL of a number in [0, 1) that depends on the seed, a name and the keys alone."""
    return f"(hash({', '.join(keys)}, '{company.seed} {name}') / 18446744073709551616.0)"


def generate(company: Company, out: Path, threads: int = 2) -> None:
    """Write the tables of a company, and source.json, to the folder `out`."""
    begun = date.fromisoformat(company.first)
    days = [begun + timedelta(n) for n in range((company.end - begun).days)]
    usage: dict = {"rows": 0, "parts": {}}
    tables = {"usage": usage}
    with published(out) as folder, connected(company, threads) as con:
        (folder / "usage").mkdir()
        for part in parts.parts(days, days[-1]):
            _add(con, company, part, folder, usage)
        if str(days[-1]) not in usage["parts"]:
            raise ValueError(f"{company.events} events leave {days[-1]} without any: ask for more")
        for name, sql in SMALL.items():
            rows = con.sql(sql.format(first=company.first, until=company.end))
            path, order = folder / f"{name}.parquet", [f'"{column}"' for column in rows.columns]
            write_parquet(con, rows.sql_query(), path, order)
            tables[name] = {"rows": _rows(con, path), "sha256": sha256(path)}
        _write_source(folder, company, tables)


def append_day(tables: Path, threads: int = 2) -> date:
    """Add a day of events to the tables, as the next ingest would, and return the day."""
    source = json.loads((tables / "source.json").read_text("utf-8"))
    company = Company(**source["benchmark"])
    day = company.end
    company = replace(company, until=str(day + timedelta(1)))
    usage = source["tables"]["usage"]
    with connected(company, threads) as con:
        if day.day == 1:
            _close(con, company, tables, usage)
        _add(con, company, parts.part(day, day), tables, usage)
    _write_source(tables, company, source["tables"])
    return day


def observations(company: Company, out: Path, mornings: Sequence[date] | None = None) -> None:
    """Write all accounts on the company's mornings, as observed, to a Parquet file."""
    _write_mornings(company, seen_on, out, ("as_of", "account_id"), mornings)


def renewals(company: Company, out: Path, mornings: Sequence[date] | None = None) -> None:
    """Write the renewals that were settled on each morning to a Parquet file."""
    _write_mornings(company, past_renewals, out, ("as_of", "account_id", "due_date"), mornings)


def _write_mornings(
    company: Company,
    select: Callable[[str, Sequence[date]], str],
    out: Path,
    order: Sequence[str],
    mornings: Sequence[date] | None,
) -> None:
    with connected(company, 2) as con:
        rows = con.sql(select(company.first, mornings or company.mornings)).df()
    write_frame(rows, out, order)


def connected(company: Company, threads: int) -> duckdb.DuckDBPyConnection:
    """A connection that knows the company's `account` and `person` tables, numbered from 0."""
    con = duckdb.connect(config={"threads": threads})
    radius, angle, silent = (draw(company, name, "a") for name in ("radius", "angle", "silent"))
    normal = f"sqrt(-2 * ln(1 - {radius})) * cos(2 * pi() * {angle})"
    size = f"greatest(1, round({MEAN_PEOPLE} * exp({SIGMA} * {normal} - {SIGMA**2 / 2})))"
    giant = 1 + round(GIANT * MEAN_PEOPLE * company.accounts)
    con.execute(
        "CREATE TEMP TABLE account AS SELECT *, CAST(sum(people) OVER (ORDER BY a) - people AS "
        f"INTEGER) AS begins, {silent} AS silent FROM (SELECT a, CAST(CASE WHEN a = 0 THEN {giant} "
        f"ELSE {size} END AS INTEGER) AS people "
        f"FROM (SELECT CAST(range AS INTEGER) AS a FROM range({company.accounts})))"
    )
    come, stay, go = (draw(company, name, "who") for name in ("come", "stay", "go"))
    con.execute(
        "CREATE TEMP TABLE person AS SELECT who, a, begins, people, come, "
        f"least(CASE WHEN {stay} < .5 THEN 100000 ELSE come + 30 - ln(1 - {go}) * 240 END, "
        f"CASE WHEN silent < .15 THEN silent / .15 * {company.days} ELSE 100000 END) AS go "
        f"FROM (SELECT *, greatest(0, {come} * 2 - 1) * {company.days} AS come FROM "
        "(SELECT begins + CAST(unnest(range(people)) AS INTEGER) AS who, * FROM account))"
    )
    return con


def _events(con: duckdb.DuckDBPyConnection, company: Company, first: date, until: date) -> str:
    """SQL of the events that happened on the days `[first, until)`."""
    begun = date.fromisoformat(company.first)
    start, end = (first - begun).days, (until - begun).days
    ((people, share),) = con.execute(
        f"SELECT count(*), avg(greatest(0, least(go, {company.days}) - come)) / {company.days} "
        "FROM person"
    ).fetchall()
    tries = company.events / company.per_day / company.days / share
    return f"""
        WITH days AS (
            SELECT CAST(range AS INTEGER) AS day, DATE '{begun}' + CAST(range AS INTEGER) AS date
            FROM range({max(start, 0)}, {end})
        ), tries AS (
            SELECT day, date, unnest(range(CAST(ceil(
                {tries:e} * CASE WHEN isodow(date) < 6 THEN 1.28 ELSE .3 END) AS BIGINT))) AS try
            FROM days
        ), met AS (
            SELECT day, date, day * CAST(100000000 AS BIGINT) + try AS visit,
                CAST(floor({draw(company, "who", "day", "try")} * {people}) AS INTEGER) AS who
            FROM tries
        ), regulars AS (
            SELECT visit, day, date, begins + CAST(floor(
                people * pow({draw(company, "rank", "visit")}, 1.6)) AS INTEGER) AS who
            FROM met JOIN person USING (who)
        ), sessions AS (
            SELECT visit, date, a, who,
                CAST(1 + floor({draw(company, "length", "visit")} * {2 * company.per_day - 1})
                    AS INTEGER) AS length,
                CASE WHEN visit % 11 = 0 THEN 0 ELSE
                    CAST(25200 + floor({draw(company, "start", "visit")} * 39600) AS INTEGER)
                END AS second
            FROM regulars JOIN person USING (who) WHERE day >= come AND day < go
        ), steps AS (
            SELECT *, unnest(range(length)) AS step FROM sessions
        ), runs AS (
            SELECT *, CAST(floor({OWN_FEATURES} * pow(
                {draw(company, "run", "visit", f"step // {RUN}")}, 1.2)) AS INTEGER) AS own,
                hash(visit, step, '{company.seed} step') AS h
            FROM steps
        )
        SELECT printf('acc_%06d', a) AS account_id,
            date + to_seconds(second + 45 * step + least(step, CAST(h % 30 AS INTEGER)))
                AS occurred_at,
            printf('feature_%02d', CAST(floor({PRODUCT_FEATURES} * pow(
                {draw(company, "own", "who", "own")}, 1.5)) AS INTEGER)) AS feature,
            CASE WHEN visit % 100 > 0 THEN printf('u%07d', who) END AS user_id,
            CAST((h >> 8) % 100 AS DOUBLE) / 10 AS minutes,
            CASE WHEN visit % 100 > 0
                THEN printf('department_%d', CAST(hash(who) % 6 AS INTEGER)) END AS department,
            printf('e%d.%d', visit, step) AS event_id,
            CASE WHEN (h >> 16) % 1000 < 20 THEN 1 + (h >> 32) % 30 ELSE 0 END AS late,
            CASE WHEN (h >> 40) % 1000 < 5 THEN 1 + (h >> 52) % 20 ELSE 0 END AS corrected
        FROM runs"""


def _add(
    con: duckdb.DuckDBPyConnection, company: Company, part: parts.Part, folder: Path, usage: dict
) -> None:
    """Write a part of usage, if it has rows, and note it in what source.json says of usage."""
    if not company.late:
        columns = COLUMNS
        rows = _events(con, company, part.first, min(part.until, company.end))
    else:
        columns = LATE_COLUMNS
        begins = part.first - timedelta(LATEST_DAYS)
        events = _events(con, company, begins, min(part.until, company.end))
        recorded = "occurred_at + to_days(CAST(late AS INTEGER))"
        again = "SELECT * REPLACE (minutes + 5 AS minutes, late + corrected AS late) FROM events"
        rows = (
            f"WITH events AS ({events}), versions AS (FROM events UNION ALL {again} "
            f"WHERE corrected > 0) SELECT *, {recorded} AS recorded_at FROM versions "
            f"WHERE {part.holds(recorded)} AND {recorded} < DATE '{company.end}'"
        )
    path = folder / "usage" / f"{part.name}.parquet"
    write_parquet(con, f"SELECT {', '.join(columns)} FROM ({rows})", path, columns)
    written = _rows(con, path)
    if not written:
        path.unlink()
        return
    usage["rows"] += written
    usage["parts"][part.name] = sha256(path)


def _close(con: duckdb.DuckDBPyConnection, company: Company, tables: Path, usage: dict) -> None:
    """Make one part of the days of a month that is over."""
    month = f"{company.end - timedelta(2):%Y-%m}"
    days = [name for name in usage["parts"] if name.startswith(f"{month}-")]
    path = tables / "usage" / f"{month}.parquet"
    columns = LATE_COLUMNS if company.late else COLUMNS
    write_parquet(con, f"FROM {parts.source(tables / 'usage', days)}", path, columns)
    for name in days:
        (tables / "usage" / f"{name}.parquet").unlink()
        del usage["parts"][name]
    usage["parts"][month] = sha256(path)


def _rows(con: duckdb.DuckDBPyConnection, path: Path) -> int:
    ((rows,),) = con.execute(f"SELECT count(*) FROM read_parquet('{path}')").fetchall()
    return rows


def _write_source(folder: Path, company: Company, tables: dict) -> None:
    source = {
        "source": "benchmark", "data_from": company.first, "data_until": str(company.end),
        "tables": tables, "oddities": [], "benchmark": asdict(company),
    }  # fmt: skip
    new = folder / "source.json.new"
    new.write_text(json.dumps(source, indent=2) + "\n", "utf-8")
    shutil.move(new, folder / "source.json")


def main() -> None:
    """Write one company, as the command line says."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--events", type=float, required=True)
    parser.add_argument("--per-day", type=float, default=SESSION)
    parser.add_argument("--late", action="store_true")
    parser.add_argument("--out", type=Path, required=True)
    asked = parser.parse_args()
    company = Company.of(int(asked.events), per_day=asked.per_day, late=asked.late)
    generate(company, asked.out / "tables")
    observations(company, asked.out / "observations.parquet")
    renewals(company, asked.out / "past_renewals.parquet")


if __name__ == "__main__":
    main()
