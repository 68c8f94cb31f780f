-- Grain: one row per delivery that could be read, what it is like and what those before it were. Key: delivery_id.
-- Before are the deliveries of the same partner that arrived earlier; usual_rows is the median of the last six.
-- Rows are counted as they were sent: whether a later delivery replaced them plays no part, except for rows_again.
WITH arrived AS (
    SELECT
        delivery.*,
        CAST(delivery.rows_in - delivery.rows_structural AS BIGINT) AS data_rows,
        row_number() OVER earlier AS place
    FROM core_delivery AS delivery
    WHERE delivery.delivery_kind <> 'returned' AND delivery.outcome NOT IN ('failed', 'held')
    WINDOW earlier AS (
        PARTITION BY delivery.partner_id, delivery.is_sample
        ORDER BY delivery.date_received, delivery.revision, delivery.delivery_id
    )
),

in_order AS (
    SELECT delivery_id, row_number() OVER (ORDER BY date_received, delivery_id) AS arrival FROM core_delivery
),

attended AS (
    SELECT
        record.delivery_id,
        in_order.arrival,
        min(in_order.arrival) OVER (PARTITION BY register.trainee_id, record.course_code) AS first_arrival
    FROM vault.record AS record
    JOIN vault.register AS register ON register.record_id = record.record_id
    JOIN in_order ON in_order.delivery_id = record.delivery_id
    WHERE record.disposition = 'accepted'
),

repeated AS (
    SELECT delivery_id, count(*) AS rows_again
    FROM attended
    WHERE first_arrival < arrival
    GROUP BY delivery_id
),

described AS (
    SELECT
        delivery_id,
        count(*) FILTER (WHERE sex = 'F') AS rows_women,
        count(*) FILTER (WHERE sex IN ('F', 'M')) AS rows_sex,
        count(*) FILTER (WHERE trainee_type = 'msme_owner') AS rows_owners,
        count(*) FILTER (WHERE trainee_type IN ('msme_owner', 'job_seeker')) AS rows_type
    FROM vault.record
    GROUP BY delivery_id
),

refused AS (
    SELECT delivery_id, count(*) AS rows_refused FROM vault.rejected_row GROUP BY delivery_id
),

measured AS (
    SELECT
        arrived.partner_id,
        arrived.country_code,
        arrived.is_sample,
        arrived.delivery_id,
        arrived.place,
        arrived.data_rows,
        coalesce(refused.rows_refused, 0) AS rows_refused,
        coalesce(repeated.rows_again, 0) AS rows_again,
        coalesce(described.rows_women, 0) AS rows_women,
        coalesce(described.rows_sex, 0) AS rows_sex,
        coalesce(described.rows_owners, 0) AS rows_owners,
        coalesce(described.rows_type, 0) AS rows_type
    FROM arrived
    LEFT JOIN refused ON refused.delivery_id = arrived.delivery_id
    LEFT JOIN repeated ON repeated.delivery_id = arrived.delivery_id
    LEFT JOIN described ON described.delivery_id = arrived.delivery_id
)

SELECT
    delivery_id,
    partner_id,
    data_rows,
    rows_refused,
    rows_again,
    rows_women,
    rows_sex,
    rows_owners,
    rows_type,
    count(*) OVER before AS deliveries_before,
    CAST(median(data_rows) OVER last_six AS DOUBLE) AS usual_rows,
    CAST(max(data_rows) OVER before AS BIGINT) AS most_rows_before,
    CAST(sum(data_rows) OVER before AS BIGINT) AS data_rows_before,
    CAST(sum(rows_refused) OVER before AS BIGINT) AS rows_refused_before,
    CAST(sum(rows_again) OVER before AS BIGINT) AS rows_again_before,
    CAST(sum(rows_women) OVER before AS BIGINT) AS rows_women_before,
    CAST(sum(rows_sex) OVER before AS BIGINT) AS rows_sex_before,
    CAST(sum(rows_owners) OVER before AS BIGINT) AS rows_owners_before,
    CAST(sum(rows_type) OVER before AS BIGINT) AS rows_type_before
FROM measured
WINDOW
    before AS (PARTITION BY partner_id, is_sample ORDER BY place ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING),
    last_six AS (PARTITION BY partner_id, is_sample ORDER BY place ROWS BETWEEN 6 PRECEDING AND 1 PRECEDING)
ORDER BY delivery_id;
