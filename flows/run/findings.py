"""Reads from a release what an officer should look at: findings about new deliveries, and overdue deliveries."""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from warehouse.storage.sql_literals import literal


@dataclass(frozen=True)
class RunFinding:
    """One thing to look at, a row of `report_finding`."""

    partner_id: str
    finding_code: str
    subject: str
    finding_text: str

    def __str__(self) -> str:
        return f"{self.partner_id}, {self.subject} [{self.finding_code}]: {self.finding_text}"


# already reported in full as failures of the run
_REPORTED_AS_FAILURES = ("failed", "held")


def read_findings(release: Path, delivery_ids: Sequence[str], today: dt.date | None = None) -> tuple[RunFinding, ...]:
    """Return the findings about some deliveries and their periods, and one finding for each partner that is overdue.

    Args:
        release: The current release.
        delivery_ids: Deliveries that this run read.
        today: Deliveries that were due before this day are overdue; today by the clock if None.

    Raises:
        QueryError: the release cannot be read.
    """
    import duckdb

    from warehouse.release.query import QueryError

    try:
        return _read(release, delivery_ids, today or dt.datetime.now(dt.UTC).date())
    except duckdb.Error as error:
        raise QueryError(f"{release}: cannot be read ({type(error).__name__}); see `godigital doctor`") from error


def _read(release: Path, delivery_ids: Sequence[str], day: dt.date) -> tuple[RunFinding, ...]:
    from warehouse.release.query import open_release

    with open_release(release) as con:
        names = {name for (name,) in con.execute("SELECT table_name FROM duckdb_tables()").fetchall()}
        if not {"report_finding", "report_due"} <= names:
            # the current release was made by an earlier version of the program
            return ()
        read = ", ".join(literal(delivery) for delivery in delivery_ids) or "NULL"
        rows = con.execute(
            f"""
            WITH read AS (SELECT delivery_id, partner_id, period FROM core_delivery WHERE delivery_id IN ({read}))
            SELECT DISTINCT finding.partner_id, finding_code, subject, finding_text
            FROM report_finding AS finding
            JOIN read ON read.partner_id = finding.partner_id
                AND (read.delivery_id = finding.subject OR (read.period = finding.subject AND finding_code = 'late'))
            WHERE finding_code NOT IN {_REPORTED_AS_FAILURES}
            UNION ALL
            SELECT partner_id, 'silent', arg_min(period, delivery_due),
                'nothing came; it was due on ' || min(delivery_due)
                || CASE WHEN count(*) > 1 THEN ', and ' || count(*) - 1 || ' more up to ' || max(period) ELSE '' END
            FROM report_due WHERE date_received IS NULL AND delivery_due < DATE {literal(day.isoformat())}
            GROUP BY partner_id
            ORDER BY ALL
            """  # noqa: S608 - literals
        ).fetchall()
    return tuple(RunFinding(*row) for row in rows)
