"""Finds the cells that a reason or flag is about, and the sentences for the partner in two languages.

The contract says in which column a value is. Without a column for the birth date the age column is meant, without
one for the full name the columns of its parts.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from flows.normalise.cells import fold_word
from flows.readers.headers import fold_header
from schemas.partner import Partner
from schemas.programme import Programme
from schemas.reasons import WHOLE_ROW, Flag, Reason
from schemas.remedies import ENGLISH, Remedy, flag_remedies, language_of, remedies

Code = Reason | Flag

# columns to look at instead, if the first has no value
_STAND_INS = {"birth_date": ("age",), "full_name": ("surname", "given_name")}
# two values contradict each other, and either can be wrong
_OTHER_VALUE = {Reason.BIRTH_AFTER_TRAINING: "training_date", Flag.AGE_DISAGREES: "birth_date"}


@dataclass(frozen=True)
class CellError:
    """One thing that is wrong with a row: the columns it is about, and a sentence in each language, English first.

    `on_sheet`: the value comes from the name of the sheet. No column and not `on_sheet`: there is no cell for it.
    """

    code: Code
    columns: tuple[int, ...]
    on_sheet: bool
    sentences: tuple[str, ...]


@dataclass(frozen=True)
class CellErrorFinder:
    """Finds the errors in the cells of one partner's rows."""

    partner: Partner
    programme: Programme

    @property
    def languages(self) -> tuple[str, ...]:
        """English and the language of the country, once where they are the same."""
        return tuple(dict.fromkeys((ENGLISH, language_of(self.partner.country_code))))

    @cached_property
    def said(self) -> dict[str, dict[Code, Remedy]]:
        """Language -> the sentence for each reason and flag; courses in the partner's own words."""
        courses = self.words("course_code") or None
        found: dict[str, dict[Code, Remedy]] = {}
        for language in self.languages:
            rejected = remedies(self.programme, language, courses)
            pairs: list[tuple[Code, Remedy]] = [
                *rejected.items(),
                *flag_remedies(self.programme, language).items(),
            ]
            found[language] = dict(pairs)
        return found

    def words(self, column: str) -> tuple[str, ...]:
        """The partner's own words for a column where these are all there are; the catalogue's codes for courses."""
        contract = self.partner.contract
        lookup = contract.lookups.get(column)
        if lookup is not None and lookup.otherwise is None:
            return tuple(dict.fromkeys(word for words in lookup.words.values() for word in words))
        return tuple(sorted(self.programme.courses)) if column == "course_code" and lookup is None else ()

    def cell_errors(
        self, codes: Sequence[Code], header: Sequence[str], cells: Sequence[str], corrected: Sequence[int]
    ) -> tuple[CellError, ...]:
        """Return one error for each code, in order.

        Args:
            codes: Reasons or flags of the row.
            header: Its headings.
            cells: Its values, as many.
            corrected: Columns that a correction of the contract changed.
        """
        said = self.said
        found = []
        for code in codes:
            columns = self._columns(code, said[ENGLISH][code].column, header, cells, corrected)
            label = " / ".join(" ".join(header[i].split()) for i in columns) if code not in WHOLE_ROW else ""
            allowed = self._allowed(code, header, columns)
            sentences = []
            for language in self.languages:
                text = said[language][code].sentence + (f" ({' / '.join(allowed)})" if allowed else "")
                sentences.append(f"{label}: {text}" if label else text)
            found.append(CellError(code, columns, self._on_sheet(said[ENGLISH][code].column), tuple(sentences)))
        return tuple(found)

    def _on_sheet(self, column: str | None) -> bool:
        source = self.partner.contract.columns.get(column or "")
        return source is not None and source.sheet is not None

    def _allowed(self, code: Code, header: Sequence[str], columns: Sequence[int]) -> tuple[str, ...]:
        if code is not Reason.UNKNOWN_WORD:
            return ()
        there = {fold_header(header[i]) for i in columns}
        return tuple(
            dict.fromkeys(
                word
                for name in self.partner.contract.lookups
                if there & {fold_header(item) for item in self._headers(name)}
                for word in self.words(name)
            )
        )

    def _headers(self, column: str) -> tuple[str, ...]:
        source = self.partner.contract.columns.get(column)
        return () if source is None else source.header or ()

    def places(self, column: str, header: Sequence[str]) -> list[int]:
        """Indexes in `header` of the headings from which our column is read."""
        wanted = {fold_header(name) for name in self._headers(column)}
        return [i for i, name in enumerate(header) if fold_header(name) in wanted]

    def _columns(
        self, code: Code, column: str | None, header: Sequence[str], cells: Sequence[str], corrected: Sequence[int]
    ) -> tuple[int, ...]:
        if code in WHOLE_ROW:
            return tuple(range(len(header)))
        if code is Flag.CORRECTED:
            return tuple(sorted(corrected))
        if code is Reason.UNKNOWN_WORD:
            return tuple(self._unknown_words(header, cells))
        if code is Reason.ORPHAN_ROW:
            return tuple(self._keys(header))
        if code in (Reason.REFUSED_AT_SOURCE, Reason.UNKNOWN_STATE):
            return tuple(self._state(header))
        found = self._pointed(column, header, cells) if column is not None else []
        if code in _OTHER_VALUE:
            found += self._pointed(_OTHER_VALUE[code], header, cells)
        return tuple(dict.fromkeys(found))

    def _pointed(self, column: str, header: Sequence[str], cells: Sequence[str]) -> list[int]:
        """Columns to look at: those that are filled in, else the first that could be."""
        places = self.places(column, header)
        others = [i for name in _STAND_INS.get(column, ()) for i in self.places(name, header)]
        filled = [i for i in places if cells[i].strip()]
        if filled:
            return filled
        if column == "birth_date" and any(cells[i].strip() for i in others):
            return [i for i in others if cells[i].strip()]
        return places[:1] or (others if column == "full_name" else others[:1])

    def _state(self, header: Sequence[str]) -> list[int]:
        states = self.partner.contract.states
        wanted = fold_header(states.header) if states is not None else ""
        return [i for i, name in enumerate(header) if fold_header(name) == wanted]

    def _keys(self, header: Sequence[str]) -> list[int]:
        contract = self.partner.contract
        parts = [part.key for part in (contract.file.child, contract.file.parent) if part is not None]
        wanted = {fold_header(name) for name in (*parts, *contract.record_key)}
        return [i for i, name in enumerate(header) if fold_header(name) in wanted]

    def _unknown_words(self, header: Sequence[str], cells: Sequence[str]) -> list[int]:
        contract = self.partner.contract
        missing = {fold_word(word) for word in contract.missing} | {""}
        found = []
        for name, lookup in contract.lookups.items():
            if name == "course_code" or lookup.unknown != "reject" or lookup.otherwise is not None:
                continue
            known = {fold_word(word) for words in lookup.words.values() for word in words} | missing
            found += [i for i in self.places(name, header) if fold_word(cells[i]) not in known]
        return found
