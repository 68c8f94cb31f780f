-- Grain: one row per partner with a contract, whether or not it has delivered. Key: partner_id.
SELECT
    partner_id,
    country_code,
    partner_name,
    delivery_kind
FROM vault.partner
ORDER BY partner_id;
