"""Names in forms that can be compared: without order, romanised, folded, by the customs of each tradition.

Names are romanised first, because the database's string metrics compare bytes: letters of Thai, Khmer, Lao and
Burmese share their leading bytes, and unrelated names would look alike.
"""

import re
import unicodedata
from dataclasses import dataclass
from functools import lru_cache

# words that join names and belong to none; in Latin letters, as romanised. "Van" and "San" are names here, and "Do"
# and "So" are too unless a slash says otherwise (s/o)
PARTICLES = frozenset(("bin", "binti", "binte", "bte", "bt", "anak", "ibn", "de", "del", "dela", "delos", "delas"))
_SLASHED_PARTICLE = re.compile(r"\b(?:a/l|a/p|s/o|d/o|a/k)(?= |$)")
_ARTICLE = re.compile(r"\bde (la|los|las)\b")
# people romanise themselves freely: spellings of one sound (facts after customary romanisations of the region)
FOLDS = (
    ("ph", "p"),
    ("th", "t"),
    ("kh", "k"),
    ("gh", "g"),
    ("dh", "d"),
    ("bh", "b"),
    ("ch", "j"),
    ("sh", "s"),
    ("zh", "j"),
    ("ts", "s"),
    ("sy", "s"),
    ("dj", "j"),
    ("tj", "c"),
    ("oe", "u"),
    ("ou", "u"),
    ("oo", "u"),
    ("ee", "i"),
    ("ie", "i"),
    ("y", "i"),
    ("v", "w"),
    ("f", "p"),
    ("z", "s"),
    ("x", "s"),
    ("q", "k"),
    ("c", "k"),
    ("r", "l"),
    ("h", ""),
)
# Burmese is written by syllable: an onset, then a rime that decides the vowel and the final letter. Customary
# spellings of names in Latin letters (Aung, Kyaw, Thein), not a scholar's transliteration.
_BURMESE_ONSETS = {
    "က": "k", "ခ": "kh", "ဂ": "g", "ဃ": "g", "င": "ng", "စ": "s", "ဆ": "s", "ဇ": "z", "ဈ": "z", "ည": "ny", "ဉ": "ny",
    "ဋ": "t", "ဌ": "ht", "ဍ": "d", "ဎ": "d", "ဏ": "n", "တ": "t", "ထ": "ht", "ဒ": "d", "ဓ": "d", "န": "n", "ပ": "p",
    "ဖ": "hp", "ဗ": "b", "ဘ": "b", "မ": "m", "ယ": "y", "ရ": "y", "လ": "l", "ဝ": "w", "သ": "th", "ဟ": "h", "ဠ": "l",
    "အ": "", "ဿ": "th", "ချ": "ch", "ခြ": "ch", "ရှ": "sh", "လျှ": "sh",
}  # fmt: skip
_BURMESE_VOWELS = {"ဥ": "u", "ဦ": "u", "ဣ": "i", "ဤ": "i", "ဧ": "ay", "ဩ": "aw"}
_BURMESE_RIMES = {
    "ောင်": "aung", "ေါင်": "aung", "ောက်": "auk", "ေါက်": "auk", "ိုင်": "ine", "ိုက်": "ike", "င်": "in", "က်": "et",
    "စ်": "it", "ည်": "i", "ဉ်": "in", "တ်": "at", "ပ်": "at", "န်": "an", "မ်": "an", "ံ": "an", "ုန်": "un", "ုမ်": "on",
    "ုံ": "on", "ုတ်": "ut", "ုပ်": "ut", "ိန်": "ein", "ိမ်": "ein", "ိတ်": "eit", "ိပ်": "eit", "ွန်": "un", "ွမ်": "un",
    "ွတ်": "ut", "ယ်": "e", "ော်": "aw", "ော": "aw", "ေါ်": "aw", "ေါ": "aw", "ို": "o", "ေ": "ay", "ဲ": "e", "ာ": "a",
    "ါ": "a", "ိ": "i", "ီ": "i", "ု": "u", "ူ": "u",
}  # fmt: skip
_BURMESE_SYLLABLE = re.compile(
    f"({'|'.join(sorted(_BURMESE_ONSETS | _BURMESE_VOWELS, key=len, reverse=True))})([ျြ]?)(ွ?)(ှ?)"
    f"({'|'.join(sorted((rime.removeprefix('ွ') for rime in _BURMESE_RIMES), key=len, reverse=True))})?"
)
# Thai and Lao write some vowels before the consonant they follow in speech; Lao writes two letters for two sounds
_VOWEL_BEFORE = re.compile("([เแโใไເແໂໃໄ])([ก-ฮກ-ຮ])")
_LAO_VOWEL_O = re.compile("([ກ-ຮ][່-ໍ]?)ອ")
_LAO_LETTERS = str.maketrans({"ຍ": "y", "ວ": "w"})
_BURMESE_TONES = dict.fromkeys(map(ord, "း့္၊။"))
_NOT_LETTER = re.compile(r"[^a-z]+")
_REPEATED = re.compile(r"(.)\1+")
_VOWELS = re.compile(r"[aeiouw]+")
# customary short forms of given names that stand for one name
_SHORT_FORMS = {
    "muhammad": "mohd",
    "mohammad": "mohd",
    "mohamad": "mohd",
    "mohamed": "mohd",
    "muhamad": "mohd",
    "muhd": "mohd",
    "moh": "mohd",
    "muh": "mohd",
    "ma": "maria",
    "st": "siti",
    "abd": "abdul",
    "jr": "",
    "sr": "",
    "ii": "",
    "iii": "",
}


def _burmese_syllable(found: re.Match[str]) -> str:
    onset, slurred, rounded, breathed, rime = (part or "" for part in found.groups())
    if onset in _BURMESE_VOWELS:
        return f"{_BURMESE_VOWELS[onset]} "
    letters = _BURMESE_ONSETS[onset]
    breath = "h" if breathed and letters[:1] in ("l", "m", "n", "w") else ""
    if rounded and rounded + rime in _BURMESE_RIMES:
        vowel = _BURMESE_RIMES[rounded + rime]
    else:
        vowel = ("w" if rounded else "") + (_BURMESE_RIMES[rime] if rime else "a")
    return f"{breath}{letters}{'y' if slurred else ''}{vowel} "


def name_script(name: str) -> str:
    """Return the script of a name's first letter as Unicode names it (LATIN, THAI, MYANMAR ...); '' without one."""
    letter = next((character for character in name if character.isalpha()), "")
    return unicodedata.name(letter, "").partition(" ")[0] if letter else ""


@lru_cache(maxsize=1 << 16)
def romanise(name: str) -> str:
    """Return a name in lower-case ASCII letters and single blanks; accents off, other scripts transliterated."""
    text = name.replace("Đ", "D").replace("đ", "d")
    script = name_script(name)
    if script in ("LAO", "THAI"):
        text = _VOWEL_BEFORE.sub(r"\2\1", text)
    if script == "LAO":
        text = _LAO_VOWEL_O.sub(r"\1o", text).translate(_LAO_LETTERS)
    if script == "MYANMAR":
        text = _BURMESE_SYLLABLE.sub(_burmese_syllable, text.translate(_BURMESE_TONES))
    stripped = "".join(letter for letter in unicodedata.normalize("NFKD", text) if not unicodedata.combining(letter))
    if not stripped.isascii():
        # marks that combine are letters in these scripts: hand over the whole, not what was stripped
        from anyascii import anyascii

        stripped = str(anyascii(text))
    plain = _SLASHED_PARTICLE.sub(" ", stripped.lower())
    # an apostrophe stands within one name
    joined = re.sub(r"(?<=[a-z])['`’](?=[a-z])", "", plain)
    return _ARTICLE.sub(r"de\1", _NOT_LETTER.sub(" ", joined).strip())


def name_tokens(roman: str) -> tuple[str, ...]:
    """Return the words of a romanised name without particles and initials, short forms written out, sorted."""
    words = (_SHORT_FORMS.get(word, word) for word in roman.split())
    kept = {word for word in words if len(word) > 1 and word not in PARTICLES}
    return tuple(sorted(kept)) or tuple(sorted(set(roman.split())))


def fold(word: str) -> str:
    """Return a spelling-free form of a romanised word (IDENTITY: ph=p, th=t, ee=i, oo=u, v=w, r=l, doubles)."""
    for spelling, sound in FOLDS:
        word = word.replace(spelling, sound)
    return _REPEATED.sub(r"\1", word)


def skeleton(roman: str) -> str:
    """Return the consonants of a folded name in order; alike for a name in its script and in Latin letters."""
    return _REPEATED.sub(r"\1", _VOWELS.sub("", fold(roman.replace(" ", ""))))


@dataclass(frozen=True)
class NameForms:
    """Forms in which one name is compared, all of romanised letters; script is that of the name as written."""

    key: str
    fold: str
    sound: str
    skeleton: str
    script: str


_NO_NAME = NameForms("", "", "", "", "")


@lru_cache(maxsize=1 << 16)
def name_forms(name: str) -> NameForms:
    """Return the forms of one name.

    key: words sorted. fold: the same without freedom of spelling. sound: letters folded, in the order written,
    without blanks (Kai Xuan = Kaixuan). skeleton: consonants only.
    """
    roman = romanise(name)
    if not roman:
        return _NO_NAME
    tokens, words = name_tokens(roman), roman.split()
    return NameForms(
        key=" ".join(tokens),
        fold=" ".join(sorted({fold(token) or token for token in tokens})),
        sound=fold("".join(word for word in words if len(word) > 1 and word not in PARTICLES)) or fold("".join(words)),
        skeleton=skeleton(roman),
        script=name_script(name),
    )


def place_key(place: str) -> str:
    """Return a place's name without case, accents, blanks and freedom of romanising."""
    return fold(romanise(place).replace(" ", ""))
