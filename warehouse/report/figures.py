"""Reads the figures of one release that a report shows, each from the published table that has it.

A figure is kept as the table has it: its people, what they are a part of, and that in words.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from functools import cached_property
from typing import Any, TypeVar

import duckdb

from warehouse.report.published_rows import (
    Band,
    Count,
    Course,
    Definition,
    Finding,
    Frozen,
    Linkage,
    Outcome,
    Overlap,
    Partner,
    Quality,
    Reach,
    Rejection,
    ReleaseRow,
    Restatement,
    Samples,
    Target,
)

ALL = "ALL"
NOT_STATED = "not stated"
REACHED, FIRST_REACHED = "people_reached", "people_first_reached"


class ReportError(RuntimeError):
    """A report cannot be made; the message says why and what to do."""


@dataclass(frozen=True)
class Figures:
    """Everything of a release that a report shows.

    countries: name by code, those with a line of reach. outcomes, restatements, frozen, findings: None where the
    release has no such table.
    """

    release: ReleaseRow
    countries: Mapping[str, str]
    reach: Mapping[str, Reach]
    counts: tuple[Count, ...]
    targets: tuple[Target, ...]
    courses: tuple[Course, ...]
    course_titles: Mapping[str, str]
    quality: tuple[Quality, ...]
    rejections: tuple[Rejection, ...]
    overlaps: tuple[Overlap, ...]
    linkage: tuple[Linkage, ...]
    partners: tuple[Partner, ...]
    bands: tuple[Band, ...]
    catalogue: tuple[Definition, ...]
    samples: Samples
    outcomes: tuple[Outcome, ...] | None
    restatements: tuple[Restatement, ...] | None
    frozen: tuple[Frozen, ...] | None
    findings: tuple[Finding, ...] | None

    @cached_property
    def _by_place(self) -> dict[tuple[str, str, str, str], list[Count]]:
        found: dict[tuple[str, str, str, str], list[Count]] = {}
        for count in self.counts:
            key = (count.country_code, count.quarter, count.dimension, count.indicator_code)
            found.setdefault(key, []).append(count)
        return found

    @property
    def quarters(self) -> tuple[str, ...]:
        """Quarters in which anybody attended, in order."""
        found = {count.quarter for count in self.counts if count.dimension == "all" and count.quarter != ALL}
        return tuple(sorted(found))

    def of(self, country: str, dimension: str, *, quarter: str = ALL, indicator: str = REACHED) -> dict[str, Count]:
        """Return the counts of a dimension by category; a category without people has none."""
        found = self._by_place.get((country, quarter, dimension, indicator), [])
        return {count.dimension_value: count for count in found}

    def name_of(self, code: str) -> str:
        """Return the name of a country, or of all; the code of one that the release does not know."""
        return "All countries" if code == ALL else self.countries.get(code, code)

    def people(self, country: str, quarter: str, indicator: str) -> int:
        """Return how many people of all categories; 0 where the table has no line."""
        found = self.of(country, "all", quarter=quarter, indicator=indicator)
        return found["all"].people if "all" in found else 0

    def linkage_of(self, country: str) -> Linkage | None:
        """Return how sure the count of a country is, names in every script; None where nobody is counted."""
        found = [line for line in self.linkage if (line.country_code, line.script) == (country, ALL)]
        return found[0] if found and found[0].people_found else None

    def current_bands(self, band_set: str | None = None) -> tuple[Band, ...]:
        """Return the bands of age in force; of youth with `band_set` youth."""
        return tuple(
            band for band in self.bands if band.is_current and (band.band_set == "youth") == (band_set == "youth")
        )


_Row = TypeVar("_Row")

# dimensions of report_reach_by that a report shows
_DIMENSIONS = (
    "all",
    "sex",
    "age_band",
    "is_youth",
    "trainee_type",
    "has_disability",
    "is_indigenous",
    "is_rural",
    "partner_id",
    "sex x age_band",
    "sex x trainee_type",
)


def read_figures(con: duckdb.DuckDBPyConnection) -> Figures:
    """Read the figures of the release that `con` is open on.

    Raises:
        ReportError: It lacks a table that every release of this program has.
    """
    tables = {name for (name,) in con.execute("SELECT table_name FROM duckdb_tables() WHERE NOT temporary").fetchall()}
    missing = {"report_reach_by", "report_target", "report_course", "catalogue", "release"} - tables
    if missing:
        raise ReportError(
            f"the release has no table {', '.join(sorted(missing))}: an earlier program published it; "
            "run the pipeline, and report on the release that it publishes"
        )
    bands = _read(con, Band, "core_band", "band_set, from_age, to_age")
    youth = [band.band_code for band in bands if band.band_set == "youth"]
    shown = ", ".join(f"'{name}'" for name in (*_DIMENSIONS, *youth))
    reach = {line.country_code: line for line in _read(con, Reach, "report_reach", "country_code")}
    names = dict(con.execute("SELECT country_code, country_name FROM core_country ORDER BY country_code").fetchall())
    return Figures(
        release=_read(con, ReleaseRow, "release", "release_number")[0],
        countries={code: names[code] for code in reach if code != ALL},
        reach=reach,
        counts=_read(
            con,
            Count,
            "report_reach_by",
            "country_code, quarter, dimension, dimension_value, indicator_code",
            where=f"dimension IN ({shown})",
        ),
        targets=_read(con, Target, "report_target", "target_code", where="is_latest"),
        courses=_read(con, Course, "report_course", "country_code, quarter, course_code", where="quarter = 'ALL'"),
        course_titles=dict(con.execute("SELECT course_code, course_title FROM core_course ORDER BY 1").fetchall()),
        quality=_read(con, Quality, "report_data_quality", "partner_id, month"),
        rejections=_read(con, Rejection, "report_rejection", "partner_id, month, reason_code"),
        overlaps=_read(con, Overlap, "report_partner_overlap", "partner_id, other_partner_id"),
        linkage=_read(con, Linkage, "identity_quality", "country_code, script"),
        partners=_read(con, Partner, "core_partner", "partner_id"),
        bands=bands,
        catalogue=_read(con, Definition, "catalogue", "indicator_code"),
        samples=_read_samples(con),
        outcomes=(
            _read(con, Outcome, "report_outcome", "survey_round, indicator_code, dimension, dimension_value")
            if "report_outcome" in tables
            else None
        ),
        restatements=_read_restatements(con) if "report_restatement" in tables else None,
        frozen=(
            _read(con, Frozen, "report_frozen", "frozen_date, frozen_label, country_code, indicator_code")
            if "report_frozen" in tables
            else None
        ),
        findings=(
            _read(con, Finding, "report_finding", "partner_id, month, finding_code, subject")
            if "report_finding" in tables
            else None
        ),
    )


def _read(
    con: duckdb.DuckDBPyConnection, kind: type[_Row], table: str, order: str, where: str = "TRUE"
) -> tuple[_Row, ...]:
    """Rows of a table as objects whose fields are its columns."""
    names = ", ".join(field.name for field in fields(kind))  # type: ignore[arg-type]
    # names of our own
    sql = f"SELECT {names} FROM {table} WHERE {where} ORDER BY {order}"  # noqa: S608
    return tuple(kind(*row) for row in con.execute(sql).fetchall())


def _read_restatements(con: duckdb.DuckDBPyConnection) -> tuple[Restatement, ...]:
    names = [field.name for field in fields(Restatement)][:-1]
    causes = [name for name, *_ in con.execute("DESCRIBE report_restatement").fetchall() if name.startswith("by_")]
    # names of our own
    sql = f"SELECT {', '.join((*names, *causes))} FROM report_restatement ORDER BY 1, 3, 4"  # noqa: S608
    return tuple(
        Restatement(**dict(zip(names, row, strict=False)), causes=dict(zip(causes, row[len(names) :], strict=True)))
        for row in con.execute(sql).fetchall()
    )


def _read_samples(con: duckdb.DuckDBPyConnection) -> Samples:
    columns = {name for name, *_ in con.execute("DESCRIBE core_delivery").fetchall()}
    counting = "SELECT {} FROM core_delivery WHERE rows_accepted > 0 {}"
    (deliveries,) = _one(con.execute(counting.format("count(*)", "")))
    if "is_sample" not in columns:
        return Samples(deliveries, None)
    partners = con.execute(counting.format("DISTINCT partner_id", "AND is_sample ORDER BY partner_id")).fetchall()
    (samples,) = _one(con.execute(counting.format("count(*)", "AND is_sample")))
    return Samples(deliveries, samples, tuple(name for (name,) in partners))


def _one(result: duckdb.DuckDBPyConnection) -> tuple[Any, ...]:
    row = result.fetchone()
    if row is None:
        raise ReportError("the release does not answer; publish it again")
    return row


def add_up(lines: Iterable[Any], name: str) -> int:
    """Return the sum of a column that may be added up: rows, deliveries."""
    return sum(getattr(line, name) for line in lines)
