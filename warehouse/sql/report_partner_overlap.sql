-- Grain: one row per pair of partners that share somebody, each pair once. Key: partner_id, other_partner_id.
WITH trained AS (
    SELECT DISTINCT partner_id, trainee_id FROM core_attendance
),

reached AS (
    SELECT partner_id, people_reached(trainee_id) AS trainees FROM trained GROUP BY partner_id
),

shared AS (
    SELECT
        one.partner_id,
        other.partner_id AS other_partner_id,
        people_of_two_partners(one.trainee_id) AS people
    FROM trained AS one
    JOIN trained AS other ON other.trainee_id = one.trainee_id AND other.partner_id > one.partner_id
    GROUP BY one.partner_id, other.partner_id
)

SELECT
    shared.partner_id,
    shared.other_partner_id,
    shared.people,
    reached.trainees,
    other_reached.trainees AS other_trainees,
    share(shared.people, reached.trainees) AS share,
    share(shared.people, other_reached.trainees) AS other_share
FROM shared
JOIN reached ON reached.partner_id = shared.partner_id
JOIN reached AS other_reached ON other_reached.partner_id = shared.other_partner_id
ORDER BY shared.partner_id, shared.other_partner_id;
