"""What identity is judged by: order-free, romanised forms of names, spans of birth, phones and ids, per record.

Names are romanised first, because the database's string metrics compare bytes: letters of Thai, Khmer, Lao and
Burmese share their leading bytes, and unrelated names would look alike.
"""

import re
import unicodedata
from collections.abc import Iterable

import pandas as pd

# words that join names and belong to none; in Latin letters, as romanised
PARTICLES = frozenset(
    "bin binti binte bte bt b anak ak al ap so do ibn van de del dela la los san santa y".split()  # noqa: SIM905
)
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


def romanise(name: str) -> str:
    """Return a name in lower-case ASCII letters and single blanks; accents off, other scripts transliterated."""
    text = name.replace("Đ", "D").replace("đ", "d")
    stripped = "".join(letter for letter in unicodedata.normalize("NFKD", text) if not unicodedata.combining(letter))
    if not stripped.isascii():
        # marks that combine are letters in these scripts: hand over the whole, not what was stripped
        from anyascii import anyascii

        stripped = str(anyascii(text))
    # a slash joins the letters of one particle (a/l, s/o), an apostrophe those of one name
    joined = re.sub(r"(?<=[a-z])[/'`’](?=[a-z])", "", stripped.lower())
    return _NOT_LETTER.sub(" ", joined).strip()


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


def _name_features(names: Iterable[str]) -> dict[str, tuple[str, str, str]]:
    found = {}
    for name in names:
        roman = romanise(name)
        tokens = name_tokens(roman)
        found[name] = (" ".join(tokens), " ".join(sorted({fold(token) or token for token in tokens})), skeleton(roman))
    return found


def identity_features(records: pd.DataFrame) -> pd.DataFrame:
    """Return one row per record, in the same order, with everything identity is judged by.

    Args:
        records: Columns of TRAINING_LOG_COLUMNS; record_id is unique.

    Returns:
        record_id; name_key (sorted romanised words), name_fold, name_skeleton and the same of the Latin form
        (alias_*); birth (YYYYMMDD) or birth_low/birth_high (days since 1970) of an interval; phone_1, phone_2;
        national, national_partial, member, email; sex, province, district, country. Missing is ''.
    """
    full = records["full_name"].fillna("")
    latin = records["latin_name"].fillna("")
    forms = _name_features(pd.concat([full, latin]).unique())
    phones = records["phones"].fillna("").str.partition(" ")
    national = records["national_id"].fillna("")
    partial = records["national_id_status"].fillna("") == "partial"
    exact = pd.to_datetime(records["birth_date"])
    result = {
        "record_id": records["record_id"],
        "name_key": full.map(lambda name: forms[name][0]),
        "name_fold": full.map(lambda name: forms[name][1]),
        "name_skeleton": full.map(lambda name: forms[name][2]),
        "alias_key": latin.map(lambda name: forms[name][0]),
        "alias_fold": latin.map(lambda name: forms[name][1]),
        "alias_skeleton": latin.map(lambda name: forms[name][2]),
        "birth": exact.dt.strftime("%Y%m%d").fillna(""),
        "birth_low": _days(records["birth_earliest"]),
        "birth_high": _days(records["birth_latest"]),
        "phone_1": phones[0].fillna(""),
        "phone_2": phones[2].fillna("").str.partition(" ")[0].fillna(""),
        "national": national.where(~partial, ""),
        "national_partial": national.where(partial, ""),
        "member": records["partner_id"].where(records["member_id"].notna(), "")
        + records["member_id"].fillna("").radd(" ").where(records["member_id"].notna(), ""),
        "email": records["email"].fillna(""),
        "sex": records["sex"].fillna(""),
        "province": records["province"].fillna(""),
        "district": records["district"].fillna(""),
        "country": records["country_code"],
    }
    return pd.DataFrame({name: values.to_numpy() for name, values in result.items()})


def _days(dates: pd.Series) -> pd.Series:
    """Days since 1970-01-01; missing stays missing."""
    return (pd.to_datetime(dates) - pd.Timestamp("1970-01-01")).dt.days.astype("Int32")
