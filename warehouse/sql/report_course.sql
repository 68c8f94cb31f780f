-- Grain: one row per country attended (and ALL), quarter (and ALL) and course (and ALL) with an attendance.
-- Key: country_code, quarter, course_code. Trainees overlap over courses, quarters and countries; participations and
-- hours add up.
WITH attended AS (
    SELECT
        trainee_id,
        country_code,
        course_code,
        quarter_of(training_date) AS quarter,
        hours
    FROM core_attendance
)

SELECT
    coalesce(country_code, 'ALL') AS country_code,
    coalesce(quarter, 'ALL') AS quarter,
    coalesce(course_code, 'ALL') AS course_code,
    people_reached(trainee_id) AS trainees,
    participations(trainee_id) AS participations,
    participations_with_hours(hours) AS participations_with_hours,
    hours_attended(hours) AS hours_attended
FROM attended
GROUP BY CUBE (country_code, quarter, course_code)
-- the whole of nothing is no line
HAVING participations(trainee_id) > 0
ORDER BY country_code, quarter, course_code;
