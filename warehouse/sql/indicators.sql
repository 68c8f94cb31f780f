-- Indicators: every figure of a report is one of these, defined once, in words above it.
-- They are part of each release, so that an analyst counts as the reports do.

-- Completed years from a birth to a day; born on 29 February: a year older on 1 March.
CREATE MACRO completed_years(born, on_day) AS
    CAST(
        year(on_day) - year(born)
        - CASE WHEN (month(on_day), day(on_day)) < (month(born), day(born)) THEN 1 ELSE 0 END
        AS INTEGER
    );

-- People reached: different people with at least one accepted attendance, each counted once.
CREATE MACRO trainees(trainee_id) AS count(DISTINCT trainee_id);

-- Women: people reached whose sex is F. Not stated counts as no.
CREATE MACRO women(trainee_id, sex) AS count(DISTINCT trainee_id) FILTER (WHERE sex = 'F');

-- Youth: people reached who were in the programme's youth band on the day of their first training.
CREATE MACRO youth(trainee_id, is_youth) AS count(DISTINCT trainee_id) FILTER (WHERE is_youth);

-- Owners of a micro or small business, as stated at the first training.
CREATE MACRO msme_owners(trainee_id, trainee_type) AS
    count(DISTINCT trainee_id) FILTER (WHERE trainee_type = 'msme_owner');

-- Job seekers, as stated at the first training.
CREATE MACRO job_seekers(trainee_id, trainee_type) AS
    count(DISTINCT trainee_id) FILTER (WHERE trainee_type = 'job_seeker');

-- People with a disability, as their partner asked it. Not stated counts as no.
CREATE MACRO with_disability(trainee_id, has_disability) AS
    count(DISTINCT trainee_id) FILTER (WHERE has_disability);

-- People of an indigenous people or ethnic minority. Not stated counts as no.
CREATE MACRO indigenous(trainee_id, is_indigenous) AS
    count(DISTINCT trainee_id) FILTER (WHERE is_indigenous);

-- People living in a rural area. Not stated counts as no.
CREATE MACRO rural(trainee_id, is_rural) AS count(DISTINCT trainee_id) FILTER (WHERE is_rural);
