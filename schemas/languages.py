"""Digits and calendar words of the ten countries' languages: native digits to ASCII, month names to numbers.

The words themselves stand in languages.yml with their source; nothing here knows about a partner.
"""

import re
import unicodedata
from functools import cache
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from schemas.yaml_file import read_yaml

LANGUAGES_FILE = Path(__file__).parent / "languages.yml"
# Thailand's solar calendar counts from 543 BCE
BUDDHIST_AHEAD = 543

# Combining signs of the scripts used here; Python's \w leaves them out.
_SIGNS = (
    "\u0300-\u036f\u0b82\u0bbe-\u0bcd\u0e30-\u0e3a\u0e45\u0e47-\u0e4e\u0eb0-\u0ebc\u0ec8-\u0ece"
    "\u102b-\u103e\u17b4-\u17d3"
)
# Border of a word: no letter and no sign on that side; digits and underscores may touch it.
WORD_START = rf"(?<![^\W\d_])(?<![{_SIGNS}])"
WORD_END = rf"(?![^\W\d_])(?![{_SIGNS}])"

Twelve = Annotated[tuple[str, ...], Field(min_length=12, max_length=12)]


class Months(BaseModel):
    """Month words of one language, January first; a bar separates spellings of the same month."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    names: Twelve
    short: Twelve | tuple[()]


class Eras(BaseModel):
    """Marks beside a year that say what it is counted from."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    buddhist: tuple[str, ...]
    common: tuple[str, ...]


class Languages(BaseModel):
    """All words of languages.yml."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    digits: dict[str, Annotated[str, Field(min_length=10, max_length=10)]]
    months: dict[str, Months]
    weekdays: dict[str, tuple[str, ...]]
    date_words: dict[str, tuple[str, ...]]
    eras: Eras
    hours: tuple[str, ...]
    minutes: tuple[str, ...]
    age_words: tuple[str, ...]
    age_to: tuple[str, ...]
    age_below: tuple[str, ...]
    age_above: tuple[str, ...]
    age_and_above: tuple[str, ...]
    age_and_below: tuple[str, ...]
    nrc_letters: dict[str, str]


@cache
def load_languages(path: Path = LANGUAGES_FILE) -> Languages:
    """Return the words of all languages; raises pydantic.ValidationError where one is missing or unknown."""
    return Languages.model_validate(read_yaml(path))


_DIGITS = {ord(digit): str(value) for digits in load_languages().digits.values() for value, digit in enumerate(digits)}
# The Burmese letter wa and the digit zero look alike and are typed for each other.
_ZERO_FOR_WA = re.compile("\u1040(?=[\u102b-\u103e])")
_WA_FOR_ZERO = re.compile("(?<=[\u1040-\u1049])\u101d+(?![\u102b-\u103e])|\u101d+(?=[\u1040-\u1049])")


def to_ascii_digits(text: str) -> str:
    """Return `text` with every native digit as 0-9; a Burmese wa beside digits is a zero, and the reverse."""
    if text.isascii():
        return text
    if "\u1040" in text:
        text = _ZERO_FOR_WA.sub("\u101d", text)
    if "\u101d" in text:
        text = _WA_FOR_ZERO.sub(lambda found: "\u1040" * len(found[0]), text)
    return text.translate(_DIGITS)


# zero-width and bidirectional controls, soft hyphen, byte-order mark: pasted along, never meant
_INVISIBLE = dict.fromkeys(
    [
        0x00AD,
        0xFEFF,
        *range(0x200B, 0x2010),
        *range(0x202A, 0x202F),
        *range(0x2060, 0x2070),
        *range(0xFE00, 0xFE10),
    ]
)


def strip_invisible(text: str) -> str:
    """Return `text` in NFC without invisible characters; joiners go too, people type them at will."""
    return text if text.isascii() else unicodedata.normalize("NFC", text.translate(_INVISIBLE))


def word_pattern(words: tuple[str, ...]) -> str:
    """Return a regular expression of `words`, longest first, standing alone; blanks and dots are optional."""
    ordered = sorted(words, key=len, reverse=True)
    return rf"{WORD_START}(?:{'|'.join(_spelling(word) for word in ordered)}){WORD_END}"


def _spelling(word: str) -> str:
    """One word as a pattern: dots optional, any blank, dot, hyphen or underscore where it has a blank."""
    parts = []
    for piece in re.findall(r"\.| |\d+|[^. \d]+", word):
        if piece == ".":
            parts.append(r"\.?\s?")
        elif piece == " ":
            parts.append(r"[\s._-]*")
        elif piece.isdecimal():
            parts.append(rf"(?<!\d)0?{piece}(?!\d)")
        else:
            parts.append(re.escape(piece))
    return "".join(parts).removesuffix(r"\s?")


def _month_words() -> tuple[dict[str, int], str]:
    numbers: dict[str, int] = {}
    bordered: set[str] = set()
    glued: set[str] = set()
    for months in load_languages().months.values():
        for words, is_short in ((months.names, False), (months.short, True)):
            for number, spellings in enumerate(words, start=1):
                for word in spellings.split("|"):
                    keys = {
                        _month_key(word),
                        _month_key(re.sub(r"\d+", lambda found: found[0].zfill(2), word)),
                    }
                    for key in keys:
                        if numbers.setdefault(key, number) != number:
                            raise ValueError(f"{LANGUAGES_FILE}: {word!r} means month {numbers[key]} and {number}")
                    # one letter is too little to find a month by
                    if len(_month_key(word)) > 1:
                        (bordered if is_short or _is_latin(word) else glued).add(word)
    names = "|".join(_spelling(word) for word in sorted(glued, key=len, reverse=True))
    return numbers, rf"(?:{word_pattern(tuple(bordered))}\.?|(?:{names})(?![{_SIGNS}]))"


def _is_latin(word: str) -> bool:
    return unicodedata.normalize("NFD", word)[0].isascii() and word[0].isalpha()


def _month_key(word: str) -> str:
    return re.sub(r"[\s._-]", "", unicodedata.normalize("NFC", word).casefold())


# MONTH_PATTERN has no group; search NFC text with re.IGNORECASE and give the match to month_number.
_MONTH_NUMBERS, MONTH_PATTERN = _month_words()


def month_number(word: str) -> int | None:
    """Return 1-12 for a month word of any language; case, dots and blanks do not matter. None otherwise."""
    return _MONTH_NUMBERS.get(_month_key(word))
