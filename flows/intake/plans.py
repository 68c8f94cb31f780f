"""Says which deliveries of a provider have to be read: the same for partners and for surveys.

It is apart from the code that reads: a change of planning alone must not read every delivery again.
"""

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from flows.intake.deliveries import DeliveryFiles, delivery_facts, group_deliveries
from schemas.partner import Provider
from warehouse.vault.landed import Landed
from warehouse.vault.rows import DeliveryFacts

S = TypeVar("S", bound=Provider)


@dataclass(frozen=True)
class ReadingPlan(Generic[S]):
    """A provider's deliveries as they are derived today, those that have to be read, and whether any are gone."""

    provider: S
    current: tuple[DeliveryFacts, ...]
    to_read: tuple[DeliveryFiles, ...]
    gone: bool

    @property
    def is_stale(self) -> bool:
        """Whether anything has to be written."""
        return bool(self.to_read) or self.gone


def plan_provider(
    provider: S,
    landed: Sequence[Landed],
    known: Mapping[str, str],
    *,
    reread: bool,
    released: frozenset[str] = frozenset(),
) -> ReadingPlan[S]:
    """Return a provider's deliveries and which of them have to be read.

    A delivery that was read under the same contract, rules and code is not read again, unless `reread`.

    Args:
        provider: A partner or a survey.
        landed: Its files.
        known: delivery_id -> reading_hash of the deliveries in the vault.
        reread: Whether everything is read again.
        released: delivery_id of those that were held back once, and released.
    """
    deliveries = group_deliveries(landed, provider.contract.delivery)
    facts = tuple(delivery_facts(provider, delivery)[0] for delivery in deliveries)
    to_read = tuple(
        dataclasses.replace(delivery, is_released=delivery.delivery_id in released)
        for delivery, fact in zip(deliveries, facts, strict=True)
        if reread or known.get(delivery.delivery_id) != fact.reading_hash
    )
    gone = bool(set(known) - {fact.delivery_id for fact in facts})
    return ReadingPlan(provider, facts, to_read, gone)
