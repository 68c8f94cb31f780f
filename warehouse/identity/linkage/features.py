"""Features: what the linkage compares of each record, such as forms of the name, spans of birth, phones and ids.

Functions return SQL or make tables in the connection's current database; Python reads only distinct names and places.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import duckdb
import pandas as pd
import pyarrow as pa

from warehouse.identity.linkage.forms import name_form_table
from warehouse.identity.linkage.names import address_letters, address_numbers, name_script, place_key, read_suffix
from warehouse.vault.linkage_tables import FEATURES, NAME_FORMS

# a number that failed its check identifies nobody
_WHOLE_NUMBER = ("valid", "unchecked")
_SEPARATOR = "chr(31)"


@dataclass(frozen=True)
class Statistic:
    """How many others share a value: the more there are, the weaker the evidence.

    sql returns node_id and the columns, from table `node`; columns: the value of each for nodes that sql does not
    return. Values are coarse (steps, lists of rare words), so a pair is compared again only when a count passes a
    step, and not with every new record. Values are hashed before counting: DuckDB groups numbers in half the time
    of texts.
    """

    why: str
    columns: dict[str, str]
    sql: str


MANY = 1_000_000
# counts of a whole name, and of the names on one phone, from which agreement is worth less
_NAME_STEPS, _PHONE_STEPS = (3, 12), (1, 3)
# words carried by at most so many nodes of a country
RARE_WORD = 12
ODD_WORD = 3


def _stepped(value: str, steps: tuple[int, ...]) -> str:
    """Return SQL that rounds a count up to the next of `steps`, or to MANY beyond the last."""
    whens = " ".join(f"WHEN {value} <= {step} THEN {step}" for step in steps)
    return f"CAST(CASE {whens} ELSE {MANY} END AS INTEGER)"


_NO_WORDS = "[]::VARCHAR[]"
STATISTICS = (
    Statistic(
        "Agreement on a name that half the village carries is worth little: nodes of the country with this name.",
        {"name_count": str(_NAME_STEPS[0])},
        f"""
        WITH named AS MATERIALIZED (SELECT node_id, hash(country, name_key) AS name FROM node),
        counted AS (SELECT name, count(*) AS value FROM named GROUP BY name HAVING count(*) > {_NAME_STEPS[0]})
        SELECT node_id, {_stepped("value", _NAME_STEPS)} AS name_count FROM named JOIN counted USING (name)
        """,
    ),
    Statistic(
        "A phone lent or shared in a household: different names (by their consonants) that carry the number.",
        {"phone_names": str(_PHONE_STEPS[0])},
        f"""
        WITH carried AS MATERIALIZED (
            SELECT node_id, hash(phone_1) AS phone, hash(name_skeleton) AS name FROM node WHERE phone_1 <> ''
            UNION ALL SELECT node_id, hash(phone_2), hash(name_skeleton) FROM node WHERE phone_2 <> ''
        ), several AS (
            SELECT phone FROM carried GROUP BY phone HAVING min(name) <> max(name)
        ), shared AS MATERIALIZED (
            SELECT * FROM carried SEMI JOIN several USING (phone)
        ), counted AS (
            SELECT phone, count(DISTINCT name) AS names FROM shared GROUP BY phone
        )
        SELECT node_id, {_stepped("max(names)", _PHONE_STEPS)} AS phone_names
        FROM shared JOIN counted USING (phone) GROUP BY node_id
        """,
    ),
    Statistic(
        "A name's rare word says more than all its common ones. A slip of the pen makes a word that nearly nobody "
        "carries (odd); two known names are two people's (Linh, Minh).",
        {"rare_words": _NO_WORDS, "odd_words": _NO_WORDS},
        f"""
        WITH word AS MATERIALIZED (
            SELECT node_id, word, hash(country, word) AS carried FROM (
                SELECT node_id, country, unnest(string_split(name_key, ' ')) AS word FROM node WHERE name_key <> ''
            )
        ), rare AS (
            SELECT carried, count(*) AS nodes FROM word GROUP BY carried HAVING count(*) <= {RARE_WORD}
        )
        SELECT node_id, list(word ORDER BY word) AS rare_words,
               list(word ORDER BY word) FILTER (nodes <= {ODD_WORD}) AS odd_words
        FROM word JOIN rare USING (carried) GROUP BY node_id
        """,
    ),
)


def make_features(con: duckdb.DuckDBPyConnection, rows: str) -> None:
    """Make table `feature`: record_id, node_id and the columns of FEATURES, a row for each of `rows`.

    Records with the same features have the same node_id (64 bits of MD5): a person with ten courses is one node.

    Args:
        con: Its current database takes `feature`.
        rows: A table or view with record_id, `apart`, and columns of TRAINING_LOG_COLUMNS.
    """
    _make_forms(con, "name_form", rows, ("full_name", "latin_name"), name_form_table)
    _make_forms(con, "suffix_form", rows, ("name_suffix",), _suffix_table)
    _make_forms(con, "place_form", rows, ("province", "district"), _place_table)
    _make_forms(con, "address_form", rows, ("address",), _address_table)
    con.execute(f"CREATE TABLE feature AS {_feature_sql(rows)}")
    con.execute("DROP TABLE name_form; DROP TABLE suffix_form; DROP TABLE place_form; DROP TABLE address_form")


def _suffix_table(columns: Sequence[str]) -> Any:
    return pa.table({"suffix": pa.array(map(read_suffix, columns), pa.string())})


def _place_table(places: Sequence[str]) -> Any:
    found = {"key": map(place_key, places), "script": map(name_script, places)}
    return pa.table({name: pa.array(values, pa.string()) for name, values in found.items()})


def _address_table(addresses: Sequence[str]) -> Any:
    found = {"numbers": map(address_numbers, addresses), "letters": map(address_letters, addresses)}
    return pa.table({name: pa.array(values, pa.string()) for name, values in found.items()})


def _make_forms(
    con: duckdb.DuckDBPyConnection,
    table: str,
    rows: str,
    columns: Sequence[str],
    make: Callable[[Sequence[str]], Any],
) -> None:
    """Make a table of the distinct texts (column `text`) of some columns, with the forms of each."""
    found = " UNION ".join(f"SELECT DISTINCT {name} AS text FROM {rows} WHERE {name} <> ''" for name in columns)
    texts = con.execute(found).to_arrow_table().column("text").combine_chunks()
    con.register("made_forms", make(texts.to_pylist()).add_column(0, "text", texts))
    try:
        con.execute(f"CREATE TABLE {table} AS SELECT * FROM made_forms")
    finally:
        con.unregister("made_forms")


def _feature_sql(rows: str) -> str:
    forms = ", ".join(
        f"coalesce({side}_form.{form}, '') AS {side}_{form}" for side in ("name", "alias") for form in NAME_FORMS
    )
    whole = ", ".join(f"'{status}'" for status in _WHOLE_NUMBER)
    text = ", ".join(f"coalesce({name}::VARCHAR, '')" for name in FEATURES)
    return f"""
    WITH given AS (
        SELECT
            record_id, {forms},
            coalesce(nullif(suffix_form.suffix, ''), nullif(name_form.suffix, ''), alias_form.suffix, '') AS suffix,
            coalesce(name_form.pairs, 0) | coalesce(alias_form.pairs, 0) AS name_pairs,
            birth_earliest AS earliest,
            -- many forms write "born in 1985" as 1 January 1985: of such a date only the year is known
            CASE
                WHEN birth_earliest = birth_latest AND month(birth_earliest) = 1 AND day(birth_earliest) = 1
                    THEN make_date(year(birth_earliest), 12, 31)
                ELSE birth_latest
            END AS latest,
            string_split(coalesce(phones, ''), ' ') AS phone,
            CASE WHEN national_id_status IN ({whole}) THEN coalesce(national_id, '') ELSE '' END AS national,
            CASE WHEN national_id_status = 'partial' THEN coalesce(national_id, '') ELSE '' END AS national_partial,
            CASE WHEN member_id <> '' THEN partner_id || ' ' || member_id ELSE '' END AS member,
            coalesce(email, '') AS email,
            coalesce(sex, '') AS sex,
            coalesce(province_form.key, '') AS province,
            coalesce(district_form.key, '') AS district,
            coalesce(province_form.script, '') AS place_script,
            coalesce(address_form.numbers, '') AS address_numbers,
            coalesce(address_form.letters, '') AS address_letters,
            coalesce(upper(regexp_replace(postcode, '[^0-9A-Za-z]', '', 'g')), '') AS postcode,
            coalesce(country_code, '') AS country,
            apart
        FROM {rows} AS record
        LEFT JOIN name_form ON name_form.text = record.full_name
        LEFT JOIN name_form AS alias_form ON alias_form.text = record.latin_name
        LEFT JOIN suffix_form ON suffix_form.text = record.name_suffix
        LEFT JOIN place_form AS province_form ON province_form.text = record.province
        LEFT JOIN place_form AS district_form ON district_form.text = record.district
        LEFT JOIN address_form ON address_form.text = record.address
    ), formed AS (
        SELECT
            * EXCLUDE (earliest, latest, phone),
            CASE WHEN earliest = latest THEN strftime(earliest, '%Y%m%d') ELSE '' END AS birth,
            (earliest - DATE '1970-01-01')::INTEGER AS birth_low,
            (latest - DATE '1970-01-01')::INTEGER AS birth_high,
            phone[1] AS phone_1,
            coalesce(phone[2], '') AS phone_2
        FROM given
    )
    SELECT record_id, {", ".join(FEATURES)}, md5_number_lower(concat_ws({_SEPARATOR}, {text})) AS node_id
    FROM formed
    """


def statistics_sql() -> str:
    """Return SQL: node_id and the columns of STATISTICS, for every row of table `node`."""
    joins = "".join(f" LEFT JOIN ({item.sql}) AS of_{place} USING (node_id)" for place, item in enumerate(STATISTICS))
    columns = ", ".join(
        f"coalesce(of_{place}.{name}, {otherwise}) AS {name}"
        for place, item in enumerate(STATISTICS)
        for name, otherwise in item.columns.items()
    )
    return f"SELECT node_id, {columns} FROM node{joins}"


def make_nodes(con: duckdb.DuckDBPyConnection, records: pd.DataFrame) -> pd.DataFrame:
    """Make table `node`, one row per distinct identity; returns record_id, node_id.

    Args:
        con: Its current database takes the tables.
        records: One row per record_id, columns of TRAINING_LOG_COLUMNS.
    """
    make_records(con, "record", records)
    make_features(con, "record")
    con.execute(f"CREATE TABLE node AS SELECT DISTINCT node_id, {', '.join(FEATURES)} FROM feature")
    add_statistics(con)
    members = con.execute("SELECT record_id, node_id FROM feature ORDER BY record_id").df()
    con.execute("DROP TABLE feature; DROP TABLE record")
    return members


def make_records(con: duckdb.DuckDBPyConnection, table: str, records: pd.DataFrame) -> None:
    """Make a table of records for linkage from a frame, typed as the vault types them."""
    from schemas.columns import COLUMNS, TRAINING_LOG_COLUMNS

    columns = ", ".join(f"CAST({name} AS {COLUMNS[name].type}) AS {name}" for name in TRAINING_LOG_COLUMNS)
    # sorting also makes a copy: DuckDB misreads object columns that are a view of another frame
    con.register("given_records", records[list(TRAINING_LOG_COLUMNS)].sort_values("record_id", ignore_index=True))
    try:
        con.execute(f"CREATE TABLE {table} AS SELECT {columns}, '' AS apart FROM given_records")
    finally:
        con.unregister("given_records")


def add_statistics(con: duckdb.DuckDBPyConnection) -> None:
    """Add the columns of STATISTICS to table `node`."""
    con.execute(f"CREATE TABLE counted AS {statistics_sql()}")
    con.execute("ALTER TABLE node RENAME TO bare_node")
    con.execute("CREATE TABLE node AS SELECT * FROM bare_node JOIN counted USING (node_id)")
    con.execute("DROP TABLE bare_node; DROP TABLE counted")
