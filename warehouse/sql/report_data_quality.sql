-- Grain: one row per partner and month in which a delivery of it arrived. Key: partner_id, month.
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
        count(*) FILTER (WHERE record.flags <> '') AS rows_flagged
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
        count(*) AS deliveries,
        count(*) FILTER (WHERE outcome = 'failed') AS deliveries_failed,
        count(*) FILTER (WHERE days_late > 0) AS deliveries_late,
        max(days_late) AS days_late,
        sum(rows_in) AS rows_in,
        sum(rows_accepted) AS rows_accepted,
        sum(rows_rejected) AS rows_rejected,
        sum(rows_superseded) AS rows_superseded,
        sum(rows_repeated) AS rows_repeated,
        sum(rows_structural) AS rows_structural
    FROM arrived
    GROUP BY partner_id, country_code, month
)

SELECT
    summed.partner_id,
    summed.country_code,
    summed.month,
    summed.deliveries,
    summed.deliveries_failed,
    summed.deliveries_late,
    CAST(summed.days_late AS INTEGER) AS days_late,
    CAST(summed.rows_in AS INTEGER) AS rows_in,
    CAST(summed.rows_accepted AS INTEGER) AS rows_accepted,
    CAST(summed.rows_rejected AS INTEGER) AS rows_rejected,
    CAST(summed.rows_superseded AS INTEGER) AS rows_superseded,
    CAST(summed.rows_repeated AS INTEGER) AS rows_repeated,
    CAST(summed.rows_structural AS INTEGER) AS rows_structural,
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
ORDER BY summed.partner_id, summed.month;
