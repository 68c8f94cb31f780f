"""Days are read in every order, calendar and language, and days that do not exist are impossible."""

import datetime as dt
from calendar import monthrange

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flows.values.dates import Day, read_day
from schemas.contract_parts import Dates
from schemas.languages import load_languages

LATEST_YEAR = 2021
DMY, MDY, YMD = (Dates.model_validate({"order": order}) for order in ("dmy", "mdy", "ymd"))
EITHER = Dates.model_validate({"order": ["dmy", "mdy"]})
BUDDHIST = Dates.model_validate({"order": "dmy", "calendar": "buddhist"})
SERIALS = Dates.model_validate({"order": "dmy", "excel_serials": True})
THAI_SERIALS = Dates.model_validate({"order": "dmy", "excel_serials": True, "calendar": "buddhist"})


def day(text: str, dates: Dates) -> Day:
    return read_day(text, dates, LATEST_YEAR)


@pytest.mark.parametrize(
    ("text", "dates", "expected"),
    [
        # numbers, in the order of the contract
        ("23/02/1978", DMY, "1978-02-23"),
        ("3.7.2020", DMY, "2020-07-03"),
        ("3 7 2020", DMY, "2020-07-03"),
        ("03-07-2020", MDY, "2020-03-07"),
        ("7/13/2020", EITHER, "2020-07-13"),
        ("7/3/2020", EITHER, "2020-03-07"),
        ("1993-05-10", DMY, "1993-05-10"),
        ("1993/5/10", MDY, "1993-05-10"),
        ("17/12/1897", YMD, "1897-12-17"),
        ("19900131", DMY, "1990-01-31"),
        ("31011990", DMY, "1990-01-31"),
        ("01311990", MDY, "1990-01-31"),
        # two-digit years: the latest that is not in the future
        ("11/07/20", DMY, "2020-07-11"),
        ("12/12/12", DMY, "2012-12-12"),
        ("11/07/21", DMY, "2021-07-11"),
        ("11/07/22", DMY, "1922-07-11"),
        ("90-01-31", YMD, "1990-01-31"),
        ("5/7/63", BUDDHIST, "2020-07-05"),
        ("5/7/65", BUDDHIST, "1922-07-05"),
        # times and weekdays are read past
        ("7/2/2020 16:15:37", MDY, "2020-07-02"),
        ("2020-07-03T09:10:11+07:00", DMY, "2020-07-03"),
        ("2020-07-03T09:10:11.000+07:00", DMY, "2020-07-03"),
        ("2020-07-03 00:00:00", DMY, "2020-07-03"),
        ("3 July 2020 10:30 am", DMY, "2020-07-03"),
        ("7 Juli 2020 09.30", DMY, "2020-07-07"),
        ("Jumat, 3 Juli 2020 pukul 09.30 WIB", DMY, "2020-07-03"),
        ("Thứ 6, 3/7/2020", DMY, "2020-07-03"),
        # month names
        ("11-Jul-20", DMY, "2020-07-11"),
        ("Friday, 3rd July 2020", DMY, "2020-07-03"),
        ("July 3, 2020", MDY, "2020-07-03"),
        ("2020 July 3", DMY, "2020-07-03"),
        ("20-Jul-11", YMD, "2020-07-11"),
        ("3 Sept. 2020", DMY, "2020-09-03"),
        ("21 ม.ค. 2526", BUDDHIST, "1983-01-21"),
        ("21 มค 2526", BUDDHIST, "1983-01-21"),
        ("๓ กรกฎาคม ๒๕๖๓", BUDDHIST, "2020-07-03"),
        ("วันศุกร์ที่ 3 กรกฎาคม พ.ศ. 2563", BUDDHIST, "2020-07-03"),
        ("๑๐/๔/๒๕๑๘", BUDDHIST, "1975-04-10"),
        ("໑໖/໐໒/໑໙໗໘", DMY, "1978-02-16"),
        ("ວັນທີ 3 ກໍລະກົດ 2020", DMY, "2020-07-03"),
        ("១៧/០៤/១៩៩១", DMY, "1991-04-17"),
        ("ថ្ងៃទី៣ ខែកក្កដា ឆ្នាំ២០២០", DMY, "2020-07-03"),
        ("၃ ဇူလိုင် ၂၀၂၀", DMY, "2020-07-03"),
        ("၂၀၂၀ ခုနှစ် ဇူလိုင်လ ၃ ရက်", DMY, "2020-07-03"),
        ("ngày 5 tháng 3 năm 1990", DMY, "1990-03-05"),
        ("5 thg 3, 1990", DMY, "1990-03-05"),
        ("7 Oktober 2020", DMY, "2020-10-07"),
        ("3hb Julai 2020", DMY, "2020-07-03"),
        ("ika-3 ng Hulyo 2020", DMY, "2020-07-03"),
        ("2020年7月3日", DMY, "2020-07-03"),
        ("3 ஜூலை 2020", DMY, "2020-07-03"),
        ("１０／０４／１９９０", DMY, "1990-04-10"),
        ("\u200e07–07–2020", DMY, "2020-07-07"),
        # spreadsheets
        ("44105", SERIALS, "2020-10-01"),
        ("44105.0", SERIALS, "2020-10-01"),
        ("44105.75", SERIALS, "2020-10-01"),
        ("9133", SERIALS, "1925-01-01"),
        ("61", DMY, None),
        ("44105", DMY, None),
    ],
)
def test_a_day_is_read(text: str, dates: Dates, expected: str | None) -> None:
    read = day(text, dates)
    if expected is None:
        assert read == Day(None, None, None, era_slip=False, impossible=True)
        return
    date = dt.date.fromisoformat(expected)
    assert read == Day(date, date, date, era_slip=False, impossible=False)


@pytest.mark.parametrize(
    ("text", "dates", "expected", "slipped"),
    [
        ("10/4/1975", BUDDHIST, "1975-04-10", True),
        ("10/4/2518", BUDDHIST, "1975-04-10", False),
        ("24/6/2512", DMY, "1969-06-24", True),
        ("2563-07-03 00:00:00", DMY, "2020-07-03", True),
        ("2563-07-03 00:00:00", BUDDHIST, "2020-07-03", False),
        ("3 สิงหาคม ค.ศ. 2020", BUDDHIST, "2020-08-03", False),
        ("3 สิงหาคม พ.ศ. 2563", DMY, "2020-08-03", False),
        ("1/7/2563 BE", DMY, "2020-07-01", False),
        ("29/2/2543", BUDDHIST, "2000-02-29", False),
        ("29/2/2543", DMY, "2000-02-29", True),
        # Excel's own day of the common era; a Buddhist year typed into Excel
        ("44105", THAI_SERIALS, "2020-10-01", False),
        ("242431", THAI_SERIALS, "2020-10-01", False),
    ],
)
def test_the_era_is_decided_for_each_value(text: str, dates: Dates, expected: str, slipped: bool) -> None:
    date = dt.date.fromisoformat(expected)
    assert day(text, dates) == Day(date, date, date, era_slip=slipped, impossible=False)


@pytest.mark.parametrize(
    ("text", "dates", "earliest", "latest", "slipped"),
    [
        ("1985", DMY, "1985-01-01", "1985-12-31", False),
        ("1985", SERIALS, "1985-01-01", "1985-12-31", False),
        ("1985.0", DMY, "1985-01-01", "1985-12-31", False),
        ("2528", BUDDHIST, "1985-01-01", "1985-12-31", False),
        ("ปี ๒๕๒๘", BUDDHIST, "1985-01-01", "1985-12-31", False),
        ("1985", BUDDHIST, "1985-01-01", "1985-12-31", True),
        ("02/2000", DMY, "2000-02-01", "2000-02-29", False),
        ("2000-02", DMY, "2000-02-01", "2000-02-29", False),
        ("ก.พ. 2543", BUDDHIST, "2000-02-01", "2000-02-29", False),
        ("Juli 1990", DMY, "1990-07-01", "1990-07-31", False),
        ("Jul-20", DMY, "2020-07-01", "2020-07-31", False),
    ],
)
def test_a_year_or_month_alone_is_an_interval(
    text: str, dates: Dates, earliest: str, latest: str, slipped: bool
) -> None:
    assert day(text, dates) == Day(
        None,
        dt.date.fromisoformat(earliest),
        dt.date.fromisoformat(latest),
        era_slip=slipped,
        impossible=False,
    )


@pytest.mark.parametrize(
    ("text", "dates"),
    [
        ("31/02/1990", DMY),
        ("31/02/1990", EITHER),
        ("45/05/2021", DMY),
        ("30/2/2563", BUDDHIST),
        ("29/2/2544", BUDDHIST),
        ("00/00/1990", DMY),
        ("00/05/1990", DMY),
        ("31/11/2021", YMD),
        ("2020-17-03", DMY),
        ("31 ก.พ. 2540", BUDDHIST),
        ("13/1990", DMY),
        ("1/2/990", DMY),
        ("10/4/3018", BUDDHIST),
        ("10/4/1618", DMY),
        # day and month cannot be told apart and the contract does not say
        ("03/04/1990", YMD),
        # no date at all
        ("DL101", DMY),
        ("34 th", DMY),
        ("Nữ", DMY),
        ("20-Jul", DMY),
        ("3.7.2020 г", DMY),
        ("0812 2279 2305", DMY),
        ("-1", DMY),
        ("?", DMY),
        ("", DMY),
    ],
)
def test_what_is_no_day_is_impossible(text: str, dates: Dates) -> None:
    assert day(text, dates) == Day(None, None, None, era_slip=False, impossible=True)


CALENDARS = st.sampled_from(["gregorian", "buddhist"])
DAYS = st.dates(dt.date(1900, 1, 1), dt.date(LATEST_YEAR, 12, 31))
DIGITS = st.sampled_from([None, *load_languages().digits.values()])
LAYOUTS = {
    "dmy": "{day}{sep}{month}{sep}{year}",
    "mdy": "{month}{sep}{day}{sep}{year}",
    "ymd": "{year}{sep}{month}{sep}{day}",
}


def _written(text: str, digits: str | None) -> str:
    return text if digits is None else text.translate({ord(str(value)): digit for value, digit in enumerate(digits)})


@given(
    DAYS,
    st.sampled_from(sorted(LAYOUTS)),
    CALENDARS,
    DIGITS,
    st.sampled_from([*"/-. ", " / "]),
    st.booleans(),
)
def test_every_written_day_reads_back(
    date: dt.date, order: str, calendar: str, digits: str | None, separator: str, pad: bool
) -> None:
    year = date.year + (543 if calendar == "buddhist" else 0)
    width = 2 if pad else 1
    text = LAYOUTS[order].format(
        day=str(date.day).zfill(width), month=str(date.month).zfill(width), year=year, sep=separator
    )
    read = day(_written(text, digits), Dates.model_validate({"order": order, "calendar": calendar}))
    assert read == Day(date, date, date, era_slip=False, impossible=False)


NAMED = [
    (number, word)
    for months in load_languages().months.values()
    for words in (months.names, months.short)
    for number, spellings in enumerate(words, start=1)
    for word in spellings.split("|")
    # a single letter is no month that could be found in a text
    if len(word.replace(".", "")) > 1
]


@given(DAYS, CALENDARS, DIGITS, st.sampled_from(NAMED))
def test_every_day_with_a_month_name_reads_back(
    date: dt.date, calendar: str, digits: str | None, named: tuple[int, str]
) -> None:
    month, word = named
    date = date.replace(month=month, day=min(date.day, monthrange(date.year, month)[1]))
    year = date.year + (543 if calendar == "buddhist" else 0)
    text = _written(f"{date.day} {word} {year}", digits)
    read = day(text, Dates.model_validate({"order": "dmy", "calendar": calendar}))
    assert read == Day(date, date, date, era_slip=False, impossible=False)


@given(st.dates(dt.date(1906, 9, 1), dt.date(LATEST_YEAR, 12, 31)))
def test_every_serial_reads_back(date: dt.date) -> None:
    serial = (date - dt.date(1899, 12, 30)).days
    assert (day(str(serial), SERIALS).date == date) == (serial >= 2601)


@given(st.text(), st.sampled_from([DMY, EITHER, BUDDHIST, SERIALS]))
def test_any_text_gives_a_consistent_answer(text: str, dates: Dates) -> None:
    read = day(text, dates)
    assert read.impossible == (read.earliest is None) == (read.latest is None)
    if read.earliest is not None and read.latest is not None:
        assert read.earliest <= read.latest
        assert read.date is None or read.earliest == read.date == read.latest
