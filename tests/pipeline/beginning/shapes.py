"""The simulated company as other programs would export it: other columns, units, days and ends."""

from __future__ import annotations

from pathlib import Path

import duckdb

NEWEST = (
    "SELECT * FROM '{raw}' QUALIFY row_number() OVER "
    "(PARTITION BY {key} ORDER BY recorded_at DESC) = 1"
)

FILES = {
    "Account.csv": """
        SELECT account_id AS "Id", 0 AS "IsDeleted", name || ' ' || account_id[5:] AS "Name",
               'Customer' AS "Type", NULL AS "ParentId", country AS "BillingCountry",
               '+49 30 ' || account_id[5:] AS "Phone", industry AS "Industry",
               owner AS "OwnerId", strftime(created_at, '%Y-%m-%dT%H:%M:%S.000Z') AS "CreatedDate"
        FROM '{raw}/accounts.csv' ORDER BY 1""",
    "contract_lines.csv": """
        SELECT subscription_id AS "Contract Line ID", account_id AS "Account ID",
               strftime(start_date, '%d/%m/%Y') AS "Contract Start",
               strftime(term_end - 1, '%d/%m/%Y') AS "Contract End",
               strftime(ended_at - 1, '%d/%m/%Y') AS "End Date",
               strftime(notice_at, '%d/%m/%Y') AS "Notice Date",
               strftime(booked_at, '%d/%m/%Y') AS "Booking Date",
               CAST(round(arr * 100 / 12) AS BIGINT) AS "MRR (Cents)",
               product AS "Product Name", seats AS "Quantity",
               CAST(round(discount * 100, 2) AS VARCHAR) || '%' AS "Discount (%)",
               auto_renew AS "Auto Renewal", currency AS "CurrencyIsoCode"
        FROM ({subscriptions}) ORDER BY 1""",
    "tickets.csv": """
        SELECT t.ticket_id AS "Id", 'Person ' || t.ticket_id AS "Requester",
               t.ticket_id || '@example.com' AS "Requester email", subject AS "Subject",
               CASE WHEN resolved_at IS NULL THEN 'Open' ELSE 'Closed' END AS "Status",
               upper(priority[1]) || priority[2:] AS "Priority",
               CASE WHEN is_incident THEN 'Incident' ELSE 'Question' END AS "Ticket type",
               strftime(opened_at, '%Y-%m-%d %H:%M') AS "Created at",
               a.name || ' ' || t.account_id[5:] AS "Organization",
               strftime(resolved_at, '%Y-%m-%d %H:%M') AS "Solved at",
               CASE WHEN csat >= 4 THEN 'Good' WHEN csat <= 2 THEN 'Bad' ELSE 'Offered' END
                   AS "Satisfaction Score",
               date_diff('minute', opened_at, first_response_at) AS "First reply time in minutes"
        FROM ({tickets}) AS t JOIN '{raw}/accounts.csv' AS a USING (account_id) ORDER BY 1""",
    "product_events.csv": """
        SELECT event_id AS "Event ID", account_id AS "Customer ID", user_id AS "Distinct ID",
               strftime(occurred_at, '%d/%m/%Y %H:%M') AS "Timestamp", feature AS "Event Name",
               "count" AS "Quantity", CAST(round(minutes * 60) AS BIGINT) AS "Duration (seconds)"
        FROM ({usage}) WHERE occurred_at >= '{events_from}' ORDER BY occurred_at, 1""",
    "survey_responses.csv": """
        SELECT response_id AS "Response ID", account_id AS "Company ID",
               strftime(occurred_at, '%d/%m/%Y') AS "Response Date", score AS "NPS Score",
               coalesce(comment, '') AS "Comment", response_id || '@example.com' AS "Contact Email"
        FROM ({nps}) ORDER BY 1""",
}

_KEYS = {"subscriptions": "subscription_id", "tickets": "ticket_id", "nps": "response_id"}


def mixed_exports(raw: Path, out: Path, events_from: str = "2000-01-01") -> Path:
    """Write to `out` what the simulated company in `raw` would get from its five programs.

    Accounts from Salesforce, contract lines from a report of it with the days of its locale and
    the last day of each term, money in cents a month; tickets from Zendesk by organisation; events
    and answers of a survey from programs that nobody knows. Only the newest version of a row, and
    events from a day on.
    """
    newest = {name: NEWEST.format(raw=raw / f"{name}.csv", key=key) for name, key in _KEYS.items()}
    newest["usage"] = NEWEST.format(raw=raw / "usage.parquet", key="event_id")
    out.mkdir(parents=True)
    with duckdb.connect() as con:
        con.execute("SET threads = 1")
        for name, sql in FILES.items():
            rows = sql.format(raw=raw, events_from=events_from, **newest)
            con.execute(f"COPY ({rows}) TO '{out / name}' (HEADER)")
    return out
