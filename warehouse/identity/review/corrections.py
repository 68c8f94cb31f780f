"""Merges, splits and undoes trainees by hand: a command about trainees becomes judgements about pairs of records.

The judgements keep all records of each side as one person. So no later model, and no contradiction between two of
their records, can undo a part of what the officer decided.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

import duckdb

from warehouse.identity.judgement_table import read_judgements, take_back, take_in
from warehouse.identity.judgements import PREFIX, Draft, Judgement, JudgementError, Origin, Verdict, effective, pair_of
from warehouse.identity.register_state import EVENT_PREFIX, LEFT, MET, MOVED

_NO_RECORD = "no record has the id {text}; `godigital trainee` and `godigital review` show ids"


@dataclass(frozen=True)
class KnownTrainee:
    """A trainee found by an id: the current id, the id that was asked for, and the records, oldest first."""

    trainee_id: str
    asked: str
    record_ids: tuple[str, ...]

    @property
    def was_retired(self) -> bool:
        """Whether the id that was asked for is retired."""
        return self.trainee_id != self.asked


@dataclass(frozen=True)
class Correction:
    """What a command wrote: the new judgements, and the ids of those that it took back."""

    made: tuple[Judgement, ...]
    taken_back: tuple[str, ...] = ()

    @property
    def group_id(self) -> str:
        """The id that undoes all of it; empty if the command made no judgement."""
        return self.made[0].group_id if self.made else ""


def _unique(con: duckdb.DuckDBPyConnection, sql: str, text: str, none: str, several: str) -> str:
    """Return the one id that begins with `text`; an id equal to `text` wins."""
    found = [row[0] for row in con.execute(sql, [text]).fetchall()]
    if text in found:
        return text
    if len(found) != 1:
        shown = ", ".join(item[: len(text) + 4] + "..." for item in found[:5])
        raise JudgementError(none if not found else f"{several}: {shown}; give more letters")
    return str(found[0])


def find_record(con: duckdb.DuckDBPyConnection, text: str) -> str:
    """Return the record whose id is `text`, or begins with it.

    Raises:
        JudgementError: there is none, or several.
    """
    given = text.strip().lower()
    return _unique(
        con,
        "SELECT record_id FROM register WHERE $1 <> '' AND starts_with(record_id, $1) ORDER BY ALL LIMIT 6",
        given,
        _NO_RECORD.format(text=text),
        f"several records begin with {text}",
    )


def find_trainee(con: duckdb.DuckDBPyConnection, text: str) -> KnownTrainee:
    """Return the trainee whose id is `text` or begins with it; of a retired id, the trainee it was merged into.

    Raises:
        JudgementError: there is none, or several.
    """
    given = text.strip().lower()
    found = _unique(
        con,
        """
        SELECT trainee_id FROM register WHERE $1 <> '' AND starts_with(trainee_id, $1)
        UNION SELECT retired_id FROM trainee_alias WHERE $1 <> '' AND starts_with(retired_id, $1) ORDER BY ALL LIMIT 6
        """,
        given,
        f"no trainee has the id {text}; the published tables and `godigital identity history` show ids",
        f"several trainees begin with {text}",
    )
    row = con.execute("SELECT surviving_id FROM trainee_alias WHERE retired_id = ?", [found]).fetchone()
    trainee = found if row is None else str(row[0])
    records = con.execute(
        "SELECT record_id FROM register WHERE trainee_id = ? ORDER BY founding_order, record_id", [trainee]
    ).fetchall()
    return KnownTrainee(trainee, found, tuple(record for (record,) in records))


def chain(records: Sequence[str]) -> list[Draft]:
    """Return judgements that make records one person: each record with the next."""
    return [Draft(one, other, Verdict.SAME) for one, other in pairwise(records)]


def merge_trainees(con: duckdb.DuckDBPyConnection, one: str, other: str, *, by: str, why: str) -> Correction:
    """Judge two trainees to be one person, with all their records.

    Raises:
        JudgementError: an id is unknown, both are one person already, or somebody judged otherwise.
    """
    here, there = find_trainee(con, one), find_trainee(con, other)
    if here.trainee_id == there.trainee_id:
        raise JudgementError(f"{one} and {other} are one person already, {here.trainee_id}")
    drafts = [
        *chain(here.record_ids),
        *chain(there.record_ids),
        Draft(here.record_ids[0], there.record_ids[0], Verdict.SAME),
    ]
    return _correct(con, drafts, (), by=by, why=why, origin=Origin.MERGE)


def split_trainee(
    con: duckdb.DuckDBPyConnection, trainee: str, records: Sequence[str], *, by: str, why: str
) -> Correction:
    """Judge some records of a trainee to be another person.

    Args:
        con: The vault.
        trainee: Id of the trainee, or a beginning of it.
        records: Ids of the records that are somebody else, or beginnings of them.
        by: Who judges.
        why: The reason.

    Raises:
        JudgementError: an id is unknown, a record is not of this trainee, none or all are named, or somebody
            judged otherwise.
    """
    whole = find_trainee(con, trainee)
    gone = {_record_of(con, whole, text) for text in records}
    leaving = [record for record in whole.record_ids if record in gone]
    staying = [record for record in whole.record_ids if record not in gone]
    if not leaving or not staying:
        raise JudgementError(
            f"name some of the {len(whole.record_ids)} records of {whole.trainee_id}, not "
            f"{'all of them' if leaving else 'none'}; `godigital trainee {whole.trainee_id}` lists them"
        )
    drafts = [*chain(leaving), *chain(staying), Draft(leaving[0], staying[0], Verdict.DIFFERENT)]
    return _correct(con, drafts, (), by=by, why=why, origin=Origin.SPLIT)


def _record_of(con: duckdb.DuckDBPyConnection, trainee: KnownTrainee, text: str) -> str:
    record = find_record(con, text)
    if record not in trainee.record_ids:
        raise JudgementError(
            f"record {text} is not one of {trainee.trainee_id}; `godigital trainee {trainee.trainee_id}` lists them"
        )
    return record


def undo(con: duckdb.DuckDBPyConnection, identifier: str, *, by: str, why: str) -> Correction:
    """Take back a judgement (j12, with all that its command judged), a merge or a split (e34).

    Raises:
        JudgementError: there is no such id, or it has been undone already.
    """
    given = identifier.strip().lower()
    if given.startswith(PREFIX) and given[1:].isdecimal():
        return _undo_judgement(con, given, by, why)
    if given.startswith(EVENT_PREFIX) and given[1:].isdecimal():
        return _undo_event(con, given, by, why)
    raise JudgementError(
        f"{identifier}: give the id of a judgement (such as j12) or of a merge or split (such as e34); "
        "`godigital identity history` lists them"
    )


def _undo_judgement(con: duckdb.DuckDBPyConnection, identifier: str, by: str, why: str) -> Correction:
    everything = read_judgements(con)
    group = next((item.group_id for item in everything if item.judgement_id == identifier), None)
    if group is None:
        raise JudgementError(f"there is no judgement {identifier}; `godigital identity history` lists them")
    members = [item for item in everything if item.group_id == group]
    in_force = tuple(item.judgement_id for item in members if item.undone_at is None)
    if not in_force:
        last = members[0]
        raise JudgementError(f"{identifier} was taken back already, by {last.undone_by} on {last.undone_at:%Y-%m-%d}")
    take_back(con, in_force, by=by, why=why)
    return Correction((), in_force)


def _undo_event(con: duckdb.DuckDBPyConnection, identifier: str, by: str, why: str) -> Correction:
    row = con.execute("SELECT event FROM identity_event WHERE event_id = ?", [identifier]).fetchone()
    if row is None:
        raise JudgementError(f"there is no event {identifier}; `godigital identity history` lists them")
    if row[0] == "mint":
        raise JudgementError(f"{identifier} gave a new person an id: this cannot be undone")
    sides = _sides(con, identifier)
    if not sides:
        raise JudgementError(f"{identifier} cannot be undone: it is older than the list of records that moved")
    moved = _still_together(next(records for (side, _), records in sides.items() if side == MOVED))
    left = [_still_together(records) for (side, _), records in sides.items() if side == LEFT]
    met = [_still_together(records) for (side, _), records in sides.items() if side == MET]
    # undo only the sides that are still as the event left them, and nothing that happened later
    away_from = [group for group in met if group[0][1] == moved[0][1]]
    back_to = [group for group in left if group[0][1] != moved[0][1]]
    if not away_from and not back_to:
        raise JudgementError(f"{identifier} has no effect any more: its records are as they were before it")
    mine, foes, friends = _ids(moved), [_ids(group) for group in away_from], [_ids(group) for group in back_to]
    drafts = [*chain(mine), *(draft for group in (*foes, *friends) for draft in chain(group))]
    drafts += [Draft(mine[0], group[0], Verdict.DIFFERENT) for group in foes]
    drafts += [Draft(mine[0], group[0], Verdict.SAME) for group in friends]
    against = [
        *_judged_between(con, mine, foes, Verdict.SAME),
        *_judged_between(con, mine, friends, Verdict.DIFFERENT),
    ]
    return _correct(con, drafts, against, by=by, why=why, origin=Origin.UNDO, undoes=identifier)


_Member = tuple[str, str]


def _sides(con: duckdb.DuckDBPyConnection, event_id: str) -> dict[tuple[str, str], list[_Member]]:
    """Return (side, trainee before) -> (record, trainee today), oldest first."""
    rows = con.execute(
        """
        SELECT side, trainee_before, record_id, trainee_id
        FROM identity_event_record JOIN register USING (record_id) WHERE event_id = ?
        ORDER BY side, trainee_before, founding_order, record_id
        """,
        [event_id],
    ).fetchall()
    found: dict[tuple[str, str], list[_Member]] = {}
    for side, before, record, today in rows:
        found.setdefault((side, before), []).append((record, today))
    return found


def _still_together(members: Sequence[_Member]) -> list[_Member]:
    """Return the members that still have the trainee of the oldest."""
    return [member for member in members if member[1] == members[0][1]]


def _ids(members: Iterable[_Member]) -> list[str]:
    return [record for record, _ in members]


def _judged_between(
    con: duckdb.DuckDBPyConnection, mine: Sequence[str], groups: Sequence[Sequence[str]], verdict: Verdict
) -> list[str]:
    """Return ids of judgements in force with this verdict on a record of `mine` and one of `groups`."""
    others = {record for group in groups for record in group}
    pairs = {pair_of(one, other) for one in mine for other in others}
    return [
        item.judgement_id
        for item in read_judgements(con)
        if item.undone_at is None and item.verdict is verdict and item.pair in pairs
    ]


def _correct(
    con: duckdb.DuckDBPyConnection,
    drafts: Sequence[Draft],
    against: Sequence[str],
    *,
    by: str,
    why: str,
    origin: Origin,
    undoes: str | None = None,
) -> Correction:
    """Write judgements and take back those `against` them.

    Raises:
        JudgementError: a judgement of another officer contradicts them.
    """
    made = take_in(con, drafts, by=by, why=why, origin=origin, undoes=undoes)
    if against:
        take_back(con, against, by=by, why=why, for_group=made[0].group_id)
    mine = {item.judgement_id for item in made}
    everything = {item.judgement_id: item for item in read_judgements(con)}
    for contradiction in effective(everything.values()).contradictions:
        theirs = [everything[name] for name in contradiction.judgement_ids if name not in mine]
        if theirs and not mine.isdisjoint(contradiction.judgement_ids):
            other = theirs[0]
            raise JudgementError(
                f"a judgement of {other.judged_by} on {other.judged_at:%Y-%m-%d} contradicts this; "
                f"to judge otherwise, first undo it: godigital identity undo {other.group_id}"
            )
    return Correction(made, tuple(against))
