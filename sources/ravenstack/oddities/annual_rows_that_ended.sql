SELECT
    'annual subscriptions with an end date ended before their year was over: the term does not bind'
        AS finding,
    count(*) FILTER (
        WHERE CAST(end_date AS DATE) < CAST(start_date AS DATE) + INTERVAL 1 YEAR
    ) AS figure,
    count(*) AS of
FROM raw_ravenstack_subscriptions
WHERE billing_frequency = 'annual' AND end_date <> ''
