"""Computes forms of words of names that can be compared: romanised and folded, by the customs of each tradition.

The customs are data (traditions.yml). Names are romanised, or written with one byte a letter, because DuckDB's string
metrics compare bytes: letters of Thai, Khmer, Lao and Burmese start with the same bytes, so that unrelated names
would look alike.
"""

import re
import unicodedata
from dataclasses import dataclass, field
from enum import Enum
from functools import cache, lru_cache
from pathlib import Path
from typing import Any, NamedTuple

from pydantic import BaseModel, ConfigDict, Field

import schemas
from schemas.languages import to_ascii_digits
from schemas.yaml_file import read_yaml

TRADITIONS_FILE = Path(__file__).parent / "traditions.yml"
_NAMING_FILE = Path(schemas.__file__).parent / "naming.yml"
_NOT_LETTER = re.compile(r"[^a-z]+")
_REPEATED = re.compile(r"(.)\1+")
_DIGITS = re.compile(r"[0-9]+")
_WITHIN_NAME = re.compile(r"(?<=[a-z])['`’](?=[a-z])")
# one-byte codes for letters with marks: every printable ASCII character but blank and small letters
_SPARE_CODES = "".join(chr(code) for code in range(0x21, 0x7F) if not chr(code).islower())
_CODE_POINTS = 0x80
# there are far fewer words than names: a cache of words serves millions of names
_WORDS = 1 << 18


class _Fact(BaseModel):
    """A section of traditions.yml, with its purpose and its source."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    why: str = Field(min_length=10)
    source: str = Field(min_length=4)


class _Words(_Fact):
    words: tuple[str, ...]


class _Articles(_Words):
    beside: tuple[str, ...]


class _ShortForms(_Fact):
    words: dict[str, tuple[str, ...]]


class _Suffixes(_Fact):
    anywhere: dict[str, tuple[str, ...]]
    own_column: dict[str, tuple[str, ...]]


class _Folds(_Fact):
    pairs: tuple[tuple[str, str], ...]


class _Letters(_Fact):
    letters: str


class _Pattern(_Fact):
    pattern: str


class _Latin(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    joining_words: _Words
    articles: _Articles
    short_forms: _ShortForms
    suffixes: _Suffixes
    folds: _Folds
    vowels: _Letters
    consonants: _Folds
    silent_ending: _Pattern
    marked_letters: _Letters


class _Medial(BaseModel):
    """A sign between onset and rime, its letter, and the onsets before which it is spoken (default: all)."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    sign: str
    letter: str
    before: str | None = None


class _Syllables(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    onsets: dict[str, str]
    vowels: dict[str, str]
    rimes: dict[str, str]
    slurred: _Medial
    rounded: _Medial
    breathed: _Medial
    unwritten: str


class _Script(_Fact):
    block: int = Field(ge=0x80)
    rewrites: tuple[tuple[str, str], ...]
    syllables: _Syllables | None = None


class _Traditions(BaseModel):
    """All of traditions.yml."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    latin: _Latin
    scripts: dict[str, _Script]


@dataclass(frozen=True)
class _Romaniser:
    """The rules of one script, compiled."""

    block: int
    rewrites: tuple[tuple[re.Pattern[str], str], ...]
    syllables: _Syllables | None
    syllable: re.Pattern[str] | None

    def apply(self, word: str) -> str:
        for pattern, written in self.rewrites:
            word = pattern.sub(written, word)
        return word if self.syllable is None else self.syllable.sub(self._spell, word)

    def _spell(self, found: re.Match[str]) -> str:
        table = self.syllables
        if table is None:
            raise ValueError("a script without syllables has none to spell")
        onset, slurred, rounded, breathed, rime = (part or "" for part in found.groups())
        if onset in table.vowels:
            return f"{table.vowels[onset]} "
        letters = table.onsets[onset]
        breath = table.breathed.letter if breathed and letters[:1] in tuple(table.breathed.before or letters) else ""
        if rounded and rounded + rime in table.rimes:
            vowel = table.rimes[rounded + rime]
        else:
            vowel = (table.rounded.letter if rounded else "") + (table.rimes[rime] if rime else table.unwritten)
        return f"{breath}{letters}{table.slurred.letter if slurred else ''}{vowel} "


@dataclass(frozen=True)
class _Customs:
    """The traditions, compiled."""

    particles: frozenset[str]
    slashed: frozenset[str]
    beside: frozenset[str]
    articles: frozenset[str]
    short_forms: dict[str, str]
    suffixes: dict[str, str]
    column_suffixes: dict[str, str]
    folds: tuple[tuple[str, str], ...]
    # folds of single letters that do not depend on each other: str.translate does all of them in one step
    letter_folds: dict[int, str]
    # vowels map to nothing, a consonant to the one that represents it in all scripts
    consonants: dict[int, str | None]
    silent_ending: re.Pattern[str]
    codes: dict[int, int]
    scripts: dict[str, _Romaniser] = field(default_factory=dict)


@cache
def _customs() -> _Customs:
    known = _Traditions.model_validate(read_yaml(TRADITIONS_FILE))
    joining = [str(word) for word in read_yaml(_NAMING_FILE)["particles"]]
    latin = known.latin
    suffixes = {word: suffix for suffix, words in latin.suffixes.anywhere.items() for word in words}
    own = {word: suffix for suffix, words in latin.suffixes.own_column.items() for word in words}
    several, single = _split_folds(latin.folds.pairs)
    return _Customs(
        particles=frozenset(word for word in joining if "/" not in word) | frozenset(latin.joining_words.words),
        slashed=frozenset(word for word in joining if "/" in word),
        beside=frozenset(latin.articles.beside),
        articles=frozenset(latin.articles.words),
        short_forms={word: name for name, words in latin.short_forms.words.items() for word in words},
        suffixes=suffixes,
        column_suffixes=suffixes | own,
        folds=several,
        letter_folds=single,
        consonants=dict.fromkeys(map(ord, latin.vowels.letters))
        | {ord(letter): sound for letter, sound in latin.consonants.pairs},
        silent_ending=re.compile(latin.silent_ending.pattern),
        codes=dict(zip(map(ord, latin.marked_letters.letters), map(ord, _SPARE_CODES), strict=False)),
        scripts={name: _compile(script) for name, script in known.scripts.items()},
    )


def _split_folds(folds: tuple[tuple[str, str], ...]) -> tuple[tuple[tuple[str, str], ...], dict[int, str]]:
    """Return the folds to apply one after the other, and the independent folds of single letters at the end."""
    single: dict[int, str] = {}
    for place in range(len(folds), 0, -1):
        spelling, sound = folds[place - 1]
        if len(spelling) > 1 or any(ord(letter) in single for letter in sound):
            return folds[:place], single
        single[ord(spelling)] = sound
    return (), single


def _compile(script: _Script) -> _Romaniser:
    table, syllable = script.syllables, None
    if table is not None:
        rimes = {rime.removeprefix(table.rounded.sign) for rime in table.rimes}
        syllable = re.compile(
            f"({_longest_first(table.onsets | table.vowels)})({table.slurred.sign}?)({table.rounded.sign}?)"
            f"({table.breathed.sign}?)({_longest_first(rimes)})?"
        )
    rewrites = tuple((re.compile(pattern), written) for pattern, written in script.rewrites)
    return _Romaniser(script.block, rewrites, table, syllable)


def _longest_first(parts: Any) -> str:
    return "|".join(sorted(parts, key=len, reverse=True))


@lru_cache(maxsize=1 << 12)
def _letter_script(letter: str) -> str:
    return unicodedata.name(letter, "").partition(" ")[0]


def name_script(name: str) -> str:
    """Return the script of a name's first letter as Unicode names it (LATIN, THAI, MYANMAR ...); '' without one."""
    for character in name:
        if character.isalpha():
            return _letter_script(character)
    return ""


@lru_cache(maxsize=_WORDS)
def _romanise_word(word: str) -> str:
    """Return a word in lower-case ASCII letters; it can become several words, or '' if it has no letters."""
    customs = _customs()
    text = word.replace("Đ", "D").replace("đ", "d")
    rules = customs.scripts.get(name_script(word))
    if rules is not None:
        text = rules.apply(text)
    if not text.isascii():
        stripped = "".join(part for part in unicodedata.normalize("NFKD", text) if not unicodedata.combining(part))
        if not stripped.isascii():
            # in these scripts combining marks are letters: transliterate the text with its marks
            from anyascii import anyascii

            stripped = str(anyascii(text))
        text = stripped
    plain = " ".join(part for part in text.lower().split() if part not in customs.slashed)
    # an apostrophe is part of a name
    return _NOT_LETTER.sub(" ", _WITHIN_NAME.sub("", plain)).strip()


def romanise(name: str) -> str:
    """Return a name in lower-case ASCII letters and single blanks; accents off, other scripts transliterated."""
    return " ".join([roman for word in name.split() if (roman := _romanise_word(word))])


def read_suffix(column: str) -> str:
    """Return the suffix (jr, sr, ii, iii ...) from a column for suffixes; '' without one."""
    return _first_suffix(column, _customs().column_suffixes)


def _first_suffix(text: str, suffixes: dict[str, str]) -> str:
    words = (word.strip(".,()").lower() for word in text.split())
    return next((suffixes[word] for word in words if word in suffixes), "")


@lru_cache(maxsize=_WORDS)
def fold(word: str) -> str:
    """Return a romanised word with its spelling variants folded (ph=p, th=t, ee=i, oo=u, v=w, r=l, doubles)."""
    return _fold(word)


def _fold(word: str) -> str:
    customs = _customs()
    for spelling, sound in customs.folds:
        if spelling in word:
            word = word.replace(spelling, sound)
    return _REPEATED.sub(r"\1", word.translate(customs.letter_folds))


def fold_or_word(word: str) -> str:
    """Return the folded form of a romanised word; the word itself if nothing would remain."""
    return fold(word) or word


@lru_cache(maxsize=_WORDS)
def consonants(word: str) -> str:
    """Return the consonants of a romanised word; the same whether it was written in Latin letters or its own script."""
    customs = _customs()
    return _fold(customs.silent_ending.sub("", word)).translate(customs.consonants)


@lru_cache(maxsize=_WORDS)
def letter_code(word: str) -> str:
    """Return a word with one byte a letter, so that a distance counts letters; '' without letters.

    A letter of a script in traditions.yml becomes its number in the script's block. Plain Latin letters, and those
    with marks that make another letter, stay different. Other letters lose their marks or are left out.
    """
    customs = _customs()
    rules = customs.scripts.get(name_script(word))
    if rules is not None:
        numbers = (ord(letter) - rules.block for letter in unicodedata.normalize("NFC", word))
        return "".join(chr(number) for number in numbers if 0 < number < _CODE_POINTS)
    letters = []
    for letter in unicodedata.normalize("NFC", word.lower()):
        code = customs.codes.get(ord(letter))
        plain = unicodedata.normalize("NFKD", letter)[0] if code is None else chr(code)
        if code is not None or ("a" <= plain <= "z"):
            letters.append(plain)
    return "".join(letters)


class WrittenWord(NamedTuple):
    """One word of a name as written: its romanised words (none, one or several), letter code, script and suffix."""

    romans: tuple[str, ...]
    code: str
    script: str
    suffix: str


@lru_cache(maxsize=_WORDS)
def written_word(word: str) -> WrittenWord:
    """Return the forms of one word of a name, which do not depend on the other words."""
    return WrittenWord(
        tuple(_romanise_word(word).split()),
        letter_code(word),
        name_script(word),
        _first_suffix(word, _customs().suffixes),
    )


class WordKind(Enum):
    """What a romanised word can be; a word can be several of them."""

    OF_A_NAME = "neither a particle, nor a suffix, nor an initial"
    ARTICLE = "left out next to certain particles"
    BESIDE_ARTICLE = "a particle that an article next to it belongs to"
    SUFFIX = "distinguishes relatives of the same name"


@lru_cache(maxsize=_WORDS)
def word_kind(word: str) -> frozenset[WordKind]:
    """Return what a romanised word can be."""
    customs = _customs()
    is_of_a_name = len(word) > 1 and word not in customs.particles and word not in customs.suffixes
    found = {
        WordKind.OF_A_NAME: is_of_a_name,
        WordKind.ARTICLE: word in customs.articles,
        WordKind.BESIDE_ARTICLE: word in customs.beside,
        WordKind.SUFFIX: word in customs.suffixes,
    }
    return frozenset(kind for kind, holds in found.items() if holds)


def full_form(word: str) -> str:
    """Return the full form of a customary short form (Mohd: Muhammad), else the word itself."""
    return _customs().short_forms.get(word, word)


def folds() -> tuple[tuple[str, str], ...]:
    """Return spellings and the sound that each is folded to, in the order of folding."""
    customs = _customs()
    return (*customs.folds, *((chr(letter), sound) for letter, sound in customs.letter_folds.items()))


def place_key(place: str) -> str:
    """Return a place's name without case, accents, blanks and spelling variants."""
    return fold(romanise(place).replace(" ", ""))


def address_numbers(address: str) -> str:
    """Return the runs of digits of an address, each once, sorted, separated by blanks: unit, house, lot, street."""
    return " ".join(sorted(set(_DIGITS.findall(to_ascii_digits(address)))))


def address_letters(address: str) -> str:
    """Return an address in lower-case ASCII letters, without its numbers and blanks."""
    return romanise(address).replace(" ", "")
