"""Hours and ages are read in every language of the region, and nothing else is taken for them."""

from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flows.values.amounts import read_age, read_hours
from schemas.languages import load_languages

DIGITS = st.sampled_from(["0123456789", *load_languages().digits.values()])


def _written(text: str, digits: str) -> str:
    return text.translate({ord(str(value)): digit for value, digit in enumerate(digits)})


@pytest.mark.parametrize(
    ("text", "hours"),
    [
        ("4", 4),
        ("1,5", 1.5),
        ("1.5", 1.5),
        (".5", 0.5),
        ("1½", 1.5),
        ("½", 0.5),
        ("-1", -1),
        ("−2", -2),
        ("2.0", 2),
        ("2 jam", 2),
        ("3h", 3),
        ("3 hrs.", 3),
        ("1h30", 1.5),
        ("1:30", 1.5),
        ("1 jam 30 menit", 1.5),
        ("90 min", 1.5),
        ("90 phút", 1.5),
        ("1,5 giờ", 1.5),
        ("๒ ชม.", 2),
        ("2 ชั่วโมง 30 นาที", 2.5),
        ("1,5 ຊົ່ວໂມງ", 1.5),
        ("១.៥", 1.5),
        ("៣ ម៉ោង", 3),
        ("၃ နာရီ", 3),
        ("2 oras", 2),
        ("2小时", 2),
        ("2 மணி நேரம்", 2),
        ("", None),
        ("two", None),
        ("16/08/2020", None),
        ("2020-08-16", None),
        ("1:75", None),
        ("2-3", None),
        ("nan", None),
        ("1e3", None),
        ("DL101", None),
    ],
)
@pytest.mark.parametrize("decimal", ["point", "comma", "either"])
def test_hours(text: str, hours: float | None, decimal: Literal["point", "comma", "either"]) -> None:
    assert read_hours(text, decimal) == (None if hours is None else pytest.approx(hours))


@pytest.mark.parametrize(
    ("text", "decimal", "hours"),
    [
        ("1,500", "comma", 1.5),
        ("1,500", "point", 1500),
        ("1.500", "point", 1.5),
        ("1.500", "comma", 1500),
        ("1,500", "either", 1.5),
        ("1.500", "either", 1.5),
    ],
)
def test_the_contract_decides_what_a_sign_before_three_digits_is(
    text: str, decimal: Literal["point", "comma", "either"], hours: float
) -> None:
    assert read_hours(text, decimal) == hours


@given(st.integers(-80, 80), st.integers(0, 99), DIGITS, st.sampled_from(".,"))
def test_every_written_number_of_hours_reads_back(whole: int, part: int, digits: str, sign: str) -> None:
    text = f"{whole}{sign}{part:02d}"
    assert read_hours(_written(text, digits), "either") == float(text.replace(",", "."))


@pytest.mark.parametrize(
    ("text", "ages"),
    [
        ("34", (34, 34)),
        ("34.0", (34, 34)),
        ("34.5", (34, 34)),
        ("-1", (-1, -1)),
        ("124 tahun", (124, 124)),
        ("34 th", (34, 34)),
        ("36 tahun", (36, 36)),
        ("umur: 36 thn", (36, 36)),
        ("อายุ 34 ปี", (34, 34)),
        ("อายุ ๓๔ ปี", (34, 34)),
        ("ອາຍຸ 34 ປີ", (34, 34)),
        ("អាយុ ៣៤ ឆ្នាំ", (34, 34)),
        ("အသက် ၃၄ နှစ်", (34, 34)),
        ("34 tuổi", (34, 34)),
        ("34 years old", (34, 34)),
        ("34 y/o", (34, 34)),
        ("35 taong gulang", (35, 35)),
        ("34岁", (34, 34)),
        ("வயது 34", (34, 34)),
        ("25-34", (25, 34)),
        ("25–34", (25, 34)),
        ("25 - 34 tahun", (25, 34)),
        ("18 s/d 25", (18, 25)),
        ("25 ถึง 34 ปี", (25, 34)),
        ("18 đến 25 tuổi", (18, 25)),
        ("18 to 25", (18, 25)),
        ("60+", (60, 120)),
        ("60 and above", (60, 120)),
        ("60 tahun ke atas", (60, 120)),
        ("60 ปีขึ้นไป", (60, 120)),
        ("≥ 60", (60, 120)),
        ("> 60", (61, 120)),
        ("trên 60 tuổi", (61, 120)),
        ("di atas 60", (61, 120)),
        ("<18", (0, 17)),
        ("under 18", (0, 17)),
        ("ต่ำกว่า 18 ปี", (0, 17)),
        ("dưới 18 tuổi", (0, 17)),
        ("kurang dari 18 tahun", (0, 17)),
        ("<= 18", (0, 18)),
        ("", None),
        ("P", None),
        ("34-25", None),
        ("1990", None),
        ("10/03/1987", None),
        ("1987-03-10", None),
        ("DL101", None),
        ("thirty", None),
    ],
)
def test_ages(text: str, ages: tuple[int, int] | None) -> None:
    assert read_age(text) == ages


@given(st.integers(0, 120), st.integers(0, 120), DIGITS)
def test_every_written_band_reads_back(low: int, high: int, digits: str) -> None:
    assert read_age(_written(f"{low} - {high}", digits)) == ((low, high) if low <= high else None)
    assert read_age(_written(str(low), digits)) == (low, low)
