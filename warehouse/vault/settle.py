"""Which deliveries are in force, and which of their rows count: corrected, repeated, cumulative, out of order.

Everything follows from the contract (kind, period and revision in the name) and the day received; the order in
which files happen to be pulled plays no part. Corrected workbooks replace single rows of what is in force.
"""

import datetime as dt
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from schemas.contract_parts import Kind
from warehouse.vault.corrected_rows import ReturnedRow, follow, standing_corrections


class Outcome(StrEnum):
    """What became of a delivery."""

    LOADED = "loaded"
    SUPERSEDED = "superseded"
    REPEATED = "repeated"
    FAILED = "failed"
    HELD = "held"


class Disposition(StrEnum):
    """What became of a data row."""

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
    winners = _winners(kind, unique, pool)
    return Settled(
        in_force=tuple(item.delivery_id for item in unique if item.delivery_id in winners),
        replaced=tuple(item.delivery_id for item in unique if item.delivery_id not in winners),
        repeated=tuple(repeated),
        set_aside=tuple(set_aside),
    )


def _winners(kind: Kind, unique: Sequence[Candidate], pool: Sequence[Candidate]) -> set[str]:
    if not unique:
        return set()
    if kind == "append":
        return {item.delivery_id for item in unique}
    if kind == "monthly":
        # a correction can go back to what was sent first: its content then has the revision that the correction names
        named: dict[tuple[str | None, str], int] = {}
        for item in pool:
            content = (item.period, item.content_hash)
            named[content] = max(item.revision, named.get(content, 0))
        best: dict[str, tuple[tuple[object, ...], str]] = {}
        for item in unique:
            # a name without a period stands for itself: it can neither replace nor be replaced
            key = item.period or item.delivery_id
            rank = (named[item.period, item.content_hash], *item.rank[1:])
            if key not in best or rank > best[key][0]:
                best[key] = (rank, item.delivery_id)
        return {delivery_id for _, delivery_id in best.values()}
    # a source can return to an earlier state, which is then its state: the snapshot that had it first is in force
    states = pool if kind == "snapshot" else unique
    newest = max(states, key=lambda item: (item.period or item.date_received.isoformat(), item.rank))
    return {item.delivery_id for item in unique if item.content_hash == newest.content_hash}


@dataclass(frozen=True)
class RowKeys:
    """The rows of one delivery in order: record id and content hash of each."""

    delivery_id: str
    record_ids: Sequence[str]
    content_ids: Sequence[str]


@dataclass(frozen=True)
class Workbook:
    """A corrected workbook: its delivery, its record ids, and what each row does to an earlier row."""

    candidate: Candidate
    record_ids: Sequence[str]
    rows: Sequence[ReturnedRow]


def order_workbooks(workbooks: Iterable[Workbook]) -> tuple[list[Workbook], list[Workbook]]:
    """Return the workbooks in the order in which they arrived, and those that are copies, byte by byte."""
    first: list[Workbook] = []
    copies: list[Workbook] = []
    seen: set[str] = set()
    # no workbook is a revision: its name says nothing
    for item in sorted(workbooks, key=lambda item: item.candidate.rank[1:]):
        (copies if item.candidate.content_hash in seen else first).append(item)
        seen.add(item.candidate.content_hash)
    return first, copies


def settle_rows(
    kind: Kind, settled: Settled, deliveries: Sequence[RowKeys], workbooks: Sequence[Workbook] = ()
) -> dict[str, list[Disposition]]:
    """Return, for every delivery and workbook, one disposition per row in order: accepted, superseded or repeated.

    Args:
        kind: How the partner's deliveries follow each other.
        settled: What `settle_deliveries` said.
        deliveries: All readable deliveries but workbooks, by day received.
        workbooks: Corrected workbooks, in any order.

    Accepted means that this row is the one that counts; with a reason against it, it becomes rejected instead.
    A row whose content changed under the same id (an edited submission) is superseded by its newest content.
    A row that a workbook corrects or withdraws is superseded where it counted; its repetitions stay repeated.
    """
    in_force = set(settled.in_force)
    repeated_whole = set(settled.repeated)
    delivered = {content for rows in deliveries if rows.delivery_id in in_force for content in rows.content_ids}
    first, copies = order_workbooks(workbooks)
    standing = standing_corrections(row for item in first for row in item.rows)
    alive = {now for content in delivered if (now := follow(content, standing)) is not None}
    replaced: set[str] = set()
    # a cumulative file repeats earlier rows: the first delivery that brought a row keeps it
    carries_on = kind in ("cumulative", "snapshot")
    may_hold = in_force | (set(settled.replaced) if carries_on else set())
    taken: set[str] = set()
    result: dict[str, list[Disposition]] = {}
    for rows in deliveries:
        if rows.delivery_id in repeated_whole:
            result[rows.delivery_id] = [Disposition.REPEATED] * len(rows.record_ids)
            continue
        dispositions = []
        for record, content in zip(rows.record_ids, rows.content_ids, strict=True):
            if rows.delivery_id not in may_hold or content not in delivered:
                dispositions.append(Disposition.SUPERSEDED)
            elif content not in alive:
                # the row has been corrected: supersede the original; its duplicates stay duplicates
                dispositions.append(Disposition.REPEATED if content in replaced else Disposition.SUPERSEDED)
                replaced.add(content)
            elif record in taken:
                dispositions.append(Disposition.REPEATED)
            else:
                taken.add(record)
                dispositions.append(Disposition.ACCEPTED)
        result[rows.delivery_id] = dispositions
    for item in first:
        result[item.candidate.delivery_id] = _workbook_dispositions(item, alive, taken, replaced)
    for item in copies:
        result[item.candidate.delivery_id] = [Disposition.REPEATED] * len(item.rows)
    return result


def _workbook_dispositions(item: Workbook, alive: set[str], taken: set[str], replaced: set[str]) -> list[Disposition]:
    """Dispositions of a workbook's rows; adds accepted records to `taken`, overtaken content to `replaced`.

    A row that was left as it was, or that withdraws another, repeats that one.
    """
    dispositions = []
    for record, row in zip(item.record_ids, item.rows, strict=True):
        if row.action != "changed" or (row.content_id in alive and record in taken):
            dispositions.append(Disposition.REPEATED)
        elif row.content_id in alive:
            taken.add(record)
            dispositions.append(Disposition.ACCEPTED)
        else:
            dispositions.append(Disposition.REPEATED if row.content_id in replaced else Disposition.SUPERSEDED)
            replaced.add(row.content_id)
    return dispositions
