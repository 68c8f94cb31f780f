"""Finds the contracts of the follow-up survey, one for each country."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from flows.contracts.partners import BrokenContract
from schemas.partner import ContractError, load_contract_as
from schemas.survey import SURVEY_FOLDER, SURVEY_NAME, Survey, SurveyContract


@dataclass(frozen=True)
class Surveys:
    """Usable contracts in the order of their names, and those that are broken."""

    usable: tuple[Survey, ...]
    broken: tuple[BrokenContract, ...]


def find_surveys(raw: Path, countries: Sequence[str] | None = None) -> Surveys:
    """Return the surveys of `countries` (all without it); none where there is no folder of surveys."""
    usable, broken = [], []
    for path in sorted((raw / SURVEY_FOLDER).glob("*.yml")):
        found = SURVEY_NAME.fullmatch(path.stem)
        if found is None:
            message = f"{path}: a survey is named by its country, and a further round by what follows: VN.yml, VN-2.yml"
            broken.append(BrokenContract("", f"{SURVEY_FOLDER}/{path.stem}", message))
            continue
        if countries and found[1] not in countries:
            continue
        try:
            contract = load_contract_as(SurveyContract, path)
        except ContractError as error:
            broken.append(BrokenContract(found[1], f"{SURVEY_FOLDER}/{path.stem}", str(error)))
        else:
            usable.append(Survey(country_code=found[1], folder=path.parent, name=path.stem, contract=contract))
    return Surveys(tuple(usable), tuple(broken))
