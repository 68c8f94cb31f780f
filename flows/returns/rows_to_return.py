"""Gathers the rows of one partner that go back: those that were rejected, and those that count but look odd.

They are read again from the landed bytes, so that they go back under the partner's own headings, as delivered.
"""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from flows.intake.deliveries import DeliveryFiles, group_deliveries
from flows.intake.fingerprint import reading_hash
from flows.readers.corrected_detect import KEY_MARK
from flows.readers.corrected_manifest import ROLES, Manifest, SentRow, row_key
from flows.readers.delivery import OriginalRow, TextRows
from flows.readers.headers import fold_header
from flows.readers.table import heading_slots
from flows.returns.diagnose import CellError, CellErrorFinder, Code
from flows.sources.landed import landing_folder
from schemas.partner import Partner
from schemas.programme import load_programme
from schemas.reasons import Flag, Reason
from schemas.remedies import phrase

if TYPE_CHECKING:
    import duckdb

# what a cell of a workbook can hold
MOST_CHARACTERS = 32_767


class ReturnError(RuntimeError):
    """Rows cannot be sent back; the message says why and what to do."""


@dataclass(frozen=True)
class RowToReturn:
    """One row that goes back, and what is wrong with it."""

    sent: SentRow
    is_rejected: bool
    cell_errors: tuple[CellError, ...]


@dataclass(frozen=True)
class RowsToReturn:
    """Everything that goes back to one partner; nobody else's rows are in it."""

    partner: Partner
    finder: CellErrorFinder
    manifest: Manifest
    rows: tuple[RowToReturn, ...]
    received_until: dt.date | None


@dataclass(frozen=True)
class _StoredRow:
    """A row of the vault that goes back."""

    ordinal: int
    content_id: str
    codes: tuple[Code, ...]
    is_rejected: bool


def gather_rows(con: "duckdb.DuckDBPyConnection", partner: Partner) -> RowsToReturn:
    """Return the rows of a partner that go back, by the day their delivery was received.

    Superseded and repeated rows do not go back. The caller holds the vault.

    Raises:
        ReturnError: a delivery was read under another contract than today's, or its landed bytes are gone.
    """
    from warehouse.vault.landed import known_deliveries, landed_rows

    finder = CellErrorFinder(partner, load_programme())
    found = _find(con, partner)
    known = known_deliveries(con).get(partner.partner_id, {})
    landed = landed_rows(con).get(partner.partner_id, [])
    deliveries = {item.delivery_id: item for item in group_deliveries(landed, partner.contract.delivery)}
    received = {
        delivery_id: day
        for delivery_id, day in con.execute(
            "SELECT delivery_id, date_received FROM delivery WHERE partner_id = ?", [partner.partner_id]
        ).fetchall()
    }
    groups: dict[tuple[str, ...], int] = {}
    rows: list[RowToReturn] = []
    for delivery_id in found:
        if known.get(delivery_id) != reading_hash(partner) or delivery_id not in deliveries:
            raise ReturnError(
                f"{partner.partner_id}: the contract or the program has changed since the last run; run "
                f"`godigital reprocess {partner.country_code}` first, then send the rows back"
            )
        rows += _rows_of(partner, finder, deliveries[delivery_id], found[delivery_id], groups)
    headers = {number: header for header, number in groups.items()}
    manifest = Manifest(
        partner.partner_id, _headings(finder, headers), headers, {row.sent.key: row.sent for row in rows}
    )
    return RowsToReturn(partner, finder, manifest, tuple(rows), max(received.values(), default=None))


def _find(con: "duckdb.DuckDBPyConnection", partner: Partner) -> dict[str, list[_StoredRow]]:
    """delivery_id -> rows, in the order in which deliveries were received and rows stand in them."""
    found: dict[str, list[_StoredRow]] = {}
    for delivery_id, ordinal, content_id, codes, is_rejected in con.execute(
        """
        WITH back AS (
            SELECT delivery_id, ordinal, content_id, reasons AS codes, TRUE AS is_rejected
            FROM rejected_row WHERE partner_id = $1 AND disposition = 'rejected'
            UNION ALL
            SELECT delivery_id, ordinal, content_id, flags, FALSE
            FROM record WHERE partner_id = $1 AND disposition = 'accepted' AND flags IS NOT NULL
        )
        SELECT back.delivery_id, back.ordinal, back.content_id, back.codes, back.is_rejected
        FROM back JOIN delivery USING (delivery_id)
        ORDER BY delivery.date_received, delivery.name, back.delivery_id, back.ordinal
        """,
        [partner.partner_id],
    ).fetchall():
        kind: type[Code] = Reason if is_rejected else Flag
        row = _StoredRow(ordinal, content_id, tuple(kind(code) for code in codes.split(" ")), is_rejected)
        found.setdefault(delivery_id, []).append(row)
    return found


def _rows_of(
    partner: Partner,
    finder: CellErrorFinder,
    delivery: DeliveryFiles,
    found: Sequence[_StoredRow],
    groups: dict[tuple[str, ...], int],
) -> list[RowToReturn]:
    from flows.intake.read_trainings import read_text
    from flows.normalise.corrections import correct_cells
    from flows.normalise.record_ids import row_identities
    from flows.readers.read import DeliveryError

    try:
        text = read_text(partner, delivery, landing_folder(partner))
        cells, corrected = correct_cells(text, partner, delivery.name)
    except DeliveryError as error:
        raise ReturnError(f"{partner.partner_id}, {delivery.name}: {error}") from error
    except FileNotFoundError as error:
        raise ReturnError(
            f"{partner.partner_id}, {delivery.name}: its landed bytes are gone from {landing_folder(partner)}; restore "
            "them from a backup, or pull the delivery again from its source"
        ) from error
    records, contents = row_identities(text, partner, delivery.delivery_id)
    slots = {slot: index for index, slot in enumerate(heading_slots(text.header))}
    rows = []
    for item in found:
        i = item.ordinal
        if contents[i] != item.content_id:
            raise ReturnError(f"{partner.partner_id}, {delivery.name}: read otherwise than by the last run; run again")
        origin = _origin(text, i, delivery.name, records[i], contents[i])
        places = [slots[slot] for slot in heading_slots(origin.header)]
        own = tuple(cells[i][place][:MOST_CHARACTERS] for place in places)
        put_right = [places.index(place) for place in corrected.get(i, ())]
        sent = SentRow(
            key=row_key(partner.partner_id, delivery.delivery_id, item.content_id),
            group=groups.setdefault(origin.header, len(groups) + 1),
            cells=own,
            source_id=text.source_ids[i],
            original=origin,
        )
        rows.append(RowToReturn(sent, item.is_rejected, finder.cell_errors(item.codes, origin.header, own, put_right)))
    return rows


def _origin(text: TextRows, i: int, delivery_name: str, record_id: str, content_id: str) -> OriginalRow:
    """Where the row was first sent: a row that went back before still says where it stood at first."""
    first = (
        text.originals[i]
        if text.originals
        else OriginalRow(
            delivery_name=delivery_name,
            file_name=text.file_names[i],
            sheet=text.sheets[i],
            row_number=text.row_numbers[i],
            header=text.header,
            record_id=record_id,
            content_id=content_id,
            overflow=text.overflow[i],
            orphan=text.orphan[i],
        )
    )
    return replace(first, record_id=record_id, content_id=content_id, action="unchanged")


def _headings(finder: CellErrorFinder, headers: dict[int, tuple[str, ...]]) -> dict[str, str]:
    """Our headings by role, in both languages; none is like one of theirs."""
    theirs = {fold_header(name) for header in headers.values() for name in header}
    headings = {}
    for role in ROLES:
        words = "\n".join(phrase(role, language) for language in finder.languages)
        while fold_header(words) in theirs:
            words += " *"
        headings[role] = words
    headings["key"] = f"{KEY_MARK}\n{headings['key']}"
    return headings
