"""A file of claims is held to its vocabulary, and an error says file, line, and what to do."""

from pathlib import Path

import pytest

from schemas.claims import ClaimsError, load_claims
from schemas.programme import load_programme
from tests.conftest import PROJECT

PUBLISHED = PROJECT / "raw" / "claims" / "published.yml"
GOOD = """sources:
  report: {title: report, publisher: Invented co-operative, date: 2022, where: page 7}
claims:
  people:
    words: 1,204 people
    source: report
    value: 1,204
    unit: people
    indicator: trainees
  youth_share:
    words: 62% youth
    source: report
    value: 62%
    unit: share
    indicator: youth
    band: youth_18_35
    denominator: {claim: people}
relations:
  whole:
    kind: sum
    parts: [people]
    whole: people
"""


def load(text: str, folder: Path):
    file = folder / "claims.yml"
    file.write_text(text, encoding="utf-8")
    return load_claims(file)


def test_a_good_file_is_read(tmp_path):
    file = load(GOOD, tmp_path)
    assert file.claims["people"].value.exact == "1,204"
    assert file.claims["people"].country == "ALL"


@pytest.mark.parametrize(
    ("old", "new", "line", "said"),
    [
        (
            "    unit: people",
            "    unit: people\n    colour: red",
            9,
            "claims.people.colour: unknown key; see raw/claims",
        ),
        ("sources:", "surprise: 1\nsources:", 1, "surprise: unknown key"),
        ("unit: people", "unit: persons", 8, "'people', 'enterprises', 'participants'"),
        ("source: report", "source: rapport", 6, "'rapport' is none of sources; use report, or add it"),
        ("band: youth_18_35", "band: youth_16_30", 16, "is none of youth_bands in schemas/programme.yml; use youth_15"),
        ("    band: youth_18_35\n", "", 10, "band: young by which definition"),
        ("{claim: people}", "{claim: persons}", 17, "there is no claim 'persons'; add it, or say it in `words`"),
        ("{claim: people}", "{}", 17, "say words, claim, or both"),
        ("    denominator: {claim: people}\n", "", 10, "denominator: a share of what"),
        (
            "    unit: people\n",
            "    unit: people\n    denominator: not stated\n",
            9,
            "only a share has one; take it out",
        ),
        ("value: 62%", "value: 62", 13, "62 and the unit share do not fit: a share has a percent sign"),
        ("value: 1,204", "value: 1204%", 7, "1204% and the unit people do not fit"),
        ("value: 1,204", "value: 1.204", 7, "1.204 people is no whole number; group thousands with commas"),
        ("value: 1,204", "value: 12,04", 7, "'12,04' is no number as printed"),
        ("value: 1,204", "value: {about: 1204, at_most: 1300}", 7, "exactly one of exact, more_than, about, at_most"),
        ("value: 1,204", "value: {range: ['1,300', '1,204']}", 7, "1,300 is above 1,204; write the lower"),
        ("unit: people", "unit: enterprises", 9, "trainees counts people, not enterprises; say in `counts`"),
        ("    indicator: trainees\n", "", 4, "say one of indicator and counts"),
        ("unit: people", "unit: people\n    country: Laos", 9, "'Laos' is not a country; write two capitals"),
        ("unit: people", "unit: people\n    period: last year", 9, "'last year' is not a period; write 2021, 2020-07/"),
        ("unit: people", "unit: people\n    currency: USD", 9, "goes with the unit money, and only with it"),
        ("  people:\n", "  The People:\n", 4, "'The People' is not a short name"),
        ("kind: sum", "kind: total", 19, "does not match any of the expected tags: 'sum', 'ratio', 'same'"),
        ("    kind: sum\n", "", 19, "'kind' must be given"),
        ("parts: [people]", "parts: [people, owners]", 21, "there is no claim 'owners'; add it under claims"),
        ("    whole: people", "    whole: person", 22, "relations.whole.whole: there is no claim 'person'"),
        ("    whole: people", "    hole: people", 22, "hole: unknown key"),
        ("parts: [people]", "parts: []", 21, "at least 1 item"),
        ("  youth_share:", "  people:", 10, "'people' stands here twice; keep one"),
        (GOOD, "", 1, "the file of claims is empty"),
        (GOOD, "sources: [", None, "not valid YAML"),
    ],
)
def test_a_mistake_is_named_with_its_line_and_what_to_do(tmp_path, old, new, line, said):
    assert old in GOOD
    with pytest.raises(ClaimsError) as error:
        load(GOOD.replace(old, new, 1), tmp_path)
    told = [text for text in str(error.value).splitlines() if said in text]
    assert told, str(error.value)
    assert "claims.yml, line " in told[0]
    if line is not None:
        assert told[0].startswith(f"{tmp_path / 'claims.yml'}, line {line}: ")


@pytest.mark.parametrize(
    ("relation", "line", "said"),
    [
        ("{kind: ratio, share: people, numerator: people, denominator: people}", 19, "share: people is no share"),
        (
            "{kind: ratio, numerator: youth_share, denominator: people}",
            19,
            "numerator: youth_share is a share; name the claim with the count",
        ),
        ("{kind: attainment, target: [people], result: people}", 19, "target: people is no target; set its role"),
        ("{kind: survey, participants: people, questions: [youth_share]}", 19, "people does not count participants"),
        ("{kind: survey, participants: people, questions: [people]}", 19, "questions.0: people is no share"),
        ("{kind: same, figures: [people]}", 19, "at least 2 items"),
    ],
)
def test_a_relation_that_can_hold_for_no_number_is_refused(tmp_path, relation, line, said):
    text = GOOD[: GOOD.index("  whole:")] + f"  whole: {relation}\n"
    with pytest.raises(ClaimsError) as error:
        load(text, tmp_path)
    assert any(f"line {line}: " in told and said in told for told in str(error.value).splitlines()), str(error.value)


def test_every_mistake_is_told_at_once(tmp_path):
    text = GOOD.replace("source: report", "source: rapport").replace("whole: people", "whole: person")
    with pytest.raises(ClaimsError) as error:
        load(text, tmp_path)
    assert len(str(error.value).splitlines()) == 3


def test_a_file_that_is_missing_or_no_text_is_said(tmp_path):
    with pytest.raises(ClaimsError, match="no such file; raw/claims/README.md shows"):
        load_claims(tmp_path / "none.yml")
    (tmp_path / "claims.yml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ClaimsError, match="not UTF-8"):
        load_claims(tmp_path / "claims.yml")


def test_the_targets_that_were_published_are_those_of_the_programme():
    claims, targets = load_claims(PUBLISHED).claims, load_programme().targets

    def value(code: str) -> float:
        text = claims[code].value.numbers[0]
        return float(text.replace(",", "").rstrip("%")) / (100 if text.endswith("%") else 1)

    for ours, theirs in {
        "people_all": ("people_target",),
        "women_all": ("women_target",),
        "youth_all": ("youth_target",),
        "people_bn": ("bn_target",),
        "people_kh": ("kh_target",),
        "people_my": ("my_target",),
        "people_id_first": ("id_target_first",),
        "people_id": ("id_target_first", "id_target_more"),
    }.items():
        assert sum(value(code) for code in theirs) == targets[ours].value
        assert {claims[code].country for code in theirs} == {targets[ours].country}
        assert {claims[code].band for code in theirs} == {targets[ours].band}
