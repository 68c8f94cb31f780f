"""Reads a workbook of bad rows that the partner corrected and sent back, as rows of text under their own headings.

Rows find themselves by their key, so that they may be sorted, moved or deleted; what a spreadsheet made of a value
(a real date, a number without its leading zeros) is turned back into what the contract expects.
"""

import datetime as dt
import math
import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any

from flows.readers.corrected_detect import KEY_HEADING, KEY_MARK, MANIFEST_SHEET
from flows.readers.corrected_manifest import Manifest, SentRow, damaged, read_manifest
from flows.readers.delivery import DeliveryError, ErrorCode, LandedFile, OriginalRow, TextRows, landed_bytes
from flows.readers.headers import fold_header
from flows.readers.table import heading_slots
from flows.readers.xlsx_file import cell_text, open_workbook, unreadable
from flows.values.dates import BUDDHIST_YEARS, read_day
from schemas.contract_parts import Dates
from schemas.languages import BUDDHIST_AHEAD, to_ascii_digits
from schemas.partner import Partner
from schemas.programme import load_programme
from warehouse.vault.corrected_rows import Action

if TYPE_CHECKING:
    from python_calamine import CalamineWorkbook

_HEADER_SEARCH_ROWS = 20
_MARKS = {"x", "×", "✗", "✕", "✖", "✓", "✔"}
# a number in a column of dates that was a day before its format was lost; a year has four digits
_SERIALS = range(10_000, 80_000)
_EPOCH = dt.date(1899, 12, 30)
_MOST_ERRORS = 20

# a heading, folded, and how often it stood there before: partners have columns of the same name
Slot = tuple[str, int]


@dataclass(frozen=True)
class _Sheet:
    """One visible sheet of rows; `places` says where each of their columns and of ours (by role) stands."""

    name: str
    group: int
    head: int
    grid: list[list[Any]]
    places: Mapping[Slot, int]
    roles: Mapping[str, int]


def read_returned(file: LandedFile, partner: Partner) -> TextRows:
    """Return the rows of a corrected workbook, each with the row it stands for.

    Rows that were deleted are not there. A row keeps the text it was sent with wherever a cell still means it.

    Raises:
        DeliveryError: the workbook is another partner's, of another version, damaged, or its keys or headings were
            changed; every such place is named, and nothing is taken in.
    """
    workbook = open_workbook(landed_bytes(file), file.name)
    manifest = read_manifest(_lines(workbook, file.name), file.name, partner.partner_id)
    sheets = _row_sheets(workbook, manifest, file.name)
    order = {
        slot: name
        for header in manifest.headers.values()
        for slot, name in zip(heading_slots(header), header, strict=True)
    }
    rows = _Rows(partner, manifest, file.name, order)
    for sheet in sheets:
        rows.take(sheet)
    return rows.text()


def _lines(workbook: "CalamineWorkbook", name: str) -> list[list[str]]:
    if MANIFEST_SHEET not in workbook.sheet_names:
        return []
    return [[_nfc(cell_text(value)) for value in row] for row in _values(workbook, MANIFEST_SHEET, name)]


def _values(workbook: "CalamineWorkbook", sheet: str, name: str) -> list[list[Any]]:
    from python_calamine import CalamineError

    try:
        return workbook.get_sheet_by_name(sheet).to_python(skip_empty_area=False)
    except CalamineError:
        raise unreadable(f"{name}, sheet {sheet!r}") from None


def _nfc(text: str) -> str:
    return unicodedata.normalize("NFC", text).replace("\r\n", "\n").replace("\r", "\n")


def _column_name(index: int) -> str:
    letters = ""
    index += 1
    while index:
        index, rest = divmod(index - 1, 26)
        letters = chr(65 + rest) + letters
    return letters


def _row_sheets(workbook: "CalamineWorkbook", manifest: Manifest, name: str) -> list[_Sheet]:
    found = []
    for sheet in workbook.sheet_names:
        if sheet == MANIFEST_SHEET:
            continue
        grid = _values(workbook, sheet, name)
        for head, line in enumerate(grid[:_HEADER_SEARCH_ROWS]):
            marked = next((mark for cell in line if (mark := KEY_HEADING.search(str(cell)))), None)
            if marked is not None:
                found.append(_sheet(sheet, int(marked[1]), head, grid, manifest, name))
                break
    if not found:
        raise DeliveryError(
            ErrorCode.RETURN_KEY_BROKEN,
            f"{name}: no sheet has the column {KEY_MARK!r} by which rows are found again. Ask the partner to make "
            "the corrections in the workbook as it was sent out, without deleting or renaming that column.",
        )
    return found


def _sheet(sheet: str, group: int, head: int, grid: list[list[Any]], manifest: Manifest, name: str) -> _Sheet:
    """Compare the headings of a sheet with those it was sent with.

    Raises:
        DeliveryError: return_columns_changed, return_damaged.
    """
    where = f"{name}, sheet {sheet!r}, row {head + 1}"
    if group not in manifest.headers:
        raise damaged(name, f"sheet {sheet!r} does not belong to its hidden sheet {MANIFEST_SHEET!r}")
    names = [cell_text(cell).strip() for cell in grid[head]]
    ours = {fold_header(heading): role for role, heading in manifest.headings.items()}
    theirs = dict(zip(heading_slots(manifest.headers[group]), manifest.headers[group], strict=True))
    places: dict[Slot, int] = {}
    roles: dict[str, int] = {}
    unknown: list[str] = []
    for index, slot in enumerate(heading_slots(names)):
        role = "key" if KEY_HEADING.search(names[index]) else ours.get(slot[0])
        if slot in theirs:
            places[slot] = index
        elif role is not None and role not in roles:
            roles[role] = index
        elif names[index]:
            unknown.append(f"{names[index]!r} in column {_column_name(index)}")
        elif any(cell_text(line[index]).strip() for line in grid[head + 1 :]):
            unknown.append(f"values without heading in column {_column_name(index)}")
    missing = [repr(heading) for slot, heading in theirs.items() if slot not in places]
    if missing or unknown:
        problems = [f"missing: {', '.join(missing)}"] if missing else []
        problems += [f"not known here: {', '.join(unknown)}"] if unknown else []
        raise DeliveryError(
            ErrorCode.RETURN_COLUMNS_CHANGED,
            f"{where}: the headings are not those the workbook was sent with; {'; '.join(problems)}. Write the "
            "headings as they were, remove columns that were added, and put the file back into the source.",
        )
    return _Sheet(sheet, group, head, grid, places, roles)


class _Rows:
    """Collects the rows of all sheets; what is wrong with keys is gathered and told at once."""

    def __init__(self, partner: Partner, manifest: Manifest, name: str, order: Mapping[Slot, str]) -> None:
        self._partner, self._manifest, self._name, self._order = partner, manifest, name, order
        self._origins: list[OriginalRow] = []
        self._cells: list[list[str]] = []
        self._sheets: list[str] = []
        self._numbers: list[int] = []
        self._source_ids: list[str] = []
        self._places: dict[str, str] = {}
        self._wrong: list[str] = []
        # rows as they went out, to see when a sheet was sorted without its keys
        self._sent = {(row.group, row.cells): row.key for row in manifest.rows.values() if any(row.cells)}

    def take(self, sheet: _Sheet) -> None:
        """Add the rows of one sheet."""
        header = self._manifest.headers[sheet.group]
        readers = _value_readers(header, self._partner)
        slots = heading_slots(header)
        for number, line in enumerate(sheet.grid[sheet.head + 1 :], start=sheet.head + 2):
            if not any(cell_text(value).strip() for value in line):
                continue
            where = f"{self._name}, sheet {sheet.name!r}, row {number}"
            sent = self._find(sheet, line, where)
            if sent is None:
                continue
            read = [line[sheet.places[slot]] for slot in slots]
            cells = [reader(value, before) for reader, value, before in zip(readers, read, sent.cells, strict=True)]
            origin = self._judge(sheet, line, sent, cells, where)
            self._origins.append(origin)
            if origin.action != "changed":
                cells = list(sent.cells)
            by_slot = dict(zip(slots, cells, strict=True))
            self._cells.append([by_slot.get(slot, "") for slot in self._order])
            self._sheets.append(sheet.name)
            self._numbers.append(number)
            self._source_ids.append(sent.source_id)

    def _find(self, sheet: _Sheet, line: Sequence[Any], where: str) -> SentRow | None:
        """The row that a line stands for; what is wrong with its key is written down."""
        place = sheet.roles["key"]
        key = cell_text(line[place]).strip().lower()
        sent = self._manifest.rows.get(key)
        column = f"column {_column_name(place)} ({KEY_MARK})"
        if not key:
            self._wrong.append(f"{where}, {column}: the row has no key. Rows cannot be added here: delete it, and")
            self._wrong[-1] += " send it with an ordinary list."
        elif sent is None or sent.group != sheet.group:
            self._wrong.append(f"{where}, {column}: the key was changed. Copy it from the workbook as it was sent out.")
        elif key in self._places:
            self._wrong.append(f"{where}, {column}: {self._places[key]} has the same key. Keep one of the two rows.")
        else:
            self._places[key] = f"row {where.rsplit(' ', 1)[1]} of sheet {sheet.name!r}"
            return sent
        return None

    def _judge(
        self, sheet: _Sheet, line: Sequence[Any], sent: SentRow, cells: Sequence[str], where: str
    ) -> OriginalRow:
        """What was done to the row."""
        origin = sent.original
        mark = cell_text(line[sheet.roles["withdraw"]]).strip().casefold() if "withdraw" in sheet.roles else ""
        stands_on = cell_text(line[sheet.roles["sheet"]]).strip() if "sheet" in sheet.roles else origin.sheet
        if mark and mark not in _MARKS:
            column = _column_name(sheet.roles["withdraw"])
            self._wrong.append(f"{where}, column {column}: write x to withdraw the row, or leave the cell empty.")
        action: Action = "withdrawn" if mark else "unchanged"
        if not mark and (tuple(cells) != sent.cells or stands_on != origin.sheet.strip()):
            action = "changed"
            other = self._sent.get((sheet.group, tuple(cells)))
            if other is not None and tuple(cells) != sent.cells:
                self._wrong.append(
                    f"{where}: the row holds the values of another row (key {other}). The sheet was sorted without "
                    "the column of keys: undo that, or start from the workbook as it was sent out."
                )
            # whoever edited the row has put its values into their columns, and filled in what no parent said
            return replace(origin, action=action, sheet=stands_on, overflow=False, orphan=False)
        return replace(origin, action=action)

    def text(self) -> TextRows:
        """All rows.

        Raises:
            DeliveryError: return_key_broken, naming every place.
        """
        if self._wrong:
            more = len(self._wrong) - _MOST_ERRORS
            shown = self._wrong[:_MOST_ERRORS] + ([f"... and {more} more"] if more > 0 else [])
            raise DeliveryError(
                ErrorCode.RETURN_KEY_BROKEN, "\n".join([*shown, "Nothing of the workbook was taken in; the rows stay."])
            )
        return TextRows(
            header=tuple(self._order.values()),
            cells=self._cells,
            file_names=[self._name] * len(self._cells),
            sheets=self._sheets,
            row_numbers=self._numbers,
            source_ids=self._source_ids,
            overflow=[item.overflow for item in self._origins],
            orphan=[item.orphan for item in self._origins],
            structural=0,
            originals=tuple(self._origins),
        )


# -- what a spreadsheet made of a value ------------------------------------------------------------------------------


def _value_readers(header: Sequence[str], partner: Partner) -> list[Any]:
    """For every column, a function of (value, text as it was sent) that gives the text that is meant."""
    contract = partner.contract
    dates = {
        fold_header(name): contract.columns[column].dates or contract.dates
        for column in ("training_date", "birth_date")
        for name in _headers_of(partner, column)
    }
    hours = {fold_header(name) for name in _headers_of(partner, "hours")}
    readers = []
    for name in header:
        key = fold_header(name)
        comma = contract.decimal == "comma" and key in hours
        readers.append(partial(_day_text, dates=dates[key]) if key in dates else partial(_plain_text, comma=comma))
    return readers


def _headers_of(partner: Partner, column: str) -> tuple[str, ...]:
    columns = partner.contract.columns
    return columns[column].header or () if column in columns else ()


def _plain_text(value: Any, before: str, *, comma: bool) -> str:
    text = _nfc(cell_text(value))
    if isinstance(value, float | int) and not isinstance(value, bool):
        return before if _same_number(float(value), before) else text.replace(".", ",") if comma else text
    return before if text.strip() == before.strip() else text


def _same_number(value: float, before: str) -> bool:
    """Whether a number is what a spreadsheet makes of the text: without leading zeros, blanks, or digits past 15."""
    text = re.sub(r"[\s-]", "", to_ascii_digits(before))
    text = "-" + text if before.strip().startswith("-") else text
    try:
        return math.isclose(value, float(text.replace(",", ".")), rel_tol=1e-14)
    except ValueError:
        return False


def _day_text(value: Any, before: str, *, dates: Dates) -> str:
    """A day typed as a real date, as the contract writes days; text stays text."""
    if isinstance(value, float | int) and not isinstance(value, bool) and int(value) in _SERIALS:
        value = _EPOCH + dt.timedelta(days=int(value))
    if not isinstance(value, dt.date):
        return _plain_text(value, before, comma=False)
    year, buddhist = value.year, dates.calendar == "buddhist"
    # a spreadsheet counts years of the common era, unless somebody typed one of the Buddhist era into it
    typed = year in BUDDHIST_YEARS
    meant = year - BUDDHIST_AHEAD if typed else year
    read = read_day(before, dates, load_programme().last_day.year) if before.strip() else None
    before_day = None if read is None or read.era_slip else read.date
    if before_day is not None and before_day.timetuple()[:3] == (meant, value.month, value.day):
        return before
    shown = meant + BUDDHIST_AHEAD if buddhist else year
    day, month = f"{value.day:02d}", f"{value.month:02d}"
    return {
        "dmy": f"{day}/{month}/{shown:04d}",
        "mdy": f"{month}/{day}/{shown:04d}",
        "ymd": f"{shown:04d}-{month}-{day}",
    }[dates.order[0]]
