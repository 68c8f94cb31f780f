"""Recognises, by its contents, a workbook of bad rows that a partner has corrected and sent back.

It reads only the beginning of a file, in bounded memory, because every pull checks every file.
"""

import re
import zipfile
import zlib
from typing import BinaryIO

# the hidden sheet, and the mark in the heading of the key column
MANIFEST_SHEET = "godigital"
KEY_MARK = "godigital-key"
KEY_HEADING = re.compile(rf"\b{KEY_MARK} (\d+)")

_MOST_BYTES = 256 * 1024
_MOST_SHEETS = 20
_TEXTS = re.compile(r"xl/(?:sharedStrings|worksheets/[^/]+)\.xml")
_SHEET_NAME = re.compile(rf"<(?:\w+:)?sheet\b[^>]*\bname\s*=\s*[\"']{MANIFEST_SHEET}[\"']".encode())


def is_returned_workbook(file: BinaryIO) -> bool:
    """Whether a file, open at its beginning, is a workbook made by `godigital return`, or the rest of one.

    The hidden sheet shows it, or, if that was deleted, the heading of the key column. Never raises: a file that
    cannot be opened is no such workbook, and the reader rejects it.
    """
    if file.read(4) != b"PK\x03\x04":
        return False
    try:
        with zipfile.ZipFile(file) as archive:
            if _SHEET_NAME.search(_beginning(archive, "xl/workbook.xml")) is not None:
                return True
            # headings come first, in the shared texts and in the sheet
            names = [name for name in archive.namelist() if _TEXTS.fullmatch(name)]
            return any(KEY_MARK.encode() in _beginning(archive, name) for name in names[:_MOST_SHEETS])
    except (zipfile.BadZipFile, zlib.error, EOFError, KeyError, NotImplementedError, OSError, RuntimeError, ValueError):
        return False


def _beginning(archive: zipfile.ZipFile, name: str) -> bytes:
    with archive.open(name) as part:
        return part.read(_MOST_BYTES)
