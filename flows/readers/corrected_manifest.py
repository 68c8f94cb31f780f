"""The hidden sheet of a workbook of bad rows: whose it is, and every row as it was sent out, by its key.

Written by `flows.returns.write_workbook`, read back by `flows.readers.corrected_workbook`; the layout stands here once.
"""

import base64
import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from flows.readers.corrected_detect import MANIFEST_SHEET
from flows.readers.delivery import DeliveryError, ErrorCode, OriginalRow

MAGIC = "godigital return"
VERSION = "1"
# columns of ours in a sheet of rows, by their role
ROLES = ("status", "what_to_correct", "withdraw", "file", "sheet", "row", "key")
_ROW_FIELDS = 11
_OVERFLOW, _ORPHAN = "overflow", "orphan"


@dataclass(frozen=True)
class SentRow:
    """One row as it was sent out: the delivered row, its cells under `original.header`, its id at the source."""

    key: str
    group: int
    cells: tuple[str, ...]
    source_id: str
    original: OriginalRow


@dataclass(frozen=True)
class Manifest:
    """The contents of the hidden sheet: our `headings` by role, the partner's `headers` by group, `rows` by key."""

    partner_id: str
    headings: Mapping[str, str]
    headers: Mapping[int, tuple[str, ...]]
    rows: Mapping[str, SentRow]


def row_key(partner_id: str, delivery_id: str, content_id: str) -> str:
    """Return the opaque key of a row: 12 letters and digits, the same whenever the row goes back."""
    digest = hashlib.sha256(f"{partner_id}\x1f{delivery_id}\x1f{content_id}".encode()).digest()
    text = base64.b32encode(digest).decode("ascii").lower()[:11]
    # a letter first, and hyphens, so that no spreadsheet takes it for a number
    return f"r{text[:3]}-{text[3:7]}-{text[7:]}"


def manifest_lines(manifest: Manifest) -> Iterator[list[str]]:
    """Return the lines of the hidden sheet, every cell as text."""
    yield [MAGIC, VERSION, manifest.partner_id, str(len(manifest.rows))]
    for role, heading in manifest.headings.items():
        yield ["ours", role, heading]
    for group, header in manifest.headers.items():
        yield ["header", str(group), str(len(header)), *header]
    for row in manifest.rows.values():
        origin = row.original
        state = [word for word, holds in ((_OVERFLOW, origin.overflow), (_ORPHAN, origin.orphan)) if holds]
        place = [origin.delivery_name, origin.file_name, origin.sheet, str(origin.row_number)]
        ids = [origin.record_id, origin.content_id, row.source_id, " ".join(state)]
        yield ["row", str(row.group), row.key, *place, *ids, *row.cells]


def damaged(name: str, what: str) -> DeliveryError:
    """Return the error for a workbook whose hidden sheet is damaged."""
    return DeliveryError(
        ErrorCode.RETURN_DAMAGED,
        f"{name}: {what}. Ask the partner to make the corrections in the workbook as it was sent out, without "
        "removing sheets, or send a new one with `godigital return`.",
    )


def read_manifest(lines: Sequence[Sequence[str]], name: str, partner_id: str) -> Manifest:
    """Return what the hidden sheet says.

    Args:
        lines: The cells of the hidden sheet as text.
        name: The file, for errors.
        partner_id: Whose source the file was found in.

    Raises:
        DeliveryError: return_damaged, return_version_unknown, return_of_another_partner.
    """
    where = f"{name}, sheet {MANIFEST_SHEET!r}"
    if not lines or lines[0][:1] != [MAGIC] or len(lines[0]) < 4:
        raise damaged(name, f"its hidden sheet {MANIFEST_SHEET!r} is missing or was changed")
    _, version, whose, count = lines[0][:4]
    if version != VERSION:
        raise DeliveryError(
            ErrorCode.RETURN_VERSION_UNKNOWN,
            f"{where}, row 1, column B: the workbook was made by another version of the program (layout {version!r}, "
            f"this one reads {VERSION!r}). Send the partner a new one with `godigital return`.",
        )
    if whose != partner_id:
        raise DeliveryError(
            ErrorCode.RETURN_OF_ANOTHER_PARTNER,
            f"{where}, row 1, column C: the workbook belongs to {whose}, and lies in the source of {partner_id}. Move "
            f"it to the source of {whose}, and inform both partners if somebody sent it to the wrong one.",
        )
    try:
        headings = {line[1]: line[2] for line in lines if line[0] == "ours"}
        headers = {int(line[1]): tuple(line[3 : 3 + int(line[2])]) for line in lines if line[0] == "header"}
        rows = [_sent_row(line, headers) for line in lines if line[0] == "row"]
    except (IndexError, KeyError, ValueError):
        raise damaged(name, f"its hidden sheet {MANIFEST_SHEET!r} was changed") from None
    if str(len(rows)) != count or len({row.key for row in rows}) != len(rows) or "key" not in headings:
        raise damaged(name, f"rows of its hidden sheet {MANIFEST_SHEET!r} are missing")
    return Manifest(whose, headings, headers, {row.key: row for row in rows})


def _sent_row(line: Sequence[str], headers: Mapping[int, tuple[str, ...]]) -> SentRow:
    group = int(line[1])
    header = headers[group]
    cells = tuple(line[_ROW_FIELDS : _ROW_FIELDS + len(header)])
    delivery, file, sheet, number, record_id, content_id, source_id, state = line[3:_ROW_FIELDS]
    if len(content_id) != 32 or len(record_id) != 32:
        raise ValueError
    origin = OriginalRow(
        delivery_name=delivery,
        file_name=file,
        sheet=sheet,
        row_number=int(number),
        header=header,
        record_id=record_id,
        content_id=content_id,
        overflow=_OVERFLOW in state,
        orphan=_ORPHAN in state,
    )
    return SentRow(line[2], group, cells + ("",) * (len(header) - len(cells)), source_id, origin)
