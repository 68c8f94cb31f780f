"""The Pandera schema of a training record: the rules that a delivered row keeps, and the contract of an accepted row.

`training_rules` has one named check for every reason to reject a row. `training_log_schema` has the same checks and
strict columns: an accepted row that breaks it is a defect of the program, never a mistake of the partner.
"""

from functools import cache
from typing import Any

import numpy as np
import pandas as pd
import pandera.pandas as pa

from schemas.columns import COLUMNS, TRAINING_LOG_COLUMNS
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

REQUIRED = (
    "record_id",
    "delivery_id",
    "partner_id",
    "country_code",
    "row_number",
    "full_name",
    "course_code",
    "training_date",
)
_PATTERNS = {
    "record_id": r"[0-9a-f]{32}",
    "delivery_id": r"[0-9a-f]{16}",
    "partner_id": r"[A-Z]{2}-[A-Za-z0-9_-]+",
    "country_code": r"[A-Z]{2}",
    "phones": r"\+\d{5,15}( \+\d{5,15})*",
    "email": r"[^@\s]+@[^@\s]+",
}
# the columns whose text as delivered a rule needs: empty where the cell is, missing where there is no such column
TEXT_COLUMNS = ("training_date", "course_code", "hours", "birth_date", "age")
# what the rules need in addition to columns of the record: name -> type in a frame
TRAINING_FACTS = {**ROW_FACTS, **{f"{name}_text": "str" for name in TEXT_COLUMNS}}
_JUDGED = (
    "full_name",
    "training_date",
    "course_code",
    "hours",
    "birth_earliest",
    "birth_latest",
    "age_low",
    "age_high",
)
# all columns that the rules need
TRAINING_RULE_COLUMNS = {**{name: FRAME_TYPES[COLUMNS[name].type] for name in _JUDGED}, **TRAINING_FACTS}


@cache
def training_rules(programme: Programme) -> pa.DataFrameSchema:
    """Return the schema of delivered rows: a check for each reason, in the order in which a row names its reasons."""
    return pa.DataFrameSchema(
        checks=[
            *rules_of_source(),
            rule(Reason.MISSING_NAME, "The row names the trainee.", lambda frame: frame["full_name"].notna()),
            *_training_date_rules(programme),
            *_course_rules(),
            *_hours_rules(programme),
            *_birth_rules(programme),
            rule_of_words(),
        ],
        name="training_rules",
    )


@cache
def training_log_schema(programme: Programme) -> pa.DataFrameSchema:
    """Return the schema of accepted records with TRAINING_FACTS: strict, ordered; the caller checks it lazily."""
    columns = {
        name: pa.Column(FRAME_TYPES[COLUMNS[name].type], checks=_checks(name, programme), nullable=name not in REQUIRED)
        for name in TRAINING_LOG_COLUMNS
    }
    facts = {name: pa.Column(kind, nullable=name.endswith("_text")) for name, kind in TRAINING_FACTS.items()}
    in_order = pa.Check(_births_in_order, name="birth_earliest <= birth_latest", ignore_na=False, n_failure_cases=0)
    return pa.DataFrameSchema(
        {**columns, **facts},
        checks=[*training_rules(programme).checks, in_order],
        strict=True,
        ordered=True,
        name="training_log",
    )


def _checks(name: str, programme: Programme) -> list[pa.Check]:
    checks = []
    if name in _PATTERNS:
        checks.append(pa.Check.str_matches(rf"^(?:{_PATTERNS[name]})$"))
    if choices := COLUMNS[name].choices:
        checks.append(pa.Check.isin(choices))
    if name == "course_code":
        checks.append(pa.Check.isin(sorted(programme.courses)))
    if name == "row_number":
        checks.append(pa.Check.ge(1))
    return checks


def _training_date_rules(programme: Programme) -> list[pa.Check]:
    return [
        rule(
            Reason.MISSING_TRAINING_DATE,
            "The row states the day of the training.",
            lambda frame: is_stated(frame, "training_date"),
        ),
        rule(
            Reason.TRAINING_DATE_IMPOSSIBLE,
            "The day of the training is a full date that exists.",
            lambda frame: is_read(frame, "training_date"),
        ),
        rule(
            Reason.TRAINING_DATE_OUT_OF_PROGRAMME,
            f"The day of the training lies in the programme: {describe_period(programme)}.",
            lambda frame: is_within_programme(frame["training_date"], frame["training_date"], programme),
        ),
    ]


def _course_rules() -> list[pa.Check]:
    return [
        rule(Reason.MISSING_COURSE, "The row states the course.", lambda frame: is_stated(frame, "course_code")),
        rule(
            Reason.UNKNOWN_COURSE,
            "The course stands in the catalogue of the programme.",
            lambda frame: is_read(frame, "course_code"),
        ),
    ]


def _hours_rules(programme: Programme) -> list[pa.Check]:
    most = programme.hours_maximum
    return [
        rule(
            Reason.HOURS_IMPOSSIBLE,
            f"The hours are a number of at most {most:g}.",
            lambda frame: is_read(frame, "hours") & (frame["hours"].fillna(0.0) <= most).astype(bool),
        ),
        rule(
            Reason.HOURS_NEGATIVE,
            "The hours are not below 0.",
            lambda frame: (frame["hours"].fillna(0.0) >= 0).astype(bool),
        ),
    ]


def _birth_rules(programme: Programme) -> list[pa.Check]:
    youngest, oldest = programme.age_minimum, programme.age_maximum
    return [
        rule(
            Reason.BIRTH_DATE_IMPOSSIBLE,
            "The birth date is a day, month or year that exists.",
            lambda frame: is_read(frame, "birth_date", "birth_earliest"),
        ),
        rule(
            Reason.AGE_UNREADABLE,
            "The age is a number or a band of ages.",
            lambda frame: is_read(frame, "age", "age_low"),
        ),
        rule(
            Reason.BIRTH_AFTER_TRAINING,
            "The trainee was not born after the day of the training.",
            lambda frame: ~(_highest_age(frame) < 0),
        ),
        rule(
            Reason.AGE_BELOW_MINIMUM,
            f"The trainee is, or can be, at least {youngest} on the day of the training.",
            lambda frame: ~_highest_age(frame).between(0, youngest, inclusive="left"),
        ),
        rule(
            Reason.AGE_ABOVE_MAXIMUM,
            f"The trainee is, or can be, at most {oldest} on the day of the training.",
            lambda frame: ~((_lowest_age(frame) > oldest) & (_highest_age(frame) >= youngest)),
        ),
    ]


def _lowest_age(frame: pd.DataFrame) -> pd.Series:
    return _age_at_training(frame, "birth_latest", "age_low")


def _highest_age(frame: pd.DataFrame) -> pd.Series:
    return _age_at_training(frame, "birth_earliest", "age_high")


def _age_at_training(frame: pd.DataFrame, born: str, age: str) -> pd.Series:
    """Completed years on the day of the training, by the birth date, or by the age where there is no birth date.

    NaN where neither is known. Born on 29 February: a year older on 1 March.
    """
    by_age = frame[age].to_numpy(dtype=float, na_value=np.nan)
    # a year of 12 months of 32 days keeps days in their order, and whole years are whole multiples
    by_birth = np.floor((_ordinal(frame["training_date"]) - _ordinal(frame[born])) / (12 * 32))
    return pd.Series(np.where(is_stated(frame, "birth_date"), by_birth, by_age), index=frame.index)


def _ordinal(days: pd.Series) -> Any:
    day = days.to_numpy().astype("datetime64[D]")
    month = day.astype("datetime64[M]")
    return np.where(np.isnat(day), np.nan, month.astype(int) * 32.0 + (day - month).astype(int))


def _births_in_order(frame: pd.DataFrame) -> pd.Series:
    return ~(frame["birth_earliest"] > frame["birth_latest"])
