-- Grain: one row per country attended and script of names, each with ALL. Key: country_code, script.
-- Computed beside the linkage (warehouse/identity/calibration.py says how), of the people who count in this release.
SELECT
    country_code,
    script,
    people_found,
    low,
    high,
    expected_false_merges,
    expected_misses
FROM vault.identity_quality
ORDER BY country_code, script;
