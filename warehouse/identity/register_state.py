"""What the identity register holds for the clusters of today: parts, members, retired ids and ages of trainees.

Every function reads; `take_in` also makes the temporary table `incoming_record`, which the other functions read.
"""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import duckdb

if TYPE_CHECKING:
    # imported where it is used: opening the vault needs the tables' names, not a data frame
    import pandas as pd


EVENT_PREFIX = "e"


# sides of an event: records that moved; records of the same trainee that did not; records that they moved to
MOVED, LEFT, MET = "moved", "left", "met"


@dataclass(frozen=True)
class Part:
    """Records of one cluster that had the same trainee so far, or none: order and id of the oldest, and how many."""

    cluster: str
    trainee: str | None
    order: str
    record: str
    records: int

    @property
    def age(self) -> tuple[str, str]:
        """Order and id of the oldest record; an older part is smaller."""
        return self.order, self.record

    @property
    def key(self) -> tuple[str, str]:
        """Cluster and trainee: there is one part for each."""
        return self.cluster, str(self.trainee)


def take_in(con: duckdb.DuckDBPyConnection, clusters: "pd.DataFrame", founding_order: "pd.DataFrame") -> None:
    """Yield table incoming_record: record_id, cluster, founding, and the trainee in the register, NULL if new."""
    con.register("incoming_cluster", clusters)
    con.register("incoming_order", founding_order)
    try:
        con.execute(
            """
            CREATE OR REPLACE TEMP TABLE incoming_record AS
            SELECT record_id, cluster, register.trainee_id,
                   coalesce(register.founding_order, incoming_order."order") AS founding
            FROM incoming_cluster
            LEFT JOIN incoming_order USING (record_id)
            LEFT JOIN register USING (record_id)
            """
        )
    finally:
        con.unregister("incoming_cluster")
        con.unregister("incoming_order")
    known = con.execute("SELECT count(*), count(DISTINCT record_id), count(founding) FROM incoming_record").fetchall()
    if len(set(known[0])) != 1:
        con.execute("DROP TABLE incoming_record")
        raise ValueError("every record to identify must be in exactly one cluster and have one founding order")


def changed_parts(con: duckdb.DuckDBPyConnection) -> list[Part]:
    """Return the parts of clusters that are new, merge several trainees, or split one.

    A cluster of one trainee that only has more records needs no decision, and most clusters have not changed.
    """
    rows = con.execute(
        """
        WITH part AS (
            SELECT cluster, trainee_id, min(ROW(founding, record_id)) AS oldest, count(*) AS records
            FROM incoming_record GROUP BY ALL
        ), placed AS (
            SELECT *, count(trainee_id) OVER (PARTITION BY cluster) AS trainees,
                   trainee_id IS NOT NULL AND count(*) OVER (PARTITION BY trainee_id) > 1 AS is_torn
            FROM part
        )
        SELECT cluster, trainee_id, oldest[1], oldest[2], records
        FROM placed
        QUALIFY trainees <> 1 OR bool_or(is_torn) OVER (PARTITION BY cluster)
        ORDER BY min(oldest) OVER (PARTITION BY cluster), cluster, oldest
        """
    ).fetchall()
    return [Part(*row) for row in rows]


def members_of_parts(con: duckdb.DuckDBPyConnection) -> dict[tuple[str, str], list[str]]:
    """Return the known records of each part of a changed cluster, oldest first."""
    rows = con.execute(
        """
        WITH part AS (
            SELECT cluster, trainee_id FROM incoming_record WHERE trainee_id IS NOT NULL GROUP BY ALL
        ), placed AS (
            SELECT *, count(*) OVER (PARTITION BY cluster) AS trainees, count(*) OVER (PARTITION BY trainee_id) AS parts
            FROM part
        ), changed AS (
            SELECT cluster FROM placed WHERE trainees > 1 OR parts > 1
        )
        SELECT cluster, trainee_id, record_id FROM incoming_record SEMI JOIN changed USING (cluster)
        WHERE trainee_id IS NOT NULL ORDER BY founding, record_id
        """
    ).fetchall()
    found: dict[tuple[str, str], list[str]] = {}
    for cluster, trainee, record in rows:
        found.setdefault((cluster, trainee), []).append(record)
    return found


def absent_records(con: duckdb.DuckDBPyConnection, trainees: Sequence[str]) -> dict[str, list[str]]:
    """Return the records of each trainee that are not in the linkage today, oldest first."""
    if not trainees:
        return {}
    with _registered(con, "meeting", trainees):
        rows = con.execute(
            """
            SELECT trainee_id, record_id FROM register SEMI JOIN meeting USING (trainee_id)
            ANTI JOIN incoming_record USING (record_id) ORDER BY founding_order, record_id
            """
        ).fetchall()
    found: dict[str, list[str]] = {}
    for trainee, record in rows:
        found.setdefault(trainee, []).append(record)
    return found


def in_use(con: duckdb.DuckDBPyConnection, trainees: Iterable[str]) -> set[str]:
    """Return the ids under which the register has records."""
    return _found_in(con, "register", "trainee_id", trainees)


def retired_among(con: duckdb.DuckDBPyConnection, trainees: Iterable[str]) -> set[str]:
    """Return the ids that are retired."""
    return _found_in(con, "trainee_alias", "retired_id", trainees)


def retired_with(con: duckdb.DuckDBPyConnection, survivors: Sequence[str]) -> list[tuple[str, str]]:
    """Return ids that were retired into one of the trainees, with each record that they had then, oldest first."""
    if not survivors:
        return []
    with _registered(con, "asked", sorted(set(survivors)), "surviving_id"):
        return con.execute(
            f"""
            WITH ended AS ({LAST_MERGES} WHERE trainee_alias.surviving_id IN (SELECT surviving_id FROM asked))
            SELECT retired_id, record_id
            FROM ended JOIN identity_event_record USING (event_id) JOIN register USING (record_id)
            WHERE side = '{MOVED}' ORDER BY retired_id, founding_order, record_id
            """
        ).fetchall()


# each retired id with the event that retired it last; a WHERE may follow
LAST_MERGES = """
SELECT retired_id, surviving_id, event_id
FROM trainee_alias JOIN (
    SELECT other_trainee_id AS retired_id, arg_max(event_id, CAST(event_id[2:] AS BIGINT)) AS event_id
    FROM identity_event WHERE event = 'merge' GROUP BY other_trainee_id
) USING (retired_id)
"""


def ages_of(con: duckdb.DuckDBPyConnection, trainees: Iterable[str]) -> dict[str, tuple[int, str]]:
    """Return the number of the event that minted or last revived each trainee; smaller is older.

    The oldest record does not give the age: an older record can join later. The id would then become older than an
    id that was published before it, and undoing a split would restore another id.
    """
    return {
        trainee: (number, trainee)
        for trainee, number in _event_numbers(
            con,
            trainees,
            "trainee_id",
            f"coalesce(max({_NUMBER}) FILTER (event = 'revive'), min({_NUMBER}))",
        ).items()
    }


def retirements(con: duckdb.DuckDBPyConnection, trainees: Iterable[str]) -> dict[str, int]:
    """Return the number of the event that last retired each id."""
    return _event_numbers(con, trainees, "other_trainee_id", f"max({_NUMBER}) FILTER (event = 'merge')")


_NUMBER = "CAST(event_id[2:] AS BIGINT)"


def _event_numbers(con: duckdb.DuckDBPyConnection, trainees: Iterable[str], column: str, number: str) -> dict[str, int]:
    """Return an aggregate (SQL) over the events of each trainee; 0 without an event."""
    wanted = sorted(set(trainees))
    if not wanted:
        return {}
    with _registered(con, "asked", wanted):
        rows = con.execute(
            f"SELECT asked.trainee_id, coalesce({number}, 0) FROM asked "
            f"LEFT JOIN identity_event ON identity_event.{column} = asked.trainee_id GROUP BY asked.trainee_id"
        ).fetchall()
    return dict(rows)


def split_from(con: duckdb.DuckDBPyConnection, trainee: str, origins: Iterable[str]) -> str | None:
    """Return the one of `origins` that a trainee was split off from, the smallest id of several; None without one."""
    with _registered(con, "asked", sorted(set(origins))):
        row = con.execute(
            "SELECT min(other_trainee_id) FROM identity_event WHERE event = 'split' AND trainee_id = ? "
            "AND other_trainee_id IN (SELECT trainee_id FROM asked)",
            [trainee],
        ).fetchone()
    return None if row is None else row[0]


def _found_in(con: duckdb.DuckDBPyConnection, table: str, column: str, trainees: Iterable[str]) -> set[str]:
    """Return the ids that are in a column of a table."""
    wanted = list(trainees)
    if not wanted:
        return set()
    with _registered(con, "candidate", wanted, column):
        rows = con.execute(f"SELECT DISTINCT {column} FROM {table} SEMI JOIN candidate USING ({column})").fetchall()
    return {row[0] for row in rows}


@contextmanager
def _registered(
    con: duckdb.DuckDBPyConnection, name: str, trainees: Iterable[str], column: str = "trainee_id"
) -> Iterator[None]:
    """Register trainee ids as a table of one column, inside the block."""
    import pandas as pd

    con.register(name, pd.DataFrame({column: list(trainees)}, dtype="str"))
    try:
        yield
    finally:
        con.unregister(name)
