SELECT
    'tickets lie before their account''s sign-up' AS finding,
    count(*) FILTER (
        WHERE CAST(ticket.submitted_at AS DATE) < CAST(account.signup_date AS DATE)
    ) AS figure,
    count(*) AS of
FROM raw_ravenstack_support_tickets AS ticket
JOIN raw_ravenstack_accounts AS account USING (account_id)
