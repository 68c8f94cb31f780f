-- Grain: one row per person with at least one accepted record. Key: trainee_id.
-- Attributes are those of the first training (ties: by partner, then delivery received, then record); where it
-- leaves one empty, those of the earliest later record that has it.
WITH accepted AS (
    SELECT
        register.trainee_id,
        record.country_code,
        record.sex,
        record.birth_date,
        record.birth_earliest,
        record.birth_latest,
        record.age_low,
        record.age_high,
        record.province,
        record.district,
        record.trainee_type,
        record.has_disability,
        record.is_indigenous,
        record.is_rural,
        record.training_date,
        min(record.training_date) OVER (PARTITION BY register.trainee_id) AS first_training_date,
        row_number() OVER (
            PARTITION BY register.trainee_id
            ORDER BY record.training_date, record.partner_id, delivery.date_received, record.record_id
        ) AS place
    FROM vault.record AS record
    JOIN vault.register AS register ON register.record_id = record.record_id
    LEFT JOIN vault.delivery AS delivery ON delivery.delivery_id = record.delivery_id
    WHERE record.disposition = 'accepted'
),

-- arg_min passes over NULL: the first place that has a value
person AS (
    SELECT
        trainee_id,
        arg_min(country_code, place) AS country_code,
        arg_min(nullif(sex, ''), place) AS sex,
        arg_min(nullif(province, ''), place) AS province,
        arg_min(nullif(district, ''), place) AS district,
        arg_min(nullif(trainee_type, ''), place) AS trainee_type,
        arg_min(has_disability, place) AS has_disability,
        arg_min(is_indigenous, place) AS is_indigenous,
        arg_min(is_rural, place) AS is_rural,
        arg_min(birth_date, place) AS birth_date,
        arg_min(year(birth_earliest), place)
            FILTER (WHERE year(birth_earliest) = year(birth_latest)) AS birth_year,
        -- an age stated later was lower at the first training by the whole years between
        arg_min(age_low - completed_years(first_training_date, training_date), place)
            FILTER (WHERE age_low = age_high) AS stated_age,
        arg_min(completed_years(birth_latest, first_training_date), place)
            FILTER (WHERE birth_earliest IS NOT NULL AND birth_latest IS NOT NULL) AS youngest,
        arg_min(completed_years(birth_earliest, first_training_date), place)
            FILTER (WHERE birth_earliest IS NOT NULL AND birth_latest IS NOT NULL) AS oldest,
        min(training_date) AS first_training_date,
        max(training_date) AS last_training_date,
        count(*) AS trainings
    FROM accepted
    GROUP BY trainee_id
),

aged AS (
    SELECT
        *,
        coalesce(
            completed_years(birth_date, first_training_date),
            stated_age,
            CASE WHEN youngest = oldest THEN youngest END
        ) AS age_at_first_training
    FROM person
),

-- known from the age, or from what every possible age has in common
bounded AS (
    SELECT
        *,
        CAST(coalesce(age_at_first_training, youngest) AS INTEGER) AS age_lowest,
        CAST(coalesce(age_at_first_training, oldest) AS INTEGER) AS age_highest
    FROM aged
)

SELECT
    bounded.trainee_id,
    bounded.country_code,
    bounded.sex,
    CAST(coalesce(year(bounded.birth_date), bounded.birth_year) AS INTEGER) AS birth_year,
    CAST(bounded.age_at_first_training AS INTEGER) AS age_at_first_training,
    bounded.age_lowest,
    bounded.age_highest,
    band.band_code AS age_band,
    in_band(
        bounded.age_lowest, bounded.age_highest, getvariable('youth_from'), getvariable('youth_to')
    ) AS is_youth,
    bounded.trainee_type,
    bounded.has_disability,
    bounded.is_indigenous,
    bounded.is_rural,
    bounded.province,
    bounded.district,
    bounded.first_training_date,
    bounded.last_training_date,
    CAST(bounded.trainings AS INTEGER) AS trainings
FROM bounded
LEFT JOIN core_band AS band
    ON
        band.band_set = getvariable('age_band_set')
        AND in_band(bounded.age_lowest, bounded.age_highest, band.from_age, band.to_age)
ORDER BY bounded.trainee_id;
