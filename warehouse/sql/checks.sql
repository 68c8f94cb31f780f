-- Checks of a release. Each query returns the wrong rows; the second line says what is wrong, after their number:
-- of [one|many], the first is for one row.
-- fail: the release is not published. warn: the release is published, and the run reports the warning.
-- Checks of keys and references between tables are generated from schemas/published.py (warehouse/release/checks.py).

-- fail: one_release_row
-- table `release` does not have exactly one row
SELECT count(*) AS release_rows FROM release HAVING count(*) <> 1;

-- fail: rows_unaccounted
-- [delivery has|deliveries have] rows that are not accepted, rejected, superseded, repeated or structural
SELECT delivery_id
FROM core_delivery
WHERE rows_in IS DISTINCT FROM
    rows_accepted + rows_rejected + rows_superseded + rows_repeated + rows_structural;

-- fail: accepted_rows_lost
-- [partner has|partners have] more or fewer attendances than accepted rows
WITH accepted AS (
    SELECT partner_id, sum(rows_accepted) AS accepted_rows FROM core_delivery GROUP BY partner_id
),

attended AS (
    SELECT partner_id, count(*) AS attendances FROM core_attendance GROUP BY partner_id
)

SELECT coalesce(accepted.partner_id, attended.partner_id) AS partner_id
FROM accepted
FULL JOIN attended ON attended.partner_id = accepted.partner_id
WHERE coalesce(accepted_rows, 0) <> coalesce(attendances, 0);

-- fail: trainee_disagrees_with_attendances
-- [trainee has|trainees have] another number of trainings, first day or last day than the attendances say
WITH attended AS (
    SELECT trainee_id, count(*) AS attendances, min(training_date) AS first_day, max(training_date) AS last_day
    FROM core_attendance
    GROUP BY trainee_id
)

SELECT coalesce(person.trainee_id, attended.trainee_id) AS trainee_id
FROM core_trainee AS person
FULL JOIN attended ON attended.trainee_id = person.trainee_id
WHERE
    person.trainings IS DISTINCT FROM attended.attendances
    OR person.first_training_date IS DISTINCT FROM attended.first_day
    OR person.last_training_date IS DISTINCT FROM attended.last_day;

-- fail: attendance_incomplete
-- [attendance lacks|attendances lack] a trainee, day, course, partner or country
SELECT attendance.trainee_id, attendance.partner_id
FROM core_attendance AS attendance
LEFT JOIN core_partner AS partner
    ON partner.partner_id = attendance.partner_id AND partner.country_code = attendance.country_code
WHERE
    partner.partner_id IS NULL
    OR attendance.trainee_id IS NULL
    OR attendance.course_code IS NULL
    OR attendance.training_date IS NULL;

-- fail: training_outside_programme
-- [training is|trainings are] before the programme's first day or after its last day
SELECT trainee_id, training_date
FROM core_attendance
WHERE
    training_date < CAST(getvariable('first_day') AS DATE)
    OR training_date > CAST(getvariable('last_day') AS DATE);

-- fail: youth_disagrees_with_age
-- [trainee has|trainees have] a youth flag that does not follow from the age at the first training
SELECT trainee_id
FROM core_trainee
WHERE
    age_at_first_training IS NOT NULL
    AND is_youth IS DISTINCT FROM
        age_at_first_training BETWEEN getvariable('youth_from') AND getvariable('youth_to');

-- fail: unknown_word
-- [trainee has|trainees have] a sex or trainee type that the column's description does not list
SELECT trainee_id
FROM core_trainee
WHERE sex NOT IN ('F', 'M', 'X') OR trainee_type NOT IN ('msme_owner', 'job_seeker');

-- fail: reach_differs_from_trainees
-- [line|lines] of report_reach [counts|count] other people than the tables of trainees and attendances
WITH expected AS (
    SELECT 'ALL' AS country_code, count(*) AS people FROM core_trainee
    UNION ALL
    SELECT country_code, count(DISTINCT trainee_id) FROM core_attendance GROUP BY country_code
    UNION ALL
    SELECT DISTINCT country_code, 0 FROM core_partner
    WHERE country_code NOT IN (SELECT country_code FROM core_attendance)
)

SELECT coalesce(reach.country_code, expected.country_code) AS country_code
FROM report_reach AS reach
FULL JOIN expected ON expected.country_code = reach.country_code
WHERE reach.trainees IS DISTINCT FROM expected.people;

-- fail: reach_part_exceeds_whole
-- [line|lines] of report_reach [has|have] a part that is negative or greater than all trainees
SELECT country_code
FROM report_reach
WHERE
    greatest(women, youth, msme_owners + job_seekers, with_disability, indigenous, rural) > trainees
    OR least(women, youth, msme_owners, job_seekers, with_disability, indigenous, rural) < 0;

-- fail: reach_all_below_a_country
-- [country has|countries have] a figure that is greater than the same figure of ALL
SELECT line.country_code
FROM report_reach AS line
JOIN report_reach AS total ON total.country_code = 'ALL'
WHERE
    line.trainees > total.trainees OR line.women > total.women OR line.youth > total.youth
    OR line.msme_owners > total.msme_owners OR line.job_seekers > total.job_seekers
    OR line.with_disability > total.with_disability OR line.indigenous > total.indigenous
    OR line.rural > total.rural;

-- fail: reach_by_differs_from_reach
-- [country has|countries have] other figures in report_reach_by than in report_reach
WITH long AS (
    SELECT
        country_code,
        coalesce(max(people) FILTER (WHERE dimension = 'all'), 0) AS trainees,
        coalesce(max(people) FILTER (WHERE dimension = 'sex' AND dimension_value = 'F'), 0) AS women,
        coalesce(max(people) FILTER (WHERE dimension = 'is_youth' AND dimension_value = 'yes'), 0) AS youth,
        coalesce(max(people) FILTER (WHERE dimension = 'trainee_type' AND dimension_value = 'msme_owner'), 0)
            AS msme_owners,
        coalesce(max(people) FILTER (WHERE dimension = 'has_disability' AND dimension_value = 'yes'), 0)
            AS with_disability
    FROM report_reach_by
    WHERE quarter = 'ALL' AND indicator_code = 'people_reached'
    GROUP BY country_code
)

SELECT reach.country_code
FROM report_reach AS reach
LEFT JOIN long ON long.country_code = reach.country_code
WHERE
    (reach.trainees, reach.women, reach.youth, reach.msme_owners, reach.with_disability) IS DISTINCT FROM (
        coalesce(long.trainees, 0),
        coalesce(long.women, 0),
        coalesce(long.youth, 0),
        coalesce(long.msme_owners, 0),
        coalesce(long.with_disability, 0)
    );

-- fail: categories_differ_from_the_whole
-- [attribute|attributes] of report_reach_by [has|have] categories that do not add up to all people
SELECT country_code, quarter, indicator_code, dimension
FROM report_reach_by
-- somebody is with several partners and in several courses
WHERE dimension NOT LIKE '%partner_id%' AND dimension NOT LIKE '%course_code%'
GROUP BY country_code, quarter, indicator_code, dimension
HAVING sum(people) <> any_value(denominator) OR count(DISTINCT denominator) <> 1;

-- fail: first_reached_differs_from_reached
-- [category counts|categories count] other people as first reached in a quarter than as reached in all
SELECT country_code, dimension, dimension_value
FROM report_reach_by
GROUP BY country_code, dimension, dimension_value
HAVING
    sum(people) FILTER (WHERE indicator_code = 'people_first_reached')
    IS DISTINCT FROM sum(people) FILTER (WHERE indicator_code = 'people_reached' AND quarter = 'ALL');

-- fail: share_impossible
-- [share is|shares are] below 0 or above 1
SELECT 'report_reach_by' AS table_name FROM report_reach_by WHERE share NOT BETWEEN 0 AND 1 OR people > denominator
UNION ALL
SELECT 'report_partner_overlap' FROM report_partner_overlap
WHERE share NOT BETWEEN 0 AND 1 OR other_share NOT BETWEEN 0 AND 1
UNION ALL
SELECT 'report_data_quality' FROM report_data_quality
WHERE
    share_rejected NOT BETWEEN 0 AND 1 OR share_without_birth_date NOT BETWEEN 0 AND 1
    OR share_without_phone NOT BETWEEN 0 AND 1;

-- fail: participations_differ_from_attendances
-- total of participations differs from the number of attendances
SELECT 1 AS off
WHERE
    (SELECT count(*) FROM core_attendance) IS DISTINCT FROM (
        SELECT coalesce(sum(participations), 0)
        FROM report_course
        WHERE country_code <> 'ALL' AND quarter <> 'ALL' AND course_code <> 'ALL'
    );

-- fail: data_quality_differs_from_deliveries
-- [partner has|partners have] other rows in report_data_quality than in core_delivery
WITH arrived AS (
    SELECT partner_id, sum(rows_in) AS rows_in, sum(rows_accepted) AS accepted, count(*) AS deliveries
    FROM core_delivery
    WHERE partner_id IN (SELECT partner_id FROM core_partner)
    GROUP BY partner_id
),

reported AS (
    SELECT partner_id, sum(rows_in) AS rows_in, sum(rows_accepted) AS accepted, sum(deliveries) AS deliveries
    FROM report_data_quality
    GROUP BY partner_id
)

SELECT coalesce(arrived.partner_id, reported.partner_id) AS partner_id
FROM arrived
FULL JOIN reported ON reported.partner_id = arrived.partner_id
WHERE
    (arrived.rows_in, arrived.accepted, arrived.deliveries)
    IS DISTINCT FROM (reported.rows_in, reported.accepted, reported.deliveries);

-- fail: quality_differs_from_trainees
-- [line|lines] of identity_quality [counts|count] other people than the release has
WITH expected AS (
    SELECT 'ALL' AS country_code, count(*) AS people FROM core_trainee
    UNION ALL
    SELECT country_code, count(DISTINCT trainee_id) FROM core_attendance GROUP BY country_code
),

measured AS (
    SELECT country_code, people_found FROM identity_quality WHERE script = 'ALL'
)

SELECT coalesce(measured.country_code, expected.country_code) AS country_code
FROM measured
FULL JOIN expected ON expected.country_code = measured.country_code
WHERE measured.people_found IS DISTINCT FROM expected.people;

-- fail: quality_impossible
-- [line|lines] of identity_quality [has|have] an impossible interval, error or number of people
SELECT line.country_code, line.script
FROM identity_quality AS line
LEFT JOIN identity_quality AS whole ON whole.country_code = line.country_code AND whole.script = 'ALL'
WHERE
    line.low > line.high OR line.low < 0 OR line.expected_false_merges < 0 OR line.expected_misses < 0
    OR line.people_found > coalesce(whole.people_found, 0);

-- fail: survey_link_impossible
-- [response is|responses are] linked to nobody of the release, or to a trainee who answered twice in a round
SELECT response.response_id
FROM core_survey_response AS response
LEFT JOIN core_trainee AS person ON person.trainee_id = response.trainee_id
WHERE (response.link_status = 'linked') <> (person.trainee_id IS NOT NULL)
UNION ALL
SELECT trainee_id FROM core_survey_response
WHERE trainee_id IS NOT NULL
GROUP BY survey_round, trainee_id
HAVING count(*) > 1;

-- fail: outcome_impossible
-- [line|lines] of report_outcome [has|have] an impossible share, interval or number of answers
SELECT indicator_code
FROM report_outcome
WHERE
    NOT coalesce(share_unweighted BETWEEN unweighted_low AND unweighted_high, TRUE)
    OR NOT coalesce(share_weighted BETWEEN weighted_low AND weighted_high, TRUE)
    OR least(unweighted_low, weighted_low) < 0
    OR greatest(unweighted_high, weighted_high) > 1
    OR denominator > respondents
    OR people > denominator
    OR (denominator = 0) <> (share_unweighted IS NULL);

-- fail: outcome_differs_from_responses
-- [line|lines] of report_outcome [counts|count] other respondents than core_survey_response
WITH expected AS (
    SELECT survey_round, count(*) AS people FROM core_survey_response
    WHERE link_status <> 'duplicate'
    GROUP BY survey_round
),

reported AS (
    SELECT survey_round, sum(respondents) AS people
    FROM report_outcome
    WHERE
        dimension = 'all'
        AND indicator_code IN ('customer_engagement_increased', 'found_work_within_two_months')
    GROUP BY survey_round
)

SELECT expected.survey_round
FROM expected
LEFT JOIN reported ON reported.survey_round = expected.survey_round
WHERE reported.people IS DISTINCT FROM expected.people;

-- fail: restatement_does_not_add_up
-- [change|changes] between two releases [is|are] not the sum of the causes
SELECT baseline, country_code, indicator_code
FROM report_restatement
WHERE
    difference IS DISTINCT FROM figure_after - figure_before
    OR difference IS DISTINCT FROM
    by_new_delivery + by_corrected_delivery + by_contract + by_programme_rules + by_identity_merge
    + by_identity_split + by_judgement + by_model + by_program + by_unrecorded;

-- fail: restatement_differs_from_reach
-- [figure|figures] of report_restatement [differs|differ] from report_reach
SELECT line.baseline, line.country_code
FROM report_restatement AS line
LEFT JOIN report_reach AS reach ON reach.country_code = line.country_code
WHERE
    (line.indicator_code = 'people_reached' AND line.figure_after IS DISTINCT FROM coalesce(reach.trainees, 0))
    OR (line.indicator_code = 'women' AND line.figure_after IS DISTINCT FROM coalesce(reach.women, 0))
    OR (line.indicator_code = 'youth' AND line.figure_after IS DISTINCT FROM coalesce(reach.youth, 0));

-- fail: frozen_does_not_add_up
-- [difference|differences] to a frozen figure [does|do] not follow from the two figures
SELECT frozen_label, country_code, indicator_code
FROM report_frozen
WHERE difference IS DISTINCT FROM figure_now - figure_reported;

-- warn: count_uncertain
-- [country has|countries have] a count of people whose interval is wider than 5% to each side
SELECT country_code
FROM identity_quality
WHERE script = 'ALL' AND people_found >= 1000 AND high - low > 0.1 * people_found;

-- warn: age_outside_bounds
-- [trainee was|trainees were] too young or too old at the first training by the programme's bounds
SELECT trainee_id
FROM core_trainee
WHERE age_at_first_training NOT BETWEEN getvariable('age_minimum') AND getvariable('age_maximum');

-- warn: sex_often_unknown
-- [country has|countries have] more than one trainee in ten without sex
SELECT country_code
FROM core_trainee
GROUP BY country_code
HAVING count(*) FILTER (WHERE sex IS NULL) > 0.1 * count(*);

-- warn: youth_often_unknown
-- [country has|countries have] more than one trainee in ten of whom nobody knows whether they are youth
SELECT country_code
FROM core_trainee
GROUP BY country_code
HAVING count(*) FILTER (WHERE is_youth IS NULL) > 0.1 * count(*);

-- warn: delivery_failed
-- [delivery|deliveries] could not be read
SELECT delivery_id FROM core_delivery WHERE outcome = 'failed';

-- warn: many_rows_rejected
-- [delivery has|deliveries have] more than one row in five rejected
SELECT delivery_id FROM core_delivery WHERE rows_rejected > 0.2 * rows_in;

-- warn: partner_without_attendance
-- [partner has|partners have] a contract and no accepted row
SELECT partner_id FROM core_partner WHERE partner_id NOT IN (SELECT partner_id FROM core_attendance);

-- warn: survey_often_unlinked
-- [country has|countries have] fewer than one third of respondents found among the trainees
SELECT country_code
FROM core_survey_response
GROUP BY country_code
HAVING count(*) >= 10 AND count(*) FILTER (WHERE link_status = 'linked') < count(*) / 3;
