-- Grain: one row per stage of a run, in the order in which they began. Key: run_id, stage.
-- Of the run that built this release, stages from build on are in the next release.
SELECT
    run_id,
    place,
    stage,
    seconds,
    rows,
    bytes
FROM vault.run_stage
ORDER BY run_id, place;
