-- The CSV export of tickets. A ticket belongs to the account whose name is its organisation;
-- an organisation that is no account's name, or that of several accounts, stands here as it is,
-- and is refused by that name.
-- Tickets without an organisation belong to no account and are left out (see oddities).
SELECT
    ticket."Id" AS ticket_id,
    coalesce(account.id, ticket."Organization") AS account_id,
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
LEFT JOIN (
    SELECT lower(trim("Name")) AS name, min("Id") AS id
    FROM raw_account
    GROUP BY 1
    HAVING count(DISTINCT "Id") = 1
) AS account ON account.name = lower(trim(ticket."Organization"))
WHERE trim(ticket."Organization") NOT IN ('', '-')
