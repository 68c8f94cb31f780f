"""The comparisons: by what two records are compared, the levels of each in SQL, and why it counts.

A level's condition stands in its comparison, or in a constant directly above it. Columns of the two nodes end in _l
and _r. The conditions of names fill a file of their own, `name_comparison`.
"""

from warehouse.identity.linkage.comparison import Comparison
from warehouse.identity.linkage.conditions import SHARED_PHONE, both_stated, one_slip, only_where
from warehouse.identity.linkage.name_comparison import NAME

SUFFIX = Comparison(
    "suffix",
    "Jr., Sr., II tell a child from the parent whose name it bears; most leave it out, which says nothing.",
    f"NOT ({both_stated('suffix')})",
    (("same", "suffix_l = suffix_r"),),
    most_against=6.0,
)

_EXACT_BIRTHS = "(birth_l <> '' AND birth_r <> '')"

# days between two spans of birth; not above 0 where they overlap
_BIRTH_GAP = "greatest(birth_low_l, birth_low_r) - least(birth_high_l, birth_high_r)"

BIRTH = Comparison(
    "birth",
    "A full date where both have one; else spans of possible days compared by overlap. A date is mistyped in "
    "one place, or day and month change places; another date altogether speaks against.",
    "birth_low_l IS NULL OR birth_low_r IS NULL",
    (
        ("same day", f"{_EXACT_BIRTHS} AND birth_l = birth_r"),
        (
            "day and month swapped",
            f"{_EXACT_BIRTHS} AND birth_l[1:4] = birth_r[1:4] AND birth_l[5:6] = birth_r[7:8] "
            "AND birth_l[7:8] = birth_r[5:6]",
        ),
        ("one digit off", f"{_EXACT_BIRTHS} AND {one_slip('birth_l', 'birth_r')}"),
        ("same day and month", f"{_EXACT_BIRTHS} AND birth_l[5:8] = birth_r[5:8]"),
        ("same year", f"{_EXACT_BIRTHS} AND birth_l[1:4] = birth_r[1:4]"),
        ("other day", _EXACT_BIRTHS),
        ("spans overlap well", f"{_BIRTH_GAP} <= -270"),
        ("spans overlap", f"{_BIRTH_GAP} <= 0"),
        ("spans within a year", f"{_BIRTH_GAP} <= 366"),
    ),
    most_against=9.0,
)

# digits that differ by a slip are the same number mistyped; a valid one has its country's length
_PHONE_SLIP = (
    "CASE WHEN phone_1_l <> '' AND len(phone_1_l) = len(phone_1_r) THEN hamming(phone_1_l, phone_1_r) <= 2 "
    "ELSE FALSE END"
)

_OTHER_PHONE = f"phone_1_l <> '' AND phone_1_r <> '' AND NOT {SHARED_PHONE} AND NOT {_PHONE_SLIP}"

PHONE = Comparison(
    "phone",
    "Strong, but shared in households and lent: worth less the more different names carry it. Another number "
    "is weak evidence: people have several.",
    "phone_1_l = '' OR phone_1_r = ''",
    (
        ("same, of one name", f"{SHARED_PHONE} AND least(phone_names_l, phone_names_r) <= 1"),
        ("same, of few names", f"{SHARED_PHONE} AND least(phone_names_l, phone_names_r) <= 3"),
        ("same, of many names", SHARED_PHONE),
        ("one digit off", _PHONE_SLIP),
    ),
    most_against=4.0,
)

# a part of a number says nothing against the whole, but it can be found in it
_PART_OF_FULL = (
    "((national_partial_l <> '' AND national_r <> '' AND ends_with(national_r, national_partial_l)) "
    "OR (national_partial_r <> '' AND national_l <> '' AND ends_with(national_l, national_partial_r)))"
)

NATIONAL_ID = Comparison(
    "national_id",
    "All but proof where it agrees, all but a veto where two full numbers differ by more than a slip.",
    f"NOT (({both_stated('national')}) OR ({both_stated('national_partial')}) OR {_PART_OF_FULL})",
    (
        ("same number", f"{both_stated('national')} AND national_l = national_r"),
        (
            "same part of the number",
            f"({both_stated('national_partial')} AND national_partial_l = national_partial_r) OR {_PART_OF_FULL}",
        ),
        ("one digit off", f"{both_stated('national')} AND {one_slip('national_l', 'national_r')}"),
    ),
    most_against=9.0,
)

MEMBER = Comparison(
    "member",
    "The partner's own number for a person: comparable within one partner only.",
    f"NOT ({both_stated('member')}) OR string_split(member_l, ' ')[1] <> string_split(member_r, ' ')[1]",
    (("same number", "member_l = member_r"),),
    most_against=6.0,
)

EMAIL = Comparison(
    "email",
    "Personal where given; people change it, so another one says little.",
    f"NOT ({both_stated('email')})",
    (("same address", "email_l = email_r"),),
    most_against=3.0,
)

PLACE = Comparison(
    "place",
    "Weak: people attend where they are; it separates namesakes of different regions. Who moves keeps the phone, "
    "who changes the phone stays: another place beside another phone tells more than the two alone. Names of "
    "places in two scripts cannot be compared.",
    "place_script_l <> place_script_r OR ((province_l = '' OR province_r = '') AND "
    "(district_l = '' OR district_r = ''))",
    (
        (
            "same district",
            "district_l <> '' AND district_l = district_r AND "
            "(province_l = province_r OR province_l = '' OR province_r = '')",
        ),
        (
            "same province, another phone",
            f"province_l <> '' AND province_l = province_r AND {_OTHER_PHONE}",
        ),
        ("same province", "province_l <> '' AND province_l = province_r"),
        ("other place, another phone", f"country_l = country_r AND {_OTHER_PHONE}"),
        ("other place", "country_l = country_r"),
    ),
    most_against=4.0,
)

_NUMBERS_L, _NUMBERS_R = (f"string_split(address_numbers_{side}, ' ')" for side in ("l", "r"))

_SHARED_NUMBER = (
    f"(CASE WHEN {both_stated('address_numbers')} THEN list_has_any({_NUMBERS_L}, {_NUMBERS_R}) ELSE FALSE END)"
)


def _street_alike(least: float) -> str:
    return f"jaro_winkler_similarity(address_letters_l, address_letters_r) >= {least!r}::DOUBLE"


ADDRESS = Comparison(
    "address",
    "Street and number, written freely: words run together, parts left out or in another order. A whole household "
    "shares it, and who moves changes it, so another one speaks little against.",
    f"NOT ({both_stated('address_letters')})",
    (
        ("same street, a number shared", only_where("address_letters_l = address_letters_r", _SHARED_NUMBER)),
        ("street much alike, a number shared", only_where(_SHARED_NUMBER, _street_alike(0.9))),
        ("street much alike", _street_alike(0.9)),
        ("street alike, a number shared", only_where(_SHARED_NUMBER, _street_alike(0.78))),
        ("street alike", _street_alike(0.82)),
        ("a number shared", _SHARED_NUMBER),
    ),
    most_against=6.0,
)

POSTCODE = Comparison(
    "postcode",
    "Weak as a place is, but rarely left out; comparable within one country.",
    f"NOT ({both_stated('postcode')}) OR country_l <> country_r",
    (
        ("same", "postcode_l = postcode_r"),
        ("one digit off", one_slip("postcode_l", "postcode_r", least=3)),
    ),
    most_against=6.0,
)

SEX = Comparison(
    "sex",
    "Rarely mistyped; tells siblings apart.",
    f"NOT ({both_stated('sex')})",
    (("same", "sex_l = sex_r"),),
    most_against=6.0,
)

COMPARISONS = (NAME, SUFFIX, BIRTH, PHONE, NATIONAL_ID, MEMBER, EMAIL, PLACE, ADDRESS, POSTCODE, SEX)
