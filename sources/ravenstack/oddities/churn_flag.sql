SELECT
    'accounts have a churn_flag that disagrees with the churn events' AS finding,
    count(*) FILTER (
        WHERE (churn_flag = 'True')
            <> (account_id IN (SELECT account_id FROM raw_ravenstack_churn_events))
    ) AS figure,
    count(*) AS of
FROM raw_ravenstack_accounts
