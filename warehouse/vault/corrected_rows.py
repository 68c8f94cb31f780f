"""Corrected workbooks: which content replaces a row that was delivered earlier.

A correction holds as long as a delivery in force still has the row that it corrects.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final, Literal

# delivery_kind of a workbook that went back to the partner and came in again, corrected
RETURNED: Final = "returned"

Action = Literal["unchanged", "changed", "withdrawn"]


@dataclass(frozen=True)
class ReturnedRow:
    """One row of a workbook: the content it corrects, what the partner did to it, and its own content."""

    corrects: str
    action: Action
    content_id: str


Standing = Mapping[str, str | None]


def follow(content: str, standing: Standing) -> str | None:
    """Return the content in force for a row as delivered: itself, a correction of it, or None if withdrawn."""
    now: str | None = content
    while now is not None and now in standing:
        now = standing[now]
    return now


def _leads_to(content: str, other: str, standing: Standing) -> bool:
    now: str | None = content
    while now is not None and now != other:
        now = standing.get(now)
    return now is not None


def standing_corrections(rows: Iterable[ReturnedRow]) -> dict[str, str | None]:
    """Return content -> what replaces it, None where it was withdrawn.

    Of two corrections of one row the later holds. A correction that repeats an earlier one changes nothing: a partner
    can send a workbook twice, and the second copy does not replace corrections made in between.

    Args:
        rows: Rows of all workbooks, in the order in which these arrived.
    """
    standing: dict[str, str | None] = {}
    seen: set[tuple[str, str | None]] = set()
    for row in rows:
        if row.action == "unchanged":
            continue
        becomes = row.content_id if row.action == "changed" else None
        if becomes == row.corrects or (row.corrects, becomes) in seen:
            continue
        seen.add((row.corrects, becomes))
        # a row changed back to its first content: the old correction would make a circle
        if becomes is not None and _leads_to(becomes, row.corrects, standing):
            del standing[becomes]
        standing[row.corrects] = becomes
    return standing
