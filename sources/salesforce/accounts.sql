-- Account.csv. Owner is an id of User.csv; join it there if the lists are to show a name.
SELECT
    "Id" AS account_id,
    "CreatedDate" AS created_at,
    "Name" AS name,
    "Industry" AS industry,
    "BillingCountry" AS country,
    "OwnerId" AS owner,
    "ParentId" AS parent_id
FROM raw_account
