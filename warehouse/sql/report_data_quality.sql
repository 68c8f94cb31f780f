-- Grain: one row per partner and month in which a delivery of it arrived, or one that was due did not come.
-- Key: partner_id, month.
-- Rows are those of the deliveries that arrived in the month, as they stand now; accepted rows without an attribute
-- are counted, and their share is of the accepted rows.
WITH arrived AS (
    SELECT
        delivery.delivery_id,
        delivery.partner_id,
        delivery.country_code,
        strftime(delivery.date_received, '%Y-%m') AS month,
        delivery.outcome,
        delivery.rows_in,
        delivery.rows_accepted,
        delivery.rows_rejected,
        delivery.rows_superseded,
        delivery.rows_repeated,
        delivery.rows_structural,
        -- a correction or a copy is not late: the first version of the period was, or was not
        CASE
            WHEN
                row_number() OVER (
                    PARTITION BY delivery.partner_id, delivery.period
                    ORDER BY delivery.date_received, delivery.revision, delivery.delivery_id
                ) = 1
                THEN days_late(delivery.period, partner.due_days, delivery.date_received)
        END AS days_late
    FROM vault.delivery AS delivery
    JOIN vault.partner AS partner ON partner.partner_id = delivery.partner_id
),

lacking AS (
    SELECT
        arrived.partner_id,
        arrived.month,
        rows_without(record.birth_date IS NULL) AS rows_without_birth_date,
        rows_without(record.birth_earliest IS NULL) AS rows_without_age,
        rows_without(coalesce(record.sex, '') = '') AS rows_without_sex,
        rows_without(coalesce(record.phones, '') = '') AS rows_without_phone,
        rows_flagged(record.flags) AS rows_flagged
    FROM vault.record AS record
    JOIN arrived ON arrived.delivery_id = record.delivery_id
    WHERE record.disposition = 'accepted'
    GROUP BY arrived.partner_id, arrived.month
),

summed AS (
    SELECT
        partner_id,
        country_code,
        month,
        deliveries(delivery_id) AS deliveries,
        deliveries(CASE WHEN outcome = 'failed' THEN delivery_id END) AS deliveries_failed,
        deliveries(CASE WHEN days_late > 0 THEN delivery_id END) AS deliveries_late,
        max(days_late) AS days_late,
        delivery_rows(rows_in) AS rows_in,
        delivery_rows(rows_accepted) AS rows_accepted,
        delivery_rows(rows_rejected) AS rows_rejected,
        delivery_rows(rows_superseded) AS rows_superseded,
        delivery_rows(rows_repeated) AS rows_repeated,
        delivery_rows(rows_structural) AS rows_structural
    FROM arrived
    GROUP BY partner_id, country_code, month
),

found AS (
    SELECT
        partner_id,
        country_code,
        month,
        string_agg(DISTINCT finding_code, ' ' ORDER BY finding_code) AS findings
    FROM report_finding
    GROUP BY partner_id, country_code, month
)

SELECT
    coalesce(summed.partner_id, found.partner_id) AS partner_id,
    coalesce(summed.country_code, found.country_code) AS country_code,
    coalesce(summed.month, found.month) AS month,
    coalesce(found.findings, '') AS findings,
    coalesce(summed.deliveries, 0) AS deliveries,
    coalesce(summed.deliveries_failed, 0) AS deliveries_failed,
    coalesce(summed.deliveries_late, 0) AS deliveries_late,
    CAST(summed.days_late AS INTEGER) AS days_late,
    coalesce(summed.rows_in, 0) AS rows_in,
    coalesce(summed.rows_accepted, 0) AS rows_accepted,
    coalesce(summed.rows_rejected, 0) AS rows_rejected,
    coalesce(summed.rows_superseded, 0) AS rows_superseded,
    coalesce(summed.rows_repeated, 0) AS rows_repeated,
    coalesce(summed.rows_structural, 0) AS rows_structural,
    share_rejected(summed.rows_rejected, summed.rows_in, summed.rows_structural) AS share_rejected,
    coalesce(lacking.rows_flagged, 0) AS rows_flagged,
    coalesce(lacking.rows_without_birth_date, 0) AS rows_without_birth_date,
    coalesce(lacking.rows_without_age, 0) AS rows_without_age,
    coalesce(lacking.rows_without_sex, 0) AS rows_without_sex,
    coalesce(lacking.rows_without_phone, 0) AS rows_without_phone,
    share(lacking.rows_without_birth_date, summed.rows_accepted) AS share_without_birth_date,
    share(lacking.rows_without_phone, summed.rows_accepted) AS share_without_phone
FROM summed
LEFT JOIN lacking ON lacking.partner_id = summed.partner_id AND lacking.month = summed.month
FULL JOIN found ON found.partner_id = summed.partner_id AND found.month = summed.month
ORDER BY partner_id, month;
