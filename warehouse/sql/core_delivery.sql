-- Grain: one row per delivery that arrived, read or not. Key: delivery_id.
SELECT
    delivery_id,
    partner_id,
    country_code,
    delivery_kind,
    period,
    revision,
    date_received,
    is_sample,
    outcome,
    error_code,
    rows_in,
    rows_accepted,
    rows_rejected,
    rows_superseded,
    rows_repeated,
    rows_structural
FROM vault.delivery
ORDER BY delivery_id;
