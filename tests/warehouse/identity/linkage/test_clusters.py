"""Clusters are connected components, unless evidence against a merge or their size stands between."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from warehouse.identity.linkage.clusters import Evidence, cluster_pairs, contradict

members = st.integers(1, 8)
links = st.lists(st.tuples(members, members, st.floats(0, 20)).filter(lambda link: link[0] != link[1]), max_size=14)


def components(pairs):
    """Connected components of the linked members, the long way."""
    found = [{member} for member in {member for left, right, _ in pairs for member in (left, right)}]
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


@given(pairs=links)
def test_without_vetoes_clusters_are_connected_components(pairs):
    labels = cluster_pairs(pairs)
    assert as_groups(labels) == components(pairs)
    assert all(label == min(m for m in labels if labels[m] == label) for label in labels.values())


@given(pairs=links, vetoes=st.sets(st.tuples(members, members), max_size=5), shuffled=st.randoms(use_true_random=False))
def test_the_order_of_links_and_of_their_ends_plays_no_part(pairs, vetoes, shuffled):
    again = [(right, left, weight) for left, right, weight in pairs]
    shuffled.shuffle(again)

    def contradicts(one, other):
        return (one, other) in vetoes or (other, one) in vetoes

    assert cluster_pairs(again, contradicts) == cluster_pairs(pairs, contradicts)


@given(pairs=links, vetoes=st.sets(st.tuples(members, members).filter(lambda pair: pair[0] < pair[1]), max_size=5))
def test_members_that_are_apart_never_end_in_one_cluster(pairs, vetoes):
    labels = cluster_pairs(pairs, lambda one, other: (min(one, other), max(one, other)) in vetoes)
    assert all(labels.get(left, left) != labels.get(right, right) for left, right in vetoes)


def test_the_heaviest_link_is_made_first():
    # 2 may belong to 1 or to 3, and not to both
    labels = cluster_pairs([(1, 2, 5.0), (2, 3, 9.0)], lambda one, other: {one, other} == {1, 3})
    assert as_groups(labels) == [[1], [2, 3]]


def test_a_cluster_stops_growing_at_the_cap():
    chain = [(member, member + 1, 5.0) for member in range(1, 40)]
    assert max(map(len, as_groups(cluster_pairs(chain, size_cap=8)))) == 8


SOMEBODY = Evidence(national="3271046504930002", sex="F", birth="19930425")


@pytest.mark.parametrize(
    ("other", "expected"),
    [
        pytest.param(SOMEBODY, False, id="the same"),
        pytest.param(Evidence(), False, id="nothing stated"),
        pytest.param(Evidence(national="7410151212940028"), True, id="another number"),
        pytest.param(Evidence(national="3271046504930020", sex="M", birth="19930425"), False, id="a slip"),
        pytest.param(Evidence(sex="M", birth="19930425"), False, id="another sex alone"),
        pytest.param(Evidence(sex="F", birth="19871112"), False, id="another birth alone"),
        pytest.param(Evidence(sex="M", birth="19871112"), True, id="another sex and another birth"),
        pytest.param(
            Evidence(national="3271046504930002", sex="M", birth="19871112"), False, id="the number outweighs the rest"
        ),
    ],
)
def test_evidence_against_a_merge(other, expected):
    assert contradict(SOMEBODY, other) is expected
    assert contradict(other, SOMEBODY) is expected


PAIRS = st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)).filter(lambda pair: pair[0] != pair[1]), max_size=8)


@given(
    st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9), st.floats(-5, 30)).filter(lambda x: x[0] != x[1])),
    PAIRS,
    PAIRS,
    st.randoms(use_true_random=False),
)
def test_judgements_outrank_every_link(links, must_link, cannot_link, draw):
    found = cluster_pairs(links, must_link=must_link, cannot_link=cannot_link)
    for one, other in cannot_link:
        assert one not in found or found[one] != found.get(other)
    judged_only = cluster_pairs([], must_link=must_link)
    consistent = all(one not in judged_only or judged_only[one] != judged_only.get(other) for one, other in cannot_link)
    if consistent:
        assert all(found[one] == found[other] for one, other in must_link)
    mixed = [draw.sample(pairs, len(pairs)) for pairs in (links, must_link, cannot_link)]
    assert cluster_pairs(mixed[0], must_link=mixed[1], cannot_link=mixed[2]) == found


def test_a_weak_link_is_no_bridge_between_two_clusters():
    firm = [(1, 2, 20.0), (3, 4, 20.0)]
    bridged = cluster_pairs([*firm, (2, 3, 1.0)], firm_weight=5.0)
    assert bridged[1] == bridged[2] != bridged[3] == bridged[4]
    supported = cluster_pairs([*firm, (2, 3, 1.0), (1, 4, 1.5)], firm_weight=5.0)
    assert len(set(supported.values())) == 1
    assert len(set(cluster_pairs([(1, 2, 20.0), (2, 3, 1.0)], firm_weight=5.0).values())) == 1
