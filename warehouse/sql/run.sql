-- Grain: one row per run of the pipeline, up to the one that built this release. Key: run_id.
-- Runs that found nothing new since the release before are among them; the one that built it has not ended yet.
SELECT
    run_id,
    run_kind,
    countries,
    started_at,
    ended_at,
    run_outcome,
    release_number,
    deliveries_read,
    failures,
    warnings
FROM vault.run
ORDER BY run_id;
