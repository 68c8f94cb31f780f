-- Invariants of the vault, written as warehouse/sql/checks.sql: each query returns the wrong rows.
-- fail: a backup must be restored. warn: the next run corrects it. Grain and key of the rows differ; the doctor shows only
-- their number, because rows can name people.

-- fail: rows_are_conserved
-- [delivery has|deliveries have] rows that are not accepted, rejected, superseded, repeated or structural
SELECT delivery_id FROM delivery
WHERE rows_in <> rows_accepted + rows_rejected + rows_superseded + rows_repeated + rows_structural
UNION ALL
SELECT delivery_id FROM survey_delivery
WHERE rows_in <> rows_accepted + rows_rejected + rows_superseded + rows_repeated + rows_structural;

-- fail: rows_are_those_counted
-- [delivery has|deliveries have] other rows in the vault than their counts say
WITH kept AS (
    SELECT delivery_id, disposition FROM record
    UNION ALL
    SELECT delivery_id, disposition FROM rejected_row
),

found AS (
    SELECT
        delivery_id,
        count(*) FILTER (WHERE disposition = 'accepted') AS accepted,
        count(*) FILTER (WHERE disposition = 'rejected') AS rejected,
        count(*) FILTER (WHERE disposition = 'superseded') AS superseded,
        count(*) FILTER (WHERE disposition = 'repeated') AS repeated
    FROM kept
    GROUP BY delivery_id
)

SELECT delivery.delivery_id
FROM delivery
LEFT JOIN found ON found.delivery_id = delivery.delivery_id
WHERE
    delivery.rows_accepted <> coalesce(found.accepted, 0)
    OR delivery.rows_rejected <> coalesce(found.rejected, 0)
    OR delivery.rows_superseded <> coalesce(found.superseded, 0)
    OR delivery.rows_repeated <> coalesce(found.repeated, 0);

-- fail: rows_have_their_delivery
-- [row or delivery belongs|rows or deliveries belong] to a delivery or partner that the vault does not have
SELECT delivery_id FROM record WHERE delivery_id NOT IN (SELECT delivery_id FROM delivery)
UNION ALL
SELECT delivery_id FROM rejected_row WHERE delivery_id NOT IN (SELECT delivery_id FROM delivery)
UNION ALL
SELECT delivery_id FROM returned_row WHERE delivery_id NOT IN (SELECT delivery_id FROM delivery)
UNION ALL
SELECT delivery_id FROM delivery WHERE partner_id NOT IN (SELECT partner_id FROM partner);

-- fail: nobody_has_a_retired_id
-- [entry|entries] of the register [has|have] an id that is retired or that no trainee has
SELECT register.record_id FROM register
WHERE register.trainee_id IN (SELECT retired_id FROM trainee_alias);

-- fail: retired_ids_lead_to_somebody
-- retired [id does|ids do] not lead to exactly one trainee of the register
SELECT retired_id FROM trainee_alias WHERE surviving_id NOT IN (SELECT trainee_id FROM register)
UNION ALL
SELECT retired_id FROM trainee_alias GROUP BY retired_id HAVING count(*) > 1;

-- fail: events_are_whole
-- [record|records] of a merge or split [has|have] no event in the log, or several
SELECT event_id FROM identity_event_record WHERE event_id NOT IN (SELECT event_id FROM identity_event)
UNION ALL
SELECT event_id FROM identity_event GROUP BY event_id HAVING count(*) > 1;

-- fail: landed_under_its_hash
-- landed [file is|files are] kept under a wrong hash
SELECT file_name FROM landed_file WHERE landed_path <> left(sha256, 2) || '/' || sha256;

-- fail: answers_are_of_people_who_are_there
-- [answer|answers] of the survey [is|are] linked to a trainee whom the register does not know
SELECT response_id FROM survey_link
WHERE
    trainee_id IS NOT NULL
    AND trainee_id NOT IN (SELECT trainee_id FROM register)
    AND trainee_id NOT IN (SELECT retired_id FROM trainee_alias);

-- warn: everybody_has_an_id
-- accepted [row has|rows have] no trainee
SELECT record.record_id FROM record
LEFT JOIN register ON register.record_id = record.record_id
WHERE record.disposition = 'accepted' AND register.record_id IS NULL;
