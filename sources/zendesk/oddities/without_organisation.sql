SELECT
    'tickets name no organisation: they belong to no account and are left out' AS finding,
    count(*) FILTER (WHERE coalesce(trim("Organization"), '') IN ('', '-')) AS figure,
    count(*) AS of
FROM raw_tickets
