-- The dashboard's list of customers. The e-mail address and the cards are not read.
SELECT
    "id" AS account_id,
    "Created (UTC)" AS created_at,
    "Name" AS name
FROM raw_customers
