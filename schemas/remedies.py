"""What a partner is told about a row, in English and in the language of its country: the sentences of remedies.yml.

Every reason and every flag has one sentence in each language; the programme's bounds are filled in.
"""

import datetime as dt
import string
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, model_validator

from schemas.languages import BUDDHIST_AHEAD, load_languages
from schemas.programme import Programme
from schemas.reasons import Flag, Reason
from schemas.yaml_file import read_yaml

REMEDIES_FILE = Path(__file__).parent / "remedies.yml"
ENGLISH = "en"


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Language(_Part):
    """A language: its own name, its letters as Unicode names them, and how it writes a day."""

    name: str
    script: str
    day: str


class Said(_Part):
    """What is said of one reason or flag: our column that it is about, and a sentence in each language."""

    column: str | None
    says: dict[str, str]


class Sentences(_Part):
    """All of remedies.yml; nothing is missing in any language, and placeholders agree."""

    languages: dict[str, Language]
    countries: dict[str, str]
    reasons: dict[Reason, Said]
    flags: dict[Flag, Said]
    phrases: dict[str, dict[str, str]]

    @property
    def entries(self) -> dict[str, dict[str, str]]:
        """Every entry by its name: language -> words."""
        coded = {str(code): said.says for code, said in (*self.reasons.items(), *self.flags.items())}
        return {**coded, **self.phrases}

    @model_validator(mode="after")
    def _is_complete(self) -> "Sentences":
        for missing in (set(Reason) - set(self.reasons), set(Flag) - set(self.flags)):
            if missing:
                raise ValueError(f"nothing is said of {', '.join(sorted(missing))}")
        if unknown := set(self.countries.values()) - set(self.languages):
            raise ValueError(f"countries: no such language: {', '.join(sorted(unknown))}")
        for name, says in self.entries.items():
            if lacking := set(self.languages) ^ set(says):
                raise ValueError(f"{name}: languages that are missing or unknown: {', '.join(sorted(lacking))}")
            if len({frozenset(placeholders(words)) for words in says.values()}) > 1:
                raise ValueError(f"{name}: the placeholders are not the same in every language")
        return self


def placeholders(words: str) -> set[str]:
    """Return the names in braces."""
    return {name for _, name, _, _ in string.Formatter().parse(words) if name is not None}


@cache
def load_remedies(path: Path = REMEDIES_FILE) -> Sentences:
    """Return every sentence; raises pydantic.ValidationError where one is missing, or its placeholders differ."""
    return Sentences.model_validate(read_yaml(path))


@dataclass(frozen=True)
class Remedy:
    """The canonical column a reason or flag is about (None: the whole row) and what the partner should do."""

    column: str | None
    sentence: str


def language_of(country_code: str) -> str:
    """Return the language in which a country's partners keep their lists; English where nobody has said it."""
    # a country that was added yesterday is no error: its partner reads English until somebody translates
    return load_remedies().countries.get(country_code, ENGLISH)


def write_day(day: dt.date, language: str) -> str:
    """Return a day as the language writes it, in ASCII digits; the month as a word, or ISO 8601 in English."""
    months = load_languages().months
    month = months[language].names[day.month - 1].split("|")[0]
    return (
        load_remedies()
        .languages[language]
        .day.format(
            day=day.day, month=month, year=day.year, buddhist_year=day.year + BUDDHIST_AHEAD, iso=day.isoformat()
        )
    )


def _bounds(programme: Programme, language: str, courses: tuple[str, ...] | None) -> dict[str, str]:
    return {
        "first_day": write_day(programme.first_day, language),
        "last_day": write_day(programme.last_day, language),
        "age_minimum": str(programme.age_minimum),
        "age_maximum": str(programme.age_maximum),
        "hours_maximum": f"{programme.hours_maximum:g}",
        "courses": ", ".join(courses or sorted(programme.courses)),
    }


def _filled(said: Mapping[Any, Said], language: str, bounds: Mapping[str, str]) -> dict[Any, Remedy]:
    return {code: Remedy(item.column, item.says[language].format_map(bounds)) for code, item in said.items()}


def remedies(
    programme: Programme, language: str = ENGLISH, courses: tuple[str, ...] | None = None
) -> dict[Reason, Remedy]:
    """Return column and sentence for every reason, the programme's bounds filled in.

    Args:
        programme: Whose bounds.
        language: One of remedies.yml.
        courses: Words by which the partner knows the courses; the catalogue's codes without them.
    """
    return _filled(load_remedies().reasons, language, _bounds(programme, language, courses))


def flag_remedies(programme: Programme, language: str = ENGLISH) -> dict[Flag, Remedy]:
    """Return column and sentence for every flag."""
    return _filled(load_remedies().flags, language, _bounds(programme, language, None))


def phrase(name: str, language: str, **filled: str) -> str:
    """Return words of a workbook in one language."""
    return load_remedies().phrases[name][language].format(**filled)
