"""The Pandera contract of an accepted training record: the border between a partner's words and our own.

It is strict. A row that breaks it was let through by a defect of ours, never by a mistake of the partner.
"""

from functools import cache
from typing import Any

import pandas as pd
import pandera.pandas as pa

from schemas.columns import COLUMNS, TRAINING_LOG_COLUMNS
from schemas.programme import Programme

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
# how each SQL type is held in a frame; strings keep pandas' own missing value
FRAME_TYPES = {
    "VARCHAR": "str",
    "DATE": "datetime64[s]",
    "BOOLEAN": "boolean",
    "INTEGER": "Int32",
    "DOUBLE": "Float64",
}
_PATTERNS = {
    "record_id": r"[0-9a-f]{32}",
    "delivery_id": r"[0-9a-f]{16}",
    "partner_id": r"[A-Z]{2}-[A-Za-z0-9_-]+",
    "country_code": r"[A-Z]{2}",
    "phones": r"\+\d{5,15}( \+\d{5,15})*",
    "email": r"[^@\s]+@[^@\s]+",
}


def _checks(name: str, programme: Programme) -> list[pa.Check]:
    checks = []
    if name in _PATTERNS:
        checks.append(pa.Check.str_matches(rf"^(?:{_PATTERNS[name]})$"))
    if choices := COLUMNS[name].choices:
        checks.append(pa.Check.isin(choices))
    if name == "course_code":
        checks.append(pa.Check.isin(sorted(programme.courses)))
    if name == "training_date":
        checks.append(pa.Check.in_range(pd.Timestamp(programme.first_day), pd.Timestamp(programme.last_day)))
    if name == "hours":
        checks.append(pa.Check.in_range(0, programme.hours_maximum))
    if name == "row_number":
        checks.append(pa.Check.ge(1))
    return checks


@cache
def training_log_schema(programme: Programme) -> pa.DataFrameSchema:
    """Return the schema of a frame of accepted records: strict, ordered, lazily checked by the caller."""
    return pa.DataFrameSchema(
        {
            name: pa.Column(
                FRAME_TYPES[COLUMNS[name].type],
                checks=_checks(name, programme),
                nullable=name not in REQUIRED,
            )
            for name in TRAINING_LOG_COLUMNS
        },
        checks=[
            pa.Check(_births_in_order, name="birth_earliest <= birth_latest", ignore_na=True),
            pa.Check(_old_enough, name="born early enough to be trained", ignore_na=True),
        ],
        strict=True,
        ordered=True,
        name="training_log",
    )


def _births_in_order(frame: pd.DataFrame) -> Any:
    return ~(frame["birth_earliest"] > frame["birth_latest"])


def _old_enough(frame: pd.DataFrame) -> Any:
    return ~(frame["birth_earliest"] > frame["training_date"])
