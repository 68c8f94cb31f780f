"""Turns the rows of a survey's delivery into canonical answers, by the survey's contract alone.

Reads deliveries of one survey in order; what cannot be read fails alone, and its error becomes part of the result.
"""

import datetime as dt
from collections.abc import Callable
from functools import partial
from typing import Any

from flows.normalise.cells import CellReader
from flows.normalise.corrections import correct_cells
from flows.normalise.record_ids import row_identities
from flows.normalise.rows import Rows
from flows.readers.read import TextRows, fold_header
from flows.values.contacts import read_phones
from flows.values.dates import Day, read_day
from schemas.reasons import Flag
from schemas.survey import QUESTIONS, Questionnaire, Survey, load_questionnaire
from schemas.survey_response import TEXT_COLUMNS

# interviews are held months or years after the programme: two digits of a year may be as late
_YEARS_AFTER = 10


class SurveyReader(CellReader):
    """Reads the values of one survey."""

    partner: Survey

    def read(self, text: TextRows, delivery_id: str, delivery_name: str) -> Rows:
        """Return canonical columns of every row of `text`, and the facts that the rules need.

        Raises:
            DeliveryError: a word in a lookup that decides meaning is unknown, or a correction no longer applies.
        """
        contract = self.partner.contract
        cells, corrected = correct_cells(text, self.partner, delivery_name)
        names = text.original_names(delivery_name)
        raw = {name: self._raw(name, source, text, cells, names) for name, source in contract.columns.items()}
        read = self._read_values(raw)
        facts = self._facts(text, raw, read, TEXT_COLUMNS) | _ends_of_days(read, len(text.cells))
        self._refuse_unknown_words(raw, read, text, facts)
        columns = self._columns(raw, read, len(text.cells))
        columns["flags"] = [
            " ".join(filter(None, [found, Flag.CORRECTED if i in corrected else None])) or None
            for i, found in enumerate(columns["flags"])
        ]
        records, contents = self._identities(text, raw, delivery_id)
        return Rows(text, columns, facts, records, contents)

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


def _ends_of_days(read: dict[str, list[Any]], count: int) -> dict[str, list[dt.date | None]]:
    """Return the first and last day that the delivered dates can mean."""
    nothing: list[Day | None] = [None] * count
    trainings: list[Day | None] = read.get("first_training_date", nothing)
    interviews: list[Day | None] = read.get("interview_date", nothing)
    return {
        "first_training_earliest": [day.earliest if day else None for day in trainings],
        "first_training_latest": [day.latest if day else None for day in trainings],
        "interview_latest": [day.latest if day else None for day in interviews],
    }


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
