"""The identity register: which record belongs to which trainee, kept for ever and changed only by logged events.

Cluster labels come and go with every matching; a `trainee_id` is minted once and never renamed in silence.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import groupby
from typing import TYPE_CHECKING

import duckdb

from warehouse.identity.secret import mint

if TYPE_CHECKING:
    # imported where it is used: opening the vault needs the tables' names, not a data frame
    import pandas as pd

EVENT_PREFIX = "e"
# the records of an event: those that moved, those of the same trainee that stayed behind, those they moved to
MOVED, LEFT, MET = "moved", "left", "met"

# why records moved, left others and met others: judgement or match
CauseOf = Callable[[Collection[str], Collection[str], Collection[str]], str]


def by_match(moved: Collection[str], left: Collection[str], met: Collection[str]) -> str:
    """Say that the model brought it about: the cause where nobody judges."""
    return "match"


@dataclass(frozen=True)
class IdentityChanges:
    """How many trainees were minted, merged into another, split off, and brought back under an earlier id."""

    minted: int = 0
    merged: int = 0
    split: int = 0
    revived: int = 0


def identify(
    con: duckdb.DuckDBPyConnection,
    clusters: "pd.DataFrame",
    founding_order: "pd.DataFrame",
    secret: bytes,
    release_number: int,
    cause_of: CauseOf = by_match,
) -> IdentityChanges:
    """Give every record of `clusters` its trainee; the caller holds the transaction.

    No known member: mint. One: keep. Several: keep the one that came up first (in one run: the one with the
    oldest record), retire the others by alias. Split: the part with the record that the trainee was minted from
    keeps the id. A part with the record of a retired id revives that id, so that a merge undone leaves nothing
    behind, whoever has joined in between, and an id that was split off from it is retired where the two meet again;
    any other part mints from its own oldest record. Records of the register
    that are not in `clusters` stay with their trainee.

    Args:
        con: The vault.
        clusters: record_id, cluster; the label means nothing beyond this call.
        founding_order: record_id, order (text; the smallest is the oldest). A known record keeps its first order.
        secret: Key of the ids.
        release_number: Written into the events.
        cause_of: Says why records moved.

    Returns:
        What changed; the same clusters a second time change nothing.

    Raises:
        ValueError: a record stands twice in `clusters`, or has no order.
    """
    if clusters.empty:
        return IdentityChanges()
    _take_in(con, clusters, founding_order)
    plan = _plan(con, secret, release_number, cause_of)
    _write(con, plan)
    con.execute("DROP TABLE incoming_record")
    return plan.changes


@dataclass(frozen=True)
class _Event:
    """Something that happened to trainees, and the records of each side with the trainee they had before."""

    event: str
    trainee: str
    other: str | None
    records: int
    cause: str
    sides: tuple[tuple[str, str, str], ...] = ()


@dataclass
class _Plan:
    """What is to be written: the trainee of each cluster that is new or changed, aliases, events."""

    release: int
    trainee: dict[str, str] = field(default_factory=dict)
    # (retired, surviving, release)
    retired: list[tuple[str, str, int]] = field(default_factory=list)
    revived: set[str] = field(default_factory=set)
    # a retired id follows the record it was minted from: (retired, surviving)
    followed: list[tuple[str, str]] = field(default_factory=list)
    events: list[_Event] = field(default_factory=list)
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

    @property
    def key(self) -> tuple[str, str]:
        return self.cluster, str(self.trainee)


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


def _plan(con: duckdb.DuckDBPyConnection, secret: bytes, release_number: int, cause_of: CauseOf) -> _Plan:
    # in the order of their oldest records, so that the label of a cluster decides nothing
    clusters = [tuple(parts) for _, parts in groupby(_changed_parts(con), key=lambda part: part.cluster)]
    known = [part for parts in clusters for part in parts if part.trainee is not None]
    members = _members(con)
    claims = _claims(con, secret, known, members)
    owner = _owners(known, claims)
    kept = {
        parts[0].cluster: [part for part in parts if part.trainee is not None and owner[part.trainee] is part]
        for parts in clusters
    }
    ages = _ages(con, [str(part.trainee) for parts in kept.values() if len(parts) > 1 for part in parts])
    for meeting in kept.values():
        if len(meeting) > 1:
            meeting.sort(key=lambda part: ages[str(part.trainee)])
    fresh = _fresh_ids(con, secret, [parts for parts in clusters if not kept[parts[0].cluster]], claims)
    returning = _returning_ids(con, clusters, kept, owner, claims)
    retired = _retired_among(con, [*fresh.values(), *returning.values()])
    plan = _Plan(release_number)
    # records that are away follow a trainee who is retired, and are of those who stay
    away = _away(con, [str(part.trainee) for parts in kept.values() if len(parts) > 1 for part in parts])
    minted = merged = split = 0
    for parts in clusters:
        cluster, mine = parts[0].cluster, kept[parts[0].cluster]
        chosen = returning.get(cluster) or (str(mine[0].trainee) if mine else fresh[cluster])
        plan.trainee[cluster] = chosen
        followers = [part for part in parts if part.trainee is not None]
        if not followers:
            event = "revive" if chosen in retired else "mint"
            plan.events.append(_Event(event, chosen, None, sum(part.records for part in parts), "new record"))
            minted += 1
        plan.revived |= {chosen} & retired
        for part in followers:
            if str(part.trainee) == chosen and part in mine:
                continue
            if part in mine:
                event, behind = "merge", None
                plan.retired.append((str(part.trainee), chosen, release_number))
                merged += 1
            else:
                # records that leave a trainee who stays elsewhere, for a new one or for one who is known already
                event, behind = "revive" if chosen in retired else "split", owner[str(part.trainee)]
                split += 1
            plan.events.append(_movement(event, chosen, part, behind, followers, members, away, cause_of))
        plan.followed += [(claim, chosen) for part in followers for claim in claims[part.key] if claim != chosen]
    plan.changes = IdentityChanges(minted, merged, split, len(plan.revived))
    return plan


def _returning_ids(
    con: duckdb.DuckDBPyConnection,
    clusters: Sequence[Sequence[_Part]],
    kept: Mapping[str, Sequence[_Part]],
    owner: Mapping[str, _Part],
    claims: Mapping[tuple[str, str], Sequence[str]],
) -> dict[str, str]:
    """Of clusters that keep an id split off from a retired one: that one, where its founder leaves the survivor.

    A merge and a split of the same records, taken back together, must leave the id that there was before both. Any
    other id that is in use stays in use.
    """
    found: dict[str, str] = {}
    for parts in clusters:
        mine = kept[parts[0].cluster]
        leaving = [part for part in parts if part.trainee is not None and owner[part.trainee] is not part]
        returned = [claim for part in leaving for claim in claims[part.key]]
        if len(mine) == 1 and returned:
            with _registered(con, "asked", sorted(set(returned)), "trainee_id"):
                origin = con.execute(
                    "SELECT min(other_trainee_id) FROM identity_event WHERE event = 'split' AND trainee_id = ? "
                    "AND other_trainee_id IN (SELECT trainee_id FROM asked)",
                    [str(mine[0].trainee)],
                ).fetchone()
            if origin is not None and origin[0] is not None:
                found[parts[0].cluster] = origin[0]
    return found


def _movement(
    event: str,
    chosen: str,
    part: _Part,
    behind: _Part | None,
    followers: Sequence[_Part],
    members: Mapping[tuple[str, str], Sequence[str]],
    away: Mapping[str, Sequence[str]],
    cause_of: CauseOf,
) -> _Event:
    """The event of a part that goes to `chosen`: what it left, and what it met there."""

    def records(one: _Part, with_away: bool) -> list[str]:
        return [*members[one.key], *(away.get(str(one.trainee), ()) if with_away else ())]

    whole = event == "merge"
    sides = [(record, MOVED, str(part.trainee)) for record in records(part, whole)]
    if behind is not None:
        sides += [(record, LEFT, str(behind.trainee)) for record in members[behind.key]]
    met = [other for other in followers if other is not part]
    sides += [(record, MET, str(other.trainee)) for other in met for record in records(other, whole)]
    of_side = {side: [record for record, name, _ in sides if name == side] for side in (MOVED, LEFT, MET)}
    cause = cause_of(of_side[MOVED], of_side[LEFT], of_side[MET])
    return _Event(event, chosen, part.trainee, part.records, cause, tuple(sorted(sides)))


def _members(con: duckdb.DuckDBPyConnection) -> dict[tuple[str, str], list[str]]:
    """The known records of each part of a changed cluster, and of what its trainees left elsewhere; oldest first."""
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


def _claims(
    con: duckdb.DuckDBPyConnection,
    secret: bytes,
    parts: Sequence[_Part],
    members: Mapping[tuple[str, str], Sequence[str]],
) -> dict[tuple[str, str], list[str]]:
    """For each part the ids, live or retired, that one of its records has founded; by the record's age.

    No table remembers founding records: the id itself is their keyed hash. Where the founding record of a retired
    id is away, the oldest record there is of those that were retired with it speaks for it.
    """
    minted = {part.key: [mint(secret, record) for record in members[part.key]] for part in parts}
    retired = _retired_among(con, [identifier for found in minted.values() for identifier in found])
    claims = {
        key: [identifier for identifier in found if identifier == key[1] or identifier in retired]
        for key, found in minted.items()
    }
    founded = {claim for found in claims.values() for claim in found}
    place = {record: part.key for part in parts for record in members[part.key]}
    for identifier, record in _retired_with(con, [str(part.trainee) for part in parts]):
        if identifier not in founded and record in place:
            founded.add(identifier)
            claims[place[record]].append(identifier)
    return claims


def _retired_with(con: duckdb.DuckDBPyConnection, survivors: Sequence[str]) -> list[tuple[str, str]]:
    """Ids that were retired into one of the trainees, with each record that they had then, the oldest first."""
    if not survivors:
        return []
    with _registered(con, "asked", sorted(set(survivors)), "surviving_id"):
        return con.execute(
            f"""
            WITH ended AS ({_LAST_MERGES} WHERE trainee_alias.surviving_id IN (SELECT surviving_id FROM asked))
            SELECT retired_id, record_id
            FROM ended JOIN identity_event_record USING (event_id) JOIN register USING (record_id)
            WHERE side = '{MOVED}' ORDER BY retired_id, founding_order, record_id
            """
        ).fetchall()


# a retired id and the event that retired it last; a condition may follow
_LAST_MERGES = """
SELECT retired_id, surviving_id, event_id
FROM trainee_alias JOIN (
    SELECT other_trainee_id AS retired_id, arg_max(event_id, CAST(event_id[2:] AS BIGINT)) AS event_id
    FROM identity_event WHERE event = 'merge' GROUP BY other_trainee_id
) USING (retired_id)
"""


def _owners(parts: Sequence[_Part], claims: Mapping[tuple[str, str], Collection[str]]) -> dict[str, _Part]:
    """The part that keeps each trainee's id: with the founding record, else free of another's, else the oldest."""
    owner: dict[str, _Part] = {}
    for part in sorted(
        parts, key=lambda part: (part.trainee not in claims[part.key], bool(claims[part.key]), part.age)
    ):
        owner.setdefault(str(part.trainee), part)
    return owner


def _fresh_ids(
    con: duckdb.DuckDBPyConnection,
    secret: bytes,
    clusters: Sequence[Sequence[_Part]],
    claims: Mapping[tuple[str, str], Sequence[str]],
) -> dict[str, str]:
    """The id of each cluster that keeps none: that of its records which was retired last, else its oldest record's.

    Salted where somebody else lives under it.
    """
    everyone = [claim for parts in clusters for part in parts if part.trainee is not None for claim in claims[part.key]]
    retirements, ages = _retirements(con, everyone), _ages(con, everyone)
    found: dict[str, str] = {}
    left = []
    for parts in clusters:
        claimed = [claim for part in parts if part.trainee is not None for claim in claims[part.key]]
        if claimed:
            found[parts[0].cluster] = min(claimed, key=lambda claim: (-retirements[claim], ages[claim]))
        else:
            left.append(parts[0])
    taken: set[str] = set(found.values())
    salt = 0
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


def _ages(con: duckdb.DuckDBPyConnection, trainees: Iterable[str]) -> dict[str, tuple[int, str]]:
    """When each trainee came up or was last revived, as the number of the event; smaller is older.

    Not by the oldest record: a record that joins later, though older, would make an id older than one that was
    published before it, and undoing a split would bring back another id.
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


def _retirements(con: duckdb.DuckDBPyConnection, trainees: Iterable[str]) -> dict[str, int]:
    """When each id was last retired, as the number of the event."""
    return _event_numbers(con, trainees, "other_trainee_id", f"max({_NUMBER}) FILTER (event = 'merge')")


_NUMBER = "CAST(event_id[2:] AS BIGINT)"


def _event_numbers(con: duckdb.DuckDBPyConnection, trainees: Iterable[str], column: str, number: str) -> dict[str, int]:
    """An aggregate over the events of each of the trainees; 0 where there is none."""
    wanted = sorted(set(trainees))
    if not wanted:
        return {}
    with _registered(con, "asked", wanted):
        rows = con.execute(
            f"SELECT asked.trainee_id, coalesce({number}, 0) FROM asked "
            f"LEFT JOIN identity_event ON identity_event.{column} = asked.trainee_id GROUP BY asked.trainee_id"
        ).fetchall()
    return dict(rows)


def _away(con: duckdb.DuckDBPyConnection, trainees: Sequence[str]) -> dict[str, list[str]]:
    """The records of each of the trainees that are not in the linkage today."""
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


def _retired_among(con: duckdb.DuckDBPyConnection, trainees: Iterable[str]) -> set[str]:
    return _matching(con, "trainee_alias", "retired_id", trainees)


def _matching(con: duckdb.DuckDBPyConnection, table: str, column: str, trainees: Iterable[str]) -> set[str]:
    """Those of the ids that stand in a column of a table."""
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
    """Make trainee ids a table of one column for the length of the block."""
    import pandas as pd

    con.register(name, pd.DataFrame({column: list(trainees)}, dtype="str"))
    try:
        yield
    finally:
        con.unregister(name)


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
    write(
        "revived_trainee",
        [(trainee,) for trainee in sorted(plan.revived)],
        {"retired_id": "str"},
        _BRING_BACK,
        _DROP_ALIAS,
    )
    write("followed_trainee", plan.followed, {"retired_id": "str", "surviving_id": "str"}, _FOLLOW_FOUNDER)
    if not plan.events:
        return
    first = next_event(con)
    events = [(f"{EVENT_PREFIX}{number}", event) for number, event in enumerate(plan.events, start=first)]
    write(
        "happened",
        [(name, plan.release, item.event, item.trainee, item.other, item.records, item.cause) for name, item in events],
        {
            "event_id": "str",
            "release_number": "int32",
            "event": "str",
            "trainee_id": "str",
            "other_trainee_id": "str",
            "records": "int32",
            "cause": "str",
        },
        "INSERT INTO identity_event BY NAME SELECT * FROM happened",
    )
    write(
        "involved",
        [(name, *side) for name, item in events for side in item.sides],
        {"event_id": "str", "record_id": "str", "side": "str", "trainee_before": "str"},
        "INSERT INTO identity_event_record BY NAME SELECT * FROM involved",
    )


def next_event(con: duckdb.DuckDBPyConnection) -> int:
    """Return the number of the next event."""
    row = con.execute("SELECT max(CAST(event_id[2:] AS BIGINT)) FROM identity_event").fetchone()
    return 1 if row is None or row[0] is None else int(row[0]) + 1


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
# records that are away today, and had followed an id that was retired, come back with it
_BRING_BACK = f"""
UPDATE register SET trainee_id = ended.retired_id
FROM ({_LAST_MERGES}) AS ended JOIN revived_trainee USING (retired_id) JOIN identity_event_record USING (event_id)
WHERE register.record_id = identity_event_record.record_id AND side = '{MOVED}'
  AND register.trainee_id = ended.surviving_id
  AND register.record_id NOT IN (SELECT record_id FROM incoming_record)
"""
_DROP_ALIAS = "DELETE FROM trainee_alias WHERE retired_id IN (SELECT retired_id FROM revived_trainee)"
_FOLLOW_FOUNDER = """
UPDATE trainee_alias SET surviving_id = followed_trainee.surviving_id
FROM followed_trainee WHERE trainee_alias.retired_id = followed_trainee.retired_id
"""
