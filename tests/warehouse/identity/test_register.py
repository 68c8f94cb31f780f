"""The register: ids are minted once, kept, and changed only by an event that is logged."""

from contextlib import contextmanager

import duckdb
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from warehouse.identity.register import identify
from warehouse.identity.register_plan import IdentityChanges
from warehouse.identity.secret import mint
from warehouse.vault.schema import REGISTER_DDL

SECRET = b"\x5a" * 32


@contextmanager
def register():
    """An empty register."""
    with duckdb.connect(config={"threads": 1}) as connection:
        connection.execute(REGISTER_DDL)
        yield connection


@pytest.fixture
def con():
    with register() as connection:
        yield connection


def give(con, *clusters, release=1, shuffled=None):
    """Identify clusters written as strings of one-letter records; `a` is the oldest."""
    pairs = [(record, f"cluster of {min(group)}") for group in clusters for record in group]
    if shuffled is not None:
        shuffled.shuffle(pairs)
    frame = pd.DataFrame(pairs, columns=["record_id", "cluster"], dtype="str")
    order = pd.DataFrame({"record_id": frame["record_id"], "order": "2021-01-01 " + frame["record_id"]})
    return identify(con, frame, order, SECRET, release)


def trainees(con):
    return dict(con.execute("SELECT record_id, trainee_id FROM register").fetchall())


def events(con):
    return con.execute("SELECT event, trainee_id, other_trainee_id FROM identity_event ORDER BY ALL").fetchall()


def test_a_new_person_is_minted_from_the_oldest_record(con):
    assert give(con, "cab") == IdentityChanges(minted=1)
    assert trainees(con) == dict.fromkeys("abc", mint(SECRET, "a"))


def test_a_known_person_keeps_the_id_whatever_joins(con):
    give(con, "bc")
    assert give(con, "abcd") == IdentityChanges()
    assert set(trainees(con).values()) == {mint(SECRET, "b")}


def test_of_two_that_turn_out_to_be_one_the_older_stays(con):
    give(con, "ac", "bd")
    assert give(con, "abcd", release=2).merged == 1
    assert set(trainees(con).values()) == {mint(SECRET, "a")}
    assert con.execute("SELECT * FROM trainee_alias").fetchall() == [(mint(SECRET, "b"), mint(SECRET, "a"), 2)]
    assert ("merge", mint(SECRET, "a"), mint(SECRET, "b")) in events(con)


def test_the_part_with_the_oldest_record_keeps_the_id(con):
    give(con, "abcd")
    assert give(con, "ad", "bc", release=2).split == 1
    found = trainees(con)
    assert found["a"] == found["d"] == mint(SECRET, "a")
    assert found["b"] == found["c"] == mint(SECRET, "b")
    assert ("split", mint(SECRET, "b"), mint(SECRET, "a")) in events(con)


def test_a_merge_undone_brings_the_old_id_back(con):
    give(con, "ac", "bd")
    before = trainees(con)
    give(con, "abcd", release=2)
    assert give(con, "ac", "bd", release=3).revived == 1
    assert trainees(con) == before
    assert con.execute("SELECT count(*) FROM trainee_alias").fetchone() == (0,)


def test_a_record_that_was_away_comes_back_as_the_same_person(con):
    give(con, "ab", "c")
    give(con, "a")
    assert give(con, "ab", "c") == IdentityChanges()


def test_a_record_that_was_away_follows_its_person_into_a_merge(con):
    give(con, "ab", "cd")
    give(con, "ac", release=2)
    assert trainees(con)["d"] == mint(SECRET, "a")


def test_a_person_is_as_old_as_the_oldest_record_that_is_away_today(con):
    give(con, "bd", "c")
    before = trainees(con)
    # b is away while d and c meet: the person founded by b is the older one
    give(con, "cd", release=2)
    assert trainees(con)["c"] == mint(SECRET, "b")
    give(con, "c", "d", release=3)
    give(con, "bd", "c", release=4)
    assert trainees(con) == before


def test_an_id_in_use_is_not_minted_again(con):
    give(con, "ab")
    give(con, "b", "a")
    give(con, "ab", release=2)
    # a leaves: its id stays with b, its oldest remaining record having gone elsewhere
    con.execute("UPDATE register SET trainee_id = ? WHERE record_id = 'b'", [mint(SECRET, "a")])
    con.execute("DELETE FROM register WHERE record_id = 'a'")
    give(con, "a", "b", release=3)
    found = trainees(con)
    assert found["b"] == mint(SECRET, "a")
    assert found["a"] == mint(SECRET, "a", 1)


def test_ids_are_opaque_and_depend_on_the_secret():
    assert mint(SECRET, "a") != mint(b"\x00" * 32, "a")
    assert mint(SECRET, "a").startswith("t")
    assert len(mint(SECRET, "a")) == 18


def test_nothing_to_identify_changes_nothing(con):
    empty = pd.DataFrame({"record_id": [], "cluster": []}, dtype="str")
    assert identify(con, empty, empty.rename(columns={"cluster": "order"}), SECRET, 1) == IdentityChanges()


def test_merges_one_after_the_other_lead_to_the_last_survivor(con):
    give(con, "a", "b", "c")
    give(con, "a", "bc", release=2)
    give(con, "abc", release=3)
    aliases = dict(con.execute("SELECT retired_id, surviving_id FROM trainee_alias").fetchall())
    assert aliases == {mint(SECRET, "b"): mint(SECRET, "a"), mint(SECRET, "c"): mint(SECRET, "a")}


def test_a_record_that_moves_to_somebody_known_is_logged(con):
    give(con, "ac", "b")
    assert give(con, "a", "bc", release=2).split == 1
    assert trainees(con)["c"] == mint(SECRET, "b")
    assert ("split", mint(SECRET, "b"), mint(SECRET, "a")) in events(con)


def test_the_first_order_of_a_record_stays(con):
    give(con, "b", "a")
    frame = pd.DataFrame({"record_id": ["a", "b"], "cluster": ["one", "one"]}, dtype="str")
    later = pd.DataFrame({"record_id": ["a", "b"], "order": ["2021-09-09 a", "2021-01-01 b"]}, dtype="str")
    identify(con, frame, later, SECRET, 2)
    assert set(trainees(con).values()) == {mint(SECRET, "a")}


@pytest.mark.parametrize(
    ("clustered", "ordered"),
    [pytest.param("ab", "a", id="no order"), pytest.param("aab", "ab", id="twice in the clusters")],
)
def test_a_record_without_one_cluster_and_one_order_is_refused(con, clustered, ordered):
    frame = pd.DataFrame({"record_id": list(clustered), "cluster": list(clustered)}, dtype="str")
    order = pd.DataFrame({"record_id": list(ordered), "order": list(ordered)}, dtype="str")
    with pytest.raises(ValueError, match="one cluster"):
        identify(con, frame, order, SECRET, 1)
    assert trainees(con) == {}


def test_what_is_rolled_back_never_happened(con):
    give(con, "ac", "b")
    before = (trainees(con), events(con))
    con.execute("BEGIN")
    give(con, "abc", release=2)
    con.execute("ROLLBACK")
    assert (trainees(con), events(con)) == before
    assert give(con, "abc", release=2).merged == 1


records = "abcdefgh"
clusterings = st.lists(st.integers(0, 3), min_size=1, max_size=len(records)).map(
    lambda labels: [
        "".join(records[i] for i, label in enumerate(labels) if label == wanted) for wanted in sorted(set(labels))
    ]
)


@settings(max_examples=50, deadline=None)
@given(clusters=clusterings, shuffled=st.randoms(use_true_random=False))
def test_the_order_of_rows_plays_no_part_and_a_rebuild_gives_the_same_ids(clusters, shuffled):
    with register() as one, register() as other:
        give(one, *clusters)
        give(other, *clusters[::-1], shuffled=shuffled)
        assert trainees(one) == trainees(other)
        before = events(one)
        assert give(one, *clusters, release=2) == IdentityChanges()
        assert events(one) == before


@settings(max_examples=50, deadline=None)
@given(small=clusterings, labels=st.lists(st.integers(0, 6), min_size=8, max_size=8))
def test_growth_changes_no_id_except_by_a_logged_merge(small, labels):
    with register() as con:
        give(con, *small)
        before = trainees(con)
        # whole clusters of before grow, meet, and new ones come: nothing is torn apart
        merged: dict[int, str] = {}
        for group in small:
            merged[labels[ord(group[0]) - ord("a")]] = merged.get(labels[ord(group[0]) - ord("a")], "") + group
        for number, record in enumerate("pqrs"):
            merged[labels[number]] = merged.get(labels[number], "") + record
        give(con, *merged.values(), release=2)
        after = trainees(con)
        logged = {(old, new) for event, new, old in events(con) if event == "merge"}
        assert all(before[r] == after[r] or (before[r], after[r]) in logged for r in before)


@settings(max_examples=40, deadline=None)
@given(history=st.lists(clusterings, min_size=1, max_size=5))
def test_after_any_history_a_cluster_is_one_person_and_two_clusters_are_two(history):
    with register() as con:
        for release, clusters in enumerate(history, start=1):
            give(con, *clusters, release=release)
            found = trainees(con)
            people = [{found[record] for record in group} for group in clusters]
            assert all(len(person) == 1 for person in people)
            assert len(set.union(*people)) == len(clusters)
            retired = {row[0] for row in con.execute("SELECT retired_id FROM trainee_alias").fetchall()}
            assert retired.isdisjoint(found.values())


@settings(max_examples=40, deadline=None)
@given(clusters=clusterings, second=clusterings, shuffled=st.randoms(use_true_random=False))
def test_the_same_history_gives_the_same_register_whatever_the_order_of_rows(clusters, second, shuffled):
    with register() as one, register() as other:
        for release, given_clusters in enumerate((clusters, second), start=1):
            give(one, *given_clusters, release=release)
            give(other, *given_clusters[::-1], release=release, shuffled=shuffled)
        assert trainees(one) == trainees(other)
        assert events(one) == events(other)


# each record of a few is away (0) or in one of two clusters: small enough that every rule comes up
attendances = st.lists(st.integers(0, 2), min_size=4, max_size=4).map(
    lambda labels: [
        "".join(record for record, label in zip("abcd", labels, strict=True) if label == wanted)
        for wanted in sorted({*labels} - {0})
    ]
)


@settings(max_examples=60, deadline=None)
@given(history=st.lists(attendances, min_size=3, max_size=3))
def test_records_that_come_and_go_leave_every_record_one_person_and_a_repetition_changes_nothing(history):
    with register() as con:
        seen: set[str] = set()
        for release, present in enumerate(history, start=1):
            seen |= set("".join(present))
            give(con, *present, release=release)
            found, logged = trainees(con), events(con)
            assert set(found) == seen
            people = [{found[record] for record in group} for group in present]
            assert all(len(person) == 1 for person in people)
            assert len(set().union(*people)) == len(present)
            retired = [row[0] for row in con.execute("SELECT retired_id FROM trainee_alias").fetchall()]
            assert len(set(retired)) == len(retired)
            assert set(retired).isdisjoint(found.values())
            assert give(con, *present, release=release + 1) == IdentityChanges()
            assert (trainees(con), events(con)) == (found, logged)


def aliases(con):
    return sorted(con.execute("SELECT retired_id, surviving_id FROM trainee_alias").fetchall())


@settings(max_examples=80, deadline=None)
@given(history=st.lists(attendances, min_size=1, max_size=3), draw=st.randoms(use_true_random=False))
def test_a_merge_or_split_that_is_undone_leaves_the_register_as_it_was(history, draw):
    with register() as con:
        for release, present in enumerate(history, start=1):
            give(con, *present, release=release)
        present = history[-1]
        before = (trainees(con), aliases(con))
        if len(present) > 1 and draw.random() < 0.5:
            one, other, *rest = draw.sample(present, len(present))
            detour = [one + other, *rest]
        elif any(len(group) > 1 for group in present):
            torn = draw.choice([group for group in present if len(group) > 1])
            cut = draw.randrange(1, len(torn))
            mixed = draw.sample(torn, len(torn))
            detour = [*(group for group in present if group != torn), "".join(mixed[:cut]), "".join(mixed[cut:])]
        else:
            return
        give(con, *detour, release=8)
        assert trainees(con) != before[0]
        give(con, *present, release=9)
        assert trainees(con) == before[0]
        # an id that was published for a part of a person goes on leading to that person
        more = set(aliases(con)) - set(before[1])
        assert set(before[1]) <= set(aliases(con))
        assert len(more) <= (len(detour) > len(present))
        assert {surviving for _, surviving in more} <= set(before[0].values())


def test_a_merge_undone_brings_the_ids_back_whoever_has_joined_in_between(con):
    give(con, "cd", "ef")
    before = trainees(con)
    give(con, "cdef", release=2)
    # older than the records that the two were minted from
    give(con, "acdbef", release=3)
    give(con, "acd", "bef", release=4)
    assert {record: trainee for record, trainee in trainees(con).items() if record in before} == before


def test_a_retired_id_leads_to_whoever_has_the_record_it_was_minted_from(con):
    give(con, "a", "b", "c")
    give(con, "ab", "c", release=2)
    give(con, "a", "bc", release=3)
    assert trainees(con)["b"] == mint(SECRET, "c")
    assert aliases(con) == [(mint(SECRET, "b"), mint(SECRET, "c"))]


def test_of_several_retired_ids_the_last_one_is_revived(con):
    give(con, "c", "ab", "d")
    give(con, "c", "abd", release=2)
    give(con, "abcd", release=3)
    give(con, "c", "abd", release=4)
    assert trainees(con)["d"] == mint(SECRET, "a")


def test_every_event_keeps_which_records_moved_what_they_left_and_whom_they_met(con):
    give(con, "ac", "b")
    give(con, "a", "bc", release=2)
    number = con.execute("SELECT event_id FROM identity_event WHERE event = 'split'").fetchone()[0]
    rows = con.execute(
        "SELECT side, record_id, trainee_before FROM identity_event_record WHERE event_id = ? ORDER BY ALL", [number]
    ).fetchall()
    assert rows == [
        ("left", "a", mint(SECRET, "a")),
        ("met", "b", mint(SECRET, "b")),
        ("moved", "c", mint(SECRET, "a")),
    ]


def test_the_cause_of_an_event_is_told_by_whom_it_concerns(con):
    give(con, "a", "b", "c")
    order = pd.DataFrame({"record_id": list("abc"), "order": list("abc")}, dtype="str")
    together = pd.DataFrame({"record_id": list("abc"), "cluster": list("xxy")}, dtype="str")
    identify(con, together, order, SECRET, 2, lambda moved, left, met: f"{moved} {left} {met}")
    found = con.execute("SELECT cause FROM identity_event WHERE event = 'merge'").fetchall()
    assert found == [("['b'] [] ['a']",)]
