"""One written day, in any order, calendar, digits or language, as a date with what is odd about it.

Pure functions of one text and the contract's `dates`; called once for every distinct value.
"""

import datetime as dt
import re
import unicodedata
from calendar import monthrange
from dataclasses import dataclass
from functools import cache

from schemas.contract_parts import Dates
from schemas.languages import (
    BUDDHIST_AHEAD,
    MONTH_PATTERN,
    WORD_END,
    load_languages,
    month_number,
    strip_invisible,
    to_ascii_digits,
    word_pattern,
)

# the guards keep the Buddhist and the common era apart
BUDDHIST_YEARS = range(2400, 2601)
# In a Buddhist column only years near ours are taken for a slip into the common era.
SLIPPED_YEARS = range(1900, 2101)
COMMON_YEARS = range(1800, 2400)

# Day 60 of Excel's calendar is the 29 February 1900 that never was, so later days count from this one.
_EXCEL_EPOCH = dt.date(1899, 12, 30)
_EXCEL_SERIALS = range(1_000, 260_000)

# a time of day at the end; with a point (09.30) only behind a full year
_TIME = re.compile(
    r"(?:(?:(?<=\d)T|[\s,]+(?:at\s*)?)\d{1,2}:\d{2}(?::\d{2}(?:[.,]\d+)?)?|(?<=\d{4})[\s,]+\d{1,2}\.\d{2}"
    r"|[\s,]+(?:pukul|pkl\.?|jam|lúc|เวลา)\s*\d{1,2}[:.]\d{2})"
    r"\s*(?:[ap]\.?m\.?|น\.?|WIB|WITA|WIT)?\s*(?:Z|UTC|GMT|[+-]\d{2}:?\d{2})?$",
    re.IGNORECASE,
)
# look-alikes of the usual separators
_SEPARATORS = str.maketrans(
    {"／": "/", "⁄": "/", "∕": "/", "\\": "/", "．": ".", "，": ","} | dict.fromkeys("‐‑‒–—−－", "-")
)
_NUMERIC = re.compile(r"(\d{1,4})\s*[/.\-,\s]\s*(\d{1,2})\s*[/.\-,\s]\s*(\d{1,4})")
_SERIAL = re.compile(r"(\d{4,6})(?:\.\d+)?")
_WHOLE = re.compile(r"(\d+)(?:\.0+)?")
_ORDINAL = re.compile(rf"(?<=\d)(?:st|nd|rd|th){WORD_END}", re.IGNORECASE)
_MONTH = re.compile(MONTH_PATTERN, re.IGNORECASE)


@dataclass(frozen=True)
class Day:
    """A day as far as it can be read.

    A full day has `date` = `earliest` = `latest`; a year or month alone has no `date` but its two ends.
    `era_slip`: the year was written in the other era and has been put right. `impossible`: there is no such
    day, or the text is none; then all three dates are None.
    """

    date: dt.date | None
    earliest: dt.date | None
    latest: dt.date | None
    era_slip: bool
    impossible: bool


_IMPOSSIBLE = Day(None, None, None, era_slip=False, impossible=True)


@dataclass(frozen=True)
class _Reading:
    """What the contract and the text together say about years."""

    is_buddhist: bool
    # the text itself names the era: a year in it is no slip
    is_marked: bool
    latest_year: int


def read_day(text: str, dates: Dates, latest_year: int) -> Day:
    """Return the day written in `text`, which is not a word for missing.

    A four-digit first number is the year; otherwise the orders of `dates` are tried in turn until one gives a
    day that exists. Where no order has the year last and the text does, day and month are told apart only if
    one way alone gives a day. Two-digit years become the latest year not after `latest_year` (common era).
    Times and weekdays are read past. Year guards: Buddhist 2400-2600, slips 1900-2100.
    """
    text = to_ascii_digits(strip_invisible(text)).translate(_SEPARATORS).strip()
    reading = _Reading(dates.calendar == "buddhist", is_marked=False, latest_year=latest_year)
    found = _NUMERIC.fullmatch(text)
    if found is None and dates.excel_serials:
        day = _read_serial(text, reading)
        if day is not None:
            return day
    if found is None:
        text = _TIME.sub("", text)
        found = _NUMERIC.fullmatch(text)
    if found is not None:
        return _read_three(found[1], found[2], found[3], dates, reading)
    return _read_words(text, dates, reading)


def _read_words(text: str, dates: Dates, reading: _Reading) -> Day:
    """A date with words in it, or fewer or more than three numbers."""
    patterns = _patterns()
    for pattern, is_buddhist in ((patterns.buddhist, True), (patterns.common, False)):
        if pattern.search(text):
            text = pattern.sub(" ", text)
            reading = _Reading(is_buddhist, is_marked=True, latest_year=reading.latest_year)
    text = _ORDINAL.sub("", patterns.numbered_weekday.sub(" ", text))
    named = _MONTH.search(text)
    if named is not None:
        month = month_number(named[0])
        before, after = _strip_words(text[: named.start()]), _strip_words(text[named.end() :])
        if month is None or before is None or after is None:
            return _IMPOSSIBLE
        return _read_named(month, before, after, dates, reading)
    numbers = _strip_words(text)
    if numbers is None:
        return _IMPOSSIBLE
    # a year that a spreadsheet kept as a number: 1985.0
    whole = _WHOLE.fullmatch(text.strip(" .,-/"))
    if whole is not None:
        numbers = (whole[1],)
    if len(numbers) == 3:
        return _read_three(*numbers, dates, reading)
    if len(numbers) == 2:
        first, second = numbers
        year, month_text = (first, second) if len(first) == 4 else (second, first)
        if len(year) != 4 or len(month_text) > 2:
            return _IMPOSSIBLE
        return _month_interval(year, int(month_text), reading)
    if len(numbers) == 1 and len(numbers[0]) == 4:
        return _year_interval(numbers[0], reading)
    if len(numbers) == 1 and len(numbers[0]) == 8:
        return _read_eight(numbers[0], dates, reading)
    return _IMPOSSIBLE


def _strip_words(text: str) -> tuple[str, ...] | None:
    """The numbers in `text`; None where more than numbers, separators and calendar words stands in it."""
    rest = _patterns().noise.sub(" ", text)
    return tuple(re.findall(r"\d+", rest)) if re.fullmatch(r"[\d\s/.,\-()'\u2013年日]*", rest) else None


def _read_named(month: int, before: tuple[str, ...], after: tuple[str, ...], dates: Dates, reading: _Reading) -> Day:
    """A date whose month is a word, from the numbers before and after it."""
    numbers = before + after
    if len(numbers) == 1:
        year = numbers[0]
        # 20-Jul has no year, Jul-20 is how Excel shows a month
        return _month_interval(year, month, reading) if len(year) == 4 or (after and len(year) == 2) else _IMPOSSIBLE
    if len(numbers) != 2:
        return _IMPOSSIBLE
    first, second = numbers
    if len(first) == 4:
        return _make_day(first, month, second, reading)
    if len(second) == 4:
        return _make_day(second, month, first, reading)
    for order in dates.order:
        year, day = (first, second) if order == "ymd" else (second, first)
        made = _make_day(year, month, day, reading)
        if not made.impossible:
            return made
    return _IMPOSSIBLE


def _read_three(first: str, second: str, third: str, dates: Dates, reading: _Reading) -> Day:
    if len(first) == 4:
        return _make_day(first, int(second), third, reading) if len(second) <= 2 else _IMPOSSIBLE
    if len(second) > 2:
        return _IMPOSSIBLE
    orders = dates.order
    if len(third) == 4:
        orders = tuple(order for order in orders if order != "ymd")
        if not orders:
            made = {_in_order(order, first, second, third, reading) for order in ("dmy", "mdy")} - {_IMPOSSIBLE}
            return made.pop() if len(made) == 1 else _IMPOSSIBLE
    for order in orders:
        day = _in_order(order, first, second, third, reading)
        if not day.impossible:
            return day
    return _IMPOSSIBLE


def _in_order(order: str, first: str, second: str, third: str, reading: _Reading) -> Day:
    if order == "dmy":
        return _make_day(third, int(second), first, reading)
    if order == "mdy":
        return _make_day(third, int(first), second, reading)
    return _make_day(first, int(second), third, reading)


def _read_eight(digits: str, dates: Dates, reading: _Reading) -> Day:
    """Eight digits without separators: the year first where that gives a day, else the contract's orders."""
    day = _make_day(digits[:4], int(digits[4:6]), digits[6:], reading)
    if not day.impossible:
        return day
    return _read_three(digits[:2], digits[2:4], digits[4:], dates, reading)


def _read_serial(text: str, reading: _Reading) -> Day | None:
    """A day number of Excel, or None where `text` is none; four digits that can be a year are a year."""
    found = _SERIAL.fullmatch(text)
    if found is None or int(found[1]) not in _EXCEL_SERIALS:
        return None
    serial = int(found[1])
    if len(found[1]) == 4 and (serial in SLIPPED_YEARS or serial in BUDDHIST_YEARS):
        return None
    day = _EXCEL_EPOCH + dt.timedelta(days=serial)
    # a serial is a day of the common era, unless a Buddhist year was typed into the spreadsheet
    era = _Reading(False, is_marked=reading.is_buddhist, latest_year=reading.latest_year)
    return _make_day(str(day.year), day.month, str(day.day), era)


def _common_year(text: str, reading: _Reading) -> tuple[int, bool] | None:
    """The year of the common era and whether its era had slipped; None where it can be none."""
    year = int(text)
    if len(text) <= 2:
        # the latest year with this ending that is not in the future
        ahead = BUDDHIST_AHEAD if reading.is_buddhist else 0
        latest = reading.latest_year + ahead
        return latest - (latest - year) % 100 - ahead, False
    if len(text) != 4:
        return None
    if year in BUDDHIST_YEARS:
        return year - BUDDHIST_AHEAD, not (reading.is_buddhist or reading.is_marked)
    if reading.is_buddhist:
        return (year, True) if year in SLIPPED_YEARS else None
    return (year, False) if year in COMMON_YEARS else None


def _make_day(year: str, month: int, day: str, reading: _Reading) -> Day:
    common = _common_year(year, reading)
    if common is None or len(day) > 2:
        return _IMPOSSIBLE
    try:
        # the leap day is judged in the common era: 29/2/2543 is 29 February 2000
        date = dt.date(common[0], month, int(day))
    except ValueError:
        return _IMPOSSIBLE
    return Day(date, date, date, era_slip=common[1], impossible=False)


def _month_interval(year: str, month: int, reading: _Reading) -> Day:
    common = _common_year(year, reading)
    if common is None or not 1 <= month <= 12:
        return _IMPOSSIBLE
    last = monthrange(common[0], month)[1]
    return Day(
        None,
        dt.date(common[0], month, 1),
        dt.date(common[0], month, last),
        era_slip=common[1],
        impossible=False,
    )


def _year_interval(year: str, reading: _Reading) -> Day:
    common = _common_year(year, reading)
    if common is None:
        return _IMPOSSIBLE
    return Day(None, dt.date(common[0], 1, 1), dt.date(common[0], 12, 31), era_slip=common[1], impossible=False)


@dataclass(frozen=True)
class _Patterns:
    buddhist: re.Pattern[str]
    common: re.Pattern[str]
    numbered_weekday: re.Pattern[str]
    noise: re.Pattern[str]


@cache
def _patterns() -> _Patterns:
    languages = load_languages()
    words = {word for group in (*languages.weekdays.values(), *languages.date_words.values()) for word in group}
    numbered = tuple(word for word in words if re.search(r"\d", word))
    latin = tuple(word for word in words if unicodedata.normalize("NFD", word)[0].isascii() and word not in numbered)
    # scripts without blanks between words: the words may touch, longest first
    glued = "|".join(re.escape(word) for word in sorted(words - set(latin) - set(numbered), key=len, reverse=True))
    return _Patterns(
        buddhist=re.compile(_era_pattern(languages.eras.buddhist), re.IGNORECASE),
        common=re.compile(_era_pattern(languages.eras.common), re.IGNORECASE),
        numbered_weekday=re.compile(word_pattern(numbered), re.IGNORECASE),
        noise=re.compile(rf"{word_pattern(latin)}\.?|(?:{glued})\.?", re.IGNORECASE),
    )


def _era_pattern(marks: tuple[str, ...]) -> str:
    return word_pattern(marks) + r"\.?"


def completed_years(born: dt.date, on: dt.date) -> int:
    """Age in completed years; negative before the birth. Born on 29 February: a year older on 1 March."""
    return on.year - born.year - ((on.month, on.day) < (born.month, born.day))


def years_before(day: dt.date, years: int) -> dt.date:
    """The same day so many years earlier; 29 February becomes 28 February in a common year."""
    year = max(day.year - years, 1)
    try:
        return day.replace(year=year)
    except ValueError:
        return day.replace(year=year, day=28)
