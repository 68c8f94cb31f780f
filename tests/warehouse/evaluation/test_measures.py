"""Figures of quality are what counting every pair by hand gives, whatever the clusters look like."""

import itertools

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from warehouse.evaluation.measures import (
    abroad,
    calibration_bins,
    calibration_error,
    ceiling,
    intervals,
    linked_rates,
    merged_relatives,
    score,
    scores_by,
    scripts,
    share_interval,
    with_clusters,
)

RECORDS = st.lists(
    st.tuples(st.sampled_from("abcdef"), st.sampled_from("uvwxyz"), st.sampled_from(["VN", "TH"])),
    min_size=1,
    max_size=25,
)


def frame(rows):
    return pd.DataFrame(rows, columns=["person_id", "cluster", "country_code"], dtype="str").assign(
        record_id=[f"r{place}" for place in range(len(rows))]
    )


def pairs_by_hand(rows):
    return [(one, other) for one, other in itertools.combinations(rows, 2)]


@given(RECORDS)
def test_precision_and_recall_are_shares_of_pairs(rows):
    pairs = pairs_by_hand(rows)
    said = [pair for pair in pairs if pair[0][1] == pair[1][1]]
    true = [pair for pair in pairs if pair[0][0] == pair[1][0]]
    both = [pair for pair in said if pair[0][0] == pair[1][0]]
    found = score(frame(rows))
    assert found.precision == pytest.approx(len(both) / len(said) if said else 1.0)
    assert found.recall == pytest.approx(len(both) / len(true) if true else 1.0)


@given(RECORDS)
def test_b_cubed_is_the_mean_over_records(rows):
    precision, recall = [], []
    for person, cluster, _ in rows:
        inside = [row for row in rows if row[1] == cluster]
        own = [row for row in rows if row[0] == person]
        both = [row for row in inside if row[0] == person]
        precision.append(len(both) / len(inside))
        recall.append(len(both) / len(own))
    found = score(frame(rows))
    assert found.b_precision == pytest.approx(np.mean(precision))
    assert found.b_recall == pytest.approx(np.mean(recall))


@given(RECORDS)
def test_the_count_is_off_by_misses_less_false_merges(rows):
    found = score(frame(rows))
    persons_of, clusters_of = {}, {}
    for person, cluster, _ in rows:
        persons_of.setdefault(cluster, set()).add(person)
        clusters_of.setdefault(person, set()).add(cluster)
    assert found.false_merges == sum(len(persons) - 1 for persons in persons_of.values())
    assert found.misses == sum(len(clusters) - 1 for clusters in clusters_of.values())
    assert found.error == found.found - found.people == found.misses - found.false_merges


@given(RECORDS, st.randoms(use_true_random=False))
def test_neither_order_nor_labels_of_records_matter(rows, chance):
    shuffled = [(person, f"other {cluster}", country) for person, cluster, country in rows]
    chance.shuffle(shuffled)
    assert score(frame(shuffled)) == score(frame(rows))
    assert abroad(frame(shuffled)) == abroad(frame(rows))


def test_errors_that_cancel_in_the_count_are_told_apart():
    found = score(frame([("a", "u", "VN"), ("b", "u", "VN"), ("c", "v", "VN"), ("c", "w", "VN")]))
    assert (found.error, found.false_merges, found.misses) == (0, 1, 1)
    assert (found.precision, found.recall, found.f1) == (0, 0, 0)


def test_somebody_trained_in_two_countries_counts_in_both():
    rows = [("a", "u", "VN"), ("a", "v", "TH"), ("b", "w", "TH")]
    by_country = scores_by(frame(rows), "country_code")
    assert {country: found.people for country, found in by_country.items()} == {"TH": 2, "VN": 1}
    assert all(found.error == 0 for found in by_country.values())


@given(RECORDS)
def test_pairs_across_countries_are_reported_apart(rows):
    across = [pair for pair in pairs_by_hand(rows) if pair[0][2] != pair[1][2]]
    said = [pair for pair in across if pair[0][1] == pair[1][1]]
    true = [pair for pair in across if pair[0][0] == pair[1][0]]
    both = [pair for pair in said if pair[0][0] == pair[1][0]]
    countries, clusters = {}, {}
    for person, cluster, country in rows:
        countries.setdefault(person, set()).add(country)
        clusters.setdefault(person, set()).add(cluster)
    travellers = [person for person, visited in countries.items() if len(visited) > 1]
    found = abroad(frame(rows))
    assert (found.people, found.pairs, found.linked) == (len(travellers), len(true), len(said))
    assert found.whole == sum(len(clusters[person]) == 1 for person in travellers)
    assert found.precision == pytest.approx(len(both) / len(said) if said else 1.0)
    assert found.recall == pytest.approx(len(both) / len(true) if true else 1.0)


@settings(max_examples=30)
@given(RECORDS, st.integers(0, 5))
def test_an_interval_holds_its_figure_and_the_seed_alone_decides_it(rows, seed):
    found, exact = intervals(frame(rows), seed), score(frame(rows))
    for name, bound in found.items():
        assert bound.value == pytest.approx(getattr(exact, name))
        assert bound.low <= bound.high
    assert found == intervals(frame(rows[::-1]), seed)


def test_an_interval_is_as_wide_as_draws_of_people_are_apart():
    # one of ten people is missed; the share of misses among people is binomial
    rng = np.random.default_rng(3)

    def draw(people):
        missed = rng.random(people) < 0.1
        rows = [(f"p{who}", f"p{who}", "VN") for who in range(people)]
        return rows + [(f"p{who}", f"q{who}" if missed[who] else f"p{who}", "VN") for who in range(people)]

    recalls = [score(frame(draw(500))).recall for _ in range(200)]
    found = intervals(frame(draw(500)))["recall"]
    assert found.high - found.low == pytest.approx(2 * 1.96 * np.std(recalls), rel=0.25)


@given(st.integers(0, 50), st.integers(0, 50))
def test_the_interval_of_a_share_holds_it(hits, more):
    found = share_interval(hits, hits + more)
    assert 0 <= found.low <= found.high <= 1
    assert found.low <= found.value <= found.high or hits + more == 0


def test_the_interval_of_a_share_is_wilsons():
    # Wilson 1927: 8 of 10
    found = share_interval(8, 10)
    assert (found.low, found.high) == (pytest.approx(0.4902, abs=1e-4), pytest.approx(0.9433, abs=1e-4))


NODES = st.lists(st.tuples(st.integers(1, 6), st.sampled_from("abc")), min_size=1, max_size=14)
COMPARED = st.sets(st.tuples(st.integers(1, 6), st.integers(1, 6)).filter(lambda pair: pair[0] < pair[1]))


@given(NODES, COMPARED)
def test_the_ceiling_is_what_keys_bring_together_directly_and_through_others(rows, compared):
    nodes = pd.DataFrame(rows, columns=["node_id", "person_id"]).assign(record_id=lambda made: made.index.astype(str))
    true = [pair for pair in itertools.combinations(range(len(rows)), 2) if rows[pair[0]][1] == rows[pair[1]][1]]

    def is_met(one, other):
        ends = tuple(sorted((rows[one][0], rows[other][0])))
        return ends[0] == ends[1] or ends in compared

    met = {pair for pair in true if is_met(*pair)}
    group = list(range(len(rows)))
    for one, other in sorted(met):
        group = [group[one] if label == group[other] else label for label in group]
    joined = [pair for pair in true if group[pair[0]] == group[pair[1]]]
    several = {place for pair in true for place in pair}
    here = nodes["node_id"].unique()
    pairs = pd.DataFrame(
        [pair for pair in compared if set(pair) <= set(here)], columns=["node_id_l", "node_id_r"], dtype="int64"
    )
    found = ceiling(nodes, pairs)
    assert found.pairs == len(true)
    assert found.direct == pytest.approx(len(met) / len(true) if true else 1.0)
    assert found.closed == pytest.approx(len(joined) / len(true) if true else 1.0)
    assert found.records == len(several)
    assert found.unreachable == len(several - {place for pair in met for place in pair})


def test_labelled_pairs_are_counted_by_kind_where_both_records_are_there():
    clusters = pd.Series({"r1": "u", "r2": "u", "r3": "v"})
    pairs = pd.DataFrame(
        [("r1", "r2", "twin"), ("r1", "r3", "twin"), ("r2", "r9", "twin"), ("r2", "r3", "spouse")],
        columns=["record_a", "record_b", "kind"],
    )
    found = linked_rates(clusters, pairs).set_index("kind")
    assert found.loc["twin"].to_dict() == {"pairs": 2, "linked": 1}
    assert found.loc["spouse"].to_dict() == {"pairs": 1, "linked": 0}


def test_relatives_are_merged_when_they_share_a_cluster():
    people = pd.DataFrame(
        [("a", "twin", 1), ("b", "twin", 1), ("c", "twin", 2), ("d", "twin", 2), ("e", "", 3), ("f", "twin", 4)],
        columns=["person_id", "relation", "pair_group"],
    )
    rows = [("a", "u", "VN"), ("b", "u", "VN"), ("c", "v", "VN"), ("d", "w", "VN"), ("e", "u", "VN")]
    assert merged_relatives(frame(rows), people).to_dict("records") == [{"relation": "twin", "pairs": 2, "merged": 1}]


def test_without_labelled_pairs_or_people_nothing_is_said_of_them():
    empty = pd.DataFrame(columns=["record_a", "record_b", "kind"])
    assert linked_rates(pd.Series({"r1": "u"}), empty).empty
    people = pd.DataFrame(columns=["person_id", "relation", "pair_group"])
    assert merged_relatives(frame([("a", "u", "VN")]), people).empty


@given(st.lists(st.tuples(st.floats(0, 1), st.booleans()), min_size=1))
def test_every_compared_pair_is_in_one_bin(pairs):
    likely, is_match = np.array([pair[0] for pair in pairs]), np.array([pair[1] for pair in pairs])
    bins = calibration_bins(likely, is_match)
    assert bins["pairs"].sum() == len(pairs)
    assert ((bins["from"] <= bins["predicted"]) & (bins["predicted"] <= bins["to"])).all()
    assert (bins["actual"] * bins["pairs"]).sum() == pytest.approx(is_match.sum())
    assert 0 <= calibration_error(bins) <= 1


def test_a_model_that_says_what_happens_is_calibrated():
    rng = np.random.default_rng(5)
    likely = rng.random(100_000)
    bins = calibration_bins(likely, rng.random(100_000) < likely)
    assert calibration_error(bins) < 0.01
    assert calibration_error(calibration_bins(likely, rng.random(100_000) < likely**3)) > 0.1


def test_a_record_that_a_clustering_does_not_name_is_a_person_of_its_own():
    records = frame([("a", "", "VN"), ("b", "", "VN")]).drop(columns="cluster")
    assert with_clusters(records, {"r0": "u"})["cluster"].tolist() == ["u", "r1"]


def test_a_script_is_named_as_people_name_it():
    assert scripts(pd.Series(["Siti", "สมชาย", "សុខ", None])).tolist()[:3] == ["Latin", "Thai", "Khmer"]
