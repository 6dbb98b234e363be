-- the help desk's tickets; answer, solution and rating are written into the row later
SELECT ticket_id, account_id, opened_at, first_response_at, resolved_at, priority, category,
       is_incident, reopened_at, csat, csat_at, subject, body, recorded_at
FROM raw_tickets
