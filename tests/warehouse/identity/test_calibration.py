"""Expected errors and the interval of the count: laws on small graphs, the vault's table, and coverage on draws."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.generators.draws import draw_records, link_vault, linked_vault, quality_beside_truth
from tests.generators.identity_records import Noise, generate
from warehouse.identity import calibration
from warehouse.identity.calibration import (
    ALL,
    BETWEEN,
    BRIDGE,
    HOUSEHOLD,
    affected_lines,
    band,
    count_interval,
    expected_errors,
    probability,
    spanning_forest,
    store_quality,
)
from warehouse.identity.linkage.model import load_model

MODEL = load_model()
QUALITY = "SELECT * FROM identity_quality ORDER BY ALL"


def edges_of(*rows):
    made = pd.DataFrame(rows, columns=["node_id_l", "node_id_r", "match_weight", "household"])
    return made.astype({"node_id_l": "uint64", "node_id_r": "uint64", "match_weight": "float64", "household": "bool"})


def nodes_of(clusters, country="VN", counted=None, lines=None):
    """Nodes 1, 2, 3 ... with their clusters."""
    count = len(clusters)
    return pd.DataFrame(
        {
            "node_id": np.arange(1, count + 1, dtype="uint64"),
            "cluster": clusters,
            "country": [country] * count,
            "counted": counted or [True] * count,
            "lines": lines or [("ALL ALL", "VN ALL")] * count,
        }
    )


def errors(edges, nodes):
    found = expected_errors(edges, nodes, MODEL).set_index("line")
    return found["expected_false_merges"], found["expected_misses"]


# -- bands


def test_every_pair_is_a_link_doubtful_or_apart():
    weights = np.array([MODEL.link_weight, MODEL.link_weight - 1e-9, MODEL.review_weight, MODEL.review_weight - 1e-9])
    assert list(band(weights, MODEL)) == ["link", "review", "review", "apart"]


# -- the forest


def test_the_heaviest_pairs_hold_a_cluster_together():
    edges = edges_of((1, 2, 9.0, False), (2, 3, 5.0, False), (1, 3, 7.0, False))
    forest = spanning_forest(edges, nodes_of([1, 1, 1]))
    assert forest[["node_id_l", "node_id_r", "kind"]].values.tolist() == [[1, 2, BRIDGE], [1, 3, BRIDGE]]


def test_between_two_clusters_the_heaviest_pair_counts_and_a_household_last():
    edges = edges_of(
        (1, 3, -1.0, False), (2, 3, -2.0, False), (1, 2, 8.0, False), (2, 4, 30.0, True), (3, 4, 4.0, False)
    )
    forest = spanning_forest(edges, nodes_of([1, 1, 2, 2]))
    assert set(map(tuple, forest[["node_id_l", "node_id_r", "kind"]].values.tolist())) == {
        (1, 2, BRIDGE),
        (3, 4, BRIDGE),
        (1, 3, BETWEEN),
    }
    only = spanning_forest(edges_of((2, 4, 30.0, True)), nodes_of([1, 1, 2, 2]))
    assert only["kind"].tolist() == [HOUSEHOLD]


@st.composite
def graphs(draw):
    count = draw(st.integers(2, 12))
    clusters = draw(st.lists(st.integers(0, 4), min_size=count, max_size=count))
    pairs = draw(
        st.dictionaries(
            st.tuples(st.integers(1, count), st.integers(1, count)).filter(lambda pair: pair[0] < pair[1]),
            st.tuples(st.sampled_from([-3.0, 0.0, 2.0, 2.5, 11.0]), st.booleans()),
            max_size=30,
        )
    )
    countries = draw(st.lists(st.sampled_from(["VN", "TH"]), min_size=count, max_size=count))
    counted = draw(st.lists(st.booleans(), min_size=count, max_size=count))
    nodes = nodes_of(clusters, counted=counted, lines=[("ALL ALL", f"{code} ALL") for code in countries])
    return edges_of(*((*pair, *said) for pair, said in pairs.items())), nodes


@settings(deadline=None, max_examples=50)
@given(graphs(), st.randoms(use_true_random=False))
def test_the_order_of_rows_changes_nothing(graph, draw):
    edges, nodes = graph
    order = list(range(len(edges)))
    draw.shuffle(order)
    again = expected_errors(edges.iloc[order], nodes.sample(frac=1, random_state=1), MODEL)
    pd.testing.assert_frame_equal(expected_errors(edges, nodes, MODEL), again)


@given(graphs())
def test_a_forest_has_no_circle_and_no_more_pairs_than_can_be_wrong(graph):
    edges, nodes = graph
    forest = spanning_forest(edges, nodes)
    bridges = forest[forest["kind"] == BRIDGE]
    sizes = nodes.groupby("cluster").size()
    assert len(bridges) <= (sizes - 1).sum()
    assert len(forest) - len(bridges) <= len(sizes) - 1


def cut_in_words(forest, nodes):
    """Which lines a pair changes, the long way: cut each bridge and look who is left on either side."""
    said = nodes.set_index("node_id")
    found = set()
    for place, pair in forest.iterrows():
        inside = forest[(forest["kind"] == BRIDGE) & (forest.index != place)]
        if pair["kind"] != BRIDGE:
            sides = [said[said["cluster"] == said.loc[pair[end], "cluster"]] for end in ("node_id_l", "node_id_r")]
        else:
            sides = []
            for end in ("node_id_l", "node_id_r"):
                reached = {pair[end]}
                for _ in range(len(nodes)):
                    for one, other in inside[["node_id_l", "node_id_r"]].itertuples(index=False):
                        reached |= {one, other} if reached & {one, other} else set()
                sides.append(said.loc[sorted(reached)])
        lines = [{line for items in side.loc[side["counted"], "lines"] for line in items} for side in sides]
        found |= {(place, line) for line in lines[0] & lines[1]}
    return found


@settings(deadline=None, max_examples=50)
@given(graphs())
def test_a_pair_changes_the_lines_that_have_people_on_both_sides_of_it(graph):
    edges, nodes = graph
    forest = spanning_forest(edges, nodes)
    found = set(affected_lines(forest, nodes)[["place", "line"]].itertuples(index=False, name=None))
    assert found == cut_in_words(forest, nodes)


# -- expected errors


def test_a_doubtful_bridge_is_an_expected_false_merge_and_a_sure_one_is_hardly():
    doubtful, _ = errors(edges_of((1, 2, MODEL.link_weight, False)), nodes_of([1, 1]))
    sure, _ = errors(edges_of((1, 2, 40.0, False)), nodes_of([1, 1]))
    assert 0.1 < doubtful["ALL ALL"] < 0.9
    assert 0 < sure["ALL ALL"] < 0.01


def test_a_pair_just_short_of_a_link_is_an_expected_miss_more_than_a_poor_one_and_a_household_hardly():
    def miss(weight, household):
        return errors(edges_of((1, 2, weight, household)), nodes_of([1, 2]))[1]["ALL ALL"]

    assert miss(MODEL.link_weight, False) > 2 * miss(MODEL.review_weight, False) > 0
    assert miss(MODEL.link_weight, True) < 0.05


def test_what_holds_a_country_only_once_cannot_be_wrong_there():
    lines = [("ALL ALL", "VN ALL"), ("ALL ALL", "TH ALL")]
    false_merges, _ = errors(edges_of((1, 2, 1.0, False)), nodes_of([1, 1], lines=lines))
    assert list(false_merges.index) == ["ALL ALL"]


def test_records_that_do_not_count_are_no_people():
    assert expected_errors(edges_of((1, 2, 1.0, False)), nodes_of([1, 1], counted=[True, False]), MODEL).empty


def test_chance_pairs_are_likelier_in_a_larger_country():
    forest = spanning_forest(edges_of((1, 2, 1.0, False)), nodes_of([1, 1]))
    small, large = (probability(forest, np.array([size]), MODEL)[0] for size in (1e3, 1e6))
    assert small > large


# -- the interval


@given(
    st.integers(0, 10**7),
    st.floats(0, 1e4),
    st.floats(0, 1e4),
    st.floats(0, 1e4),
    st.sampled_from([0, 1]),
)
def test_the_interval_lies_about_the_expected_number_and_never_below_somebody_found(found, more, less, variance, one):
    low, high = count_interval(np.array([found]), np.array([more]), np.array([less]), np.array([variance]))
    assert 0 <= low[0] <= max(high[0], 1)
    assert low[0] >= min(found, 1)
    wide = count_interval(np.array([found]), np.array([more]), np.array([less]), np.array([variance + one]))
    assert wide[0][0] <= low[0]
    assert high[0] <= wide[1][0]


def test_without_expected_errors_the_number_found_is_the_interval():
    low, high = count_interval(np.array([7]), np.zeros(1), np.zeros(1), np.zeros(1))
    assert (low[0], high[0]) == (7, 7)


# -- the vault's table


@pytest.fixture(scope="module")
def linked():
    with linked_vault(generate(3000, seed=1), MODEL) as con:
        yield con


def test_lines_stand_for_all_countries_and_scripts(linked):
    lines = dict(linked.execute("SELECT country_code || ' ' || script, people_found FROM identity_quality").fetchall())
    assert lines["ALL ALL"] == linked.execute("SELECT count(DISTINCT trainee_id) FROM register").fetchone()[0]
    assert {"TH Thai", "TH Latin", "LA Lao", "KH Khmer", "MM Myanmar", "VN Latin", "ALL Thai"} <= set(lines)
    assert all(lines[line] <= lines[f"{line.split()[0]} ALL"] for line in lines)


def test_the_same_vault_gives_the_same_table_whatever_the_threads(linked):
    before = linked.execute(QUALITY).fetchall()
    linked.execute("SET threads = 1")
    store_quality(linked, MODEL)
    assert linked.execute(QUALITY).fetchall() == before


def test_records_that_count_no_longer_leave_the_table_though_nothing_is_linked_anew(linked):
    before = linked.execute(QUALITY).fetchall()
    linked.execute("UPDATE record SET disposition = 'superseded' WHERE country_code = 'BN'")
    store_quality(linked, MODEL)
    after = linked.execute(QUALITY).fetchall()
    assert after != before
    assert not [line for line in after if line[0] == "BN"]
    people = linked.execute(
        "SELECT count(DISTINCT trainee_id) FROM register JOIN record USING (record_id) WHERE disposition = 'accepted'"
    ).fetchone()[0]
    assert {line[:2]: line[2] for line in after}[ALL, ALL] == people
    linked.execute("UPDATE record SET disposition = 'accepted'")
    store_quality(linked, MODEL)
    assert linked.execute(QUALITY).fetchall() == before


def test_records_without_a_linkage_still_have_their_line():
    with linked_vault(generate(50, seed=2), MODEL) as con:
        for table in ("identity_edge", "identity_cluster", "identity_node", "identity_record"):
            con.execute(f"DELETE FROM {table}")
        store_quality(con, MODEL)
        found = con.execute(
            "SELECT people_found, low, high FROM identity_quality WHERE country_code = 'ALL'"
        ).fetchall()
        assert found == [(con.execute("SELECT count(DISTINCT trainee_id) FROM register").fetchone()[0],) * 3]
        con.execute("DELETE FROM record")
        store_quality(con, MODEL)
        assert con.execute(QUALITY).fetchall() == [(ALL, ALL, 0, 0, 0, 0.0, 0.0)]


def test_growing_by_runs_gives_the_same_table_as_at_once():
    records = generate(2000, seed=4)
    with linked_vault(records, MODEL) as con:
        at_once = con.execute(QUALITY).fetchall()
        con.execute("CREATE TABLE rest AS SELECT * FROM record WHERE hash(record_id) % 10 = 0")
        con.execute("DELETE FROM record WHERE record_id IN (SELECT record_id FROM rest)")
        link_vault(con, MODEL)
        assert con.execute(QUALITY).fetchall() != at_once
        con.execute("INSERT INTO record FROM rest")
        link_vault(con, MODEL)
        assert con.execute(QUALITY).fetchall() == at_once


# -- coverage


def test_the_interval_holds_the_truth_of_small_draws_and_stays_narrow():
    lines = pd.concat(
        quality_beside_truth(con) for seed in range(301, 321) for con in _each_vault(draw_records(2500, seed))
    )
    held = lines["people"].between(lines["low"], lines["high"])
    overall = lines["country_code"] == ALL
    assert overall.sum() == 20
    assert held[overall].sum() >= 18
    assert held[~overall].mean() >= 0.9
    half_width = (lines["high"] - lines["low"]) / 2 / lines["people"]
    assert half_width[overall].median() < 0.01
    assert half_width[overall].max() < 0.03


def _each_vault(records):
    with linked_vault(records, MODEL) as con:
        yield con


def test_more_noise_is_more_expected_error():
    found = []
    for factor in (0.3, 1.0, 2.5):
        with linked_vault(generate(4000, seed=6, noise=Noise().times(factor)), MODEL) as con:
            found.append(quality_beside_truth(con).set_index("country_code").loc[ALL])
    expected = [line["expected_false_merges"] + line["expected_misses"] for line in found]
    assert expected == sorted(expected)
    assert calibration.UNSEEN_MISSES > 0
