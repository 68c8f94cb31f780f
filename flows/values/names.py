"""Names as they are kept: cleaned, without honorifics, and in Unicode where they were typed in Zawgyi.

Titles are data (schemas/naming.yml); the code only knows the positions in which a title can stand.
"""

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict

import schemas
from schemas.languages import strip_invisible
from schemas.yaml_file import read_yaml

NAMING_FILE = Path(schemas.__file__).parent / "naming.yml"

_SPACES = re.compile(r"[\s\u3164]+")
_ENDS = " \t\"'`´“”‘’«»‹›„.,;:·•*_|/\\-‐–—=+?!#~^၊။។ฯ"
# Ways to type the same Thai or Lao vowel that NFC keeps apart: e twice for ae; ring and aa of am apart, or
# the tone mark of am in the wrong place.
_VOWELS = (
    (re.compile("เเ"), "แ"),
    (re.compile("\u0e4d([\u0e48-\u0e4b]?)\u0e32|\u0e33([\u0e48-\u0e4b])"), "\\1\\2\u0e33"),
    (re.compile("\u0ecd([\u0ec8-\u0ecb]?)\u0eb2|\u0eb3([\u0ec8-\u0ecb])"), "\\1\\2\u0eb3"),
)

# Signs that lean on the letter before them: no name begins with one.
_DEPENDENT = re.compile(r"[\u0e30-\u0e3a\u0e45-\u0e4e\u0eb0-\u0ebc\u0ec8-\u0ece\u102b-\u103e\u17b4-\u17d3]")
# A Burmese syllable begins with a letter that neither closes one (asat) nor stands in a stack (virama).
_SYLLABLE_START = "[\u1000-\u102a\u103f](?![\u103a\u1039])"
_BURMESE_SYLLABLE = re.compile(rf"(?<!\u1039){_SYLLABLE_START}")
_LATIN_SYLLABLE = re.compile(r"[aeiouy]+")


def clean_name(text: str) -> str:
    """Return the name in NFC, blanks collapsed, without invisible characters and stray marks at its ends.

    '' where no letter is left, which no name is.
    """
    visible = "".join(letter for letter in strip_invisible(text) if letter.isprintable() or letter.isspace())
    name = _SPACES.sub(" ", visible).strip(_ENDS)
    for typed, meant in _VOWELS:
        name = typed.sub(meant, name)
    return name if any(letter.isalpha() for letter in name) else ""


class _Titles(BaseModel):
    """Titles of one language by the position they stand in; see schemas/naming.yml."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    glued: tuple[str, ...] = ()
    before: tuple[str, ...] = ()
    ambiguous: tuple[str, ...] = ()
    family: tuple[str, ...] = ()
    families: tuple[str, ...] = ()
    inside: tuple[str, ...] = ()
    after: tuple[str, ...] = ()
    after_comma: tuple[str, ...] = ()


class _Naming(BaseModel):
    """All of schemas/naming.yml."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    particles: tuple[str, ...]
    languages: dict[str, _Titles]


@cache
def _naming() -> _Naming:
    return _Naming.model_validate(read_yaml(NAMING_FILE))


@dataclass(frozen=True)
class _Patterns:
    """The titles of some languages, compiled; None where there are none of a kind."""

    glued: re.Pattern[str] | None
    before: re.Pattern[str] | None
    ambiguous: re.Pattern[str] | None
    ambiguous_burmese: re.Pattern[str] | None
    family: re.Pattern[str] | None
    inside: re.Pattern[str] | None
    after: re.Pattern[str] | None
    particle: re.Pattern[str]


def split_honorifics(name: str, languages: tuple[str, ...]) -> tuple[str, str]:
    """Return the clean `name` without the titles of `languages`, and those titles as written.

    Several titles in a row are all split off. A name is never split away whole, and a title right before a
    particle (Awang bin Ali) is a name. Raises KeyError for a language without titles in schemas/naming.yml.
    """
    if not languages or not name:
        return name, ""
    patterns = _patterns(languages)
    front: list[str] = []
    back: list[str] = []
    while (cut := _title_in_front(name, patterns)) is not None:
        title, name = cut
        front.append(title)
    if not front and (swapped := _title_of_swapped(name, patterns)) is not None:
        title, name = swapped
        front.append(title)
    while (cut := _title_behind(name, patterns)) is not None:
        name, title = cut
        back.insert(0, title)
    name, middle = _titles_inside(name, patterns)
    return name, " ".join(front + middle + back)


def _title_in_front(name: str, patterns: _Patterns) -> tuple[str, str] | None:
    """The title that `name` begins with and the rest, or None."""
    for pattern in (patterns.glued, patterns.before, patterns.inside, patterns.family):
        found = pattern.match(name) if pattern is not None else None
        if found is not None and _is_name(rest := name[found.end() :].lstrip(" .,"), patterns):
            return found[0].strip(" ,"), rest
    for pattern in (patterns.ambiguous, patterns.ambiguous_burmese):
        found = pattern.match(name) if pattern is not None else None
        if found is None:
            continue
        title, rest = found[0].strip(" ,"), name[found.end() :].lstrip(" .,")
        if _is_name(rest, patterns) and not _is_doubled(title, rest) and _syllables(rest) >= 2:
            return title, rest
    return None


def _title_of_swapped(name: str, patterns: _Patterns) -> tuple[str, str] | None:
    """The title of a given name written last ('Thongdi Mr.Somchai', 'Somchai Thongdi Mr.'), and the name."""
    words = name.split(" ")
    if patterns.glued is None or len(words) < 2:
        return None
    found = patterns.glued.match(words[-1])
    if found is None:
        return None
    rest = words[-1][found.end() :]
    if not rest:
        return found[0], " ".join(words[:-1])
    return (found[0], " ".join([*words[:-1], rest])) if _is_name(rest, patterns) and len(words) == 2 else None


def _is_name(rest: str, patterns: _Patterns) -> bool:
    """Whether what stays behind a title can be a name."""
    return (
        any(letter.isalpha() for letter in rest)
        and _DEPENDENT.match(rest) is None
        and patterns.particle.match(rest) is None
    )


def _is_doubled(title: str, rest: str) -> bool:
    """Whether the title is said exactly twice: Ko Ko is a name, Ko Ko Ko is Ko Ko with a title."""
    twice = re.compile(rf"{re.escape(title)}(?:$|\s+|(?={_SYLLABLE_START}))", re.IGNORECASE)
    times = 1
    while (found := twice.match(rest)) is not None:
        rest = rest[found.end() :]
        times += 1
    return times == 2


def _syllables(text: str) -> int:
    """Syllables of a Burmese name in either script, other letters by the word."""
    burmese = len(_BURMESE_SYLLABLE.findall(text))
    return burmese or max(len(text.split()), len(_LATIN_SYLLABLE.findall(text.casefold())))


def _title_behind(name: str, patterns: _Patterns) -> tuple[str, str] | None:
    found = patterns.after.search(name) if patterns.after is not None else None
    if found is None or not any(letter.isalpha() for letter in name[: found.start()]):
        return None
    return name[: found.start()].rstrip(" ,."), found[0].strip(" ,")


def _titles_inside(name: str, patterns: _Patterns) -> tuple[str, list[str]]:
    """Titles behind the first word, as in binti Haji Ahmad; the last word stays what it is."""
    if patterns.inside is None:
        return name, []
    words = name.split(" ")
    titles = [word for word in words[1:-1] if patterns.inside.fullmatch(word + " ")]
    kept = [words[0]] + [word for word in words[1:-1] if word not in titles] + words[1:][-1:]
    return " ".join(kept), titles


@cache
def _patterns(languages: tuple[str, ...]) -> _Patterns:
    titles = [_naming().languages[language] for language in languages]

    def every(kind: str) -> list[str]:
        return [word for table in titles for word in getattr(table, kind)]

    families = _spellings(every("families"))
    burmese = [word for word in every("ambiguous") if "\u1000" <= word[0] <= "\u109f"]
    after, after_comma = _spellings(every("after")), _spellings(every("after_comma"))
    behind = [rf"[\s,]\s*(?:{after})\.?$"] if after else []
    behind += [rf",\s*(?:{after_comma})\.?$"] if after_comma else []
    # Chinese titles touch the name
    behind += [rf"\s*(?:{touching})$"] if (touching := _spellings(w for w in every("after") if w[0] > "\u3000")) else []
    return _Patterns(
        glued=_compiled(every("glued"), r"(?:{})\s*"),
        before=_compiled(every("before"), r"(?:{})(?:\.\s*|[\s,]+)"),
        ambiguous=_compiled([w for w in every("ambiguous")], r"(?:{})(?:\.\s*|\s+)"),
        # without a blank the next syllable must begin right behind the title
        ambiguous_burmese=_compiled(burmese, rf"(?:{{}})(?={_SYLLABLE_START})"),
        family=_compiled(every("family"), rf"(?:{{}})[.:]?\s+(?=(?:{families})\s)"),
        inside=_compiled(every("inside"), r"(?:{})(?:\.\s*|\s+)"),
        after=re.compile("|".join(behind), re.IGNORECASE) if behind else None,
        particle=re.compile(rf"(?:{_spellings(_naming().particles)})\.?\s", re.IGNORECASE),
    )


def _compiled(words: list[str], frame: str) -> re.Pattern[str] | None:
    return re.compile(frame.replace("{}", _spellings(words)), re.IGNORECASE) if words else None


def _spellings(words: Iterable[str]) -> str:
    """Words as alternatives, longest first; blanks behind dots, the last dot and the apostrophe are free."""
    ordered = sorted(set(words), key=len, reverse=True)
    return "|".join(
        re.escape(word.removesuffix(".")).replace(r"\.", r"\.\s?").replace(r"\ ", r"\s+").replace("'", "['’‘`]?")
        + (r"\.?" if word.endswith(".") else "")
        for word in ordered
    )


def convert_zawgyi(text: str) -> str:
    """Return text typed in Zawgyi as Unicode, by ICU's Zawgyi-my rules; other scripts are left unchanged."""
    if not any("\u1000" <= letter <= "\u109f" for letter in text):
        return text
    return unicodedata.normalize("NFC", str(_zawgyi().transliterate(text)))


@cache
def _zawgyi() -> Any:
    import icu

    return icu.Transliterator.createInstance("Zawgyi-my")
