"""What happened to a person over the releases: records, merges, splits, and the judgements behind them."""

from collections.abc import Sequence
from dataclasses import dataclass

import duckdb

from warehouse.identity.judgement_table import read_judgements
from warehouse.identity.judgements import Judgement, number_of
from warehouse.identity.review.corrections import KnownTrainee, find_trainee
from warehouse.identity.review.doubtful_pairs import RecordFacts, read_records


@dataclass(frozen=True)
class Event:
    """A line of the history: an event of the register, and the judgements that caused it."""

    event_id: str
    release_number: int
    event: str
    trainee_id: str
    other_trainee_id: str
    records: int
    cause: str
    behind: tuple[str, ...]

    @property
    def sentence(self) -> str:
        """What happened, in words."""
        rows = f"{self.records} {'record' if self.records == 1 else 'records'}"
        return {
            "mint": f"{self.trainee_id} is new, with {rows}",
            "merge": f"{self.other_trainee_id} ({rows}) was merged into {self.trainee_id}",
            "split": f"{rows} left {self.other_trainee_id} for {self.trainee_id}",
            "revive": f"{self.trainee_id} is in use again, with {rows} from {self.other_trainee_id}",
        }[self.event]


@dataclass(frozen=True)
class JudgementGroup:
    """The judgements of one command: a line of the history."""

    group_id: str
    sentence: str
    judged_by: str
    judged_at: str
    why: str
    undone: str


@dataclass(frozen=True)
class Alias:
    """An id that was merged into another one, and the release that did it."""

    retired_id: str
    release_number: int


@dataclass(frozen=True)
class Trainee:
    """A person: records, retired ids that lead here, events and judgements."""

    known: KnownTrainee
    records: tuple[RecordFacts, ...]
    aliases: tuple[Alias, ...]
    events: tuple[Event, ...]
    judgements: tuple[JudgementGroup, ...]


def read_trainee(con: duckdb.DuckDBPyConnection, text: str) -> Trainee:
    """Return the person with an id, given in full or by its beginning.

    Raises:
        JudgementError: there is none, or several.
    """
    known = find_trainee(con, text)
    facts = read_records(con, known.record_ids)
    rows = con.execute(
        "SELECT retired_id, release_number FROM trainee_alias WHERE surviving_id = ? ORDER BY retired_id",
        [known.trainee_id],
    ).fetchall()
    aliases = tuple(Alias(*row) for row in rows)
    mine = [known.trainee_id, *(alias.retired_id for alias in aliases)]
    records = set(known.record_ids)
    judged = [item for item in read_judgements(con) if records & {*item.pair}]
    return Trainee(
        known,
        tuple(facts[record] for record in known.record_ids if record in facts),
        aliases,
        read_events(con, mine),
        groups_of(judged),
    )


def read_events(
    con: duckdb.DuckDBPyConnection,
    trainees: Sequence[str] | None = None,
    *,
    release: int | None = None,
    limit: int | None = None,
) -> tuple[Event, ...]:
    """Return events, oldest first.

    Args:
        con: The vault.
        trainees: Only events of these ids; default: all merges, splits and revivals, without new ids.
        release: Only events of this release.
        limit: Only the latest events, at most this many.
    """
    rows = con.execute(
        """
        SELECT * FROM (
            SELECT event_id, release_number, event, trainee_id, coalesce(other_trainee_id, ''), records, cause
            FROM identity_event
            WHERE CASE WHEN $1 THEN list_contains($2, trainee_id) OR list_contains($2, other_trainee_id)
                       ELSE event <> 'mint' END
              AND ($3 IS NULL OR release_number = $3)
            ORDER BY CAST(event_id[2:] AS BIGINT) DESC LIMIT $4
        ) ORDER BY CAST(event_id[2:] AS BIGINT)
        """,
        [trainees is not None, list(trainees or []), release, limit],
    ).fetchall()
    judged = read_judgements(con) if any(cause == "judgement" for *_, cause in rows) else []
    return tuple(
        Event(
            number,
            release,
            event,
            trainee,
            other,
            records,
            cause,
            _behind(con, number, judged if cause == "judgement" else []),
        )
        for number, release, event, trainee, other, records, cause in rows
    )


def _behind(con: duckdb.DuckDBPyConnection, event_id: str, judged: Sequence[Judgement]) -> tuple[str, ...]:
    """Return the commands that judged a pair of the event's records: id, officer and reason."""
    if not judged:
        return ()
    involved = {
        record
        for (record,) in con.execute(
            "SELECT record_id FROM identity_event_record WHERE event_id = ?", [event_id]
        ).fetchall()
    }
    return tuple(
        f"{item.group_id}, {item.judged_by}{f': {item.why}' if item.why else ''}"
        + (f" (taken back: {item.undone})" if item.undone else "")
        for item in groups_of([item for item in judged if {*item.pair} <= involved])
    )


def groups_of(judged: Sequence[Judgement]) -> tuple[JudgementGroup, ...]:
    """Return one line for each command, by number."""
    groups: dict[str, list[Judgement]] = {}
    for item in judged:
        groups.setdefault(item.group_id, []).append(item)
    return tuple(_group(groups[name]) for name in sorted(groups, key=number_of))


def _group(items: Sequence[Judgement]) -> JudgementGroup:
    first = items[0]
    counts = {
        verdict: sum(item.verdict is verdict for item in items) for verdict in dict.fromkeys(x.verdict for x in items)
    }
    said = " and ".join(f"{count} {'pair' if count == 1 else 'pairs'} {verdict}" for verdict, count in counts.items())
    undone = [item for item in items if item.undone_at is not None]
    taken_back = ""
    if undone:
        last = undone[-1]
        part = "" if len(undone) == len(items) else "in part, "
        reason = f": {last.undone_why}" if last.undone_why else ""
        taken_back = f"{part}{last.undone_by}, {last.undone_at:%Y-%m-%d}{reason}"
    return JudgementGroup(
        first.group_id,
        f"{first.origin}{f' of {first.undoes}' if first.undoes else ''}: {said}",
        first.judged_by,
        f"{first.judged_at:%Y-%m-%d %H:%M}",
        first.why,
        taken_back,
    )
