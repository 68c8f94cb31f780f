"""Reads, normalises and validates deliveries of one partner; runs in a process of its own, without a database.

A delivery that cannot be read fails alone: its error becomes part of the result.
"""

import hashlib
import json
from collections.abc import Sequence
from functools import cache
from pathlib import Path

from flows.deliveries import DeliveryFiles, PeriodError, read_name
from flows.normalise import Normaliser
from flows.pull import landing_folder
from flows.read import DeliveryError, ErrorCode, read_delivery
from flows.validate import check_contract, part_rows
from schemas.partner import Partner
from schemas.programme import PROGRAMME_FILE, load_programme
from warehouse.load import DeliveryFacts, DeliveryRows

# what decides how bytes become rows: when any of it changes, every delivery is read again
_READING_SOURCES = (
    "flows/amounts.py",
    "flows/contacts.py",
    "flows/dates.py",
    "flows/deliveries.py",
    "flows/names.py",
    "flows/normalise.py",
    "flows/read*",
    "flows/validate.py",
    "schemas/columns.py",
    "schemas/languages.*",
    "schemas/naming.yml",
    "schemas/reasons.py",
    "schemas/training_log.py",
)


@cache
def _code_hash() -> str:
    root = Path(__file__).resolve().parents[1]
    found = {path for pattern in _READING_SOURCES for path in root.glob(pattern)}
    files = sorted(inner for path in found for inner in ([path] if path.is_file() else path.rglob("*.py")))
    digest = hashlib.sha256()
    for file in (*files, PROGRAMME_FILE):
        digest.update(file.read_bytes())
    return digest.hexdigest()


def contract_hash(partner: Partner) -> str:
    """Hash of what a contract says; comments and layout of its file play no part. 16 hexadecimal digits."""
    return hashlib.sha256(partner.contract.model_dump_json().encode("utf-8")).hexdigest()[:16]


def reading_hash(partner: Partner) -> str:
    """Hash of contract, rules and reading code: a delivery read under the same one is not read again."""
    return hashlib.sha256((contract_hash(partner) + _code_hash()).encode("ascii")).hexdigest()[:16]


def delivery_facts(partner: Partner, delivery: DeliveryFiles) -> tuple[DeliveryFacts, PeriodError | None]:
    """Return what the name and the manifest say of a delivery, and why its name could not be read, if so."""
    problem, period, revision = None, None, 0
    try:
        named = read_name(delivery.name, partner.contract.delivery)
        period, revision = named.period, named.revision
    except PeriodError as error:
        problem = error
    facts = DeliveryFacts(
        delivery_id=delivery.delivery_id,
        partner_id=partner.partner_id,
        country_code=partner.country_code,
        kind=partner.contract.delivery.kind,
        name=delivery.name,
        period=period,
        revision=revision,
        date_received=min(row.date_received for row in delivery.seen),
        pulled_at=max(row.pulled_at for row in delivery.seen),
        is_sample=all(row.is_sample for row in delivery.seen),
        content_hash=delivery.content_hash,
        reading_hash=reading_hash(partner),
    )
    return facts, problem


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
