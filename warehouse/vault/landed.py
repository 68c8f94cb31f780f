"""Which files have landed, and what each source held at the last pull."""

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Any

import duckdb


def register_landed(con: duckdb.DuckDBPyConnection, rows: Sequence[Sequence[Any]]) -> None:
    """Remember files as they were seen, (columns of `landed_file`); the first sighting of each is kept."""
    # whatever binds a parameter makes the engine import pandas, a second: most runs find nothing new to write
    seen = set(con.execute("SELECT partner_id, source, file_name, sha256 FROM landed_file").fetchall())
    new = [list(row) for row in rows if (row[0], row[3], row[2], row[7]) not in seen]
    if new:
        # of two versions of a file the one pulled last counts, whatever a clock that was set back says of it
        latest = con.execute("SELECT max(pulled_at) FROM landed_file").fetchall()[0][0]
        for row in new:
            if latest is not None and row[9] <= latest:
                row[9] = latest + dt.timedelta(microseconds=1)
        con.executemany("INSERT INTO landed_file VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", new)


def known_sightings(con: duckdb.DuckDBPyConnection) -> dict[tuple[str, str], list[tuple[Any, ...]]]:
    """Return (partner_id, source) -> name, version, size, sha256, date_received of every file last seen there."""
    found: dict[tuple[str, str], list[tuple[Any, ...]]] = {}
    for row in con.execute("SELECT * FROM sighting ORDER BY partner_id, source, file_name").fetchall():
        found.setdefault((row[0], row[1]), []).append(row[2:])
    return found


def register_sightings(
    con: duckdb.DuckDBPyConnection, seen: Mapping[tuple[str, str], Sequence[tuple[Any, ...]]]
) -> None:
    """Replace what is remembered of some sources; (partner_id, source) -> rows as `known_sightings` gives them.

    The caller holds the transaction in which the same files are registered as landed.
    """
    known = known_sightings(con)
    for (partner_id, source), rows in seen.items():
        if sorted(rows, key=str) == sorted(known.get((partner_id, source), []), key=str):
            # as it was; and binding a parameter is not free
            continue
        con.execute("DELETE FROM sighting WHERE partner_id = ? AND source = ?", [partner_id, source])
        if rows:
            con.executemany(
                "INSERT INTO sighting VALUES (?, ?, ?, ?, ?, ?, ?)", [[partner_id, source, *row] for row in rows]
            )


def landed_rows(con: duckdb.DuckDBPyConnection) -> dict[str, list[tuple[Any, ...]]]:
    """Return partner_id -> rows of `landed_file` in the order of its columns."""
    found: dict[str, list[tuple[Any, ...]]] = {}
    for row in con.execute("SELECT * FROM landed_file ORDER BY partner_id, file_name, pulled_at, source").fetchall():
        found.setdefault(row[0], []).append(row)
    return found


def known_deliveries(con: duckdb.DuckDBPyConnection) -> dict[str, dict[str, str]]:
    """Return partner_id -> delivery_id -> reading_hash of the deliveries that have been read."""
    found: dict[str, dict[str, str]] = {}
    for partner_id, delivery_id, reading_hash in con.execute(
        "SELECT partner_id, delivery_id, reading_hash FROM delivery"
    ).fetchall():
        found.setdefault(partner_id, {})[delivery_id] = reading_hash
    return found
