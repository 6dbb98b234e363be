-- submitted_at has no time of day: the first response is counted from midnight.
SELECT
    ticket_id,
    account_id,
    submitted_at AS opened_at,
    CAST(submitted_at AS TIMESTAMP)
        + CAST(first_response_time_minutes AS INTEGER) * INTERVAL 1 MINUTE AS first_response_at,
    closed_at AS resolved_at,
    priority,
    satisfaction_score AS csat,
    CASE WHEN satisfaction_score <> '' THEN closed_at END AS csat_at
FROM raw_ravenstack_support_tickets
