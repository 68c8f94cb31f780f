"""Reads, normalises and validates deliveries of one partner; runs in a process of its own, without a database.

A delivery that cannot be read fails alone: its error becomes part of the result.
"""

import json
from collections.abc import Sequence
from pathlib import Path

from flows.deliveries import DeliveryFiles, delivery_facts
from flows.normalise import Normaliser
from flows.pull import landing_folder
from flows.read import DeliveryError, ErrorCode, read_delivery
from flows.validate import check_contract, part_rows
from schemas.partner import Partner
from schemas.programme import load_programme
from warehouse.load import DeliveryFacts, DeliveryRows

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
    return [_read_one(partner, delivery, normaliser, where) for delivery in deliveries]


def _read_one(partner: Partner, delivery: DeliveryFiles, normaliser: Normaliser, folder: Path) -> DeliveryRows:
    facts, problem = delivery_facts(partner, delivery)
    try:
        if problem is not None:
            raise DeliveryError(ErrorCode.NAME_UNREADABLE, str(problem))
        text = read_delivery(delivery.landed_files(folder), partner.contract)
        rows = normaliser.normalise(text, delivery.name, delivery.delivery_id)
        sources = {row.file_name: f"{row.source.rstrip('/')}/{row.file_name}" for row in delivery.seen}
        parted = part_rows(rows, partner, delivery.delivery_id, [sources[name] for name in text.file_names])
        check_contract(parted.valid, normaliser.programme)
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
        facts, json.dumps(text.header, ensure_ascii=False), text.structural, parted.valid, parted.rejected
    )


def _failed(facts: DeliveryFacts, partner: Partner, code: str, message: str) -> DeliveryRows:
    text = f"{partner.partner_id}, {facts.name}: {message}"
    return DeliveryRows(facts, "[]", 0, None, None, str(code), text)
