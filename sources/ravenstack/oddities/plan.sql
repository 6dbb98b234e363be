SELECT
    'subscriptions have the plan of their account: a third is chance, so plans of accounts are left out'
        AS finding,
    count(*) FILTER (WHERE account.plan_tier = row.plan_tier) AS figure,
    count(*) AS of
FROM raw_ravenstack_subscriptions AS row
JOIN raw_ravenstack_accounts AS account USING (account_id)
