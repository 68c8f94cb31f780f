"""Phone numbers, e-mail addresses and national identity numbers in a form in which they can be compared.

Pure functions of one text. A value that a spreadsheet destroyed, or a placeholder, is said to be unusable.
"""

import re
from functools import cache
from typing import Any, Literal

from schemas.contract_parts import IdKind
from schemas.languages import load_languages, strip_invisible, to_ascii_digits
from schemas.programme import load_programme

# 8.12346E+11: the digits behind the sixth are lost
_SCIENTIFIC = re.compile(r"\d(?:[.,]\d+)?\s*e\s*\+?\s*\d{1,2}", re.IGNORECASE)
_FLOAT_TAIL = re.compile(r"(?<=\d)\.0+$")
_WHOLE_DATE = re.compile(r"\d{4}[-/.]\d{1,2}[-/.]\d{1,2}(?:[T ].*)?|\d{1,2}[-/.]\d{1,2}[-/.]\d{4}(?:[T ].*)?")
_ASCENDING = "01234567890123456789"

# -- phones ----------------------------------------------------------------------------------------------

_BETWEEN_PHONES = re.compile(
    r"[/;,\n|&、，；]|(?<![^\W\d_])(?:or|and|atau|dan|hoặc|hay|và|o|at)(?![^\W\d_])"
    r"|หรือ|และ|ຫຼື|ແລະ|ឬ|និង|သို့မဟုတ်|နှင့်|或",
    re.IGNORECASE,
)
_EXTENSION = re.compile(r"(?:ext|x|ต่อ|samb)\.?\s*\d{1,5}\s*$", re.IGNORECASE)
# shorter than any subscriber number of the region
_PHONE_DIGITS = range(6, 16)


@cache
def calling_codes() -> dict[str, str]:
    """Return the calling code (ITU E.164) of each country of the programme: its numbers may lack a prefix."""
    import phonenumbers as pn

    return {country: str(pn.country_code_for_region(country)) for country in load_programme().countries}


def read_phones(text: str, region: str) -> tuple[str, bool]:
    """Return the numbers in E.164 as ordered in the text, blank between them, and whether none could be read.

    Read as a number of `region` (ISO alpha-2), or as international without its plus. A number of a possible
    length is kept even if no operator has its prefix, since numbering plans grow; where the length is
    impossible, the number may be a mobile of exactly one other country of the programme. One digit repeated,
    a run (123456789), a date and a number in scientific notation are not kept.
    """
    text = _FLOAT_TAIL.sub("", to_ascii_digits(strip_invisible(text)).strip())
    if _WHOLE_DATE.fullmatch(text) or _SCIENTIFIC.fullmatch(text) or "@" in text:
        return "", True
    number = _one_phone(text, region) if text.isdecimal() else ""
    if number:
        return number, False
    pieces = [piece for piece in _BETWEEN_PHONES.split(text) if piece.strip()]
    numbers = [_one_phone(piece, region) for piece in pieces]
    if not any(numbers) and len(pieces) > 1:
        # the sign may stand inside one number: 0812/3456/789
        numbers = [_one_phone(text, region)]
    if not any(numbers):
        # two numbers with nothing but a blank between them
        numbers = [_one_phone(piece, region) for piece in text.split() if len(_digits(piece)) >= 8]
    unique = list(dict.fromkeys(filter(None, numbers)))
    return " ".join(unique), not unique


def _one_phone(text: str, region: str) -> str:
    """One number in E.164, or '' where there is none."""
    text = _EXTENSION.sub("", text).replace("(0)", "")
    digits = _digits(text)
    written = digits.strip("0")
    if len(digits.removeprefix("00")) not in _PHONE_DIGITS or len(written) < 4 or _is_placeholder(written):
        return ""
    if "+" in text and not digits.startswith("0"):
        return _international(digits)
    if digits.startswith("00") and (number := _valid_international(digits[2:])):
        return number
    numbering = _numbering(region)
    national = numbering.national(digits)
    if national is not None and not _is_placeholder(national):
        return f"+{numbering.code}{national}"
    return _phone_elsewhere(digits, region)


def _phone_elsewhere(digits: str, region: str) -> str:
    """A number that is no usual mobile of `region`: the library's reading, then other countries."""
    import phonenumbers as pn

    parsed = _parse(digits, region)
    if parsed is not None and pn.is_valid_number(parsed):
        return _e164(parsed)
    codes = calling_codes()
    if digits.startswith(tuple(codes.values())) and (number := _valid_international(digits)):
        return number
    # before looking abroad: an unknown prefix must give the same number with and without its code
    if parsed is not None and _is_plausible(parsed):
        return _e164(parsed)
    elsewhere = {
        f"+{code}{national}"
        for other, code in codes.items()
        if other != region and (national := _numbering(other).national(digits)) is not None
    }
    return elsewhere.pop() if len(elsewhere) == 1 else ""


def _is_plausible(parsed: Any) -> bool:
    """Whether the number has the length of a mobile or fixed line of its country and is no placeholder."""
    import phonenumbers as pn

    has_length = any(
        pn.is_possible_number_for_type(parsed, line)
        for line in (pn.PhoneNumberType.MOBILE, pn.PhoneNumberType.FIXED_LINE)
    )
    # no country of the region has numbers that begin with 0 behind the trunk prefix
    return has_length and not parsed.italian_leading_zero and not _is_placeholder(str(parsed.national_number))


def _international(digits: str) -> str:
    """A number written with its plus: kept when its length is possible."""
    parsed = _parse(f"+{digits}", None)
    return _e164(parsed) if parsed is not None and _is_plausible(parsed) else ""


def _valid_international(digits: str) -> str:
    import phonenumbers as pn

    parsed = _parse(f"+{digits}", None)
    return _e164(parsed) if parsed is not None and pn.is_valid_number(parsed) else ""


def _parse(text: str, region: str | None) -> Any:
    import phonenumbers as pn

    try:
        return pn.parse(text, region)
    except pn.NumberParseException:
        return None


def _e164(parsed: Any) -> str:
    import phonenumbers as pn

    return str(pn.format_number(parsed, pn.PhoneNumberFormat.E164))


class _Numbering:
    """Mobile numbers of one region, taken from the library's metadata: parsing with it costs far more."""

    def __init__(self, region: str) -> None:
        import phonenumbers as pn

        metadata: Any = pn.PhoneMetadata.metadata_for_region(region)
        if metadata is None:
            raise ValueError(f"phone_region {region!r} is no country of the numbering plan; write alpha-2")
        self.code = str(metadata.country_code)
        self._prefix = metadata.national_prefix or ""
        self._general = re.compile(metadata.general_desc.national_number_pattern)
        self._mobile = re.compile(metadata.mobile.national_number_pattern or r"(?!)")

    def national(self, digits: str) -> str | None:
        """The national significant number of a mobile, written with or without trunk prefix, or None."""
        if self._prefix and digits.startswith(self._prefix):
            digits = digits[len(self._prefix) :]
        return digits if self._general.fullmatch(digits) and self._mobile.fullmatch(digits) else None


@cache
def _numbering(region: str) -> _Numbering:
    return _Numbering(region)


def _digits(text: str) -> str:
    return re.sub(r"\D", "", text)


def _is_placeholder(digits: str) -> bool:
    """Whether digits were typed to fill a field: one digit repeated, or a run up or down the keyboard."""
    return len(set(digits)) <= 1 or (len(digits) > 3 and (digits in _ASCENDING or digits in _ASCENDING[::-1]))


# -- e-mail ----------------------------------------------------------------------------------------------

# the part of RFC 5322 that mail providers hand out
_EMAIL = re.compile(r"[a-z0-9][a-z0-9._%+'-]*@(?:[a-z0-9](?:[a-z0-9-]*[a-z0-9])?\.)+[a-z]{2,}")
_NO_ADDRESS = re.compile(r"(?:no|none|na|nil|test|no[.-]?email|email|xx+|abc|tidakada|tiada|user|example)@.*")


def read_email(text: str) -> tuple[str, bool]:
    """Return the first address in lower case, and whether something was written that is no address."""
    text = to_ascii_digits(strip_invisible(text)).replace("＠", "@").casefold()
    # a comma for the dot, blanks around the signs
    text = re.sub(r"\s*([@.])\s*", r"\1", text)
    text = re.sub(r"(?<=@)([a-z0-9-]+),(com|net|org|co|my|id|vn|th|ph|sg)\b", r"\1.\2", text)
    found = _EMAIL.search(text)
    if found is None or _NO_ADDRESS.fullmatch(found[0]):
        return "", True
    return found[0], False


# -- national ids ----------------------------------------------------------------------------------------

# Provinces of Vietnamese citizens' numbers (Circular 59/2021/TT-BCA, appendix I)
_VN_PROVINCES = frozenset(
    (1, 2, 4, 6, 8, 10, 11, 12, 14, 15, 17, 19, 20, 22, 24, 25, 26, 27, 30, 31, 33, 34, 35, 36, 37, 38)
    + (40, 42, 44, 45, 46, 48, 49, 51, 52, 54, 56, 58, 60, 62, 64, 66, 67, 68, 70, 72, 74, 75, 77, 79)
    + (80, 82, 83, 84, 86, 87, 89, 91, 92, 93, 94, 95, 96)
)
# Kinds of citizenship on Myanmar's cards: citizen, associate, naturalised; monks and nuns
_NRC_KINDS = {"နိုင်": "N", "naing": "N", "ဧည့်": "E", "ပြု": "P", "စ": "C", "သ": "T"}
_NRC = re.compile(r"(\d{1,2})\s*[/\\]\s*([^\d()/\s][^\d()/]*?)\s*\(\s*([^\d()]+?)\s*\)\s*(\d{6})")
_NRIC_WEIGHTS = (2, 7, 6, 5, 4, 3, 2)
# Singapore's check letters by the first letter, and what the century adds to the sum
_NRIC_SERIES = {
    "S": (0, "JZIHGFEDCBA"),
    "T": (4, "JZIHGFEDCBA"),
    "F": (0, "XWUTRQPNMLK"),
    "G": (4, "XWUTRQPNMLK"),
    "M": (3, "XWUTRQPNJLK"),
}
_NRIC_TAIL = re.compile(r"(?:[STFGM]?[X*#•]{2,}|[STFGM]\d{4})?(\d{3}[A-Z])")

Status = Literal["valid", "unchecked", "partial", "invalid", ""]


def read_national_id(text: str, kind: IdKind) -> tuple[str, Status, bool]:
    """Return the number in compact form, its status, and whether what stands there is no usable number.

    Status: `valid` passes every check its format has (checksum, or embedded date and place); `unchecked` has
    the right form and no check exists; `partial` is a part of a number; `invalid` fails a check, is kept, and
    is weaker evidence. Leading zeros that a spreadsheet dropped are put back where the form allows.
    Scientific notation, dates, and placeholders are unusable: ('', '', True).
    """
    text = to_ascii_digits(strip_invisible(text)).strip()
    # the letter of a Singapore number may be an E, and Myanmar numbers hold letters
    number = text if kind == "mm_nrc" else _FLOAT_TAIL.sub("", text)
    compact = re.sub(r"[\W_]", "", number).upper()
    digits = _digits(compact)
    if _SCIENTIFIC.fullmatch(text) or _WHOLE_DATE.fullmatch(text) or len(digits) < 3:
        return "", "", True
    if compact.isdecimal() and (_is_placeholder(digits) or _is_placeholder(digits.strip("0"))):
        return "", "", True
    if kind in ("sg_nric", "sg_nric_last4"):
        return _singapore(number, kind)
    if kind == "mm_nrc":
        return _myanmar(text, compact)
    if kind == "other":
        return (compact, "unchecked", False) if len(compact) > 3 else ("", "", True)
    if len(digits) < 5:
        return "", "", True
    if not compact.isdecimal():
        # a Latin letter or two may be typed for digits; more is no number
        letters = [letter for letter in compact if not letter.isdecimal()]
        if kind != "la_id" and (len(letters) > 2 or not compact.isascii()):
            return "", "", True
        return compact, "unchecked" if kind == "la_id" else "invalid", False
    return (*_numeric(digits, kind), False)


def _numeric(digits: str, kind: IdKind) -> tuple[str, Status]:
    """Number and status of the kinds that are digits only; leading zeros are restored."""
    if kind == "my_nric":
        padded = digits.zfill(12) if 9 <= len(digits) < 12 else digits
        return (padded, "valid") if _stdnum_accepts("my.nric", padded) else (digits, "invalid")
    if kind == "id_nik":
        return digits, "valid" if _stdnum_accepts("id.nik", digits) else "invalid"
    if kind == "th_pin":
        return digits, "valid" if _stdnum_accepts("th.pin", digits) else "invalid"
    if kind == "vn_id":
        return _vietnam(digits)
    if kind == "kh_id":
        padded = digits.zfill(9) if len(digits) == 8 else digits
        return padded, "unchecked" if len(padded) == 9 else "invalid"
    if kind == "bn_ic":
        # yellow cards begin with 00 or 01: the only ones that lose digits
        padded = digits.zfill(8) if len(digits) == 6 or (len(digits) == 7 and digits[0] in "01") else digits
        return padded, "unchecked" if len(padded) == 8 else "invalid"
    if kind == "ph_philsys":
        # PhilSys number (12 digits) or the card's public number (16)
        return digits, "unchecked" if len(digits) in (12, 16) else "invalid"
    if kind == "la_id":
        return digits, "unchecked"
    raise ValueError(f"{kind!r} is not a number of digits only")


def _vietnam(digits: str) -> tuple[str, Status]:
    """CMND of 9 digits, or CCCD of 12: province, sex and century (0-3 for those alive), year, serial."""
    if len(digits) in (8, 9):
        return digits.zfill(9), "unchecked"
    padded = digits.zfill(12) if len(digits) == 11 else digits
    if len(padded) == 12 and int(padded[:3]) in _VN_PROVINCES and padded[3] in "0123":
        return padded, "valid"
    return padded, "invalid"


def _singapore(text: str, kind: IdKind) -> tuple[str, Status, bool]:
    compact = re.sub(r"[\s./-]", "", text).upper()
    tail = _NRIC_TAIL.fullmatch(compact)
    if kind == "sg_nric_last4" or (tail is not None and not re.fullmatch(r"[STFGM]\d{7}[A-Z]", compact)):
        return (tail[1], "partial", False) if tail is not None else ("", "", True)
    if re.fullmatch(r"[STFGM]\d{7}[A-Z]", compact) is None:
        bare = re.sub(r"\W", "", compact)
        return (bare, "invalid", False) if len(bare) > 4 else ("", "", True)
    added, letters = _NRIC_SERIES[compact[0]]
    total = added + sum(weight * int(digit) for weight, digit in zip(_NRIC_WEIGHTS, compact[1:8], strict=True))
    return compact, "valid" if letters[total % 11] == compact[8] else "invalid", False


def _myanmar(text: str, compact: str) -> tuple[str, Status, bool]:
    """State or region / township (kind) number, romanised, so that both scripts give the same text."""
    found = _NRC.fullmatch(text)
    if found is None or not 1 <= int(found[1]) <= 14:
        return compact, "invalid", False
    if _is_placeholder(found[4]):
        return "", "", True
    letters = load_languages().nrc_letters
    township = "".join(letters.get(letter, letter) for letter in re.sub(r"[\s.-]", "", found[2])).upper()
    kind = _NRC_KINDS.get(found[3].casefold(), found[3].upper())
    return f"{int(found[1])}/{township}({kind}){found[4]}", "unchecked", False


def _stdnum_accepts(format_name: str, number: str) -> bool:
    from stdnum import get_cc_module

    country, name = format_name.split(".")
    module = get_cc_module(country, name)
    if module is None:
        raise LookupError(f"python-stdnum has no {format_name}")
    return bool(module.is_valid(number))
