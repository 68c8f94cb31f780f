-- Grain: one row, the release itself. Key: release_number.
SELECT
    CAST(getvariable('release_number') AS INTEGER) AS release_number,
    CAST(getvariable('built_at') AS TIMESTAMP) AS built_at,
    CAST(getvariable('input_hash') AS VARCHAR) AS input_hash,
    CAST(getvariable('model_version') AS VARCHAR) AS model_version,
    CAST(getvariable('code_version') AS VARCHAR) AS code_version;
