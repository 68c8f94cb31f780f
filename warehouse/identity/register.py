"""The identity register: which record belongs to which trainee, kept for ever and changed only by logged events.

Cluster labels come and go with every matching; a `trainee_id` is minted once and never renamed in silence.
"""

import base64
import hashlib
import hmac
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from typing import TYPE_CHECKING

import duckdb

if TYPE_CHECKING:
    # imported where it is used: opening the vault needs the tables' names, not a data frame
    import pandas as pd

# one row of trainee_alias per retired id; no PRIMARY KEY there, because DuckDB refuses to bring back a key that was
# deleted in the same transaction
REGISTER_DDL = """
CREATE TABLE IF NOT EXISTS register (
    record_id VARCHAR PRIMARY KEY, trainee_id VARCHAR NOT NULL, founding_order VARCHAR NOT NULL
);
CREATE TABLE IF NOT EXISTS trainee_alias (
    retired_id VARCHAR NOT NULL, surviving_id VARCHAR NOT NULL, release_number INTEGER NOT NULL
);
CREATE TABLE IF NOT EXISTS identity_event (
    release_number INTEGER NOT NULL, event VARCHAR NOT NULL, trainee_id VARCHAR NOT NULL,
    other_trainee_id VARCHAR, records INTEGER NOT NULL, cause VARCHAR NOT NULL
);
"""
_ID_LETTERS = 18


@dataclass(frozen=True)
class IdentityChanges:
    """How many trainees were minted, merged into another, split off, and brought back under an earlier id."""

    minted: int = 0
    merged: int = 0
    split: int = 0
    revived: int = 0


def mint(secret: bytes, record_id: str, salt: int = 0) -> str:
    """Return the trainee id that a founding record gives: a keyed hash (HMAC-SHA256), opaque without the secret."""
    text = record_id if salt == 0 else f"{record_id} {salt}"
    digest = hmac.new(secret, text.encode("utf-8"), hashlib.sha256).digest()
    return "t" + base64.b32encode(digest).decode("ascii").lower()[: _ID_LETTERS - 1]


def identify(
    con: duckdb.DuckDBPyConnection,
    clusters: "pd.DataFrame",
    founding_order: "pd.DataFrame",
    secret: bytes,
    release_number: int,
) -> IdentityChanges:
    """Give every record of `clusters` its trainee; the caller holds the transaction.

    No known member: mint. One: keep. Several: keep the oldest, retire the others by alias. Split: the part with
    the trainee's oldest record keeps the id, the other part mints from its own oldest record; an id that was
    retired before is revived. Records of the register that are not in `clusters` stay with their trainee.

    Args:
        con: The vault.
        clusters: record_id, cluster; the label means nothing beyond this call.
        founding_order: record_id, order (text; the smallest is the oldest). A known record keeps its first order.
        secret: Key of the ids.
        release_number: Written into the events.

    Returns:
        What changed; the same clusters a second time change nothing.

    Raises:
        ValueError: a record stands twice in `clusters`, or has no order.
    """
    if clusters.empty:
        return IdentityChanges()
    _take_in(con, clusters, founding_order)
    plan = _plan(con, secret, release_number)
    _write(con, plan)
    con.execute("DROP TABLE incoming_record")
    return plan.changes


@dataclass
class _Plan:
    """What is to be written: the trainee of each cluster that is new or changed, aliases, events."""

    trainee: dict[str, str] = field(default_factory=dict)
    # (retired, surviving, release)
    retired: list[tuple[str, str, int]] = field(default_factory=list)
    revived: set[str] = field(default_factory=set)
    # (release, event, trainee, other trainee, records, cause)
    events: list[tuple[int, str, str, str | None, int, str]] = field(default_factory=list)
    changes: IdentityChanges = field(default_factory=IdentityChanges)


@dataclass(frozen=True)
class _Part:
    """The records of one cluster that belonged to one trainee so far, or to none: the oldest, and how many."""

    cluster: str
    trainee: str | None
    order: str
    record: str
    records: int

    @property
    def age(self) -> tuple[str, str]:
        return self.order, self.record


def _take_in(con: duckdb.DuckDBPyConnection, clusters: "pd.DataFrame", founding_order: "pd.DataFrame") -> None:
    """Make incoming_record: record_id, cluster, founding, and the trainee that the register knows."""
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
        raise ValueError("every record to be identified must stand in one cluster, and have one founding order")


def _changed_parts(con: duckdb.DuckDBPyConnection) -> list[_Part]:
    """Parts of the clusters that are new, that bring several trainees together, or that tear one apart.

    A cluster of one trainee that only grew needs no decision, and most clusters did not change at all.
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
    return [_Part(*row) for row in rows]


def _plan(con: duckdb.DuckDBPyConnection, secret: bytes, release_number: int) -> _Plan:
    # in the order of their oldest records, so that the label of a cluster decides nothing
    clusters = [tuple(parts) for _, parts in groupby(_changed_parts(con), key=lambda part: part.cluster)]
    owner: dict[str, _Part] = {}
    for part in (part for parts in clusters for part in parts):
        if part.trainee is not None and (part.trainee not in owner or part.age < owner[part.trainee].age):
            owner[part.trainee] = part
    kept = {
        parts[0].cluster: [part for part in parts if part.trainee is not None and owner[part.trainee] is part]
        for parts in clusters
    }
    # a trainee is as old as its oldest record, one that is away from the linkage today included
    ages = _ages(con, [str(part.trainee) for parts in kept.values() if len(parts) > 1 for part in parts])
    for meeting in kept.values():
        if len(meeting) > 1:
            meeting.sort(key=lambda part: ages[str(part.trainee)])
    fresh = _fresh_ids(con, secret, [parts[0] for parts in clusters if not kept[parts[0].cluster]])
    retired = _retired_among(con, fresh.values())
    plan = _Plan()
    minted = merged = split = 0
    for parts in clusters:
        cluster, mine = parts[0].cluster, kept[parts[0].cluster]
        known = [part for part in parts if part.trainee is not None]
        if mine:
            chosen = str(mine[0].trainee)
        else:
            chosen = fresh[cluster]
            event = "revive" if chosen in retired else "split" if known else "mint"
            plan.revived |= {chosen} & retired
            records = sum(part.records for part in parts)
            cause = "match" if known else "new record"
            plan.events.append((release_number, event, chosen, known[0].trainee if known else None, records, cause))
            split += bool(known)
            minted += not known
        plan.trainee[cluster] = chosen
        for part in mine[1:]:
            plan.retired.append((str(part.trainee), chosen, release_number))
            plan.events.append((release_number, "merge", chosen, part.trainee, part.records, "match"))
            merged += 1
        # records that leave a trainee who stays elsewhere, for one who is known already
        for part in (part for part in known if mine and part not in mine):
            plan.events.append((release_number, "split", chosen, part.trainee, part.records, "match"))
            split += 1
    plan.changes = IdentityChanges(minted, merged, split, len(plan.revived))
    return plan


def _fresh_ids(con: duckdb.DuckDBPyConnection, secret: bytes, founders: Sequence[_Part]) -> dict[str, str]:
    """The id that the oldest record of each cluster gives, salted where somebody else lives under it."""
    taken: set[str] = set()
    found: dict[str, str] = {}
    salt, left = 0, list(founders)
    while left:
        candidates = {part.cluster: mint(secret, part.record, salt) for part in left}
        taken |= _matching(con, "register", "trainee_id", candidates.values())
        for part in left:
            if candidates[part.cluster] not in taken:
                found[part.cluster] = candidates[part.cluster]
                taken.add(candidates[part.cluster])
        left = [part for part in left if part.cluster not in found]
        salt += 1
    return found


def _ages(con: duckdb.DuckDBPyConnection, trainees: Sequence[str]) -> dict[str, tuple[str, str]]:
    """Founding order and id of the oldest record that the register knows of each of the trainees."""
    if not trainees:
        return {}
    import pandas as pd

    con.register("meeting", pd.DataFrame({"trainee_id": list(trainees)}, dtype="str"))
    try:
        rows = con.execute(
            """
            SELECT trainee_id, min(ROW(founding_order, record_id)) AS oldest
            FROM register SEMI JOIN meeting USING (trainee_id) GROUP BY trainee_id
            """
        ).fetchall()
    finally:
        con.unregister("meeting")
    return {trainee: (oldest[0], oldest[1]) for trainee, oldest in rows}


def _retired_among(con: duckdb.DuckDBPyConnection, trainees: Collection[str]) -> set[str]:
    return _matching(con, "trainee_alias", "retired_id", trainees)


def _matching(con: duckdb.DuckDBPyConnection, table: str, column: str, trainees: Collection[str]) -> set[str]:
    """Those of the ids that stand in a column of a table."""
    if not trainees:
        return set()
    import pandas as pd

    con.register("candidate", pd.DataFrame({column: list(trainees)}, dtype="str"))
    try:
        rows = con.execute(f"SELECT DISTINCT {column} FROM {table} SEMI JOIN candidate USING ({column})").fetchall()
        return {row[0] for row in rows}
    finally:
        con.unregister("candidate")


def _write(con: duckdb.DuckDBPyConnection, plan: _Plan) -> None:
    """Write the decisions; then the records of clusters that only grew, whose trainee the register knows."""
    import pandas as pd

    def write(table: str, rows: Sequence[tuple[object, ...]], columns: Mapping[str, str], *statements: str) -> None:
        if not rows:
            return
        con.register(table, pd.DataFrame(rows, columns=list(columns)).astype(dict(columns)))
        try:
            for statement in statements:
                con.execute(statement)
        finally:
            con.unregister(table)

    write("decided_cluster", list(plan.trainee.items()), {"cluster": "str", "decided": "str"}, _MOVE_KNOWN, _PLACE_NEW)
    con.execute(_PLACE_GROWN)
    write(
        "retired_trainee",
        plan.retired,
        {"retired_id": "str", "surviving_id": "str", "release_number": "int32"},
        _FOLLOW_RETIRED,
        _FOLLOW_ALIAS,
        _ADD_ALIAS,
    )
    write("revived_trainee", [(trainee,) for trainee in sorted(plan.revived)], {"retired_id": "str"}, _DROP_ALIAS)
    write(
        "happened",
        plan.events,
        {
            "release_number": "int32",
            "event": "str",
            "trainee_id": "str",
            "other_trainee_id": "str",
            "records": "int32",
            "cause": "str",
        },
        "INSERT INTO identity_event BY NAME SELECT * FROM happened",
    )


_MOVE_KNOWN = """
UPDATE register SET trainee_id = decided
FROM incoming_record JOIN decided_cluster USING (cluster)
WHERE register.record_id = incoming_record.record_id AND incoming_record.trainee_id <> decided
"""
_PLACE_NEW = """
INSERT INTO register
SELECT record_id, decided, founding FROM incoming_record JOIN decided_cluster USING (cluster)
WHERE trainee_id IS NULL ORDER BY record_id
"""
_PLACE_GROWN = """
INSERT INTO register
SELECT record_id, kept, founding
FROM (SELECT *, max(trainee_id) OVER (PARTITION BY cluster) AS kept FROM incoming_record)
ANTI JOIN register USING (record_id)
WHERE trainee_id IS NULL ORDER BY record_id
"""
# records that are away from the linkage today follow their trainee, as do ids that were retired into it
_FOLLOW_RETIRED = "UPDATE register SET trainee_id = surviving_id FROM retired_trainee WHERE trainee_id = retired_id"
_FOLLOW_ALIAS = """
UPDATE trainee_alias SET surviving_id = retired_trainee.surviving_id
FROM retired_trainee WHERE trainee_alias.surviving_id = retired_trainee.retired_id
"""
_ADD_ALIAS = """
INSERT INTO trainee_alias SELECT retired_id, surviving_id, release_number FROM retired_trainee ORDER BY retired_id
"""
_DROP_ALIAS = "DELETE FROM trainee_alias WHERE retired_id IN (SELECT retired_id FROM revived_trainee)"
