"""A vault of any number of synthetic people with their attendances, made by the database itself in seconds.

Only what reports read is filled: no names, no phones. The same size and seed give the same vault.
"""

from pathlib import Path

import duckdb

from schemas.programme import load_programme
from warehouse.vault.schema import VAULT_DDL

COUNTRIES = ("VN", "VN", "VN", "VN", "VN", "TH", "TH", "TH", "ID", "ID", "PH", "KH", "MM", "MY", "LA", "SG", "BN")


def make_vault(file: Path, people: int, seed: int) -> duckdb.DuckDBPyConnection:
    """Return an open vault of `people` people, each with one to four attendances at up to two partners."""
    courses = load_programme().courses
    con = duckdb.connect(str(file), config={"threads": 2})
    con.execute(VAULT_DDL)
    con.executemany("INSERT INTO course VALUES (?, ?)", list(courses.items()))
    countries, codes = ("[" + ", ".join(f"'{word}'" for word in words) + "]" for words in (COUNTRIES, courses))
    con.execute(
        f"""
        CREATE TEMP TABLE drawn AS
        SELECT
            md5(person || '-' || training) AS record_id,
            't' || md5(person || ' of {seed}') AS trainee_id,
            ({countries})[1 + (hash(person, {seed}) % {len(COUNTRIES)})::INTEGER] AS country_code,
            '-' || if(hash(person, training, 'partner', {seed}) % 20 = 0, 'B', 'A') AS partner,
            CASE WHEN hash(person, 'sex', {seed}) % 50 = 0 THEN '' WHEN hash(person, 'sex', {seed}) % 100 < 62 THEN 'F'
                 ELSE 'M' END AS sex,
            CASE WHEN hash(person, 'age', {seed}) % 30 > 0
                 THEN DATE '1950-01-01' + (hash(person, 'born', {seed}) % 20000)::INTEGER END AS born,
            if(hash(person, 'type', {seed}) % 100 < 81, 'msme_owner', 'job_seeker') AS trainee_type,
            hash(person, 'disability', {seed}) % 100 < 1 AS has_disability,
            hash(person, 'indigenous', {seed}) % 100 < 9 AS is_indigenous,
            [TRUE, FALSE, NULL][1 + (hash(person, 'rural', {seed}) % 3)::INTEGER] AS is_rural,
            ({codes})[1 + (hash(person, training, 'course', {seed}) % {len(courses)})::INTEGER] AS course_code,
            DATE '2020-07-01' + (hash(person, training, 'day', {seed}) % 549)::INTEGER AS training_date,
            CASE WHEN hash(person, training, 'hours', {seed}) % 10 > 0
                 THEN hash(person, training, 'hours', {seed}) % 8 END AS hours
        FROM range({people}) AS people (person), range(4) AS trainings (training)
        WHERE training <= hash(person, 'trainings', {seed}) % 4 AND (training = 0 OR hash(person, {seed}) % 5 > 0)
        """
    )
    con.execute(
        """
        INSERT INTO record (
            record_id, delivery_id, partner_id, country_code, sex, birth_date, birth_earliest, birth_latest,
            trainee_type, has_disability, is_indigenous, is_rural, course_code, training_date, hours, phones, flags,
            disposition
        )
        SELECT
            record_id, country_code || partner || strftime(training_date, '-%Y-%m'), country_code || partner,
            country_code, sex, born, born, born, trainee_type, has_disability, is_indigenous, is_rural, course_code,
            training_date, hours, '', '', 'accepted'
        FROM drawn;
        INSERT INTO register (record_id, trainee_id, founding_order) SELECT record_id, trainee_id, record_id FROM drawn;
        INSERT INTO partner (partner_id, country_code, partner_name, delivery_kind, contract_hash)
        SELECT DISTINCT partner_id, country_code, partner_id, 'monthly', '' FROM record;
        INSERT INTO delivery (
            delivery_id, partner_id, country_code, delivery_kind, name, period, revision, date_received, pulled_at,
            is_sample, content_hash, reading_hash, outcome, rows_in, rows_accepted, rows_rejected, rows_superseded,
            rows_repeated, rows_structural
        )
        SELECT
            delivery_id, partner_id, country_code, 'monthly', delivery_id, strftime(min(training_date), '%Y-%m'), 0,
            last_day(min(training_date)) + 9, TIMESTAMP '2022-01-01', TRUE, '', '', 'loaded', count(*), count(*),
            0, 0, 0, 0
        FROM record
        GROUP BY delivery_id, partner_id, country_code;
        CHECKPOINT;
        """
    )
    return con
