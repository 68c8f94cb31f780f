-- Laws of the vault: a query gives the rows that break one. fail: something is wrong. warn: the next run mends it.
-- Grain and key of a result differ from law to law; only the number of rows is told, because rows can name people.

-- fail: rows_are_conserved
-- In every delivery the rows that came in are those accepted, rejected, superseded, repeated and structural.
SELECT delivery_id FROM delivery
WHERE rows_in <> rows_accepted + rows_rejected + rows_superseded + rows_repeated + rows_structural
UNION ALL
SELECT delivery_id FROM survey_delivery
WHERE rows_in <> rows_accepted + rows_rejected + rows_superseded + rows_repeated + rows_structural;

-- fail: rows_are_those_counted
-- The rows that a delivery counts as accepted, rejected, superseded and repeated are there.
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
-- Every row is of a delivery that is there, and every delivery of a partner that is there.
SELECT delivery_id FROM record WHERE delivery_id NOT IN (SELECT delivery_id FROM delivery)
UNION ALL
SELECT delivery_id FROM rejected_row WHERE delivery_id NOT IN (SELECT delivery_id FROM delivery)
UNION ALL
SELECT delivery_id FROM returned_row WHERE delivery_id NOT IN (SELECT delivery_id FROM delivery)
UNION ALL
SELECT delivery_id FROM delivery WHERE partner_id NOT IN (SELECT partner_id FROM partner);

-- fail: nobody_has_a_retired_id
-- Every entry of the register points at a trainee who is there, none at an id that was retired.
SELECT register.record_id FROM register
WHERE register.trainee_id IN (SELECT retired_id FROM trainee_alias);

-- fail: retired_ids_lead_to_somebody
-- Every retired id leads, once, to a trainee who is in the register.
SELECT retired_id FROM trainee_alias WHERE surviving_id NOT IN (SELECT trainee_id FROM register)
UNION ALL
SELECT retired_id FROM trainee_alias GROUP BY retired_id HAVING count(*) > 1;

-- fail: events_are_whole
-- Every record of a merge or split belongs to an event that is logged once.
SELECT event_id FROM identity_event_record WHERE event_id NOT IN (SELECT event_id FROM identity_event)
UNION ALL
SELECT event_id FROM identity_event GROUP BY event_id HAVING count(*) > 1;

-- fail: landed_under_its_hash
-- Every landed file is kept under its hash.
SELECT file_name FROM landed_file WHERE landed_path <> left(sha256, 2) || '/' || sha256;

-- fail: answers_are_of_people_who_are_there
-- Every answer of the survey that is linked is linked to a trainee, one who is in the register or was retired.
SELECT response_id FROM survey_link
WHERE
    trainee_id IS NOT NULL
    AND trainee_id NOT IN (SELECT trainee_id FROM register)
    AND trainee_id NOT IN (SELECT retired_id FROM trainee_alias);

-- warn: everybody_has_an_id
-- Every accepted row has its trainee.
SELECT record.record_id FROM record
LEFT JOIN register ON register.record_id = record.record_id
WHERE record.disposition = 'accepted' AND register.record_id IS NULL;
