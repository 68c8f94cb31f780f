"""The comparison of names: what its levels ask, in SQL, and why."""

from warehouse.identity.linkage.comparison import ELSE_LEVEL, HOUSEHOLD_LEVEL, Comparison
from warehouse.identity.linkage.conditions import SHARED_PHONE, one_slip, only_where, share_pairs


def _unmatched(one: str, other: str) -> str:
    """Words of one name that the other lacks, as a list."""
    return f"list_filter(name_words_{one}, word -> NOT list_contains(name_words_{other}, word))"


# words of a name: list columns that scoring adds (warehouse.identity.linkage.match.make_scores)
_SHARED_WORDS = "len(list_intersect(name_words_l, name_words_r))"


_FEWER_WORDS = "least(len(name_words_l), len(name_words_r))"


# names that differ in one word each: these two words tell, and the others need not be held against each other
_ONE_WORD_EACH = f"(len(name_words_l) = len(name_words_r) AND {_SHARED_WORDS} = len(name_words_l) - 1)"


def _without_like(one: str, other: str, alike: str) -> str:
    """How many words of one name have no like among the other's; `alike` compares `word` and `twin`."""
    return f"len(list_filter(name_words_{one}, word -> len(list_filter(name_words_{other}, twin -> {alike})) = 0))"


def _words_find_likes(alike: str) -> str:
    """Every word of the shorter name, two at least, has its like in the longer one."""
    return f"({_FEWER_WORDS} >= 2 AND ({_without_like('l', 'r', alike)} = 0 OR {_without_like('r', 'l', alike)} = 0))"


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
    + one_slip("name_code_l", "name_code_r", least=6)
    + ")"
)


_REST_L, _REST_R = (f"array_to_string({_unmatched(one, other)}, ' ')" for one, other in (("l", "r"), ("r", "l")))


_OTHERWISE = " OR ".join(
    (
        one_slip("name_key_l", "name_key_r", least=5),
        one_slip("name_sound_l", "name_sound_r", least=5),
        _SAME_LETTERS_BUT_ONE,
        only_where(
            f"len(name_words_l) = len(name_words_r) AND {_SHARED_WORDS} >= 1",
            f"jaro_winkler_similarity({_REST_L}, {_REST_R}) >= 0.93",
        ),
    )
)


# beside a known word, a short one with a letter wrong is still a slip
_SLIP = f"{_OTHERWISE} OR {one_slip(_REST_L, _REST_R, least=2)}"


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
        ("a word beside an odd one, a slip", only_where(_ALIKE, only_where(f"{_ODD_L} <> {_ODD_R}", _SLIP))),
        ("two odd words, nearly alike", only_where(_ALIKE, only_where(f"{_ODD_L} AND {_ODD_R}", _OTHERWISE))),
        ("two known words, nearly alike", only_where(_ALIKE, _OTHERWISE)),
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
                _words_find_likes(
                    "word = twin OR (least(len(word), len(twin)) >= 3 AND abs(len(word) - len(twin)) <= 1 AND "
                    "damerau_levenshtein(word, twin) <= 1)"
                ),
            ),
        ),
        (
            "alike as a whole",
            only_where(
                f"{_ALIKE} AND (len(name_words_l) <> len(name_words_r) OR {_FEWER_WORDS} = 1)",
                _any_form(_JARO_WINKLER.format(0.93), "fold", "sound"),
            ),
        ),
        (
            "loosely alike, a word beside an odd one",
            only_where(_ALIKE, only_where(f"{_ODD_L} <> {_ODD_R}", _LOOSELY_ALIKE)),
        ),
        ("loosely alike", only_where(_ALIKE, _LOOSELY_ALIKE)),
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
