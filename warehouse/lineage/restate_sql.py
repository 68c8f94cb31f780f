"""The statements behind `restate`: which records changed and in which step, who moved, and each step's state.

Tables old_record, new_record, old_delivery, new_delivery, read_again and moved are there already.
"""

from warehouse.release.snapshots import FIGURE_COLUMNS

# the steps in their order, by the cause of each; step 0 is the earlier release
STEPS = (
    "new_delivery",
    "corrected_delivery",
    "contract",
    "programme_rules",
    "program",
    # those who parted
    "judgement",
    "identity_split",
    "model",
    # those who met
    "judgement",
    "identity_merge",
    "model",
    # other bands
    "programme_rules",
)
STEP_OF_RECORDS = {cause: number for number, cause in enumerate(STEPS[:5], start=1)}
BANDS = 12
_FIRST_PARTING, _FIRST_MEETING = 6, 9
_NEVER = 99

_COMPARED = ("date_received", *FIGURE_COLUMNS)


def _row(side: str) -> str:
    return "(" + ", ".join(f"{side}.{name}" for name in _COMPARED) + ")"


# records that came, went, were rewritten or have another person; step: of the records, NULL where only the person is
# another one
CHANGED = f"""
CREATE TABLE changed AS
WITH differing AS (
    SELECT
        coalesce(one.record_id, other.record_id) AS record_id,
        coalesce(one.partner_id, other.partner_id) AS partner_id,
        one.trainee_id AS old_trainee,
        other.trainee_id AS new_trainee,
        one.delivery_id AS old_delivery,
        other.delivery_id AS new_delivery,
        coalesce(one.course_code, other.course_code) AS course_code,
        coalesce(one.training_date, other.training_date) AS training_date,
        {_row("one")} IS DISTINCT FROM {_row("other")} AS is_rewritten,
        one.who_hash IS DISTINCT FROM other.who_hash AS is_otherwise_known
    FROM old_record AS one
    FULL JOIN new_record AS other ON other.record_id = one.record_id
    WHERE is_rewritten OR is_otherwise_known OR one.trainee_id IS DISTINCT FROM other.trainee_id
),

-- partners with a new delivery, and periods with a delivery that counted before and does not count now
sent AS (
    SELECT DISTINCT partner_id FROM new_delivery WHERE delivery_id NOT IN (SELECT delivery_id FROM old_delivery)
),

replaced AS (
    SELECT DISTINCT one.partner_id, one.period
    FROM old_delivery AS one
    LEFT JOIN new_delivery AS other ON other.delivery_id = one.delivery_id
    WHERE one.period IS NOT NULL AND one.outcome = 'loaded' AND other.outcome IS DISTINCT FROM 'loaded'
),

-- a cumulative file brings corrections together with what is new: a row that stands where one went, of the same person
-- at the same training, puts that one right
went AS (
    SELECT DISTINCT old_trainee, partner_id, course_code, training_date FROM differing WHERE new_trainee IS NULL
),

known AS (
    SELECT
        differing.*,
        went.old_trainee IS NOT NULL AS stands_for_another,
        -- what became of the delivery that it was in; whether the one that it is in now had been there
        was_later.outcome AS outcome_later,
        was_later.reading_hash IS DISTINCT FROM was.reading_hash AS old_is_read_again,
        comes_earlier.delivery_id IS NULL AS is_of_new_delivery,
        comes_earlier.reading_hash IS DISTINCT FROM comes.reading_hash AS new_is_read_again,
        replaced.period IS NOT NULL AS is_of_replaced_period,
        sent.partner_id IS NOT NULL AS is_partner_heard,
        coalesce(read_again.step, {STEP_OF_RECORDS["program"]}) AS reading_step
    FROM differing
    LEFT JOIN old_delivery AS was ON was.delivery_id = differing.old_delivery
    LEFT JOIN new_delivery AS was_later ON was_later.delivery_id = differing.old_delivery
    LEFT JOIN new_delivery AS comes ON comes.delivery_id = differing.new_delivery
    LEFT JOIN old_delivery AS comes_earlier ON comes_earlier.delivery_id = differing.new_delivery
    LEFT JOIN replaced ON replaced.partner_id = comes.partner_id AND replaced.period = comes.period
    LEFT JOIN went
        ON
            differing.old_trainee IS NULL
            AND went.old_trainee = differing.new_trainee
            AND went.partner_id = differing.partner_id
            AND went.course_code = differing.course_code
            AND went.training_date = differing.training_date
    LEFT JOIN sent ON sent.partner_id = differing.partner_id
    LEFT JOIN read_again ON read_again.partner_id = differing.partner_id
)

SELECT
    *,
    CASE
        WHEN NOT is_rewritten THEN NULL
        -- it came
        WHEN old_trainee IS NULL THEN
            CASE
                WHEN is_of_new_delivery AND (is_of_replaced_period OR stands_for_another)
                    THEN {STEP_OF_RECORDS["corrected_delivery"]}
                WHEN is_of_new_delivery THEN {STEP_OF_RECORDS["new_delivery"]}
                WHEN new_is_read_again THEN reading_step
                ELSE {STEP_OF_RECORDS["corrected_delivery"]}
            END
        -- it went
        WHEN new_trainee IS NULL THEN
            CASE
                WHEN outcome_later IS NULL OR NOT old_is_read_again THEN {STEP_OF_RECORDS["corrected_delivery"]}
                WHEN outcome_later NOT IN ('loaded', 'failed', 'held') AND is_partner_heard
                    THEN {STEP_OF_RECORDS["corrected_delivery"]}
                ELSE reading_step
            END
        -- it says something else: another delivery that had not been there, or the same read again
        WHEN is_of_new_delivery OR NOT new_is_read_again THEN {STEP_OF_RECORDS["corrected_delivery"]}
        ELSE reading_step
    END AS step
FROM known;
"""

EVERYBODY = """
CREATE TABLE touched AS SELECT trainee_id FROM old_record UNION SELECT trainee_id FROM new_record;
"""
# a person keeps somebody else's company only by a record of one that is with the other: this is closed
TOUCHED = """
CREATE TABLE touched AS
SELECT old_trainee AS trainee_id FROM changed WHERE old_trainee IS NOT NULL
UNION SELECT new_trainee FROM changed WHERE new_trainee IS NOT NULL;
"""

# cell: records that were with one person and are with one person now. Of the cells of a person that was, one stays and
# the others part; of those of a person that is, one is at home and the others come to it
GROUPED = f"""
CREATE TABLE was AS SELECT * FROM old_record SEMI JOIN touched USING (trainee_id);
CREATE TABLE comes AS SELECT * FROM new_record SEMI JOIN touched USING (trainee_id);
CREATE TABLE stirred AS
SELECT
    old_trainee AS trainee_id FROM changed
WHERE old_trainee IS NOT NULL AND (new_trainee IS NULL OR is_otherwise_known)
UNION
SELECT new_trainee FROM changed WHERE new_trainee IS NOT NULL AND (old_trainee IS NULL OR is_otherwise_known);
CREATE TABLE placed AS
WITH known AS (
    SELECT comes.record_id, was.trainee_id AS old_trainee, comes.trainee_id AS new_trainee
    FROM comes LEFT JOIN was ON was.record_id = comes.record_id
),

home AS (
    SELECT new_trainee, arg_max(old_trainee, ROW(records, old_trainee)) AS old_trainee
    FROM (SELECT new_trainee, old_trainee, count(*) AS records FROM known WHERE old_trainee IS NOT NULL GROUP BY ALL)
    GROUP BY new_trainee
)

SELECT
    known.record_id,
    known.new_trainee,
    CASE
        WHEN known.old_trainee IS NOT NULL THEN known.old_trainee
        WHEN known.new_trainee IN (SELECT trainee_id FROM was) THEN known.new_trainee
        ELSE coalesce(home.old_trainee, known.new_trainee)
    END AS old_trainee,
    moved.record_id IS NOT NULL AS is_moved,
    coalesce(moved.is_judged, FALSE) AS is_judged
FROM known
LEFT JOIN home ON home.new_trainee = known.new_trainee
LEFT JOIN moved ON moved.record_id = known.record_id;

CREATE TABLE cell AS
WITH counted AS (
    SELECT
        old_trainee,
        new_trainee,
        bool_or(is_moved) AS is_moved,
        bool_or(is_judged) AS is_judged,
        row_number() OVER (
            PARTITION BY old_trainee ORDER BY old_trainee = new_trainee DESC, count(*) DESC, new_trainee
        ) = 1 AS stays,
        row_number() OVER (
            PARTITION BY new_trainee ORDER BY old_trainee = new_trainee DESC, count(*) DESC, old_trainee
        ) = 1 AS is_home,
        old_trainee IN (SELECT trainee_id FROM stirred) AS old_is_stirred,
        new_trainee IN (SELECT trainee_id FROM stirred) AS new_is_stirred,
        CASE WHEN stays THEN 'g ' || old_trainee ELSE 'c ' || old_trainee || ' ' || new_trainee END AS parted
    FROM placed
    GROUP BY old_trainee, new_trainee
),

-- where no event names the records that moved, those that stayed behind, or were met, speak for them
judged AS (
    SELECT
        *,
        is_judged OR (
            NOT is_moved AND bool_or(is_judged AND stays) OVER (PARTITION BY old_trainee)
        ) AS is_parted_by_judgement,
        is_judged OR (
            NOT is_moved AND bool_or(is_judged AND is_home) OVER (PARTITION BY new_trainee)
        ) AS is_met_by_judgement,
        bool_or(is_home AND old_is_stirred) OVER (PARTITION BY new_trainee) AS home_is_stirred,
        max(parted) FILTER (is_home) OVER (PARTITION BY new_trainee) AS met
    FROM counted
)

SELECT
    old_trainee,
    new_trainee,
    parted,
    met,
    CASE
        WHEN stays THEN {_NEVER}
        WHEN is_parted_by_judgement THEN {_FIRST_PARTING}
        WHEN getvariable('is_other_model') AND NOT (old_is_stirred OR new_is_stirred) THEN {_FIRST_PARTING + 2}
        ELSE {_FIRST_PARTING + 1}
    END AS parts_at,
    CASE
        WHEN is_home THEN {_NEVER}
        WHEN is_met_by_judgement THEN {_FIRST_MEETING}
        WHEN getvariable('is_other_model') AND NOT (old_is_stirred OR new_is_stirred OR home_is_stirred)
            THEN {_FIRST_MEETING + 2}
        ELSE {_FIRST_MEETING + 1}
    END AS meets_at
FROM judged;
"""

_STATE_COLUMNS = ", ".join(("record_id", "date_received", *FIGURE_COLUMNS))
# each record as it was until its step, and as it is from then on
VERSIONS = f"""
CREATE TABLE version AS
WITH dated AS (
    SELECT was.*, 0 AS from_step, coalesce(changed.step, {_NEVER}) AS to_step
    FROM was LEFT JOIN changed ON changed.record_id = was.record_id
    UNION ALL BY NAME
    SELECT comes.*, changed.step AS from_step, {_NEVER} AS to_step
    FROM comes JOIN changed ON changed.record_id = comes.record_id WHERE changed.step IS NOT NULL
)

SELECT
    dated.*,
    -- one that went is with the person it was of
    'g ' || coalesce(placed.old_trainee, dated.trainee_id) AS person,
    cell.parted,
    cell.met,
    coalesce(cell.parts_at, {_NEVER}) AS parts_at,
    coalesce(cell.meets_at, {_NEVER}) AS meets_at
FROM dated
LEFT JOIN placed ON placed.record_id = dated.record_id
LEFT JOIN cell ON cell.old_trainee = placed.old_trainee AND cell.new_trainee = placed.new_trainee;
CREATE VIEW present AS
SELECT
    {_STATE_COLUMNS},
    -- a delivery plays its part by the day received only
    strftime(date_received, '%Y-%m-%d') AS delivery_id,
    CASE
        WHEN getvariable('step') >= meets_at THEN met
        WHEN getvariable('step') >= parts_at THEN parted
        ELSE person
    END AS trainee_id
FROM version WHERE from_step <= getvariable('step') AND getvariable('step') < to_step;
CREATE VIEW vault.record AS
SELECT *, NULL::VARCHAR AS province, NULL::VARCHAR AS district, 'accepted' AS disposition FROM present;
CREATE VIEW vault.register AS SELECT record_id, trainee_id FROM present;
CREATE VIEW vault.delivery AS SELECT DISTINCT delivery_id, date_received FROM present WHERE date_received IS NOT NULL;
"""
STEPS_TAKEN = f"""
SELECT step FROM (
    SELECT step FROM changed WHERE step IS NOT NULL
    UNION SELECT parts_at FROM cell UNION SELECT meets_at FROM cell
) WHERE step < {_NEVER} ORDER BY step
"""
