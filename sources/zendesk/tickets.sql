-- The CSV export of tickets. A ticket belongs to the account whose name is its organisation;
-- an organisation that is no account's name stands here as it is, and is refused by that name.
-- Tickets without an organisation belong to no account and are left out (see oddities).
SELECT
    ticket."Id" AS ticket_id,
    coalesce(account."Id", ticket."Organization") AS account_id,
    ticket."Created at" AS opened_at,
    CAST(ticket."Created at" AS TIMESTAMP)
        + CAST(nullif(ticket."First reply time in minutes", '') AS INTEGER) * INTERVAL 1 MINUTE
        AS first_response_at,
    ticket."Solved at" AS resolved_at,
    lower(nullif(ticket."Priority", '-')) AS priority,
    ticket."Ticket type" = 'Incident' AS is_incident,
    CASE ticket."Satisfaction Score" WHEN 'Good' THEN 5 WHEN 'Bad' THEN 1 END AS csat,
    ticket."Subject" AS subject
FROM raw_tickets AS ticket
LEFT JOIN raw_account AS account
    ON lower(trim(account."Name")) = lower(trim(ticket."Organization"))
WHERE trim(ticket."Organization") NOT IN ('', '-')
