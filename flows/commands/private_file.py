"""Writes the rows behind a figure as a CSV or a workbook; the file leads to people and is the writer's alone."""

import csv
import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from warehouse.storage import files
from warehouse.storage.spreadsheet_cells import neutralise, text_workbook

SUFFIXES = (".csv", ".xlsx")


def write_rows(out: Path, columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
    """Write a table, mode 0600; CSV in UTF-8 with a byte-order mark, so that a spreadsheet shows every script."""
    text = [[_text(value) for value in row] for row in rows]
    content = _workbook(columns, text) if out.suffix.lower() == ".xlsx" else _csv(columns, text)
    files.write_durably(out, content, mode=0o600)


def _text(value: Any) -> str:
    return "" if value is None else str(value)


def _csv(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> bytes:
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(columns)
    writer.writerows([neutralise(cell) for cell in row] for row in rows)
    return text.getvalue().encode("utf-8-sig")


def _workbook(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> bytes:
    buffer = io.BytesIO()
    with text_workbook(buffer) as book:
        sheet = book.add_worksheet("Rows")
        sheet.write_row(0, 0, columns, book.add_format({"bold": True}))
        for number, row in enumerate(rows, start=1):
            sheet.write_row(number, 0, row)
        sheet.freeze_panes(1, 0)
    return buffer.getvalue()
