"""Finds the header of a table by the contract's words and compares it with the contract.

A header that is missing, unknown or there twice stops the delivery, because guessing moves people's data
into wrong columns.
"""

import unicodedata
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from flows.readers.delivery import DeliveryError, ErrorCode
from schemas.partner import FileContract

HEADER_SEARCH_ROWS = 50
# joiners that editors leave behind in headers; invisible, and without meaning there
_INVISIBLE = dict.fromkeys(map(ord, "\u200b\u2060\ufeff"))


def fold_header(text: str) -> str:
    """Return `text` as headers are compared: NFC, white space as one blank, without regard to case."""
    return " ".join(unicodedata.normalize("NFC", text).translate(_INVISIBLE).split()).casefold()


@dataclass(frozen=True)
class Wanted:
    """One thing the contract wants from the header: any of `headers`, for our column `column`."""

    column: str
    headers: tuple[str, ...]
    required: bool


@dataclass(frozen=True)
class HeaderWords:
    """The contract's words for a header; all sets hold `fold_header`s."""

    wanted: tuple[Wanted, ...]
    mapped: frozenset[str]
    known: frozenset[str]
    ignored_beginnings: tuple[str, ...]
    matches_needed: int

    def knows(self, key: str) -> bool:
        """Whether a header is mapped, a running number, or ignored."""
        return key in self.known or key.startswith(self.ignored_beginnings)


def wanted_columns(contract: FileContract) -> tuple[Wanted, ...]:
    """Return what the contract's `columns` and `record_key` want from a header."""
    columns = [
        Wanted(name, source.header, not source.optional)
        for name, source in contract.columns.items()
        if source.header is not None
    ]
    return (*columns, *(Wanted("record_key", (header,), True) for header in contract.record_key))


def words_of(contract: FileContract, wanted: tuple[Wanted, ...], matches_needed: int | None = None) -> HeaderWords:
    """Return the words by which a header is found and checked.

    A header needs half of the columns that must be there, and at least two, so that a title row is no header
    and a header with a few missing columns is still recognised.
    """
    mapped = frozenset(fold_header(header) for item in wanted for header in item.headers)
    ignored = [fold_header(word) for word in contract.ignore]
    beginnings = tuple(word.removesuffix("*") for word in ignored if word.endswith("*"))
    plain = {word for word in ignored if not word.endswith("*")}
    required = sum(item.required for item in wanted)
    state = (contract.states.header,) if contract.states is not None else ()
    return HeaderWords(
        wanted=wanted,
        mapped=mapped,
        known=mapped | plain | {fold_header(word) for word in (*contract.row_number, *state)},
        ignored_beginnings=beginnings,
        matches_needed=max(2, (required + 1) // 2) if matches_needed is None else matches_needed,
    )


def _quoted(words: Sequence[str]) -> str:
    return ", ".join(repr(" ".join(word.split())) for word in words)


def find_header(rows: Sequence[Sequence[str]], header_row: int | None, words: HeaderWords) -> int | None:
    """Return the index of the header in `rows`, or None where no row holds enough of the words."""
    if header_row is None:
        candidates = range(min(len(rows), HEADER_SEARCH_ROWS))
    else:
        candidates = range(header_row - 1, min(len(rows), header_row))
    best, most = None, words.matches_needed - 1
    for index in candidates:
        matches = len({fold_header(cell) for cell in rows[index]} & words.known)
        if matches > most:
            best, most = index, matches
        if most >= len(words.wanted) and best is not None:
            break
    return best


def header_not_found(where: str, header_row: int | None, words: HeaderWords, advice: str) -> DeliveryError:
    """Return the error for a table without header; it lists the words that were looked for."""
    place = f"in row {header_row}" if header_row is not None else f"within the first {HEADER_SEARCH_ROWS} rows"
    looked_for = _quoted([header for item in words.wanted for header in item.headers])
    return DeliveryError(
        ErrorCode.HEADER_NOT_FOUND,
        f"{where}: no header {place}; at least {words.matches_needed} of these words were looked for: "
        f"{looked_for}. {advice}",
    )


def missing_columns(keys: set[str], wanted: Sequence[Wanted]) -> list[Wanted]:
    """Return the required columns none of whose headers is among `keys`."""
    return [item for item in wanted if item.required and not keys & {fold_header(header) for header in item.headers}]


def missing_column_error(where: str, missing: Sequence[Wanted], unknown: Sequence[str]) -> DeliveryError:
    """Return the error that names every missing column, and the unknown ones that may be it renamed."""
    names = "; ".join(f"{' or '.join(map(repr, item.headers))} ({item.column})" for item in missing)
    renamed = f" Found instead, and not in the contract: {_quoted(unknown)}." if unknown else ""
    return DeliveryError(
        ErrorCode.MISSING_COLUMN,
        f"{where}: missing columns: {names}.{renamed} If a column was renamed, add its new header under "
        "`columns` in partner.yml; if it may be absent, write `optional: true`; else ask the partner for it.",
    )


def unknown_column_error(where: str, unknown: Sequence[str]) -> DeliveryError:
    """Return the error that names every header the contract does not know."""
    return DeliveryError(
        ErrorCode.UNKNOWN_COLUMN,
        f"{where}: columns that the contract does not know: {_quoted(unknown)}. Map each under `columns` in "
        "partner.yml, or list it under `ignore`.",
    )


def check_header(header: Sequence[str], where: str, words: HeaderWords) -> None:
    """Compare a header with the contract.

    Raises:
        DeliveryError: duplicate_column, missing_column, unknown_column, each naming all such columns.
    """
    keys = [fold_header(cell) for cell in header]
    twice = [key for key, count in Counter(keys).items() if count > 1 and key in words.mapped]
    if twice:
        names = _quoted([header[keys.index(key)] for key in twice])
        raise DeliveryError(
            ErrorCode.DUPLICATE_COLUMN,
            f"{where}: these headers stand there twice: {names}. Ask the partner which column holds, and to "
            "delete or rename the other.",
        )
    unknown = [cell for cell, key in zip(header, keys, strict=True) if key and not words.knows(key)]
    missing = missing_columns(set(keys), words.wanted)
    if missing:
        raise missing_column_error(where, missing, unknown)
    if unknown:
        raise unknown_column_error(where, unknown)
