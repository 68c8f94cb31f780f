"""Turns the rows of a survey's delivery into canonical answers, by the survey's contract alone.

Reads deliveries of one survey in order; what cannot be read fails alone, and its error becomes part of the result.
"""

import datetime as dt
import json
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import pandas as pd

from flows.normalise.cells import CellReader
from flows.normalise.corrections import correct_cells
from flows.normalise.record_ids import row_identities
from flows.readers.read import TextRows, fold_header
from flows.values.contacts import read_phones
from flows.values.dates import Day, read_day
from schemas.reasons import Flag, Reason
from schemas.survey import QUESTIONS, Questionnaire, Survey, load_questionnaire
from schemas.survey_columns import SURVEY_ROW_COLUMNS
from schemas.training_log import FRAME_TYPES

# interviews are held months or years after the programme: two digits of a year may be as late
_YEARS_AFTER = 10


class SurveyReader(CellReader):
    """Reads the values of one survey."""

    partner: Survey

    def read(self, text: TextRows, delivery_id: str, delivery_name: str, urls: Mapping[str, str]) -> pd.DataFrame:
        """Return a row per row of `text`, columns of SURVEY_ROW_COLUMNS; `reasons` is '' where it is valid.

        `urls` says where each file of the delivery came from, by its name.

        Raises:
            DeliveryError: a word in a lookup that decides meaning is unknown, or a correction no longer applies.
        """
        contract = self.partner.contract
        count = len(text.cells)
        cells, corrected = correct_cells(text, self.partner, delivery_name)
        names = text.original_names(delivery_name)
        raw = {name: self._raw(name, source, text, cells, names) for name, source in contract.columns.items()}
        blank = [not any(cell.strip() for cell in row) for row in text.cells]
        read = self._read_values(raw)
        shifted = self._shifted(raw, read, text.overflow)
        self._refuse_unknown_words(raw, read, text, blank, shifted)
        columns, reasons = self._columns(raw, read, count), self._reasons(raw, read, count)
        columns["flags"] = [
            " ".join(filter(None, [found, Flag.CORRECTED if i in corrected else None])) or None
            for i, found in enumerate(columns["flags"])
        ]
        records, contents = self._identities(text, raw, delivery_id)
        repeated = _contradicting(records, contents, blank)
        states = self._states(text)
        said = []
        for i in range(count):
            if blank[i] or shifted[i]:
                said.append(str(Reason.BLANK_LINE if blank[i] else Reason.COLUMN_SHIFT))
                continue
            found = [Reason.ORPHAN_ROW] if text.orphan[i] else []
            found += [state] if (state := states[i]) is not None else []
            found += reasons[i] + ([Reason.RESPONDENT_CODE_REPEATED] if records[i] in repeated else [])
            said.append(" ".join(found))
        columns |= {
            "record_id": records,
            "content_id": contents,
            "delivery_id": [delivery_id] * count,
            "survey_id": [self.partner.partner_id] * count,
            "country_code": [self.partner.country_code] * count,
            "survey_round": [self.partner.survey_round] * count,
            "file": [urls[name] for name in text.file_names],
            "sheet": [sheet or None for sheet in text.sheets],
            "row_number": text.row_numbers,
            "source_id": [source_id or None for source_id in text.source_ids],
            "ordinal": list(range(count)),
            "reasons": said,
            "cells": [
                json.dumps(row, ensure_ascii=False) if why else "" for row, why in zip(text.cells, said, strict=True)
            ],
        }
        return pd.DataFrame(
            {name: pd.Series(columns[name], dtype=FRAME_TYPES[kind]) for name, kind in SURVEY_ROW_COLUMNS.items()}
        )

    def _read_values(self, raw: dict[str, list[str]]) -> dict[str, list[Any]]:
        contract, last = self.partner.contract, self.programme.last_day.year
        readers: dict[str, Callable[[str], Any]] = {
            "phones": lambda text: read_phones(text, self.partner.phone_region),
            **{name: lookup.find for name, lookup in self._lookups.items()},
        }
        for name, latest in (("first_training_date", last), ("interview_date", last + _YEARS_AFTER)):
            if name in raw:
                readers[name] = partial(
                    read_day, dates=contract.columns[name].dates or contract.dates, latest_year=latest
                )
        return {
            name: [self._once(name, value, readers[name]) if value else None for value in values]
            for name, values in raw.items()
            if name in readers
        }

    def _identities(self, text: TextRows, raw: dict[str, list[str]], delivery_id: str) -> tuple[list[str], list[str]]:
        """Record ids and content ids: a record is known by its respondent's code, whatever its answers become."""
        records, contents = row_identities(text, self.partner, delivery_id)
        if self.partner.contract.record_key or "respondent_code" not in raw:
            return records, contents
        coded = TextRows(
            header=("respondent_code",),
            cells=[[fold_header(code)] for code in raw["respondent_code"]],
            file_names=text.file_names,
            sheets=[""] * len(records),
            row_numbers=text.row_numbers,
            source_ids=text.source_ids,
            overflow=text.overflow,
            orphan=text.orphan,
            structural=0,
        )
        by_code, _ = row_identities(coded, self.partner, delivery_id)
        found = zip(raw["respondent_code"], by_code, records, strict=True)
        return [keyed if code else record for code, keyed, record in found], contents

    def _columns(self, raw: dict[str, list[str]], read: dict[str, list[Any]], count: int) -> dict[str, list[Any]]:
        nothing: list[Any] = [None] * count
        columns: dict[str, list[Any]] = {}
        self._name_columns(raw, columns, count)
        phones: list[Any] = read.get("phones", nothing)
        columns["respondent_code"] = [code or None for code in raw.get("respondent_code", nothing)]
        columns["phones"] = [(found and found[0]) or None for found in phones]
        columns["trainee_type"] = read["trainee_type"]
        for name in ("first_training_date", "interview_date"):
            columns[name] = [day and day.date for day in read.get(name, nothing)]
        answers = {name: read.get(name, nothing) for name in QUESTIONS}
        questionnaire = load_questionnaire()
        asked = {
            name: [
                answer if kind == question.asked_of else None
                for answer, kind in zip(answers[name], columns["trainee_type"], strict=True)
            ]
            for name, question in questionnaire.questions.items()
        }
        columns["time_to_work"] = asked["time_to_work"]
        for name in questionnaire.indicators:
            columns[name] = indicate(name, asked, questionnaire)
        columns["flags"] = [
            " ".join(
                flag
                for flag, holds in (
                    (Flag.PHONE_UNUSABLE, phones[i] is not None and phones[i][1]),
                    # asked of the other type: it does not count, and somebody should look
                    (Flag.ANSWER_NOT_ASKED, any(answers[name][i] != asked[name][i] for name in QUESTIONS)),
                )
                if holds
            )
            for i in range(count)
        ]
        return columns

    def _reasons(self, raw: dict[str, list[str]], read: dict[str, list[Any]], count: int) -> list[list[Reason]]:
        nothing: list[Any] = [None] * count
        trainings: list[Day | None] = read.get("first_training_date", nothing)
        interviews: list[Day | None] = read.get("interview_date", nothing)
        coded = "respondent_code" in raw
        refusing = [name for name, lookup in self._lookups.items() if lookup.unknown == "reject" and name in raw]
        result = []
        for i, (training, interview) in enumerate(zip(trainings, interviews, strict=True)):
            found = [Reason.MISSING_RESPONDENT_CODE] if coded and not raw["respondent_code"][i] else []
            if not raw["trainee_type"][i]:
                found.append(Reason.MISSING_TRAINEE_TYPE)
            found += self._date_reasons(training, interview)
            if any(raw[name][i] and read[name][i] is None for name in refusing):
                found.append(Reason.UNKNOWN_WORD)
            result.append(found)
        return result

    def _date_reasons(self, training: Day | None, interview: Day | None) -> list[Reason]:
        found = []
        if training is not None and training.impossible:
            found.append(Reason.TRAINING_DATE_IMPOSSIBLE)
        elif training is not None and not self._within_programme(training):
            found.append(Reason.TRAINING_DATE_OUT_OF_PROGRAMME)
        if interview is not None and interview.impossible:
            found.append(Reason.INTERVIEW_DATE_IMPOSSIBLE)
        elif _is_before(interview, training):
            found.append(Reason.INTERVIEW_BEFORE_TRAINING)
        return found

    def _within_programme(self, day: Day) -> bool:
        low, high = day.earliest or dt.date.max, day.latest or dt.date.min
        return low <= self.programme.last_day and self.programme.first_day <= high


def _is_before(interview: Day | None, training: Day | None) -> bool:
    if interview is None or training is None or interview.latest is None or training.earliest is None:
        return False
    return interview.latest < training.earliest


def indicate(name: str, answers: dict[str, list[Any]], questionnaire: Questionnaire) -> list[bool | None]:
    """Return an indicator for every row: true, false, or None where it was not asked or not stated.

    Args:
        name: The indicator.
        answers: Question -> our value of every row, None where it was not asked or not stated.
        questionnaire: Which answers make it true or false.
    """
    indicator = questionnaire.indicators[name]
    own = answers[indicator.question]
    return [
        answer in indicator.holds
        if answer is not None
        # nobody who found no work is asked whether it came of the training
        else False
        if any(answers[other][i] in values for other, values in indicator.false_if.items())
        else None
        for i, answer in enumerate(own)
    ]


def _contradicting(records: Sequence[str], contents: Sequence[str], blank: Sequence[bool]) -> set[str]:
    """Records that stand in one delivery with different content: nobody can say which of the rows holds."""
    said: dict[str, set[str]] = defaultdict(set)
    for record, content, is_blank in zip(records, contents, blank, strict=True):
        if not is_blank:
            said[record].add(content)
    return {record for record, found in said.items() if len(found) > 1}
