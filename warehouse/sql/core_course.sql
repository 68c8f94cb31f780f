-- Grain: one row per course of the programme's catalogue. Key: course_code.
SELECT
    course_code,
    course_title
FROM vault.course
ORDER BY course_code;
