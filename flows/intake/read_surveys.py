"""Reads one delivery of a survey: bytes to validated answers."""

import dataclasses
import json
from collections.abc import Sequence

import pandas as pd

from flows.intake.deliveries import DeliveryFiles, delivery_facts
from flows.normalise.survey import SurveyReader
from flows.normalise.validate import hold_to_schema
from flows.readers.delivery import OF_THIS_MACHINE
from flows.readers.read import DeliveryError, ErrorCode, read_delivery
from schemas.partner import CONTRACT_NAME
from schemas.programme import load_programme
from schemas.reasons import Reason
from schemas.survey import Survey
from schemas.survey_columns import RESPONSE_COLUMNS
from schemas.survey_response import survey_response_schema
from warehouse.survey.load import SurveyRows
from warehouse.vault.rows import UNREAD, DeliveryFacts

_BOUND_FROM = 10


def read_survey(survey: Survey, deliveries: Sequence[DeliveryFiles]) -> list[SurveyRows]:
    """Return rows or an error for each delivery, in order; never raises for what a country sent."""
    reader = SurveyReader(survey, load_programme())
    return [_read_one(survey, delivery, reader) for delivery in deliveries]


def _read_one(survey: Survey, delivery: DeliveryFiles, reader: "SurveyReader") -> SurveyRows:
    facts, problem = delivery_facts(survey, delivery)
    folder = survey.landing_folder
    try:
        if problem is not None:
            raise DeliveryError(ErrorCode.NAME_UNREADABLE, str(problem))
        text = read_delivery(delivery.landed_files(folder), survey.contract)
        urls = {row.file_name: f"{row.source.rstrip('/')}/{row.file_name}" for row in delivery.seen}
        rows = reader.read(text, delivery.delivery_id, delivery.name, urls)
        _check_bounds(rows, survey)
        hold_to_schema(rows[rows["reasons"] == ""], survey_response_schema(load_programme()), RESPONSE_COLUMNS)
    except DeliveryError as error:
        # the readers speak of partner.yml; here it has another name
        message = str(error).replace(CONTRACT_NAME, str(survey.contract_path))
        return _failed(facts, survey, error.code, message)
    except FileNotFoundError:
        message = f"its landed bytes are gone from {folder}; pull it again from its source"
        return _failed(facts, survey, ErrorCode.LANDED_FILE_MISSING, message)
    return SurveyRows(facts, survey.survey_round, json.dumps(text.header, ensure_ascii=False), text.structural, rows)


def _failed(facts: DeliveryFacts, survey: Survey, code: ErrorCode, message: str) -> SurveyRows:
    if code in OF_THIS_MACHINE:
        facts = dataclasses.replace(facts, reading_hash=UNREAD)
    return SurveyRows(facts, survey.survey_round, "[]", 0, None, str(code), f"{facts.name}: {message}")


def _check_bounds(rows: pd.DataFrame, survey: Survey) -> None:
    rejected = int(((rows["reasons"] != "") & (rows["reasons"] != Reason.BLANK_LINE)).sum())
    allowed = survey.contract.bounds.rejected_share_max
    if rejected >= _BOUND_FROM and rejected > allowed * len(rows):
        raise DeliveryError(
            ErrorCode.TOO_MANY_REJECTED,
            f"{rejected} of {len(rows)} rows would be rejected, more than {allowed:.0%}; the file or the contract is "
            f"wrong as a whole: compare columns and date order with {survey.contract_path}, or raise "
            "bounds.rejected_share_max",
        )
