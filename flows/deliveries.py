"""Groups landed files into deliveries, and reads period and revision out of their names."""

import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path, PurePosixPath

from flows.readers.delivery import DeliveryError, ErrorCode, LandedFile
from flows.sources.landed import Landed
from schemas.languages import BUDDHIST_AHEAD, MONTH_PATTERN, month_number, to_ascii_digits
from schemas.partner import DeliveryNames, Sender
from schemas.programme import load_programme
from warehouse.storage.files import sha256_of
from warehouse.vault.corrected_rows import RETURNED
from warehouse.vault.rows import DeliveryFacts

# decorations that copying adds to a name; they say nothing about the content
_COPY = re.compile(r"^(?:copy of|fw_|fwd_|re_)\s*|\s*-\s*copy(?:\s*\(\d+\))?$|\s*\(\d+\)$", re.IGNORECASE)
_REVISION_WORDS = {
    "final": 1,
    "corrected": 1,
    "correction": 1,
    "revised": 1,
    "rev": 1,
    "updated": 1,
    "fixed": 1,
}
_VERSION = re.compile(r"(?:^|[^a-z0-9])(?:v|ver|version|rev|revision)[ ._-]?(\d{1,3})(?![a-z0-9])", re.IGNORECASE)


class PeriodError(ValueError):
    """A file name from which the contract's pattern cannot read the period."""


@dataclass(frozen=True)
class Named:
    """What a delivery's name says: the period (2020-09, 2020-Q3, 2020-09-05, 2020) and the revision (0 = first)."""

    period: str | None
    revision: int


@dataclass(frozen=True)
class DeliveryFiles:
    """One delivery: its files as they were seen, and where their bytes are."""

    delivery_id: str
    partner_id: str
    country_code: str
    name: str
    content_hash: str
    seen: tuple[Landed, ...]
    # somebody decided that it counts, whatever share of its rows is rejected
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
    whatever lies beside it.
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


def read_name(name: str, delivery: DeliveryNames) -> Named:
    """Return the period and revision that the delivery's path says.

    Raises:
        PeriodError: the contract has a pattern and the name does not match it.
    """
    path = PurePosixPath(name)
    stem = path.name if delivery.unit == "folder" else path.stem
    while (shorter := _COPY.sub("", stem).strip()) != stem:
        stem = shorter
    period = None
    if delivery.file_name is not None:
        match = re.search(delivery.file_name, stem)
        if match is None:
            raise PeriodError(
                f"the name does not match delivery.file_name {delivery.file_name!r}; correct the pattern in the "
                "contract, rename the file, or list it under delivery.ignore_files"
            )
        period = _period(match.groupdict(), delivery)
        # only what stands beside the period can be a revision: the pattern's own words belong to every name
        stem = stem[: match.start()] + " " + stem[match.end() :]
    return Named(period, _revision(stem, delivery.revisions))


def _period(groups: dict[str, str | None], delivery: DeliveryNames) -> str | None:
    year = _year(groups.get("year"), delivery)
    if year is None:
        return None
    if month_text := groups.get("month"):
        month = _month(month_text)
        if day := groups.get("day"):
            return f"{year:04d}-{month:02d}-{int(to_ascii_digits(day)):02d}"
        return f"{year:04d}-{month:02d}"
    if quarter := groups.get("quarter"):
        return f"{year:04d}-Q{int(to_ascii_digits(quarter))}"
    return f"{year:04d}"


def _year(text: str | None, delivery: DeliveryNames) -> int | None:
    if not text:
        return None
    year = int(to_ascii_digits(text))
    if delivery.calendar == "buddhist":
        return (year + 2500 if year < 100 else year) - BUDDHIST_AHEAD
    return year + 2000 if year < 100 else year


def _month(text: str) -> int:
    digits = to_ascii_digits(text).strip()
    month: int | None
    if digits.isdigit():
        month = int(digits)
    else:
        month = month_number(text)
        if month is None and (found := re.search(MONTH_PATTERN, text, re.IGNORECASE)):
            month = month_number(found.group())
    if month is None or not 1 <= month <= 12:
        raise PeriodError("the month in the name cannot be read; correct delivery.file_name in the contract")
    return month


def _revision(rest: str, extra: dict[str, int]) -> int:
    versions = [int(number) for number in _VERSION.findall(rest)]
    words = {**_REVISION_WORDS, **{word.casefold(): rank for word, rank in extra.items()}}
    found = [
        rank
        for word, rank in words.items()
        if re.search(rf"(?:^|[\W_]){re.escape(word)}(?:$|[\W_]|\d)", rest, re.IGNORECASE)
    ]
    # v1 is the first version, not a correction of it
    return max([0, *found, *(version - 1 for version in versions)])


# what decides how bytes become rows: when any of it changes, every delivery is read again
_READING_SOURCES = (
    "flows/values/amounts.py",
    "flows/values/contacts.py",
    "flows/values/dates.py",
    "flows/deliveries.py",
    "flows/values/names.py",
    "flows/normalise.py",
    "flows/read*",
    "flows/survey_rows.py",
    "flows/validate.py",
    "schemas/columns.py",
    "schemas/languages.*",
    "schemas/naming.yml",
    "schemas/reasons.py",
    "schemas/survey*",
    "schemas/training_log.py",
)


@cache
def _code_hash() -> str:
    root = Path(__file__).resolve().parents[1]
    found = {path for pattern in _READING_SOURCES for path in root.glob(pattern)}
    files = sorted(inner for path in found for inner in ([path] if path.is_file() else path.rglob("*.py")))
    digest = hashlib.sha256()
    for file in files:
        digest.update(file.read_bytes())
    digest.update(load_programme().reading_rules.encode("utf-8"))
    return digest.hexdigest()


def contract_hash(partner: Sender) -> str:
    """Hash of what a contract says of deliveries; its layout, and where they are pulled from, play no part.

    16 hexadecimal digits.
    """
    said = partner.contract.model_dump_json(exclude={"source", "access"})
    return hashlib.sha256(said.encode("utf-8")).hexdigest()[:16]


def reading_hash(partner: Sender) -> str:
    """Hash of contract, rules and reading code: a delivery read under the same one is not read again."""
    return hashlib.sha256((contract_hash(partner) + _code_hash()).encode("ascii")).hexdigest()[:16]


def delivery_facts(partner: Sender, delivery: DeliveryFiles) -> tuple[DeliveryFacts, PeriodError | None]:
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
