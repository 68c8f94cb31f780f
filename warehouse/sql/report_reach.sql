-- Grain: one row per country with a partner or an attendance, and ALL. Key: country_code.
-- A person counts once in every country attended and once in ALL; what is said of a person is the same in all.
WITH line AS (
    SELECT country_code FROM core_partner
    UNION
    SELECT country_code FROM core_attendance
    UNION
    SELECT 'ALL' AS country_code
),

reached AS (
    SELECT DISTINCT country_code, trainee_id FROM core_attendance
    UNION ALL
    SELECT 'ALL' AS country_code, trainee_id FROM core_trainee
)

SELECT
    line.country_code,
    people_reached(person.trainee_id) AS trainees,
    women(person.trainee_id, person.sex) AS women,
    youth(person.trainee_id, person.is_youth) AS youth,
    msme_owners(person.trainee_id, person.trainee_type) AS msme_owners,
    job_seekers(person.trainee_id, person.trainee_type) AS job_seekers,
    with_disability(person.trainee_id, person.has_disability) AS with_disability,
    indigenous(person.trainee_id, person.is_indigenous) AS indigenous,
    rural(person.trainee_id, person.is_rural) AS rural
FROM line
LEFT JOIN reached ON reached.country_code = line.country_code
LEFT JOIN core_trainee AS person ON person.trainee_id = reached.trainee_id
GROUP BY line.country_code
ORDER BY line.country_code;
