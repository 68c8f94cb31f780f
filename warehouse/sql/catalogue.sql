-- Grain: one row per indicator, as the words above its macro define it. Key: indicator_code.
SELECT
    indicator_code,
    indicator_title,
    numerator,
    denominator_text,
    unit,
    disaggregation,
    may_be_added_over,
    is_additive,
    indicator_source
FROM programme.indicator
ORDER BY indicator_code;
