"""What earlier releases said, as tables that SQL models read as `history.<table>` while a release is built.

Empty for the first release of a data folder: what came before is no part of what goes into a release.
"""

import datetime as dt
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from warehouse.release.reach_figures import Figures

if TYPE_CHECKING:
    import duckdb

# what models call it
HISTORY = "history"
# cause -> what it says; in the order in which they are taken
CAUSES = {
    "new_delivery": "rows of deliveries that had not been there",
    "corrected_delivery": "rows that a correction brought, changed or took away, or that were withdrawn",
    "contract": "rows read again because their partner's contract changed",
    "programme_rules": "rows read again under other rules of the programme, and another band of youth",
    "identity_merge": "two people found to be one by the linkage, from what partners sent",
    "identity_split": "one person found to be two by the linkage, from what partners sent",
    "judgement": "people brought together or told apart by somebody's judgement, or by its end",
    "model": "people brought together or told apart by other weights or code of the linkage",
    "program": "rows read, or figures counted, otherwise by another version of the program",
    "unrecorded": "everything, where no record was kept of what the earlier release was made of",
}
# by cause, what it added to the figure; a cause that is not named added nothing
Parts = Mapping[str, int]


@dataclass(frozen=True)
class Restatement:
    """A release set against an earlier one: the figures then, and what each cause added to them since.

    causes is None where the earlier release has no snapshot. What they leave open is the program's doing.
    """

    baseline: str
    release_number: int
    before: Figures
    causes: Mapping[tuple[str, str], Parts] | None


@dataclass(frozen=True)
class Reported:
    """What was officially reported: a frozen release's label, number, day of freezing and figures."""

    label: str
    release_number: int
    frozen_date: dt.date
    figures: Figures


@dataclass(frozen=True)
class History:
    """Everything that a release says of earlier ones; `unread`: sentences on what of them could not be read."""

    restatements: tuple[Restatement, ...] = ()
    reported: tuple[Reported, ...] = ()
    unread: tuple[str, ...] = ()


NO_HISTORY = History()
# of the causes that a snapshot can show: what is left open is told from the figures themselves
_FOUND = tuple(cause for cause in CAUSES if cause != "unrecorded")
_CAUSE_COLUMNS = ", ".join(f"{name} BIGINT" for name in _FOUND)
_DDL = f"""
CREATE TABLE {HISTORY}.restatement (baseline VARCHAR, baseline_release INTEGER, country_code VARCHAR,
    indicator_code VARCHAR, figure_before BIGINT, is_recorded BOOLEAN, {_CAUSE_COLUMNS});
CREATE TABLE {HISTORY}.reported (frozen_label VARCHAR, release_number INTEGER, frozen_date DATE, country_code VARCHAR,
    indicator_code VARCHAR, figure_reported BIGINT);
"""


@contextmanager
def history_tables(con: "duckdb.DuckDBPyConnection", history: History) -> Iterator[None]:
    """Attach the tables to the connection's database for the length of the block."""
    con.execute(f"ATTACH ':memory:' AS {HISTORY}")
    try:
        con.execute(_DDL)
        for table, rows in (("restatement", _restated(history)), ("reported", _reported(history))):
            if rows:
                marks = ", ".join("?" for _ in rows[0])
                con.executemany(f"INSERT INTO {HISTORY}.{table} VALUES ({marks})", rows)
        yield
    finally:
        con.execute(f"DETACH {HISTORY}")


def _restated(history: History) -> list[tuple[object, ...]]:
    rows: list[tuple[object, ...]] = []
    for item in history.restatements:
        causes = item.causes or {}
        indicators = {indicator for _, indicator in item.before}
        lines = {*item.before, *(line for line in causes if line[1] in indicators)}
        rows += [
            (
                item.baseline,
                item.release_number,
                country,
                indicator,
                # a country without a line had nobody
                item.before.get((country, indicator), 0),
                item.causes is not None,
                *(causes.get((country, indicator), {}).get(cause, 0) for cause in _FOUND),
            )
            for country, indicator in sorted(lines)
        ]
    return rows


def _reported(history: History) -> list[tuple[object, ...]]:
    return [
        (item.label, item.release_number, item.frozen_date, country, indicator, figure)
        for item in history.reported
        for (country, indicator), figure in sorted(item.figures.items())
    ]
