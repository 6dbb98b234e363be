SELECT
    'churn events leave a subscription of the account running 30 days later' AS finding,
    count(*) FILTER (WHERE EXISTS (
        SELECT 1 FROM raw_ravenstack_subscriptions AS row
        WHERE row.account_id = churn.account_id
            AND CAST(row.start_date AS DATE) <= CAST(churn.churn_date AS DATE) + 30
            AND coalesce(CAST(nullif(row.end_date, '') AS DATE), DATE '9999-12-31')
                > CAST(churn.churn_date AS DATE) + 30
    )) AS figure,
    count(*) AS of
FROM raw_ravenstack_churn_events AS churn
