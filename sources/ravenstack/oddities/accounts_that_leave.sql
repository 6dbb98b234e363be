SELECT
    'accounts have a churn event; this source ends their subscriptions there' AS finding,
    (SELECT count(DISTINCT account_id) FROM raw_ravenstack_churn_events) AS figure,
    (SELECT count(*) FROM raw_ravenstack_accounts) AS of
