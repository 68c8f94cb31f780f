"""Turns a delivery's text into canonical columns, by the partner's contract alone, and says what is wrong.

Values are read once per distinct text; nothing here knows a country, a language or a partner by name.
"""

import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

from flows.normalise.cells import CellReader, _day, fold_word
from flows.normalise.corrections import correct_cells
from flows.normalise.record_ids import row_identities
from flows.normalise.rows import Rows
from flows.readers.read import TextRows
from flows.values.amounts import read_age, read_hours
from flows.values.contacts import read_email, read_national_id, read_phones
from flows.values.dates import Day, completed_years, years_before
from schemas.languages import to_ascii_digits
from schemas.partner import Partner
from schemas.reasons import Flag
from schemas.training_log import TEXT_COLUMNS


@dataclass
class Normaliser(CellReader):
    """Reads the values of one partner."""

    partner: Partner

    def normalise(self, text: TextRows, delivery_name: str, delivery_id: str) -> Rows:
        """Return canonical columns of every row of `text`, and the facts that the rules need.

        Raises:
            DeliveryError: a word in a lookup that decides meaning is unknown, or a correction no longer applies.
        """
        contract = self.partner.contract
        record_ids, content_ids = row_identities(text, self.partner, delivery_id)
        cells, corrected = correct_cells(text, self.partner, delivery_name)
        names = text.original_names(delivery_name)
        raw = {name: self._raw(name, source, text, cells, names) for name, source in contract.columns.items()}
        read = self._read_all(raw)
        facts = self._facts(text, raw, read, TEXT_COLUMNS)
        self._refuse_unknown_words(raw, read, text, facts)
        columns = self._columns(raw, read, len(text.cells))
        for i in corrected:
            columns["flags"][i] = " ".join(filter(None, [columns["flags"][i], Flag.CORRECTED]))
        return Rows(text, columns, facts, record_ids, content_ids)

    def _read_all(self, raw: dict[str, list[str]]) -> dict[str, list[Any]]:
        """Values of every typed column; None where the text is missing, `_UNREAD` where it cannot be read."""
        contract = self.partner.contract
        readers: dict[str, Callable[[str], Any]] = {
            "age": read_age,
            "hours": lambda text: read_hours(text, contract.decimal),
            "phones": lambda text: read_phones(text, self.partner.phone_region),
            "email": read_email,
            "national_id": lambda text: read_national_id(text, contract.national_id),
        }
        for name in ("birth_date", "training_date"):
            if name in raw:
                readers[name] = partial(_day, contract.columns[name].dates or contract.dates, self.programme)
        for name in raw:
            if name == "course_code":
                readers[name] = self._course
            elif name in self._lookups:
                readers[name] = self._lookups[name].find
        return {
            name: [self._once(name, value, readers[name]) if value else None for value in values]
            for name, values in raw.items()
            if name in readers
        }

    def _course(self, text: str) -> str | None:
        known = {code.casefold(): code for code in self.programme.courses}
        code = known.get(fold_word(text))
        if code is None and "course_code" in self._lookups:
            found = self._lookups["course_code"].find(text)
            code = found if found in self.programme.courses else None
        return code

    # -- canonical columns -------------------------------------------------------------------------------------

    def _columns(self, raw: dict[str, list[str]], read: dict[str, list[Any]], count: int) -> dict[str, list[Any]]:
        nothing: list[Any] = [None] * count
        flags: list[list[str]] = [[] for _ in range(count)]
        columns: dict[str, list[Any]] = {}
        self._name_columns(raw, columns, count)
        for name in ("member_id", "province", "district", "address"):
            columns[name] = [value or None for value in raw[name]] if name in raw else nothing
        codes = raw.get("postcode", [])
        columns["postcode"] = [to_ascii_digits(value).upper() or None for value in codes] or nothing
        for name in ("sex", "trainee_type", "course_code"):
            columns[name] = read.get(name, nothing)
        for name in ("has_disability", "is_indigenous", "is_rural"):
            columns[name] = [_BOOLEANS[value] for value in read.get(name, nothing)]
        columns["hours"] = read.get("hours", nothing)
        columns["training_date"] = [day and day.date for day in read["training_date"]]
        self._contact_columns(read, columns, flags, nothing)
        self._birth_columns(read, columns, flags, nothing)
        columns["flags"] = [" ".join(words) or None for words in flags]
        return columns

    @staticmethod
    def _contact_columns(
        read: dict[str, list[Any]], columns: dict[str, list[Any]], flags: list[list[str]], nothing: list[Any]
    ) -> None:
        columns["phones"], columns["email"] = list(nothing), list(nothing)
        columns["national_id"], columns["national_id_status"] = list(nothing), list(nothing)
        for name, flag in (("phones", Flag.PHONE_UNUSABLE), ("email", Flag.EMAIL_UNUSABLE)):
            for i, result in enumerate(read.get(name, nothing)):
                if result is not None:
                    value, unusable = result
                    columns[name][i] = value or None
                    if unusable:
                        flags[i].append(flag)
        for i, result in enumerate(read.get("national_id", nothing)):
            if result is not None:
                value, status, unusable = result
                columns["national_id"][i] = value or None
                columns["national_id_status"][i] = status or None
                if unusable:
                    flags[i].append(Flag.ID_UNUSABLE)

    @staticmethod
    def _birth_columns(
        read: dict[str, list[Any]], columns: dict[str, list[Any]], flags: list[list[str]], nothing: list[Any]
    ) -> None:
        births: list[Day | None] = read.get("birth_date", nothing)
        ages: list[tuple[int, int] | None] = read.get("age", nothing)
        earliest: list[dt.date | None] = []
        latest: list[dt.date | None] = []
        for i, (day, age) in enumerate(zip(births, ages, strict=True)):
            training: dt.date | None = columns["training_date"][i]
            low = high = None
            if day is not None:
                low, high = day.earliest, day.latest
                if day.era_slip:
                    flags[i].append(Flag.ERA_SLIP)
                if age is not None and training is not None and low is not None and high is not None:
                    youngest, oldest = completed_years(high, training), completed_years(low, training)
                    # ages are counted before or after a birthday: a year is no disagreement
                    agrees = youngest - 1 <= age[1] and age[0] <= oldest + 1
                    flags[i] += [] if agrees else [Flag.AGE_DISAGREES]
            elif age is not None and training is not None and age[0] >= 0:
                # an age is an interval of birth days: whoever is 34 today was born 34 to 35 years ago
                low = years_before(training, age[1] + 1) + dt.timedelta(days=1)
                high = years_before(training, age[0])
            earliest.append(low)
            latest.append(high)
        columns["birth_date"] = [day and day.date for day in births]
        columns["birth_earliest"], columns["birth_latest"] = earliest, latest
        columns["age_low"] = [age and age[0] for age in ages]
        columns["age_high"] = [age and age[1] for age in ages]


_BOOLEANS = {"yes": True, "no": False, None: None}
