"""Says what a file really is, by its first bytes, because names and suffixes are often wrong.

Used to refuse a login page saved as CSV or a workbook renamed to .csv with a sentence that helps.
"""

import codecs
import io
import re
import zipfile

from flows.readers.delivery import DeliveryError, ErrorCode

_OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
# the stream in which Office keeps a workbook under a password (MS-OFFCRYPTO 2.3.4.4)
_ENCRYPTED_STREAM = "EncryptedPackage".encode("utf-16-le")

_MAGIC = (
    (b"%PDF", "a PDF document"),
    (b"{\\rtf", "an RTF document"),
    (b"\x1f\x8b", "a gzip archive"),
    (b"7z\xbc\xaf\x27\x1c", "a 7-Zip archive"),
    (b"Rar!", "a RAR archive"),
    (b"\x89PNG", "a picture (PNG)"),
    (b"\xff\xd8\xff", "a picture (JPEG)"),
    (b"SQLite format 3", "an SQLite database"),
    (b"PAR1", "a Parquet file"),
)
_HTML = re.compile(rb"(<!--.{0,2000}?-->\s*)*<(!doctype\s+html|html|head|body|script|table|meta)\b", re.I | re.S)
_JSON = re.compile(rb'\{\s*["}]|\[\s*[\[{"\]]')

_BOMS = (
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
    (codecs.BOM_UTF8, "utf-8"),
)

PASSWORD = "a workbook under a password"  # noqa: S105  (a description, no secret)


def byte_order_mark(data: bytes) -> str | None:
    """Return the encoding family whose byte-order mark `data` begins with, e.g. 'utf-16', or None."""
    return next((family for mark, family in _BOMS if data.startswith(mark)), None)


def _describe_zip(data: bytes) -> str:
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            names = [name.replace("\\", "/") for name in archive.namelist()]
    except (zipfile.BadZipFile, ValueError, NotImplementedError):
        return "a zip archive or a part of one, perhaps an Excel workbook (XLSX)"
    if any(name.startswith("xl/workbook") and name.endswith(".xml") for name in names):
        return "an Excel workbook (XLSX)"
    if "xl/workbook.bin" in names:
        return "a binary Excel workbook (XLSB)"
    if any(name.startswith("word/") for name in names):
        return "a Word document"
    if "mimetype" in names:
        return "an OpenDocument file"
    return "a zip archive"


def describe(data: bytes) -> str | None:
    """Return in words what `data` is where it is recognised and is not delimited text, else None."""
    if data.startswith(b"PK\x03\x04") or data.startswith(b"PK\x05\x06"):
        return _describe_zip(data)
    if data.startswith(_OLE):
        return PASSWORD if _ENCRYPTED_STREAM in data else "an old Office file (such as XLS)"
    for magic, words in _MAGIC:
        if data.startswith(magic):
            return words
    family = byte_order_mark(data)
    head = data[:4096]
    if family is not None:
        head = head.decode(family, "ignore").lstrip("\ufeff").encode()
    head = head.lstrip()
    if _HTML.match(head):
        return "an HTML page, perhaps a login page"
    if head.startswith(b"<?xml"):
        return "an XML file"
    if _JSON.match(head):
        return "JSON"
    return None


def refuse(name: str, found: str, wanted: str) -> DeliveryError:
    """Return the wrong_format error for a file that is `found` where the contract says `wanted`."""
    if found == PASSWORD:
        advice = "Ask the partner to remove the password (File > Info > Protect Workbook) and to send it again."
    else:
        advice = f"Ask the partner for {wanted}, or change `file.format` in partner.yml."
    return DeliveryError(ErrorCode.WRONG_FORMAT, f"{name}: this is {found}, not {wanted}. {advice}")
