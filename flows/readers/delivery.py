"""What goes into reading a delivery, what comes out of it, and the one error it can end in.

Shared by every reader, so that a row of text carries the same locator whatever the format was.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from schemas.partner import FileContract
from warehouse.vault.corrected_rows import Action

MAX_FILE_BYTES = 512 * 1024**2
MAX_CELL_CHARACTERS = 100_000  # a spreadsheet's own limit is 32,767


class ErrorCode(StrEnum):
    """Why a whole delivery does not count; the reading of bytes, or what the rows as a whole say."""

    CELL_TOO_LARGE = "cell_too_large"
    CONTRACT_BROKEN = "contract_broken"
    CORRECTION_STALE = "correction_stale"
    DUPLICATE_COLUMN = "duplicate_column"
    DUPLICATE_KEY = "duplicate_key"
    EMPTY_FILE = "empty_file"
    ENCODING_INVALID = "encoding_invalid"
    ENTITY_BOMB = "entity_bomb"
    FILE_TOO_LARGE = "file_too_large"
    HEADER_NOT_FOUND = "header_not_found"
    JSON_INVALID = "json_invalid"
    LANDED_FILE_DAMAGED = "landed_file_damaged"
    LANDED_FILE_MISSING = "landed_file_missing"
    MISSING_COLUMN = "missing_column"
    NAME_UNREADABLE = "name_unreadable"
    NO_SHEET = "no_sheet"
    NUL_BYTES = "nul_bytes"
    PAGE_MISSING = "page_missing"
    PART_MISSING = "part_missing"
    QUOTING_INVALID = "quoting_invalid"
    RETURN_COLUMNS_CHANGED = "return_columns_changed"
    RETURN_DAMAGED = "return_damaged"
    RETURN_KEY_BROKEN = "return_key_broken"
    RETURN_OF_ANOTHER_PARTNER = "return_of_another_partner"
    RETURN_VERSION_UNKNOWN = "return_version_unknown"
    SHEET_TOO_LARGE = "sheet_too_large"
    TOO_FEW_ROWS = "too_few_rows"
    TOO_MANY_REJECTED = "too_many_rejected"
    TOO_MANY_ROWS = "too_many_rows"
    TRUNCATED = "truncated"
    UNEXPECTED_FILE = "unexpected_file"
    UNKNOWN_COLUMN = "unknown_column"
    UNKNOWN_WORD = "unknown_word"
    WRONG_FORMAT = "wrong_format"
    ZIP_BOMB = "zip_bomb"


# what is wrong here and not with what was sent: the next run tries again
OF_THIS_MACHINE = (ErrorCode.LANDED_FILE_DAMAGED, ErrorCode.LANDED_FILE_MISSING)


class DeliveryError(ValueError):
    """A whole delivery that cannot be read.

    The message names file, sheet, line and column and says what to do; headers may be named in it, the
    value of a data cell never is.
    """

    def __init__(self, code: ErrorCode, message: str) -> None:
        super().__init__(code, message)
        self.code = code
        self.message = message

    def __str__(self) -> str:
        return self.message


@dataclass(frozen=True)
class LandedFile:
    """One file of a delivery as it was landed.

    `path` holds the bytes under a hash name whose suffix says nothing; `name` is the original path below the
    source, e.g. 2020-08-09/TYM_092020.csv.
    """

    path: Path
    name: str


@dataclass(frozen=True)
class OriginalRow:
    """The delivered row that a row of a corrected workbook corrects, and what the partner did with it.

    `delivery_name`, `file_name`, `sheet` and `row_number` say where it stood, `header` under which headings.
    An unchanged or withdrawn row keeps its ids and what was wrong with its place (`overflow`, `orphan`).
    """

    delivery_name: str
    file_name: str
    sheet: str
    row_number: int
    header: tuple[str, ...]
    record_id: str
    content_id: str
    overflow: bool
    orphan: bool
    action: Action = "unchanged"


@dataclass(frozen=True)
class TextRows:
    """The rows of one delivery as text, each with its locator; all lists have one entry a row.

    `header` holds their headers as delivered (NFC, trimmed), and each row of `cells` exactly as many texts,
    '' for an empty cell. `row_numbers` are 1-based, as a spreadsheet shows them. `overflow` marks
    text beyond the header's width, `orphan` a child row whose key no parent has. `structural` is the number of
    non-data rows (sub-totals, footers), which are not in `cells`. Only corrected workbooks have `originals`.
    """

    header: tuple[str, ...]
    cells: list[list[str]]
    file_names: list[str]
    sheets: list[str]
    row_numbers: list[int]
    source_ids: list[str]
    overflow: list[bool]
    orphan: list[bool]
    structural: int
    originals: Sequence[OriginalRow] = ()

    @property
    def original_sheets(self) -> list[str]:
        """For every row, the name of the sheet in which it was first delivered."""
        return [item.sheet for item in self.originals] or self.sheets

    def original_names(self, delivery_name: str) -> list[str]:
        """For every row, the name of the delivery in which it was first delivered."""
        return [item.delivery_name for item in self.originals] or [delivery_name] * len(self.cells)


def landed_bytes(file: LandedFile) -> bytes:
    """Return the bytes of a landed file.

    Raises:
        DeliveryError: empty_file, file_too_large.
    """
    size = file.path.stat().st_size
    if size == 0:
        raise DeliveryError(
            ErrorCode.EMPTY_FILE, f"{file.name}: the file has 0 bytes. Ask the partner to send it again."
        )
    if size > MAX_FILE_BYTES:
        raise DeliveryError(
            ErrorCode.FILE_TOO_LARGE,
            f"{file.name}: {size:,} bytes are more than the {MAX_FILE_BYTES:,} a file may have. "
            "Ask the partner to split it.",
        )
    return file.path.read_bytes()


def check_row_count(rows: TextRows, names: str, contract: FileContract) -> None:
    """Compare the number of rows with the contract's bounds.

    Raises:
        DeliveryError: too_few_rows, too_many_rows.
    """
    count, bounds = len(rows.cells), contract.bounds
    if count > bounds.rows_max:
        raise DeliveryError(
            ErrorCode.TOO_MANY_ROWS,
            f"{names}: {count:,} rows; `bounds.rows_max` in partner.yml allows {bounds.rows_max:,}. "
            "Ask the partner whether the file is right, then raise the bound.",
        )
    if count < bounds.rows_min:
        raise DeliveryError(
            ErrorCode.TOO_FEW_ROWS,
            f"{names}: {count:,} rows; `bounds.rows_min` in partner.yml expects {bounds.rows_min:,}. "
            "Ask the partner for the complete file, or lower the bound.",
        )
