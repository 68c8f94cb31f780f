"""Reads delimited text: strict decoding, strict quoting, NFC, record numbers as in a spreadsheet.

Nothing is sniffed; encoding and delimiter come from the contract, and a file that disagrees is refused.
"""

import codecs
import csv
import io
import unicodedata

from flows.readers.delivery import (
    MAX_CELL_CHARACTERS,
    DeliveryError,
    ErrorCode,
    LandedFile,
    landed_bytes,
)
from flows.readers.headers import HeaderWords
from flows.readers.sniff import byte_order_mark, describe, refuse
from flows.readers.table import Grid, Table, read_table
from schemas.contract_parts import FileFormat


def _line_of(data: bytes) -> int:
    return max(data.count(b"\n"), data.count(b"\r")) + 1


def _check_nul(data: bytes, name: str, encoding: str) -> None:
    # in UTF-16 and UTF-32 every ASCII letter has a zero byte
    if b"\0" in "a".encode(encoding):
        return
    position = data.find(b"\0")
    if position >= 0:
        raise DeliveryError(
            ErrorCode.NUL_BYTES,
            f"{name}, line {_line_of(data[:position])}: zero bytes in the text. The file is damaged, or it "
            f"is UTF-16 and `file.encoding` in partner.yml ({encoding}) is wrong.",
        )


def decode(data: bytes, name: str, encoding: str) -> str:
    """Return `data` as text without byte-order mark, not yet in NFC.

    Raises:
        DeliveryError: encoding_invalid naming the line, nul_bytes.
    """
    family = byte_order_mark(data)
    if family is not None and not codecs.lookup(encoding).name.startswith(family):
        raise DeliveryError(
            ErrorCode.ENCODING_INVALID,
            f"{name}, line 1: the file begins with the mark of {family}, but `file.encoding` in partner.yml "
            f"is {encoding}. Ask the partner for {encoding}, or change the contract.",
        )
    _check_nul(data, name, encoding)
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError as error:
        line = data[: error.start].decode(encoding, "ignore").count("\n") + 1
        # `from None`: the codec's error carries the whole file
        raise DeliveryError(
            ErrorCode.ENCODING_INVALID,
            f"{name}, line {line}: bytes that are not {encoding}. Ask the partner to save the file as "
            f"{encoding}, or change `file.encoding` in partner.yml.",
        ) from None
    text = text.removeprefix("\ufeff")
    if "\0" in text:
        line = text[: text.index("\0")].count("\n") + 1
        raise DeliveryError(
            ErrorCode.NUL_BYTES, f"{name}, line {line}: NUL characters in the text; the file is damaged."
        )
    return text


def _parse(text: str, name: str, delimiter: str) -> list[list[str]]:
    # a process-wide setting, and the same for everybody here: it bounds memory before a cell is built
    csv.field_size_limit(MAX_CELL_CHARACTERS)
    rows: list[list[str]] = []
    try:
        rows.extend(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True))
    except csv.Error as error:
        where = f"{name}, row {len(rows) + 1}"
        if "field larger" in str(error):
            raise DeliveryError(
                ErrorCode.CELL_TOO_LARGE,
                f"{where}: a cell has more than {MAX_CELL_CHARACTERS:,} characters; often a quotation mark "
                "that is never closed. Ask the partner to correct the row.",
            ) from None
        raise DeliveryError(
            ErrorCode.QUOTING_INVALID,
            f"{where}: quotation marks do not match; inside a quoted cell they are doubled, and every opened "
            "one is closed. Ask the partner to export the file again.",
        ) from None
    return rows


def _parse_nfc(text: str, name: str, delimiter: str) -> list[list[str]]:
    """Return the rows of `text` with every cell in NFC; the whole text is normalised at once, for speed."""
    if unicodedata.is_normalized("NFC", text):
        return _parse(text, name, delimiter)
    normal = unicodedata.normalize("NFC", text)
    if normal.count(delimiter) == text.count(delimiter):
        return _parse(normal, name, delimiter)
    # a Greek question mark becomes a semicolon in NFC, and must not become a delimiter
    rows = _parse(text, name, delimiter)
    return [[unicodedata.normalize("NFC", cell) for cell in row] for row in rows]


def read_csv(file: LandedFile, words: HeaderWords, file_format: FileFormat) -> Table:
    """Return the data rows of one delimited text file.

    Raises:
        DeliveryError: for every reason a text file cannot be read.
    """
    data = landed_bytes(file)
    found = describe(data)
    if found is not None:
        raise refuse(file.name, found, "delimited text (CSV)")
    text = decode(data, file.name, file_format.encoding)
    if not text.strip():
        raise DeliveryError(
            ErrorCode.EMPTY_FILE, f"{file.name}: the file holds no text. Ask the partner to send it again."
        )
    delimiter = "\t" if file_format.delimiter == "\\t" else file_format.delimiter
    grid = Grid(file=file.name, sheet="", rows=_parse_nfc(text, file.name, delimiter))
    advice = (
        f"If the file is right, check `file.delimiter` ({file_format.delimiter!r}), `file.encoding` "
        f"({file_format.encoding}) and the headers in partner.yml."
    )
    return read_table(grid, words, file_format, advice)
