-- The dashboard's list of subscriptions, all states. "Amount" is the price of one unit and one
-- interval, in units of the currency; from the API or Sigma it is in cents: divide by 100.
-- term_end is never "Current Period End": that moves on with every invoice. A yearly price binds
-- until a year after the start; with a shorter interval the customer may leave at any time.
-- Asked to cancel, but not over yet: it ends with the period that was paid for.
-- A trial is no customer: rows begin when it is over, and are left out if nothing came after it.
WITH read AS (
    SELECT
        *,
        CAST(nullif(left("Start Date (UTC)", 10), '') AS DATE) AS first_day,
        CAST(nullif(left("Trial End (UTC)", 10), '') AS DATE) AS trial_end,
        CAST(nullif(left("Created (UTC)", 10), '') AS DATE) AS created,
        CAST(nullif(left("Canceled At (UTC)", 10), '') AS DATE) AS asked_to_cancel,
        CAST(nullif(left("Current Period End (UTC)", 10), '') AS DATE) AS paid_until,
        CAST(nullif(left("Ended At (UTC)", 10), '') AS DATE) AS over,
        CASE "Interval" WHEN 'day' THEN 365 WHEN 'week' THEN 52 WHEN 'month' THEN 12
            WHEN 'year' THEN 1 END AS times_a_year
    FROM raw_subscriptions
    WHERE "Status" NOT IN ('incomplete', 'incomplete_expired', 'trialing')
), dated AS (
    SELECT
        *,
        coalesce(trial_end, first_day) AS start_date,
        coalesce(over, CASE WHEN asked_to_cancel IS NOT NULL THEN paid_until END) AS ended_at
    FROM read
)
SELECT
    "id" AS subscription_id,
    "Customer ID" AS account_id,
    start_date,
    CASE "Interval" WHEN 'year' THEN CAST(start_date + INTERVAL 1 YEAR AS DATE) END AS term_end,
    ended_at,
    CASE
        WHEN times_a_year IS NULL THEN 'interval: ' || "Interval"
        ELSE CAST(
            CAST(replace("Amount", ',', '') AS DECIMAL(18, 2)) * CAST("Quantity" AS INTEGER)
            * times_a_year AS VARCHAR
        )
    END AS arr,
    asked_to_cancel AS notice_at,
    coalesce(trial_end, created) AS booked_at,
    "Plan" AS plan,
    "Quantity" AS seats,
    upper("Currency") AS currency
FROM dated
WHERE trial_end IS NULL OR ended_at IS NULL OR ended_at > trial_end
