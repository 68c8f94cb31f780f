"""Reads the sheets of an Excel workbook that the contract names, every value as text.

The container is checked first (`workbook_zip`); row numbers are those that a spreadsheet shows.
"""

import datetime as dt
import io
import re
import unicodedata
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from flows.readers.delivery import (
    MAX_CELL_CHARACTERS,
    DeliveryError,
    ErrorCode,
    LandedFile,
    landed_bytes,
)
from flows.readers.headers import HeaderWords
from flows.readers.sniff import describe, refuse
from flows.readers.table import Grid, Table, has_header, read_table
from flows.readers.workbook_zip import check_workbook
from schemas.contract_parts import FileFormat, Sheets

if TYPE_CHECKING:
    from python_calamine import CalamineWorkbook

_WANTED = "an Excel workbook (XLSX)"


def number_text(value: float) -> str:
    """Return a number as a person reads it: 9086295727.0 is '9086295727', 1.5 is '1.5'."""
    return str(int(value)) if value.is_integer() else repr(value)


def _moment_text(value: dt.datetime) -> str:
    if value.time() == dt.time():
        return value.date().isoformat()
    return value.replace(tzinfo=None).isoformat(" ", "seconds")


def _duration_text(value: dt.timedelta) -> str:
    seconds = round(value.total_seconds())
    sign, seconds = ("-", -seconds) if seconds < 0 else ("", seconds)
    return f"{sign}{seconds // 3600:02}:{seconds % 3600 // 60:02}:{seconds % 60:02}"


_TEXT_OF: dict[type, Callable[[Any], str]] = {
    str: lambda value: unicodedata.normalize("NFC", value),
    float: number_text,
    int: str,
    bool: lambda value: "TRUE" if value else "FALSE",
    dt.date: dt.date.isoformat,
    dt.datetime: _moment_text,
    dt.time: lambda value: value.isoformat("seconds"),
    dt.timedelta: _duration_text,
}


def open_workbook(data: bytes, name: str) -> "CalamineWorkbook":
    """Return an opened workbook whose container was checked; raises DeliveryError where it is none."""
    from python_calamine import CalamineError, CalamineWorkbook, PasswordError

    found = describe(data)
    if found != _WANTED and not data.startswith(b"PK"):
        raise refuse(name, found or "plain text or an unknown format", _WANTED)
    check_workbook(data, name)
    if found != _WANTED:
        raise refuse(name, found or "a zip archive", _WANTED)
    try:
        return CalamineWorkbook.from_filelike(io.BytesIO(data))
    except PasswordError:
        raise refuse(name, "a workbook under a password", _WANTED) from None
    except CalamineError:
        raise unreadable(name) from None


def cell_text(value: Any) -> str:
    """Return a cell's value as text; '' for an empty cell."""
    return _TEXT_OF[type(value)](value) if value != "" else ""


def unreadable(name: str) -> DeliveryError:
    """Return the error for a workbook whose parts are not what they should be."""
    return DeliveryError(
        ErrorCode.TRUNCATED,
        f"{name}: the workbook's parts cannot be read. Ask the partner to open it, save it anew and send that.",
    )


def _chosen_sheets(names: list[str], sheets: Sheets, file_name: str) -> list[str]:
    chosen = [
        name
        for name in names
        if re.fullmatch(sheets.include, name)
        and not (sheets.exclude is not None and re.fullmatch(sheets.exclude, name))
    ]
    if not chosen:
        raise DeliveryError(
            ErrorCode.NO_SHEET,
            f"{file_name}: no sheet matches `file.sheets` in partner.yml; the workbook has "
            f"{', '.join(map(repr, names)) or 'none'}. Change the pattern, or ask the partner.",
        )
    return chosen


def _check_cells(rows: list[list[str]], where: str) -> None:
    for number, row in enumerate(rows, start=1):
        if len(max(row, key=len, default="")) > MAX_CELL_CHARACTERS:
            raise DeliveryError(
                ErrorCode.CELL_TOO_LARGE,
                f"{where}, row {number}: a cell has more than {MAX_CELL_CHARACTERS:,} characters. Ask the "
                "partner to correct the row.",
            )


def _grid(workbook: "CalamineWorkbook", sheet_name: str, file_name: str) -> Grid:
    from python_calamine import CalamineError

    try:
        sheet = workbook.get_sheet_by_name(sheet_name)
        values = sheet.to_python(skip_empty_area=False)
        merged = sheet.merged_cell_ranges or []
    except CalamineError:
        raise unreadable(f"{file_name}, sheet {sheet_name!r}") from None
    rows = [[cell_text(value) for value in row] for row in values]
    grid = Grid(file=file_name, sheet=sheet_name, rows=rows, is_sheet=True, merged=tuple(merged))
    _check_cells(rows, grid.where)
    return grid


def read_xlsx(file: LandedFile, words: HeaderWords, file_format: FileFormat) -> list[Table]:
    """Return the data rows of every sheet that the contract chooses.

    A sheet without any cell has no rows. A hidden sheet counts where it holds the header, because people hide
    rather than delete; without header it is a list of choices and is left out. A visible sheet without header
    is an error.

    Raises:
        DeliveryError: for every reason a workbook cannot be read.
    """
    from python_calamine import SheetTypeEnum, SheetVisibleEnum

    data = landed_bytes(file)
    workbook = open_workbook(data, file.name)
    pages = [page for page in workbook.sheets_metadata if page.typ == SheetTypeEnum.WorkSheet]
    hidden = {page.name for page in pages if page.visible != SheetVisibleEnum.Visible}
    advice = "If this sheet holds no rows, name it in `file.sheets.exclude` in partner.yml."
    tables = []
    for name in _chosen_sheets([page.name for page in pages], file_format.sheets, file.name):
        grid = _grid(workbook, name, file.name)
        if grid.rows and (name not in hidden or has_header(grid, words, file_format)):
            tables.append(read_table(grid, words, file_format, advice))
    if not tables:
        raise DeliveryError(
            ErrorCode.NO_SHEET,
            f"{file.name}: none of the sheets that `file.sheets` in partner.yml chooses holds a table. Ask "
            "the partner to send the workbook again.",
        )
    return tables
