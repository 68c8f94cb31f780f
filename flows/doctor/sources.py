"""Whether every source can be reached, side by side and each within its time limit; nothing is landed."""

from collections.abc import Sequence

from flows.settings import Settings
from flows.sources.landed import Listed
from flows.sources.parallel import list_in_parallel
from flows.sources.pull import PullError
from schemas.partner import Provider
from schemas.survey import Survey
from warehouse.doctor.observed import Observed, State, counted, named

AREA = "sources"


def examine_sources(providers: Sequence[Provider], settings: Settings) -> list[Observed]:
    """Return what is to be said of the sources that contracts name."""
    observed = []
    answered: list[Listed] = []
    for outcome in list_in_parallel(providers, settings):
        if isinstance(outcome, Listed):
            answered.append(outcome)
        elif isinstance(outcome, PullError):
            action = "as it says; until then this source's earlier deliveries count"
            observed.append(Observed(AREA, State.FAILURE, f"{str(outcome).rstrip('.')}.", action))
        else:
            raise outcome
    silent = {item.partner_id for item in answered if item.files == 0}
    # a survey may have its contract before its first answer
    empty = [
        provider.partner_id
        for provider in providers
        if provider.partner_id in silent and not isinstance(provider, Survey)
    ]
    if empty:
        sentence = f"Nothing lies at the source of {named(empty)}."
        observed.append(Observed(AREA, State.WARNING, sentence, "ask the partner, or correct `source` in the contract"))
    full = [item for item in answered if item.partner_id not in empty]
    if full:
        files = sum(item.files for item in full)
        observed.append(
            Observed(AREA, State.OK, f"{counted(len(full), 'source')} answered, with {counted(files, 'file')}.")
        )
    return observed
