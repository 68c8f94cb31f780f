"""Reads, normalises and validates deliveries of one partner; runs in a process of its own, without a database.

A delivery that cannot be read fails alone: its error becomes part of the result.
"""

import dataclasses
import json
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from flows.intake.deliveries import DeliveryFiles, delivery_facts
from flows.normalise.training import Normaliser
from flows.normalise.validate import check_contract, part_rows
from flows.readers.corrected_workbook import read_returned
from flows.readers.delivery import OF_THIS_MACHINE
from flows.readers.read import DeliveryError, ErrorCode, TextRows, read_delivery
from flows.sources.landed import landing_folder
from schemas.partner import Partner
from schemas.programme import load_programme
from warehouse.vault.rows import UNREAD, DeliveryFacts, DeliveryRows


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
    read = [_read_one(partner, delivery, normaliser, where) for delivery in deliveries]
    return _hold_to_contract(read, partner, normaliser)


def _hold_to_contract(read: list[DeliveryRows], partner: Partner, normaliser: Normaliser) -> list[DeliveryRows]:
    """Check all valid rows at once, which is much faster; only where that fails, delivery by delivery."""
    frames = [item.valid for item in read if item.valid is not None and not item.valid.empty]
    try:
        if frames:
            check_contract(pd.concat(frames, ignore_index=True), normaliser.programme)
    except DeliveryError:
        return [_check_one(item, partner, normaliser) for item in read]
    return read


def _check_one(item: DeliveryRows, partner: Partner, normaliser: Normaliser) -> DeliveryRows:
    try:
        if item.valid is not None:
            check_contract(item.valid, normaliser.programme)
    except DeliveryError as error:
        return _failed(item.facts, partner, error.code, str(error))
    return item


def _read_one(partner: Partner, delivery: DeliveryFiles, normaliser: Normaliser, folder: Path) -> DeliveryRows:
    facts, problem = delivery_facts(partner, delivery)
    try:
        if problem is not None:
            raise DeliveryError(ErrorCode.NAME_UNREADABLE, str(problem))
        text = read_text(partner, delivery, folder)
        rows = normaliser.normalise(text, delivery.name, delivery.delivery_id)
        sources = {row.file_name: f"{row.source.rstrip('/')}/{row.file_name}" for row in delivery.seen}
        files = [sources[name] for name in text.file_names]
        parted = part_rows(rows, partner, delivery.delivery_id, files, is_released=delivery.is_released)
    except DeliveryError as error:
        return _failed(facts, partner, error.code, str(error))
    except FileNotFoundError:
        return _failed(
            facts,
            partner,
            ErrorCode.LANDED_FILE_MISSING,
            f"its landed bytes are gone from {folder}; pull it again from its source",
        )
    return DeliveryRows(
        facts,
        json.dumps(text.header, ensure_ascii=False),
        text.structural,
        parted.valid,
        parted.rejected,
        returned=tuple((item.content_id, item.action) for item in text.originals),
    )


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
