SELECT
    'usage rows lie before their subscription''s start' AS finding,
    count(*) FILTER (
        WHERE CAST(usage.usage_date AS DATE) < CAST(subscription.start_date AS DATE)
    ) AS figure,
    count(*) AS of
FROM raw_ravenstack_feature_usage AS usage
JOIN raw_ravenstack_subscriptions AS subscription USING (subscription_id)
