-- Grain: one row per partner and period for which a delivery is due. Key: partner_id, period.
-- How often one is due says the contract (`delivery.every`), else the usual gap between the periods that came, else the
-- form of the period. Periods run to the end of the programme: of monthly deliveries and those that add rows from the
-- first that came; of cumulative files and snapshots, which make good for an earlier one, from the last. Where no name
-- says a period but the contract how often, the next delivery is due so long after the last.
-- Samples are nobody's deliveries, and a corrected workbook is none of a period.
WITH arrived AS (
    SELECT
        partner_id,
        period,
        period_unit(period) AS unit,
        date_received,
        revision,
        delivery_id
    FROM core_delivery
    WHERE delivery_kind <> 'returned' AND NOT is_sample
),

first_versions AS (
    SELECT partner_id, period, min(date_received) AS date_received
    FROM arrived
    WHERE unit IS NOT NULL
    GROUP BY partner_id, period
),

gaps AS (
    SELECT
        partner_id,
        period,
        month_number(period_end(period))
        - lag(month_number(period_end(period))) OVER (PARTITION BY partner_id ORDER BY period_end(period)) AS gap
    FROM first_versions
),

habits AS (
    SELECT
        gaps.partner_id,
        usual_gap(gaps.gap) AS gap,
        min(period_end(gaps.period)) AS first_end,
        max(period_end(gaps.period)) AS last_end
    FROM gaps
    GROUP BY gaps.partner_id
),

cadence AS (
    SELECT
        arrived.partner_id,
        arg_max(arrived.unit, (arrived.date_received, arrived.delivery_id)) AS named_unit,
        any_value(partner.delivery_every) AS delivery_every,
        any_value(partner.due_days) AS due_days,
        any_value(partner.delivery_kind) AS delivery_kind,
        max(arrived.date_received) AS last_received
    FROM arrived
    JOIN vault.partner AS partner ON partner.partner_id = arrived.partner_id
    GROUP BY arrived.partner_id
),

stepping AS (
    SELECT
        cadence.partner_id,
        cadence.named_unit,
        CAST(coalesce(
            unit_months(cadence.delivery_every), habits.gap, unit_months(cadence.named_unit)
        ) AS INTEGER) AS step_months,
        CASE WHEN cadence.delivery_kind IN ('cumulative', 'snapshot') THEN habits.last_end ELSE habits.first_end END
            AS begin_end
    FROM cadence
    JOIN habits ON habits.partner_id = cadence.partner_id
    WHERE cadence.named_unit IS NOT NULL
),

expected AS (
    SELECT stepping.partner_id, period_of(CAST(step.day AS DATE), stepping.named_unit) AS period
    FROM stepping,
        LATERAL unnest(
            generate_series(
                date_trunc('month', stepping.begin_end),
                CAST(getvariable('last_day') AS TIMESTAMP),
                to_months(stepping.step_months)
            )
        ) AS step (day)
),

named AS (
    SELECT
        coalesce(expected.partner_id, first_versions.partner_id) AS partner_id,
        coalesce(expected.period, first_versions.period) AS period,
        first_versions.date_received
    FROM expected
    FULL JOIN first_versions
        ON first_versions.partner_id = expected.partner_id AND first_versions.period = expected.period
),

awaited AS (
    SELECT
        named.partner_id,
        named.period,
        CAST(period_end(named.period) + CAST(cadence.due_days AS INTEGER) AS DATE) AS delivery_due,
        named.date_received
    FROM named
    JOIN cadence ON cadence.partner_id = named.partner_id
    UNION ALL
    SELECT
        cadence.partner_id,
        'after ' || CAST(cadence.last_received AS VARCHAR) AS period,
        CAST(
            cadence.last_received
            + to_months(CAST(unit_months(cadence.delivery_every) AS INTEGER))
            + to_days(CAST(cadence.due_days AS INTEGER)) AS DATE
        ) AS delivery_due,
        CAST(NULL AS DATE) AS date_received
    FROM cadence
    WHERE cadence.named_unit IS NULL
        AND cadence.delivery_every IS NOT NULL
        AND cadence.last_received <= CAST(getvariable('last_day') AS DATE)
)

SELECT
    awaited.partner_id,
    partner.country_code,
    awaited.period,
    awaited.delivery_due,
    awaited.date_received
FROM awaited
JOIN core_partner AS partner ON partner.partner_id = awaited.partner_id
ORDER BY awaited.partner_id, awaited.delivery_due, awaited.period;
