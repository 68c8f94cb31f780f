"""Whether every contract can be used, and what it names is set where the program runs; no value is looked at twice."""

import os
from collections.abc import Sequence

from flows.contracts.partners import BrokenContract, Partners, UnknownCountryError, find_partners
from flows.contracts.surveys import Surveys, find_surveys
from flows.settings import Settings
from schemas.partner import Provider
from warehouse.doctor.observed import Observed, State, counted, named

AREA = "contracts"
_ROLES = ("user", "password", "key", "token", "link")


def find_providers(settings: Settings) -> tuple[Partners, Surveys, list[Observed]]:
    """Return all partners and surveys, and what to say where there is none."""
    surveys = find_surveys(settings.raw)
    try:
        return find_partners(settings.raw), surveys, []
    except UnknownCountryError as error:
        observed = Observed(AREA, State.FAILURE, f"{error}.", "set --raw or GODIGITAL_RAW to the folder of contracts")
        return Partners((), ()), surveys, [observed]


def examine_contracts(usable: Sequence[Provider], broken: Sequence[BrokenContract]) -> list[Observed]:
    """Return what is to be said of contracts and the variables that they name."""
    observed = [
        Observed(AREA, State.FAILURE, f"{item.partner_id}: {item.message}", "correct the contract") for item in broken
    ]
    missing: dict[str, list[str]] = {}
    for provider in usable:
        for variable in named_variables(provider):
            if not os.environ.get(variable, "").strip():
                missing.setdefault(variable, []).append(provider.partner_id)
    for variable, providers in sorted(missing.items()):
        sentence = f"The environment variable {variable} is not set; {named(providers)} cannot be pulled without it."
        observed.append(Observed(AREA, State.FAILURE, sentence, f"set {variable} where the program runs"))
    if usable and not observed:
        sentence = f"{counted(len(usable), 'contract')} of partners and surveys can be used; all variables are set."
        observed.append(Observed(AREA, State.OK, sentence))
    return observed


def named_variables(provider: Provider) -> tuple[str, ...]:
    """Return the environment variables that a contract names, sorted."""
    access = provider.contract.access
    return tuple(sorted({name for role in _ROLES if (name := getattr(access, role)) is not None}))
