"""What two records are compared by: each comparison with its levels, in SQL, and why."""

from dataclasses import dataclass

NULL_LEVEL = "not stated"


HOUSEHOLD_LEVEL = "another name on one phone"


ELSE_LEVEL = "other"


@dataclass(frozen=True)
class Comparison:
    """Levels in order, (name, SQL condition over _l and _r); the first that holds counts. `null` comes before."""

    name: str
    why: str
    null: str
    levels: tuple[tuple[str, str], ...]
    # bits that a disagreement may count against at most: training data are cleaner than the world
    most_against: float | None = None


def _both(column: str) -> str:
    return f"{column}_l <> '' AND {column}_r <> ''"


def _unmatched(one: str, other: str) -> str:
    """Words of one name that the other lacks, as a list."""
    return f"list_filter(name_words_{one}, word -> NOT list_contains(name_words_{other}, word))"


def _without_like(one: str, other: str, alike: str) -> str:
    """How many words of one name have no like among the other's; `alike` compares `word` and `twin`."""
    return f"len(list_filter(name_words_{one}, word -> len(list_filter(name_words_{other}, twin -> {alike})) = 0))"


def _words_find_likes(alike: str) -> str:
    """Every word of the shorter name, two at least, has its like in the longer one."""
    return f"({_FEWER_WORDS} >= 2 AND ({_without_like('l', 'r', alike)} = 0 OR {_without_like('r', 'l', alike)} = 0))"


def _where(guard: str, condition: str) -> str:
    """A dear condition that is judged only where a cheap one holds.

    The engine takes the parts of an AND in an order of its own, those of a CASE in the order written.
    """
    return f"(CASE WHEN {guard} THEN {condition} ELSE FALSE END)"


def _one_slip(one: str, other: str, least: int = 1) -> str:
    """One letter too many, too few, another, or two exchanged, in texts of `least` letters or more.

    The distance is dear; texts whose lengths differ by more need none, and of equal ones the differing places tell.
    """
    # CASE, not AND: the engine takes the parts of an AND in any order, and refuses texts of two lengths
    return (
        f"(CASE WHEN least(len({one}), len({other})) < {least} OR abs(len({one}) - len({other})) > 1 THEN FALSE "
        f"WHEN CASE WHEN len({one}) = len({other}) THEN hamming({one}, {other}) > 2 ELSE FALSE END THEN FALSE "
        f"ELSE damerau_levenshtein({one}, {other}) <= 1 END)"
    )


def share_pairs(one: str, other: str) -> str:
    """SQL: of the fewer letter pairs of two names (sets of 64 bits) the other has two thirds."""
    return f"(3 * bit_count({one} & {other}) >= 2 * least(bit_count({one}), bit_count({other})))"


# words of a name: list columns that scoring adds (warehouse.identity.linkage.match.make_scores)
_SHARED_WORDS = "len(list_intersect(name_words_l, name_words_r))"


_FEWER_WORDS = "least(len(name_words_l), len(name_words_r))"


# names that differ in one word each: these two words tell, and the others need not be held against each other
_ONE_WORD_EACH = f"(len(name_words_l) = len(name_words_r) AND {_SHARED_WORDS} = len(name_words_l) - 1)"


# an edit distance of unlike names tells nothing, and costs most of the time: of the shorter name's letter pairs the
# other must have two thirds
_ALIKE = share_pairs("name_pairs_l", "name_pairs_r")


# a letter wrong, or two exchanged, takes three pairs from a name at most
_ONE_SLIP_AT_MOST = (
    "(least(bit_count(name_pairs_l), bit_count(name_pairs_r)) - bit_count(name_pairs_l & name_pairs_r) <= 4)"
)


# whether the words by which two names differ hold one that nearly nobody carries
_ODD_L = f"list_has_any(odd_words_l, {_unmatched('l', 'r')})"


_ODD_R = f"list_has_any(odd_words_r, {_unmatched('r', 'l')})"


# little of a name can be compared across scripts: with another sex beside it, it is a brother's or sister's
_OTHER_SCRIPT = "name_script_l <> name_script_r AND NOT (sex_l <> '' AND sex_r <> '' AND sex_l <> sex_r)"


def _any_form(condition: str, *parts: str) -> str:
    """A condition over {l} and {r} that holds for one form of the name against one form of the other.

    The name itself or its Latin form, where there is one: people give either.
    """
    forms = [
        f"({left}_{part}_l <> '' AND {right}_{part}_r <> '' AND "
        + condition.format(l=f"{left}_{part}_l", r=f"{right}_{part}_r")
        + ")"
        for part in parts
        for left in ("name", "alias")
        for right in ("name", "alias")
    ]
    return "(" + " OR ".join(forms) + ")"


# in a script of its own a name is compared letter by letter: romanised, one letter can become three
_SAME_LETTERS_BUT_ONE = (
    "(name_script_l = name_script_r AND name_script_l <> 'LATIN' AND "
    + _one_slip("name_code_l", "name_code_r", least=6)
    + ")"
)


_REST_L, _REST_R = (f"array_to_string({_unmatched(one, other)}, ' ')" for one, other in (("l", "r"), ("r", "l")))


_OTHERWISE = " OR ".join(
    (
        _one_slip("name_key_l", "name_key_r", least=5),
        _one_slip("name_sound_l", "name_sound_r", least=5),
        _SAME_LETTERS_BUT_ONE,
        _where(
            f"len(name_words_l) = len(name_words_r) AND {_SHARED_WORDS} >= 1",
            f"jaro_winkler_similarity({_REST_L}, {_REST_R}) >= 0.93",
        ),
    )
)


# beside a known word, a short one with a letter wrong is still a slip
_SLIP = f"{_OTHERWISE} OR {_one_slip(_REST_L, _REST_R, least=2)}"


_SOUNDS = ("fold", "sound", "skeleton")


# takes the least similarity, and the two forms from _any_form
_JARO_WINKLER = "jaro_winkler_similarity({{l}}, {{r}}) >= {0}"


_LOOSELY_ALIKE = (
    f"(CASE WHEN {_ONE_WORD_EACH} THEN jaro_winkler_similarity({_REST_L}, {_REST_R}) >= 0.82 "
    f"ELSE {_words_find_likes('jaro_winkler_similarity(word, twin) >= 0.82')} END)"
)


_SAME_NAME = _any_form("{l} = {r}", "key")


_SAME_SOUND = _any_form("{l} = {r}", "fold", "sound")


# names of one script that share few letter pairs reach these levels only
UNLIKE_NAMES = f"(name_script_l = name_script_r AND NOT {_ALIKE})"


UNLIKE_LEVELS = (HOUSEHOLD_LEVEL, "half the words shared", "one word shared", ELSE_LEVEL)


SHARED_PHONE = (
    "((phone_1_l <> '' AND phone_1_l IN (phone_1_r, phone_2_r)) "
    "OR (phone_2_l <> '' AND phone_2_l IN (phone_1_r, phone_2_r)))"
)


# digits that differ by a slip are the same number mistyped; a valid one has its country's length
_PHONE_SLIP = (
    "CASE WHEN phone_1_l <> '' AND len(phone_1_l) = len(phone_1_r) THEN hamming(phone_1_l, phone_1_r) <= 2 "
    "ELSE FALSE END"
)


_OTHER_PHONE = f"phone_1_l <> '' AND phone_1_r <> '' AND NOT {SHARED_PHONE} AND NOT {_PHONE_SLIP}"


_BIRTH_MISSING = "birth_low_l IS NULL OR birth_low_r IS NULL"


_EXACT_BIRTHS = "(birth_l <> '' AND birth_r <> '')"


_BIRTH_SLIP = _one_slip("birth_l", "birth_r")


# days between two spans of birth; not above 0 where they overlap
_BIRTH_GAP = "greatest(birth_low_l, birth_low_r) - least(birth_high_l, birth_high_r)"


# a part of a number says nothing against the whole, but it can be found in it
_PART_OF_FULL = (
    "((national_partial_l <> '' AND national_r <> '' AND ends_with(national_r, national_partial_l)) "
    "OR (national_partial_r <> '' AND national_l <> '' AND ends_with(national_l, national_partial_r)))"
)


# letters of two addresses, and whether a number of one (house, unit, lot) is in the other
_SAME_STREET = "address_letters_l = address_letters_r"


_NUMBERS_L, _NUMBERS_R = (f"string_split(address_numbers_{side}, ' ')" for side in ("l", "r"))


_SHARED_NUMBER = f"(CASE WHEN {_both('address_numbers')} THEN list_has_any({_NUMBERS_L}, {_NUMBERS_R}) ELSE FALSE END)"


def _street_alike(least: float) -> str:
    return f"jaro_winkler_similarity(address_letters_l, address_letters_r) >= {least!r}::DOUBLE"


COMPARISONS = (
    Comparison(
        "name",
        "The words of a name as a set: order differs, words are dropped, spelling varies. How many carry the whole "
        "name decides what its agreement is worth. Across scripts only sounds can be compared. Quite another name "
        "on a shared phone is a household, and household evidence is kept apart from the rest.",
        "name_key_l = '' OR name_key_r = ''",
        (
            ("same name, rare", f"{_SAME_NAME} AND least(name_count_l, name_count_r) <= 3"),
            ("same name, uncommon", f"{_SAME_NAME} AND least(name_count_l, name_count_r) <= 12"),
            ("same name, common", _SAME_NAME),
            ("same sound", _SAME_SOUND),
            ("a word beside an odd one, a slip", _where(_ALIKE, _where(f"{_ODD_L} <> {_ODD_R}", _SLIP))),
            ("two odd words, nearly alike", _where(_ALIKE, _where(f"{_ODD_L} AND {_ODD_R}", _OTHERWISE))),
            ("two known words, nearly alike", _where(_ALIKE, _OTHERWISE)),
            (
                "part of the other, a rare word",
                f"{_SHARED_WORDS} = {_FEWER_WORDS} AND list_has_any(rare_words_l, rare_words_r)",
            ),
            ("part of the other, two words", f"{_SHARED_WORDS} = {_FEWER_WORDS} AND {_SHARED_WORDS} >= 2"),
            ("part of the other, one word", f"{_SHARED_WORDS} = {_FEWER_WORDS}"),
            ("other script, alike", _where(_OTHER_SCRIPT, _any_form(_JARO_WINKLER.format(0.93), *_SOUNDS))),
            (
                "part of the other, spelled otherwise",
                _where(
                    f"{_ONE_SLIP_AT_MOST} AND NOT {_ONE_WORD_EACH}",
                    _words_find_likes(
                        "word = twin OR (least(len(word), len(twin)) >= 3 AND abs(len(word) - len(twin)) <= 1 AND "
                        "damerau_levenshtein(word, twin) <= 1)"
                    ),
                ),
            ),
            (
                "alike as a whole",
                _where(
                    f"{_ALIKE} AND (len(name_words_l) <> len(name_words_r) OR {_FEWER_WORDS} = 1)",
                    _any_form(_JARO_WINKLER.format(0.93), "fold", "sound"),
                ),
            ),
            (
                "loosely alike, a word beside an odd one",
                _where(_ALIKE, _where(f"{_ODD_L} <> {_ODD_R}", _LOOSELY_ALIKE)),
            ),
            ("loosely alike", _where(_ALIKE, _LOOSELY_ALIKE)),
            (
                "other script, near, one phone",
                _where(f"{_OTHER_SCRIPT} AND {SHARED_PHONE}", _any_form(_JARO_WINKLER.format(0.84), *_SOUNDS)),
            ),
            ("other script, near", _where(_OTHER_SCRIPT, _any_form(_JARO_WINKLER.format(0.84), *_SOUNDS))),
            (HOUSEHOLD_LEVEL, SHARED_PHONE),
            ("half the words shared", f"{_SHARED_WORDS} >= 2"),
            ("one word shared", f"{_SHARED_WORDS} >= 1"),
        ),
    ),
    Comparison(
        "suffix",
        "Jr., Sr., II tell a child from the parent whose name it bears; most leave it out, which says nothing.",
        f"NOT ({_both('suffix')})",
        (("same", "suffix_l = suffix_r"),),
        most_against=6.0,
    ),
    Comparison(
        "birth",
        "A full date where both have one; else spans of possible days compared by overlap. A date is mistyped in "
        "one place, or day and month change places; another date altogether speaks against.",
        _BIRTH_MISSING,
        (
            ("same day", f"{_EXACT_BIRTHS} AND birth_l = birth_r"),
            (
                "day and month swapped",
                f"{_EXACT_BIRTHS} AND birth_l[1:4] = birth_r[1:4] AND birth_l[5:6] = birth_r[7:8] "
                "AND birth_l[7:8] = birth_r[5:6]",
            ),
            ("one digit off", f"{_EXACT_BIRTHS} AND {_BIRTH_SLIP}"),
            ("same day and month", f"{_EXACT_BIRTHS} AND birth_l[5:8] = birth_r[5:8]"),
            ("same year", f"{_EXACT_BIRTHS} AND birth_l[1:4] = birth_r[1:4]"),
            ("other day", _EXACT_BIRTHS),
            ("spans overlap well", f"{_BIRTH_GAP} <= -270"),
            ("spans overlap", f"{_BIRTH_GAP} <= 0"),
            ("spans within a year", f"{_BIRTH_GAP} <= 366"),
        ),
        most_against=9.0,
    ),
    Comparison(
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
    ),
    Comparison(
        "national_id",
        "All but proof where it agrees, all but a veto where two full numbers differ by more than a slip.",
        f"NOT (({_both('national')}) OR ({_both('national_partial')}) OR {_PART_OF_FULL})",
        (
            ("same number", f"{_both('national')} AND national_l = national_r"),
            (
                "same part of the number",
                f"({_both('national_partial')} AND national_partial_l = national_partial_r) OR {_PART_OF_FULL}",
            ),
            ("one digit off", f"{_both('national')} AND {_one_slip('national_l', 'national_r')}"),
        ),
        most_against=9.0,
    ),
    Comparison(
        "member",
        "The partner's own number for a person: comparable within one partner only.",
        f"NOT ({_both('member')}) OR string_split(member_l, ' ')[1] <> string_split(member_r, ' ')[1]",
        (("same number", "member_l = member_r"),),
        most_against=6.0,
    ),
    Comparison(
        "email",
        "Personal where given; people change it, so another one says little.",
        f"NOT ({_both('email')})",
        (("same address", "email_l = email_r"),),
        most_against=3.0,
    ),
    Comparison(
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
    ),
    Comparison(
        "address",
        "Street and number, written freely: words run together, parts left out or in another order. A whole household "
        "shares it, and who moves changes it, so another one speaks little against.",
        f"NOT ({_both('address_letters')})",
        (
            ("same street, a number shared", _where(_SAME_STREET, _SHARED_NUMBER)),
            ("street much alike, a number shared", _where(_SHARED_NUMBER, _street_alike(0.9))),
            ("street much alike", _street_alike(0.9)),
            ("street alike, a number shared", _where(_SHARED_NUMBER, _street_alike(0.78))),
            ("street alike", _street_alike(0.82)),
            ("a number shared", _SHARED_NUMBER),
        ),
        most_against=6.0,
    ),
    Comparison(
        "postcode",
        "Weak as a place is, but rarely left out; comparable within one country.",
        f"NOT ({_both('postcode')}) OR country_l <> country_r",
        (
            ("same", "postcode_l = postcode_r"),
            ("one digit off", _one_slip("postcode_l", "postcode_r", least=3)),
        ),
        most_against=6.0,
    ),
    Comparison(
        "sex",
        "Rarely mistyped; tells siblings apart.",
        f"NOT ({_both('sex')})",
        (("same", "sex_l = sex_r"),),
        most_against=6.0,
    ),
)


def level_names(comparison: Comparison) -> tuple[str, ...]:
    """Names of the levels that have weights, in Splink's order from the strongest to `other`."""
    return (*(name for name, _ in comparison.levels), ELSE_LEVEL)


def level_of(comparison: Comparison, gamma: int) -> str:
    """Return the level that Splink numbers `gamma`: downwards to `other`, which is 0; -1 is not stated."""
    names = level_names(comparison)
    return NULL_LEVEL if gamma < 0 else names[len(names) - 1 - gamma]
