"""Writes the workbook of bad rows that goes back to a partner: how to correct it, the rows, and a hidden sheet.

Everything is text, whatever it begins with; what is wrong is shown by colour, frame, mark, words and notes alike.
"""

import datetime as dt
import io
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from flows.readers.corrected_detect import KEY_MARK, MANIFEST_SHEET
from flows.readers.corrected_manifest import manifest_lines
from flows.returns.diagnose import CellError
from flows.returns.rows_to_return import RowsToReturn, RowToReturn
from schemas.partner import LOOKUP_COLUMNS
from schemas.reasons import WHOLE_ROW
from schemas.remedies import ENGLISH, load_remedies, phrase, write_day
from warehouse.storage import files
from warehouse.storage.spreadsheet_cells import text_workbook

HELP_SHEET, ROWS_SHEET, LISTS_SHEET = "Read me", "Rows", "godigital-lists"
REJECTED_MARK, FLAGGED_MARK = "✗", "?"
_BEFORE = ("status", "what_to_correct", "withdraw")
_AFTER = ("file", "sheet", "row", "key")
_STEPS = ("step_rejected", "step_flagged", "step_edit", "step_unchanged", "step_withdraw", "step_send", "privacy")
_WIDTHS = {"status": 14, "what_to_correct": 46, "withdraw": 11, "file": 26, "sheet": 12, "row": 9, "key": 18}
_NARROWEST, _WIDEST = 9, 34
# Excel's own limits for what is shown beside a cell
_MOST_TITLE, _MOST_MESSAGE = 32, 255
_A4 = 9
_REJECTED = {"bg_color": "#F8CBAD", "font_color": "#9C0006", "bold": True, "border": 5, "border_color": "#C00000"}
_FLAGGED = {"bg_color": "#FFF2CC", "italic": True, "border": 3, "border_color": "#7F6000"}


def write_return(file: Path, back: RowsToReturn) -> None:
    """Write the workbook; mode 0600. The same rows give the same bytes.

    Raises:
        OSError: the disk refused; what stood there before is as it was.
    """
    buffer = io.BytesIO()
    with text_workbook(buffer) as book:
        day = back.received_until or dt.date(1980, 1, 1)
        book.set_properties({"title": back.partner.partner_id, "created": dt.datetime.combine(day, dt.time())})
        _Writer(book, back).write()
    files.write_durably(file, buffer.getvalue())


class _Writer:
    """The sheets of one workbook."""

    def __init__(self, book: Any, back: RowsToReturn) -> None:
        self._book, self._back = book, back
        self._languages = back.finder.languages
        base = {"valign": "top", "text_wrap": True}
        text = {**base, "num_format": "@"}
        formats = {
            "plain": base,
            "text": text,
            "rejected": {**text, **_REJECTED},
            "flagged": {**text, **_FLAGGED},
            "mark": {**text, "border": 1, "align": "center"},
            "grey": {**text, "font_color": "#7F7F7F", "bg_color": "#EDEDED"},
            "theirs": {**base, "bold": True, "bottom": 2, "bg_color": "#DDEBF7"},
            "ours": {**base, "italic": True, "bottom": 2, "bg_color": "#D9D9D9"},
            "title": {**base, "bold": True, "font_size": 16},
            "strong": {**base, "bold": True},
        }
        self._formats = {name: book.add_format(values) for name, values in formats.items()}
        self._lists: dict[tuple[str, ...], str] = {}

    def write(self) -> None:
        """Fill every sheet, the visible ones first."""
        self._help()
        groups = sorted(self._back.manifest.headers)
        for group in groups:
            rows = [row for row in self._back.rows if row.sent.group == group]
            self._rows(ROWS_SHEET if group == groups[0] else f"{ROWS_SHEET} {group}", group, rows)
        self._hidden_lists()
        manifest = self._book.add_worksheet(MANIFEST_SHEET)
        for number, line in enumerate(manifest_lines(self._back.manifest)):
            for place, cell in enumerate(line):
                manifest.write_string(number, place, cell)
        manifest.very_hidden()

    def _both(self, name: str, **filled: str) -> str:
        return " / ".join(phrase(name, language, **filled) for language in self._languages)

    # -- how to correct ----------------------------------------------------------------------------------------------

    def _help(self) -> None:
        sheet = self._book.add_worksheet(HELP_SHEET)
        sheet.set_column(0, 0, 62)
        sheet.set_column(1, 2, 16)
        sheet.set_landscape()
        sheet.set_paper(_A4)
        sheet.fit_to_pages(1, 0)
        sheet.hide_gridlines(2)
        lines: list[tuple[str, str]] = [(self._both("partner"), self._back.partner.contract.name)]
        if self._back.partner.contract.contact is not None:
            lines.append((self._both("contact"), self._back.partner.contract.contact))
        if self._back.received_until is not None:
            days = dict.fromkeys(write_day(self._back.received_until, language) for language in self._languages)
            lines.append((self._both("received_until"), " / ".join(days)))
        sheet.merge_range(0, 0, 0, 2, self._both("title"), self._formats["title"])
        row = 1
        for label, text in lines:
            sheet.write_string(row, 0, label, self._formats["strong"])
            sheet.merge_range(row, 1, row, 2, "", self._formats["plain"])
            sheet.write_string(row, 1, text, self._formats["plain"])
            row += 1
        for language in self._languages:
            row = self._steps(sheet, row + 1, language)
        row = self._counts(sheet, row + 1)
        self._reasons(sheet, row + 1)

    def _steps(self, sheet: Any, row: int, language: str) -> int:
        name = load_remedies().languages[language].name
        programme = self._back.finder.programme.name
        said = [phrase("purpose", language, programme=programme), *(phrase(step, language) for step in _STEPS)]
        sheet.write_string(row, 0, name, self._formats["strong"])
        for line in said:
            row += 1
            sheet.merge_range(row, 0, row, 2, "", self._formats["plain"])
            sheet.write_string(row, 0, line, self._formats["plain"])
            # merged cells do not grow by themselves; some 80 letters fit a line
            sheet.set_row(row, 16 * (1 + len(line) // 80))
        return row + 1

    def _counts(self, sheet: Any, row: int) -> int:
        heading = ("delivery", "status_rejected", "status_flagged")
        for place, name in enumerate(heading):
            sheet.write_string(row, place, self._both(name), self._formats["ours"])
        rejected: Counter[str] = Counter()
        flagged: Counter[str] = Counter()
        for item in self._back.rows:
            (rejected if item.is_rejected else flagged)[item.sent.original.delivery_name] += 1
        deliveries = dict.fromkeys(item.sent.original.delivery_name for item in self._back.rows)
        table = [(name, rejected[name], flagged[name]) for name in deliveries]
        table.append((self._both("total"), rejected.total(), flagged.total()))
        for name, rejected_rows, flagged_rows in table:
            row += 1
            sheet.write_string(row, 0, name, self._formats["text"])
            sheet.write_number(row, 1, rejected_rows, self._formats["plain"])
            sheet.write_number(row, 2, flagged_rows, self._formats["plain"])
        return row + 1

    def _reasons(self, sheet: Any, row: int) -> None:
        for place, name in enumerate(("reason", "rows")):
            sheet.write_string(row, place, self._both(name), self._formats["ours"])
        counted = Counter(error.code for item in self._back.rows for error in item.cell_errors)
        for code, number in sorted(counted.items(), key=lambda pair: (-pair[1], pair[0])):
            row += 1
            said = self._back.finder.said
            sheet.write_string(
                row, 0, "\n".join(said[language][code].sentence for language in self._languages), self._formats["plain"]
            )
            sheet.write_number(row, 1, number, self._formats["plain"])

    # -- the rows ----------------------------------------------------------------------------------------------------

    def _rows(self, name: str, group: int, rows: Sequence[RowToReturn]) -> None:
        header = self._back.manifest.headers[group]
        sheet = self._book.add_worksheet(name)
        has_sheets = any(item.sent.original.sheet for item in rows)
        after = [role for role in _AFTER if role != "sheet" or has_sheets]
        columns: list[str | int] = [*_BEFORE, *range(len(header)), *after]
        place_of = {column: place for place, column in enumerate(columns)}
        for place, column in enumerate(columns):
            sheet.set_column(place, place, self._width(column, header, rows), self._formats["text"])
            if isinstance(column, int):
                sheet.write_string(0, place, header[column], self._formats["theirs"])
            else:
                heading = self._back.manifest.headings[column]
                heading = heading.replace(KEY_MARK, f"{KEY_MARK} {group}", 1) if column == "key" else heading
                sheet.write_string(0, place, heading, self._formats["ours"])
        for number, item in enumerate(rows, start=1):
            self._row(sheet, number, item, place_of)
        last = len(rows)
        sheet.autofilter(0, 0, last, len(columns) - 1)
        sheet.freeze_panes(1, 2)
        self._validations(sheet, header, last, place_of)
        sheet.set_landscape()
        sheet.set_paper(_A4)
        sheet.fit_to_pages(1, 0)
        sheet.repeat_rows(0)
        sheet.set_footer(f"&L{self._back.partner.partner_id}&R&P / &N")

    def _width(self, column: str | int, header: Sequence[str], rows: Sequence[RowToReturn]) -> float:
        if isinstance(column, str):
            return _WIDTHS[column]
        longest = max((len(row.sent.cells[column]) for row in rows), default=0)
        word = max(map(len, header[column].split()), default=0)
        return min(max(longest, word, _NARROWEST) + 2, _WIDEST)

    def _row(self, sheet: Any, number: int, item: RowToReturn, place_of: dict[str | int, int]) -> None:
        style = "rejected" if item.is_rejected else "flagged"
        mark = REJECTED_MARK if item.is_rejected else FLAGGED_MARK
        origin, marked = item.sent.original, _marked(item.cell_errors)
        status = f"{mark} {self._both(f'status_{style}')}"
        sheet.write_string(number, place_of["status"], status, self._formats[style])
        sheet.write_string(number, place_of["what_to_correct"], self._advice(item.cell_errors), self._formats["text"])
        sheet.write_blank(number, place_of["withdraw"], None, self._formats["mark"])
        shown: dict[str | int, str] = {
            **dict(enumerate(item.sent.cells)),
            "file": origin.file_name,
            "sheet": origin.sheet,
            "row": str(origin.row_number),
            "key": item.sent.key,
        }
        for column, text in shown.items():
            if column not in place_of:
                continue
            plain = self._formats["text" if isinstance(column, int) else "grey"]
            cell_errors = marked.get(column, [])
            form = self._formats[style] if cell_errors else plain
            if text:
                sheet.write_string(number, place_of[column], text, form)
            else:
                sheet.write_blank(number, place_of[column], None, form)
            # what is wrong with a whole row is told once
            told = [error for error in cell_errors if error.code not in WHOLE_ROW or column == error.columns[0]]
            if told:
                note = self._advice(told)
                size = {"width": 320, "height": 40 + 17 * (1 + note.count("\n") + len(note) // 45)}
                sheet.write_comment(number, place_of[column], f"{mark} {note}", {"author": "godigital", **size})

    def _advice(self, cell_errors: Sequence[CellError]) -> str:
        """What is wrong, a paragraph for each language."""
        return "\n\n".join(
            "\n".join(error.sentences[place] for error in cell_errors) for place in range(len(self._languages))
        )

    # -- lists to choose from ----------------------------------------------------------------------------------------

    def _validations(self, sheet: Any, header: Sequence[str], last: int, place_of: dict[str | int, int]) -> None:
        choose = "\n".join(phrase("choose_word", language) for language in self._languages)[:_MOST_MESSAGE]
        for column in LOOKUP_COLUMNS:
            source = self._back.partner.contract.columns.get(column)
            words = self._back.finder.words(column)
            # several answers in one cell, or words inside a longer text, cannot be chosen from a list
            if source is None or source.split is not None or source.pattern is not None or not words:
                continue
            for place in (place_of[i] for i in self._back.finder.places(column, header)):
                options = {
                    "validate": "list",
                    "source": self._list(words),
                    # the list helps; who knows better is asked, and may go on
                    "error_type": "warning",
                    "error_message": choose,
                }
                sheet.data_validation(1, place, last, place, options)
        withdraw = {"validate": "list", "source": ["x"], "error_type": "warning"}
        sheet.data_validation(1, place_of["withdraw"], last, place_of["withdraw"], withdraw)
        # locks the keys against typing, and nothing else: a protected sheet could not be sorted
        locked = {
            "validate": "custom",
            "value": "=FALSE",
            "error_title": phrase("key", ENGLISH)[:_MOST_TITLE],
            "error_message": "\n".join(phrase("key_locked", language) for language in self._languages)[:_MOST_MESSAGE],
        }
        sheet.data_validation(1, place_of["key"], last, place_of["key"], locked)

    def _list(self, words: tuple[str, ...]) -> str:
        """Reference to a column of the hidden sheet of lists; a list in the cell itself holds 255 letters only."""
        if words not in self._lists:
            from xlsxwriter.utility import xl_col_to_name

            column = xl_col_to_name(len(self._lists))
            self._lists[words] = f"='{LISTS_SHEET}'!${column}$1:${column}${len(words)}"
        return self._lists[words]

    def _hidden_lists(self) -> None:
        sheet = self._book.add_worksheet(LISTS_SHEET)
        for place, words in enumerate(self._lists):
            for number, word in enumerate(words):
                sheet.write_string(number, place, word, self._formats["text"])
        sheet.very_hidden()


def _marked(cell_errors: Sequence[CellError]) -> dict[str | int, list[CellError]]:
    """Column -> what is wrong there; an error of the whole row stands at every one of its columns."""
    found: dict[str | int, list[CellError]] = {}
    for error in cell_errors:
        columns: list[str | int] = [*error.columns, *(["sheet"] if error.on_sheet else [])]
        for column in columns:
            found.setdefault(column, []).append(error)
    return found
