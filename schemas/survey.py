"""The contract of one follow-up survey (`raw/survey/<CC>.yml`), and the questions and indicators of survey.yml.

A survey's contract speaks the vocabulary of a partner's; only its columns and the names of its files are its own.
"""

import re
from fnmatch import fnmatch
from functools import cache
from pathlib import Path, PurePosixPath
from typing import ClassVar

from pydantic import BaseModel, ConfigDict, Field, model_validator

from schemas.access import Words
from schemas.contract_parts import DeliveryNames
from schemas.partner import CHOICES, FileContract, Provider
from schemas.yaml_file import read_yaml

SURVEY_FILE = Path(__file__).parent / "survey.yml"
SURVEY_FOLDER = "survey"
# VN.yml is the first round in Viet Nam, VN-2.yml or VN-2023.yml another
SURVEY_NAME = re.compile(r"([A-Z]{2})(?:-([A-Za-z0-9_]+))?")
FIRST_ROUND = "1"
MAY_BE_ADDED_OVER = "nothing: a share of people interviewed is neither added up nor averaged over lines"


class _Rule(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Question(_Rule):
    """Whom a question is asked of, and our values for its answers."""

    asked_of: str
    answers: tuple[str, ...]


class Indicator(_Rule):
    """A yes or no that answers give: `holds` makes it true, any other answer false."""

    question: str
    holds: frozenset[str]
    title: str
    denominator: str
    # another question -> its answers that make it false where its own question was left empty
    false_if: dict[str, frozenset[str]] = {}


class Weighting(_Rule):
    """How shares are weighted up to the people trained."""

    cell_minimum: int = Field(ge=2)


class Questionnaire(_Rule):
    """Questions, the indicators made of them, and the rule of weighting."""

    questions: dict[str, Question]
    indicators: dict[str, Indicator]
    weighting: Weighting

    @model_validator(mode="after")
    def _indicators_follow_from_questions(self) -> "Questionnaire":
        for name, item in self.indicators.items():
            for question, answers in {item.question: item.holds, **item.false_if}.items():
                if question not in self.questions or not answers <= set(self.questions[question].answers):
                    raise ValueError(f"indicators: {name} needs answers that `questions` does not list")
        return self

    def asked_of(self, indicator: str) -> str:
        """The trainee type that an indicator speaks of."""
        return self.questions[self.indicators[indicator].question].asked_of


@cache
def load_questionnaire(path: Path = SURVEY_FILE) -> Questionnaire:
    """Return survey.yml; raises pydantic.ValidationError on a rule that is missing or unknown."""
    return Questionnaire.model_validate(read_yaml(path))


QUESTIONS = tuple(load_questionnaire().questions)
INDICATORS = tuple(load_questionnaire().indicators)
RESPONDENT_COLUMNS = (
    "respondent_code",
    "full_name",
    "surname",
    "given_name",
    "middle_name",
    "name_suffix",
    "latin_name",
    "phones",
    "trainee_type",
    "first_training_date",
    "interview_date",
)


class SurveyDelivery(DeliveryNames):
    """Which files of the source belong to this survey, and what their names say."""

    files: Words = Field(
        ("*",),
        description="Names of the files that belong to this survey, with * as in a shell; surveys share folders.",
    )


class SurveyContract(FileContract):
    """Everything peculiar to one country's follow-up survey."""

    known_columns: ClassVar[tuple[str, ...]] = RESPONDENT_COLUMNS + QUESTIONS
    required_columns: ClassVar[dict[str, str]] = {"trainee_type": "the questions asked depend on it"}
    lookup_columns: ClassVar[tuple[str, ...]] = ("trainee_type", *QUESTIONS)
    choices: ClassVar[dict[str, tuple[str, ...]]] = {
        "trainee_type": CHOICES["trainee_type"],
        **{name: question.answers for name, question in load_questionnaire().questions.items()},
    }

    name: str = Field(description="The survey's name.")
    source: str = Field(".", description="URL of a folder, or a path below raw/survey.")
    delivery: SurveyDelivery = Field(SurveyDelivery(), description="Which files are the survey's, and what names say.")

    @model_validator(mode="after")
    def _asks_something(self) -> "SurveyContract":
        if not set(QUESTIONS) & set(self.columns):
            raise ValueError(f"columns: no question is mapped; use at least one of {', '.join(QUESTIONS)}")
        return self


class Survey(Provider):
    """A survey: raw/survey/<name>.yml, whose name says country and round."""

    source_option: ClassVar[str] = "--survey-source"

    name: str
    contract: SurveyContract

    @property
    def partner_id(self) -> str:
        """Folder and name, e.g. survey/VN; no partner has such an id."""
        return f"{SURVEY_FOLDER}/{self.name}"

    @property
    def survey_round(self) -> str:
        """What follows the country in the name; 1 where nothing does."""
        found = SURVEY_NAME.fullmatch(self.name)
        return (found and found[2]) or FIRST_ROUND

    @property
    def contract_path(self) -> Path:
        """The contract's file, for error messages."""
        return self.folder / f"{self.name}.yml"

    @property
    def landing_folder(self) -> Path:
        """Folder of the landed files; git-ignored, private."""
        return self.folder / "deliveries" / self.name

    @property
    def sample_folder(self) -> Path:
        """The shipped answers lie beside the contracts."""
        return self.folder

    @property
    def placeholders(self) -> dict[str, str]:
        """What can stand in braces in a pattern of a source."""
        return {"country": self.country_code, "survey": self.name}

    def claims(self, name: str) -> bool:
        """Whether a file at the source, by its path below it, is one of this survey's."""
        path = PurePosixPath(name)
        # what was landed below raw/survey, and the contracts, are no deliveries
        if path.parts[0] == "deliveries" or path.suffix in (".yml", ".md"):
            return False
        return any(fnmatch(path.name, pattern) for pattern in self.contract.delivery.files)
