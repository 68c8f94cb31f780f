"""The blocking keys, which decide the pairs of records to compare, and the cap of a block."""

from dataclasses import dataclass

# a key that more nodes share says little, and its pairs grow with the square of the nodes: it finds no pairs
BLOCK_CAP = 100


@dataclass(frozen=True)
class BlockingKey:
    """Two nodes with the same key of one kind are compared, unless more than `cap` nodes share it.

    A node has one key for each expression: the phone written first and the second are keys of one kind.
    """

    name: str
    why: str
    keys: tuple[str, ...]
    cap: int = BLOCK_CAP
    # compare only names that share two thirds of the smaller set of letter pairs
    alike: bool = False


def _each_form(part: str, rest: str = "") -> tuple[str, ...]:
    return tuple(f"nullif({form}_{part}, ''){rest}" for form in ("name", "alias"))


_YEARS = ("year(DATE '1970-01-01' + birth_low)", "year(DATE '1970-01-01' + birth_high)")


_PLACE = " || nullif(district, '')"


_DAY = "[1:4] || nullif(birth, '') || province"


# the first four letters of the street, and the first and the last number of an address
_STREET = "nullif(address_letters, '')[1:4]"


_NUMBERS = tuple(f"nullif(string_split(address_numbers, ' ')[{place}], '')" for place in (1, -1))


BLOCKING_KEYS = (
    BlockingKey("phone", "the key most people carry through", ("nullif(phone_1, '')", "nullif(phone_2, '')")),
    BlockingKey("national", "exact where it is given", ("nullif(national, '')",)),
    BlockingKey("part", "a part of the number, in one year of birth", ("nullif(national_partial, '') || birth[1:4]",)),
    BlockingKey("member", "the partner's own idea of a person", ("nullif(member, '')",)),
    BlockingKey("email", "rare, and personal", ("nullif(email, '')",)),
    BlockingKey("name_birth", "a new phone and a new place", _each_form("key", " || nullif(birth, '')")),
    BlockingKey(
        "name_place", "an age instead of a birth date, a new phone", _each_form("key", " || nullif(district, '')")
    ),
    BlockingKey(
        "name", "a birth mistyped or left out, by somebody who moved: very rare names only", _each_form("key"), cap=6
    ),
    BlockingKey(
        "fold_year",
        "somebody who moved, to another country too; another spelling: rare names only",
        tuple(f"{form} || {year}" for form in _each_form("fold") for year in _YEARS),
        cap=12,
    ),
    BlockingKey(
        "fold_year_place",
        "a mistyped day, an age beside a date, for names that many carry",
        tuple(f"{form} || {year} || province" for form in _each_form("fold") for year in _YEARS),
        cap=50,
    ),
    BlockingKey(
        "sound_year",
        "the beginning of the name as it is heard: words run together or dropped, another script",
        tuple(f"{form}[1:5] || {year} || sex || province" for form in _each_form("sound") for year in _YEARS),
        cap=30,
        alike=True,
    ),
    BlockingKey(
        "birth_place", "another script or spelling", ("nullif(birth, '') || nullif(district, '')",), alike=True
    ),
    BlockingKey(
        "birth_name",
        "a new district, a word dropped",
        (*_each_form("fold", _DAY), *_each_form("sound", _DAY)),
        cap=30,
        alike=True,
    ),
    BlockingKey(
        "skeleton_place",
        "another script with a mistyped birth",
        _each_form("skeleton", f" || sex{_PLACE}"),
        cap=12,
    ),
    BlockingKey(
        "birth_address",
        "a name mangled beyond likeness: where an address tells, those born on one day need no alike names",
        ("CASE WHEN address_letters <> '' THEN nullif(birth, '') || province END",),
    ),
    BlockingKey("number_street", "a mangled name and birth", tuple(f"{number} || {_STREET}" for number in _NUMBERS)),
    BlockingKey(
        "number_postcode",
        "another spelling of the street",
        tuple(f"nullif(postcode, '') || {number}" for number in _NUMBERS),
    ),
    BlockingKey("street_postcode", "a number left out or mistyped", (f"nullif(postcode, '') || {_STREET}",)),
    BlockingKey("street_district", "a postcode mistyped", (f"nullif(district, '')[1:4] || {_STREET}",)),
)
