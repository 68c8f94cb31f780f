"""Reads the period and the revision out of a delivery's name."""

import re
from dataclasses import dataclass
from pathlib import PurePosixPath

from schemas.contract_parts import DeliveryNames
from schemas.languages import BUDDHIST_AHEAD, MONTH_PATTERN, month_number, to_ascii_digits

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
    """What the name says: the period (2020-09, 2020-Q3, 2020-09-05, 2020) and the revision (0 = first)."""

    period: str | None
    revision: int


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
        # the words of the pattern are in every name: only the rest of the name can hold a revision
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
