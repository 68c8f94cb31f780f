"""Tells a workbook of bad rows that a partner sends back from every other file, by what is in it.

Only a little of a file is looked at, in bounded memory: this is asked of every file at every pull.
"""

import re
import zipfile
import zlib
from typing import BinaryIO

# the hidden sheet, and what stands in the heading of the column of keys
MANIFEST_SHEET = "godigital"
KEY_MARK = "godigital-key"
KEY_HEADING = re.compile(rf"\b{KEY_MARK} (\d+)")

_MOST_BYTES = 256 * 1024
_MOST_SHEETS = 20
_TEXTS = re.compile(r"xl/(?:sharedStrings|worksheets/[^/]+)\.xml")
_SHEET_NAME = re.compile(rf"<(?:\w+:)?sheet\b[^>]*\bname\s*=\s*[\"']{MANIFEST_SHEET}[\"']".encode())


def is_returned_workbook(file: BinaryIO) -> bool:
    """Whether a file, open at its beginning, is a workbook made by `godigital return`, or what is left of one.

    The hidden sheet says so, or, where somebody lost it, the heading of the keys. Never raises: what cannot be
    opened is no such workbook, and is refused where it is read.
    """
    if file.read(4) != b"PK\x03\x04":
        return False
    try:
        with zipfile.ZipFile(file) as archive:
            if _SHEET_NAME.search(_beginning(archive, "xl/workbook.xml")) is not None:
                return True
            # headings stand at the beginning, be it of the shared texts or of the sheet itself
            names = [name for name in archive.namelist() if _TEXTS.fullmatch(name)]
            return any(KEY_MARK.encode() in _beginning(archive, name) for name in names[:_MOST_SHEETS])
    except (zipfile.BadZipFile, zlib.error, EOFError, KeyError, NotImplementedError, OSError, RuntimeError, ValueError):
        return False


def _beginning(archive: zipfile.ZipFile, name: str) -> bytes:
    with archive.open(name) as part:
        return part.read(_MOST_BYTES)
