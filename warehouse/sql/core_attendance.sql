-- Grain: one row per accepted record, which is one person's attendance of one training. No key.
SELECT
    register.trainee_id,
    record.partner_id,
    record.country_code,
    record.course_code,
    record.training_date,
    record.hours
FROM vault.record AS record
JOIN vault.register AS register ON register.record_id = record.record_id
WHERE record.disposition = 'accepted'
ORDER BY
    register.trainee_id,
    record.training_date,
    record.partner_id,
    record.course_code,
    record.hours,
    record.record_id;
