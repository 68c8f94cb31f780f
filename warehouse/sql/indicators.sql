-- Indicators: every figure of a report is one of these, defined once, in words above it. They are part of each
-- release, so that an analyst counts as the reports do. A block in words becomes a row of `catalogue`; a macro
-- without one is a rule that indicators share.

-- Completed years from a birth to a day; born on 29 February: a year older on 1 March.
CREATE MACRO completed_years(born, on_day) AS
    CAST(
        year(on_day) - year(born)
        - CASE WHEN (month(on_day), day(on_day)) < (month(born), day(born)) THEN 1 ELSE 0 END
        AS INTEGER
    );

-- Whether an age known to lie from `low` to `high` lies in a band: TRUE or FALSE where every possible age falls on
-- one side, else NULL, not stated. A band without an upper end (NULL) is open.
CREATE MACRO in_band(low, high, band_from, band_to) AS
    CASE
        WHEN low >= band_from AND high <= coalesce(band_to, 2147483647) THEN TRUE
        WHEN high < band_from OR low > coalesce(band_to, 2147483647) THEN FALSE
    END;

-- Calendar quarter of a day: 2021-Q3; and its number, which counts on without a gap.
CREATE MACRO quarter_of(on_day) AS year(on_day) || '-Q' || quarter(on_day);
CREATE MACRO quarter_number(on_day) AS CAST(4 * year(on_day) + quarter(on_day) - 1 AS INTEGER);
CREATE MACRO quarter_of_number(number) AS (number // 4) || '-Q' || (number % 4 + 1);

-- Last day of a quarter written 2021-Q3.
CREATE MACRO quarter_end(in_quarter) AS
    last_day(make_date(CAST(left(in_quarter, 4) AS INTEGER), 3 * CAST(right(in_quarter, 1) AS INTEGER), 1));

-- Last day of a delivery's period: 2021, 2021-Q3, 2021-09; NULL for any other, for which no day can be due.
CREATE MACRO period_end(period) AS
    CASE
        WHEN regexp_full_match(period, '\d{4}') THEN make_date(CAST(period AS INTEGER), 12, 31)
        WHEN regexp_full_match(period, '\d{4}-Q[1-4]') THEN quarter_end(period)
        WHEN regexp_full_match(period, '\d{4}-(0[1-9]|1[0-2])')
            THEN last_day(make_date(CAST(left(period, 4) AS INTEGER), CAST(right(period, 2) AS INTEGER), 1))
    END;

-- How often a partner delivers, told by a period's form: year, quarter, month; NULL for any other. Months of it; and
-- the period of that length in which a day lies.
CREATE MACRO period_unit(period) AS
    CASE
        WHEN regexp_full_match(period, '\d{4}') THEN 'year'
        WHEN regexp_full_match(period, '\d{4}-Q[1-4]') THEN 'quarter'
        WHEN regexp_full_match(period, '\d{4}-(0[1-9]|1[0-2])') THEN 'month'
    END;
CREATE MACRO unit_months(unit) AS CASE unit WHEN 'month' THEN 1 WHEN 'quarter' THEN 3 WHEN 'year' THEN 12 END;
CREATE MACRO period_of(on_day, unit) AS
    CASE unit
        WHEN 'month' THEN strftime(on_day, '%Y-%m')
        WHEN 'quarter' THEN year(on_day) || '-Q' || quarter(on_day)
        WHEN 'year' THEN CAST(year(on_day) AS VARCHAR)
    END;

-- Months since the year 0, to tell how far two days' months are apart; and how many months usually lie between two
-- deliveries, of at least two gaps.
CREATE MACRO month_number(on_day) AS CAST(12 * year(on_day) + month(on_day) AS INTEGER);
CREATE MACRO usual_gap(gap) AS CASE WHEN count(gap) >= 2 THEN greatest(1, quantile_disc(gap, 0.5)) END;

-- What is not stated is a category of its own, never a no.
CREATE MACRO stated(answer) AS
    CASE WHEN answer IS NULL THEN 'not stated' WHEN answer THEN 'yes' ELSE 'no' END;

-- A part of a whole, from 0 to 1; NULL of nothing.
CREATE MACRO share(part, whole) AS CASE WHEN whole > 0 THEN CAST(part AS DOUBLE) / whole END;

-- Whether a share moved from what it was: by so many points, and by so many standard errors of the difference of two
-- proportions (pooled; Fleiss, Levin and Paik, Statistical Methods for Rates and Proportions). NULL of nothing.
CREATE MACRO has_moved(part, whole, part_before, whole_before, points, deviations) AS
    CASE
        WHEN whole > 0 AND whole_before > 0
            THEN abs(part / whole - part_before / whole_before) >= points
            AND abs(part / whole - part_before / whole_before) >= deviations * sqrt(
                (part + part_before) / (whole + whole_before)
                * (1 - (part + part_before) / (whole + whole_before))
                * (1.0::DOUBLE / whole + 1.0::DOUBLE / whole_before)
            )
    END;

-- indicator: people_reached
-- Title: People reached
-- Numerator: different people with at least one accepted attendance in the country, quarter and category
-- Denominator: people_reached of the same country and quarter in all categories
-- Unit: people
-- Disaggregation: country, quarter, sex, age band, youth, type, disability, indigenous, rural, partner, course; any two
-- May be added over: categories of one attribute of the person; never countries, quarters, partners or courses
-- Source: attendance lists of partners, deduplicated
CREATE MACRO people_reached(trainee_id) AS count(DISTINCT trainee_id);

-- indicator: people_first_reached
-- Title: People first reached
-- Numerator: people reached whose first attendance in the country (with the partner, in the course) fell in the quarter
-- Denominator: people_first_reached of the same country and quarter in all categories; of partners and courses, people_reached
-- Unit: people
-- Disaggregation: as people_reached
-- May be added over: quarters, and categories of one attribute of the person; never countries, partners or courses
-- Source: attendance lists of partners, deduplicated
CREATE MACRO people_first_reached(trainee_id, in_quarter, first_quarter) AS
    count(DISTINCT trainee_id) FILTER (WHERE in_quarter = first_quarter);

-- People of groups that no person is in twice, added up. For any other groups use people_reached.
CREATE MACRO people_of_disjoint_groups(people) AS CAST(coalesce(sum(people), 0) AS BIGINT);

-- indicator: women
-- Title: Women reached
-- Numerator: people reached whose sex is F, as stated at the first training
-- Denominator: none
-- Unit: people
-- Disaggregation: country
-- May be added over: nothing
-- Source: attendance lists of partners, deduplicated
CREATE MACRO women(trainee_id, sex) AS count(DISTINCT trainee_id) FILTER (WHERE sex = 'F');

-- indicator: youth
-- Title: Youth reached
-- Numerator: people reached who were in the youth band in force on the day of their first training
-- Denominator: none
-- Unit: people
-- Disaggregation: country
-- May be added over: nothing
-- Source: attendance lists of partners, deduplicated
CREATE MACRO youth(trainee_id, is_youth) AS count(DISTINCT trainee_id) FILTER (WHERE is_youth);

-- indicator: msme_owners
-- Title: Owners of micro or small businesses reached
-- Numerator: people reached who own a micro or small business, as stated at the first training
-- Denominator: none
-- Unit: people
-- Disaggregation: country
-- May be added over: job_seekers; never countries
-- Source: attendance lists of partners, deduplicated
CREATE MACRO msme_owners(trainee_id, trainee_type) AS
    count(DISTINCT trainee_id) FILTER (WHERE trainee_type = 'msme_owner');

-- indicator: job_seekers
-- Title: Job seekers reached
-- Numerator: people reached who look for work, as stated at the first training
-- Denominator: none
-- Unit: people
-- Disaggregation: country
-- May be added over: msme_owners; never countries
-- Source: attendance lists of partners, deduplicated
CREATE MACRO job_seekers(trainee_id, trainee_type) AS
    count(DISTINCT trainee_id) FILTER (WHERE trainee_type = 'job_seeker');

-- indicator: with_disability
-- Title: People with disabilities reached
-- Numerator: people reached with a disability, as their partner asked it
-- Denominator: none
-- Unit: people
-- Disaggregation: country
-- May be added over: nothing
-- Source: attendance lists of partners, deduplicated
CREATE MACRO with_disability(trainee_id, has_disability) AS
    count(DISTINCT trainee_id) FILTER (WHERE has_disability);

-- indicator: indigenous
-- Title: Indigenous people reached
-- Numerator: people reached who belong to an indigenous people or ethnic minority, as their partner asked it
-- Denominator: none
-- Unit: people
-- Disaggregation: country
-- May be added over: nothing
-- Source: attendance lists of partners, deduplicated
CREATE MACRO indigenous(trainee_id, is_indigenous) AS
    count(DISTINCT trainee_id) FILTER (WHERE is_indigenous);

-- indicator: rural
-- Title: People of rural areas reached
-- Numerator: people reached who live in a rural area, as their partner asked it
-- Denominator: none
-- Unit: people
-- Disaggregation: country
-- May be added over: nothing
-- Source: attendance lists of partners, deduplicated
CREATE MACRO rural(trainee_id, is_rural) AS count(DISTINCT trainee_id) FILTER (WHERE is_rural);

-- indicator: women_share
-- Title: Women among people reached
-- Numerator: people reached whose sex is F
-- Denominator: all people reached, those whose sex is not stated included
-- Unit: share
-- Disaggregation: country, quarter
-- May be added over: nothing
-- Source: attendance lists of partners, deduplicated
CREATE MACRO women_share(trainee_id, sex) AS share(women(trainee_id, sex), people_reached(trainee_id));

-- indicator: youth_share
-- Title: Youth among people reached
-- Numerator: people reached who were in the named youth band on the day of their first training
-- Denominator: all people reached, those whose age is not stated included
-- Unit: share
-- Disaggregation: country, quarter, youth band
-- May be added over: nothing
-- Source: attendance lists of partners, deduplicated
CREATE MACRO youth_share(trainee_id, is_youth) AS share(youth(trainee_id, is_youth), people_reached(trainee_id));

-- indicator: participations
-- Title: Participations
-- Numerator: accepted attendances: one person in one training; the same person in two trainings is two
-- Denominator: none
-- Unit: attendances
-- Disaggregation: country, quarter, course
-- May be added over: everything: countries, quarters and courses
-- Source: attendance lists of partners
CREATE MACRO participations(trainee_id) AS count(trainee_id);

-- indicator: hours_attended
-- Title: Hours attended
-- Numerator: hours of the accepted attendances that state them
-- Denominator: none
-- Unit: hours
-- Disaggregation: country, quarter, course
-- May be added over: everything: countries, quarters and courses
-- Source: attendance lists of partners
CREATE MACRO hours_attended(hours) AS round(coalesce(sum(CAST(hours AS DECIMAL(18, 4))), 0)::DOUBLE, 2);

-- indicator: participations_with_hours
-- Title: Participations with hours
-- Numerator: accepted attendances that state the hours
-- Denominator: participations
-- Unit: attendances
-- Disaggregation: country, quarter, course
-- May be added over: everything: countries, quarters and courses
-- Source: attendance lists of partners
CREATE MACRO participations_with_hours(hours) AS count(hours);

-- indicator: people_of_two_partners
-- Title: People that two partners both trained
-- Numerator: different people with an accepted attendance at each of the two partners
-- Denominator: people reached by the one partner, and by the other
-- Unit: people
-- Disaggregation: pair of partners
-- May be added over: nothing: somebody of three partners stands in three pairs
-- Source: attendance lists of partners, deduplicated
CREATE MACRO people_of_two_partners(trainee_id) AS count(DISTINCT trainee_id);

-- indicator: attainment
-- Title: Attainment of a target
-- Numerator: the actual figure up to the day
-- Denominator: the target
-- Unit: share
-- Disaggregation: target, quarter
-- May be added over: nothing
-- Source: targets of the programme's rules; attendance lists of partners, deduplicated
CREATE MACRO attainment(actual, target) AS share(actual, target);

-- What a target of people asks for by a day: its part in the days gone since the programme's first, evenly.
CREATE MACRO expected_by(target, on_day, begin_day, due_day) AS
    target * least(1.0::DOUBLE, greatest(0, on_day - begin_day + 1) / CAST(due_day - begin_day + 1 AS DOUBLE));

-- indicator: deliveries
-- Title: Deliveries
-- Numerator: different deliveries that arrived
-- Denominator: none
-- Unit: deliveries
-- Disaggregation: partner, month of arrival
-- May be added over: everything: partners and months
-- Source: deliveries of partners
CREATE MACRO deliveries(delivery_id) AS count(DISTINCT delivery_id);

-- indicator: delivery_rows
-- Title: Rows of deliveries
-- Numerator: rows of the deliveries, all of them or those with one fate (accepted, rejected, superseded, repeated)
-- Denominator: none
-- Unit: rows
-- Disaggregation: partner, month of arrival, fate
-- May be added over: everything: partners, months and fates
-- Source: deliveries of partners
CREATE MACRO delivery_rows(rows_counted) AS CAST(coalesce(sum(rows_counted), 0) AS INTEGER);

-- indicator: rows_rejected
-- Title: Rejected rows by reason
-- Numerator: rejected rows with the reason against them
-- Denominator: none
-- Unit: rows
-- Disaggregation: partner, month of arrival, reason
-- May be added over: partners and months; never reasons, for a row can have several
-- Source: deliveries of partners
CREATE MACRO rows_rejected(reason_code) AS CAST(count(reason_code) AS INTEGER);

-- indicator: rows_flagged
-- Title: Accepted rows with a remark
-- Numerator: accepted rows about which something is odd
-- Denominator: none
-- Unit: rows
-- Disaggregation: partner, month of arrival
-- May be added over: everything: partners and months
-- Source: deliveries of partners
CREATE MACRO rows_flagged(flags) AS count(*) FILTER (WHERE flags <> '');

-- indicator: share_rejected
-- Title: Rows rejected
-- Numerator: rows with at least one reason against them
-- Denominator: rows of deliveries without sub-totals and footers
-- Unit: share
-- Disaggregation: partner, month of arrival
-- May be added over: nothing
-- Source: deliveries of partners
CREATE MACRO share_rejected(rejected, rows_in, structural) AS share(rejected, rows_in - structural);

-- indicator: rows_without
-- Title: Accepted rows without an attribute
-- Numerator: accepted rows in which the attribute is empty or unusable
-- Denominator: accepted rows
-- Unit: rows
-- Disaggregation: partner, month of arrival
-- May be added over: partners and months
-- Source: deliveries of partners
CREATE MACRO rows_without(is_missing) AS count(*) FILTER (WHERE is_missing);

-- indicator: days_late
-- Title: Days late
-- Numerator: days from the day a delivery of a period was due to the day its first version arrived; 0 in time
-- Denominator: none
-- Unit: days
-- Disaggregation: partner, month of arrival
-- May be added over: nothing
-- Source: deliveries of partners; the days that the contract allows
CREATE MACRO days_late(period, allowed_days, received) AS
    CASE
        -- without a period no day was due
        WHEN period_end(period) IS NOT NULL
            THEN greatest(0, received - (period_end(period) + CAST(allowed_days AS INTEGER)))
    END;
