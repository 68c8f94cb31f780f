"""The identity register: which record belongs to which trainee, kept for ever and changed only by logged events.

Cluster labels come and go with every matching; a `trainee_id` is minted once and never renamed in silence.
"""

import base64
import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import duckdb

if TYPE_CHECKING:
    # imported where it is used: opening the vault needs the tables' names, not a data frame
    import pandas as pd

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


@dataclass(frozen=True)
class _Cluster:
    """One cluster that is new or changed: its members by age, and the trainees they have been so far."""

    records: tuple[str, ...]
    orders: tuple[str, ...]
    trainees: tuple[str | None, ...]


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
    retired before is revived.

    Args:
        con: The vault.
        clusters: record_id, cluster; the label means nothing beyond this call.
        founding_order: record_id, order (text; the smallest is the oldest).
        secret: Key of the ids.
        release_number: Written into the events.

    Returns:
        What changed; the same clusters a second time change nothing.
    """
    if clusters.empty:
        return IdentityChanges()
    con.register("incoming", clusters.merge(founding_order, on="record_id"))
    try:
        changed = con.execute(
            """
            WITH joined AS (
                SELECT incoming.record_id, incoming."order" AS founding, incoming.cluster, register.trainee_id
                FROM incoming LEFT JOIN register USING (record_id)
            ), split_trainee AS (
                SELECT trainee_id FROM joined WHERE trainee_id IS NOT NULL
                GROUP BY trainee_id HAVING count(DISTINCT cluster) > 1
            ), touched AS (
                SELECT DISTINCT cluster FROM joined
                WHERE trainee_id IS NULL OR trainee_id IN (SELECT trainee_id FROM split_trainee)
                UNION
                SELECT cluster FROM joined GROUP BY cluster HAVING count(DISTINCT trainee_id) > 1
            )
            SELECT cluster, record_id, founding, trainee_id
            FROM joined WHERE cluster IN (SELECT cluster FROM touched)
            ORDER BY cluster, founding, record_id
            """
        ).fetchall()
    finally:
        con.unregister("incoming")
    return _assign(con, _group(changed), secret, release_number)


def _group(rows: list[tuple[str, str, str, str | None]]) -> list[_Cluster]:
    members: dict[str, list[tuple[str, str, str | None]]] = {}
    for cluster, record, founding, trainee in rows:
        members.setdefault(cluster, []).append((founding, record, trainee))
    found = [
        _Cluster(tuple(item[1] for item in part), tuple(item[0] for item in part), tuple(item[2] for item in part))
        for part in members.values()
    ]
    # by the oldest member, so that the label of a cluster decides nothing
    return sorted(found, key=lambda cluster: (cluster.orders[0], cluster.records[0]))


def _assign(
    con: duckdb.DuckDBPyConnection, clusters: list[_Cluster], secret: bytes, release_number: int
) -> IdentityChanges:
    owner, age = _owners(clusters)
    used = _used_ids(con)
    retired = dict(con.execute("SELECT retired_id, surviving_id FROM trainee_alias").fetchall())
    events: list[tuple[int, str, str, str | None, int, str]] = []
    assigned: dict[str, tuple[str, str]] = {}
    aliases: list[tuple[str, str, int]] = []
    revived: set[str] = set()
    minted = merged = split = 0
    for number, cluster in enumerate(clusters):
        known = sorted({item for item in cluster.trainees if item is not None}, key=lambda item: (age[item], item))
        mine = [item for item in known if owner[item] == number]
        if mine:
            chosen, *others = mine
            for other in others:
                aliases.append((other, chosen, release_number))
                events.append((release_number, "merge", chosen, other, cluster.trainees.count(other), "match"))
                merged += 1
        else:
            chosen = _fresh_id(secret, cluster.records[0], used)
            used.add(chosen)
            was_retired = chosen in retired
            cause = "match" if known else "new record"
            event = "split" if known else "mint"
            if was_retired:
                revived.add(chosen)
                event = "revive"
            events.append((release_number, event, chosen, known[0] if known else None, len(cluster.records), cause))
            split += bool(known)
            minted += not known
        for record, order in zip(cluster.records, cluster.orders, strict=True):
            assigned[record] = (chosen, order)
    _write(con, assigned, aliases, revived, events)
    return IdentityChanges(minted, merged, split, len(revived))


def _owners(clusters: list[_Cluster]) -> tuple[Mapping[str, int], Mapping[str, tuple[str, str]]]:
    """For every trainee: the cluster that holds its oldest record, and how old that record is."""
    owner: dict[str, int] = {}
    age: dict[str, tuple[str, str]] = {}
    for number, cluster in enumerate(clusters):
        for record, order, trainee in zip(cluster.records, cluster.orders, cluster.trainees, strict=True):
            if trainee is not None and (trainee not in age or (order, record) < age[trainee]):
                age[trainee] = (order, record)
                owner[trainee] = number
    return owner, age


def _used_ids(con: duckdb.DuckDBPyConnection) -> set[str]:
    return {row[0] for row in con.execute("SELECT DISTINCT trainee_id FROM register").fetchall()}


def _fresh_id(secret: bytes, record_id: str, used: set[str]) -> str:
    """The id that the founding record gives, salted where somebody else lives under it."""
    salt = 0
    while (candidate := mint(secret, record_id, salt)) in used:
        salt += 1
    return candidate


def _write(
    con: duckdb.DuckDBPyConnection,
    assigned: Mapping[str, tuple[str, str]],
    aliases: list[tuple[str, str, int]],
    revived: set[str],
    events: list[tuple[int, str, str, str | None, int, str]],
) -> None:
    import pandas as pd

    rows = pd.DataFrame(
        {
            "record_id": list(assigned),
            "trainee_id": [item[0] for item in assigned.values()],
            "founding_order": [item[1] for item in assigned.values()],
        },
        dtype="str",
    )
    con.register("assigned", rows)
    try:
        con.execute(
            "UPDATE register SET trainee_id = assigned.trainee_id FROM assigned "
            "WHERE register.record_id = assigned.record_id AND register.trainee_id <> assigned.trainee_id"
        )
        con.execute(
            "INSERT INTO register SELECT record_id, trainee_id, founding_order FROM assigned "
            "WHERE record_id NOT IN (SELECT record_id FROM register) ORDER BY record_id"
        )
    finally:
        con.unregister("assigned")
    for retired, surviving, release in aliases:
        # records that are away from the linkage today follow their trainee, as do ids that were retired into it
        con.execute("UPDATE register SET trainee_id = ? WHERE trainee_id = ?", [surviving, retired])
        con.execute("UPDATE trainee_alias SET surviving_id = ? WHERE surviving_id = ?", [surviving, retired])
        con.execute("INSERT INTO trainee_alias VALUES (?, ?, ?)", [retired, surviving, release])
    for trainee in sorted(revived):
        con.execute("DELETE FROM trainee_alias WHERE retired_id = ?", [trainee])
    if events:
        frame = pd.DataFrame(
            events, columns=["release_number", "event", "trainee_id", "other_trainee_id", "records", "cause"]
        ).astype({"other_trainee_id": "str"})
        con.register("happened", frame)
        try:
            con.execute("INSERT INTO identity_event SELECT * FROM happened")
        finally:
            con.unregister("happened")
