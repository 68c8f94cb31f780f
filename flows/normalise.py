"""Turns a delivery's text into canonical columns, by the partner's contract alone, and says what is wrong.

Values are read once per distinct text; nothing here knows a country, a language or a partner by name.
"""

import datetime as dt
import hashlib
import re
import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from flows.readers.read import DeliveryError, ErrorCode, TextRows, fold_header
from flows.values.amounts import read_age, read_hours
from flows.values.contacts import read_email, read_national_id, read_phones
from flows.values.dates import Day, completed_years, read_day, years_before
from flows.values.names import clean_name, convert_zawgyi, split_honorifics
from schemas.languages import to_ascii_digits
from schemas.partner import Dates, Lookup, Partner, Sender, Source
from schemas.programme import Programme
from schemas.reasons import Flag, Reason
from schemas.survey import QUESTIONS

# a row with so many values of the wrong kind has slipped; fewer are single mistakes
_SHIFT_MISFITS = 3
_SHIFT_SHARE = 0.5
# a word is shown in an error only when several rows share it: a single odd value may be a person's name
_SHOW_WORD_FROM = 3
_DATE_SHAPE = re.compile(r"\d.*\D.*\d|\d{5,8}(\.0)?|\d{4}", re.DOTALL)
_SPACES = re.compile(r"\s+")


@dataclass
class Rows:
    """Canonical columns of one delivery, one entry per row in order, with reasons and remarks."""

    text: TextRows
    columns: dict[str, list[Any]]
    reasons: list[tuple[Reason, ...]]
    record_ids: list[str]
    content_ids: list[str]

    def __len__(self) -> int:
        return len(self.reasons)


@dataclass
class CellReader:
    """Finds the text of our columns by a contract, whatever the rows are about; remembers every distinct text."""

    partner: Sender
    programme: Programme
    _memory: dict[tuple[str, str], Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        contract = self.partner.contract
        self._missing = {fold_word(word) for word in contract.missing} | {""}
        self._lookups = {name: _Words(lookup) for name, lookup in contract.lookups.items()}

    def _states(self, text: TextRows) -> list[Reason | None]:
        """Return for every row why its review at the source keeps it out, or None."""
        states = self.partner.contract.states
        if states is None:
            return [None] * len(text.cells)
        counts, refused = ({fold_word(word) for word in words} for words in (states.counts, states.refused))
        at = next((i for i, name in enumerate(text.header) if fold_header(name) == fold_header(states.header)), None)
        said = ["" if at is None else fold_word(row[at]) for row in text.cells]
        return [
            None if word in counts else Reason.REFUSED_AT_SOURCE if word in refused else Reason.UNKNOWN_STATE
            for word in said
        ]

    # -- from cells to the text of our columns -----------------------------------------------------------------

    def _raw(
        self, name: str, source: Source, text: TextRows, cells: list[list[str]], delivery_names: list[str]
    ) -> list[str]:
        count = len(cells)
        if source.constant is not None:
            return [source.constant] * count
        if source.sheet is not None:
            return self._present(name, _extract(source.sheet, text.said_sheets))
        if source.file is not None:
            return self._present(name, _extract(source.file, delivery_names))
        index = {fold_header(name): i for i, name in enumerate(text.header)}
        found = [index[fold_header(name)] for name in source.header or () if fold_header(name) in index]
        values = [""] * count
        for column in found:
            present = self._present(name, [row[column] for row in cells])
            values = [old or new for old, new in zip(values, present, strict=True)]
        if source.split is not None:
            pick = 0 if source.take == "first" else -1
            values = [(value.split(source.split) or [""])[pick].strip() if value else "" for value in values]
        if source.pattern is not None:
            values = _extract(source.pattern, values)
        return values

    def _present(self, name: str, values: Sequence[str]) -> list[str]:
        """Text without the partner's words for "not stated", trimmed; a word that a lookup explains is stated."""
        lookup = self._lookups.get(name)
        if lookup is None or not lookup.explains(self._missing):
            return [self._once("present", value, self._without_missing) for value in values]
        return [
            value.strip() if lookup.explains({fold_word(value)}) else self._without_missing(value) for value in values
        ]

    def _without_missing(self, value: str) -> str:
        trimmed = _SPACES.sub(" ", value).strip()
        if self.partner.contract.zawgyi and trimmed:
            trimmed = convert_zawgyi(trimmed)
        return "" if fold_word(trimmed) in self._missing else trimmed

    # -- from text to values -----------------------------------------------------------------------------------

    def _once(self, kind: str, value: str, read: Callable[[str], Any]) -> Any:
        key = (kind, value)
        try:
            return self._memory[key]
        except KeyError:
            result = self._memory[key] = read(value)
            return result

    # -- what is wrong -----------------------------------------------------------------------------------------

    def _shifted(self, raw: dict[str, list[str]], read: dict[str, list[Any]], overflow: Sequence[bool]) -> list[bool]:
        """Rows whose values stand in neighbouring columns: most typed values are of the wrong kind."""
        judged = [(raw[name], values, _FITS[name]) for name, values in read.items() if name in _FITS]
        result = []
        for i, spilled in enumerate(overflow):
            present = misfits = 0
            for texts, values, fits in judged:
                if texts[i]:
                    present += 1
                    misfits += not fits(texts[i], values[i])
            result.append(
                (misfits >= _SHIFT_MISFITS and misfits >= _SHIFT_SHARE * present)
                or (spilled and misfits >= _SHIFT_MISFITS - 1)
            )
        return result

    def _refuse_unknown_words(
        self,
        raw: dict[str, list[str]],
        read: dict[str, list[Any]],
        text: TextRows,
        blank: list[bool],
        shifted: list[bool],
    ) -> None:
        problems = []
        for name, lookup in self._lookups.items():
            if name == "course_code" or name not in raw or lookup.unknown != "stop":
                continue
            rows = [
                i
                for i, value in enumerate(read[name])
                if raw[name][i] and value is None and not blank[i] and not shifted[i]
            ]
            if rows:
                first = rows[0]
                words = [raw[name][i] for i in rows]
                shown = sorted({word for word in words if words.count(word) >= _SHOW_WORD_FROM})[:10]
                sheet = f", sheet {text.sheets[first]!r}" if text.sheets[first] else ""
                header = "/".join(self.partner.contract.columns[name].header or (name,))
                problems.append(
                    f"{text.file_names[first]}{sheet}, line {text.row_numbers[first]}, column {header!r}: "
                    f"unknown word in {len(rows)} row(s)"
                    + (f" ({', '.join(map(repr, shown))})" if shown else "")
                    + f"; add it to lookups.{name} in {self.partner.contract_path}"
                )
        if problems:
            raise DeliveryError(ErrorCode.UNKNOWN_WORD, "\n".join(problems))

    def _name_columns(self, raw: dict[str, list[str]], columns: dict[str, list[Any]], count: int) -> None:
        nothing = [""] * count
        parts = {
            name: [self._once("name", value, clean_name) for value in raw.get(name, nothing)]
            for name in ("full_name", "surname", "given_name", "middle_name", "name_suffix", "latin_name")
        }
        split = partial(split_honorifics, languages=self.partner.contract.names.honorifics)
        if "full_name" in raw:
            pairs = [self._once("honorific", value, split) for value in parts["full_name"]]
            columns["full_name"] = [name or None for name, _ in pairs]
        else:
            # the title stands before the given name when the name has columns of its own
            pairs = [self._once("honorific", value, split) for value in parts["given_name"]]
            parts["given_name"] = [name for name, _ in pairs]
            whole = zip(parts["given_name"], parts["middle_name"], parts["surname"], parts["name_suffix"], strict=True)
            columns["full_name"] = [
                # a middle name or suffix alone names nobody
                " ".join(filter(None, (given, middle, surname, suffix))) or None if given or surname else None
                for given, middle, surname, suffix in whole
            ]
        columns["honorific"] = [honorific or None for _, honorific in pairs]
        for name in ("surname", "given_name", "middle_name", "name_suffix", "latin_name"):
            columns[name] = [value or None for value in parts[name]]


@dataclass
class Normaliser(CellReader):
    """Reads the values of one partner."""

    partner: Partner

    def normalise(self, text: TextRows, delivery_name: str, delivery_id: str) -> Rows:
        """Return canonical columns and reasons for every row of `text`.

        Raises:
            DeliveryError: a word in a lookup that decides meaning is unknown, or a correction no longer applies.
        """
        contract = self.partner.contract
        record_ids, content_ids = row_identities(text, self.partner, delivery_id)
        cells, corrected = correct_cells(text, self.partner, delivery_name)
        names = text.said_names(delivery_name)
        raw = {name: self._raw(name, source, text, cells, names) for name, source in contract.columns.items()}
        blank = [not any(cell.strip() for cell in row) for row in text.cells]
        read = self._read_all(raw)
        shifted = self._shifted(raw, read, text.overflow)
        self._refuse_unknown_words(raw, read, text, blank, shifted)
        columns = self._columns(raw, read, len(text.cells))
        states = self._states(text)
        reasons = [
            (Reason.BLANK_LINE,)
            if blank[i]
            else (Reason.COLUMN_SHIFT,)
            if shifted[i]
            else self._reasons(i, raw, read, columns, orphan=text.orphan[i], state=states[i])
            for i in range(len(text.cells))
        ]
        for i in corrected:
            columns["flags"][i] = " ".join(filter(None, [columns["flags"][i], Flag.CORRECTED]))
        return Rows(text, columns, reasons, record_ids, content_ids)

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

    def _reasons(
        self,
        i: int,
        raw: dict[str, list[str]],
        read: dict[str, list[Any]],
        columns: dict[str, list[Any]],
        *,
        orphan: bool,
        state: Reason | None,
    ) -> tuple[Reason, ...]:
        found = [Reason.ORPHAN_ROW] if orphan else []
        if state is not None:
            found.append(state)
        if not columns["full_name"][i]:
            found.append(Reason.MISSING_NAME)
        found += self._training_reasons(i, raw, read)
        found += self._birth_reasons(i, raw, read, columns)
        for name, lookup in self._lookups.items():
            judged = lookup.unknown == "reject" and name != "course_code" and name in raw
            if judged and raw[name][i] and read[name][i] is None:
                found.append(Reason.UNKNOWN_WORD)
        return tuple(dict.fromkeys(found))

    def _training_reasons(self, i: int, raw: dict[str, list[str]], read: dict[str, list[Any]]) -> list[Reason]:
        found = []
        day: Day | None = read["training_date"][i]
        if day is None:
            found.append(Reason.MISSING_TRAINING_DATE)
        elif day.date is None:
            found.append(Reason.TRAINING_DATE_IMPOSSIBLE)
        elif not self.programme.first_day <= day.date <= self.programme.last_day:
            found.append(Reason.TRAINING_DATE_OUT_OF_PROGRAMME)
        if not raw["course_code"][i]:
            found.append(Reason.MISSING_COURSE)
        elif read["course_code"][i] is None:
            found.append(Reason.UNKNOWN_COURSE)
        if "hours" in raw and raw["hours"][i]:
            hours = read["hours"][i]
            if hours is None or hours > self.programme.hours_maximum:
                found.append(Reason.HOURS_IMPOSSIBLE)
            elif hours < 0:
                found.append(Reason.HOURS_NEGATIVE)
        return found

    def _birth_reasons(
        self, i: int, raw: dict[str, list[str]], read: dict[str, list[Any]], columns: dict[str, list[Any]]
    ) -> list[Reason]:
        found = []
        day: Day | None = read["birth_date"][i] if "birth_date" in read else None
        if day is not None and day.impossible:
            found.append(Reason.BIRTH_DATE_IMPOSSIBLE)
        if "age" in raw and raw["age"][i] and read["age"][i] is None:
            found.append(Reason.AGE_UNREADABLE)
        ages = self._ages_at_training(i, day, columns)
        if ages is not None:
            youngest, oldest = ages
            if oldest < 0:
                found.append(Reason.BIRTH_AFTER_TRAINING)
            elif oldest < self.programme.age_minimum:
                found.append(Reason.AGE_UNDER_15)
            elif youngest > self.programme.age_maximum:
                found.append(Reason.AGE_OVER_100)
        return found

    @staticmethod
    def _ages_at_training(i: int, day: Day | None, columns: dict[str, list[Any]]) -> tuple[int, int] | None:
        """Youngest and oldest possible age on the training day, in completed years; None where it is not known."""
        training: dt.date | None = columns["training_date"][i]
        if day is not None and day.earliest is not None and day.latest is not None:
            if training is None:
                return None
            return completed_years(day.latest, training), completed_years(day.earliest, training)
        if day is None and columns["age_low"][i] is not None:
            return columns["age_low"][i], columns["age_high"][i]
        return None

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

# whether a text is of the kind its column holds, right or wrong: only the wrong kind speaks for a slipped row
_FITS: dict[str, Callable[[str, Any], bool]] = {
    "sex": lambda _, value: value is not None,
    "trainee_type": lambda _, value: value is not None,
    "has_disability": lambda _, value: value is not None,
    "is_indigenous": lambda _, value: value is not None,
    "is_rural": lambda _, value: value is not None,
    "course_code": lambda text, value: value is not None or any(letter.isdigit() for letter in text),
    "birth_date": lambda text, _: _DATE_SHAPE.fullmatch(text) is not None or bool(_DATE_SHAPE.search(text)),
    "training_date": lambda text, _: bool(_DATE_SHAPE.search(text)),
    "age": lambda _, value: value is not None,
    "hours": lambda text, value: value is not None and len(text) <= 8,
    "phones": lambda text, _: sum(letter.isdigit() for letter in text) >= 5,
    "email": lambda text, _: "@" in text,
    "national_id": lambda text, _: any(letter.isdigit() for letter in text),
    # of a survey
    "first_training_date": lambda text, _: bool(_DATE_SHAPE.search(text)),
    "interview_date": lambda text, _: bool(_DATE_SHAPE.search(text)),
    **dict.fromkeys(QUESTIONS, lambda _, value: value is not None),
}


class _Words:
    """A lookup, folded once."""

    def __init__(self, lookup: Lookup) -> None:
        self._values = {fold_word(word): ours for ours, words in lookup.words.items() for word in words}
        self._otherwise = lookup.otherwise
        self.unknown = lookup.unknown

    def explains(self, words: set[str]) -> bool:
        """Whether one of these folded words stands in the lookup itself."""
        return not words.isdisjoint(self._values)

    def find(self, text: str) -> str | None:
        """Our value for their word; None for a word that nobody has explained."""
        return self._values.get(fold_word(text), self._otherwise)


def fold_word(text: str) -> str:
    """Text as lookups compare it: NFC, ASCII digits, one space between words, no case, no trailing stop."""
    return _SPACES.sub(" ", to_ascii_digits(unicodedata.normalize("NFC", text))).strip().rstrip(".").casefold()


def _extract(pattern: str, values: Sequence[str]) -> list[str]:
    compiled = re.compile(pattern)
    found: dict[str, str] = {}
    for value in set(values):
        match = compiled.search(value)
        found[value] = (match.group("value") or "").strip() if match else ""
    return [found[value] for value in values]


def _day(dates: Dates, programme: Programme, text: str) -> Day:
    return read_day(text, dates, programme.last_day.year)


def correct_cells(text: TextRows, partner: Sender, delivery_name: str) -> tuple[list[list[str]], dict[int, set[int]]]:
    """Return the cells with the contract's corrections applied, and row -> columns that one of them changed.

    Rows of a corrected workbook were sent with the corrections in them, and the partner has had the last word.

    Raises:
        DeliveryError: correction_stale.
    """
    corrections = [item for item in partner.contract.corrections if re.search(item.file, delivery_name)]
    if not corrections or text.stands_for:
        return text.cells, {}
    index = {fold_header(name): i for i, name in enumerate(text.header)}
    cells = [list(row) for row in text.cells]
    touched: dict[int, set[int]] = {}
    for item in corrections:
        conditions = {**item.where, item.column: item.was}
        unknown = [name for name in conditions if fold_header(name) not in index]
        hits = [
            i
            for i, row in enumerate(text.cells)
            if not unknown and all(row[index[fold_header(name)]].strip() == value for name, value in conditions.items())
        ]
        if len(hits) != item.expect:
            raise DeliveryError(
                ErrorCode.CORRECTION_STALE,
                f"{delivery_name}: the correction of column {item.column!r} expects {item.expect} rows and finds "
                f"{len(hits)}; the source has changed: edit or remove it under `corrections` in "
                f"{partner.contract_path}",
            )
        for i in hits:
            cells[i][index[fold_header(item.column)]] = item.becomes
            touched.setdefault(i, set()).add(index[fold_header(item.column)])
    return cells, touched


def row_identities(text: TextRows, partner: Sender, delivery_id: str) -> tuple[list[str], list[str]]:
    """Return record ids and content ids of every row, 32 hexadecimal digits each.

    The content id is a hash of the partner and all cells as delivered, running numbers left out; the record id is
    the same, or a hash of `record_key` where the source has an id of its own. Neither depends on our cleaning,
    on the order of columns, or on columns that are empty. A row of a corrected workbook that was not changed
    keeps the ids of the row it stands for.
    """
    contract = partner.contract
    numbers = {fold_header(name) for name in contract.row_number}
    index = {fold_header(name): i for i, name in enumerate(text.header)}
    kept = sorted((name, i) for name, i in index.items() if name not in numbers)
    key = [index[fold_header(name)] for name in contract.record_key if fold_header(name) in index]
    by_sheet = any(source.sheet is not None for source in contract.columns.values())
    sheets = text.said_sheets
    # an empty row has no content to be known by: its place among the empty rows stands in
    blanks_of = "" if partner.kind in ("cumulative", "snapshot") else delivery_id
    records, contents = [], []
    blanks = 0
    for i, row in enumerate(text.cells):
        parts = [f"{name}\x1e{value}" for name, at in kept if (value := row[at].strip())]
        if not parts:
            blanks += 1
            parts = [f"\x1eblank {blanks} {blanks_of}"]
        if by_sheet:
            parts.append(f"\x1esheet {sheets[i]}")
        content = _hash(partner.partner_id, parts)
        contents.append(content)
        named = [value for at in key if (value := row[at].strip())]
        records.append(_hash(partner.partner_id, ["\x1ekey", *named]) if named else content)
    for i, item in enumerate(text.stands_for):
        if item.act != "changed":
            records[i], contents[i] = item.record_id, item.content_id
    return records, contents


def _hash(partner_id: str, parts: list[str]) -> str:
    return hashlib.sha256("\x1f".join([partner_id, *parts]).encode("utf-8")).hexdigest()[:32]
