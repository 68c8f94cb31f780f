"""Reads, normalises and validates deliveries of one partner; runs in a process of its own, without a database.

A delivery that cannot be read fails alone: its error becomes part of the result.
"""

import dataclasses
import json
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from flows.intake.deliveries import DeliveryFiles, delivery_facts
from flows.normalise.rows import Rows
from flows.normalise.training import Normaliser
from flows.normalise.validate import (
    LINEAGE_COLUMNS,
    TRAINING_TYPES,
    Reasons,
    check_contract,
    find_reasons,
    require_bounds,
    split_rows,
    to_frame,
    training_values,
)
from flows.readers.corrected_workbook import read_returned
from flows.readers.delivery import OF_THIS_MACHINE
from flows.readers.read import DeliveryError, ErrorCode, TextRows, read_delivery
from flows.sources.landed import landing_folder
from schemas.columns import TRAINING_LOG_COLUMNS
from schemas.partner import Partner
from schemas.programme import Programme, load_programme
from schemas.training_log import TRAINING_RULE_COLUMNS, training_rules
from warehouse.vault.rows import UNREAD, DeliveryFacts, DeliveryRows

# deliveries are validated together up to so many rows: validation takes long to begin, and rows take memory
_BATCH_ROWS = 20_000


def read_deliveries(
    partner: Partner, deliveries: Sequence[DeliveryFiles], folder: Path | None = None
) -> list[DeliveryRows]:
    """Return rows or an error for each delivery, in order; never raises for what a partner sent.

    Args:
        partner: Whose deliveries.
        deliveries: All of one partner.
        folder: Where the bytes are; the partner's landing folder without it.
    """
    normaliser = Normaliser(partner, load_programme())
    where = folder or landing_folder(partner)
    batch: list[tuple[DeliveryFiles, Rows]] = []
    result: dict[str, DeliveryRows] = {}
    for delivery in deliveries:
        found = _read_one(partner, delivery, normaliser, where)
        if isinstance(found, DeliveryRows):
            result[delivery.delivery_id] = found
        else:
            batch.append((delivery, found))
        if sum(len(rows) for _, rows in batch) >= _BATCH_ROWS:
            result |= _validate(partner, batch, normaliser.programme)
            batch = []
    result |= _validate(partner, batch, normaliser.programme)
    return [result[delivery.delivery_id] for delivery in deliveries]


def _read_one(partner: Partner, delivery: DeliveryFiles, normaliser: Normaliser, folder: Path) -> Rows | DeliveryRows:
    facts, problem = delivery_facts(partner, delivery)
    try:
        if problem is not None:
            raise DeliveryError(ErrorCode.NAME_UNREADABLE, str(problem))
        return normaliser.normalise(read_text(partner, delivery, folder), delivery.name, delivery.delivery_id)
    except DeliveryError as error:
        return _failed(facts, partner, error.code, str(error))
    except FileNotFoundError:
        return _failed(
            facts,
            partner,
            ErrorCode.LANDED_FILE_MISSING,
            f"its landed bytes are gone from {folder}; pull it again from its source",
        )


def _validate(
    partner: Partner, batch: Sequence[tuple[DeliveryFiles, Rows]], programme: Programme
) -> dict[str, DeliveryRows]:
    """Return delivery_id -> valid and rejected rows, or an error, of deliveries that could be read."""
    values = [training_values(rows, partner, delivery.delivery_id, _files(delivery, rows)) for delivery, rows in batch]
    frame = to_frame(values, TRAINING_TYPES)
    reasons = find_reasons(frame[list(TRAINING_RULE_COLUMNS)], training_rules(programme))
    split: list[DeliveryRows] = []
    start = 0
    for delivery, rows in batch:
        place = slice(start, start + len(rows))
        split.append(_split_one(partner, delivery, rows, frame.iloc[place], reasons[place]))
        start = place.stop
    return {item.facts.delivery_id: _without_facts(item) for item in _check_contract(split, partner, programme)}


def _files(delivery: DeliveryFiles, rows: Rows) -> list[str]:
    """Return source and path of the file of each row."""
    sources = {row.file_name: f"{row.source.rstrip('/')}/{row.file_name}" for row in delivery.seen}
    return [sources[name] for name in rows.text.file_names]


def _split_one(
    partner: Partner, delivery: DeliveryFiles, rows: Rows, frame: pd.DataFrame, reasons: Sequence[Reasons]
) -> DeliveryRows:
    facts, _ = delivery_facts(partner, delivery)
    # a workbook that came back holds little else than rejected rows
    if not (delivery.is_released or rows.text.originals):
        release = f"`godigital release-hold {delivery.delivery_id[:8]} --why ...`"
        try:
            require_bounds(reasons, partner, f"{release}, or raise bounds.rejected_share_max")
        except DeliveryError as error:
            return _failed(facts, partner, error.code, str(error))
    split = split_rows(frame, reasons, rows)
    return DeliveryRows(
        facts,
        json.dumps(rows.text.header, ensure_ascii=False),
        rows.text.structural,
        split.valid,
        split.rejected,
        returned=tuple((item.content_id, item.action) for item in rows.text.originals),
    )


def _check_contract(read: list[DeliveryRows], partner: Partner, programme: Programme) -> list[DeliveryRows]:
    """Check all valid rows at once, which is much faster; only where that fails, delivery by delivery."""
    frames = [item.valid for item in read if item.valid is not None and not item.valid.empty]
    try:
        if frames:
            check_contract(pd.concat(frames, ignore_index=True), programme)
    except DeliveryError:
        return [_check_one(item, partner, programme) for item in read]
    return read


def _check_one(item: DeliveryRows, partner: Partner, programme: Programme) -> DeliveryRows:
    try:
        if item.valid is not None:
            check_contract(item.valid, programme)
    except DeliveryError as error:
        return _failed(item.facts, partner, error.code, str(error))
    return item


def _without_facts(item: DeliveryRows) -> DeliveryRows:
    """Return the rows without the columns that only the rules need."""
    if item.valid is None:
        return item
    return dataclasses.replace(item, valid=item.valid[[*TRAINING_LOG_COLUMNS, *LINEAGE_COLUMNS]])


def read_text(partner: Partner, delivery: DeliveryFiles, folder: Path) -> TextRows:
    """Return the rows of a delivery as text, be it the partner's own or a workbook that came back corrected.

    Raises:
        DeliveryError: it cannot be read.
        FileNotFoundError: its landed bytes are gone.
    """
    landed = delivery.landed_files(folder)
    if delivery.is_return:
        return read_returned(landed[0], partner)
    return read_delivery(landed, partner.contract)


def _failed(facts: DeliveryFacts, partner: Partner, code: str, message: str) -> DeliveryRows:
    text = f"{partner.partner_id}, {facts.name}: {message}"
    if code in OF_THIS_MACHINE:
        facts = dataclasses.replace(facts, reading_hash=UNREAD)
    return DeliveryRows(facts, "[]", 0, None, None, str(code), text)
