"""The figures that are compared between releases: those of report_reach, and participations.

Read from a published release, whatever version of the program built it.
"""

from pathlib import Path

import duckdb

from warehouse.release.query import QueryError, open_release

# indicator of the catalogue -> column of report_reach
REACH_COLUMNS = {
    "people_reached": "trainees",
    "women": "women",
    "youth": "youth",
    "msme_owners": "msme_owners",
    "job_seekers": "job_seekers",
    "with_disability": "with_disability",
    "indigenous": "indigenous",
    "rural": "rural",
}
PARTICIPATIONS = "participations"
INDICATORS = (*REACH_COLUMNS, PARTICIPATIONS)

# (country or ALL, indicator) -> people; participations are attendances
Figures = dict[tuple[str, str], int]


def reach_figures(con: duckdb.DuckDBPyConnection, schema: str = "main") -> Figures:
    """Return the figures of the table report_reach in a schema; a column that is not there is left out."""
    found = con.execute(f"SELECT * FROM {schema}.report_reach")
    names = [str(column[0]) for column in found.description or ()]
    rows = [dict(zip(names, row, strict=True)) for row in found.fetchall()]
    return {
        (row["country_code"], indicator): int(row[column])
        for row in rows
        for indicator, column in REACH_COLUMNS.items()
        if column in row
    }


def published_figures(release: Path) -> Figures:
    """Return the figures of a release; those that its program did not publish yet are left out.

    Raises:
        QueryError: the file cannot be read.
    """
    try:
        return _figures_in(release)
    except duckdb.Error as error:
        raise QueryError(
            f"{release}: the release cannot be read ({type(error).__name__}); restore it from the backup"
        ) from error


def _figures_in(release: Path) -> Figures:
    # an engine of its own: whoever else reads the file in this process may have opened it otherwise
    with open_release(release) as con:
        figures = reach_figures(con)
        tables = {name for (name,) in con.execute("SELECT table_name FROM duckdb_tables()").fetchall()}
        if "report_course" in tables:
            # no line of nothing in that table: a country without attendances has none of them
            figures |= dict.fromkeys(((country, PARTICIPATIONS) for country, _ in figures), 0)
            attended = con.execute(
                "SELECT country_code, participations FROM report_course WHERE quarter = 'ALL' AND course_code = 'ALL'"
            ).fetchall()
            figures |= {(country, PARTICIPATIONS): count for country, count in attended}
    return figures
