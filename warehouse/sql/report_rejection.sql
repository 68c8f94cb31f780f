-- Grain: one row per partner, month of arrival and reason for which rows of it do not count.
-- Key: partner_id, month, reason_code. A row with two reasons stands in both lines: lines may not be added up.
WITH refused AS (
    SELECT
        rejected.partner_id,
        rejected.country_code,
        strftime(delivery.date_received, '%Y-%m') AS month,
        unnest(string_split(rejected.reasons, ' ')) AS reason_code
    FROM vault.rejected_row AS rejected
    JOIN vault.delivery AS delivery ON delivery.delivery_id = rejected.delivery_id
    WHERE rejected.disposition = 'rejected'
)

SELECT
    partner_id,
    country_code,
    month,
    reason_code,
    rows_rejected(reason_code) AS rows_rejected
FROM refused
GROUP BY partner_id, country_code, month, reason_code
ORDER BY partner_id, month, reason_code;
