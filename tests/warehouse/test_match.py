"""Who is linked and who is kept apart; invented people only."""

import datetime as dt
import itertools
import random

import duckdb
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.columns import TRAINING_LOG_COLUMNS
from warehouse.clusters import cluster_pairs
from warehouse.features import fold, identity_features, name_tokens, romanise, skeleton
from warehouse.match import (
    BLOCK_CAP,
    COMPARISONS,
    UntrainedLevelError,
    level_names,
    load_model,
    make_nodes,
    require_trained,
    resolve,
)

MODEL = load_model()
DAY = dt.date(2021, 3, 1)
number = itertools.count()


def person(name, **more):
    """One record; whatever is not given is not stated."""
    row = dict.fromkeys(TRAINING_LOG_COLUMNS) | {
        "record_id": f"{next(number):032x}",
        "partner_id": "VN-ONE",
        "country_code": "VN",
        "full_name": name,
        "training_date": DAY,
        "course_code": "DL101",
    }
    row |= more
    if row["birth_date"] is not None:
        row["birth_earliest"] = row["birth_latest"] = row["birth_date"]
    return row


def frame(*rows):
    made = pd.DataFrame(list(rows), columns=list(TRAINING_LOG_COLUMNS))
    for name in TRAINING_LOG_COLUMNS:
        made[name] = pd.to_datetime(made[name]) if name.startswith(("birth_", "training_")) else made[name]
    return made.astype({name: "str" for name in ("full_name", "latin_name", "phones", "national_id", "member_id")})


def groups(*rows):
    """The rows' places, grouped by person."""
    found = resolve(frame(*rows), MODEL).clusters.set_index("record_id")["cluster"]
    return [found[row["record_id"]] for row in rows]


def linked(*rows):
    return len(set(groups(*rows))) == 1


BORN = dt.date(1990, 5, 3)
HOME = {"province": "Hà Nội", "district": "Mê Linh"}
BASE = {"sex": "F", "birth_date": BORN, "phones": "+84912345670", **HOME}


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (person("Nguyễn Thị Mẫu", **BASE), person("NGUYEN THI MAU", **BASE)),
        (person("Nguyễn Thị Mẫu", **BASE), person("Mẫu Nguyễn Thị", **BASE)),
        (person("Nguyễn Thị Mẫu", **BASE), person("Nguyễn Thị Mẩuu", **BASE)),
        (person("Nguyễn Thị Mẫu", **BASE), person("Nguyễn Thị Mẫu", **(BASE | {"birth_date": dt.date(1990, 3, 5)}))),
        (person("Nguyễn Thị Mẫu", **BASE), person("Nguyễn Thị Mẫu", **(BASE | {"phones": None}))),
        (
            person("ບຸນທັນ ບົວລະພາ", **(BASE | {"country_code": "LA"})),
            person("Bounthanh Boualapha", **(BASE | {"country_code": "LA"})),
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


def people(count, seed=1):
    """Invented records with repetitions, typing errors and households."""
    draw = random.Random(seed)  # noqa: S311 - invented data
    rows = []
    for index in range(count):
        name = " ".join(draw.choice(["Nguyễn", "Trần", "Lê", "Mai", "Hoa", "Bình", "An", "Sơn"]) for _ in range(3))
        base = {
            "birth_date": dt.date(1960 + draw.randrange(40), 1 + draw.randrange(12), 1 + draw.randrange(28)),
            "phones": f"+8491{index // 2:07d}",
            **HOME,
        }
        rows += [person(name, **base) for _ in range(1 + draw.randrange(3))]
    return rows


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


def test_a_block_that_too_many_share_blocks_nothing():
    names = ["".join(letters) for letters in itertools.product("bdgklmnpst", "aeiou", "mnkt")][: BLOCK_CAP + 1]
    rows = [person(name, phones="+84912345670") for name in names]
    with duckdb.connect() as con:
        make_nodes(con, frame(*rows))
        assert con.execute("SELECT count(block_phone) FROM node").fetchone() == (0,)


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


@pytest.mark.parametrize(
    ("name", "roman"),
    [("Đặng Thị Hằng", "dang thi hang"), ("JOSÉ D'Souza", "jose dsouza"), ("VIJAY A/L KRISHNAN", "vijay al krishnan")],
)
def test_names_are_romanised(name, roman):
    assert romanise(name) == roman


@pytest.mark.parametrize("name", ["สมชาย ใจดี", "ບຸນທັນ", "សុខ ភារម្យ", "ဘလှကို", "陈伟"])
def test_every_script_becomes_ascii_letters(name):
    roman = romanise(name)
    assert roman
    assert set(roman) <= set("abcdefghijklmnopqrstuvwxyz ")


@pytest.mark.parametrize(
    ("one", "other"),
    [("Ahmad bin Hassan", "HASSAN AHMAD"), ("Vijay a/l Krishnan", "Krishnan Vijay"), ("Muhammad Ali", "Mohd Ali")],
)
def test_order_particles_and_short_forms_do_not_tell_names_apart(one, other):
    assert name_tokens(romanise(one)) == name_tokens(romanise(other))


@pytest.mark.parametrize(
    ("one", "other"), [("phalla", "palla"), ("thein", "tein"), ("souk", "suk"), ("vanna", "wana"), ("shwe", "swe")]
)
def test_spellings_of_one_sound_fold_together(one, other):
    assert fold(one) == fold(other)


@pytest.mark.parametrize(("native", "latin"), [("ဘလှကို", "Ba Hla Ko"), ("ບຸນມີ", "Bounmy")])
def test_consonants_are_alike_in_both_scripts(native, latin):
    assert skeleton(romanise(native)) == skeleton(romanise(latin))


def test_features_do_not_depend_on_the_order_of_rows():
    rows = people(20)
    one = identity_features(frame(*rows)).sort_values("record_id", ignore_index=True)
    other = identity_features(frame(*rows[::-1])).sort_values("record_id", ignore_index=True)
    pd.testing.assert_frame_equal(one, other)


edges = st.lists(
    st.tuples(st.sampled_from("abcdefg"), st.sampled_from("abcdefg"), st.floats(0, 20)).filter(lambda e: e[0] != e[1]),
    max_size=12,
)


def components(pairs):
    """Connected components, the long way."""
    found = [{member} for member in "abcdefg"]
    for left, right, _ in pairs:
        one = next(group for group in found if left in group)
        other = next(group for group in found if right in group)
        if one is not other:
            found.remove(other)
            one |= other
    return sorted(map(sorted, found))


def as_groups(labels):
    found = {}
    for member, label in labels.items():
        found.setdefault(label, []).append(member)
    return sorted(map(sorted, found.values()))


@given(pairs=edges, shuffled=st.randoms(use_true_random=False))
def test_without_vetoes_clusters_are_connected_components_in_any_order(pairs, shuffled):
    assert as_groups(cluster_pairs("abcdefg", pairs, [])) == components(pairs)
    again = list(pairs)
    shuffled.shuffle(again)
    assert cluster_pairs("gfedcba", again, []).items() == cluster_pairs("abcdefg", pairs, []).items()


@given(pairs=edges, vetoes=st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from("defg")), max_size=4))
def test_vetoed_records_never_end_in_one_cluster(pairs, vetoes):
    labels = cluster_pairs("abcdefg", pairs, vetoes)
    assert all(labels[left] != labels[right] for left, right in vetoes)
