"""Reads one delivery of a survey: bytes to validated answers."""

import dataclasses
import json
from collections.abc import Sequence

import pandas as pd

from flows.intake.deliveries import DeliveryFiles, delivery_facts
from flows.normalise.rows import Rows
from flows.normalise.survey import SurveyReader
from flows.normalise.validate import check_schema, find_reasons, require_bounds, to_frame, written_cells
from flows.readers.delivery import OF_THIS_MACHINE
from flows.readers.read import DeliveryError, ErrorCode, read_delivery
from schemas.partner import CONTRACT_NAME
from schemas.programme import Programme, load_programme
from schemas.row_rules import FRAME_TYPES
from schemas.survey import Survey
from schemas.survey_columns import RESPONSE_COLUMNS, SURVEY_ROW_COLUMNS
from schemas.survey_response import SURVEY_FACTS, SURVEY_RULE_COLUMNS, survey_response_schema, survey_rules
from warehouse.survey.load import SurveyRows
from warehouse.vault.rows import UNREAD, DeliveryFacts


def read_survey(survey: Survey, deliveries: Sequence[DeliveryFiles]) -> list[SurveyRows]:
    """Return rows or an error for each delivery, in order; never raises for what a country sent."""
    reader = SurveyReader(survey, load_programme())
    return [_read_one(survey, delivery, reader) for delivery in deliveries]


def _read_one(survey: Survey, delivery: DeliveryFiles, reader: SurveyReader) -> SurveyRows:
    facts, problem = delivery_facts(survey, delivery)
    folder = survey.landing_folder
    try:
        if problem is not None:
            raise DeliveryError(ErrorCode.NAME_UNREADABLE, str(problem))
        text = read_delivery(delivery.landed_files(folder), survey.contract)
        frame = _validate(survey, delivery, reader.read(text, delivery.delivery_id, delivery.name), reader.programme)
    except DeliveryError as error:
        # the readers speak of partner.yml; here it has another name
        message = str(error).replace(CONTRACT_NAME, str(survey.contract_path))
        return _failed(facts, survey, error.code, message)
    except FileNotFoundError:
        message = f"its landed bytes are gone from {folder}; pull it again from its source"
        return _failed(facts, survey, ErrorCode.LANDED_FILE_MISSING, message)
    return SurveyRows(facts, survey.survey_round, json.dumps(text.header, ensure_ascii=False), text.structural, frame)


def _validate(survey: Survey, delivery: DeliveryFiles, rows: Rows, programme: Programme) -> pd.DataFrame:
    """Return SURVEY_ROW_COLUMNS of every row; `reasons` is '' where the row is valid.

    Raises:
        DeliveryError: more rows are rejected than the contract's bounds allow.
    """
    count, text = len(rows), rows.text
    sources = {row.file_name: f"{row.source.rstrip('/')}/{row.file_name}" for row in delivery.seen}
    values = {
        **rows.values,
        "delivery_id": [delivery.delivery_id] * count,
        "survey_id": [survey.partner_id] * count,
        "country_code": [survey.country_code] * count,
        "survey_round": [survey.survey_round] * count,
        "file": [sources[name] for name in text.file_names],
        "sheet": [sheet or None for sheet in text.sheets],
        "row_number": text.row_numbers,
        "source_id": [source_id or None for source_id in text.source_ids],
        "ordinal": list(range(count)),
    }
    reasons = find_reasons(to_frame([values], SURVEY_RULE_COLUMNS), survey_rules(programme))
    require_bounds(reasons, survey, "raise bounds.rejected_share_max")
    values |= {"reasons": [" ".join(row) for row in reasons], "cells": written_cells(rows, reasons)}
    types = {**{name: FRAME_TYPES[kind] for name, kind in SURVEY_ROW_COLUMNS.items()}, **SURVEY_FACTS}
    frame = to_frame([values], types)
    valid = frame.loc[frame["reasons"] == "", [*RESPONSE_COLUMNS, *SURVEY_FACTS]]
    check_schema(valid, survey_response_schema(programme))
    return frame[list(SURVEY_ROW_COLUMNS)]


def _failed(facts: DeliveryFacts, survey: Survey, code: ErrorCode, message: str) -> SurveyRows:
    if code in OF_THIS_MACHINE:
        facts = dataclasses.replace(facts, reading_hash=UNREAD)
    return SurveyRows(facts, survey.survey_round, "[]", 0, None, str(code), f"{facts.name}: {message}")
