"""Text that a spreadsheet would run as a formula, and how it is kept from that (OWASP, CSV injection)."""

_STARTS = ("=", "+", "-", "@", "\t", "\r")


def neutralise(cell: str) -> str:
    """Text that a spreadsheet will not run: a cell that starts a formula gets an apostrophe in front.

    A lone dash and plain numbers stay: they cannot run, and the partner wrote them.
    """
    if cell.startswith(_STARTS) and cell != "-" and not _is_number(cell):
        return "'" + cell
    return cell


def _is_number(cell: str) -> bool:
    digits = cell[1:].replace(".", "", 1).replace(",", "", 1)
    return cell[:1] == "-" and digits.isascii() and digits.isdigit()
