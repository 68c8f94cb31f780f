"""From a published figure down to the deliveries and rows that it is made of.

Traced is a release as it was published, by its own snapshot and its own definitions, whatever the vault holds by now.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import duckdb

from warehouse.lineage.figure_names import Cell, CellError, find_cell
from warehouse.release.releases import require_release
from warehouse.release.snapshots import SnapshotError, read_about, records_of, require_snapshot
from warehouse.storage.sql_literals import literal

# what makes up a figure: different people, rows, hours of rows, or rows that only the delivery's counts know of
Measure = Literal["people", "rows", "hours", "counts"]
ROW_COLUMNS = (
    "delivery",
    "file",
    "sheet",
    "row_number",
    "source_id",
    "partner_id",
    "country_code",
    "course_code",
    "training_date",
    "hours",
    "trainee_id",
    "record_id",
    # whether the row is the one by which its person, or the row itself, is counted
    "is_counted",
)
# the dispositions of rows that the vault knows, by the column of report_data_quality that counts them
_DISPOSITIONS = {
    "rows_rejected": ("rejected",),
    "rows_superseded": ("superseded",),
    "rows_repeated": ("repeated",),
    "rows_in": ("accepted", "rejected", "superseded", "repeated"),
    # sub-totals and footers are not kept, only counted
    "rows_structural": (),
}
_OF_PERSON = {
    "sex": "coalesce(person.sex, 'not stated')",
    "age_band": "coalesce(person.age_band, 'not stated')",
    "is_youth": "stated(person.is_youth)",
    "trainee_type": "coalesce(person.trainee_type, 'not stated')",
    "has_disability": "stated(person.has_disability)",
    "is_indigenous": "stated(person.is_indigenous)",
    "is_rural": "stated(person.is_rural)",
    "partner_id": "record.partner_id",
    "course_code": "record.course_code",
}
_REACHED = {
    "trainees": "TRUE",
    "women": "person.sex = 'F'",
    "youth": "person.is_youth",
    "msme_owners": "person.trainee_type = 'msme_owner'",
    "job_seekers": "person.trainee_type = 'job_seeker'",
    "with_disability": "person.has_disability",
    "indigenous": "person.is_indigenous",
    "rural": "person.is_rural",
}
_LACKING = {
    "rows_accepted": "TRUE",
    "rows_flagged": "record.flags <> ''",
    "rows_without_birth_date": "record.birth_date IS NULL",
    "rows_without_age": "record.birth_earliest IS NULL",
    "rows_without_sex": "coalesce(record.sex, '') = ''",
    "rows_without_phone": "NOT record.has_phone",
}


@dataclass(frozen=True)
class DeliveryPart:
    """What one delivery contributes: rows, people in them, and what it adds to the figure; the last adds up."""

    delivery_id: str
    partner_id: str
    name: str
    period: str | None
    date_received: str
    rows: int
    people: int | None
    counted: float


@dataclass(frozen=True)
class Trace:
    """A figure and what it is made of.

    rows: columns ROW_COLUMNS; None where they have to be fetched from the vault (`rows_of_vault`) or are not kept.
    """

    cell: Cell
    release_number: int
    measure: Measure
    people: int | None
    traced: float
    deliveries: tuple[DeliveryPart, ...]
    rows: tuple[tuple[Any, ...], ...] | None

    @property
    def agrees(self) -> bool:
        """Whether what was found adds up to what was published."""
        return self.traced == self.cell.value


@dataclass(frozen=True)
class _Query:
    """Which rows make a figure up: a condition over record and person, and what is counted of them."""

    measure: Measure
    condition: str
    values: Sequence[Any] = ()
    # a condition on all rows found by the first one
    then: str = "TRUE"
    then_values: Sequence[Any] = field(default_factory=tuple)


def trace(data: Path, release_number: int, release: Path, words: Sequence[str]) -> Trace:
    """Return what a figure of a release is made of.

    Args:
        data: The data folder.
        release_number: The release.
        release: Its file.
        words: The figure as somebody typed it; see `warehouse.lineage.figure_names`.

    Raises:
        CellError: there is no such figure.
        PublishError: there is no such release, or its manifest cannot be read.
        SnapshotError: no record was kept of what the release was made of, or the record or the release is damaged.
    """
    snapshot = require_snapshot(data, release_number, require_release(data, release_number).manifest)
    with _open(release) as con:
        cell = find_cell(con, words)
        _load(con, snapshot)
        if cell.table == "report_data_quality" and cell.figure in _DISPOSITIONS:
            return _by_counts(con, cell, release_number)
        return _by_rows(con, cell, release_number, _query(con, cell))


@contextmanager
def _open(release: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    con = duckdb.connect()
    try:
        con.execute(f"ATTACH {literal(str(release.resolve()))} AS release (READ_ONLY); USE release")
        yield con
    except duckdb.IOException as error:
        raise SnapshotError(
            f"{release}: the release cannot be read ({type(error).__name__}); restore it from the backup"
        ) from error
    finally:
        con.close()


def _load(con: duckdb.DuckDBPyConnection, snapshot: Path) -> None:
    about = read_about(con, snapshot)
    con.execute(f"CREATE TEMP VIEW record AS SELECT * FROM {records_of(snapshot)}")
    con.execute(
        "CREATE TEMP TABLE sent (delivery_id VARCHAR, partner_id VARCHAR, name VARCHAR, period VARCHAR, "
        "date_received DATE, rows_in INTEGER, rows_rejected INTEGER, rows_superseded INTEGER, rows_repeated INTEGER, "
        "rows_structural INTEGER)"
    )
    names = [column[0] for column in con.execute("DESCRIBE sent").fetchall()]
    rows = [[delivery[name] for name in names] for delivery in about.deliveries.values()]
    if rows:
        con.executemany(f"INSERT INTO sent VALUES ({', '.join('?' for _ in names)})", rows)


def _query(con: duckdb.DuckDBPyConnection, cell: Cell) -> _Query:
    if cell.table == "report_reach":
        place, values = _in_country(cell.keys["country_code"])
        return _Query("people", f"{place} AND {_REACHED[cell.figure]}", values)
    if cell.table == "report_reach_by":
        return _reached_by(con, cell.keys)
    if cell.table == "report_course":
        return _of_course(cell)
    if cell.table == "report_target":
        return _of_target(con, cell)
    if cell.table == "report_data_quality":
        return _Query(
            "rows",
            f"record.partner_id = ? AND strftime(record.date_received, '%Y-%m') = ? AND {_LACKING[cell.figure]}",
            [cell.keys["partner_id"], cell.keys["month"]],
        )
    raise CellError(f"{cell.table}: figures of this table cannot be traced")


def _in_country(country: str) -> tuple[str, list[str]]:
    return ("TRUE", []) if country == "ALL" else ("record.country_code = ?", [country])


def _reached_by(con: duckdb.DuckDBPyConnection, keys: Mapping[str, str]) -> _Query:
    place, values = _in_country(keys["country_code"])
    conditions = [place]
    if keys["dimension"] != "all":
        dimensions, categories = keys["dimension"].split(" x "), keys["dimension_value"].split(" x ")
        for dimension, category in zip(dimensions, categories, strict=True):
            conditions.append(f"{_expression(con, dimension)} = ?")
            values.append(category)
    within = " AND ".join(conditions)
    quarter = keys["quarter"]
    if keys["indicator_code"] == "people_first_reached":
        return _Query("people", within, values, "quarter = ? AND first_quarter = ?", [quarter, quarter])
    if quarter == "ALL":
        return _Query("people", within, values)
    return _Query("people", within, values, "quarter = ?", [quarter])


def _expression(con: duckdb.DuckDBPyConnection, dimension: str) -> str:
    if dimension in _OF_PERSON:
        return _OF_PERSON[dimension]
    band = con.execute(
        "SELECT from_age, to_age FROM core_band WHERE band_set = 'youth' AND band_code = ?", [dimension]
    ).fetchone()
    if band is None:
        raise CellError(f"{dimension}: people cannot be told apart by this")
    upper = "NULL" if band[1] is None else int(band[1])
    return f"stated(in_band(person.age_lowest, person.age_highest, {int(band[0])}, {upper}))"


def _of_course(cell: Cell) -> _Query:
    measures: dict[str, tuple[Measure, str]] = {
        "trainees": ("people", "TRUE"),
        "participations": ("rows", "TRUE"),
        "participations_with_hours": ("rows", "record.hours IS NOT NULL"),
        "hours_attended": ("hours", "record.hours IS NOT NULL"),
    }
    measure, condition = measures[cell.figure]
    place, values = _in_country(cell.keys["country_code"])
    conditions = [place, condition]
    for name, column in (("course_code", "record.course_code"), ("quarter", "quarter_of(record.training_date)")):
        if cell.keys[name] != "ALL":
            conditions.append(f"{column} = ?")
            values.append(cell.keys[name])
    return _Query(measure, " AND ".join(conditions), values)


def _of_target(con: duckdb.DuckDBPyConnection, cell: Cell) -> _Query:
    row = con.execute(
        "SELECT country_code, indicator_code, band_code FROM report_target WHERE target_code = ? AND quarter = ?",
        [cell.keys["target_code"], cell.keys["quarter"]],
    ).fetchone()
    if row is None:
        raise CellError(f"{cell.name}: there is no such line")
    country, indicator, band = row
    place, values = _in_country(country)
    conditions = [place, "quarter_of(record.training_date) <= ?"]
    values.append(cell.keys["quarter"])
    if cell.figure == "people" and indicator == "women_share":
        conditions.append(_REACHED["women"])
    if cell.figure == "people" and indicator == "youth_share":
        conditions.append(f"{_expression(con, band)} = 'yes'")
    return _Query("people", " AND ".join(conditions), values)


def _by_rows(con: duckdb.DuckDBPyConnection, cell: Cell, number: int, query: _Query) -> Trace:
    once = (
        "row_number() OVER (PARTITION BY trainee_id ORDER BY training_date, partner_id, date_received, record_id) = 1"
    )
    counted = once if query.measure == "people" else "TRUE"
    # conditions of our own; values are bound
    con.execute(
        f"""
        CREATE TEMP TABLE found AS
        SELECT *, {counted} AS is_counted FROM (
            SELECT
                record.*,
                quarter_of(record.training_date) AS quarter,
                quarter_of_number(
                    min(quarter_number(record.training_date)) OVER (PARTITION BY record.trainee_id)
                ) AS first_quarter
            FROM record JOIN core_trainee AS person ON person.trainee_id = record.trainee_id
            WHERE {query.condition}
        ) WHERE {query.then}
        """,
        [*query.values, *query.then_values],
    )
    measured = {
        "people": "count(*) FILTER (WHERE is_counted)",
        "rows": "count(*)",
        "hours": "hours_attended(hours)",
    }[query.measure]
    parts = con.execute(
        f"""
        SELECT found.delivery_id, any_value(found.partner_id), coalesce(any_value(sent.name), ''),
               any_value(sent.period), CAST(any_value(found.date_received) AS VARCHAR), count(*),
               count(DISTINCT trainee_id), {measured}
        FROM found LEFT JOIN sent ON sent.delivery_id = found.delivery_id
        GROUP BY found.delivery_id ORDER BY 2, any_value(found.date_received), 3, 1
        """
    ).fetchall()
    people, traced = con.execute(f"SELECT count(DISTINCT trainee_id), {measured} FROM found").fetchall()[0]
    columns = ", ".join("coalesce(sent.name, '')" if name == "delivery" else f"found.{name}" for name in ROW_COLUMNS)
    rows = con.execute(
        f"""
        SELECT {columns} FROM found LEFT JOIN sent ON sent.delivery_id = found.delivery_id
        ORDER BY found.partner_id, found.date_received, 1, found.file, found.sheet, found.row_number, found.record_id
        """
    ).fetchall()
    return Trace(cell, number, query.measure, people, traced, tuple(DeliveryPart(*part) for part in parts), tuple(rows))


def _by_counts(con: duckdb.DuckDBPyConnection, cell: Cell, number: int) -> Trace:
    parts = con.execute(
        f"""
        SELECT delivery_id, partner_id, name, period, CAST(date_received AS VARCHAR), {cell.figure}, NULL, {cell.figure}
        FROM sent WHERE partner_id = ? AND strftime(date_received, '%Y-%m') = ? ORDER BY date_received, name, 1
        """,
        [cell.keys["partner_id"], cell.keys["month"]],
    ).fetchall()
    deliveries = tuple(DeliveryPart(*part) for part in parts)
    return Trace(cell, number, "counts", None, sum(part.counted for part in deliveries), deliveries, None)


VAULT_ROW_COLUMNS = ("delivery", "file", "sheet", "row_number", "source_id", "disposition", "reasons", "record_id")


def rows_of_vault(vault: duckdb.DuckDBPyConnection, found: Trace) -> tuple[list[tuple[Any, ...]], list[str]]:
    """Return rows that did not count, as the vault has them, and the deliveries that have changed since the release.

    Columns VAULT_ROW_COLUMNS. Sub-totals and footers are not kept: of them there are none.
    """
    wanted = _DISPOSITIONS[found.cell.figure]
    if not wanted:
        return [], []
    rows: list[tuple[Any, ...]] = []
    changed: list[str] = []
    columns = "delivery.name, file, sheet, row_number, source_id, disposition"
    for part in found.deliveries:
        here = vault.execute(
            f"""
            SELECT {columns}, reasons, record_id FROM (
                SELECT delivery_id, file, sheet, row_number, source_id, disposition, '' AS reasons, record_id, ordinal
                FROM record WHERE delivery_id = $1
                UNION ALL
                SELECT delivery_id, file, sheet, row_number, source_id, disposition, reasons, record_id, ordinal
                FROM rejected_row WHERE delivery_id = $1
            ) AS kept JOIN delivery USING (delivery_id)
            WHERE list_contains($2, disposition) ORDER BY ordinal
            """,
            [part.delivery_id, list(wanted)],
        ).fetchall()
        structural = vault.execute("SELECT rows_structural FROM delivery WHERE delivery_id = ?", [part.delivery_id])
        not_kept = structural.fetchone() if found.cell.figure == "rows_in" else (0,)
        if len(here) + (not_kept[0] if not_kept else 0) != part.rows:
            changed.append(part.name)
        rows += here
    return rows, changed
