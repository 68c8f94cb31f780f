"""Groups landed files into deliveries, and reads period and revision out of their names."""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from flows.intake.file_names import PeriodError, read_name
from flows.intake.fingerprint import reading_hash
from flows.readers.delivery import DeliveryError, ErrorCode, LandedFile
from schemas.contract_parts import DeliveryNames
from schemas.partner import Provider
from warehouse.storage.files import sha256_of
from warehouse.vault.corrected_rows import RETURNED
from warehouse.vault.landed import Landed
from warehouse.vault.rows import DeliveryFacts


@dataclass(frozen=True)
class DeliveryFiles:
    """One delivery: its files as they were seen, and where their bytes are."""

    delivery_id: str
    partner_id: str
    country_code: str
    name: str
    content_hash: str
    seen: tuple[Landed, ...]
    # an officer decided that it counts, whatever share of its rows is rejected
    is_released: bool = False

    @property
    def is_return(self) -> bool:
        """Whether this is a workbook of bad rows that the partner corrected."""
        return self.seen[0].is_return

    def landed_files(self, folder: Path) -> tuple[LandedFile, ...]:
        """Return names and paths for the reader, in the order of the names; `folder` holds the bytes.

        Raises:
            DeliveryError: the bytes are no longer those that landed.
            FileNotFoundError: they are gone.
        """
        for row in self.seen:
            require_landed(folder / row.landed_path, row.sha256)
        return tuple(LandedFile(path=folder / row.landed_path, name=row.file_name) for row in self.seen)


def require_landed(path: Path, sha256: str) -> None:
    """Raise DeliveryError where a landed file is not what arrived, byte by byte; FileNotFoundError where it is gone."""
    if sha256_of(path) != sha256:
        raise DeliveryError(
            ErrorCode.LANDED_FILE_DAMAGED,
            f"its landed copy {path} is damaged: its bytes are not those that arrived. What was read of it earlier "
            "still counts; move the copy away, and the next run pulls it again from its source, or put back the one of "
            "the backup",
        )


def group_deliveries(landed: Iterable[Landed], delivery: DeliveryNames) -> tuple[DeliveryFiles, ...]:
    """Return the deliveries that files of one partner make up, in the order of their names.

    A file is a delivery; or, where the contract says so, a folder is, with the version of each of its files
    that was pulled last. The same file seen at two sources is one. A corrected workbook is a delivery of its own,
    whatever else is in its folder.
    """
    groups: dict[tuple[str, str], list[Landed]] = {}
    for row in sorted(landed, key=lambda item: (item.file_name, item.pulled_at, item.source)):
        folder = str(PurePosixPath(row.file_name).parent)
        alone = delivery.unit == "file" or row.is_return
        key = (row.file_name, row.sha256) if alone else (folder, "")
        groups.setdefault(key, []).append(row)
    result = []
    for (name, _), rows in sorted(groups.items()):
        if delivery.unit == "folder" and not rows[0].is_return:
            latest = {row.file_name: row for row in rows}
            rows = [latest[file_name] for file_name in sorted(latest)]
        else:
            # a sample that somebody also delivers is no longer only a sample
            rows = sorted(rows, key=lambda item: (item.is_sample, item.date_received, item.pulled_at))[:1]
        content = _digest(row.sha256 for row in rows)
        identity = _digest([rows[0].partner_id, name, *(f"{row.file_name} {row.sha256}" for row in rows)])
        result.append(
            DeliveryFiles(identity[:16], rows[0].partner_id, rows[0].country_code, name, content, tuple(rows))
        )
    return tuple(result)


def _digest(parts: Iterable[str]) -> str:
    return hashlib.sha256("\x1f".join(parts).encode("utf-8")).hexdigest()


def delivery_facts(partner: Provider, delivery: DeliveryFiles) -> tuple[DeliveryFacts, PeriodError | None]:
    """Return what the name and the manifest say of a delivery, and why its name could not be read, if so."""
    problem, period, revision = None, None, 0
    try:
        # a workbook that came back is about single rows, whatever it is called
        if not delivery.is_return:
            named = read_name(delivery.name, partner.contract.delivery)
            period, revision = named.period, named.revision
    except PeriodError as error:
        problem = error
    facts = DeliveryFacts(
        delivery_id=delivery.delivery_id,
        partner_id=partner.partner_id,
        country_code=partner.country_code,
        kind=RETURNED if delivery.is_return else partner.kind,
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
