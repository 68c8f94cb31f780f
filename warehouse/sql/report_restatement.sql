-- Grain: one row per earlier release set against this one, country attended (and ALL) and indicator.
-- Key: baseline, country_code, indicator_code. The causes add up to the difference; warehouse/lineage/restate.py says how
-- a change gets its cause. The rest of the difference is counted as a change of the program.
WITH now AS (
    SELECT
        country_code,
        unnest([
            'people_reached', 'women', 'youth', 'msme_owners', 'job_seekers', 'with_disability', 'indigenous', 'rural'
        ]) AS indicator_code,
        unnest([
            trainees, women, youth, msme_owners, job_seekers, with_disability, indigenous, rural
        ]) AS figure
    FROM report_reach
    UNION ALL
    SELECT country_code, 'participations' AS indicator_code, participations AS figure
    FROM report_course
    WHERE quarter = 'ALL' AND course_code = 'ALL'
),

place AS (
    SELECT country_code FROM report_reach
    UNION
    SELECT country_code FROM history.restatement
),

-- a country that one of the two does not know had nobody there
line AS (
    SELECT said.baseline, said.baseline_release, said.is_recorded, said.indicator_code, place.country_code
    FROM (
        SELECT DISTINCT baseline, baseline_release, is_recorded, indicator_code FROM history.restatement
    ) AS said
    CROSS JOIN place
),

compared AS (
    SELECT
        line.baseline,
        line.baseline_release,
        line.country_code,
        line.indicator_code,
        coalesce(earlier.figure_before, 0) AS figure_before,
        coalesce(now.figure, 0) AS figure_after,
        coalesce(now.figure, 0) - coalesce(earlier.figure_before, 0) AS difference,
        line.is_recorded,
        coalesce(earlier.new_delivery, 0) AS by_new_delivery,
        coalesce(earlier.corrected_delivery, 0) AS by_corrected_delivery,
        coalesce(earlier.contract, 0) AS by_contract,
        coalesce(earlier.programme_rules, 0) AS by_programme_rules,
        coalesce(earlier.identity_merge, 0) AS by_identity_merge,
        coalesce(earlier.identity_split, 0) AS by_identity_split,
        coalesce(earlier.judgement, 0) AS by_judgement,
        coalesce(earlier.model, 0) AS by_model
    FROM line
    LEFT JOIN history.restatement AS earlier
        ON
            earlier.baseline = line.baseline
            AND earlier.country_code = line.country_code
            AND earlier.indicator_code = line.indicator_code
    LEFT JOIN now ON now.country_code = line.country_code AND now.indicator_code = line.indicator_code
),

opened AS (
    SELECT
        baseline,
        baseline_release,
        country_code,
        indicator_code,
        figure_before,
        figure_after,
        difference,
        is_recorded,
        by_new_delivery,
        by_corrected_delivery,
        by_contract,
        by_programme_rules,
        by_identity_merge,
        by_identity_split,
        by_judgement,
        by_model,
        difference - by_new_delivery - by_corrected_delivery - by_contract - by_programme_rules - by_identity_merge
        - by_identity_split - by_judgement - by_model AS left_open
    FROM compared
)

SELECT
    baseline,
    baseline_release,
    country_code,
    indicator_code,
    figure_before,
    figure_after,
    difference,
    by_new_delivery,
    by_corrected_delivery,
    by_contract,
    by_programme_rules,
    by_identity_merge,
    by_identity_split,
    by_judgement,
    by_model,
    CASE WHEN is_recorded THEN left_open ELSE 0 END AS by_program,
    CASE WHEN is_recorded THEN 0 ELSE left_open END AS by_unrecorded
FROM opened
ORDER BY baseline, country_code, indicator_code;
