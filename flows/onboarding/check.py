"""Checks contracts with their examples and samples, and drafts new ones; loads nothing into the vault."""

import datetime as dt
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from flows.contracts.partners import UnknownCountryError, find_partners
from flows.intake.deliveries import DeliveryFiles, group_deliveries
from flows.intake.read_trainings import read_deliveries
from flows.normalise.training import Normaliser
from flows.normalise.validate import training_reasons
from flows.readers.read import DeliveryError, TextRows, fold_header
from flows.settings import Settings
from flows.sources.filesystem import date_received
from flows.sources.landed import is_litter, is_return_file
from schemas.contract_parts import Example
from schemas.partner import CONTRACT_NAME, SAMPLE, Partner
from schemas.programme import load_programme
from warehouse.storage.files import sha256_of
from warehouse.vault.landed import Landed


@dataclass(frozen=True)
class Checked:
    """The result of reading a contract's own examples and samples."""

    partner_id: str
    deliveries: int
    rows: int
    valid: int
    rejected: int
    problems: tuple[str, ...]


def check_partners(settings: Settings, partner: str | None = None) -> list[Checked]:
    """Check all contracts, or one (`CC/partner`).

    Raises:
        UnknownCountryError: there is no such partner.
    """
    country, _, folder = (partner or "").partition("/")
    found = find_partners(settings.raw, [country] if country else None)
    usable = [item for item in found.usable if not folder or item.folder.name == folder]
    broken = [item for item in found.broken if not folder or item.partner_id == f"{country}-{folder}"]
    if not usable and not broken:
        raise UnknownCountryError(f"{partner}: no such partner in {settings.raw}; write it as CC/partner")
    results = [Checked(item.partner_id, 0, 0, 0, 0, (item.message,)) for item in broken]
    results += [_check(item) for item in usable]
    return sorted(results, key=lambda item: item.partner_id)


def _check(partner: Partner) -> Checked:
    problems = [
        problem
        for number, example in enumerate(partner.contract.examples, start=1)
        for problem in check_example(partner, example, number)
    ]
    folder = partner.folder / SAMPLE
    deliveries = sample_deliveries(partner)
    if not deliveries:
        problems.append(f"no sample: put one small invented delivery into {folder}")
    read = read_deliveries(partner, deliveries, folder)
    problems += [item.error_message or "" for item in read if item.error_code]
    return Checked(
        partner.partner_id,
        len(read),
        sum(item.rows_in for item in read),
        sum(len(item.valid) for item in read if item.valid is not None),
        sum(len(item.rejected) for item in read if item.rejected is not None),
        tuple(problems),
    )


def sample_deliveries(partner: Partner) -> tuple[DeliveryFiles, ...]:
    """Return the deliveries in a partner's sample folder, where they lie; nothing is landed."""
    return group_deliveries(_sample_files(partner, partner.folder / SAMPLE), partner.contract.delivery)


def _sample_files(partner: Partner, folder: Path) -> list[Landed]:
    rows = []
    for path in sorted(item for item in folder.rglob("*") if item.is_file()):
        name = path.relative_to(folder).as_posix()
        if is_litter(name, partner.contract.delivery.ignore_files):
            continue
        stat = path.stat()
        rows.append(
            Landed(
                partner_id=partner.partner_id,
                country_code=partner.country_code,
                file_name=name,
                source=str(folder),
                is_sample=True,
                date_received=date_received(name, {"mtime": stat.st_mtime}),
                size=stat.st_size,
                sha256=sha256_of(path),
                landed_path=name,
                pulled_at=dt.datetime(1970, 1, 1),
                is_return=is_return_file(path),
            )
        )
    return rows


def check_example(partner: Partner, example: Example, number: int) -> list[str]:
    """Return what an example of a contract says that the program does not do; empty where all agrees."""
    contract = partner.contract
    headers = list(dict.fromkeys([*example.row, *_single_headers(partner)]))
    values = {fold_header(name): value for name, value in example.row.items()}
    text = TextRows(
        header=tuple(headers),
        cells=[[values.get(fold_header(name), "") for name in headers]],
        file_names=["example"],
        sheets=[example.sheet],
        row_numbers=[1],
        source_ids=[""],
        overflow=[False],
        orphan=[False],
        structural=0,
    )
    label = f"{partner.contract_path}: example {number}"
    try:
        rows = Normaliser(partner, load_programme()).normalise(text, "example", "0" * 16)
    except DeliveryError as error:
        return [f"{label}: {error}"]
    problems = []
    reasons = sorted(str(reason) for reason in training_reasons(rows, load_programme())[0])
    if reasons != sorted(example.rejected):
        problems.append(
            f"{label}: rejected for {reasons or 'nothing'}, expected {sorted(example.rejected) or 'nothing'}"
        )
    for name, expected in example.gives.items():
        if name not in rows.columns:
            problems.append(f"{label}: {name!r} is no canonical column; use {', '.join(sorted(rows.columns))}")
        elif (found := value_text(rows.columns[name][0])) != expected:
            problems.append(f"{label}: {name} becomes {found!r}, expected {expected!r}")
    return problems if contract.examples else []


def _single_headers(partner: Partner) -> Sequence[str]:
    return [name for source in partner.contract.columns.values() for name in source.header or ()]


def value_text(value: Any) -> str:
    """A canonical value as contracts and golden outcomes write it: ISO days, true/false, plain numbers, '' for none."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return f"{value:g}"
    return str(value)


def new_partner(settings: Settings, partner: str, delivery: Path) -> Path:
    """Draft raw/<CC>/<partner>/partner.yml from a delivery; returns the contract's path.

    The delivery is only looked at: a real one holds people, and a sample ships with the project.

    Raises:
        FileExistsError: the partner has a contract already.
        FileNotFoundError: there is no such delivery.
        ValueError: the name is not of the form CC/partner.
    """
    # reading word lists of ten languages takes a moment that checking need not wait for
    from flows.onboarding.draft import draft_contract

    match = re.fullmatch(r"([A-Z]{2})/([A-Za-z0-9][A-Za-z0-9_-]*)", partner)
    if match is None:
        raise ValueError(f"{partner}: write it as CC/partner, e.g. TL/CEPAD: capitals, then letters, digits, - or _")
    folder = settings.raw / match[1] / match[2]
    contract = folder / CONTRACT_NAME
    if contract.exists():
        raise FileExistsError(f"{contract} exists; edit it, or remove it to draft again")
    if not delivery.is_file():
        raise FileNotFoundError(f"{delivery}: no such file")
    text = draft_contract(delivery, match[1], match[2])
    folder.mkdir(parents=True, exist_ok=True)
    contract.write_text(text, encoding="utf-8")
    return contract
