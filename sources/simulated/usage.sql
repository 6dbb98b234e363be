-- the product's event log; rows with the same event_id are versions by recorded_at
SELECT event_id, account_id, user_id, occurred_at, feature, "count", minutes, department, recorded_at
FROM raw_usage
