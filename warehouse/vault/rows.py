"""What the flows hand over to be loaded: a partner, a delivery, and the rows that were read of it."""

import datetime as dt
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from schemas.contract_parts import Kind
from warehouse.vault.corrected_rows import Action

if TYPE_CHECKING:
    # imported where it is used: a run that finds nothing new reads no frame
    import pandas as pd


DeliveryKind = Kind | Literal["returned"]


# reading_hash of a delivery whose bytes could not be read here, whatever is in them: the next run tries again
UNREAD = ""


class ConservationError(AssertionError):
    """Rows went in that did not come out; the load is rolled back."""


@dataclass(frozen=True)
class DeliveryFacts:
    """What is known of a delivery before its rows are read."""

    delivery_id: str
    partner_id: str
    country_code: str
    kind: DeliveryKind
    name: str
    period: str | None
    revision: int
    date_received: dt.date
    pulled_at: dt.datetime
    is_sample: bool
    content_hash: str
    reading_hash: str


@dataclass(frozen=True)
class DeliveryRows:
    """What reading a delivery gave: rows, or the error for which it could not be read."""

    facts: DeliveryFacts
    header: str
    structural: int
    valid: "pd.DataFrame | None"
    rejected: "pd.DataFrame | None"
    error_code: str | None = None
    error_message: str | None = None
    # for each row of a corrected workbook: content_id of the row it corrects, and what the partner did to it
    returned: tuple[tuple[str, Action], ...] = ()

    @property
    def rows_in(self) -> int:
        """All rows of the delivery, subtotals and footers included; 0 if it could not be read."""
        if self.valid is None or self.rejected is None:
            return 0
        return len(self.valid) + len(self.rejected) + self.structural


@dataclass(frozen=True)
class PartnerFacts:
    """What the published tables say of a partner."""

    partner_id: str
    country_code: str
    name: str
    kind: Kind
    contract_hash: str
    due_days: int
    every: str | None
    duplicate_share_max: float
