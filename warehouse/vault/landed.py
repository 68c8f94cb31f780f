"""Which files have landed, and what each source held at the last pull."""

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    import duckdb


class Landed(NamedTuple):
    """One file as it was seen at a source, a row of `landed_file`; several may share the bytes of one landed file."""

    partner_id: str
    country_code: str
    file_name: str
    source: str
    is_sample: bool
    date_received: dt.date
    size: int
    sha256: str
    landed_path: str
    pulled_at: dt.datetime
    # a workbook of bad rows that the partner corrected; known by what is in it
    is_return: bool = False


class FileState(NamedTuple):
    """The state of one file at the last pull that was loaded; for a form, `size` is the number of submissions."""

    name: str
    version: str | None
    size: int
    sha256: str
    date_received: dt.date


def register_landed(con: "duckdb.DuckDBPyConnection", landed: Sequence[Landed]) -> None:
    """Write files that landed; a file that is there already stays as it is."""
    # a bound parameter makes the engine import pandas, which takes a second: most runs have nothing new to write
    seen = set(con.execute("SELECT partner_id, source, file_name, sha256 FROM landed_file").fetchall())
    new = [row for row in landed if (row.partner_id, row.source, row.file_name, row.sha256) not in seen]
    if new:
        # of two versions of a file the one pulled last counts, also when the clock was set back in between
        ((latest,),) = con.execute("SELECT max(pulled_at) FROM landed_file").fetchall()
        if latest is not None:
            after = latest + dt.timedelta(microseconds=1)
            new = [row._replace(pulled_at=max(row.pulled_at, after)) for row in new]
        con.executemany("INSERT INTO landed_file VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", new)


def known_sightings(con: "duckdb.DuckDBPyConnection") -> dict[tuple[str, str], list[FileState]]:
    """Return (partner_id, source) -> the files that were there at the last pull."""
    found: dict[tuple[str, str], list[FileState]] = {}
    for partner_id, source, *file in con.execute(
        "SELECT * FROM sighting ORDER BY partner_id, source, file_name"
    ).fetchall():
        found.setdefault((partner_id, source), []).append(FileState(*file))
    return found


def register_sightings(con: "duckdb.DuckDBPyConnection", seen: Mapping[tuple[str, str], Sequence[FileState]]) -> None:
    """Replace what is remembered of some sources; (partner_id, source) -> the files that are there.

    The caller holds the transaction in which the same files are registered as landed.
    """
    known = known_sightings(con)
    for (partner_id, source), rows in seen.items():
        files = sorted(rows, key=lambda file: file.name)
        if files == sorted(known.get((partner_id, source), []), key=lambda file: file.name):
            # nothing to write, and a bound parameter costs a second
            continue
        con.execute("DELETE FROM sighting WHERE partner_id = ? AND source = ?", [partner_id, source])
        if rows:
            con.executemany(
                "INSERT INTO sighting VALUES (?, ?, ?, ?, ?, ?, ?)", [[partner_id, source, *row] for row in rows]
            )


def landed_rows(con: "duckdb.DuckDBPyConnection") -> dict[str, list[Landed]]:
    """Return partner_id -> the files that landed."""
    found: dict[str, list[Landed]] = {}
    for row in con.execute("SELECT * FROM landed_file ORDER BY partner_id, file_name, pulled_at, source").fetchall():
        landed = Landed(*row)
        found.setdefault(landed.partner_id, []).append(landed)
    return found


def known_deliveries(con: "duckdb.DuckDBPyConnection") -> dict[str, dict[str, str]]:
    """Return partner_id -> delivery_id -> reading_hash of the deliveries that have been read."""
    found: dict[str, dict[str, str]] = {}
    for partner_id, delivery_id, reading_hash in con.execute(
        "SELECT partner_id, delivery_id, reading_hash FROM delivery"
    ).fetchall():
        found.setdefault(partner_id, {})[delivery_id] = reading_hash
    return found
