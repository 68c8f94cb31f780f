"""A fast generator of invented training records whose people are known: any number, seeded, as untidy as asked.

For benchmarks and for tests of the linkage. Nobody in it exists, names are put together from customary words of the
region, and neither words nor code are those of the development kit: what is learnt there is tried on strangers here.
"""

import unicodedata
from dataclasses import dataclass, fields
from functools import cache
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import yaml

from schemas.columns import COLUMNS, TRAINING_LOG_COLUMNS
from schemas.programme import load_programme
from schemas.row_rules import FRAME_TYPES
from warehouse.identity.linkage.names import name_script

WORDS_FILE = Path(__file__).with_suffix(".yml")
TRUTH_COLUMNS = ("person_id", "household_id")
# the development kit and its figures: 1.4 attendances to a person
RECORDS_PER_PERSON = 1.4
# people in a household who were trained: one, two, three, four
_HOUSEHOLD_SIZES = (0.72, 0.2, 0.06, 0.02)
_HEAD, _SPOUSE, _SIBLING, _TWIN, _CHILD = range(5)
# forms of a word: as it stands in the file, three spellings in Latin letters, its first letter
_OWN, _LATIN, _INITIAL, _FORMS = 0, 1, 4, 5
_LATINS = 3
_NO_WORD = -1
_DAYS_A_YEAR = 365.2425


@dataclass(frozen=True)
class Noise:
    """How untidy the records are: each a share, of records unless it says of people.

    The defaults are near what the development kit shows, not fitted to it.
    """

    letter_wrong: float = 0.02
    word_dropped: float = 0.025
    words_swapped: float = 0.02
    respelled: float = 0.04
    birth_wrong: float = 0.03
    birth_missing: float = 0.006
    year_only: float = 0.01
    year_only_people: float = 0.01
    age_wrong: float = 0.05
    phone_missing: float = 0.05
    phone_changed: float = 0.06
    phone_shared_people: float = 0.35
    phone_lent_people: float = 0.01
    phone_second: float = 0.03
    email_changed: float = 0.04
    phone_recycled_people: float = 0.004
    national_wrong: float = 0.012
    place_moved: float = 0.03
    place_missing: float = 0.01
    sex_wrong: float = 0.003
    sex_missing: float = 0.01
    namesake_people: float = 0.002
    abroad_people: float = 0.003

    def times(self, factor: float) -> "Noise":
        """The same with every share multiplied, at most one half."""
        return Noise(**{item.name: min(getattr(self, item.name) * factor, 0.5) for item in fields(self)})


@dataclass(frozen=True)
class _Slot:
    """One place in a name: numbers of its words for each sex (female, male), and their cumulated weights."""

    kind: str
    words: tuple[np.ndarray, np.ndarray]
    weights: tuple[np.ndarray, np.ndarray]
    present: float
    glued: float
    initial: bool
    droppable: bool


@dataclass(frozen=True)
class _Tradition:
    name: str
    is_latin: bool
    spaced: bool
    family_first: bool
    spouses_share: float
    slots: tuple[_Slot, ...]


@dataclass(frozen=True)
class _Words:
    """The data file: traditions, countries, partners, and the vocabulary in all forms, apart and glued."""

    traditions: tuple[_Tradition, ...]
    countries: dict[str, dict[str, Any]]
    partners: dict[str, dict[str, Any]]
    vocabulary: pa.Array
    size: int


def generate(records: int, seed: int, noise: Noise | None = None, countries: tuple[str, ...] = ()) -> pd.DataFrame:
    """Return invented records with their truth, in the order of their training.

    Args:
        records: How many; people are as many divided by RECORDS_PER_PERSON.
        seed: The same seed, size and noise give the same frame.
        noise: How untidy; the defaults without it.
        countries: Only these; all ten without it.

    Returns:
        TRAINING_LOG_COLUMNS with the types of the border's contract, person_id and household_id.
    """
    noise, words, rng = noise or Noise(), _read_words(), np.random.default_rng(seed)
    people = _People(words, rng, max(1, round(records / RECORDS_PER_PERSON)), noise, countries)
    return _attendances(words, rng, people, records, noise)


def write_records(con: duckdb.DuckDBPyConnection, records: pd.DataFrame, table: str = "record") -> None:
    """Make a table of generated records with the types of the vault's, truth included; for Parquet, COPY it."""
    names = ", ".join(
        f"CAST({name} AS {COLUMNS[name].type if name in COLUMNS else 'VARCHAR'}) AS {name}" for name in records.columns
    )
    con.register("generated", records)
    try:
        con.execute(f"CREATE TABLE {table} AS SELECT {names} FROM generated")
    finally:
        con.unregister("generated")


@cache
def _read_words() -> _Words:
    data = yaml.safe_load(WORDS_FILE.read_text(encoding="utf-8"))
    forms: list[list[str]] = []
    traditions = []
    for name, spec in data["traditions"].items():
        latin = spec["script"] == "LATIN"
        slots = []
        for slot in spec["slots"]:
            numbers = []
            for sex in ("female", "male"):
                texts = slot.get(sex) or slot["words"]
                numbers.append(np.arange(len(forms), len(forms) + len(texts.split())))
                forms += [_word_forms(text) for text in texts.split()]
            zipf = slot.get("zipf", 1.0)
            weights = [np.cumsum(1 / np.arange(1.5, len(found) + 1.5) ** zipf) for found in numbers]
            slots.append(
                _Slot(
                    slot["kind"],
                    (numbers[0], numbers[1]),
                    (weights[0] / weights[0][-1], weights[1] / weights[1][-1]),
                    slot.get("present", 1.0),
                    float(slot.get("glued", False)) or slot.get("glued_share", 0.0),
                    slot.get("initial", False),
                    slot.get("droppable", False),
                )
            )
        traditions.append(
            _Tradition(name, latin, spec["spaced"], spec["order"] == "first", spec["spouses_share"], tuple(slots))
        )
    table = [*zip(*forms, strict=True)]
    apart = [
        f" {text[:1].upper()}{text[1:]}" if text.islower() and "/" not in text else f" {text}"
        for text in (text for column in table for text in column)
    ]
    glued = [text.lower() if text.isascii() else text for column in table for text in column]
    return _Words(tuple(traditions), data["countries"], data["partners"], pa.array([*apart, *glued, ""]), len(forms))


def _word_forms(text: str) -> list[str]:
    own, _, others = text.replace("_", " ").partition("=")
    spellings = others.split("/") if others and not own.startswith("a/") else [others] if others else []
    if name_script(own) == "LATIN":
        plain = _without_accents(own)
        spellings = [plain, *spellings] if plain != own else spellings or [own]
    return [own, *(spellings[place % len(spellings)] for place in range(_LATINS)), f"{spellings[0][:1].upper()}."]


def _without_accents(text: str) -> str:
    plain = text.replace("Đ", "D").replace("đ", "d")
    return "".join(letter for letter in unicodedata.normalize("NFD", plain) if not unicodedata.combining(letter))


class _People:
    """Invented people, as arrays of one value per person."""

    def __init__(self, words: _Words, rng: np.random.Generator, count: int, noise: Noise, only: tuple[str, ...]):
        self.count = count
        sizes = rng.choice(len(_HOUSEHOLD_SIZES), count, p=_HOUSEHOLD_SIZES) + 1
        starts = np.cumsum(sizes) - sizes
        self.household = np.repeat(np.arange(count), sizes)[:count]
        self.head = starts[self.household]
        member = np.arange(count) - self.head
        drawn = rng.choice(4, count, p=(0.4, 0.3, 0.02, 0.28)) + 1
        self.relation = np.where(member == 0, _HEAD, np.where((member > 1) & (drawn == _SPOUSE), _SIBLING, drawn))
        codes = only or tuple(words.countries)
        shares = np.array([words.countries[code]["weight"] for code in codes])
        order = [*words.countries]
        self.country = np.array([order.index(code) for code in codes])[
            rng.choice(len(codes), count, p=shares / shares.sum())
        ][self.head]
        self.sex = (rng.random(count) >= 0.62).astype(np.int8)
        spouses = self.relation == _SPOUSE
        self.sex[spouses] = 1 - self.sex[self.head[spouses]]
        self._draw_births(rng)
        self._draw_names(words, rng)
        self._draw_places(words, rng)
        self._draw_numbers(rng, noise)
        self._draw_namesakes(rng, noise)

    def _draw_births(self, rng: np.random.Generator) -> None:
        """Days since 1970-01-01; everybody is 15 at the programme's first day."""
        first_day = np.datetime64(load_programme().first_day).astype("int64")
        youngest = first_day - round(15.1 * _DAYS_A_YEAR)
        years = np.minimum(16 + rng.gamma(2.2, 8.5, self.count), 85)
        own = first_day - (years * _DAYS_A_YEAR).astype("int64")
        of_head = own[self.head]
        gaps = rng.normal(0, 1, self.count)
        related = np.select(
            [self.relation == _SPOUSE, self.relation == _SIBLING, self.relation == _TWIN, self.relation == _CHILD],
            [
                of_head + gaps * 4 * _DAYS_A_YEAR,
                of_head + np.where(gaps > 0, 1, -1) * (1 + np.abs(gaps) * 3) * _DAYS_A_YEAR,
                of_head,
                of_head + (24 + gaps * 4) * _DAYS_A_YEAR,
            ],
            own,
        ).astype("int64")
        # a child too young to be trained is somebody else in the house
        self.born = np.where(related > youngest, np.minimum(own, youngest), related)

    def _draw_names(self, words: _Words, rng: np.random.Generator) -> None:
        names = [tradition.name for tradition in words.traditions]
        self.tradition = np.zeros(self.count, dtype=np.int8)
        for place, spec in enumerate(words.countries.values()):
            here = np.flatnonzero(self.country == place)
            kinds = np.array([names.index(name) for name in spec["traditions"]])
            self.tradition[here] = kinds[rng.choice(len(kinds), len(here), p=[*spec["traditions"].values()])]
        self.tradition = self.tradition[self.head]
        self.words = np.full((self.count, max(len(item.slots) for item in words.traditions)), _NO_WORD, np.int32)
        self.glued = rng.random(self.count)
        shares_family = np.isin(self.relation, (_SIBLING, _TWIN, _CHILD))
        for number, tradition in enumerate(words.traditions):
            here = np.flatnonzero(self.tradition == number)
            for place, slot in enumerate(tradition.slots):
                drawn, present = rng.random(len(here)), rng.random(len(here)) < slot.present
                for sex in (0, 1):
                    of_sex = self.sex[here] == sex
                    found = slot.words[sex][np.searchsorted(slot.weights[sex], drawn[of_sex])]
                    self.words[here[of_sex], place] = np.where(present[of_sex], found, _NO_WORD)
            spouses = rng.random(len(here)) < tradition.spouses_share
            family = here[shares_family[here] | ((self.relation[here] == _SPOUSE) & spouses)]
            siblings = here[np.isin(self.relation[here], (_SIBLING, _TWIN))]
            for place, slot in enumerate(tradition.slots):
                if slot.kind == "family":
                    self.words[family, place] = self.words[self.head[family], place]
                if slot.kind == "mother":
                    self.words[siblings, place] = self.words[self.head[siblings], place]

    def _draw_places(self, words: _Words, rng: np.random.Generator) -> None:
        provinces = np.array([max(1, spec["provinces"]) for spec in words.countries.values()])[self.country]
        districts = np.array([spec["districts"] for spec in words.countries.values()])[self.country]
        # the square of a draw: a few large places, many small ones
        self.province = (rng.random(self.count) ** 2 * provinces).astype(np.int32)[self.head]
        self.district = (rng.random(self.count) ** 1.5 * districts).astype(np.int32)
        self.district = np.where(rng.random(self.count) < 0.95, self.district[self.head], self.district)

    def _draw_numbers(self, rng: np.random.Generator, noise: Noise) -> None:
        count = self.count
        self.phone = rng.integers(10**8, 10**9, count)
        self.phone_later = rng.integers(10**8, 10**9, count)
        shared = rng.random(count) < noise.phone_shared_people
        self.phone = np.where(shared, self.phone[self.head], self.phone)
        recycled = np.flatnonzero(rng.random(count) < noise.phone_recycled_people)
        self.phone[recycled] = self.phone[rng.integers(0, count, len(recycled))]
        # somebody in the village whose number many people give
        lent = np.flatnonzero(rng.random(count) < noise.phone_lent_people)
        lenders = rng.integers(0, max(1, len(lent) // 8), len(lent))
        self.phone[lent] = 10**8 + (lenders * 7919 + self.country[lent] * 104729) % (9 * 10**8)
        self.has_phone = rng.random(count) >= noise.phone_missing / 2
        self.national = rng.integers(10**11, 10**12, count)
        self.gives_national, self.gives_email = rng.random(count), rng.random(count)
        self.gives_member = rng.random(count)
        self.email = rng.integers(10**8, 10**10, count)
        self.partner = rng.random(count)
        self.year_only = rng.random(count) < noise.year_only_people
        self.traits = rng.random((4, count)) < np.array([0.72, 0.04, 0.12, 0.55])[:, None]

    def _draw_namesakes(self, rng: np.random.Generator, noise: Noise) -> None:
        """Others of one name, born on one day in one province: the hardest to keep apart."""
        alike = np.flatnonzero(rng.random(self.count) < noise.namesake_people)
        others = rng.integers(0, self.count, len(alike))
        for values in (self.words, self.born, self.sex, self.tradition, self.country, self.province):
            values[alike] = values[others]
        # of the household nothing but the number stays
        self.district[alike] = rng.integers(0, np.maximum(1, self.district[alike] + 3))
        self.phone[alike] = rng.integers(10**8, 10**9, len(alike))


def _attendances(words: _Words, rng: np.random.Generator, people: _People, records: int, noise: Noise) -> pd.DataFrame:
    programme = load_programme()
    # everybody attends once; the rest goes to few, most of it to those who come again and again
    keen = np.cumsum(np.minimum(rng.pareto(2.5, people.count), 8.0))
    again = np.searchsorted(keen / keen[-1], rng.random(max(0, records - people.count)))
    who = np.sort(np.concatenate([np.arange(min(people.count, records)), again]))
    first, last = (np.datetime64(day).astype("int64") for day in (programme.first_day, programme.last_day))
    begun = first + ((last - first) * rng.random(people.count) ** 0.8).astype("int64")
    is_first = np.r_[True, who[1:] != who[:-1]]
    later = begun[who] + rng.integers(1, 200, records)
    trained = np.where(is_first, begun[who], np.where(later > last, first + later % (last - first), later))
    order = np.lexsort((who, trained))
    who, trained = who[order], trained[order]
    country = people.country[who]
    # of those who came again, so many that the share of all people is right
    again_share = noise.abroad_people * people.count / max(1, len(np.unique(again)))
    abroad = (rng.random(people.count) < again_share)[who] & ~is_first[order]
    country = np.where(abroad, (country + 1 + who % (len(words.countries) - 1)) % len(words.countries), country)
    partner_names, partner = _partners(words, rng, people, who, country)
    spec = pd.DataFrame([words.partners[name] for name in partner_names]).fillna({"partial": False})

    def of_partner(name: str) -> np.ndarray:
        return spec[name].to_numpy()[partner]

    def happens(share: float) -> np.ndarray:
        return rng.random(records) < share

    full_name, latin_name = _names(words, rng, people, who, abroad, of_partner, noise)
    births = _births(rng, people, who, trained, of_partner("birth") == "age", noise)
    province, district = _places(words, rng, people, who, country, abroad, noise)
    number = np.where(happens(noise.phone_changed), people.phone_later[who], people.phone[who])
    prefixes = pa.array([spec["prefix"] for spec in words.countries.values()])
    prefix = prefixes.take(pa.array(people.country[who]))
    phone = _joined(prefix, _text(number))
    both = _joined(phone, pa.scalar(" "), prefix, _text(people.phone_later[who]))
    phone = _where(happens(noise.phone_second), both, phone)
    national = pc.utf8_lpad(_text(people.national[who]), 12, "0")
    slipped = happens(noise.national_wrong)
    national = _where(slipped, _text((people.national[who] + 10 ** rng.integers(0, 11, records)) % 10**12), national)
    partial = of_partner("partial").astype(bool)
    letters = pa.array([*"ABCDEFGHIZJ"]).take(pa.array(people.national[who] % 11))
    ending = _joined(pc.utf8_slice_codeunits(_text(people.national[who]), 9, 12), letters)
    national = _where(partial, ending, national)
    has_national = (people.gives_national[who] < of_partner("national")) & ~happens(0.08) & ~abroad
    status = np.where(partial, "partial", np.where(slipped & happens(0.5), "invalid", "unchecked"))
    email = np.where(happens(noise.email_changed), people.email[who] + 1, people.email[who])
    sex = np.where(happens(noise.sex_wrong), 1 - people.sex[who], people.sex[who])
    # the first record of a person states what the figures are broken down by
    state = ~happens(noise.sex_missing) | is_first[order]
    month = trained.astype("datetime64[D]").astype("datetime64[M]").astype("int64")
    delivery = partner * 1000 + (month - month.min())
    age = births["age"]
    filled: dict[str, Any] = {
        "record_id": _hashes(rng, records, 16),
        "delivery_id": pa.array([f"{value:016x}" for value in range(int(delivery.max()) + 1)]).take(pa.array(delivery)),
        "partner_id": pa.array(partner_names).take(pa.array(partner)),
        "country_code": pa.array([*words.countries]).take(pa.array(country)),
        "row_number": pd.Series(delivery).groupby(delivery).cumcount().to_numpy() + 1,
        "full_name": full_name,
        "latin_name": latin_name,
        "sex": _only(state, pa.array(["F", "M"]).take(pa.array(sex))),
        "birth_date": births["date"],
        "birth_earliest": births["earliest"],
        "birth_latest": births["latest"],
        "age_low": age,
        "age_high": age,
        "phones": _only(people.has_phone[who] & ~happens(noise.phone_missing / 2), phone),
        "email": _only(
            people.gives_email[who] < of_partner("email"),
            _joined(pa.scalar("u"), _text(email), pa.scalar("@mail.example")),
        ),
        "national_id": _only(has_national, national),
        "national_id_status": _only(has_national, pa.array(status)),
        "member_id": _only(
            people.gives_member[who] < of_partner("member"), _joined(pa.scalar("M"), _text(who + 10**6))
        ),
        "province": province,
        "district": district,
        "trainee_type": pa.array(["job_seeker", "msme_owner"]).take(pa.array(people.traits[0][who].astype(int))),
        "has_disability": people.traits[1][who],
        "is_indigenous": people.traits[2][who],
        "is_rural": people.traits[3][who],
        "course_code": pa.array(sorted(programme.courses)).take(
            pa.array(rng.integers(0, len(programme.courses), records))
        ),
        "training_date": trained.astype("datetime64[D]"),
        "hours": rng.integers(2, 17, records) / 2,
        "person_id": _joined(pa.scalar("P"), pc.utf8_lpad(_text(who), 8, "0")),
        "household_id": _joined(pa.scalar("H"), pc.utf8_lpad(_text(people.household[who]), 8, "0")),
    }
    made = {name: _column(filled.get(name), name, records) for name in (*TRAINING_LOG_COLUMNS, *TRUTH_COLUMNS)}
    return pd.DataFrame(made)


def _partners(
    words: _Words, rng: np.random.Generator, people: _People, who: np.ndarray, country: np.ndarray
) -> tuple[list[str], np.ndarray]:
    """Names of the partners, and the number of each record's; people mostly stay with theirs."""
    names = list(words.partners)
    drawn = np.where(rng.random(len(who)) < 0.9, people.partner[who], rng.random(len(who)))
    partner = np.zeros(len(who), dtype=np.int64)
    for place, code in enumerate(words.countries):
        mine = [number for number, name in enumerate(names) if name.startswith(code)]
        bounds = np.cumsum([words.partners[names[number]]["share"] for number in mine])
        here = country == place
        found = np.minimum(np.searchsorted(bounds, drawn[here]), len(mine) - 1)
        partner[here] = np.array(mine)[found]
    return names, partner


def _names(
    words: _Words,
    rng: np.random.Generator,
    people: _People,
    who: np.ndarray,
    abroad: np.ndarray,
    of_partner: Any,
    noise: Noise,
) -> tuple[pa.Array, pa.Array]:
    """The name as the partner wrote it, and its Latin form where that is given beside it."""
    records = len(who)
    dropped, swapped = rng.random(records) < noise.word_dropped, rng.random(records) < noise.words_swapped
    # whoever writes one name in Latin letters mostly spells it in one way, not always
    spelling = np.where(rng.random(records) < 0.8, who % _LATINS, rng.integers(0, _LATINS, records))
    is_own = (rng.random(records) < of_partner("native")) & ~abroad
    respelled = rng.random(records) < noise.respelled
    tradition = people.tradition[who]
    latin_tradition = np.array([item.is_latin for item in words.traditions])[tradition]
    own_form = np.where(is_own & ~(latin_tradition & respelled), _OWN, _LATIN + spelling)
    gives_latin = ~latin_tradition & is_own & (rng.random(records) < of_partner("latin"))
    full = [_assembled(words, people, who, own_form, number, dropped, swapped) for number in _each(words)]
    latin = [
        _assembled(words, people, np.where(gives_latin, who, -1), _LATIN + spelling, number, dropped, swapped)
        for number in _each(words)
    ]
    full_name, latin_name = (_scattered(parts, records) for parts in (full, latin))
    return _with_slips(rng, full_name, noise.letter_wrong), latin_name


def _each(words: _Words) -> range:
    return range(len(words.traditions))


def _assembled(
    words: _Words,
    people: _People,
    who: np.ndarray,
    form: np.ndarray,
    number: int,
    dropped: np.ndarray,
    swapped: np.ndarray,
) -> tuple[np.ndarray, pa.Array]:
    """Places of the records of one tradition, and their names; `who` is -1 where none is wanted."""
    tradition = words.traditions[number]
    here = np.flatnonzero((who >= 0) & (people.tradition[who] == number))
    chosen, form = who[here], form[here]
    nothing = len(words.vocabulary) - 1
    pieces = np.full((len(here), len(tradition.slots)), nothing, dtype=np.int64)
    lost = np.where(dropped[here], 1 + chosen % len(tradition.slots), 0)
    for place, slot in enumerate(tradition.slots):
        word = people.words[chosen, place]
        shape = np.where(slot.initial & (chosen % 5 < 2), _INITIAL, form)
        stuck = people.glued[chosen] < slot.glued
        if not tradition.spaced and place > 0:
            stuck = stuck | (form == _OWN)
        piece = word + words.size * (shape + _FORMS * stuck)
        keep = (word != _NO_WORD) & ~(slot.droppable & (lost == place + 1))
        pieces[:, place] = np.where(keep, piece, nothing)
    kinds = [slot.kind for slot in tradition.slots]
    before = [place for place, kind in enumerate(kinds) if kind == "prefix"]
    family = [place for place, kind in enumerate(kinds) if kind in ("family", "particle")]
    given = [place for place, kind in enumerate(kinds) if kind in ("given", "mother")]
    usual, other = [*before, *given, *family], [*before, *family, *given]
    if tradition.family_first:
        usual, other = other, usual
    turned = swapped[here] & np.array(bool(family))
    ordered = np.where(turned[:, None], pieces[:, other], pieces[:, usual])
    texts = [words.vocabulary.take(pa.array(ordered[:, place])) for place in range(ordered.shape[1])]
    return here, pc.utf8_trim_whitespace(pc.binary_join_element_wise(*texts, ""))


def _scattered(parts: list[tuple[np.ndarray, pa.Array]], records: int) -> pa.Array:
    """One column from the parts of it; missing where no part has the record."""
    place = np.full(records, -1, dtype=np.int64)
    start = 0
    for here, texts in parts:
        place[here] = start + np.arange(len(texts))
        start += len(texts)
    nobody = pa.array([None], pa.string())
    found = pa.concat_arrays([*(texts for _, texts in parts), nobody]).take(pa.array(np.maximum(place, 0)))
    return _only(place >= 0, found)


def _with_slips(rng: np.random.Generator, names: pa.Array, share: float) -> pa.Array:
    """Some names with a letter left out, doubled, put in another's place or exchanged with the next."""
    wrong = np.flatnonzero(rng.random(len(names)) < share)
    draws = rng.random((len(wrong), 3))
    texts = names.take(pa.array(wrong)).to_pylist()
    mended = [_slip(text, *draw) for text, draw in zip(texts, draws, strict=True)]
    mask = np.zeros(len(names), dtype=bool)
    mask[wrong] = True
    return pc.replace_with_mask(names, pa.array(mask), pa.array(mended, type=names.type))


def _slip(text: str, kind: float, place: float, letter: float) -> str:
    if len(text) < 3:
        return text
    at = 1 + int(place * (len(text) - 2))
    if text[at] == " ":
        return text
    if kind < 0.3:
        return text[:at] + text[at + 1 :]
    if kind < 0.5:
        return text[:at] + text[at] + text[at:]
    if kind < 0.75:
        return text[:at] + text[int(letter * len(text))].lower().strip() + text[at + 1 :]
    return text[:at] + text[at + 1] + text[at] + text[at + 2 :]


def _births(
    rng: np.random.Generator, people: _People, who: np.ndarray, trained: np.ndarray, by_age: np.ndarray, noise: Noise
) -> dict[str, np.ndarray]:
    """Birth as written: date, or age on the day of the training, and the days between which it can have been."""
    records = len(who)
    day = people.born[who].astype("datetime64[D]")
    year = day.astype("datetime64[Y]").astype("int64") + 1970
    month = (day.astype("datetime64[M]").astype("int64") % 12) + 1
    of_month = (day - day.astype("datetime64[M]").astype("datetime64[D]")).astype("int64") + 1
    wrong, kind = rng.random(records) < noise.birth_wrong, rng.random(records)
    swaps = wrong & (kind < 0.35) & (of_month <= 12)
    month, of_month = np.where(swaps, of_month, month), np.where(swaps, month, of_month)
    day_slip = wrong & (kind >= 0.35) & (kind < 0.65)
    of_month = np.where(day_slip, (of_month + 9) % 28 + 1, of_month)
    year = np.where(wrong & (kind >= 0.65) & (kind < 0.85), year - 1 - who % 9, year)
    month = np.where(wrong & (kind >= 0.85), month % 12 + 1, month)
    only_year = people.year_only[who] | (rng.random(records) < noise.year_only)
    month, of_month = np.where(only_year, 1, month), np.where(only_year, 1, of_month)
    date = _date(year, month, np.minimum(of_month, 28 + (month != 2) * 2)).astype("datetime64[D]")
    # completed years on the day of the training, and what they leave open
    today = trained.astype("datetime64[D]")
    months = (today.astype("datetime64[M]") - day.astype("datetime64[M]")).astype("int64")
    had = (today - today.astype("datetime64[M]")).astype("int64") >= (day - day.astype("datetime64[M]")).astype("int64")
    age = (months - ~had) // 12
    age = age + np.where(rng.random(records) < noise.age_wrong, rng.choice((-1, 1), records), 0)
    age = np.maximum(age, 15)
    offset = (today - today.astype("datetime64[M]").astype("datetime64[D]")).astype("int64")
    earliest = (today.astype("datetime64[M]") - 12 * (age + 1)).astype("datetime64[D]") + offset + 1
    latest = (today.astype("datetime64[M]") - 12 * age).astype("datetime64[D]") + offset
    missing = rng.random(records) < noise.birth_missing
    none = np.datetime64("NaT")
    return {
        "date": np.where(by_age | missing, none, date),
        "earliest": np.where(missing, none, np.where(by_age, earliest, date)),
        "latest": np.where(missing, none, np.where(by_age, latest, date)),
        "age": np.where(by_age & ~missing, age.astype(float), np.nan),
    }


def _date(year: np.ndarray, month: np.ndarray, day: np.ndarray) -> np.ndarray:
    months = ((year - 1970) * 12 + month - 1).astype("datetime64[M]")
    return months.astype("datetime64[D]") + (day - 1)


def _places(
    words: _Words,
    rng: np.random.Generator,
    people: _People,
    who: np.ndarray,
    country: np.ndarray,
    abroad: np.ndarray,
    noise: Noise,
) -> tuple[pa.Array, pa.Array]:
    records = len(who)
    specs = list(words.countries.values())
    provinces = np.array([max(1, spec["provinces"]) for spec in specs])[country]
    districts = np.array([spec["districts"] for spec in specs])[country]
    moved = (rng.random(records) < noise.place_moved) | abroad
    far = moved & ((rng.random(records) < 0.3) | abroad)
    province = np.where(far, rng.integers(0, provinces), people.province[who] % provinces)
    district = np.where(moved, rng.integers(0, districts), people.district[who] % districts)
    names = _place_names()
    kinds = np.array([max(1, spec["provinces"]) * (1 + spec["districts"]) for spec in specs])
    base = (np.cumsum(kinds) - kinds)[country]
    stated = rng.random(records) >= noise.place_missing
    has_provinces = np.array([spec["provinces"] > 0 for spec in specs])[country]
    return (
        _only(has_provinces, names.take(pa.array(base + province))),
        _only(stated, names.take(pa.array(base + provinces + province * districts + district))),
    )


@cache
def _place_names() -> pa.Array:
    """Invented names of places: per country its provinces, then the districts of each."""
    words = _read_words()
    names: list[str] = []
    for spec in words.countries.values():
        tradition = next(item for item in words.traditions if item.name == next(iter(spec["traditions"])))
        used = sorted({number for slot in tradition.slots for number in slot.words[0]})
        total = max(1, spec["provinces"]) * (1 + spec["districts"])
        found: dict[str, None] = {}
        step = 0
        while len(found) < total:
            one, other = used[(step * 7) % len(used)], used[(step * 11 + step // len(used) + 3) % len(used)]
            name = (words.vocabulary[one].as_py() + words.vocabulary[other].as_py().lower()).strip()
            found.setdefault(name if one != other else f"{name} {step}")
            step += 1
        names += found
    return pa.array(names)


def _text(numbers: np.ndarray) -> pa.Array:
    return pc.cast(pa.array(numbers), pa.string())


def _joined(*parts: Any) -> pa.Array:
    return pc.binary_join_element_wise(*parts, "")


def _where(condition: np.ndarray, one: pa.Array, other: pa.Array) -> pa.Array:
    return pc.if_else(pa.array(condition), one, other)


def _only(condition: np.ndarray, texts: pa.Array) -> pa.Array:
    """The texts where the condition holds, missing elsewhere."""
    return pc.if_else(pa.array(condition), texts, pa.scalar(None, texts.type))


def _hashes(rng: np.random.Generator, count: int, width: int) -> pa.Array:
    digits = rng.bytes(count * width).hex()
    return pa.array([digits[place : place + 2 * width] for place in range(0, len(digits), 2 * width)])


def _column(values: Any, name: str, count: int) -> pd.Series:
    kind = FRAME_TYPES[COLUMNS[name].type] if name in COLUMNS else "str"
    if values is None:
        return pd.Series([None] * count, dtype=kind)
    if isinstance(values, pa.Array | pa.ChunkedArray):
        return pd.Series(pd.arrays.ArrowExtensionArray(values), dtype=None).astype(kind)
    return pd.Series(values).astype(kind)
