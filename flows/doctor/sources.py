"""Whether every source can be reached, side by side and each within its time limit; nothing is landed."""

from collections.abc import Sequence

from flows.pull import Listed, PullError
from flows.settings import Settings
from flows.side_by_side import look_side_by_side
from schemas.partner import Sender
from warehouse.doctor.observed import Observed, State, counted, named

AREA = "sources"


def examine_sources(senders: Sequence[Sender], settings: Settings) -> list[Observed]:
    """Return what is to be said of the sources that contracts name."""
    observed = []
    answered: list[Listed] = []
    for outcome in look_side_by_side(senders, settings):
        if isinstance(outcome, Listed):
            answered.append(outcome)
        elif isinstance(outcome, PullError):
            action = "as it says; until then this source's earlier deliveries count"
            observed.append(Observed(AREA, State.FAILURE, f"{str(outcome).rstrip('.')}.", action))
        else:
            raise outcome
    empty = [item.partner_id for item in answered if item.files == 0]
    if empty:
        sentence = f"Nothing lies at the source of {named(empty)}."
        observed.append(Observed(AREA, State.WARNING, sentence, "ask the partner, or correct `source` in the contract"))
    full = [item for item in answered if item.files]
    if full:
        files = sum(item.files for item in full)
        observed.append(
            Observed(AREA, State.OK, f"{counted(len(full), 'source')} answered, with {counted(files, 'file')}.")
        )
    return observed
