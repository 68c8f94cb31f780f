"""Published claims against each other: the programme's own, and each relation where it holds and where it does not."""

import copy

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flows.claims.check import reconcile
from flows.claims.findings import MEANINGS, SEVERITIES, Finding, needs_attention
from schemas.claims import Claims, load_claims
from tests.conftest import PROJECT


@pytest.fixture(scope="module")
def published() -> dict[str, Finding]:
    """What the shipped file comes to, by relation: each has one finding."""
    findings = reconcile(load_claims(PROJECT / "raw" / "claims" / "published.yml"))
    assert len({finding.relation for finding in findings}) == len(findings)
    return {str(finding.relation): finding for finding in findings}


@pytest.mark.parametrize(
    ("relation", "kind", "arithmetic"),
    [
        ("owners_and_job_seekers", "adds_up", "183,096 + 42,682 = 225,778"),
        ("women_of_people", "rounding", "140,276 / 225,778 = 62.1 %, published as 60 %"),
        ("youth_of_people", "computed", "145,407 / 225,778 = 64.4 %"),
        ("disability_of_people", "computed", "1,983 / 225,778 = 0.9 %"),
        ("indigenous_of_people", "computed", "19,064 / 225,778 = 8.4 %"),
        ("people_promised", "target_reached", "225,778 / 200,000 = 112.9 % (promised: at most 200,000)"),
        ("women_promised", "target_reached", "140,276 / 225,778 = 62.1 %, against 60 %"),
        ("youth_promised", "band_differs", "145,407 / 225,778 = 64.4 %, against 40 %"),
        ("two_phases", "unit_differs", "at most 200,000 people; 200,000 enterprises"),
        (
            "countries_found",
            "possible",
            "81,560 + more than 53,000 + 35,557 = at least 170,118; published as a whole: 225,778",
        ),
        ("id_parts_of_whole", "differs", "33,782; published as a whole: 35,557: 1,775 less"),
        (
            "id_two_answers",
            "differs",
            "35,557 people (the partner in Indonesia); more than 37,000 people (the press in Indonesia): "
            "at least 1,444 apart",
        ),
        ("id_promised_partner", "target_reached", "35,557 / (20,000 + 15,000) = 101.6 %"),
        ("id_promised_parts", "target_missed", "33,782 / (20,000 + 15,000) = 96.5 %"),
        ("id_promised_press", "target_reached", "more than 37,000 / (20,000 + 15,000) = at least 105.7 %"),
        ("job_seekers_employed", "denominator_missing", "58 % of what is not stated and 28 % of what is not stated"),
        (
            "survey",
            "denominator_missing",
            "3,372 participants in all; n per question is not given for 81 %, 77 %, 25 %, 58 %, 28 %",
        ),
    ],
)
def test_what_was_published_about_the_programme(published, relation, kind, arithmetic):
    finding = published[relation]
    assert (finding.kind, finding.arithmetic) == (kind, arithmetic)


def test_nothing_else_was_found_in_what_was_published(published):
    assert len(published) == 17
    assert needs_attention(published.values())


def test_both_bands_are_named_with_their_ages(published):
    assert "people aged 15-35 and people aged 18-35" in published["youth_promised"].meaning


def test_whatever_is_wrong_comes_with_a_question_to_its_publisher(published):
    for finding in published.values():
        assert bool(finding.ask) == (finding.severity in ("fails", "lacks")), finding
    assert published["id_two_answers"].ask.startswith("the partner in Indonesia and the press in Indonesia: ")


def test_every_kind_of_finding_counts_as_something_and_is_described():
    assert set(SEVERITIES) == set(MEANINGS)


BASE = {
    "sources": {"s": {"title": "t", "publisher": "Invented co-operative", "date": "2022", "where": "p"}},
    "claims": {},
    "relations": {},
}
YOUTH = {"indicator": "youth", "band": "youth_18_35"}
OLDER = {"indicator": "youth", "band": "youth_15_35"}
OF_A = {"denominator": {"claim": "a"}}


def claim(value, unit: str = "people", **more) -> dict:
    given = {"words": "w", "source": "s", "value": value, "unit": unit, **more}
    if "indicator" not in given:
        given["counts"] = "something"
    if unit == "share":
        given.setdefault("denominator", {"words": "all"})
    return given


def check(relation: dict, **claims: dict) -> list[Finding]:
    data = copy.deepcopy(BASE) | {"claims": claims, "relations": {"r": relation}}
    return reconcile(Claims.model_validate(data))


def kinds(relation: dict, **claims: dict) -> list[str]:
    return [finding.kind for finding in check(relation, **claims)]


SUM = {"kind": "sum", "parts": ["a", "b"], "whole": "c"}
AT_MOST = SUM | {"how": "at_most"}


@pytest.mark.parametrize(
    ("relation", "a", "b", "c", "found"),
    [
        (SUM, claim("30"), claim("12"), claim("42"), ["adds_up"]),
        (SUM, claim("30"), claim("12"), claim("41"), ["differs"]),
        (SUM, claim("30"), claim("12"), claim("43"), ["differs"]),
        (SUM, claim({"more_than": "30"}), claim("12"), claim("43"), ["possible"]),
        (SUM, claim({"more_than": "30"}), claim("12"), claim("42"), ["differs"]),
        (SUM, claim({"about": "30"}), claim("12"), claim("47"), ["possible"]),
        (SUM, claim({"about": "30"}), claim("12"), claim("48"), ["differs"]),
        (AT_MOST, claim("30"), claim("12"), claim("100"), ["possible"]),
        (AT_MOST, claim("30"), claim("12"), claim("42"), ["adds_up"]),
        (AT_MOST, claim("30"), claim("12"), claim("41"), ["differs"]),
        (AT_MOST | {"overlap": "possible"}, claim("30"), claim("12"), claim("41"), ["possible"]),
        (AT_MOST | {"overlap": "possible"}, claim("30"), claim("12"), claim("29"), ["differs"]),
        (SUM | {"overlap": "possible"}, claim("30"), claim("12"), claim("35"), ["possible"]),
        (SUM | {"overlap": "possible"}, claim("30"), claim("12"), claim("43"), ["differs"]),
        (SUM, claim("30"), claim("12", "enterprises"), claim("42"), ["unit_differs"]),
        (SUM, claim("30"), claim("12"), claim("42", "attendances"), ["unit_differs"]),
        (
            SUM,
            claim("3", "money", currency="USD"),
            claim("4", "money", currency="SGD"),
            claim("7", "money", currency="USD"),
            ["unit_differs"],
        ),
        (SUM, claim("30%", "share"), claim("12%", "share"), claim("42%", "share"), ["not_comparable"]),
    ],
)
def test_parts_and_their_whole(relation, a, b, c, found):
    assert kinds(relation, a=a, b=b, c=c) == found


def test_what_the_parts_leave_of_the_whole_is_said():
    (finding,) = check(AT_MOST, a=claim("30"), b=claim({"more_than": "11"}), c=claim("100"))
    assert finding.arithmetic.endswith("this leaves at most 58")


@given(st.lists(st.integers(0, 10**6), min_size=1, max_size=5), st.integers(-3, 3))
def test_a_sum_adds_up_exactly_when_it_does(parts, off):
    claims = {f"p{index}": claim(str(value)) for index, value in enumerate(parts)}
    whole = max(sum(parts) + off, 0)
    relation = {"kind": "sum", "parts": list(claims), "whole": "w"}
    assert kinds(relation, w=claim(str(whole)), **claims) == ["adds_up" if whole == sum(parts) else "differs"]


RATIO = {"kind": "ratio", "share": "c", "numerator": "b", "denominator": "a"}


@pytest.mark.parametrize(
    ("a", "b", "c", "found"),
    [
        (claim("1000"), claim("621"), claim("62%", "share", **OF_A), ["confirmed"]),
        (claim("1000"), claim("621"), claim("62.1%", "share", **OF_A), ["confirmed"]),
        (claim("1000"), claim("625"), claim("62%", "share", **OF_A), ["confirmed"]),
        (claim("1000"), claim("625"), claim("63%", "share", **OF_A), ["confirmed"]),
        (claim("1000"), claim("626"), claim("62%", "share", **OF_A), ["rounding"]),
        (claim("1000"), claim("621"), claim("60%", "share", **OF_A), ["rounding"]),
        (claim("1000"), claim("621"), claim("61%", "share", **OF_A), ["differs"]),
        (claim("1000"), claim("621"), claim({"about": "60%"}, "share", **OF_A), ["possible"]),
        (claim("1000"), claim("621"), claim({"more_than": "62%"}, "share", **OF_A), ["possible"]),
        (claim("1000"), claim("620"), claim({"more_than": "62%"}, "share", **OF_A), ["differs"]),
        (claim("1000"), claim({"more_than": "700"}), claim("62%", "share", **OF_A), ["differs"]),
        (claim("1000"), claim({"more_than": "600"}), claim("62%", "share", **OF_A), ["possible"]),
        (claim("1000"), claim("1001"), claim("62%", "share", **OF_A), ["differs"]),
        (claim("0"), claim("0"), claim("62%", "share", **OF_A), ["not_comparable"]),
        (claim("1000", "enterprises"), claim("621"), claim("62%", "share", **OF_A), ["unit_differs"]),
        (claim("1000", country="VN"), claim("621"), claim("62%", "share", **OF_A), ["not_comparable"]),
        (
            claim("1000", period="2021"),
            claim("621", period="2020"),
            claim("62%", "share", **OF_A),
            ["not_comparable"],
        ),
        (claim("1000"), claim("621", **OLDER), claim("62%", "share", **OF_A, **YOUTH), ["band_differs"]),
        (claim("1000"), claim("621", **YOUTH), claim("62%", "share", **OF_A, **YOUTH), ["confirmed"]),
        (claim("1000"), claim("621"), claim("62%", "share", denominator="not stated"), ["denominator_missing"]),
        (claim("1000"), claim("621"), claim("62%", "share", denominator={"claim": "b"}), ["not_comparable"]),
    ],
)
def test_a_share_and_its_counts(a, b, c, found):
    assert kinds(RATIO, a=a, b=b, c=c) == found


@pytest.mark.parametrize(
    ("a", "b", "found"),
    [
        (claim("1,204"), claim("1204"), ["confirmed"]),
        (claim("1204"), claim("1205"), ["differs"]),
        (claim("1204"), claim({"more_than": "1200"}), ["possible"]),
        (claim("1204"), claim({"more_than": "1204"}), ["differs"]),
        (claim("1204"), claim({"about": "1200"}), ["possible"]),
        (claim({"more_than": "5"}), claim({"more_than": "9"}), ["possible"]),
        (claim("62.1%", "share"), claim("62%", "share"), ["possible"]),
        (claim("62.1%", "share"), claim("60%", "share"), ["differs"]),
        (claim("10"), claim("10", "enterprises"), ["unit_differs"]),
        (claim("10", **YOUTH), claim("10", **OLDER), ["band_differs"]),
        (
            claim("10", indicator="youth", band="not stated"),
            claim("10", indicator="youth", band="not stated"),
            ["band_differs"],
        ),
        (claim("10", country="VN"), claim("10", country="TH"), ["not_comparable"]),
        (claim("10", period="2021"), claim("10"), ["confirmed"]),
    ],
)
def test_one_figure_published_twice(a, b, found):
    assert kinds({"kind": "same", "figures": ["a", "b"]}, a=a, b=b) == found


@pytest.mark.parametrize(("of", "found"), [("n", ["confirmed"]), ("m", ["not_comparable"])])
def test_one_share_published_twice_is_a_share_of_one_thing(of, found):
    a, b = (claim("62%", "share", denominator={"claim": whole}) for whole in ("n", of))
    assert kinds({"kind": "same", "figures": ["a", "b"]}, a=a, b=b, n=claim("10"), m=claim("20")) == found


@pytest.mark.parametrize(
    ("a", "b", "found"),
    [
        (claim("10"), claim("20"), ["confirmed"]),
        (claim("10"), claim("20", "enterprises"), ["unit_differs"]),
        (claim("10", **YOUTH), claim("20", **OLDER), ["band_differs"]),
        (claim("10", country="VN"), claim("20", "enterprises"), ["unit_differs", "not_comparable"]),
        (claim("1%", "share"), claim("2%", "share"), ["confirmed"]),
        (claim("1%", "share"), claim("2%", "share", denominator={"words": "some"}), ["not_comparable"]),
        (claim("1%", "share"), claim("2%", "share", denominator="not stated"), ["denominator_missing"]),
    ],
)
def test_figures_that_a_reader_sets_side_by_side(a, b, found):
    assert kinds({"kind": "beside", "figures": ["a", "b"]}, a=a, b=b) == found


MET = {"kind": "attainment", "target": ["t"], "result": "a"}
MET_OF = MET | {"of": "b"}


@pytest.mark.parametrize(
    ("relation", "t", "a", "found"),
    [
        (MET, claim("100", role="target"), claim("100"), ["target_reached"]),
        (MET, claim("100", role="target"), claim("99"), ["target_missed"]),
        (MET, claim("100", role="target"), claim({"more_than": "98"}), ["target_undecided"]),
        (MET, claim("100", role="target"), claim({"more_than": "99"}), ["target_reached"]),
        (MET, claim({"at_most": "100"}, role="target"), claim("101"), ["target_reached"]),
        (MET, claim("100", "enterprises", role="target"), claim("101"), ["unit_differs"]),
        (MET, claim("100", role="target", **OLDER), claim("101", **YOUTH), ["band_differs"]),
        (MET, claim("100", role="target", **YOUTH), claim("101", **YOUTH), ["target_reached"]),
        (MET, claim("100", role="target", country="VN"), claim("101"), ["not_comparable"]),
        (MET, claim("60%", "share", role="target"), claim("61%", "share"), ["target_reached"]),
        # what was rounded to 60 can have been 59.5
        (MET, claim("60%", "share", role="target"), claim("60%", "share"), ["target_undecided"]),
        (MET, claim("60%", "share", role="target"), claim("59%", "share"), ["target_missed"]),
        (MET, claim("60%", "share", role="target"), claim("61"), ["unit_differs"]),
        (MET_OF, claim("60%", "share", role="target"), claim("120"), ["target_reached"]),
        (MET_OF, claim("60%", "share", role="target"), claim("119"), ["target_missed"]),
        (MET_OF, claim("60", role="target"), claim("120"), ["unit_differs"]),
        (MET_OF, claim("60%", "share", role="target"), claim("120", "enterprises"), ["unit_differs"]),
        (MET_OF, claim("60%", "share", role="target"), claim("120", country="VN"), ["not_comparable"]),
    ],
)
def test_what_was_promised_and_what_was_reached(relation, t, a, found):
    assert kinds(relation, t=t, a=a, b=claim("200")) == found


def test_shares_promised_one_on_top_of_the_other_are_not_added():
    target = claim("30%", "share", role="target")
    relation = {"kind": "attainment", "target": ["t", "u"], "result": "a"}
    assert kinds(relation, t=target, u=target, a=claim("70%", "share")) == ["not_comparable"]


SURVEY = {"kind": "survey", "participants": "all", "questions": ["q"]}


@pytest.mark.parametrize(
    ("denominator", "answered", "found"),
    [
        ({"claim": "n"}, claim("300", "participants"), ["confirmed"]),
        ({"claim": "n"}, claim("3373", "participants"), ["differs"]),
        ({"claim": "n"}, claim("300"), ["denominator_missing"]),
        ({"words": "owners"}, claim("300", "participants"), ["denominator_missing"]),
        ("not stated", claim("300", "participants"), ["denominator_missing"]),
    ],
)
def test_a_survey_says_how_many_answered_each_question(denominator, answered, found):
    question = claim("58%", "share", role="survey", denominator=denominator)
    assert kinds(SURVEY, all=claim("3372", "participants"), n=answered, q=question) == found


def test_a_share_without_a_denominator_is_found_without_any_relation():
    data = copy.deepcopy(BASE) | {"claims": {"q": claim("58%", "share", denominator="not stated")}}
    (finding,) = reconcile(Claims.model_validate(data))
    assert (finding.kind, finding.claims, finding.relation) == ("denominator_missing", ("q",), None)
    assert finding.ask.startswith("Invented co-operative: of whom")


def test_what_is_consistent_needs_nobodys_attention():
    assert not needs_attention(check(SUM, a=claim("30"), b=claim("12"), c=claim("42")))
    assert needs_attention(check(SUM, a=claim("30"), b=claim("12"), c=claim("41")))
