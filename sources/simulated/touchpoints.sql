-- what the customer success managers did, and how they judged the risk: a word, here as a rank
SELECT touchpoint_id, account_id, occurred_at, kind, owner, planned_for, recorded_at,
       CASE risk_call WHEN 'low' THEN '1' WHEN 'medium' THEN '2' WHEN 'high' THEN '3'
            ELSE risk_call END AS risk_call
FROM raw_touchpoints
