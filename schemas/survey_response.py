"""The Pandera schema of a survey response: the rules that a delivered row keeps, and the contract of an accepted row.

`survey_rules` has one named check for every reason to reject a row. `survey_response_schema` has the same checks and
strict columns: an accepted row that breaks it is a defect of the program, never a mistake of the country.
"""

from functools import cache

import pandas as pd
import pandera.pandas as pa

from schemas.programme import Programme
from schemas.reasons import Reason
from schemas.row_rules import (
    FRAME_TYPES,
    ROW_FACTS,
    describe_period,
    is_read,
    is_stated,
    is_within_programme,
    rule,
    rule_of_words,
    rules_of_source,
)
from schemas.survey_columns import RESPONSE_COLUMNS, SURVEY_ROW_COLUMNS

_REQUIRED = ("record_id", "content_id", "delivery_id", "survey_id", "country_code", "survey_round", "trainee_type")
_PATTERNS = {
    "record_id": r"[0-9a-f]{32}",
    "content_id": r"[0-9a-f]{32}",
    "delivery_id": r"[0-9a-f]{16}",
    "survey_id": r"survey/[A-Z]{2}(-[A-Za-z0-9_]+)?",
    "country_code": r"[A-Z]{2}",
    "phones": r"\+\d{5,15}( \+\d{5,15})*",
}
# the columns whose text as delivered a rule needs: empty where the cell is, missing where there is no such column
TEXT_COLUMNS = ("respondent_code", "trainee_type", "first_training_date", "interview_date")
# a month or a year alone is no date, but has a first and a last day
_ENDS = ("first_training_earliest", "first_training_latest", "interview_latest")
# what the rules need in addition to columns of the response: name -> type in a frame
SURVEY_FACTS = {
    **ROW_FACTS,
    **{f"{name}_text": "str" for name in TEXT_COLUMNS},
    **dict.fromkeys(_ENDS, FRAME_TYPES["DATE"]),
}
# all columns that the rules need
SURVEY_RULE_COLUMNS = {**dict.fromkeys(("record_id", "content_id", "delivery_id"), "str"), **SURVEY_FACTS}


@cache
def survey_rules(programme: Programme) -> pa.DataFrameSchema:
    """Return the schema of delivered rows: a check for each reason, in the order in which a row names its reasons."""
    return pa.DataFrameSchema(
        checks=[
            *rules_of_source(),
            rule(
                Reason.MISSING_RESPONDENT_CODE,
                "The row states the respondent's code, where the survey has codes.",
                lambda frame: ~(frame["respondent_code_text"] == ""),
            ),
            rule(
                Reason.MISSING_TRAINEE_TYPE,
                "The row states whether the respondent owns a business or looks for work.",
                lambda frame: is_stated(frame, "trainee_type"),
            ),
            *_date_rules(programme),
            rule_of_words(),
            rule(
                Reason.RESPONDENT_CODE_REPEATED,
                "All rows of a delivery with one respondent's code say the same.",
                _says_the_same,
            ),
        ],
        name="survey_rules",
    )


@cache
def survey_response_schema(programme: Programme) -> pa.DataFrameSchema:
    """Return the schema of accepted responses with SURVEY_FACTS: strict, ordered; the caller checks it lazily."""
    columns = {
        name: pa.Column(FRAME_TYPES[SURVEY_ROW_COLUMNS[name]], checks=_checks(name), nullable=name not in _REQUIRED)
        for name in RESPONSE_COLUMNS
    }
    facts = {name: pa.Column(kind, nullable=name not in ROW_FACTS) for name, kind in SURVEY_FACTS.items()}
    return pa.DataFrameSchema(
        {**columns, **facts}, checks=survey_rules(programme).checks, strict=True, ordered=True, name="survey_response"
    )


def _checks(name: str) -> list[pa.Check]:
    checks = []
    if name in _PATTERNS:
        checks.append(pa.Check.str_matches(rf"^(?:{_PATTERNS[name]})$"))
    if name == "trainee_type":
        checks.append(pa.Check.isin(["msme_owner", "job_seeker"]))
    return checks


def _date_rules(programme: Programme) -> list[pa.Check]:
    return [
        rule(
            Reason.TRAINING_DATE_IMPOSSIBLE,
            "The day of the first training is a day, month or year that exists.",
            lambda frame: is_read(frame, "first_training_date", "first_training_earliest"),
        ),
        rule(
            Reason.TRAINING_DATE_OUT_OF_PROGRAMME,
            f"The day of the first training can lie in the programme: {describe_period(programme)}.",
            lambda frame: is_within_programme(
                frame["first_training_earliest"], frame["first_training_latest"], programme
            ),
        ),
        rule(
            Reason.INTERVIEW_DATE_IMPOSSIBLE,
            "The day of the interview is a day, month or year that exists.",
            lambda frame: is_read(frame, "interview_date", "interview_latest"),
        ),
        rule(
            Reason.INTERVIEW_BEFORE_TRAINING,
            "The interview was not before the first training.",
            lambda frame: ~(frame["interview_latest"] < frame["first_training_earliest"]),
        ),
    ]


def _says_the_same(frame: pd.DataFrame) -> pd.Series:
    contents = frame["content_id"].mask(frame["is_blank"])
    return contents.groupby([frame["delivery_id"], frame["record_id"]]).transform("nunique") <= 1
