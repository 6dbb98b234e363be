"""What a feature may not say is refused when it is declared, and the message says what it may."""

from __future__ import annotations

import logging
import re

import duckdb
import pytest
from hypothesis import event, given, settings
from hypothesis import strategies as st
from sqlglot import exp

from features.expression import over_columns, over_rows
from features.facts import READABLE
from features.feature import relative
from features.language import CALLS, Refused

TICKETS = READABLE["tickets"]
REFUSED = {
    "columns of another table, and of none": """
        sum(arr)
        sum(account_id)
        count(*) FILTER (WHERE account_id = 'acme')
        count(*) FILTER (WHERE as_of IS NULL)
        count(*) FILTER (WHERE recorded_at IS NULL)
        count(*) FILTER (WHERE known_at IS NULL)
        count(*) FILTER (WHERE replaced_at IS NULL)
        count(*) FILTER (WHERE occurred_at IS NULL)
        sum(rowid)
        sum(asking)
        sum(subscriptions.arr)
        sum(tickets.csat)
        sum(main.tickets.csat)
        sum(since(subscriptions.opened_at))
        count(*) FILTER (WHERE subscriptions.opened_at IS NULL)
        sum(excluded.csat)
        sum(csat.x)
        sum(#1)
        sum("value csat")
        sum("since opened_at")
        sum("newest")
        sum("age"" OR 1=1")
        sum("age"") OVER (")
        sum(AGE)
        sum(aɡe)
        sum(csаt)
        count(*) FILTER (WHERE age <= ٣)
        sum(SUM)
    """,
    "clocks": """
        count(*) FILTER (WHERE age < now())
        count(*) FILTER (WHERE age < today())
        count(*) FILTER (WHERE age < current_date)
        count(*) FILTER (WHERE age < current_date())
        sum(current_timestamp)
        sum(current_time)
        sum(localtime)
        sum(localtimestamp)
        sum(get_current_timestamp())
        sum(get_current_time())
        sum(transaction_timestamp())
        sum(statement_timestamp())
        sum(clock_timestamp())
        sum(getdate())
        sum(age(opened_at))
        sum(age())
        sum(epoch(opened_at))
    """,
    "dates other than in macros": """
        max(opened_at)
        count(opened_at)
        count(DISTINCT opened_at)
        count(*) FILTER (WHERE opened_at < resolved_at)
        count(*) FILTER (WHERE opened_at < '2025-01-01')
        count(*) FILTER (WHERE opened_at = DATE '2025-01-01')
        count(*) FILTER (WHERE opened_at > TIMESTAMP '2025-01-01 00:00:00')
        count(*) FILTER (WHERE opened_at > make_date(2025, 1, 1))
        count(*) FILTER (WHERE strptime(priority, '%Y') IS NULL)
        count(*) FILTER (WHERE opened_at + INTERVAL 1 DAY IS NULL)
        count(*) FILTER (WHERE opened_at IN (opened_at))
        sum(year(opened_at))
        sum(date_diff('day', opened_at, resolved_at))
        sum(datediff('day', opened_at, resolved_at))
        sum(date_part('year', opened_at))
        sum(extract(year FROM opened_at))
        sum(CASE WHEN TRUE THEN opened_at END)
        sum(coalesce(opened_at, resolved_at))
        sum(opened_at - resolved_at)
        sum(opened_at AT TIME ZONE 'UTC')
        sum(since('2025-01-01'))
        sum(since(age))
        sum(since(opened_at, resolved_at))
        sum(hours_between(opened_at, age))
        sum(hours_between(opened_at := resolved_at))
    """,
    "chance": """
        sum(random())
        sum(rand())
        sum(uuid())
        sum(gen_random_uuid())
        sum(uuidv4())
        sum(setseed(0.5))
        sum(csat USING SAMPLE 10)
        sum(csat) TABLESAMPLE 10
        sum(hash(priority))
        sum(CASE WHEN csat IS NULL THEN random() END)
        sum(nextval('s'))
    """,
    "the order of rows": """
        first(csat)
        last(csat)
        any_value(csat)
        arbitrary(csat)
        list(csat)
        array_agg(csat)
        string_agg(priority, ',')
        group_concat(priority)
        listagg(priority)
        arg_min(csat, age)
        arg_max(csat, age)
        max_by(csat, age)
        min_by(csat, age)
        mode(csat)
        median(csat)
        quantile_cont(csat, 0.5)
        approx_count_distinct(priority)
        approx_quantile(csat, 0.5)
        reservoir_quantile(csat, 0.5)
        histogram(csat)
        product(csat)
        fsum(csat)
        favg(csat)
        stddev(csat)
        corr(csat, age)
        bool_or(is_incident)
        bit_or(age)
        sum(csat ORDER BY age)
        count(DISTINCT csat ORDER BY age)
        latest(csat ORDER BY age)
        sum(csat) WITHIN GROUP (ORDER BY csat)
        max(csat, 3)
        min(csat, 3)
        sum(1e5)
    """,
    "windows over other rows and accounts": """
        row_number() OVER ()
        rank() OVER (ORDER BY age)
        lag(csat) OVER (ORDER BY age)
        sum(csat) OVER ()
        sum(csat) OVER (PARTITION BY account_id)
        max(sum(csat)) OVER ()
        latest(csat) OVER ()
        sum(csat) QUALIFY 1
        sum(ntile(4) OVER (ORDER BY csat))
        count(*) FILTER (WHERE row_number() OVER () = 1)
    """,
    "subqueries": """
        (SELECT 1)
        (SELECT max(csat) FROM tickets)
        SELECT sum(age)
        SELECT sum(age) FROM tickets
        FROM tickets
        TABLE tickets
        VALUES (1)
        WITH t AS (SELECT 1) SELECT * FROM t
        sum(age) UNION SELECT 1
        count(*) FILTER (WHERE EXISTS (SELECT 1))
        count(*) FILTER (WHERE (SELECT TRUE))
        count(*) FILTER (WHERE csat > (SELECT avg(csat) FROM tickets))
        count(*) FILTER (WHERE csat > ANY (SELECT 1))
        count(*) FILTER (WHERE csat > ALL (SELECT 1))
        count(*) FILTER (WHERE csat IN (SELECT 1))
        count(*) FILTER (WHERE csat IN tickets)
        count(*) FILTER (WHERE csat IN UNNEST([1]))
        sum((SELECT 1))
        sum(CASE WHEN TRUE THEN (SELECT 1) END)
    """,
    "lists, structs, maps, json and lambdas": """
        unnest(csat)
        sum(unnest([1, 2]))
        generate_series(1, 3)
        range(3)
        sum(list_sum([1, 2]))
        sum(list_transform([1], x -> x))
        sum([1, 2])
        sum(ARRAY[1])
        sum(csat[1])
        sum(csat)[1]
        sum(csat).x
        sum({'a': 1}.a)
        sum(MAP {'a': 1})
        ROW(1, 2)
        (sum(age), sum(csat))
        count(DISTINCT (csat, age))
        count(*) FILTER (WHERE (csat, age) = (1, 2))
        sum(struct_extract(body, 'a'))
        sum(body->'a')
        sum(body->>'a')
        sum(json_extract(body, '$.a'))
        csat.sum()
        count(*) FILTER (WHERE csat IN [1, 2])
    """,
    "casts": """
        sum(CAST(priority AS INTEGER))
        sum(TRY_CAST(priority AS INTEGER))
        sum(priority::INTEGER)
        sum(csat)::INTEGER
        count(*) FILTER (WHERE CAST(opened_at AS DATE) > '2025-01-01')
        count(*) FILTER (WHERE CAST(priority AS DATE) IS NULL)
        TRY(sum(csat))
        sum(csat) COLLATE x
        count(*) FILTER (WHERE lower(priority) COLLATE nocase = 'u')
    """,
    "files, settings and statements": """
        read_csv('x.csv')
        count(*) FILTER (WHERE read_text('x') IS NULL)
        sum(age) FROM read_csv('x')
        sum(query('select 1'))
        sum(getvariable('x'))
        sum(getenv('HOME'))
        sum(current_setting('threads'))
        sum(version())
        sum(current_user)
        sum(error('x'))
        PRAGMA version
        SET threads = 1
        COPY tickets TO 'x'
        CREATE TABLE x (a INT)
        DROP TABLE observed
        PIVOT x ON y USING sum(z)
        ATTACH 'x'
        sum(age) WHERE age > 1
        sum(age) GROUP BY age
        sum(age) ORDER BY 1
        sum(age) LIMIT 1
        sum(age) AS x
        sum(age) x
        sum(age), sum(csat)
        sum(age); sum(age)
        sum(age);
        sum(age) -- all
        sum(age) /* all */
        /* all */ sum(age)
        sum(--csat)
        sum(csat)) + (sum(csat)
        sum(csat
        sum('
        sum("
    """,
    "stars, names and parameters": """
        COLUMNS(*)
        sum(COLUMNS(*))
        sum(COLUMNS('c.*'))
        *
        sum(*)
        max(*)
        count(* EXCLUDE (age))
        count(* REPLACE (1 AS age))
        count(DISTINCT *)
        count(tickets.*)
        count(*, 1)
        sum($1)
        sum(?)
        sum(:x)
        sum($x)
        sum(@x)
        sum(x := 1)
    """,
    "other ways with text and comparisons": """
        count(*) FILTER (WHERE priority || 'x' = 'ux')
        count(*) FILTER (WHERE priority LIKE 'u%')
        count(*) FILTER (WHERE priority ILIKE 'u%')
        count(*) FILTER (WHERE priority SIMILAR TO 'u.*')
        count(*) FILTER (WHERE priority GLOB 'u*')
        count(*) FILTER (WHERE priority ~ 'u')
        count(*) FILTER (WHERE regexp_matches(priority, 'u'))
        count(*) FILTER (WHERE upper(priority) = 'U')
        count(*) FILTER (WHERE lcase(priority) = 'u')
        count(*) FILTER (WHERE priority = e'a')
        count(*) FILTER (WHERE priority = x'41')
        count(*) FILTER (WHERE priority = $$a$$)
        count(*) FILTER (WHERE csat BETWEEN SYMMETRIC 2 AND 1)
        count(*) FILTER (WHERE csat IS DISTINCT FROM 1)
        count(*) FILTER (WHERE csat IS NOT DISTINCT FROM 1)
        count(*) FILTER (WHERE is_incident IS TRUE)
        count(*) FILTER (WHERE is_incident IS NOT FALSE)
        count(*) FILTER (WHERE csat = NULL)
        count(*) FILTER (WHERE csat <> NULL)
        count(*) FILTER (WHERE csat IN (1, NULL))
        count(*) FILTER (WHERE csat NOT IN (NULL))
        count(*) FILTER (WHERE csat IN ())
        count(*) FILTER (WHERE csat BETWEEN NULL AND 1)
        count(*) FILTER (WHERE csat > 1 > 0)
        count(*) FILTER (WHERE csat == 1)
        count(*) FILTER (WHERE csat <=> 1)
        count(*) FILTER (WHERE is_incident XOR TRUE)
        count(*) FILTER (WHERE csat)
        count(*) FILTER (WHERE 1)
    """,
    "other aggregates, and aggregates elsewhere": """
        sum(DISTINCT csat)
        avg(DISTINCT csat)
        latest(DISTINCT csat)
        sum(count(*))
        max(avg(csat))
        sum(latest(csat))
        count(*) FILTER (WHERE sum(age) > 3)
        count(*) FILTER (WHERE count(*) > 3)
        sum(csat) FILTER (WHERE age < 2) FILTER (WHERE TRUE)
        sum(round(csat) FILTER (WHERE age < 2))
        abs(csat) FILTER (WHERE age < 2)
        sum(csat) IGNORE NULLS
        sum(csat IGNORE NULLS)
        count()
        sum()
        max()
        latest()
        count(csat, age)
        count(DISTINCT csat, age)
        count_if(csat > 1)
        countif(csat > 1)
        sum_if(csat, TRUE)
        csat
        age
        3
        NULL
        since(opened_at)
        latest(csat, age)
        latest(priority)
        max(priority)
        sum(is_incident)
        in_force(0)
        count(*) FILTER (WHERE in_force(0))
        main.sum(csat)
        main.latest(csat)
    """,
    "other arithmetic": """
        sum(csat // 2)
        sum(csat % 2)
        sum(csat ^ 2)
        sum(csat ** 2)
        sum(csat & 1)
        sum(csat | 1)
        sum(csat << 1)
        sum(~age)
        sum(@csat)
        sum(pow(csat, 2))
        sum(exp(csat))
        sum(log(csat))
        sum(ln(2, csat))
        sum(mod(csat, 2))
        sum(divide(csat, 2))
        sum(round(csat, -1))
        sum(round(csat, 1.5))
        sum(round(csat, 99))
        sum(round(csat, age))
        sum(round(csat, 1, 'x'))
        sum(floor(csat, 2))
        sum(ceil(csat, 2))
        sum(ceil())
        sum(coalesce(csat))
        sum(greatest(csat))
        sum(nullif(csat, 0, 1))
        sum(ifnull(csat, 0))
        sum(if(csat > 1, 1, 0))
        sum(CASE csat WHEN 1 THEN 2 END)
        sum(CASE WHEN TRUE THEN 1 ELSE 'a' END)
        sum(csat * 'inf')
        sum(csat) + 'NaN'
        count(*) FILTER (WHERE csat = 'Infinity')
        count(*) FILTER (WHERE csat = NaN)
        sum(nan())
        sum(1e400)
        sum(.5e3)
        sum(0x10)
        sum(9999999999999999)
        sum(1.0000000001)
        sum(99999999999999999999999999999999999999999999)
    """,
    "windows of more than a century": """
        count(*) FILTER (WHERE age <= 36501)
        count(*) FILTER (WHERE age > 99999)
        count(*) FILTER (WHERE age BETWEEN 1 AND 999999999999999)
    """,
}  # fmt: skip
ATTACKS = [
    line.strip() for lines in REFUSED.values() for line in lines.splitlines() if line.strip()
]
DERIVED = """
    sum(events_28d)
    count(*)
    latest(events_28d)
    since(due_date)
    in_force(0)
    random()
    now()
    row_number() OVER ()
    percent_rank() OVER (ORDER BY events_28d)
    (SELECT 1)
    (SELECT events_28d FROM observed)
    events_28d FROM observed
    observed.events_28d
    o.events_28d / 2
    ago(observed.events_28d, 28)
    ago(events_28d)
    ago(events_28d, 0)
    ago(events_28d, -28)
    ago(events_28d, 28.5)
    ago(events_28d, 14 + 14)
    ago(events_28d, days)
    ago(events_28d, '28')
    ago(events_28d, NULL)
    ago(events_28d, 36501)
    ago(events_28d, 99999999999)
    ago(events_28d, 28, 1)
    ago(events_28d / 2, 28)
    ago(28, events_28d)
    ago(ago(events_28d, 28), 28)
    ago('events_28d', 28)
    ago()
    *
    COLUMNS(*)
    "events_28d"" OR 1=1"
    "a b"
    events_28d::INTEGER
    events_28d = NULL
    events_28d // 2
    events_28d -- all
    events_28d; 1
    3
    'a'
    NULL
    CASE WHEN decided IS NULL THEN 'a' END
    lower(segment)
    1 / 0
""".strip().splitlines()  # fmt: skip


def refusal(text, columns=TICKETS):
    """What the guard answers to an expression over rows, or over columns if there are none."""
    with pytest.raises(Refused) as refused:
        over_rows(text, columns, "bad") if columns else over_columns(text, "bad")
    return str(refused.value)


@pytest.mark.parametrize("text", [*ATTACKS, "", "   ", "sum(age)\x00", "sum\u200b(csat)", "÷"])
def test_what_a_feature_may_not_say_of_rows_is_refused_and_told_what_it_may(text):
    message = refusal(text)
    assert message.startswith("bad: ") and f"in `{text}`" in message
    assert "Allowed are the columns age, ticket_id, opened_at" in message
    assert "count(DISTINCT)" in message and "latest(column)" in message and "nullif" in message


@pytest.mark.parametrize("text", [line.strip() for line in DERIVED])
def test_what_a_derived_feature_may_not_say_is_refused_and_told_what_it_may(text):
    message = refusal(text, columns=None)
    assert message.startswith("bad: ") and "Allowed are ago(feature, days); operators" in message


@pytest.mark.parametrize("text", ["max(age)", "sum(events)", "count(*) FILTER (WHERE age <= 28)"])
def test_the_second_of_two_steps_sees_nothing_but_the_first_steps_value(text):
    with pytest.raises(Refused, match="there is no column .*Allowed are the columns value;"):
        over_rows(text, {"value": "number"}, "bad", unit="family bad")


@pytest.mark.parametrize("to", ["account_id", "arr", "owner", "segment; DROP TABLE observed", ""])
def test_a_rank_among_an_unknown_group_is_refused(to):
    with pytest.raises(Refused, match="`to` is one of decided, segment, industry, country"):
        relative(to=to, min_peers=20)


def functions() -> list[str]:
    """The name of every function that DuckDB or the parser knows."""
    known = duckdb.sql("SELECT DISTINCT function_name FROM duckdb_functions()").fetchall()
    names = {name for (name,) in known} | {name.lower() for name in exp.FUNCTION_BY_NAME}
    return sorted(name for name in names if re.fullmatch(r"[a-z_]\w*", name))


def test_every_function_that_is_not_in_the_whitelist_is_refused():
    names = functions()
    assert len(names) > 1000 and {"age", "now", "any_value"} <= set(names)
    given = ["", "*", "csat", "csat, 1", "csat, csat, csat", "priority", "opened_at", "is_incident"]
    for name in set(names) - CALLS - {"case", "filter", "and", "or", "not", "in", "when"}:
        for form in ("{}({})", "sum({}({}))", "count(*) FILTER (WHERE {}({}))"):
            for arguments in given:
                refusal(form.format(name, arguments))
        refusal(f"{name}(events_28d)", columns=None)


WORDS = [
    "csat", "age", "priority", "is_incident", "opened_at", "resolved_at", "events", "(", ")", "(",
    ")", ",", "+", "-", "*", "/", "=", "<=", "<>", "1", "28", "0.5", "'a'", "NULL", "TRUE", "AND",
    "OR", "NOT", "IN", "IS", "BETWEEN", "CASE", "WHEN", "THEN", "ELSE", "END", "DISTINCT", "FILTER",
    "WHERE", "count", "sum", "avg", "min", "max", "latest", "since", "hours_between", "coalesce",
    "floor", "round", "greatest", "nullif", "ln", "sqrt", "lower", "SELECT", "FROM", "OVER", "::",
    ";", "--", "[", "]", "{", "}", "->", ".", "$1", "random", "now", "\"", "ORDER", "BY", "AS",
]  # fmt: skip


def one_of(*forms):
    """Fills the gaps of a form with expressions drawn from strategies: (form, strategy, ...)."""
    return st.one_of(
        [st.tuples(*parts).map(lambda drawn, f=form: f.format(*drawn)) for form, *parts in forms]
    )


def scalars(numbers, flags):
    """Numbers and conditions made of others, as rows and as aggregates may be combined."""
    n, f = numbers, flags
    return one_of(
        ("({} + {})", n, n), ("({} - {})", n, n), ("({} * {})", n, n), ("({} / {})", n, n),
        ("- {}", n), ("abs({})", n), ("round({}, 2)", n), ("floor({})", n), ("sqrt({})", n),
        ("ln({})", n), ("coalesce({}, {})", n, n), ("greatest({}, {})", n, n),
        ("least({}, {})", n, n), ("nullif({}, {})", n, n), ("CASE WHEN {} THEN {} END", f, n),
        ("CASE WHEN {} THEN {} ELSE {} END", f, n, n), ("floor({}, {})", n, n), ("({}, {})", n, f),
    ), one_of(
        ("{} <= {}", n, n), ("{} = {}", n, n), ("{} <> {}", n, n),
        ("{} BETWEEN {} AND {}", n, n, n),
        ("{} IN ({}, 3)", n, n), ("{} IS NULL", n), ("NOT ({})", f), ("({} AND {})", f, f),
        ("({} OR {})", f, f), ("{} = {}", f, n), ("{}", n),
    )  # fmt: skip


of_rows = st.sampled_from([
    "csat", "csat", "age", "1", "28", "0.5", "NULL", "since(opened_at)", "until(resolved_at)",
    "hours_between(opened_at, resolved_at)", "opened_at", "priority",
])  # fmt: skip
if_rows = st.sampled_from([
    "is_incident", "lower(priority) IN ('a', 'b')", "age <= 2", "age > 1", "resolved_at IS NULL",
    "priority = 'a'", "TRUE", "opened_at", "csat",
])  # fmt: skip
more_of_rows, more_if_rows = scalars(of_rows, if_rows)
inner, where = of_rows | more_of_rows, if_rows | more_if_rows
aggregates = one_of(
    *((f"{name}({{}})", inner) for name in ("sum", "avg", "min", "max", "count", "latest")),
    *((f"{name}({{}}) FILTER (WHERE {{}})", inner, where) for name in ("sum", "avg", "count")),
    ("latest({}) FILTER (WHERE {})", inner, where), ("count(*) FILTER (WHERE {})", where),
    ("count(DISTINCT {}) FILTER (WHERE {})", inner, where), ("count(DISTINCT {})", inner),
    ("count({}, {})", inner, inner), ("sum(DISTINCT {})", inner), ("max(sum({}))", inner),
)  # fmt: skip
of_aggregates, if_aggregates = scalars(aggregates, aggregates.map("({} > 1)".format))
expressions = aggregates | of_aggregates | if_aggregates
soup = st.lists(st.sampled_from(WORDS), max_size=14).map(" ".join) | st.text(max_size=30)


@pytest.fixture(scope="module")
def rows():
    """A few rows of tickets as the engine hands them over, with every need."""
    logging.getLogger("sqlglot").setLevel(logging.ERROR)
    values = {"csat": "CAST(n % 3 AS DECIMAL(18, 6))", "is_incident": "n % 2 = 0",
              "priority": "CASE WHEN n > 1 THEN 'a' END"}  # fmt: skip
    handed = ", ".join(f'{sql} AS "value {column}"' for column, sql in values.items())
    dates = ["opened_at", "resolved_at"]
    handed += "".join(f', nullif(n, 2) AS "since {date}"' for date in dates)
    pairs = [f"{start} {end}" for start in dates for end in dates]
    handed += "".join(f', n / 3.0 AS "hours {pair}"' for pair in pairs)
    with duckdb.connect(config={"threads": 1}) as con:
        con.execute(
            f"CREATE TABLE rows AS SELECT n AS age, n AS newest, {handed} FROM range(5) r(n)"
        )
        yield con


@settings(max_examples=800, deadline=None, derandomize=True)
@given(text=expressions | soup)
def test_an_expression_is_refused_or_runs_and_the_order_of_rows_means_nothing(rows, text):
    try:
        read = over_rows(text, TICKETS, "drawn")
    except Refused:
        event("refused")
        return
    event("runs")
    up, down = (
        rows.execute(f"SELECT {read.sql} FROM (FROM rows ORDER BY age {way})").fetchone()
        for way in ("ASC", "DESC")
    )
    assert up == down
