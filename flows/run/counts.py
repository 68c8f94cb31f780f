"""Counts the closing table of a run: one line for each country, from the vault."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import duckdb

COUNT_HEADINGS = (
    "country",
    "deliveries",
    "rows in",
    "accepted",
    "rejected",
    "superseded",
    "repeated",
    "sub-totals",
    "trainees",
)


@dataclass(frozen=True)
class CountryCounts:
    """One line of the closing table; `trainees` counts people who attended a course in the country."""

    country_code: str
    deliveries: int
    rows_in: int
    accepted: int
    rejected: int
    superseded: int
    repeated: int
    structural: int
    trainees: int


def country_counts(con: "duckdb.DuckDBPyConnection") -> tuple[CountryCounts, ...]:
    """Return one line for each country of the vault, sorted: its deliveries, rows by disposition, and trainees."""
    rows = con.execute(
        """
        WITH people AS (
            SELECT record.country_code, count(DISTINCT register.trainee_id) AS trainees
            FROM record JOIN register USING (record_id)
            WHERE record.disposition = 'accepted'
            GROUP BY ALL
        ), counted AS (
            SELECT country_code, count(*) AS deliveries, sum(rows_in)::INTEGER AS rows_in,
                   sum(rows_accepted)::INTEGER AS accepted, sum(rows_rejected)::INTEGER AS rejected,
                   sum(rows_superseded)::INTEGER AS superseded, sum(rows_repeated)::INTEGER AS repeated,
                   sum(rows_structural)::INTEGER AS structural
            FROM delivery
            GROUP BY ALL
        )
        SELECT counted.*, coalesce(people.trainees, 0)
        FROM counted LEFT JOIN people USING (country_code)
        ORDER BY country_code
        """
    ).fetchall()
    return tuple(CountryCounts(*row) for row in rows)
