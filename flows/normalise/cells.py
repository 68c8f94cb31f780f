"""Reads single cells of a delivery by its contract: from a text to a canonical value, or to none."""

import re
import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from flows.readers.read import DeliveryError, ErrorCode, TextRows, fold_header
from flows.values.dates import Day, read_day
from flows.values.names import clean_name, convert_zawgyi, split_honorifics
from schemas.contract_parts import Dates, Lookup, Source
from schemas.languages import to_ascii_digits
from schemas.partner import Provider
from schemas.programme import Programme
from schemas.survey import QUESTIONS

# a row with so many values of the wrong kind has slipped; fewer are single mistakes
_SHIFT_MISFITS = 3
_SHIFT_SHARE = 0.5
# a word is shown in an error only when several rows share it: a single odd value may be a person's name
_SHOW_WORD_FROM = 3
_DATE_SHAPE = re.compile(r"\d.*\D.*\d|\d{5,8}(\.0)?|\d{4}", re.DOTALL)
_SPACES = re.compile(r"\s+")
_NAME_ORDERS = {
    "given_first": ("given_name", "middle_name", "surname", "name_suffix"),
    "family_first": ("surname", "middle_name", "given_name", "name_suffix"),
}


@dataclass
class CellReader:
    """Finds the text of our columns by a contract, whatever the rows are about; remembers every distinct text."""

    partner: Provider
    programme: Programme
    _memory: dict[tuple[str, str], Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        contract = self.partner.contract
        self._missing = {fold_word(word) for word in contract.missing} | {""}
        self._lookups = {name: _Words(lookup) for name, lookup in contract.lookups.items()}

    def _facts(
        self, text: TextRows, raw: dict[str, list[str]], read: dict[str, list[Any]], texts: Sequence[str]
    ) -> dict[str, list[Any]]:
        """Return ROW_FACTS of every row, and the text of the columns `texts`: None where there is no such column."""
        count = len(text.cells)
        nothing: list[Any] = [None] * count
        return {
            "is_blank": [not any(cell.strip() for cell in row) for row in text.cells],
            "is_shifted": self._shifted(raw, read, text.overflow),
            "is_orphan": text.orphan,
            "review_state": self._review_states(text),
            "has_unknown_word": self._unknown_words(raw, read, count),
            **{f"{name}_text": raw.get(name, nothing) for name in texts},
        }

    def _review_states(self, text: TextRows) -> list[str]:
        """Return for every row whether its review state at the source counts, is refused, or is unknown."""
        states = self.partner.contract.states
        if states is None:
            return ["counts"] * len(text.cells)
        known = {fold_word(word): "refused" for word in states.refused}
        known |= {fold_word(word): "counts" for word in states.counts}
        at = next((i for i, name in enumerate(text.header) if fold_header(name) == fold_header(states.header)), None)
        return [known.get("" if at is None else fold_word(row[at]), "unknown") for row in text.cells]

    def _unknown_words(self, raw: dict[str, list[str]], read: dict[str, list[Any]], count: int) -> list[bool]:
        """Return for every row whether a lookup that rejects unknown words does not explain one of its words."""
        # a course has a rule of its own
        judged = [
            (raw[name], read[name])
            for name, lookup in self._lookups.items()
            if lookup.unknown == "reject" and name != "course_code" and name in raw
        ]
        return [any(texts[i] and values[i] is None for texts, values in judged) for i in range(count)]

    # -- from cells to the text of our columns -----------------------------------------------------------------

    def _raw(
        self, name: str, source: Source, text: TextRows, cells: list[list[str]], delivery_names: list[str]
    ) -> list[str]:
        count = len(cells)
        if source.constant is not None:
            return [source.constant] * count
        if source.sheet is not None:
            return self._present(name, _extract(source.sheet, text.original_sheets))
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
        facts: dict[str, list[Any]],
    ) -> None:
        problems = []
        blank, shifted = facts["is_blank"], facts["is_shifted"]
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
            order = _NAME_ORDERS[self.partner.contract.names.order]
            whole = zip(*(parts[name] for name in order), strict=True)
            named = zip(parts["given_name"], parts["surname"], strict=True)
            columns["full_name"] = [
                # a middle name or suffix alone names nobody
                " ".join(filter(None, words)) if any(names) else None
                for words, names in zip(whole, named, strict=True)
            ]
        columns["honorific"] = [honorific or None for _, honorific in pairs]
        for name in ("surname", "given_name", "middle_name", "name_suffix", "latin_name"):
            columns[name] = [value or None for value in parts[name]]


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
