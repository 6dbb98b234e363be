-- The lines of service contracts. EndDate is the last day with the line: a day is added.
-- TotalPrice is what the line costs over its whole term, net of discount: it is brought to a year.
-- A renewal is a new contract with new lines; a line is over when Salesforce calls it Expired.
WITH line AS (
    SELECT
        item.*,
        contract."AccountId" AS account,
        CAST(coalesce(nullif(item."StartDate", ''), contract."StartDate") AS DATE) AS first_day,
        CAST(coalesce(nullif(item."EndDate", ''), contract."EndDate") AS DATE) + 1 AS day_after
    FROM raw_contractlineitem AS item
    LEFT JOIN raw_servicecontract AS contract ON contract."Id" = item."ServiceContractId"
)
SELECT
    "Id" AS subscription_id,
    account AS account_id,
    first_day AS start_date,
    day_after AS term_end,
    CASE WHEN "Status" = 'Expired' THEN day_after END AS ended_at,
    round(
        CAST("TotalPrice" AS DOUBLE) * 12
        / greatest(round((day_after - first_day) / 30.4375), 1), 2
    ) AS arr,
    least(CAST(left("CreatedDate", 10) AS DATE), first_day) AS booked_at,
    "PricebookEntryId" AS product,
    "Quantity" AS seats,
    CAST(nullif("Discount", '') AS DOUBLE) / 100 AS discount
FROM line
