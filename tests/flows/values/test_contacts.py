"""Phones, addresses and identity numbers come out in one form, or are said to be unusable.

Every number is invented.
"""

import datetime as dt
import time

import phonenumbers
import pytest
from hypothesis import given
from hypothesis import strategies as st
from stdnum.th import pin

from flows.values.contacts import calling_codes, read_email, read_national_id, read_phones
from schemas.contract_parts import IdKind
from schemas.languages import load_languages

DIGITS = st.sampled_from(["0123456789", *load_languages().digits.values()])
REGIONS = st.sampled_from(sorted(calling_codes()))


@pytest.mark.parametrize(
    ("region", "text", "phones"),
    [
        ("BN", "7711502", "+6737711502"),
        ("ID", "08125 445 6939", "+6281254456939"),
        ("ID", "082-224-738581", "+6282224738581"),
        ("ID", "021 555 1234", "+62215551234"),
        ("KH", "០៨ ៩៩៧ ៤២៧១", "+85589974271"),
        ("LA", "0207 710 2725", "+8562077102725"),
        ("MM", "၀၉၂၅၀၃၆၃၉၆၅", "+959250363965"),
        ("MM", "၀၉၂၅ဝ၃၆၃၉၆၅", "+959250363965"),
        ("MY", "016-122-7698", "+60161227698"),
        ("PH", "9086295727", "+639086295727"),
        ("PH", "9086295727.0", "+639086295727"),
        ("SG", "9 855 4993", "+6598554993"),
        ("TH", "๐๘๑-๔๖๙-๕๕๑๙", "+66814695519"),
        ("VN", "0339326436", "+84339326436"),
        # international, with and without its sign
        ("ID", "+6281222792305", "+6281222792305"),
        ("ID", "6281222792305", "+6281222792305"),
        ("ID", "0062 812 2279 2305", "+6281222792305"),
        ("ID", "+62 (0)812-2279-2305", "+6281222792305"),
        ("ID", "+0812 2279 2305", "+6281222792305"),
        ("TH", "+856 20 54361281", "+8562054361281"),
        ("TH", "6281222792305", "+6281222792305"),
        # too long for the partner's country, a mobile of one other
        ("MY", "085705625924", "+6285705625924"),
        ("SG", "162432133.0", "+60162432133"),
        # labels and extensions
        ("ID", "HP: 081222792305 (WA)", "+6281222792305"),
        ("TH", "081-234-5670 ต่อ 12", "+66812345670"),
        # several in one cell, in order, once each
        ("ID", "081222792305 / 085738716895", "+6281222792305 +6285738716895"),
        ("ID", "085738716895; 081222792305", "+6285738716895 +6281222792305"),
        ("ID", "081222792305 atau 085738716895", "+6281222792305 +6285738716895"),
        ("TH", "0814695519 หรือ 0894201532", "+66814695519 +66894201532"),
        ("PH", "9086295727 or 9356207177", "+639086295727 +639356207177"),
        ("ID", "081222792305\n+6281222792305", "+6281222792305"),
        ("ID", "081222792305 085738716895", "+6281222792305 +6285738716895"),
        ("ID", "081222792305, tidak ada", "+6281222792305"),
        ("ID", "0812/2279/2305", "+6281222792305"),
        # a prefix that nobody has been given, in a length that exists: the same with and without the code
        ("MY", "0141834190", "+60141834190"),
        ("MY", "+60141834190", "+60141834190"),
    ],
)
def test_phones(region: str, text: str, phones: str) -> None:
    assert read_phones(text, region) == (phones, False)


@pytest.mark.parametrize(
    ("region", "text"),
    [
        ("ID", "8.12346E+11"),
        ("ID", "6,28E+12"),
        ("VN", "0999999999"),
        ("VN", "0000000000"),
        ("VN", "123456789"),
        ("VN", "0123456789"),
        ("ID", "21"),
        ("ID", "45 th"),
        ("SG", "1986-06-17"),
        ("KH", "១០/០៥/១៩៨១"),
        ("TH", "1-3804-77961-40-7"),
        ("VN", "Hà Nội"),
        ("ID", "ana081222792305@example.org"),
        ("ID", "/"),
    ],
)
def test_what_is_no_phone_is_unusable(region: str, text: str) -> None:
    assert read_phones(text, region) == ("", True)


@given(
    REGIONS,
    st.data(),
    DIGITS,
    st.sampled_from(["", " ", "-"]),
    st.sampled_from(["national", "e164", "bare", "00"]),
)
def test_every_mobile_reads_back_however_it_is_written(
    region: str, data: st.DataObject, digits: str, separator: str, form: str
) -> None:
    description = phonenumbers.PhoneMetadata.metadata_for_region(region).mobile
    national = data.draw(st.from_regex(description.national_number_pattern, fullmatch=True, alphabet="0123456789"))
    number = phonenumbers.parse(f"+{calling_codes()[region]}{national}")
    expected = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
    # what looks like a placeholder is none of this test's business
    if len(set(national)) < 4 or len(national.strip("0")) < 4 or not phonenumbers.is_valid_number(number):
        return
    text = {
        "national": phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.NATIONAL),
        "e164": expected,
        "bare": national,
        "00": "00" + expected[1:],
    }[form]
    text = text.replace(" ", separator).translate({ord(str(value)): digit for value, digit in enumerate(digits)})
    assert read_phones(text, region) == (expected, False)


@given(REGIONS, st.text(st.sampled_from("0123456789+-/ ,x"), max_size=25))
def test_what_was_read_reads_back_the_same(region: str, text: str) -> None:
    phones, unusable = read_phones(text, region)
    assert unusable == (phones == "")
    if phones:
        assert read_phones(phones.replace(" ", " / "), region) == (phones, False)


def test_fifteen_thousand_phones_take_less_than_a_second() -> None:
    read_phones("081222792305", "ID")
    numbers = [f"08{value:010d}" for value in range(12_0000_0000, 12_0000_0000 + 15_000 * 7, 7)]
    start = time.process_time()
    for number in numbers:
        read_phones(number, "ID")
    assert time.process_time() - start < 1


@pytest.mark.parametrize(
    ("text", "email"),
    [
        ("Siti.Palsu@Example.org", "siti.palsu@example.org"),
        (" siti_palsu77@example.co.id ", "siti_palsu77@example.co.id"),
        ("mailto:siti@example.org", "siti@example.org"),
        ("<siti@example.org>;", "siti@example.org"),
        ("siti @ example . org", "siti@example.org"),
        ("siti@example,com", "siti@example.com"),
        ("siti＠example.org", "siti@example.org"),
        ("siti@example.org, budi@example.org", "siti@example.org"),
        ("siti๑๒@example.org", "siti12@example.org"),
    ],
)
def test_emails(text: str, email: str) -> None:
    assert read_email(text) == (email, False)


@pytest.mark.parametrize("text", ["siti", "siti@", "@example.org", "siti@example", "none@none.com", "0812345678", "-"])
def test_what_is_no_email_is_unusable(text: str) -> None:
    assert read_email(text) == ("", True)


@pytest.mark.parametrize(
    ("kind", "text", "number", "status"),
    [
        ("id_nik", "3607131008890052", "3607131008890052", "valid"),
        ("id_nik", "3607.131008.890052", "3607131008890052", "valid"),
        ("id_nik", "3607133208890052", "3607133208890052", "invalid"),  # day 32
        ("id_nik", "360713100889005", "360713100889005", "invalid"),
        ("id_nik", "36071310088900S2", "36071310088900S2", "invalid"),
        ("my_nric", "960408-10-3131", "960408103131", "valid"),
        ("my_nric", "20217022666", "020217022666", "valid"),
        ("my_nric", "1208120599", "001208120599", "valid"),
        ("my_nric", "418038516", "000418038516", "valid"),
        ("my_nric", "961308-10-3131", "961308103131", "invalid"),
        ("th_pin", "1-1713-67976-93-3", "1171367976933", "valid"),
        ("th_pin", "๓๔๕๐๓๓๐๗๔๒๖๐๕", "3450330742605", "valid"),
        ("th_pin", "3450330742604", "3450330742604", "invalid"),
        ("vn_id", "036164101106", "036164101106", "valid"),
        ("vn_id", "36164101106", "036164101106", "valid"),
        ("vn_id", "408088917926", "408088917926", "invalid"),  # no such province
        ("vn_id", "036764101106", "036764101106", "invalid"),  # no such century
        ("vn_id", "168405717", "168405717", "unchecked"),
        ("vn_id", "16840571", "016840571", "unchecked"),
        ("vn_id", "0394593853", "0394593853", "invalid"),
        ("kh_id", "០៣៩ ៩២៦ ០៨៤", "039926084", "unchecked"),
        ("kh_id", "39926084", "039926084", "unchecked"),
        ("kh_id", "0812279230", "0812279230", "invalid"),
        ("la_id", "12-3405 771", "123405771", "unchecked"),
        ("mm_nrc", "14/MaHaMa(N)025673", "14/MAHAMA(N)025673", "unchecked"),
        ("mm_nrc", "၁၄/မဟမ(နိုင်)၀၂၅၆၇၃", "14/MAHAMA(N)025673", "unchecked"),
        ("mm_nrc", "14 / Ma Ha Ma (Naing) 025673", "14/MAHAMA(N)025673", "unchecked"),
        ("mm_nrc", "15/MaHaMa(N)025673", "15MAHAMAN025673", "invalid"),
        ("bn_ic", "51-919789", "51919789", "unchecked"),
        ("bn_ic", "202775", "00202775", "unchecked"),
        ("bn_ic", "1786174", "01786174", "unchecked"),
        ("bn_ic", "7711502", "7711502", "invalid"),
        ("sg_nric", "S1234567D", "S1234567D", "valid"),
        ("sg_nric", "t1234567j", "T1234567J", "valid"),
        ("sg_nric", "F1234567N", "F1234567N", "valid"),
        ("sg_nric", "G1234567X", "G1234567X", "valid"),
        ("sg_nric", "S1234567A", "S1234567A", "invalid"),
        ("sg_nric", "SXXXX567D", "567D", "partial"),
        ("sg_nric", "400D", "400D", "partial"),
        ("sg_nric_last4", "400D", "400D", "partial"),
        ("sg_nric_last4", "450e", "450E", "partial"),
        ("sg_nric_last4", "*****400D", "400D", "partial"),
        ("sg_nric_last4", "S1234567D", "567D", "partial"),
        ("ph_philsys", "4812-5703-9146", "481257039146", "unchecked"),
        ("ph_philsys", "4812-5703", "48125703", "invalid"),
        ("other", "A-12 345", "A12345", "unchecked"),
    ],
)
def test_national_ids(kind: IdKind, text: str, number: str, status: str) -> None:
    assert read_national_id(text, kind) == (number, status, False)
    # a number kept in compact form is read the same again
    assert read_national_id(number, kind)[0] == number


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("id_nik", "7.30925E+15"),
        ("th_pin", "1,17E+12"),
        ("id_nik", "0"),
        ("kh_id", "00000"),
        ("kh_id", "123456789"),
        ("th_pin", "1111111111111"),
        ("vn_id", "1"),
        ("th_pin", "18/9/2540"),
        ("th_pin", "16 มี.ค. 2535"),
        ("my_nric", "Noor Rekaan bt Hassan"),
        ("bn_ic", "P"),
        ("sg_nric_last4", "TAN MADEUP"),
        ("sg_nric_last4", "1234"),
        ("mm_nrc", "14/MaHaMa(N)000000"),
        ("other", "?"),
        ("other", "0"),
    ],
)
def test_what_is_no_id_is_unusable(kind: IdKind, text: str) -> None:
    assert read_national_id(text, kind) == ("", "", True)


@given(st.integers(100_000_000_000, 899_999_999_999).map(str), st.booleans(), DIGITS)
def test_every_thai_number_with_its_check_digit_is_valid(twelve: str, dashes: bool, digits: str) -> None:
    number = twelve + pin.calc_check_digit(twelve)
    if len(set(number)) < 3:
        return
    text = pin.format(number) if dashes else number
    written = text.translate({ord(str(value)): digit for value, digit in enumerate(digits)})
    assert read_national_id(written, "th_pin") == (number, "valid", False)


@given(st.dates(dt.date(1940, 1, 1), dt.date(2009, 12, 31)), st.integers(1, 16), st.integers(1000, 9999))
def test_every_mykad_reads_back_after_a_spreadsheet_dropped_its_zeros(born: dt.date, place: int, rest: int) -> None:
    number = f"{born:%y%m%d}{place:02d}{rest}"
    assert read_national_id(str(int(number)), "my_nric") == (number, "valid", False)
