-- Grain: one row per finding that somebody should look at: about a delivery, or about a period without a delivery.
-- Key: partner_id, finding_code, subject. `subject` is the delivery, or the period for which no delivery arrived.
-- A delivery is compared with the earlier readable deliveries of the same partner: with the median of rows of the last
-- six, and with the shares over all of them. Samples are not compared. A delivery is missing when it was due before the
-- last day on which a delivery of any partner arrived.
WITH profiled AS (
    SELECT
        profile.partner_id,
        profile.delivery_id,
        profile.data_rows,
        profile.rows_refused,
        profile.rows_again,
        profile.rows_women,
        profile.rows_sex,
        profile.rows_owners,
        profile.rows_type,
        profile.usual_rows,
        profile.most_rows_before,
        profile.data_rows_before,
        profile.rows_refused_before,
        profile.rows_again_before,
        profile.rows_women_before,
        profile.rows_sex_before,
        profile.rows_owners_before,
        profile.rows_type_before,
        delivery.country_code,
        delivery.delivery_kind,
        strftime(delivery.date_received, '%Y-%m') AS month,
        -- enough deliveries before this one to say what is usual
        profile.deliveries_before >= getvariable('finding_deliveries_before') AS has_history
    FROM delivery_profile AS profile
    JOIN core_delivery AS delivery ON delivery.delivery_id = profile.delivery_id
    WHERE NOT delivery.is_sample
),

moved AS (
    SELECT
        profiled.partner_id,
        profiled.country_code,
        profiled.month,
        profiled.delivery_id,
        share_of.code AS finding_code,
        share_of.words,
        share_of.part / share_of.whole AS measured,
        share_of.part_before / share_of.whole_before AS usual
    FROM profiled,
        LATERAL (
            VALUES
            ('rejected_share', 'of the rows were rejected', rows_refused, data_rows, rows_refused_before,
                data_rows_before),
            ('duplicate_share', 'of the rows repeat a course of a known person', rows_again, data_rows,
                rows_again_before, data_rows_before),
            ('sex_mix', 'of the rows are women', rows_women, rows_sex, rows_women_before, rows_sex_before),
            ('type_mix', 'of the rows are owners', rows_owners, rows_type, rows_owners_before, rows_type_before)
        ) AS share_of (code, words, part, whole, part_before, whole_before)
    WHERE profiled.has_history AND has_moved(
        share_of.part, share_of.whole, share_of.part_before, share_of.whole_before,
        CAST(getvariable('finding_points') AS DOUBLE), CAST(getvariable('finding_deviations') AS DOUBLE)
    )
),

found AS (
    SELECT partner_id, country_code, month, finding_code, delivery_id AS subject, measured, usual,
        CAST(round(100 * measured) AS BIGINT) || '% ' || words
        || '; before ' || CAST(round(100 * usual) AS BIGINT) || '%' AS finding_text
    FROM moved
    UNION ALL
    SELECT partner_id, country_code, month, 'rows_fewer', delivery_id, data_rows, usual_rows,
        data_rows || ' rows; usual are ' || CAST(round(usual_rows) AS BIGINT)
    FROM profiled
    WHERE has_history
        AND delivery_kind IN ('monthly', 'append')
        AND usual_rows >= getvariable('finding_rows_least')
        AND data_rows * getvariable('finding_rows_factor') < usual_rows
    UNION ALL
    SELECT partner_id, country_code, month, 'rows_more', delivery_id, data_rows, usual_rows,
        data_rows || ' rows; usual are ' || CAST(round(usual_rows) AS BIGINT)
    FROM profiled
    WHERE has_history
        AND delivery_kind IN ('monthly', 'append')
        AND data_rows >= getvariable('finding_rows_least')
        AND data_rows > usual_rows * getvariable('finding_rows_factor')
    UNION ALL
    SELECT partner_id, country_code, month, 'shrunk', delivery_id, data_rows, most_rows_before,
        data_rows || ' rows, where ' || most_rows_before || ' had been before'
    FROM profiled
    WHERE delivery_kind IN ('cumulative', 'snapshot') AND data_rows < 0.9 * most_rows_before
    UNION ALL
    SELECT partner_id, country_code, strftime(date_received, '%Y-%m'), outcome, delivery_id, NULL, NULL,
        CASE outcome WHEN 'held' THEN 'held back for a decision: ' ELSE 'could not be read: ' END || error_code
    FROM core_delivery
    WHERE outcome IN ('failed', 'held')
    UNION ALL
    SELECT partner_id, country_code, strftime(date_received, '%Y-%m'), 'late', period, date_received - delivery_due,
        0, 'came ' || (date_received - delivery_due) || ' day(s) after ' || delivery_due
    FROM report_due
    WHERE date_received > delivery_due
    UNION ALL
    SELECT partner_id, country_code, strftime(delivery_due, '%Y-%m'), 'silent', period, NULL, NULL,
        'nothing came; it was due on ' || delivery_due
    FROM report_due
    WHERE date_received IS NULL
        AND delivery_due < (SELECT max(date_received) FROM core_delivery WHERE NOT is_sample)
)

SELECT
    partner_id,
    country_code,
    month,
    finding_code,
    subject,
    CAST(measured AS DOUBLE) AS measured,
    CAST(usual AS DOUBLE) AS usual,
    finding_text
FROM found
ORDER BY partner_id, month, finding_code, subject;
