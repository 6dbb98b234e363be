-- Usage hangs on a subscription, without a user. Rows that share a usage_id differ in everything
-- else (see oddities), so the id is completed by the subscription.
SELECT
    subscription.account_id,
    usage.usage_date AS occurred_at,
    usage.feature_name AS feature,
    usage.usage_id || '/' || usage.subscription_id AS event_id,
    usage.usage_count AS count,
    CAST(usage.usage_duration_secs AS DOUBLE) / 60 AS minutes
FROM raw_ravenstack_feature_usage AS usage
LEFT JOIN raw_ravenstack_subscriptions AS subscription USING (subscription_id)
