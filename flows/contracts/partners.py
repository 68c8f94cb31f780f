"""Finds the partners: every folder raw/<CC>/<partner>/ with a partner.yml is one, there is no other registry."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from schemas.partner import CONTRACT_NAME, ContractError, Partner, load_contract

_COUNTRY = re.compile(r"[A-Z]{2}")
_FOLDER = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*")


class UnknownCountryError(ValueError):
    """A country or partner was asked for that has no folder."""


@dataclass(frozen=True)
class BrokenContract:
    """A partner whose contract cannot be used; it fails alone."""

    country_code: str
    partner_id: str
    message: str


@dataclass(frozen=True)
class Partners:
    """Usable contracts, in the order of their ids, and those that are broken."""

    usable: tuple[Partner, ...]
    broken: tuple[BrokenContract, ...]


def country_codes(raw: Path) -> tuple[str, ...]:
    """Return the countries that have a folder with a contract in it, sorted."""
    return tuple(sorted({path.parent.parent.name for path in _contract_files(raw)}))


def _contract_files(raw: Path) -> list[Path]:
    found = raw.glob(f"*/*/{CONTRACT_NAME}")
    return sorted(path for path in found if _COUNTRY.fullmatch(path.parts[-3]) and _FOLDER.fullmatch(path.parts[-2]))


def find_partners(raw: Path, countries: Sequence[str] | None = None) -> Partners:
    """Return the partners of `countries` (all without it).

    Raises:
        UnknownCountryError: a country has no folder; the message lists those that have.
    """
    known = country_codes(raw)
    if not known:
        raise UnknownCountryError(
            f"{raw}: no partner found; a partner is a folder <country code>/<partner>/ with a {CONTRACT_NAME}"
        )
    _refuse_unknown(countries or (), known, raw)
    usable, broken = [], []
    for path in _contract_files(raw):
        country = path.parts[-3]
        if countries and country not in countries:
            continue
        try:
            usable.append(Partner(country_code=country, folder=path.parent, contract=load_contract(path)))
        except ContractError as error:
            broken.append(BrokenContract(country, f"{country}-{path.parent.name}", str(error)))
    return Partners(tuple(usable), tuple(broken))


def _refuse_unknown(asked: Iterable[str], known: tuple[str, ...], raw: Path) -> None:
    for country in asked:
        if country not in known:
            raise UnknownCountryError(f"{country}: no such country in {raw}; there are {', '.join(known)}")
