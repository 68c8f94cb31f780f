"""What people decided: the last word of each counts, disagreement is reported, nothing depends on the order of rows."""

import datetime as dt

import duckdb
import pytest
from hypothesis import given
from hypothesis import strategies as st

from warehouse.identity.judgement_table import read_applied, read_judgements, take_back, take_in, write_applied
from warehouse.identity.judgements import (
    Contradiction,
    Draft,
    Influence,
    Judged,
    Judgement,
    JudgementError,
    Origin,
    Verdict,
    contradiction_counts,
    effective,
    judged_hash,
    number_of,
    pair_of,
)
from warehouse.identity.linkage.clusters import cluster_pairs
from warehouse.vault.schema import JUDGEMENT_DDL, LINKAGE_DDL

SAME, DIFFERENT, UNSURE = Verdict.SAME, Verdict.DIFFERENT, Verdict.UNSURE
MORNING = dt.datetime(2021, 5, 3, 8)


def judge(number, pair, verdict, by="Siti", **more):
    """One judgement, an hour after the one before it."""
    return Judgement(
        judgement_id=f"j{number}",
        group_id=f"j{number}",
        record_id_a=min(pair),
        record_id_b=max(pair),
        verdict=verdict,
        judged_by=by,
        judged_at=MORNING + dt.timedelta(hours=number),
        why="",
        origin=Origin.REVIEW,
        **more,
    )


def test_a_judgement_holds():
    found = effective([judge(1, "ab", SAME), judge(2, "cd", DIFFERENT)])
    assert found.judged == Judged(must_link=(("a", "b"),), cannot_link=(("c", "d"),))
    assert found.contradictions == ()


def test_a_later_verdict_of_one_person_goes_before_the_earlier_one():
    found = effective([judge(1, "ab", SAME), judge(2, "ab", DIFFERENT, by="  siti ")])
    assert found.judged == Judged(cannot_link=(("a", "b"),))
    assert found.contradictions == ()


def test_two_people_who_disagree_cancel_each_other_out_until_one_judges_again():
    both = [judge(1, "ab", SAME), judge(9, "ab", DIFFERENT, by="Budi")]
    found = effective(both)
    assert found.judged == Judged()
    assert found.contradictions == (Contradiction("people", ("a", "b"), ("j1", "j9")),)
    again = effective([*both, judge(10, "ab", DIFFERENT)])
    assert (again.judged, again.contradictions) == (Judged(cannot_link=(("a", "b"),)), ())


def test_what_is_taken_back_does_not_hold():
    found = effective([judge(1, "ab", SAME), judge(2, "ab", DIFFERENT, by="Budi", undone_at=MORNING)])
    assert found.judged == Judged(must_link=(("a", "b"),))


def test_unsure_is_no_verdict_and_no_contradiction():
    assert effective([judge(1, "ab", UNSURE)]).unsure == {("a", "b")}
    found = effective([judge(1, "ab", UNSURE), judge(2, "ab", SAME, by="Budi")])
    assert (found.judged.must_link, found.unsure) == ((("a", "b"),), frozenset())


def test_of_a_chain_the_stricter_verdict_holds_and_the_latest_same_is_set_aside():
    found = effective([judge(1, "ab", SAME), judge(2, "bc", SAME), judge(3, "ac", DIFFERENT)])
    assert found.judged == Judged(must_link=(("a", "b"),), cannot_link=(("a", "c"), ("b", "c")))
    assert found.contradictions == (Contradiction("chain", ("b", "c"), ("j2", "j3")),)


def test_what_follows_from_judgements_holds_too():
    found = effective([judge(1, "ab", SAME), judge(2, "bc", SAME), judge(3, "cx", DIFFERENT)])
    assert found.judged.must_link == (("a", "b"), ("a", "c"), ("b", "c"))
    assert found.judged.cannot_link == (("a", "x"), ("b", "x"), ("c", "x"))


def test_contradictions_are_counted_without_naming_a_record():
    said = contradiction_counts(
        effective([judge(1, "ab", SAME), judge(2, "ab", DIFFERENT, by="Budi"), judge(3, "cd", UNSURE)])
    )
    assert said == ("1 pair is judged differently by two people; neither verdict holds; see `godigital review`",)


pairs = st.tuples(st.sampled_from("abcdef"), st.sampled_from("abcdef")).filter(lambda pair: pair[0] != pair[1])
tables = st.lists(
    st.tuples(pairs, st.sampled_from([SAME, DIFFERENT, UNSURE]), st.sampled_from(["Siti", "Budi"]), st.booleans()),
    max_size=10,
).map(
    lambda rows: [
        judge(number, pair, verdict, by, undone_at=MORNING if undone else None)
        for number, (pair, verdict, by, undone) in enumerate(rows, start=1)
    ]
)


@given(tables, st.randoms(use_true_random=False))
def test_the_order_of_rows_plays_no_part(table, draw):
    assert effective(draw.sample(table, len(table))) == effective(table)


@given(tables)
def test_what_holds_never_contradicts_itself(table):
    judged = effective(table).judged
    labels = cluster_pairs([], must_link=[tuple(map(ord, pair)) for pair in judged.must_link])
    for one, other in judged.cannot_link:
        assert labels.get(ord(one), one) != labels.get(ord(other), other)
    for one, other in judged.must_link:
        assert labels[ord(one)] == labels[ord(other)]


@given(tables)
def test_every_verdict_in_force_holds_or_is_reported(table):
    found = effective(table)
    last = {(item.pair, item.person): item for item in table if item.undone_at is None}
    reported = {contradiction.pair for contradiction in found.contradictions}
    for item in last.values():
        if item.verdict is not UNSURE and item.pair not in reported:
            assert found.verdicts[item.pair] is item.verdict


@pytest.fixture
def con():
    with duckdb.connect() as connection:
        connection.execute(JUDGEMENT_DDL + LINKAGE_DDL)
        yield connection


def said(con, *drafts, by="Siti", why="", origin=Origin.REVIEW):
    return take_in(con, [Draft(*draft) for draft in drafts], by=by, why=why, origin=origin)


def test_judgements_are_read_back_as_they_were_taken_in(con):
    first = said(con, ("b", "a", SAME), ("b", "c", DIFFERENT), why=" the same mother ")
    assert [item.judgement_id for item in first] == ["j1", "j2"]
    assert {item.group_id for item in first} == {"j1"}
    assert (first[0].pair, first[0].why) == (("a", "b"), "the same mother")
    second = said(con, ("x", "y", UNSURE), by="Budi", origin=Origin.IMPORT)
    assert read_judgements(con) == [*first, *second]
    assert second[0].group_id == "j3"


def test_a_judgement_taken_back_stays_on_record(con):
    made = said(con, ("a", "b", SAME))
    take_back(con, ["j1"], by="Budi", why="another village")
    (kept,) = read_judgements(con)
    assert (kept.pair, kept.undone_by, kept.undone_why) == (made[0].pair, "Budi", "another village")
    assert effective([kept]).judged == Judged()


def test_what_gave_way_to_a_judgement_holds_again_when_that_is_taken_back(con):
    said(con, ("a", "b", SAME))
    said(con, ("a", "b", DIFFERENT), by="Budi")
    take_back(con, ["j1"], by="Budi", why="", for_group="j2")
    assert effective(read_judgements(con)).judged == Judged(cannot_link=(("a", "b"),))
    take_back(con, ["j2"], by="Budi", why="")
    assert effective(read_judgements(con)).judged == Judged(must_link=(("a", "b"),))


@pytest.mark.parametrize(
    ("drafts", "by", "said_then"),
    [
        pytest.param([("a", "b", SAME)], " ", "give it with --by", id="nobody"),
        pytest.param([("a", "a", SAME)], "Siti", "two different records", id="one record"),
        pytest.param([("a", "b", SAME), ("b", "a", SAME)], "Siti", "each pair only once", id="twice"),
    ],
)
def test_a_judgement_that_makes_no_sense_is_refused(con, drafts, by, said_then):
    with pytest.raises(JudgementError, match=said_then):
        said(con, *drafts, by=by)
    assert read_judgements(con) == []


def test_the_hash_says_what_is_decided_and_not_by_whom():
    one = effective([judge(1, "ab", SAME), judge(2, "cd", DIFFERENT)]).judged
    other = effective([judge(4, "cd", DIFFERENT, by="Budi"), judge(3, "ab", SAME)]).judged
    assert judged_hash(one) == judged_hash(other) != judged_hash(Judged())


def test_what_was_applied_is_remembered(con):
    judged = Judged((("a", "b"),), (("a", "c"), ("b", "c")))
    write_applied(con, judged)
    assert read_applied(con) == judged
    write_applied(con, Judged())
    assert read_applied(con) == Judged()


@pytest.mark.parametrize(
    ("influence", "cause"),
    [
        pytest.param(Influence(), "match", id="nobody judged"),
        pytest.param(Influence(Judged((("l", "m"),)), Judged((("l", "m"),))), "match", id="held before, elsewhere"),
        pytest.param(Influence(Judged((("m", "t"),)), Judged((("m", "t"),))), "judgement", id="draws together"),
        pytest.param(
            Influence(Judged(cannot_link=(("l", "m"),)), Judged(cannot_link=(("l", "m"),))),
            "judgement",
            id="parts them",
        ),
        pytest.param(Influence(Judged(), Judged((("m", "x"),))), "judgement", id="taken back since"),
        pytest.param(Influence(Judged(cannot_link=(("t", "x"),))), "judgement", id="new, and touches one of them"),
        pytest.param(Influence(Judged(cannot_link=(("x", "y"),))), "match", id="about others"),
    ],
)
def test_a_judgement_is_the_cause_where_it_can_have_been(influence, cause):
    assert influence.cause(moved=["m"], left=["l"], met=["t"]) == cause


def test_ids_are_numbered():
    assert (number_of("j12"), pair_of("b", "a")) == (12, ("a", "b"))
