"""Digits and month names of the ten countries' languages are understood wherever they stand."""

import re
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.languages import MONTH_PATTERN, load_languages, month_number, strip_invisible, to_ascii_digits

MONTH = re.compile(MONTH_PATTERN, re.IGNORECASE)
SPELLINGS = [
    (language, number, word)
    for language, months in load_languages().months.items()
    for words in (months.names, months.short)
    for number, spellings in enumerate(words, start=1)
    for word in spellings.split("|")
]


@pytest.mark.parametrize("digits", load_languages().digits.values(), ids=load_languages().digits)
def test_every_script_counts_to_nine(digits: str) -> None:
    assert to_ascii_digits(f"({digits})") == "(0123456789)"
    assert [unicodedata.decimal(digit) for digit in digits] == list(range(10))


@given(st.text())
def test_only_digits_change(text: str) -> None:
    read = to_ascii_digits(text)
    assert len(read) == len(text)
    assert all(
        old == new or {old, new} == {"\u1040", "\u101d"} or int(old if old.isdecimal() else "0") == int(new)
        for old, new in zip(text, read, strict=True)
    )


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("၁ဝ/၀၄/၁၉၉ဝ", "10/04/1990"),  # the letter wa for the digit zero
        ("၁ဝဝ", "100"),
        ("ဝင်းမြင့်", "ဝင်းမြင့်"),  # a name keeps its letter
        ("ဇန်န၀ါရီ", "ဇန်နဝါရီ"),  # the digit zero for the letter wa
    ],
)
def test_burmese_wa_and_zero_are_told_apart(written: str, meant: str) -> None:
    assert to_ascii_digits(written) == meant


@pytest.mark.parametrize(("language", "number", "word"), SPELLINGS)
def test_month_words_are_numbers_in_any_case_with_or_without_dots(language: str, number: int, word: str) -> None:
    for written in (word, word.upper(), word.replace(".", ""), word.replace(".", ". "), f" {word}."):
        assert month_number(written) == number
    assert month_number(unicodedata.normalize("NFD", word)) == number


@pytest.mark.parametrize(
    ("language", "number", "word"),
    # one letter (Burmese ဧ, ဩ) is too little to find a month by
    [spelling for spelling in SPELLINGS if len(spelling[2]) > 1],
)
def test_month_words_are_found_in_file_names(language: str, number: int, word: str) -> None:
    # a word that ends in a digit (tháng 1) cannot touch the year
    for name in (f"list_{word}_2020", f"list - {word} 2020", word):
        found = MONTH.search(to_ascii_digits(name))
        assert found is not None
        assert month_number(found[0]) == number


@pytest.mark.parametrize(
    ("name", "month"),
    [
        ("รายชื่อผู้อบรม_กรกฎาคม2563_final", 7),
        ("รายชื่อผู้อบรม_มิ.ย.63", 6),
        ("Presensi Pelatihan (Jawaban) - August 2020", 8),
        ("brunei_gda_to_Mar21", 3),
        ("GDA_KH_Sept2021", 9),
        ("DaoTao_Thang_07-2021", 7),
        ("đào tạo tháng 12 năm 2021", 12),
        ("2021年11月名单", 11),
        ("បញ្ជីធ្នូ២០២០", 12),
        ("ບັນຊີ-ພຶດສະພາ-2021", 5),
        ("စာရင်း_ဩဂုတ်၂၀၂၀", 8),
    ],
)
def test_months_in_names_of_deliveries(name: str, month: int) -> None:
    found = MONTH.search(to_ascii_digits(unicodedata.normalize("NFC", name)))
    assert found is not None
    assert month_number(found[0]) == month


@pytest.mark.parametrize("name", ["Summary", "marketing", "สมาคม", "decision", "GDA_list", "tháng 13"])
def test_parts_of_other_words_are_no_months(name: str) -> None:
    assert MONTH.search(name) is None


@pytest.mark.parametrize("word", ["", "x", "Monday", "13", "tháng 13", "tháng 0"])
def test_other_words_have_no_number(word: str) -> None:
    assert month_number(word) is None


@pytest.mark.parametrize("weekday", [day for days in load_languages().weekdays.values() for day in days])
def test_no_weekday_is_taken_for_a_month(weekday: str) -> None:
    assert MONTH.search(weekday) is None


def test_invisible_characters_go_and_letters_compose() -> None:
    assert strip_invisible("\ufeffNguye\u0302\u0303n\u200b \u200eThi\u0323\u00ad") == "Nguyễn Thị"
