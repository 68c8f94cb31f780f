-- Grain: one row per frozen release, country (and ALL) and indicator that it reported.
-- Key: frozen_label, country_code, indicator_code. report_restatement says why the last frozen one reads otherwise now.
WITH now AS (
    SELECT
        country_code,
        unnest([
            'people_reached', 'women', 'youth', 'msme_owners', 'job_seekers', 'with_disability', 'indigenous', 'rural'
        ]) AS indicator_code,
        unnest([
            trainees, women, youth, msme_owners, job_seekers, with_disability, indigenous, rural
        ]) AS figure
    FROM report_reach
    UNION ALL
    SELECT country_code, 'participations' AS indicator_code, participations AS figure
    FROM report_course
    WHERE quarter = 'ALL' AND course_code = 'ALL'
),

line AS (
    SELECT said.frozen_label, said.release_number, said.frozen_date, said.indicator_code, place.country_code
    FROM (
        SELECT DISTINCT frozen_label, release_number, frozen_date, indicator_code FROM history.reported
    ) AS said
    CROSS JOIN (SELECT country_code FROM report_reach UNION SELECT country_code FROM history.reported) AS place
)

SELECT
    line.frozen_label,
    line.release_number,
    line.frozen_date,
    line.country_code,
    line.indicator_code,
    coalesce(reported.figure_reported, 0) AS figure_reported,
    coalesce(now.figure, 0) AS figure_now,
    coalesce(now.figure, 0) - coalesce(reported.figure_reported, 0) AS difference
FROM line
LEFT JOIN history.reported AS reported
    ON
        reported.frozen_label = line.frozen_label
        AND reported.country_code = line.country_code
        AND reported.indicator_code = line.indicator_code
LEFT JOIN now ON now.country_code = line.country_code AND now.indicator_code = line.indicator_code
ORDER BY line.frozen_label, line.country_code, line.indicator_code;
