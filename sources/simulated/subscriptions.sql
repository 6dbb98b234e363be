-- the billing system's contract rows; rows with the same id are versions by recorded_at
SELECT subscription_id, account_id, start_date, term_end, ended_at, arr, notice_at, booked_at,
       product, plan, seats, discount, auto_renew, currency, recorded_at
FROM raw_subscriptions
