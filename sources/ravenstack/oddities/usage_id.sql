SELECT
    'usage rows repeat a usage_id with other contents; both are kept' AS finding,
    count(*) - count(DISTINCT usage_id) AS figure,
    count(*) AS of
FROM raw_ravenstack_feature_usage
