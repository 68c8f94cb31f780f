"""Every reason and flag is said in all nine languages, in the language's own letters, with the programme's bounds."""

import datetime as dt
import unicodedata

import pytest
from pydantic import ValidationError

from schemas.programme import load_programme
from schemas.reasons import Flag, Reason
from schemas.remedies import (
    REMEDIES_FILE,
    flag_remedies,
    language_of,
    load_remedies,
    placeholders,
    remedies,
    write_day,
)

SENTENCES = load_remedies()
NINE = ["en", "fil", "id", "km", "lo", "ms", "my", "th", "vi"]
PAIRS = [(name, language) for name in SENTENCES.entries for language in NINE]
# scripts whose sentences end without a full stop of their own
ENDS = {"th": "", "km": "។", "my": "။"}


def letters(words: str) -> set[str]:
    """Scripts of the letters in `words`, by their Unicode names; placeholders and loanwords in quotes left out."""
    for name in placeholders(words):
        words = words.replace("{" + name + "}", "")
    return {
        unicodedata.name(letter).split()[0] for letter in words if unicodedata.category(letter) in ("Lo", "Lu", "Ll")
    }


def test_every_reason_and_flag_has_a_sentence_in_all_nine_languages():
    assert sorted(SENTENCES.languages) == NINE
    assert set(SENTENCES.reasons) == set(Reason)
    assert set(SENTENCES.flags) == set(Flag)
    assert [(name, language) for name, language in PAIRS if not SENTENCES.entries[name][language].strip()] == []


@pytest.mark.parametrize("name", SENTENCES.entries)
def test_placeholders_agree_between_languages(name):
    says = SENTENCES.entries[name]
    assert {frozenset(placeholders(says[language])) for language in NINE} == {frozenset(placeholders(says["en"]))}


@pytest.mark.parametrize("language", NINE)
def test_the_letters_are_those_of_the_language(language):
    script = SENTENCES.languages[language].script
    # the programme's words for a file and the mark x stay Latin everywhere
    allowed = {script, "LATIN"}
    for name, says in SENTENCES.entries.items():
        found = letters(says[language])
        assert script in found, name
        assert found <= allowed, (name, found)
        latin = [letter for letter in says[language] if letter.isascii() and letter.isalpha()]
        if script != "LATIN":
            own = sum(unicodedata.name(letter, "").startswith(script) for letter in says[language])
            assert len(latin) < own, name


@pytest.mark.parametrize("language", NINE)
def test_no_two_entries_of_a_language_are_the_same_and_none_is_left_in_english(language):
    coded = [str(code) for code in (*Reason, *Flag)]
    says = [SENTENCES.entries[name][language] for name in coded]
    assert len(set(says)) == len(says)
    if language != "en":
        english = {SENTENCES.entries[name]["en"] for name in coded}
        assert english.isdisjoint(says)


@pytest.mark.parametrize("language", NINE)
def test_the_bounds_of_the_programme_stand_in_the_sentences(language):
    programme = load_programme()
    said = remedies(programme, language)
    assert str(programme.age_minimum) in said[Reason.AGE_BELOW_MINIMUM].sentence
    assert str(programme.age_maximum) in said[Reason.AGE_ABOVE_MAXIMUM].sentence
    assert f"{programme.hours_maximum:g}" in said[Reason.HOURS_IMPOSSIBLE].sentence
    assert write_day(programme.first_day, language) in said[Reason.TRAINING_DATE_OUT_OF_PROGRAMME].sentence
    assert write_day(programme.last_day, language) in said[Reason.TRAINING_DATE_OUT_OF_PROGRAMME].sentence
    assert all(code in said[Reason.UNKNOWN_COURSE].sentence for code in programme.courses)
    assert "A, B" in remedies(programme, language, ("A", "B"))[Reason.UNKNOWN_COURSE].sentence
    sentences = [item.sentence for item in (*said.values(), *flag_remedies(programme, language).values())]
    assert [text for text in sentences if "{" in text or not text.endswith(ENDS.get(language, "."))] == []


@pytest.mark.parametrize(
    ("language", "written"),
    [
        ("en", "2020-07-01"),
        ("th", "1 กรกฎาคม พ.ศ. 2563"),
        ("vi", "ngày 1 tháng 7 năm 2020"),
        ("id", "1 Juli 2020"),
        ("km", "ថ្ងៃទី 1 ខែកក្កដា ឆ្នាំ 2020"),
        ("lo", "ວັນທີ 1 ກໍລະກົດ 2020"),
        ("my", "2020၊ ဇူလိုင် 1 ရက်"),
        ("ms", "1 Julai 2020"),
        ("fil", "Hulyo 1, 2020"),
    ],
)
def test_a_day_is_written_as_the_language_writes_it(language, written):
    assert write_day(dt.date(2020, 7, 1), language) == written


def test_every_country_of_the_programme_has_a_language_and_a_new_one_reads_english():
    assert set(SENTENCES.countries) == set(load_programme().countries)
    assert (language_of("BN"), language_of("MY"), language_of("SG"), language_of("TL")) == ("ms", "ms", "en", "en")


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ("      fil: Walang laman ang hilerang ito. Burahin ito o punan.\n", "", "blank_line"),
        ("younger than {age_minimum}", "younger than {age_maximum}", "placeholders"),
        ("TH: th,", "TH: thai,", "no such language"),
    ],
)
def test_a_sentence_that_is_missing_or_disagrees_is_refused(tmp_path, old, new, problem):
    text = REMEDIES_FILE.read_text(encoding="utf-8")
    assert old in text
    (tmp_path / "remedies.yml").write_text(text.replace(old, new), encoding="utf-8")
    with pytest.raises(ValidationError, match=problem):
        load_remedies(tmp_path / "remedies.yml")
