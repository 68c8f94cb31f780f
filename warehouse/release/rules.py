"""The programme's rules and the indicators in words as tables, which SQL models read as `programme.<table>`.

They live in memory for as long as a release is built; what readers need of them is published by a model.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from warehouse.release.indicators import load_catalogue

if TYPE_CHECKING:
    import duckdb

    from schemas.programme import Programme

# what models call it
PROGRAMME = "programme"
_DDL = """
CREATE TABLE programme.band (band_set VARCHAR, band_code VARCHAR, from_age INTEGER, to_age INTEGER,
                             is_current BOOLEAN, band_source VARCHAR);
CREATE TABLE programme.country (country_code VARCHAR, country_name VARCHAR);
CREATE TABLE programme.target (target_code VARCHAR, country_code VARCHAR, indicator_code VARCHAR, band_code VARCHAR,
                               target_value DOUBLE, due_date DATE, replaces VARCHAR, target_source VARCHAR);
CREATE TABLE programme.indicator (indicator_code VARCHAR, indicator_title VARCHAR, numerator VARCHAR,
                                  denominator_text VARCHAR, unit VARCHAR, disaggregation VARCHAR,
                                  may_be_added_over VARCHAR, is_additive BOOLEAN, indicator_source VARCHAR);
"""


def default_programme(programme: "Programme | None") -> "Programme":
    """Return the rules that are given, those of the project without any."""
    if programme is None:
        # what only reads a release again needs no rules
        from schemas.programme import load_programme

        return load_programme()
    return programme


@contextmanager
def programme_tables(con: "duckdb.DuckDBPyConnection", programme: "Programme") -> Iterator[None]:
    """Attach the tables to the connection's database for the length of the block."""
    con.execute(f"ATTACH ':memory:' AS {PROGRAMME}")
    try:
        con.execute(_DDL)
        for table, rows in _rows(programme).items():
            if rows:
                marks = ", ".join("?" for _ in rows[0])
                con.executemany(f"INSERT INTO {PROGRAMME}.{table} VALUES ({marks})", rows)
        yield
    finally:
        con.execute(f"DETACH {PROGRAMME}")


def band_rows(programme: "Programme") -> list[tuple[str, str, int, int | None, bool, str]]:
    """Return every band as set, code, lowest and highest age, whether it is in force, and where it was used."""
    youth = [
        ("youth", code, band.from_age, band.to_age, code == programme.youth_band, band.source)
        for code, band in programme.youth_bands.items()
    ]
    ages = [
        (name, band.label, band.from_age, band.to_age, name == programme.age_band_set, "reports of this programme")
        for name, bands in programme.age_bands.items()
        for band in bands
    ]
    return [*youth, *ages]


def _rows(programme: "Programme") -> dict[str, Sequence[Sequence[object]]]:
    return {
        "band": band_rows(programme),
        "country": [(code, country.name) for code, country in programme.countries.items()],
        "target": [
            (
                code,
                target.country,
                target.indicator,
                target.band,
                target.value,
                target.due,
                target.replaces,
                target.source,
            )
            for code, target in programme.targets.items()
        ],
        "indicator": [
            (
                item.code,
                item.title,
                item.numerator,
                item.denominator,
                item.unit,
                item.disaggregation,
                item.may_be_added_over,
                item.is_additive,
                item.source,
            )
            for item in load_catalogue()
        ],
    }
