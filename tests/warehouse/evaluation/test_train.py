"""Weights, thresholds and calibration come from counted pairs of invented people; seed and order do not matter."""

import dataclasses
import datetime as dt
import random

import duckdb
import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.warehouse.identity.linkage.test_match import SYLLABLES
from tests.warehouse.identity.people import frame, people, person
from warehouse.evaluation.train import (
    LINK_PROBABILITY,
    REVIEW_PROBABILITY,
    find_households,
    fit_calibration,
    flat_model,
    labelled_pairs,
    measure,
    model_json,
    pair_weights,
    split_people,
    train,
)
from warehouse.identity.linkage.features import make_nodes
from warehouse.identity.linkage.find_pairs import block_pairs
from warehouse.identity.linkage.match import score_pairs
from warehouse.identity.linkage.model import (
    MODEL_FILE,
    Calibration,
    Level,
    MatchModel,
    load_model,
    probability,
    require_trained,
)


def known_people(count=400, seed=3):
    """Two records each of invented people who are known; every third moves to another phone."""
    draw = random.Random(seed)  # noqa: S311 - invented data
    known = []
    for who in range(count):
        name = " ".join(draw.choice(SYLLABLES[::12]) for _ in range(3))
        base = {
            "birth_date": dt.date(1980 + draw.randrange(4), 1 + draw.randrange(12), 2 + draw.randrange(26)),
            "province": "one",
            "district": draw.choice("abcdef"),
        }
        for time in range(2):
            own = {
                "phones": f"+8491{who + time * count * (who % 3 == 0):07d}",
                "email": draw.choice([None, f"x{who}@b.example"]),
            }
            known.append(person(name, **base, **own) | {"person_id": f"{who:04d}"})
    return frame(*known).assign(person_id=[row["person_id"] for row in known])


KNOWN = known_people()


@pytest.fixture(scope="module")
def trained():
    return train(KNOWN, version="test", trained_on="invented people", seed=1)


def test_a_model_without_knowledge_is_complete():
    require_trained(flat_model())


def test_a_model_learns_from_records_whose_person_is_known(trained):
    require_trained(trained.model)
    phone, name = trained.model.comparisons["phone"], trained.model.comparisons["name"]
    assert phone["same, of one name"].m > 100 * phone["same, of one name"].u
    assert name["half the words shared"].m < name["half the words shared"].u
    assert trained.test.precision > 0.9
    assert trained.test.recall > 0.8
    assert trained.train.people + trained.test.people == KNOWN["person_id"].nunique()


def test_the_order_of_records_does_not_change_a_model(trained):
    again = train(KNOWN.sample(frac=1, random_state=1), version="test", trained_on="invented people", seed=1)
    assert again.model == trained.model
    assert (again.train, again.test) == (trained.train, trained.test)


def test_the_seed_draws_the_part_that_is_trained_on(trained):
    assert train(KNOWN, version="test", trained_on="invented people", seed=2).model != trained.model


def test_a_level_that_was_hardly_seen_does_not_speak_for_a_link():
    records = frame(*people(10)).assign(person_id="one")
    level = train(records, version="test", trained_on="invented people", share=1.0).model.comparisons["email"]
    assert level["same address"].m <= level["same address"].u


def test_the_report_counts_what_the_weights_were_made_of(trained):
    phone = trained.levels[trained.levels["comparison"] == "phone"].set_index("level")
    assert phone.loc["same, of one name", "matches"] > 50
    assert phone.loc["same, of one name", "others"] == 0
    assert len(trained.levels) == sum(map(len, trained.model.comparisons.values()))


def test_weights_are_added_up_as_splink_adds_them(trained):
    pairs = labelled_pairs(KNOWN)
    by_hand = pair_weights(pairs, trained.model.comparisons, trained.model.prior)
    with duckdb.connect() as con:
        make_nodes(con, KNOWN.drop(columns="person_id"))
        block_pairs(con)
        by_splink = score_pairs(con, trained.model, keep_levels=True)["match_weight"]
    np.testing.assert_allclose(by_hand, by_splink, atol=1e-9)


def test_thresholds_are_where_the_probability_passes_what_is_stated(trained):
    model = trained.model
    assert model.link_weight == pytest.approx(model.calibration.weight(LINK_PROBABILITY), abs=1e-3)
    assert model.review_weight == pytest.approx(model.calibration.weight(REVIEW_PROBABILITY), abs=1e-3)
    assert model.review_weight < model.link_weight


def test_the_committed_thresholds_follow_from_the_committed_calibration():
    model = load_model()
    assert probability(model.link_weight) == pytest.approx(LINK_PROBABILITY, abs=1e-3)
    assert probability(model.review_weight) == pytest.approx(REVIEW_PROBABILITY, abs=1e-3)


def test_calibration_finds_the_curve_that_the_pairs_were_drawn_from():
    draw = np.random.default_rng(7)
    weights = pd.Series(draw.uniform(-12, 12, 40_000))
    truth = Calibration(slope=0.7, intercept=-0.5)
    drawn = pd.Series(draw.random(len(weights)) < truth.probability(weights))
    found = fit_calibration(weights, drawn, pd.Series(1.0, weights.index))
    assert found.slope == pytest.approx(truth.slope, rel=0.05)
    assert found.intercept == pytest.approx(truth.intercept, abs=0.1)


def test_a_pair_that_stands_for_two_counts_as_two():
    weights, is_match = pd.Series([-4.0, -1.0, 0.5, 1.0, 3.0, 5.0] * 50), pd.Series([False, False, True] * 100)
    one = fit_calibration(weights, is_match, pd.Series(2.0, weights.index))
    other = fit_calibration(pd.concat([weights] * 2), pd.concat([is_match] * 2), pd.Series([1.0] * 600))
    assert one.slope == pytest.approx(other.slope, abs=1e-5)
    assert one.intercept == pytest.approx(other.intercept, abs=1e-5)


def test_pairs_that_a_weight_parts_perfectly_still_give_a_curve():
    weights, is_match = pd.Series([-9.0, -8.0, 8.0, 9.0]), pd.Series([False, False, True, True])
    curve = fit_calibration(weights, is_match, pd.Series(1.0, weights.index))
    assert 0 < curve.probability(-9.0) < 0.5 < curve.probability(9.0) < 1


@given(slope=st.floats(0.1, 3), intercept=st.floats(-3, 3), weights=st.lists(st.floats(-60, 60), min_size=2))
def test_a_probability_rises_with_the_weight_and_the_threshold_is_its_inverse(slope, intercept, weights):
    curve = Calibration(slope=slope, intercept=intercept)
    likely = curve.probability(np.sort(weights))
    assert ((likely >= 0) & (likely <= 1)).all()
    assert (np.diff(likely) >= 0).all()
    assert curve.probability(curve.weight(0.3)) == pytest.approx(0.3)


def test_people_of_one_phone_are_on_one_side_of_the_split():
    records = pd.DataFrame(
        {"person_id": list("aabbccd"), "phones": ["+1", "+2 +3", "+3", None, "+9", "+9", "+1 +8"]},
        dtype="str",
    )
    households = find_households(records)
    assert households.to_dict() == {"a": "a", "b": "a", "c": "c", "d": "a"}
    for seed in range(9):
        side = split_people(households, seed, 0.5)
        assert side["a"] == side["b"] == side["d"]
    assert {bool(split_people(households, seed, 0.5)["a"]) for seed in range(9)} == {True, False}


def test_a_household_more_or_less_moves_nobody_else_to_the_other_side():
    households = pd.Series({f"p{who}": f"h{who // 2}" for who in range(200)})
    whole = split_people(households, 1, 0.5)
    assert 0.35 < whole.mean() < 0.65
    assert split_people(households[households != "h7"], 1, 0.5).equals(whole[households != "h7"])
    assert split_people(households, 1, 0.9)[whole].all()


def test_a_model_is_written_as_the_committed_one_stands():
    assert model_json(load_model()) == MODEL_FILE.read_text(encoding="utf-8")


def test_the_smallest_weight_is_written_without_a_power_of_ten():
    level = Level(m=3.9e-05, u=1.25e-07)
    odd = flat_model("5.1e-05").model_copy(update={"comparisons": {"name": {"one": level}}})
    text = model_json(odd)
    assert '"m": 0.000039,' in text
    assert '"u": 0.000000125' in text
    assert '"version": "5.1e-05"' in text
    assert MatchModel.model_validate_json(text) == odd


def test_quality_is_counted_in_pairs():
    found = pd.DataFrame({"person_id": list("aaabbc"), "cluster": list("xxyyyz")})
    quality = measure(found)
    assert dataclasses.astuple(quality) == (2 / 4, 2 / 4, 0.5, 3, 3)
