-- A row ends at its own end_date or at its account's next churn event, whichever comes first: by
-- end_date alone no account ever leaves, and the churn events name most of them (see oddities).
-- term_end is empty: annual rows that ended mostly did so before their year was over, so the term
-- does not bind.
-- Trials have arr_amount 0. The upgrade, downgrade, churn and auto-renew flags are overwritten in
-- place and left out.
SELECT
    subscription_id,
    account_id,
    start_date,
    NULL AS term_end,
    least(
        CAST(nullif(end_date, '') AS DATE),
        (
            SELECT min(CAST(churn.churn_date AS DATE))
            FROM raw_ravenstack_churn_events AS churn
            WHERE churn.account_id = row.account_id
                AND CAST(churn.churn_date AS DATE) > CAST(row.start_date AS DATE)
        )
    ) AS ended_at,
    arr_amount AS arr,
    plan_tier AS plan,
    seats
FROM raw_ravenstack_subscriptions AS row
