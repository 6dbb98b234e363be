-- the CRM's list of customers, one row an account
SELECT account_id, created_at, name, segment, industry, country, owner
FROM raw_accounts
