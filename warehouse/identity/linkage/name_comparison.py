"""The comparison of names: the condition of each level, in SQL, and why.

A name has two forms, its own (name_*) and its Latin form (alias_*), each in the spellings of `forms.NameForms`.
Scoring adds the list columns `name_words_l` and `name_words_r`, the words of `name_key`.
"""

from warehouse.identity.linkage.comparison import ELSE_LEVEL, HOUSEHOLD_LEVEL, Comparison
from warehouse.identity.linkage.conditions import SHARED_PHONE, one_slip, only_where, share_pairs


def _unshared_words(one: str, other: str) -> str:
    """SQL: the words of one name that the other name lacks, as a list."""
    return f"list_filter(name_words_{one}, word -> NOT list_contains(name_words_{other}, word))"


_SHARED_WORDS = "len(list_intersect(name_words_l, name_words_r))"

_FEWER_WORDS = "least(len(name_words_l), len(name_words_r))"

# the names differ in one word each: it is enough to compare these two words
_ONE_WORD_EACH = f"(len(name_words_l) = len(name_words_r) AND {_SHARED_WORDS} = len(name_words_l) - 1)"


def _words_without_match(one: str, other: str, alike: str) -> str:
    """SQL: how many words of one name match no word of the other; `alike` is the condition on `word` and `twin`."""
    return f"len(list_filter(name_words_{one}, word -> len(list_filter(name_words_{other}, twin -> {alike})) = 0))"


def _each_word_has_match(alike: str) -> str:
    """SQL: the shorter name has two words or more, and each of them matches a word of the longer name."""
    left, right = _words_without_match("l", "r", alike), _words_without_match("r", "l", alike)
    return f"({_FEWER_WORDS} >= 2 AND ({left} = 0 OR {right} = 0))"


# the cheap condition before every edit distance: for names with few common letter pairs the distance says nothing
_SHARE_LETTER_PAIRS = share_pairs("name_pairs_l", "name_pairs_r")

# one wrong letter, or two swapped letters, change at most three letter pairs of a name
_ONE_SLIP_AT_MOST = (
    "(least(bit_count(name_pairs_l), bit_count(name_pairs_r)) - bit_count(name_pairs_l & name_pairs_r) <= 4)"
)

# one of the unshared words is an odd one: nearly nobody carries it
_ODD_L = f"list_has_any(odd_words_l, {_unshared_words('l', 'r')})"

_ODD_R = f"list_has_any(odd_words_r, {_unshared_words('r', 'l')})"

# across scripts only the sound can be compared: where the sex also differs, it is a brother or a sister
_OTHER_SCRIPT = "name_script_l <> name_script_r AND NOT (sex_l <> '' AND sex_r <> '' AND sex_l <> sex_r)"


def _any_form(condition: str, *parts: str) -> str:
    """SQL: a condition on {l} and {r} is true for one form of the first name and one form of the second.

    Forms are the name itself and its Latin form: a person may give either.
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


# compare a name of another script in its own letters: romanised, one letter can become three
_SAME_LETTERS_BUT_ONE = (
    "(name_script_l = name_script_r AND name_script_l <> 'LATIN' AND "
    + one_slip("name_code_l", "name_code_r", least=6)
    + ")"
)

_UNSHARED_L, _UNSHARED_R = (
    f"array_to_string({_unshared_words(one, other)}, ' ')" for one, other in (("l", "r"), ("r", "l"))
)

_NEARLY_ALIKE = " OR ".join(
    (
        one_slip("name_key_l", "name_key_r", least=5),
        one_slip("name_sound_l", "name_sound_r", least=5),
        _SAME_LETTERS_BUT_ONE,
        only_where(
            f"len(name_words_l) = len(name_words_r) AND {_SHARED_WORDS} >= 1",
            f"jaro_winkler_similarity({_UNSHARED_L}, {_UNSHARED_R}) >= 0.93",
        ),
    )
)

# where the other words agree, a short word with one wrong letter is a slip too
_NEARLY_ALIKE_OR_SLIP = f"{_NEARLY_ALIKE} OR {one_slip(_UNSHARED_L, _UNSHARED_R, least=2)}"

_SOUNDS = ("fold", "sound", "skeleton")

# .format() sets the lowest similarity, _any_form the two forms
_JARO_WINKLER = "jaro_winkler_similarity({{l}}, {{r}}) >= {0}"

_LOOSELY_ALIKE = (
    f"(CASE WHEN {_ONE_WORD_EACH} THEN jaro_winkler_similarity({_UNSHARED_L}, {_UNSHARED_R}) >= 0.82 "
    f"ELSE {_each_word_has_match('jaro_winkler_similarity(word, twin) >= 0.82')} END)"
)

_SAME_NAME = _any_form("{l} = {r}", "key")

_SAME_SOUND = _any_form("{l} = {r}", "fold", "sound")

# names of one script that share few letter pairs reach only these levels
UNLIKE_NAMES = f"(name_script_l = name_script_r AND NOT {_SHARE_LETTER_PAIRS})"

UNLIKE_LEVELS = (HOUSEHOLD_LEVEL, "half the words shared", "one word shared", ELSE_LEVEL)


NAME = Comparison(
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
        (
            "a word beside an odd one, a slip",
            only_where(_SHARE_LETTER_PAIRS, only_where(f"{_ODD_L} <> {_ODD_R}", _NEARLY_ALIKE_OR_SLIP)),
        ),
        (
            "two odd words, nearly alike",
            only_where(_SHARE_LETTER_PAIRS, only_where(f"{_ODD_L} AND {_ODD_R}", _NEARLY_ALIKE)),
        ),
        ("two known words, nearly alike", only_where(_SHARE_LETTER_PAIRS, _NEARLY_ALIKE)),
        (
            "part of the other, a rare word",
            f"{_SHARED_WORDS} = {_FEWER_WORDS} AND list_has_any(rare_words_l, rare_words_r)",
        ),
        ("part of the other, two words", f"{_SHARED_WORDS} = {_FEWER_WORDS} AND {_SHARED_WORDS} >= 2"),
        ("part of the other, one word", f"{_SHARED_WORDS} = {_FEWER_WORDS}"),
        ("other script, alike", only_where(_OTHER_SCRIPT, _any_form(_JARO_WINKLER.format(0.93), *_SOUNDS))),
        (
            "part of the other, spelled otherwise",
            only_where(
                f"{_ONE_SLIP_AT_MOST} AND NOT {_ONE_WORD_EACH}",
                _each_word_has_match(
                    "word = twin OR (least(len(word), len(twin)) >= 3 AND abs(len(word) - len(twin)) <= 1 AND "
                    "damerau_levenshtein(word, twin) <= 1)"
                ),
            ),
        ),
        (
            "alike as a whole",
            only_where(
                f"{_SHARE_LETTER_PAIRS} AND (len(name_words_l) <> len(name_words_r) OR {_FEWER_WORDS} = 1)",
                _any_form(_JARO_WINKLER.format(0.93), "fold", "sound"),
            ),
        ),
        (
            "loosely alike, a word beside an odd one",
            only_where(_SHARE_LETTER_PAIRS, only_where(f"{_ODD_L} <> {_ODD_R}", _LOOSELY_ALIKE)),
        ),
        ("loosely alike", only_where(_SHARE_LETTER_PAIRS, _LOOSELY_ALIKE)),
        (
            "other script, near, one phone",
            only_where(f"{_OTHER_SCRIPT} AND {SHARED_PHONE}", _any_form(_JARO_WINKLER.format(0.84), *_SOUNDS)),
        ),
        ("other script, near", only_where(_OTHER_SCRIPT, _any_form(_JARO_WINKLER.format(0.84), *_SOUNDS))),
        (HOUSEHOLD_LEVEL, SHARED_PHONE),
        ("half the words shared", f"{_SHARED_WORDS} >= 2"),
        ("one word shared", f"{_SHARED_WORDS} >= 1"),
    ),
)
