"""Text that a spreadsheet must not run as a formula nor turn into a number (OWASP, CSV injection)."""

import io
from typing import Any

_STARTS = ("=", "+", "-", "@", "\t", "\r")


def neutralise(cell: str) -> str:
    """Text that a spreadsheet will not run: a cell that starts a formula gets an apostrophe in front.

    A lone dash and plain numbers stay: they cannot run, and the partner wrote them.
    """
    if cell.startswith(_STARTS) and cell != "-" and not _is_number(cell):
        return "'" + cell
    return cell


def text_workbook(buffer: io.BytesIO) -> Any:
    """Return an empty xlsxwriter.Workbook that is written to `buffer` when closed; a text stays text in its cells."""
    # every command imports this module, and few write a workbook
    import xlsxwriter

    options = {"in_memory": True, "strings_to_formulas": False, "strings_to_urls": False, "strings_to_numbers": False}
    return xlsxwriter.Workbook(buffer, options)


def _is_number(cell: str) -> bool:
    digits = cell[1:].replace(".", "", 1).replace(",", "", 1)
    return cell[:1] == "-" and digits.isascii() and digits.isdigit()
