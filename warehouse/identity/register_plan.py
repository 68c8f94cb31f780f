"""Decides the trainee of each new or changed cluster: which id stays, which is retired, revived or minted.

Reads the register through `register_state` and writes nothing.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby

import duckdb

from warehouse.identity import register_state as state
from warehouse.identity.register_state import LEFT, MET, MOVED, Part
from warehouse.identity.secret import mint

# takes the records that moved, those they left and those they met; returns the cause, judgement or match
CauseOf = Callable[[Collection[str], Collection[str], Collection[str]], str]


def by_match(moved: Collection[str], left: Collection[str], met: Collection[str]) -> str:
    """Return match: the cause where nobody judges."""
    return "match"


@dataclass(frozen=True)
class IdentityChanges:
    """How many trainees were minted, merged into another, split off, and revived under an earlier id."""

    minted: int = 0
    merged: int = 0
    split: int = 0
    revived: int = 0


@dataclass(frozen=True)
class Event:
    """An event to log. sides: (record, side, trainee before the event) of every record it concerns."""

    event: str
    trainee: str
    other: str | None
    records: int
    cause: str
    sides: tuple[tuple[str, str, str], ...] = ()


@dataclass
class Plan:
    """What is to be written: the trainee of each new or changed cluster, aliases and events."""

    release: int
    trainee: dict[str, str] = field(default_factory=dict)
    # (retired id, surviving id, release)
    retired: list[tuple[str, str, int]] = field(default_factory=list)
    revived: set[str] = field(default_factory=set)
    # a retired id follows the record that it was minted from: (retired id, surviving id)
    followed: list[tuple[str, str]] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)
    minted: int = 0
    merged: int = 0
    split: int = 0

    @property
    def changes(self) -> IdentityChanges:
        """What the plan changes, counted."""
        return IdentityChanges(self.minted, self.merged, self.split, len(self.revived))


def make_plan(con: duckdb.DuckDBPyConnection, secret: bytes, release_number: int, cause_of: CauseOf) -> Plan:
    """Return what is to be written for the clusters of `incoming_record` that are new or changed."""
    # in the order of their oldest records, so that the label of a cluster decides nothing
    clusters = [tuple(parts) for _, parts in groupby(state.changed_parts(con), key=lambda part: part.cluster)]
    known = [part for parts in clusters for part in parts if part.trainee is not None]
    members = state.members_of_parts(con)
    claims = _claims(con, secret, known, members)
    owner = _owners(known, claims)
    kept = {
        parts[0].cluster: [part for part in parts if part.trainee is not None and owner[part.trainee] is part]
        for parts in clusters
    }
    ages = state.ages_of(con, [str(part.trainee) for parts in kept.values() if len(parts) > 1 for part in parts])
    for meeting in kept.values():
        if len(meeting) > 1:
            meeting.sort(key=lambda part: ages[str(part.trainee)])
    fresh = _fresh_ids(con, secret, [parts for parts in clusters if not kept[parts[0].cluster]], claims)
    returning = _returning_ids(con, clusters, kept, owner, claims)
    retired = state.retired_among(con, [*fresh.values(), *returning.values()])
    # records that are not in the linkage today: they move with a trainee who is retired
    away = state.absent_records(con, [str(part.trainee) for parts in kept.values() if len(parts) > 1 for part in parts])
    plan = Plan(release_number)
    for parts in clusters:
        cluster, mine = parts[0].cluster, kept[parts[0].cluster]
        chosen = returning.get(cluster) or (str(mine[0].trainee) if mine else fresh[cluster])
        plan.trainee[cluster] = chosen
        plan.revived |= {chosen} & retired
        followers = [part for part in parts if part.trainee is not None]
        if not followers:
            event = "revive" if chosen in retired else "mint"
            plan.events.append(Event(event, chosen, None, sum(part.records for part in parts), "new record"))
            plan.minted += 1
        for part in followers:
            if str(part.trainee) == chosen and part in mine:
                continue
            if part in mine:
                event, behind = "merge", None
                plan.retired.append((str(part.trainee), chosen, release_number))
                plan.merged += 1
            else:
                # these records leave a trainee who stays in another cluster
                event, behind = "revive" if chosen in retired else "split", owner[str(part.trainee)]
                plan.split += 1
            plan.events.append(_movement(event, chosen, part, behind, followers, members, away, cause_of))
        plan.followed += [(claim, chosen) for part in followers for claim in claims[part.key] if claim != chosen]
    return plan


def _claims(
    con: duckdb.DuckDBPyConnection,
    secret: bytes,
    parts: Sequence[Part],
    members: Mapping[tuple[str, str], Sequence[str]],
) -> dict[tuple[str, str], list[str]]:
    """Return for each part the ids, in use or retired, that were minted from one of its records, oldest record first.

    No table holds the record an id was minted from: the id is the keyed hash of that record. If the record of a
    retired id is not in the linkage today, the oldest present record that was retired with the id stands for it.
    """
    minted = {part.key: [mint(secret, record) for record in members[part.key]] for part in parts}
    retired = state.retired_among(con, [identifier for found in minted.values() for identifier in found])
    claims = {
        key: [identifier for identifier in found if identifier == key[1] or identifier in retired]
        for key, found in minted.items()
    }
    founded = {claim for found in claims.values() for claim in found}
    place = {record: part.key for part in parts for record in members[part.key]}
    for identifier, record in state.retired_with(con, [str(part.trainee) for part in parts]):
        if identifier not in founded and record in place:
            founded.add(identifier)
            claims[place[record]].append(identifier)
    return claims


def _returning_ids(
    con: duckdb.DuckDBPyConnection,
    clusters: Sequence[Sequence[Part]],
    kept: Mapping[str, Sequence[Part]],
    owner: Mapping[str, Part],
    claims: Mapping[tuple[str, str], Sequence[str]],
) -> dict[str, str]:
    """Return the retired id to revive, for clusters that would keep an id which was split off from it.

    It is revived if the record that it was minted from leaves the surviving trainee for this cluster: undoing a merge
    and a split of the same records must restore the id of before both. Any other id in use stays in use.
    """
    found: dict[str, str] = {}
    for parts in clusters:
        mine = kept[parts[0].cluster]
        leaving = [part for part in parts if part.trainee is not None and owner[part.trainee] is not part]
        returned = [claim for part in leaving for claim in claims[part.key]]
        if len(mine) == 1 and returned:
            origin = state.split_from(con, str(mine[0].trainee), returned)
            if origin is not None:
                found[parts[0].cluster] = origin
    return found


def _movement(
    event: str,
    chosen: str,
    part: Part,
    behind: Part | None,
    followers: Sequence[Part],
    members: Mapping[tuple[str, str], Sequence[str]],
    away: Mapping[str, Sequence[str]],
    cause_of: CauseOf,
) -> Event:
    """Return the event of a part that moves to trainee `chosen`, with the records it left and those it met there."""

    def records(one: Part, with_away: bool) -> list[str]:
        return [*members[one.key], *(away.get(str(one.trainee), ()) if with_away else ())]

    whole = event == "merge"
    sides = [(record, MOVED, str(part.trainee)) for record in records(part, whole)]
    if behind is not None:
        sides += [(record, LEFT, str(behind.trainee)) for record in members[behind.key]]
    met = [other for other in followers if other is not part]
    sides += [(record, MET, str(other.trainee)) for other in met for record in records(other, whole)]
    of_side = {side: [record for record, name, _ in sides if name == side] for side in (MOVED, LEFT, MET)}
    cause = cause_of(of_side[MOVED], of_side[LEFT], of_side[MET])
    return Event(event, chosen, part.trainee, part.records, cause, tuple(sorted(sides)))


def _owners(parts: Sequence[Part], claims: Mapping[tuple[str, str], Collection[str]]) -> dict[str, Part]:
    """Return the part that keeps each trainee's id.

    It is the part with the record that the id was minted from; else one that holds no such record of another id;
    else the oldest.
    """
    owner: dict[str, Part] = {}
    for part in sorted(
        parts, key=lambda part: (part.trainee not in claims[part.key], bool(claims[part.key]), part.age)
    ):
        owner.setdefault(str(part.trainee), part)
    return owner


def _fresh_ids(
    con: duckdb.DuckDBPyConnection,
    secret: bytes,
    clusters: Sequence[Sequence[Part]],
    claims: Mapping[tuple[str, str], Sequence[str]],
) -> dict[str, str]:
    """Return the id of each cluster that keeps none: the one of its ids that was retired last, else a new one.

    A new id is minted from the oldest record, with a salt if another trainee already has that id.
    """
    everyone = [claim for parts in clusters for part in parts if part.trainee is not None for claim in claims[part.key]]
    retirements, ages = state.retirements(con, everyone), state.ages_of(con, everyone)
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
        taken |= state.in_use(con, candidates.values())
        for part in left:
            if candidates[part.cluster] not in taken:
                found[part.cluster] = candidates[part.cluster]
                taken.add(candidates[part.cluster])
        left = [part for part in left if part.cluster not in found]
        salt += 1
    return found
