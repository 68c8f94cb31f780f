"""Hours attended and ages as people write them, in any of the ten countries' languages, as numbers.

Pure functions of one text; called once for every distinct value.
"""

import re
from functools import cache
from typing import Literal

from schemas.languages import load_languages, strip_invisible, to_ascii_digits

# ends of an open age band
AGE_LOWEST = 0
AGE_HIGHEST = 120

_NUMBER = re.compile(r"[+-]?(?:\d+(?:[.,]\d+)?|[.,]\d+)")
_GROUPED = re.compile(r"[+-]?\d{1,3}[.,]\d{3}")
_MINUS = str.maketrans(dict.fromkeys("−–—－", "-") | {"，": ",", "．": ".", "٫": "."})
_HALVES = {"½": ".5", "¼": ".25", "¾": ".75"}


def read_hours(text: str, decimal: Literal["point", "comma", "either"]) -> float | None:
    """Return a length of time in hours; negative where a minus stands before it, None where it is unreadable.

    Units may follow ('2 jam', '3h', '90 min', '1h30', '1:30'); without one the number is hours. `decimal`
    only decides what a sign before exactly three digits is, as '1,500' alone is ambiguous: the decimal sign
    it names ('either': a decimal sign, for nobody attends 1,500 hours), else a separator of thousands.
    """
    text = to_ascii_digits(strip_invisible(text)).translate(_MINUS).casefold().strip()
    for half, digits in _HALVES.items():
        text = re.sub(rf"(\d*)\s*{half}", rf"\g<1>{digits}", text)
    plain = _decimal(text, decimal)
    if plain is not None:
        return plain
    patterns = _hour_patterns()
    for pattern, share in ((patterns["hours"], 1.0), (patterns["minutes"], 1 / 60)):
        found = pattern.fullmatch(text)
        if found is not None:
            number = _decimal(found[1], decimal)
            return None if number is None else number * share
    both = patterns["both"].fullmatch(text)
    if both is None:
        return None
    minutes = int(both[2])
    return int(both[1]) + minutes / 60 if minutes < 60 else None


def _decimal(text: str, decimal: str) -> float | None:
    if _NUMBER.fullmatch(text) is None:
        return None
    if _GROUPED.fullmatch(text) is not None:
        sign = "," if "," in text else "."
        if {"point": ".", "comma": ",", "either": sign}[decimal] != sign:
            text = text.replace(sign, "")
    return float(text.replace(",", "."))


@cache
def _hour_patterns() -> dict[str, re.Pattern[str]]:
    languages = load_languages()
    hours, minutes = _alternatives(languages.hours), _alternatives(languages.minutes)
    number = rf"({_NUMBER.pattern})"
    return {
        "hours": re.compile(rf"{number}\s*(?:{hours})\.?"),
        "minutes": re.compile(rf"{number}\s*(?:{minutes})\.?"),
        "both": re.compile(rf"(\d+)\s*(?::|(?:{hours})\.?)\s*(\d{{1,2}})\s*(?:(?:{minutes})\.?)?(?::00)?"),
    }


def read_age(text: str) -> tuple[int, int] | None:
    """Return the youngest and the oldest age meant, in completed years; None where no age can be read.

    A single age gives itself twice, parts of a year are dropped, a negative age stays negative. Open bands
    end at 0 or 120; '> 60' and 'over 60' start at 61, '60+' and '60 and above' at 60.
    """
    text = to_ascii_digits(strip_invisible(text)).translate(_MINUS).casefold().strip()
    patterns = _age_patterns()
    if (found := patterns["plain"].fullmatch(text)) is not None:
        age = int(found[1])
        return (age, age)
    text = re.sub(r"\s+", " ", patterns["words"].sub(" ", text)).strip(" .:,")
    for name in ("plain", "band", "at_least", "at_most", "above", "below"):
        found = patterns[name].fullmatch(text)
        if found is not None:
            return _age_band(name, [int(group) for group in found.groups() if group is not None])
    return None


def _age_band(name: str, ages: list[int]) -> tuple[int, int] | None:
    if name == "band":
        return (ages[0], ages[1]) if ages[0] <= ages[1] else None
    age = ages[0]
    return {
        "plain": (age, age),
        "at_least": (age, AGE_HIGHEST),
        "at_most": (AGE_LOWEST, age),
        "above": (age + 1, AGE_HIGHEST),
        "below": (AGE_LOWEST, max(age - 1, AGE_LOWEST)),
    }[name]


@cache
def _age_patterns() -> dict[str, re.Pattern[str]]:
    languages = load_languages()
    to, below, above = (_alternatives(words) for words in (languages.age_to, languages.age_below, languages.age_above))
    at_least, at_most = _alternatives(languages.age_and_above), _alternatives(languages.age_and_below)
    years = r"(\d{1,3})(?:[.,]\d+)?"
    # a Latin word ends where letters end; other scripts write no blanks between words
    words = "|".join(
        rf"(?<![^\W\d_]){re.escape(word)}(?![^\W\d_])" if word[0].isascii() else re.escape(word)
        for word in sorted(map(str.casefold, languages.age_words), key=len, reverse=True)
        if word not in (*languages.age_to, *languages.age_above, *languages.age_below)
    )
    return {
        "words": re.compile(words),
        "plain": re.compile(r"(-?\d{1,3})(?:[.,]\d+)?"),
        "band": re.compile(rf"{years}\s*(?:-|~|{to})\s*{years}"),
        "at_least": re.compile(rf"(?:{years}\s*(?:\+|{at_least})|(?:≥|>=|=>)\s*{years})"),
        "at_most": re.compile(rf"(?:{years}\s*(?:{at_most})|(?:≤|<=|=<)\s*{years})"),
        "above": re.compile(rf"(?:(?:>|{above})\s*{years}|{years}\s*(?:{above}))"),
        "below": re.compile(rf"(?:(?:<|{below})\s*{years}|{years}\s*(?:{below}))"),
    }


def _alternatives(words: tuple[str, ...]) -> str:
    """Words as alternatives, longest first; dots may be left out."""
    ordered = sorted(map(str.casefold, words), key=len, reverse=True)
    return "|".join(re.escape(word).replace(r"\.", r"\.?") for word in ordered)
