-- plan_tier, seats, is_trial and churn_flag hold today's state, and the plan disagrees with the
-- subscriptions' plans (see oddities): they are left out.
SELECT
    account_id,
    signup_date AS created_at,
    account_name AS name,
    industry,
    country
FROM raw_ravenstack_accounts
