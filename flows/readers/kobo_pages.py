"""Reads the pages of a KoboToolbox v2 `data` export: one submission is one row of flat text.

A delivery is complete only when its pages hold as many submissions as the source counted.
"""

import json
import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from flows.readers.delivery import (
    MAX_CELL_CHARACTERS,
    DeliveryError,
    ErrorCode,
    LandedFile,
    TextRows,
    landed_bytes,
)
from flows.readers.headers import (
    Wanted,
    fold_header,
    missing_column_error,
    missing_columns,
    unknown_column_error,
    wanted_columns,
    words_of,
)
from flows.readers.sniff import describe, refuse
from flows.readers.xlsx_file import number_text
from schemas.partner import FileContract

ID_KEY = "_id"
UUID_KEY = "_uuid"
STATE_KEY = "_validation_status"

# an unanswered question is absent from the JSON; without one of these in any submission the form has changed
_NEVER_UNANSWERED = frozenset(("full_name", "surname", "given_name", "course_code", "training_date", "record_key"))

# keys that Kobo's server and the collecting app add by themselves
_SYSTEM_BEGINNINGS = ("_", "meta/", "formhub/")
_SYSTEM_KEYS = frozenset(
    (
        "start",
        "end",
        "today",
        "deviceid",
        "devicephonenum",
        "phonenumber",
        "username",
        "email_from_settings",
        "simserial",
        "simid",
        "subscriberid",
        "audit",
        "background-audio",
    )
)
_NUL_ESCAPE = re.compile(r"(?<!\\)(?:\\\\)*\\u0000")

Submission = dict[str, Any]


@dataclass(frozen=True)
class _Page:
    name: str
    count: int
    is_last: bool
    results: list[Submission]


def _natural_order(name: str) -> list[tuple[int, str]]:
    """Return a key that puts page_2 before page_10."""
    return [(int(part), "") if part.isdigit() else (-1, part) for part in re.split(r"([0-9]+)", name)]


def _json_error(name: str, what: str) -> DeliveryError:
    return DeliveryError(ErrorCode.JSON_INVALID, f"{name}{what}. Pull the delivery again.")


def _load(data: bytes, name: str) -> Any:
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise DeliveryError(
            ErrorCode.ENCODING_INVALID,
            f"{name}, line {data.count(bytes([10]), 0, error.start) + 1}: bytes that are not UTF-8. Pull the "
            "delivery again.",
        ) from None
    if "\0" in text or ("\\u0000" in text and _NUL_ESCAPE.search(text)):
        raise DeliveryError(
            ErrorCode.NUL_BYTES, f"{name}: NUL characters in the text. Correct the submission at the source."
        )
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        # `from None`: the parser's error carries the whole page
        where = f", line {error.lineno}, column {error.colno}"
        raise _json_error(name, f"{where}: this is no JSON; the page may be cut off") from None
    except (ValueError, RecursionError):
        raise _json_error(name, ": a number is too long or the nesting too deep") from None


def _read_page(file: LandedFile) -> _Page:
    data = landed_bytes(file)
    found = describe(data)
    if found not in (None, "JSON") or not data.removeprefix(b"\xef\xbb\xbf").lstrip().startswith((b"{", b"[")):
        raise refuse(file.name, found or "plain text or an unknown format", "a page of submissions (JSON)")
    page = _load(data, file.name)
    if not isinstance(page, dict) or not {"count", "next", "results"} <= set(page):
        raise refuse(file.name, "JSON without `count`, `next` and `results`", "a page of submissions (JSON)")
    count, results = page["count"], page["results"]
    if not isinstance(count, int) or not isinstance(results, list):
        raise _json_error(file.name, ": `count` is no number or `results` no list")
    for number, result in enumerate(results, start=1):
        if not isinstance(result, dict):
            raise _json_error(file.name, f", submission {number}: it is no object")
    return _Page(file.name, count, page["next"] is None, results)


def _check_complete(pages: Sequence[_Page]) -> None:
    held, last = sum(len(page.results) for page in pages), pages[-1]
    if held != last.count or not last.is_last:
        more = "" if last.is_last else " and says that another page follows"
        raise DeliveryError(
            ErrorCode.PAGE_MISSING,
            f"{last.name}: the last page counts {last.count:,} submissions{more}, but the {len(pages)} pages "
            f"here hold {held:,}. Pull the delivery again.",
        )


def _text(value: Any) -> str:
    if isinstance(value, str):
        return unicodedata.normalize("NFC", value)
    if value is None:
        return ""
    if isinstance(value, bool):
        return "TRUE" if value else "FALSE"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float):
        return number_text(value)
    if isinstance(value, list) and not any(isinstance(item, dict | list) for item in value):
        return " ".join(text for text in map(_text, value) if text)
    return unicodedata.normalize("NFC", json.dumps(value, ensure_ascii=False))


def _cell(result: Submission, key: str, first_ids: dict[str, Any]) -> str:
    value = result.get(key)
    if key == ID_KEY and (uuid := result.get(UUID_KEY)):
        # what was sent twice under one _uuid is one submission, and its second copy repeats the first
        return _text(first_ids.get(str(uuid), value))
    if key == STATE_KEY and isinstance(value, dict):
        # {} where nobody has reviewed it; who reviewed it, and when, is no part of the state
        return _text(value.get("uid"))
    return _text(value)


def _first_ids(pages: Sequence[_Page]) -> dict[str, Any]:
    """Return the lowest `_id` of every `_uuid`."""
    found: dict[str, Any] = {}
    for page in pages:
        for result in page.results:
            uuid, number = result.get(UUID_KEY), result.get(ID_KEY)
            if uuid and isinstance(number, int):
                found[str(uuid)] = min(number, found.get(str(uuid), number))
    return found


def _cells(page: _Page, header: Sequence[str], first_ids: dict[str, Any]) -> list[list[str]]:
    """Return one row for each submission of the page.

    Raises:
        DeliveryError: cell_too_large.
    """
    rows = [[_cell(result, key, first_ids) for key in header] for result in page.results]
    for number, row in enumerate(rows, start=1):
        long = [key for key, cell in zip(header, row, strict=True) if len(cell) > MAX_CELL_CHARACTERS]
        if long:
            raise DeliveryError(
                ErrorCode.CELL_TOO_LARGE,
                f"{page.name}, submission {number}, {', '.join(map(repr, long))}: more than "
                f"{MAX_CELL_CHARACTERS:,} characters. Correct the submission at the source.",
            )
    return rows


def _is_system(key: str) -> bool:
    return key.startswith(_SYSTEM_BEGINNINGS) or key in _SYSTEM_KEYS


def _wanted(contract: FileContract) -> tuple[Wanted, ...]:
    return tuple(
        Wanted(item.column, item.headers, item.required and item.column in _NEVER_UNANSWERED)
        for item in wanted_columns(contract)
    )


def _header(keys: Sequence[str], where: str, contract: FileContract) -> tuple[str, ...]:
    """Return the keys to read, in order of first appearance, and `_id` at the end.

    Raises:
        DeliveryError: missing_column, unknown_column.
    """
    words = words_of(contract, _wanted(contract))
    # what a correction looks at is read even where it is mapped to nothing
    corrected = {header for item in contract.corrections for header in (item.column, *item.where)}
    state = (contract.states.header,) if contract.states is not None else ()
    read = words.mapped | {fold_header(header) for header in (*contract.row_number, *corrected, *state)}
    unknown = [
        key
        for key in keys
        if fold_header(key) not in read and not _is_system(key) and not words.knows(fold_header(key))
    ]
    missing = missing_columns({fold_header(key) for key in keys}, words.wanted) if keys else []
    if missing:
        raise missing_column_error(where, missing, unknown)
    if unknown:
        raise unknown_column_error(where, unknown)
    kept = [key for key in keys if fold_header(key) in read]
    return tuple(dict.fromkeys((*kept, ID_KEY)))


def read_kobo(files: Sequence[LandedFile], contract: FileContract) -> TextRows:
    """Return one row for each submission of all pages, in the order of the pages' names.

    `row_numbers` count the submissions of a page from 1; `source_ids` are the submissions' `_id`. One that
    stands there twice gives two rows. A copy that was sent under the same `_uuid` has the `_id` of the first in its
    cells, so that it repeats that one.

    Raises:
        DeliveryError: for every reason the pages cannot be read or are not all there.
    """
    pages = [_read_page(file) for file in sorted(files, key=lambda file: _natural_order(file.name))]
    _check_complete(pages)
    keys = list(dict.fromkeys(key for page in pages for result in page.results for key in result))
    header = _header(keys, pages[0].name, contract)
    count = sum(len(page.results) for page in pages)
    first_ids = _first_ids(pages)
    return TextRows(
        header=tuple(unicodedata.normalize("NFC", key.strip()) for key in header),
        cells=[row for page in pages for row in _cells(page, header, first_ids)],
        file_names=[page.name for page in pages for _ in page.results],
        sheets=[""] * count,
        row_numbers=[number for page in pages for number in range(1, len(page.results) + 1)],
        source_ids=[_text(result.get(ID_KEY)) for page in pages for result in page.results],
        overflow=[False] * count,
        orphan=[False] * count,
        structural=0,
    )
