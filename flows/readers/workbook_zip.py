"""Checks the zip container of a workbook before anything opens it.

A few kilobytes can unpack to terabytes, or claim a cell so far out that the reader's memory ends the whole
process; both are refused here while only counting bytes.
"""

import io
import re
import struct
import zipfile
import zlib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from flows.readers.delivery import DeliveryError, ErrorCode
from flows.readers.sniff import refuse

_CHUNK = 1024 * 1024
_OVERLAP = 256  # longer than any of the marks below, so that one across two chunks is seen
_LOCAL_HEADER = struct.Struct("<4s22xHH")  # signature, length of the name, length of the extra field
_DOCTYPE_MARKS = tuple(
    mark.encode(code) for mark in ("<!DOCTYPE", "<!ENTITY") for code in ("ascii", "utf-16-le", "utf-16-be")
)
_CELL = re.compile(rb"\sr\s*=\s*[\"']([A-Za-z]*)([0-9]+)[\"']")
# calamine reserves memory for as many texts as a part announces; without enough the process is ended
_ANNOUNCED = re.compile(rb"[cC]ount\s*=\s*[\"']\s*\+?([0-9]{8,})")
# a cell of Excel's 32,767 characters has at most 131 kB in UTF-8; so long without a tag is no cell
_TEXT_BLOCK = 200_000


@dataclass(frozen=True)
class ZipLimits:
    """How large a workbook may become, in bytes unless said otherwise."""

    members: int = 5_000  # parts
    unpacked: int = 1024**3
    ratio: int = 200  # unpacked to packed
    ratio_from: int = 10 * 1024**2  # unpacked bytes below which the ratio does not matter
    cells: int = 30_000_000  # of a sheet from A1 to its last cell; the reader holds 32 bytes for each


LIMITS = ZipLimits()


def _damaged(name: str) -> DeliveryError:
    return DeliveryError(
        ErrorCode.TRUNCATED,
        f"{name}: the workbook is cut off or damaged. Ask the partner to send it again.",
    )


def _bomb(name: str, part: str, what: str) -> DeliveryError:
    return DeliveryError(
        ErrorCode.ZIP_BOMB,
        f"{name}, part {part!r}: {what}. No workbook of a partner needs that; ask the partner what was sent.",
    )


def _unpack(data: bytes, info: zipfile.ZipInfo, name: str) -> Iterator[bytes]:
    """Yield the unpacked bytes of a member in chunks, whatever size the container declares for it."""
    packed_at = info.header_offset + _LOCAL_HEADER.size
    if packed_at > len(data):
        raise _damaged(name)
    signature, name_length, extra_length = _LOCAL_HEADER.unpack_from(data, info.header_offset)
    start = packed_at + name_length + extra_length
    packed = memoryview(data)[start : start + info.compress_size]
    if signature != b"PK\x03\x04" or len(packed) < info.compress_size:
        raise _damaged(name)
    if info.compress_type == zipfile.ZIP_STORED:
        yield from (bytes(packed[at : at + _CHUNK]) for at in range(0, len(packed), _CHUNK))
        return
    inflater = zlib.decompressobj(-15)
    rest: bytes | memoryview = packed
    while not inflater.eof:
        try:
            chunk = inflater.decompress(rest, _CHUNK)
        except zlib.error:
            raise _damaged(name) from None
        rest = inflater.unconsumed_tail
        if not chunk and not rest and not inflater.eof:
            raise _damaged(name)
        yield chunk


@dataclass
class _Extent:
    """How far out a sheet's cells reach; grows while the part is read."""

    last_row: int = 0
    last_column: int = 0
    without_place: int = 0

    def add(self, chunk: bytes) -> None:
        references = _CELL.findall(chunk)
        columns = Counter(letters for letters, _ in references)
        self.last_row = max(self.last_row, *map(_row_number, {digits for _, digits in references}), 0)
        self.last_column = max(self.last_column, *map(_column_number, columns), 0)
        # cells that leave out their place stand one after the other; a row's own place has no letters
        placed = len(references) - columns[b""]
        self.without_place += max(0, chunk.count(b"<c ") + chunk.count(b"<c>") - placed)

    @property
    def cells(self) -> int:
        return self.last_row * max(self.last_column, self.without_place)


def _row_number(digits: bytes) -> int:
    # more digits than a row number has are cut, not refused by int(): the number stays far too large
    return int(digits.lstrip(b"0")[:18] or b"0")


def _column_number(letters: bytes) -> int:
    number = 0
    for letter in letters[:12].upper():
        number = number * 26 + letter - 64
    return number


def _check_content(chunk: bytes, name: str, part: str, limits: ZipLimits) -> None:
    if any(mark in chunk for mark in _DOCTYPE_MARKS):
        raise DeliveryError(
            ErrorCode.ENTITY_BOMB,
            f"{name}, part {part!r}: it declares XML entities, which no spreadsheet program writes. Ask the "
            "partner what was sent.",
        )
    if any(int(count) > limits.cells for count in _ANNOUNCED.findall(chunk)):
        raise _bomb(name, part, "it announces more entries than a workbook can hold")
    if any(chunk.find(b"<", at, at + _TEXT_BLOCK) < 0 for at in range(0, len(chunk) - _TEXT_BLOCK, _TEXT_BLOCK)):
        raise DeliveryError(
            ErrorCode.CELL_TOO_LARGE,
            f"{name}, part {part!r}: a cell is far longer than a spreadsheet allows. Ask the partner to correct it.",
        )


def _check_member(data: bytes, info: zipfile.ZipInfo, name: str, allowed: int, limits: ZipLimits) -> int:
    """Return the unpacked size of one member, at most `allowed` bytes."""
    part = info.filename
    if info.flag_bits & 1:
        raise refuse(name, "a zip archive under a password", "an Excel workbook (XLSX)")
    if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise refuse(name, "a zip archive of an unusual kind", "an Excel workbook (XLSX)")
    is_xml = "/media/" not in part and not part.startswith("docProps/thumbnail")
    size, tail, extent = 0, b"", _Extent()
    for chunk in _unpack(data, info, name):
        size += len(chunk)
        if size > allowed:
            raise _bomb(name, part, f"the workbook unpacks to more than {limits.unpacked:,} bytes")
        if size > limits.ratio_from and size > limits.ratio * info.compress_size:
            raise _bomb(name, part, f"it unpacks to more than {limits.ratio} times its size")
        if is_xml:
            _check_content(tail + chunk, name, part, limits)
            extent.add(tail + chunk)
            tail = (tail + chunk)[-_OVERLAP:]
    if size > info.file_size:
        raise _bomb(name, part, "it unpacks to more bytes than it declares")
    if size < info.file_size:
        raise _damaged(name)
    if extent.cells > limits.cells:
        place = f"row {extent.last_row:,} and column {extent.last_column:,}"
        raise DeliveryError(
            ErrorCode.SHEET_TOO_LARGE,
            f"{name}, part {part!r}: cells reach to {place}. "
            "Ask the partner to delete what stands far below or right of the table, and to save again.",
        )
    return size


def check_workbook(data: bytes, name: str, limits: ZipLimits = LIMITS) -> None:
    """Unpack every part once, only counting, and refuse what would exhaust the machine.

    Raises:
        DeliveryError: truncated, zip_bomb, entity_bomb, cell_too_large, sheet_too_large, wrong_format.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            members = archive.infolist()
    except (zipfile.BadZipFile, ValueError, NotImplementedError):
        raise _damaged(name) from None
    if len(members) > limits.members:
        raise _bomb(name, members[0].filename, f"the workbook has {len(members):,} parts")
    total = 0
    for info in members:
        total += _check_member(data, info, name, limits.unpacked - total, limits)
    if total > limits.ratio_from and total > limits.ratio * len(data):
        raise _bomb(name, members[0].filename, f"the workbook unpacks to more than {limits.ratio} times its size")
