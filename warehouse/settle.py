"""Which deliveries are in force, and which of their rows count: corrected, repeated, cumulative, out of order.

Everything follows from the contract (kind, period and revision in the name) and the day received; the order in
which files happen to be pulled plays no part.
"""

import datetime as dt
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from schemas.partner import Kind


class Outcome(StrEnum):
    """What became of a delivery."""

    LOADED = "loaded"
    SUPERSEDED = "superseded"
    REPEATED = "repeated"
    FAILED = "failed"


class Disposition(StrEnum):
    """What became of a row that is not structural."""

    ACCEPTED = "accepted"
    REJECTED = "rejected"
    SUPERSEDED = "superseded"
    REPEATED = "repeated"


@dataclass(frozen=True)
class Candidate:
    """A delivery that could be read, as far as settling needs to know it."""

    delivery_id: str
    name: str
    period: str | None
    revision: int
    date_received: dt.date
    pulled_at: dt.datetime
    content_hash: str
    is_sample: bool

    @property
    def rank(self) -> tuple[int, dt.date, dt.datetime, str, str]:
        """Newest is highest: the revision named, then the day received, then a file changed in place, then ties."""
        return (self.revision, self.date_received, self.pulled_at, self.name, self.delivery_id)


@dataclass(frozen=True)
class Settled:
    """Deliveries by what becomes of them, in the order in which their rows are taken up."""

    in_force: tuple[str, ...]
    replaced: tuple[str, ...]
    repeated: tuple[str, ...]
    set_aside: tuple[str, ...]

    def outcome(self, delivery_id: str) -> Outcome:
        """What became of one of these deliveries."""
        if delivery_id in self.in_force:
            return Outcome.LOADED
        return Outcome.REPEATED if delivery_id in self.repeated else Outcome.SUPERSEDED


def settle_deliveries(kind: Kind, candidates: Iterable[Candidate]) -> Settled:
    """Return which deliveries of one partner are in force.

    The same content counts once, under the earliest day received. Of deliveries about the same period the highest
    revision named wins, then the one received last. A cumulative file or snapshot replaces all about earlier
    periods. Invented samples count only as long as the partner has sent nothing else.
    """
    everything = sorted(candidates, key=lambda item: (item.date_received, item.name, item.delivery_id))
    real = [item for item in everything if not item.is_sample]
    set_aside = [item.delivery_id for item in everything if item.is_sample] if real else []
    pool = real or everything
    first_of: dict[str, Candidate] = {}
    repeated = []
    for item in pool:
        if item.content_hash in first_of:
            repeated.append(item.delivery_id)
        else:
            first_of[item.content_hash] = item
    unique = list(first_of.values())
    winners = _winners(kind, unique)
    return Settled(
        in_force=tuple(item.delivery_id for item in unique if item.delivery_id in winners),
        replaced=tuple(item.delivery_id for item in unique if item.delivery_id not in winners),
        repeated=tuple(repeated),
        set_aside=tuple(set_aside),
    )


def _winners(kind: Kind, unique: Sequence[Candidate]) -> set[str]:
    if not unique:
        return set()
    if kind == "append":
        return {item.delivery_id for item in unique}
    if kind == "monthly":
        best: dict[str, Candidate] = {}
        for item in unique:
            # a name without a period stands for itself: it can neither replace nor be replaced
            key = item.period or item.delivery_id
            if key not in best or item.rank > best[key].rank:
                best[key] = item
        return {item.delivery_id for item in best.values()}
    newest = max(unique, key=lambda item: (item.period or item.date_received.isoformat(), item.rank))
    return {newest.delivery_id}


@dataclass(frozen=True)
class RowKeys:
    """The rows of one delivery in order: who they are, and a hash of what they say."""

    delivery_id: str
    record_ids: Sequence[str]
    content_ids: Sequence[str]


def settle_rows(kind: Kind, settled: Settled, deliveries: Sequence[RowKeys]) -> dict[str, list[Disposition]]:
    """Return, for every delivery, one disposition per row in order: accepted, superseded or repeated.

    Args:
        kind: How the partner's deliveries follow each other.
        settled: What `settle_deliveries` said.
        deliveries: All readable deliveries, by day received.

    Accepted means that this row is the one that counts; with a reason against it, it becomes rejected instead.
    A row whose content changed under the same id (an edited submission) is superseded by its newest content.
    """
    in_force = set(settled.in_force)
    repeated_whole = set(settled.repeated)
    alive = {content for rows in deliveries if rows.delivery_id in in_force for content in rows.content_ids}
    # a cumulative file repeats earlier rows: the first delivery that brought a row keeps it
    carries_on = kind in ("cumulative", "snapshot")
    may_hold = in_force | (set(settled.replaced) if carries_on else set())
    taken: set[str] = set()
    result: dict[str, list[Disposition]] = {}
    for rows in deliveries:
        if rows.delivery_id in repeated_whole:
            result[rows.delivery_id] = [Disposition.REPEATED] * len(rows.record_ids)
            continue
        fates = []
        for record, content in zip(rows.record_ids, rows.content_ids, strict=True):
            if rows.delivery_id not in may_hold or content not in alive:
                fates.append(Disposition.SUPERSEDED)
            elif record in taken:
                fates.append(Disposition.REPEATED)
            else:
                taken.add(record)
                fates.append(Disposition.ACCEPTED)
        result[rows.delivery_id] = fates
    return result
