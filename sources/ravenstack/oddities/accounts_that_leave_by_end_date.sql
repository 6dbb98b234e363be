SELECT
    'accounts have left if their subscriptions'' end dates are believed' AS finding,
    count(*) FILTER (WHERE ended = paid) AS figure,
    count(*) AS of
FROM (
    SELECT account_id, count(nullif(end_date, '')) AS ended, count(*) AS paid
    FROM raw_ravenstack_subscriptions
    WHERE is_trial = 'False'
    GROUP BY account_id
)
