"""The columns in which the vault keeps the rows of surveys, by name and type; importable without a data frame."""

from schemas.columns import SqlType
from schemas.survey import INDICATORS

# a row that counts: who answered, what was answered (NULL: not asked, or not stated)
_RESPONSE: dict[str, SqlType] = {
    "record_id": "VARCHAR",
    "content_id": "VARCHAR",
    "delivery_id": "VARCHAR",
    "survey_id": "VARCHAR",
    "country_code": "VARCHAR",
    "survey_round": "VARCHAR",
    "respondent_code": "VARCHAR",
    "full_name": "VARCHAR",
    "surname": "VARCHAR",
    "given_name": "VARCHAR",
    "middle_name": "VARCHAR",
    "name_suffix": "VARCHAR",
    "latin_name": "VARCHAR",
    "phones": "VARCHAR",
    "trainee_type": "VARCHAR",
    "first_training_date": "DATE",
    "interview_date": "DATE",
    "time_to_work": "VARCHAR",
    **dict.fromkeys(INDICATORS, "BOOLEAN"),
    "flags": "VARCHAR",
}
# where it stands, and why it was rejected with its cells as delivered
_PLACE: dict[str, SqlType] = {
    "file": "VARCHAR",
    "sheet": "VARCHAR",
    "row_number": "INTEGER",
    "source_id": "VARCHAR",
    "ordinal": "INTEGER",
    "reasons": "VARCHAR",
    "cells": "VARCHAR",
}
RESPONSE_COLUMNS = tuple(_RESPONSE)
SURVEY_ROW_COLUMNS: dict[str, SqlType] = _RESPONSE | _PLACE
