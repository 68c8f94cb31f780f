"""What corrected workbooks say about rows that were delivered earlier: which content stands in for which today.

A correction holds as long as a delivery in force still has the row it corrects, and no longer.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final, Literal

# delivery_kind of a workbook that went back to the partner and came in again, corrected
RETURNED: Final = "returned"

Act = Literal["unchanged", "changed", "withdrawn"]


@dataclass(frozen=True)
class ReturnedRow:
    """One row of a workbook: the content it stands for, what was done to it, and what it says itself."""

    corrects: str
    act: Act
    content_id: str


Standing = Mapping[str, str | None]


def follow(content: str, standing: Standing) -> str | None:
    """Return what stands in today for a row as delivered: itself, a correction of it, or None where withdrawn."""
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

    Of two corrections of one row the later holds. A correction that was said before says nothing new: a copy of a
    workbook that is sent again does not overrule what was corrected since.

    Args:
        rows: Rows of all workbooks, in the order in which these arrived.
    """
    standing: dict[str, str | None] = {}
    said: set[tuple[str, str | None]] = set()
    for row in rows:
        if row.act == "unchanged":
            continue
        becomes = row.content_id if row.act == "changed" else None
        if becomes == row.corrects or (row.corrects, becomes) in said:
            continue
        said.add((row.corrects, becomes))
        # a row put back to what it was: following the old correction would go round in circles
        if becomes is not None and _leads_to(becomes, row.corrects, standing):
            del standing[becomes]
        standing[row.corrects] = becomes
    return standing
