"""Who is linked and who is kept apart; invented people only."""

import datetime as dt
import itertools
import random
import subprocess
import sys

import duckdb
import pandas as pd
import pytest

from schemas.columns import TRAINING_LOG_COLUMNS
from tests.generators.draws import draw_records
from tests.warehouse.identity.people import BASE, HOME, frame, people, person
from warehouse.identity.linkage.blocking import BLOCK_CAP, BLOCKING_KEYS
from warehouse.identity.linkage.comparison import level_names, level_of
from warehouse.identity.linkage.comparisons import COMPARISONS
from warehouse.identity.linkage.features import make_nodes
from warehouse.identity.linkage.find_pairs import block_pairs
from warehouse.identity.linkage.match import score_pairs
from warehouse.identity.linkage.model import UntrainedLevelError, load_model, require_trained
from warehouse.identity.linkage.resolve import resolve

MODEL = load_model()


def groups(*rows):
    """The rows' places, grouped by person."""
    found = resolve(frame(*rows), MODEL).clusters.set_index("record_id")["cluster"]
    return [found[row["record_id"]] for row in rows]


def linked(*rows):
    return len(set(groups(*rows))) == 1


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (person("Nguyễn Thị Mẫu", **BASE), person("NGUYEN THI MAU", **BASE)),
        (person("Nguyễn Thị Mẫu", **BASE), person("Mẫu Nguyễn Thị", **BASE)),
        (person("Nguyễn Thị Mẫu", **BASE), person("Nguyễn Thị Mẩuu", **BASE)),
        (person("Nguyễn Thị Mẫu", **BASE), person("Nguyễn Thị Mẫu", **(BASE | {"birth_date": dt.date(1990, 3, 5)}))),
        (person("Nguyễn Thị Mẫu", **BASE), person("Nguyễn Thị Mẫu", **(BASE | {"phones": None}))),
        (
            person("Nguyễn Thị Mẫu", **BASE),
            person("Nguyễn Thị Mẫu", **(BASE | {"phones": "+84900000001 +84912345670"})),
        ),
        (
            person("ບຸນທັນ ບົວລະພາ", **(BASE | {"country_code": "LA"})),
            person("Bounthanh Boualapha", **(BASE | {"country_code": "LA"})),
        ),
        (
            person("အောင်ကျော်မိုး", **(BASE | {"country_code": "MM", "phones": None})),
            person("Aung Kyaw Moe", **(BASE | {"country_code": "MM", "phones": None})),
        ),
        (
            person("សុខ ភារម្យ", latin_name="Sok Phearum", **(BASE | {"country_code": "KH"})),
            person("Sok Phearum", **(BASE | {"country_code": "KH"})),
        ),
        (
            person("Aminah Lestari Widodo", **(BASE | {"country_code": "ID", "partner_id": "ID-ONE"})),
            person("Aminah Lestari Widodo", **(BASE | {"country_code": "MY", "phones": "+60123456789"})),
        ),
    ],
)
def test_one_person_written_twice_is_linked(one, other):
    assert linked(one | {"record_id": "0" * 32}, other | {"record_id": "1" * 32})


@pytest.mark.parametrize(
    ("one", "other"),
    [
        pytest.param(
            person("Nguyễn Thị Lan", **BASE),
            person("Nguyễn Văn Dũng", **(BASE | {"sex": "M", "birth_date": dt.date(1987, 1, 9)})),
            id="siblings sharing surname, phone and home",
        ),
        pytest.param(
            person("Trần Thị Lan", **BASE),
            person("Trần Văn Hoàng", **(BASE | {"sex": "M"})),
            id="twins of two sexes",
        ),
        pytest.param(
            person("Trần Thị Lan", **BASE),
            person("Trần Thị Hoàng", **BASE),
            id="twins of one sex, on one phone, in one house",
        ),
        pytest.param(
            person("ບຸນທັນ ບົວລະພາ", **(BASE | {"country_code": "LA"})),
            person("Somchit Boualapha", **(BASE | {"country_code": "LA"})),
            id="twins, one written in another script",
        ),
        pytest.param(
            person("Aung Kyaw", **BASE),
            person("Thein Htay", **(BASE | {"birth_date": dt.date(1985, 2, 11)})),
            id="a couple on one phone",
        ),
        pytest.param(
            person("Nguyễn Thị Lan", **(BASE | {"phones": None})),
            person("Nguyễn Thị Lan", **(BASE | {"phones": None, "birth_date": dt.date(1971, 11, 20)})),
            id="namesakes born in other years",
        ),
        pytest.param(
            person("Nguyễn Thị Lan", **BASE, national_id="033303610881", national_id_status="valid"),
            person("Nguyễn Thị Lan", **BASE, national_id="001195725137", national_id_status="valid"),
            id="two valid ids that differ",
        ),
    ],
)
def test_two_people_stay_apart(one, other):
    assert not linked(one | {"record_id": "0" * 32}, other | {"record_id": "1" * 32})


def test_neither_the_order_of_rows_nor_threads_change_a_cluster():
    rows = people(60)
    whole = resolve(frame(*rows), MODEL, threads=1).clusters
    shuffled = list(rows)
    random.Random(5).shuffle(shuffled)  # noqa: S311 - invented data
    pd.testing.assert_frame_equal(resolve(frame(*shuffled), MODEL, threads=2).clusters, whole)


@pytest.mark.parametrize("count", [0, 1])
def test_nobody_and_one_person_can_be_resolved(count):
    rows = [person("Nguyễn Thị Mẫu", **BASE)][:count]
    assert len(resolve(frame(*rows), MODEL).clusters) == count


def blocked(*rows):
    with duckdb.connect() as con:
        make_nodes(con, frame(*rows))
        block_pairs(con)
        return con.execute("SELECT count(*), count(DISTINCT (join_key_l, join_key_r)) FROM blocked").fetchone()


SYLLABLES = ["".join(letters) for letters in itertools.product("bdgklmnpst", "aeiou", "mnkt")]


@pytest.mark.parametrize(("sharing", "pairs"), [(BLOCK_CAP, BLOCK_CAP * (BLOCK_CAP - 1) // 2), (BLOCK_CAP + 1, 0)])
def test_a_key_that_too_many_share_blocks_nothing(sharing, pairs):
    assert blocked(*(person(name, phones="+84912345670") for name in SYLLABLES[:sharing])) == (pairs, pairs)


def test_a_pair_that_shares_many_keys_is_compared_once():
    assert blocked(person("Nguyễn Thị Mẫu", **BASE), person("Nguyễn Thị Mẫu", **(BASE | {"email": "a@b.example"}))) == (
        1,
        1,
    )


def test_people_who_share_nothing_are_not_compared():
    assert blocked(person("Nguyễn Thị Mẫu"), person("Trần Văn Bình")) == (0, 0)


def levels(one, other):
    """The level of each comparison of two records, which are compared because their phone is the same."""
    with duckdb.connect() as con:
        make_nodes(con, frame(one, other))
        block_pairs(con)
        row = score_pairs(con, MODEL, keep_levels=True).iloc[0]
    return {item.name: level_of(item, int(row[f"gamma_{item.name}"])) for item in COMPARISONS}


@pytest.mark.parametrize(
    ("one", "other", "level"),
    [
        ("12 Sample Road", "sample rd 12", "street much alike, a number shared"),
        ("12 Sample Road", "12 Sample Lane", "street alike, a number shared"),
        ("12/3 Sample Road", "3 sample road", "same street, a number shared"),
        ("12 Sample Road", "21 Sample Road", "street much alike"),
        ("12 Sample Road", "21 South Sample Road", "other"),
        ("12 Sample Road", "21 Sample Lane", "street alike"),
        ("12 Sample Road", "12 Invented Lane", "a number shared"),
        ("12 Sample Road", "21 Invented Lane", "other"),
        ("Sample Road", "Sample Road", "street much alike"),
        ("12 Sample Road", "12", "not stated"),
        ("12 Sample Road", None, "not stated"),
    ],
)
def test_addresses_are_compared_by_letters_and_by_numbers(one, other, level):
    found = levels(person("Mai", **BASE, address=one), person("Mai Lan", **BASE, address=other))
    assert found["address"] == level


@pytest.mark.parametrize(
    ("one", "other", "level"),
    [
        ("10110", "10110", "same"),
        ("10110", "10101", "one digit off"),
        ("10110", "101100", "one digit off"),
        ("10110", "20220", "other"),
        ("10110", None, "not stated"),
    ],
)
def test_postcodes_are_compared_within_one_country(one, other, level):
    here, there = person("Mai", **BASE, postcode=one), person("Mai Lan", **BASE, postcode=other)
    assert levels(here, there)["postcode"] == level
    assert levels(here, there | {"country_code": "TH"})["postcode"] == "not stated"


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"birth_date": BASE["birth_date"], "province": "Hà Nội"}, {}),
        ({}, {"postcode": "1"}),
        ({"postcode": "10110"}, {"address": "12 Other Lane"}),
        ({"postcode": "10110"}, {"address": "3 Sample Road"}),
        ({"district": "Mê Linh"}, {"address": "3 Sample Road"}),
    ],
)
def test_an_address_brings_together_whose_names_are_nothing_alike(one, other):
    here = {"address": "12 Sample Road"} | one
    assert blocked(person("Mai", **here), person("Somchit", **(here | other))) == (1, 1)
    assert blocked(person("Mai", **(here | {"address": None})), person("Somchit", **(here | other))) == (0, 0)


def test_the_committed_weights_of_addresses_are_neutral_as_nobody_who_was_trained_on_has_one():
    for name in ("address", "postcode"):
        assert {level.match_weight for level in MODEL.comparisons[name].values()} == {0.0}


@pytest.mark.parametrize("seed", [3, 11])
def test_a_pair_that_is_not_scored_could_not_have_reached_review(seed):
    records = draw_records(4000, seed)[list(TRAINING_LOG_COLUMNS)]
    found = []
    for keep_levels in (True, False):
        with duckdb.connect() as con:
            make_nodes(con, records)
            block_pairs(con)
            scored = score_pairs(con, MODEL, keep_levels=keep_levels)
        kept = scored[scored["match_weight"] >= MODEL.review_weight]
        found.append(kept[["node_id_l", "node_id_r", "match_weight", "household"]].reset_index(drop=True))
    every, promising = found
    assert len(every) > 500
    assert every["household"].any()
    pd.testing.assert_frame_equal(every, promising)


def test_every_blocking_key_and_comparison_says_why():
    assert all(item.why for item in (*BLOCKING_KEYS, *COMPARISONS))


def test_what_is_not_stated_speaks_neither_for_nor_against():
    model = MODEL.model_copy(update={"review_weight": -50.0})
    bare = {"birth_date": dt.date(1990, 5, 3)} | HOME
    weights = []
    for more in ({}, {"email": "a@b.example"}, {"national_id": "033303610881", "national_id_status": "valid"}):
        one, other = person("Nguyễn Thị Mẫu", **bare), person("Nguyễn Thị Mẫu", **bare, sex="F", **more)
        weights.append(resolve(frame(one, other), model).edges["match_weight"][0])
    assert len(set(weights)) == 1


def test_a_chain_does_not_bring_two_valid_ids_together():
    ends = [
        person("Nguyễn Thị Lan", **BASE, national_id=number, national_id_status="valid")
        for number in ("033303610881", "001195725137")
    ]
    between = person("Nguyễn Thị Lan", **BASE)
    first, last, _ = groups(*ends, between)
    assert first != last


def test_a_household_pair_is_kept_for_review_and_not_linked():
    edges = resolve(frame(person("Trần Thị Lan", **BASE), person("Trần Thị Hoàng", **BASE)), MODEL).edges
    assert edges["household"].tolist() == [True]


def test_importing_the_module_does_not_import_splink():
    code = "import sys, warehouse.identity.linkage.match; sys.exit('splink' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_identical_records_collapse_into_one_node():
    rows = [person("Nguyễn Thị Mẫu", **BASE) for _ in range(10)]
    with duckdb.connect() as con:
        assert make_nodes(con, frame(*rows))["node_id"].nunique() == 1


def test_an_untrained_level_is_refused():
    for item in COMPARISONS:
        for level in level_names(item):
            levels = {name: weights for name, weights in MODEL.comparisons[item.name].items() if name != level}
            cut = MODEL.model_copy(update={"comparisons": MODEL.comparisons | {item.name: levels}})
            with pytest.raises(UntrainedLevelError, match=item.name):
                require_trained(cut)


def test_weights_of_a_level_that_is_gone_are_refused():
    phone = MODEL.comparisons["phone"]
    more = MODEL.model_copy(update={"comparisons": MODEL.comparisons | {"phone": phone | {"gone": phone["other"]}}})
    with pytest.raises(UntrainedLevelError, match="phone: gone"):
        require_trained(more)


def test_a_comparison_without_weights_is_refused():
    cut = {name: levels for name, levels in MODEL.comparisons.items() if name != "sex"}
    with pytest.raises(UntrainedLevelError, match="sex"):
        require_trained(MODEL.model_copy(update={"comparisons": cut}))


def test_the_names_of_records_do_not_decide_who_is_one_person():
    rows = people(60, seed=9)
    numbers = [row["record_id"] for row in rows]
    drawn = list(numbers)
    random.Random(3).shuffle(drawn)  # noqa: S311 - invented data
    renamed = [row | {"record_id": drawn[place]} for place, row in enumerate(rows)]
    one, other = groups(*rows), groups(*renamed)
    assert len(set(one)) == len(set(other)) == len(set(zip(one, other, strict=True)))
