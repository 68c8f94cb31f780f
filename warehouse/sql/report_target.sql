-- Grain: one row per target and quarter that had begun by the last training; the last quarter's row is the state.
-- Key: target_code, quarter. A target of people asks for an even part of it by each day; a share for itself.
WITH quarter AS (
    SELECT
        quarter_of(day) AS quarter,
        least(quarter_end(quarter_of(day)), CAST(getvariable('last_day') AS DATE)) AS as_of
    FROM (
        SELECT
            CAST(unnest(range(
                date_trunc('quarter', CAST(getvariable('first_day') AS DATE)),
                (SELECT max(training_date) + 1 FROM core_attendance),
                INTERVAL 3 MONTHS
            )) AS DATE) AS day
    )
),

-- who was first reached in each quarter: nobody is in two of them, so they add up to those reached by a day
first_reached AS (
    SELECT country_code, quarter, dimension, dimension_value, people
    FROM report_reach_by
    WHERE indicator_code = 'people_first_reached'
),

actual AS (
    SELECT
        target.target_code,
        quarter.quarter,
        quarter.as_of,
        people_of_disjoint_groups(CASE WHEN first_reached.dimension = 'all' THEN first_reached.people END) AS people,
        people_of_disjoint_groups(
            CASE
                WHEN first_reached.dimension = 'sex' AND first_reached.dimension_value = 'F' THEN first_reached.people
            END
        ) AS women,
        people_of_disjoint_groups(
            CASE
                WHEN first_reached.dimension = target.band_code AND first_reached.dimension_value = 'yes'
                    THEN first_reached.people
            END
        ) AS youth
    FROM programme.target AS target
    CROSS JOIN quarter
    LEFT JOIN first_reached
        ON first_reached.country_code = target.country_code AND first_reached.quarter <= quarter.quarter
    GROUP BY target.target_code, quarter.quarter, quarter.as_of
),

figure AS (
    SELECT
        target.target_code,
        target.country_code,
        target.indicator_code,
        target.band_code,
        actual.quarter,
        actual.as_of,
        target.due_date,
        CAST(target.target_value AS DOUBLE) AS target_value,
        CASE target.indicator_code
            WHEN 'people_reached' THEN actual.people
            WHEN 'women_share' THEN share(actual.women, actual.people)
            WHEN 'youth_share' THEN share(actual.youth, actual.people)
        END AS actual_value,
        CASE target.indicator_code
            WHEN 'people_reached' THEN actual.people
            WHEN 'women_share' THEN actual.women
            WHEN 'youth_share' THEN actual.youth
        END AS people,
        CASE WHEN target.indicator_code <> 'people_reached' THEN actual.people END AS denominator,
        CASE
            WHEN target.indicator_code = 'people_reached'
                THEN expected_by(
                    target.target_value, actual.as_of, CAST(getvariable('first_day') AS DATE), target.due_date
                )
            ELSE target.target_value
        END AS expected_value,
        target.replaces,
        target.target_source
    FROM programme.target AS target
    JOIN actual ON actual.target_code = target.target_code
)

SELECT
    target_code,
    country_code,
    indicator_code,
    band_code,
    quarter,
    as_of,
    due_date,
    target_value,
    actual_value,
    people,
    denominator,
    attainment(actual_value, target_value) AS attainment,
    round(expected_value, 4) AS expected_value,
    actual_value >= expected_value AS is_on_track,
    quarter = max(quarter) OVER () AS is_latest,
    EXISTS (SELECT 1 FROM programme.target AS later WHERE later.replaces = figure.target_code) AS is_replaced,
    target_source
FROM figure
ORDER BY target_code, quarter;
