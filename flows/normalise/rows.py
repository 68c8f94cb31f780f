"""The rows of one delivery on their way from text to valid and rejected."""

from dataclasses import dataclass
from typing import Any

from flows.readers.read import TextRows


@dataclass(frozen=True)
class Rows:
    """Canonical columns of one delivery and the facts that its rules need; every list has one entry per row, in order.

    `columns` are what the vault keeps of an accepted row. `facts` are ROW_FACTS and the text of some columns as it was
    delivered: the schemas name them.
    """

    text: TextRows
    columns: dict[str, list[Any]]
    facts: dict[str, list[Any]]
    record_ids: list[str]
    content_ids: list[str]

    def __len__(self) -> int:
        return len(self.record_ids)

    @property
    def values(self) -> dict[str, list[Any]]:
        """Columns, facts and ids."""
        return {**self.columns, **self.facts, "record_id": self.record_ids, "content_id": self.content_ids}
