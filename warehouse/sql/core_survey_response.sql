-- Grain: one row per respondent of a round whose answers count, linked to a trainee or not. Key: response_id.
-- An answer is NULL where the question was not asked of this type, or not answered. Sex is the trainee's.
SELECT
    link.response_id,
    response.country_code,
    response.survey_round,
    link.trainee_id,
    link.link_status,
    response.trainee_type,
    person.sex,
    quarter_of(coalesce(response.first_training_date, person.first_training_date)) AS first_training_quarter,
    response.interview_date,
    response.customer_engagement_increased,
    response.moved_business_online,
    response.business_kept_running,
    response.found_work_within_two_months,
    response.found_work_through_training,
    delivery.is_sample
FROM vault.survey_row AS response
JOIN vault.survey_delivery AS delivery ON delivery.delivery_id = response.delivery_id
JOIN vault.survey_link AS link ON link.record_id = response.record_id
LEFT JOIN core_trainee AS person ON person.trainee_id = link.trainee_id
WHERE response.disposition = 'accepted'
ORDER BY link.response_id;
