-- Grain: one row per country of the programme, or with a partner. Key: country_code.
SELECT
    coalesce(country.country_code, partner.country_code) AS country_code,
    coalesce(country.country_name, partner.country_code) AS country_name
FROM programme.country AS country
FULL JOIN (SELECT DISTINCT country_code FROM vault.partner) AS partner
    ON partner.country_code = country.country_code
ORDER BY country_code;
