-- answers to the survey "how likely are you to recommend us", 0 to 10
SELECT response_id, account_id, occurred_at, score, user_id, comment, recorded_at
FROM raw_nps
