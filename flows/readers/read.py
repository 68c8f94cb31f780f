"""Turns the landed bytes of one delivery into rows of text with locators, as the contract says.

It cleans no value and guesses nothing: a delivery that does not match the contract stops with a message that says
what to do.
"""

from collections.abc import Sequence

from flows.readers.csv_file import read_csv
from flows.readers.csv_pair import read_csv_pair
from flows.readers.delivery import (
    DeliveryError,
    ErrorCode,
    LandedFile,
    TextRows,
    check_row_count,
)
from flows.readers.headers import fold_header, wanted_columns, words_of
from flows.readers.kobo_pages import read_kobo
from flows.readers.table import combine
from flows.readers.xlsx_file import read_xlsx
from schemas.partner import FileContract

__all__ = ["DeliveryError", "ErrorCode", "LandedFile", "TextRows", "fold_header", "read_delivery"]


def _rows(files: Sequence[LandedFile], contract: FileContract) -> TextRows:
    words = words_of(contract, wanted_columns(contract))
    match contract.file.format:
        case "csv":
            return combine([read_csv(file, words, contract.file) for file in files])
        case "xlsx":
            return combine([table for file in files for table in read_xlsx(file, words, contract.file)])
        case "kobo_json":
            return read_kobo(files, contract)
        case "csv_pair":
            return read_csv_pair(files, contract)


def read_delivery(files: Sequence[LandedFile], contract: FileContract) -> TextRows:
    """Return all rows of one delivery, in the order of its files, sheets and lines.

    Raises:
        DeliveryError: where the delivery as a whole cannot be read; `code` says why, the message what to do.
    """
    if not files:
        raise DeliveryError(ErrorCode.EMPTY_FILE, "the delivery has no file. Ask the partner to send it again.")
    rows = _rows(files, contract)
    check_row_count(rows, files[0].name if len(files) == 1 else f"{files[0].name} and the other files", contract)
    return rows
