"""The Pandera contract of an accepted survey response.

It is strict. A row that breaks it was let through by a defect of ours, never by a mistake of the country.
"""

from functools import cache

import pandas as pd
import pandera.pandas as pa

from schemas.programme import Programme
from schemas.survey_columns import RESPONSE_COLUMNS, SURVEY_ROW_COLUMNS
from schemas.training_log import FRAME_TYPES

_REQUIRED = ("record_id", "content_id", "delivery_id", "survey_id", "country_code", "survey_round", "trainee_type")
_PATTERNS = {
    "record_id": r"[0-9a-f]{32}",
    "content_id": r"[0-9a-f]{32}",
    "delivery_id": r"[0-9a-f]{16}",
    "survey_id": r"survey/[A-Z]{2}(-[A-Za-z0-9_]+)?",
    "country_code": r"[A-Z]{2}",
    "phones": r"\+\d{5,15}( \+\d{5,15})*",
}


def _checks(name: str, programme: Programme) -> list[pa.Check]:
    checks = []
    if name in _PATTERNS:
        checks.append(pa.Check.str_matches(rf"^(?:{_PATTERNS[name]})$"))
    if name == "trainee_type":
        checks.append(pa.Check.isin(["msme_owner", "job_seeker"]))
    if name == "first_training_date":
        checks.append(pa.Check.in_range(pd.Timestamp(programme.first_day), pd.Timestamp(programme.last_day)))
    return checks


@cache
def survey_response_schema(programme: Programme) -> pa.DataFrameSchema:
    """Return the schema of a frame of accepted responses: strict, ordered, lazily checked by the caller."""
    return pa.DataFrameSchema(
        {
            name: pa.Column(
                FRAME_TYPES[SURVEY_ROW_COLUMNS[name]], checks=_checks(name, programme), nullable=name not in _REQUIRED
            )
            for name in RESPONSE_COLUMNS
        },
        strict=True,
        ordered=True,
        name="survey_response",
    )
