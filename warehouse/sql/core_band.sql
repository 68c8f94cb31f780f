-- Grain: one row per band of ages that figures are or were reported by. Key: band_set, band_code.
SELECT
    band_set,
    band_code,
    from_age,
    to_age,
    is_current,
    band_source
FROM programme.band
ORDER BY band_set, from_age, band_code;
