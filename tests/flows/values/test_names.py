"""Names are cleaned without losing letters; titles are split off, and names that look like them stay.

Every name is invented.
"""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flows.values.names import clean_name, convert_zawgyi, split_honorifics

LANGUAGES = ("brunei_malay", "en", "fil", "id", "km", "lo", "ms", "my", "ta", "th", "vi", "zh")


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("  Phạm  Đức   Tuấn ", "Phạm Đức Tuấn"),
        ("Nguye\u0302\u0303n Thi\u0323 Lan", "Nguyễn Thị Lan"),
        ("Ana\xa0Madeup", "Ana Madeup"),
        ("\ufeffAna\u200b Ma\u00addeup\u200e", "Ana Madeup"),
        ("Ana\tMadeup\n", "Ana Madeup"),
        ('"Ana Madeup"', "Ana Madeup"),
        ("'Ana Madeup", "Ana Madeup"),
        ("Ana Madeup,", "Ana Madeup"),
        ("Ana Madeup Jr.", "Ana Madeup Jr"),
        ("MA. THERESA", "MA. THERESA"),
        ("H'Mông", "H'Mông"),
        ("Y-Phôn", "Y-Phôn"),
        ("Ana (Nena) Madeup", "Ana (Nena) Madeup"),
        ("เเก้ว ใจดี", "แก้ว ใจดี"),
        ("นํ้า ใจดี", "น้ำ ใจดี"),
        ("ทํา ใจดี", "ทำ ใจดี"),
        ("ຄໍາ ແກ້ວ", "ຄຳ ແກ້ວ"),
        ("ក្រ\u200bសុខ", "ក្រសុខ"),
        ("陳 小明", "陳 小明"),
        ("-", ""),
        ("...", ""),
        ("12345", ""),
        ("០១២", ""),
        ("\u200b", ""),
        ("", ""),
    ],
)
def test_names_are_cleaned(text: str, name: str) -> None:
    assert clean_name(text) == name


@given(st.text())
def test_cleaning_is_idempotent_and_keeps_letters(text: str) -> None:
    name = clean_name(text)
    assert clean_name(name) == name
    assert name == "" or any(letter.isalpha() for letter in name)
    assert unicodedata.is_normalized("NFC", name)


@pytest.mark.parametrize(
    ("language", "name", "bare", "titles"),
    [
        ("th", "นายทองดี อินทร์งาม", "ทองดี อินทร์งาม", "นาย"),
        ("th", "นาย ทองดี อินทร์งาม", "ทองดี อินทร์งาม", "นาย"),
        ("th", "นางสาวศิริพร ชัยใส", "ศิริพร ชัยใส", "นางสาว"),
        ("th", "นางศิริพร ชัยใส", "ศิริพร ชัยใส", "นาง"),
        ("th", "น.ส.มาลี นกทอง", "มาลี นกทอง", "น.ส."),
        ("th", "น.ส. มาลี นกทอง", "มาลี นกทอง", "น.ส."),
        ("th", "น.ส มาลี นกทอง", "มาลี นกทอง", "น.ส"),
        ("th", "ด.ญ.มาลี นกทอง", "มาลี นกทอง", "ด.ญ."),
        ("th", "ว่าที่ร้อยตรีหญิงกมล ใจดี", "กมล ใจดี", "ว่าที่ร้อยตรีหญิง"),
        ("th", "ว่าที่ ร.ต. กมล ใจดี", "กมล ใจดี", "ว่าที่ ร.ต."),
        # the family name first
        ("th", "นกทอง น.ส.มาลี", "นกทอง มาลี", "น.ส."),
        ("lo", "ທ້າວ ແກ້ວ ວິໄລ", "ແກ້ວ ວິໄລ", "ທ້າວ"),
        ("lo", "ນາງບົວ ສີສຸກ", "ບົວ ສີສຸກ", "ນາງ"),
        ("lo", "ບຸນມີ ສີລິ ທ້າວ", "ບຸນມີ ສີລິ", "ທ້າວ"),
        ("km", "លោកស្រី ចាន់ ធារ៉ា", "ចាន់ ធារ៉ា", "លោកស្រី"),
        ("km", "លោក សុខ តារា", "សុខ តារា", "លោក"),
        ("km", "កញ្ញា ចាន់ ធារ៉ា", "ចាន់ ធារ៉ា", "កញ្ញា"),
        ("my", "U Aung", "Aung", "U"),
        ("my", "Daw Nu Nu", "Nu Nu", "Daw"),
        ("my", "Mg So Hein Ko", "So Hein Ko", "Mg"),
        ("my", "Ma Thidar", "Thidar", "Ma"),
        ("my", "Ko Nyi Naing", "Nyi Naing", "Ko"),
        ("my", "U Ko Ko Gyi", "Ko Ko Gyi", "U"),
        ("my", "Ko Ko Ko", "Ko Ko", "Ko"),
        ("my", "Nan Su Su", "Su Su", "Nan"),
        ("my", "ဦးကျော်အောင်", "ကျော်အောင်", "ဦး"),
        ("my", "ဦး ကျော်အောင်", "ကျော်အောင်", "ဦး"),
        ("my", "ဒေါ်နုနုလဲ့", "နုနုလဲ့", "ဒေါ်"),
        ("my", "မအေးစုထွေး", "အေးစုထွေး", "မ"),
        ("my", "မမွန်အေး", "မွန်အေး", "မ"),
        ("my", "ကိုသန်းထက်", "သန်းထက်", "ကို"),
        ("vi", "Bà Nguyễn Thị Lan", "Nguyễn Thị Lan", "Bà"),
        ("vi", "Ông Cao Văn Thắng", "Cao Văn Thắng", "Ông"),
        ("vi", "Chị Lê Hoa", "Lê Hoa", "Chị"),
        ("id", "Ibu Aisyah Suryatmi", "Aisyah Suryatmi", "Ibu"),
        ("id", "Bpk. Fajar Hakim", "Fajar Hakim", "Bpk."),
        ("id", "Irfan Jailani, SE", "Irfan Jailani", "SE"),
        ("id", "Siti Sari S.Kom", "Siti Sari", "S.Kom"),
        ("id", "suharti, s.pd", "suharti", "s.pd"),
        ("id", "Drs. Budi Palsu S. Pd", "Budi Palsu", "Drs. S. Pd"),
        ("id", "Dr. H. Budi Palsu, S.Pd., M.Si", "Budi Palsu", "Dr. H. S.Pd M.Si"),
        ("ms", "Dato' Sri Azlan Rekaan", "Azlan Rekaan", "Dato' Sri"),
        ("ms", "Dato’ Azlan Rekaan", "Azlan Rekaan", "Dato’"),
        ("ms", "Puan Hajah Rokiah binti Ali", "Rokiah binti Ali", "Puan Hajah"),
        ("brunei_malay", "Awang Haji Amirul bin Haji Ali", "Amirul bin Ali", "Awang Haji Haji"),
        ("brunei_malay", "Hjh Zaleha binti Omar", "Zaleha binti Omar", "Hjh"),
        ("brunei_malay", "Dayang Nor bte Ali", "Nor bte Ali", "Dayang"),
        ("fil", "Engr. Juan Gawa-gawa", "Juan Gawa-gawa", "Engr."),
        ("fil", "Ana Gawa-gawa, CPA", "Ana Gawa-gawa", "CPA"),
        ("en", "DR MADEUP TAN", "MADEUP TAN", "DR"),
        ("zh", "陳小明先生", "陳小明", "先生"),
        ("ta", "திருமதி மீனா", "மீனா", "திருமதி"),
    ],
)
def test_titles_are_split_off(language: str, name: str, bare: str, titles: str) -> None:
    assert split_honorifics(name, (language,)) == (bare, titles)
    assert split_honorifics(bare, (language,)) == (bare, "")


@pytest.mark.parametrize(
    ("language", "name"),
    [
        ("th", "นายิกา ทองดี"),  # begins with the letters of a title
        ("th", "คุณธรรม ใจดี"),
        ("th", "นาง"),
        ("km", "ចាន់ កញ្ញា"),  # Kanha, a given name
        ("km", "កញ្ញា ចាន់"),
        ("my", "Ko Ko Aung"),
        ("my", "Maung Maung"),
        ("my", "Ma Nu"),
        ("my", "Min Min Ko"),
        ("my", "ဦး"),
        ("my", "ကိုကိုအောင်"),
        ("my", "ကိုကျော်"),  # one syllable would be left
        ("my", "မောင်မောင်"),
        ("my", "မိုးယုစန်း"),  # the letter of a title, in another syllable
        ("my", "မင်းထက်အောင်"),
        ("my", "မြင့်မင်း"),
        ("my", "မန္တလေးစု"),  # a stacked letter
        ("vi", "Anh Tuấn"),
        ("vi", "Ông Thị Ngọc Anh"),  # Ông as a family name
        ("vi", "Nguyễn Thị Anh"),
        ("id", "Bu"),
        ("id", "St. Fatimah"),  # Siti
        ("id", "Yunita Mulyani Dg.Tayang"),
        ("ms", "Dayang Empati"),  # a name in Sarawak
        ("ms", "Murugan a/l Rekaan"),
        ("ms", "Azlan bin Haji"),
        ("brunei_malay", "Awang bin Ali"),  # a title before a particle is the name
        ("brunei_malay", "Zainab bt. Awang"),
        ("fil", "MA. THERESA"),
        ("fil", "Hon"),
    ],
)
def test_names_that_look_like_titles_stay(language: str, name: str) -> None:
    assert split_honorifics(name, (language,)) == (name, "")


def test_titles_of_several_languages_and_of_none() -> None:
    assert split_honorifics("Mr. Haji Azlan Rekaan", ("en", "ms")) == ("Azlan Rekaan", "Mr. Haji")
    assert split_honorifics("Mr. Haji Azlan Rekaan", ()) == ("Mr. Haji Azlan Rekaan", "")
    assert split_honorifics("", ("th",)) == ("", "")


@given(
    st.text(st.sampled_from("aekonuHjSE.,' นางส.ยมဦးကိုမ့်"), max_size=25).map(clean_name),
    st.lists(st.sampled_from(LANGUAGES), unique=True).map(tuple),
)
def test_no_letter_is_lost_and_no_name_is_split_away_whole(name: str, languages: tuple[str, ...]) -> None:
    bare, titles = split_honorifics(name, languages)
    assert bool(bare) == bool(name)
    letters = [letter for letter in name if letter not in " .,"]
    assert sorted(letter for letter in bare + titles if letter not in " .,") == sorted(letters)


def test_zawgyi_becomes_unicode() -> None:
    assert convert_zawgyi("ေအာင္") == "အောင်"
    assert convert_zawgyi("ျမင့္") == "မြင့်"
    assert convert_zawgyi("Aung") == "Aung"
    assert convert_zawgyi("") == ""
