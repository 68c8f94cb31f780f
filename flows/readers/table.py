"""Turns the cells of one sheet or text file into data rows under a header.

Decides which rows are sub-totals or footers, fills merged cells down, and keeps every other row.
"""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

from flows.readers.delivery import DeliveryError, ErrorCode, TextRows
from flows.readers.headers import HeaderWords, check_header, find_header, fold_header, header_not_found
from schemas.contract_parts import FileFormat

Corner = tuple[int, int]
MergedRange = tuple[Corner, Corner]  # first and last (row, column), 0-based, both included

# up to so many rows with values beyond the header are shifted rows; more mean a column without heading
_SLIPPED_ROWS = 4


@dataclass(frozen=True)
class Grid:
    """All cells of one sheet or text file as text; `rows[0]` is what a spreadsheet shows as row 1."""

    file: str
    sheet: str
    rows: list[list[str]]
    is_sheet: bool = False
    merged: tuple[MergedRange, ...] = ()

    @property
    def where(self) -> str:
        """File and sheet, as an error names them."""
        return f"{self.file}, sheet {self.sheet!r}" if self.is_sheet else self.file


@dataclass(frozen=True)
class Table:
    """Data rows under a header; every row of `cells` is as wide as the header."""

    file: str
    sheet: str
    header: tuple[str, ...]
    cells: list[list[str]]
    row_numbers: list[int]
    overflow: list[bool]
    structural: int


@dataclass(frozen=True)
class _Sorted:
    """Indexes of the data rows; rows between two sub-totals share a number in `groups`."""

    indexes: list[int]
    groups: list[int]
    structural: int


def _is_blank(row: Sequence[str]) -> bool:
    return not "".join(row).strip()


def _end_of_rows(grid: Grid) -> int:
    """Return the index after the last row: blank rows ending a sheet, empty lines ending a text are none."""
    end = len(grid.rows)
    while end and _is_blank(grid.rows[end - 1]) and (grid.is_sheet or len(grid.rows[end - 1]) < 2):
        end -= 1
    return end


def _narrow_limit(width: int) -> int:
    """Return how many filled cells a sub-total or footer row has at most.

    A third of the columns and at least three, but never more than half: somebody whose name contains the word
    "total" has a row with more cells than that, and stays a person.
    """
    return max(1, min(max(3, width // 3), width // 2))


def _matches(pattern: re.Pattern[str] | None, row: Sequence[str]) -> bool:
    return pattern is not None and any(pattern.search(cell) for cell in row if cell)


def _sort_rows(grid: Grid, header_at: int, width: int, file_format: FileFormat) -> _Sorted:
    """Separate data rows from non-data rows (sub-totals, footers, repeated headers).

    A footer reaches to the end, unless a row with as many values as a data row follows: somebody added it below the
    footer, and it is read. Blank rows next to a footer are layout, not rows; a header repeated on every page is a
    non-data row.
    """
    subtotal = re.compile(file_format.subtotal) if file_format.subtotal is not None else None
    footer = re.compile(file_format.footer) if file_format.footer is not None else None
    narrow = _narrow_limit(width)
    rows, header = grid.rows, grid.rows[header_at]
    indexes: list[int] = []
    groups: list[int] = []
    structural = group = 0
    in_footer = False
    for index in range(header_at + 1, _end_of_rows(grid)):
        row = rows[index]
        if _is_blank(row):
            if not in_footer:
                indexes.append(index)
                groups.append(group)
        elif row == header:
            structural += 1
            in_footer = False
        elif len(row) - row.count("") > narrow or not (in_footer or _matches(subtotal, row) or _matches(footer, row)):
            indexes.append(index)
            groups.append(group)
            in_footer = False
        elif in_footer or not _matches(footer, row):
            structural += 1
            group += 1
        else:
            in_footer = True
            structural += 1
            group += 1
            while indexes and _is_blank(rows[indexes[-1]]):
                indexes.pop()
                groups.pop()
    return _Sorted(indexes, groups, structural)


def _fit(row: list[str], width: int) -> list[str]:
    if len(row) == width:
        return row
    return row[:width] if len(row) > width else row + [""] * (width - len(row))


def _overflows(row: list[str], width: int) -> bool:
    return len(row) > width and not _is_blank(row[width:])


def _merged_values(grid: Grid, column: int, header_at: int) -> dict[int, str]:
    """Return row index -> value of the merged cell that covers `column` there; empty without merged cells."""
    ranges = sorted(
        ((top, left), (min(bottom, len(grid.rows) - 1), right))
        for (top, left), (bottom, right) in grid.merged
        if left <= column <= right and bottom > top > header_at
    )
    values: dict[int, str] = {}
    reached = header_at
    for (top, left), (bottom, _) in ranges:
        # overlapping ranges are invalid; reading each row once limits the time that a malicious file can take
        value = grid.rows[top][left] if top < len(grid.rows) else ""
        values.update((index, value) for index in range(max(top, reached + 1), bottom + 1))
        reached = max(reached, bottom)
    return values


def _fill_from_above(column: Sequence[str], blank: Sequence[bool], groups: Sequence[int]) -> list[str]:
    """Return `column` with the value above in empty cells; not across a sub-total, not into a blank row."""
    filled: list[str] = []
    above, group = "", -1
    for value, is_blank, row_group in zip(column, blank, groups, strict=True):
        if row_group != group:
            above, group = "", row_group
        if value.strip():
            above = value
        filled.append(value if is_blank or value.strip() else above)
    return filled


def _fill_down(cells: list[list[str]], column: int, grid: Grid, header_at: int, rows: _Sorted) -> list[list[str]]:
    """Return `cells` with one column filled down.

    Where the sheet has merged cells in the column only they are filled, because an empty cell next to them is
    a missing value; in a column without merged cells (a text file, or un-merged cells) the value above holds.
    """
    blank = [_is_blank(row) for row in cells]
    merged = _merged_values(grid, column, header_at)
    if merged:
        values = [
            merged[index] if not is_blank and index in merged else row[column]
            for index, row, is_blank in zip(rows.indexes, cells, blank, strict=True)
        ]
    else:
        values = _fill_from_above([row[column] for row in cells], blank, rows.groups)
    return [[*row[:column], value, *row[column + 1 :]] for row, value in zip(cells, values, strict=True)]


def _check_headings(table: Table, where: str) -> None:
    """Refuse values under an empty heading.

    Raises:
        DeliveryError: unknown_column.
    """
    bare = [index for index, name in enumerate(table.header) if not name]
    numbers = [index + 1 for index in bare if any(row[index].strip() for row in table.cells)]
    slipped = sum(table.overflow)
    if slipped > _SLIPPED_ROWS and 2 * slipped > len(table.cells):
        numbers.append(len(table.header) + 1)
    if numbers:
        names = ", ".join(f"column {number} has no heading" for number in numbers)
        raise DeliveryError(
            ErrorCode.UNKNOWN_COLUMN,
            f"{where}: {names}, but it contains values. Ask the partner to write the heading.",
        )


def _without_bare_columns(table: Table) -> Table:
    """Return the table without columns that have neither heading nor values, as left of an indented table."""
    kept = [index for index, name in enumerate(table.header) if name]
    if len(kept) == len(table.header):
        return table
    return replace(
        table,
        header=tuple(table.header[index] for index in kept),
        cells=[[row[index] for index in kept] for row in table.cells],
    )


def has_header(grid: Grid, words: HeaderWords, file_format: FileFormat) -> bool:
    """Whether the contract's header stands in this sheet."""
    return find_header(grid.rows, file_format.header_row, words) is not None


def read_table(grid: Grid, words: HeaderWords, file_format: FileFormat, advice: str) -> Table:
    """Return the data rows of one sheet or text file.

    `advice` says what to do where no header is found; it depends on the format.

    Raises:
        DeliveryError: header_not_found, missing_column, unknown_column, duplicate_column.
    """
    header_at = find_header(grid.rows, file_format.header_row, words)
    if header_at is None:
        raise header_not_found(grid.where, file_format.header_row, words, advice)
    names = [cell.strip() for cell in grid.rows[header_at]]
    width = max(index + 1 for index, name in enumerate(names) if name)
    header = tuple(names[:width])
    where = f"{grid.where}, row {header_at + 1}"
    check_header(header, where, words)
    rows = _sort_rows(grid, header_at, width, file_format)
    cells = [_fit(grid.rows[index], width) for index in rows.indexes]
    fill = {fold_header(name) for name in file_format.fill_down}
    for column, name in enumerate(header):
        if fold_header(name) in fill:
            cells = _fill_down(cells, column, grid, header_at, rows)
    table = Table(
        file=grid.file,
        sheet=grid.sheet,
        header=header,
        cells=cells,
        row_numbers=[index + 1 for index in rows.indexes],
        overflow=[_overflows(grid.rows[index], width) for index in rows.indexes],
        structural=rows.structural,
    )
    _check_headings(table, where)
    return _without_bare_columns(table)


def heading_slots(header: Sequence[str]) -> list[tuple[str, int]]:
    """Return each header's key and how often it stood there before: what a column is over several sheets."""
    seen: Counter[str] = Counter()
    slots = []
    for name in header:
        key = fold_header(name)
        slots.append((key, seen[key]))
        seen[key] += 1
    return slots


def _aligned(table: Table, places: dict[tuple[str, int], int]) -> list[list[str]]:
    slots = heading_slots(table.header)
    if slots == list(places):
        return table.cells
    from_index = {slot: index for index, slot in enumerate(slots)}
    order = [from_index.get(slot) for slot in places]
    return [["" if index is None else row[index] for index in order] for row in table.cells]


def combine(tables: Sequence[Table]) -> TextRows:
    """Return the rows of several sheets or files under one header; columns may stand in any order in each."""
    names = {
        slot: name
        for table in reversed(tables)
        for slot, name in zip(heading_slots(table.header), table.header, strict=True)
    }
    order = dict.fromkeys(slot for table in tables for slot in heading_slots(table.header))
    places = {slot: index for index, slot in enumerate(order)}
    count = sum(len(table.cells) for table in tables)
    return TextRows(
        header=tuple(names[slot] for slot in order),
        cells=[row for table in tables for row in _aligned(table, places)],
        file_names=[table.file for table in tables for _ in table.cells],
        sheets=[table.sheet for table in tables for _ in table.cells],
        row_numbers=[number for table in tables for number in table.row_numbers],
        source_ids=[""] * count,
        overflow=[value for table in tables for value in table.overflow],
        orphan=[False] * count,
        structural=sum(table.structural for table in tables),
    )
