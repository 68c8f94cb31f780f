"""Outcomes by draws whose truth is known: shares, weights, intervals, and the rule by which cells collapse."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.columns import COLUMNS as DESCRIBED
from schemas.published import COLLAPSING, PUBLISHED_TABLES
from schemas.survey import INDICATORS, load_questionnaire
from warehouse.survey.cells import make_cells
from warehouse.survey.outcome import COLUMNS, estimate_outcomes, wilson

QUESTIONNAIRE = load_questionnaire()
ENGAGED, WORK = INDICATORS[0], INDICATORS[3]


def respondents(
    *groups: tuple[str, str | None, int, int], kind: str = "msme_owner", name: str = ENGAGED, silent: int = 0
):
    """Answers: (country, sex, how many, how many of them yes); `silent` more of the first group have not answered."""
    lines = []
    for place, (country, sex, count, yes) in enumerate(groups):
        said = [i < yes for i in range(count)] + [None] * (silent if place == 0 else 0)
        lines += [{"country_code": country, "sex": sex, name: answer} for answer in said]
    frame = pd.DataFrame(lines, columns=["country_code", "sex", name]).assign(
        survey_round="1", trainee_type=kind, is_sample=False
    )
    for other in set(INDICATORS) - {name}:
        frame[other] = None
    return frame


def trained(*groups: tuple[str, str | None, int], kind: str = "msme_owner"):
    return pd.DataFrame(groups, columns=["country_code", "sex", "people"]).assign(trainee_type=kind)


def line(table: pd.DataFrame, indicator: str, dimension: str = "all", value: str = "all") -> pd.Series:
    found = table.query("indicator_code == @indicator and dimension == @dimension and dimension_value == @value")
    assert len(found) == 1
    return found.iloc[0]


def test_weights_bring_back_a_share_that_a_biased_response_hides():
    # women are 80 of 100 trained but a fifth of those who answered; 90 % of them say yes, 30 % of the men
    answers = respondents(("VN", "F", 20, 18), ("VN", "M", 80, 24))
    table = estimate_outcomes(answers, trained(("VN", "F", 8000), ("VN", "M", 2000)), QUESTIONNAIRE)
    found = line(table, ENGAGED)
    assert found["share_unweighted"] == pytest.approx(0.42)
    assert found["share_weighted"] == pytest.approx(0.8 * 0.9 + 0.2 * 0.3)
    # by hand: the variance of a stratified sample, each stratum's with n - 1
    by_hand = np.sqrt(0.8**2 * 0.9 * 0.1 / 19 + 0.2**2 * 0.3 * 0.7 / 79)
    simple = 0.78 * 0.22 / 99
    assert found["design_effect"] == pytest.approx(by_hand**2 / simple, rel=0.02)
    assert found["effective_answers"] == pytest.approx(100 / found["design_effect"], rel=0.01)
    # an interval of Wilson's is about four standard errors wide
    assert found["weighted_high"] - found["weighted_low"] == pytest.approx(3.97 * by_hand, rel=0.05)


def test_the_standard_error_is_that_of_a_bootstrap_within_cells():
    rng = np.random.default_rng(7)
    groups = [("VN", "F", 60, 50), ("VN", "M", 25, 9), ("TH", "F", 30, 12), ("TH", "M", 30, 24)]
    people = {("VN", "F"): 5000, ("VN", "M"): 4000, ("TH", "F"): 700, ("TH", "M"): 300}
    population = trained(*((country, sex, count) for (country, sex), count in people.items()))
    found = line(estimate_outcomes(respondents(*groups), population, QUESTIONNAIRE), ENGAGED)
    total = sum(people.values())
    draws = sum(
        people[country, sex] / total * rng.binomial(count, yes / count, 20_000) / count
        for country, sex, count, yes in groups
    )
    simple = found["share_weighted"] * (1 - found["share_weighted"]) / 144
    assert found["share_weighted"] == pytest.approx(draws.mean(), abs=0.003)
    assert np.sqrt(found["design_effect"] * simple) == pytest.approx(draws.std(), rel=0.04)


def test_an_answer_that_was_not_given_is_in_no_denominator_and_never_a_no():
    answers = respondents(("VN", "F", 10, 7), silent=30)
    found = line(estimate_outcomes(answers, trained(("VN", "F", 100)), QUESTIONNAIRE), ENGAGED)
    assert (found["respondents"], found["denominator"], found["share_unweighted"]) == (40, 10, 0.7)


def test_where_nobody_answered_there_is_no_share():
    answers = respondents(("VN", "F", 0, 0), silent=4)
    found = line(estimate_outcomes(answers, trained(("VN", "F", 100)), QUESTIONNAIRE), ENGAGED)
    assert (found["respondents"], found["denominator"]) == (4, 0)
    assert found[["share_unweighted", "unweighted_low", "share_weighted", "weighted_low", "design_effect"]].isna().all()


def test_not_stated_is_a_line_of_its_own_and_lines_have_everybody():
    answers = respondents(("VN", "F", 12, 6), ("VN", "M", 8, 2), ("VN", None, 5, 5), ("TH", None, 6, 0))
    population = trained(("VN", "F", 60), ("VN", "M", 40), ("TH", "F", 10))
    table = estimate_outcomes(answers, population, QUESTIONNAIRE)
    assert line(table, ENGAGED, "sex", "not stated")["denominator"] == 11
    for dimension in ("country_code", "sex", "trainee_type"):
        parts = table[(table["indicator_code"] == ENGAGED) & (table["dimension"] == dimension)]
        assert parts["denominator"].sum() == line(table, ENGAGED)["denominator"] == 31


def test_a_question_speaks_only_of_those_it_was_asked_of():
    owners = respondents(("VN", "F", 10, 7))
    seekers = respondents(("VN", "F", 8, 2), kind="job_seeker", name=WORK)
    population = pd.concat([trained(("VN", "F", 100)), trained(("VN", "F", 50), kind="job_seeker")])
    table = estimate_outcomes(pd.concat([owners, seekers]), population, QUESTIONNAIRE)
    assert (line(table, ENGAGED)["denominator"], line(table, WORK)["denominator"]) == (10, 8)
    assert line(table, WORK, "trainee_type", "job_seeker")["share_unweighted"] == 0.25
    assert "found no work count as not" in line(table, WORK)["denominator_text"]


def test_where_all_agree_the_interval_is_that_of_the_unweighted_share():
    found = line(estimate_outcomes(respondents(("VN", "F", 9, 9)), trained(("VN", "F", 100)), QUESTIONNAIRE), ENGAGED)
    assert (found["share_weighted"], found["weighted_low"], found["weighted_high"]) == (1.0, *wilson(9, 9))
    assert pd.isna(found["design_effect"])


@pytest.mark.parametrize(("count", "yes", "people"), [(2, 2, 100), (2, 0, 100), (9, 4, 9), (9, 9, 9), (6, 3, 4)])
def test_a_statistic_that_cannot_be_computed_is_null(count: int, yes: int, people: int):
    # unanimous answers; everybody asked; fewer trained than asked
    found = line(
        estimate_outcomes(respondents(("VN", "F", count, yes)), trained(("VN", "F", people)), QUESTIONNAIRE), ENGAGED
    )
    assert found["share_weighted"] == pytest.approx(yes / count, abs=1e-4)
    assert pd.isna(found["design_effect"]) or found["design_effect"] > 0


GROUP = st.tuples(
    st.sampled_from(["VN", "TH", "BN"]), st.sampled_from(["F", "M", None]), st.integers(0, 7), st.integers(0, 7)
)
PEOPLE = st.tuples(st.sampled_from(["VN", "TH", "BN"]), st.sampled_from(["F", "M", None]), st.integers(0, 9))


@settings(max_examples=20)
@given(st.lists(GROUP, min_size=1, max_size=5), st.lists(PEOPLE, min_size=1, max_size=5))
def test_no_set_of_answers_stops_a_publication(groups, people):
    table = estimate_outcomes(respondents(*groups), trained(*people), QUESTIONNAIRE)
    shares = table[["share_weighted", "weighted_low", "weighted_high"]].dropna()
    assert shares.stack().between(0, 1).all()


def test_wilsons_interval_is_that_of_the_textbook():
    # Newcombe 1998, table I: 81 of 263 and 0 of 20
    assert wilson(81, 263) == pytest.approx((0.2553, 0.3662), abs=1e-4)
    assert wilson(0, 20) == pytest.approx((0.0, 0.1611), abs=1e-4)


def test_rounds_are_estimated_apart():
    first, second = respondents(("VN", "F", 10, 7)), respondents(("VN", "F", 10, 2)).assign(survey_round="2")
    table = estimate_outcomes(pd.concat([first, second]), trained(("VN", "F", 100)), QUESTIONNAIRE)
    shares = table.query("indicator_code == @ENGAGED and dimension == 'all'").set_index("survey_round")
    assert shares["share_unweighted"].to_dict() == {"1": 0.7, "2": 0.2}


def test_a_line_with_invented_answers_says_so():
    real, invented = respondents(("VN", "F", 10, 7)), respondents(("LA", "F", 10, 2)).assign(is_sample=True)
    table = estimate_outcomes(pd.concat([real, invented]), trained(("VN", "F", 100), ("LA", "F", 9)), QUESTIONNAIRE)
    told = {value: line(table, ENGAGED, "country_code", value)["is_sample"] for value in ("VN", "LA")}
    assert told == {"VN": False, "LA": True}
    assert line(table, ENGAGED)["is_sample"]


def test_the_order_of_rows_decides_nothing():
    answers = respondents(("VN", "F", 33, 21), ("VN", "M", 17, 4), ("TH", None, 9, 4), ("LA", "M", 2, 1))
    population = trained(("VN", "F", 700), ("VN", "M", 311), ("TH", "F", 97), ("LA", "M", 12))
    one = estimate_outcomes(answers, population, QUESTIONNAIRE)
    other = estimate_outcomes(answers.sample(frac=1, random_state=3), population.iloc[::-1], QUESTIONNAIRE)
    pd.testing.assert_frame_equal(one, other)


def test_nine_of_ten_intervals_and_more_hold_the_truth():
    rng = np.random.default_rng(11)
    people = {("VN", "F"): (6000, 0.85), ("VN", "M"): (3000, 0.6), ("TH", "F"): (800, 0.4), ("TH", "M"): (600, 0.7)}
    truth = sum(count * share for count, share in people.values()) / sum(count for count, _ in people.values())
    population = trained(*((country, sex, count) for (country, sex), (count, _) in people.items()))
    # men and Thais answer far more often than they were trained
    sizes = {("VN", "F"): 40, ("VN", "M"): 60, ("TH", "F"): 30, ("TH", "M"): 50}
    held = plain = 0
    for _ in range(80):
        drawn = [(*key, sizes[key], int(rng.binomial(sizes[key], share))) for key, (_, share) in people.items()]
        found = line(estimate_outcomes(respondents(*drawn), population, QUESTIONNAIRE), ENGAGED)
        held += found["weighted_low"] <= truth <= found["weighted_high"]
        plain += found["unweighted_low"] <= truth <= found["unweighted_high"]
    assert held >= 72
    assert plain < 40


# -- cells -----------------------------------------------------------------------------------------------------


def cells(answers: list[tuple[str, str | None, int]], people: list[tuple[str, str | None, int]]):
    rows = [(country, sex) for country, sex, count in answers for _ in range(count)]
    frame = pd.DataFrame(rows, columns=["country_code", "sex"])
    return make_cells(frame, trained(*people), 5), frame


def names(answers: list[tuple[str, str | None, int]], people: list[tuple[str, str | None, int]]) -> dict:
    found, frame = cells(answers, people)
    return dict(zip(zip(frame["country_code"], frame["sex"], strict=True), found.of_answer, strict=True))


@pytest.mark.parametrize(
    ("answers", "expected"),
    [
        # enough of both sexes: two cells
        ([("VN", "F", 5), ("VN", "M", 5)], {"VN F", "VN M"}),
        # too few of one: the country is one cell
        ([("VN", "F", 50), ("VN", "M", 4)], {"VN"}),
        # a country with too few, and one without any, are one cell; it takes in the country with the fewest
        (
            [("VN", "F", 50), ("VN", "M", 50), ("TH", "F", 6), ("TH", "M", 6), ("LA", "F", 2)],
            {"VN F", "VN M", "LA+SG+TH"},
        ),
        ([("VN", "F", 9), ("LA", "F", 3), ("TH", "M", 2)], {"LA+SG+TH", "VN"}),
        # few in all: one cell
        ([("VN", "F", 2), ("LA", "F", 1)], {"LA+SG+TH+VN"}),
    ],
)
def test_few_answers_collapse_by_the_stated_rule(answers, expected):
    people = [(code, sex, 100) for code in ("LA", "SG", "TH", "VN") for sex in ("F", "M")]
    if {code for code, _, _ in answers} == {"VN"}:
        people = [row for row in people if row[0] == "VN"]
    found, _ = cells(answers, people)
    assert set(found.of_answer) == expected
    # whoever was trained is stood for, once
    assert sum(found.people.values()) == pytest.approx(sum(count for _, _, count in people))


def test_respondents_without_sex_stand_for_their_share_of_the_country():
    people = [("VN", "F", 600), ("VN", "M", 300), ("VN", None, 100)]
    few, _ = cells([("VN", "F", 40), ("VN", "M", 20), ("VN", None, 4)], people)
    assert set(few.of_answer) == {"VN F", "VN M"}
    assert few.people["VN M"] == pytest.approx(1000 / 3 * 60 / 64)
    many, _ = cells([("VN", "F", 40), ("VN", "M", 20), ("VN", None, 20)], people)
    assert many.people == pytest.approx({"VN F": 500, "VN M": 250, "VN not stated": 250})


def test_answers_from_where_nobody_was_trained_have_no_weight():
    assert names([("VN", "F", 6), ("TH", "F", 6)], [("VN", "F", 10)]) == {("VN", "F"): "VN", ("TH", "F"): None}


def test_the_rule_in_words_has_the_number_that_is_used():
    minimum = QUESTIONNAIRE.weighting.cell_minimum
    assert COLLAPSING.count(f"{minimum} ") == COLLAPSING.count(" 5 ") + COLLAPSING.count(" 5\n") >= 3


def test_the_published_columns_are_those_computed_and_the_indicators_those_of_the_survey():
    described = {table.name: table.column_names for table in PUBLISHED_TABLES}
    assert described["report_outcome"] == tuple(COLUMNS)
    assert described["core_survey_response"][-len(INDICATORS) - 1 : -1] == INDICATORS
    for name, item in QUESTIONNAIRE.indicators.items():
        assert DESCRIBED[name].description.startswith(item.title)
