SELECT
    'subscriptions are ended by this source at a churn event, before any end date of theirs'
        AS finding,
    count(*) FILTER (WHERE EXISTS (
        SELECT 1 FROM raw_ravenstack_churn_events AS churn
        WHERE churn.account_id = row.account_id
            AND CAST(churn.churn_date AS DATE) > CAST(row.start_date AS DATE)
            AND CAST(churn.churn_date AS DATE)
                < coalesce(CAST(nullif(row.end_date, '') AS DATE), DATE '9999-12-31')
    )) AS figure,
    count(*) AS of
FROM raw_ravenstack_subscriptions AS row
