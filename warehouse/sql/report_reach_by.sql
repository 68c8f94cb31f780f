-- Grain: one row per country attended (and ALL), quarter (and ALL), category of people and indicator that counts
-- somebody. Key: country_code, quarter, dimension, dimension_value, indicator_code.
-- Attributes of a person are those of the first training, the same in every country and quarter. Cells without people
-- are left out. Cells of partners, courses and both count everybody who attended there, so these cells overlap. A person
-- whom a partner or course first reached may have attended elsewhere before, so that share is of all people reached.
WITH person AS (
    SELECT
        trainee_id,
        -- a number is compared faster than a name
        row_number() OVER (ORDER BY trainee_id) AS person,
        coalesce(sex, 'not stated') AS sex,
        coalesce(age_band, 'not stated') AS age_band,
        stated(is_youth) AS is_youth,
        coalesce(trainee_type, 'not stated') AS trainee_type,
        stated(has_disability) AS has_disability,
        stated(is_indigenous) AS is_indigenous,
        stated(is_rural) AS is_rural,
        age_lowest,
        age_highest
    FROM core_trainee
),

quarter AS (
    SELECT
        quarter_number,
        quarter_of_number(quarter_number) AS quarter,
        1::BIGINT << (quarter_number - min(quarter_number) OVER ()) AS quarter_bit
    FROM (SELECT DISTINCT quarter_number(training_date) AS quarter_number FROM core_attendance)
),

attended AS (
    SELECT
        person.person,
        attendance.country_code,
        attendance.partner_id,
        attendance.course_code,
        quarter.quarter_bit,
        quarter.quarter_number
    FROM core_attendance AS attendance
    JOIN person ON person.trainee_id = attendance.trainee_id
    JOIN quarter ON quarter.quarter_number = quarter_number(attendance.training_date)
),

-- everybody once in each country, there with each partner, in each course, and with the partner in the course:
-- the quarters, a bit each, and the first of them
place AS MATERIALIZED (
    SELECT
        person,
        coalesce(country_code, 'ALL') AS country_code,
        partner_id,
        course_code,
        bit_or(quarter_bit) AS quarters,
        min(quarter_number) AS first_number
    FROM attended
    GROUP BY GROUPING SETS (
        (person),
        (person, country_code),
        (person, partner_id),
        (person, country_code, partner_id),
        (person, course_code),
        (person, country_code, course_code),
        (person, partner_id, course_code),
        (person, country_code, partner_id, course_code)
    )
),

-- people alike in all attributes, of a country
kind AS MATERIALIZED (
    SELECT
        place.country_code,
        place.quarters,
        place.first_number,
        person.sex,
        person.age_band,
        person.is_youth,
        person.trainee_type,
        person.has_disability,
        person.is_indigenous,
        person.is_rural,
        people_of_disjoint_groups(1) AS people
    FROM place
    JOIN person ON person.person = place.person
    WHERE place.partner_id IS NULL AND place.course_code IS NULL
    GROUP BY ALL
),

-- all, each attribute alone, and every two of them
by_person AS (
    SELECT
        country_code,
        quarters,
        first_number,
        sex,
        age_band,
        is_youth,
        trainee_type,
        has_disability,
        is_indigenous,
        is_rural,
        people_of_disjoint_groups(people) AS people
    FROM kind
    GROUP BY GROUPING SETS (
        (country_code, quarters, first_number),
        (country_code, quarters, first_number, sex),
        (country_code, quarters, first_number, age_band),
        (country_code, quarters, first_number, is_youth),
        (country_code, quarters, first_number, trainee_type),
        (country_code, quarters, first_number, has_disability),
        (country_code, quarters, first_number, is_indigenous),
        (country_code, quarters, first_number, is_rural),
        (country_code, quarters, first_number, sex, age_band),
        (country_code, quarters, first_number, sex, is_youth),
        (country_code, quarters, first_number, sex, trainee_type),
        (country_code, quarters, first_number, sex, has_disability),
        (country_code, quarters, first_number, sex, is_indigenous),
        (country_code, quarters, first_number, sex, is_rural),
        (country_code, quarters, first_number, age_band, is_youth),
        (country_code, quarters, first_number, age_band, trainee_type),
        (country_code, quarters, first_number, age_band, has_disability),
        (country_code, quarters, first_number, age_band, is_indigenous),
        (country_code, quarters, first_number, age_band, is_rural),
        (country_code, quarters, first_number, is_youth, trainee_type),
        (country_code, quarters, first_number, is_youth, has_disability),
        (country_code, quarters, first_number, is_youth, is_indigenous),
        (country_code, quarters, first_number, is_youth, is_rural),
        (country_code, quarters, first_number, trainee_type, has_disability),
        (country_code, quarters, first_number, trainee_type, is_indigenous),
        (country_code, quarters, first_number, trainee_type, is_rural),
        (country_code, quarters, first_number, has_disability, is_indigenous),
        (country_code, quarters, first_number, has_disability, is_rural),
        (country_code, quarters, first_number, is_indigenous, is_rural)
    )
),

-- each partner and each course, alone and with every attribute
by_place AS (
    SELECT
        place.country_code,
        place.quarters,
        place.first_number,
        person.sex,
        person.age_band,
        person.is_youth,
        person.trainee_type,
        person.has_disability,
        person.is_indigenous,
        person.is_rural,
        place.partner_id,
        place.course_code,
        people_of_disjoint_groups(1) AS people
    FROM place
    JOIN person ON person.person = place.person
    WHERE (place.partner_id IS NULL) <> (place.course_code IS NULL)
    GROUP BY
        place.country_code, place.quarters, place.first_number, place.partner_id, place.course_code,
        GROUPING SETS (
            (),
            (person.sex),
            (person.age_band),
            (person.is_youth),
            (person.trainee_type),
            (person.has_disability),
            (person.is_indigenous),
            (person.is_rural)
        )
),

by_partner_and_course AS (
    SELECT
        country_code,
        quarters,
        first_number,
        partner_id,
        course_code,
        people_of_disjoint_groups(1) AS people
    FROM place
    WHERE partner_id IS NOT NULL AND course_code IS NOT NULL
    GROUP BY country_code, quarters, first_number, partner_id, course_code
),

-- youth by every band that was ever reported
by_youth_band AS (
    SELECT
        place.country_code,
        place.quarters,
        place.first_number,
        band.band_code AS dimension,
        stated(in_band(person.age_lowest, person.age_highest, band.from_age, band.to_age)) AS dimension_value,
        people_of_disjoint_groups(1) AS people
    FROM place
    JOIN person ON person.person = place.person
    JOIN core_band AS band ON band.band_set = 'youth'
    WHERE place.partner_id IS NULL AND place.course_code IS NULL
    GROUP BY ALL
),

-- an attribute that a line is not grouped by is NULL there; 'not stated' is a text. The three steps have different
-- columns, and UNION ALL BY NAME fills the missing ones with NULL: SELECT * takes all of each
category AS (
    SELECT * FROM by_person
    UNION ALL BY NAME
    SELECT * FROM by_place
    UNION ALL BY NAME
    SELECT * FROM by_partner_and_course
),

named AS (
    SELECT
        country_code,
        quarters,
        first_number,
        concat_ws(
            ' x ',
            CASE WHEN sex IS NOT NULL THEN 'sex' END,
            CASE WHEN age_band IS NOT NULL THEN 'age_band' END,
            CASE WHEN is_youth IS NOT NULL THEN 'is_youth' END,
            CASE WHEN trainee_type IS NOT NULL THEN 'trainee_type' END,
            CASE WHEN has_disability IS NOT NULL THEN 'has_disability' END,
            CASE WHEN is_indigenous IS NOT NULL THEN 'is_indigenous' END,
            CASE WHEN is_rural IS NOT NULL THEN 'is_rural' END,
            CASE WHEN partner_id IS NOT NULL THEN 'partner_id' END,
            CASE WHEN course_code IS NOT NULL THEN 'course_code' END
        ) AS dimension,
        concat_ws(
            ' x ', sex, age_band, is_youth, trainee_type, has_disability, is_indigenous, is_rural, partner_id,
            course_code
        ) AS dimension_value,
        people
    FROM category
    UNION ALL
    SELECT country_code, quarters, first_number, dimension, dimension_value, people FROM by_youth_band
),

counted AS (
    SELECT
        country_code,
        'ALL' AS quarter,
        dimension,
        dimension_value,
        'people_reached' AS indicator_code,
        people_of_disjoint_groups(people) AS people
    FROM named
    GROUP BY ALL
    UNION ALL
    SELECT
        named.country_code,
        quarter.quarter,
        named.dimension,
        named.dimension_value,
        'people_reached' AS indicator_code,
        people_of_disjoint_groups(named.people) AS people
    FROM named
    JOIN quarter ON (named.quarters & quarter.quarter_bit) <> 0
    GROUP BY ALL
    UNION ALL
    -- over the whole time everybody reached was first reached: no line of its own
    SELECT
        named.country_code,
        quarter.quarter,
        named.dimension,
        named.dimension_value,
        'people_first_reached' AS indicator_code,
        people_of_disjoint_groups(named.people) AS people
    FROM named
    JOIN quarter ON quarter.quarter_number = named.first_number
    GROUP BY ALL
),

whole AS (
    SELECT country_code, quarter, indicator_code, people FROM counted WHERE dimension = ''
),

cell AS (
    SELECT
        country_code,
        quarter,
        dimension,
        dimension_value,
        indicator_code,
        people,
        CASE
            WHEN dimension LIKE '%partner_id%' OR dimension LIKE '%course_code%' THEN 'people_reached'
            ELSE indicator_code
        END AS denominator_code
    FROM counted
)

SELECT
    cell.country_code,
    cell.quarter,
    coalesce(nullif(cell.dimension, ''), 'all') AS dimension,
    coalesce(nullif(cell.dimension_value, ''), 'all') AS dimension_value,
    cell.indicator_code,
    cell.people,
    whole.people AS denominator,
    share(cell.people, whole.people) AS share,
    replace(cell.denominator_code, '_', ' ')
    || CASE WHEN cell.country_code = 'ALL' THEN '' ELSE ' in ' || cell.country_code END
    || CASE WHEN cell.quarter = 'ALL' THEN ', all quarters' ELSE ', ' || cell.quarter END AS denominator_text
FROM cell
JOIN whole
    ON
        whole.country_code = cell.country_code
        AND whole.quarter = cell.quarter
        AND whole.indicator_code = cell.denominator_code
ORDER BY country_code, quarter, dimension, dimension_value, indicator_code;
