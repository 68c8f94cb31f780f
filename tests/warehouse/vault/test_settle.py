"""Which deliveries are in force and which rows count, whatever the order in which files arrive."""

import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from warehouse.vault.settle import Candidate, Disposition, Outcome, RowKeys, settle_deliveries, settle_rows

DAY = dt.date(2021, 1, 1)
NOW = dt.datetime(2021, 2, 1)


def delivery(
    name: str,
    *,
    period: str | None = "2020-12",
    revision: int = 0,
    received: int = 0,
    content: str | None = None,
    sample: bool = False,
    pulled: int = 0,
) -> Candidate:
    return Candidate(
        name,
        name,
        period,
        revision,
        DAY + dt.timedelta(days=received),
        NOW + dt.timedelta(days=pulled),
        content or name,
        sample,
    )


@pytest.mark.parametrize(
    ("kind", "candidates", "in_force"),
    [
        pytest.param("monthly", [delivery("a"), delivery("b", revision=1, received=9)], {"b"}, id="correction wins"),
        pytest.param(
            "monthly",
            [delivery("late original", received=30), delivery("final", revision=1)],
            {"final"},
            id="an original that arrives after its correction does not win",
        ),
        pytest.param(
            "monthly",
            [delivery("a"), delivery("a (1)", received=9)],
            {"a (1)"},
            id="same name, received later",
        ),
        pytest.param(
            "monthly",
            [delivery("a", period="2020-11"), delivery("b", period="2020-12")],
            {"a", "b"},
            id="two months stand beside each other",
        ),
        pytest.param(
            "monthly",
            [delivery("a", period=None), delivery("b", period=None)],
            {"a", "b"},
            id="names without a period replace nothing",
        ),
        pytest.param(
            "monthly",
            [delivery("old bytes"), delivery("new bytes", pulled=3)],
            {"new bytes"},
            id="a file changed in place counts as it was pulled last",
        ),
        pytest.param(
            "cumulative",
            [delivery("march", period="2021-03"), delivery("june", period="2021-06", received=9)],
            {"june"},
            id="the newest cumulative file holds everything",
        ),
        pytest.param(
            "cumulative",
            [delivery("june", period="2021-06"), delivery("march", period="2021-03", received=90)],
            {"june"},
            id="an older cumulative file that arrives later does not win",
        ),
        pytest.param("append", [delivery("a"), delivery("b", received=1)], {"a", "b"}, id="appended files all count"),
    ],
)
def test_which_deliveries_are_in_force(kind, candidates, in_force):
    assert set(settle_deliveries(kind, candidates).in_force) == in_force
    assert set(settle_deliveries(kind, candidates[::-1]).in_force) == in_force


def test_the_same_content_counts_once_under_the_earliest_day():
    settled = settle_deliveries("append", [delivery("copy", content="x", received=3), delivery("first", content="x")])
    assert settled.in_force == ("first",)
    assert settled.outcome("copy") is Outcome.REPEATED


def test_an_original_sent_again_after_its_correction_does_not_win():
    settled = settle_deliveries(
        "monthly",
        [
            delivery("original", content="x"),
            delivery("corrected under the same name", received=10),
            delivery("original again", content="x", received=20),
        ],
    )
    assert settled.in_force == ("corrected under the same name",)


def test_a_correction_that_goes_back_to_the_original_wins_over_the_correction_between_them():
    settled = settle_deliveries(
        "monthly",
        [
            delivery("original", content="x"),
            delivery("v2", revision=1, received=10),
            delivery("v3", revision=2, received=20, content="x"),
        ],
    )
    assert settled.in_force == ("original",)
    assert (settled.outcome("v2"), settled.outcome("v3")) == (Outcome.SUPERSEDED, Outcome.REPEATED)


def test_samples_count_only_until_something_real_arrives():
    sample = delivery("sample", sample=True)
    assert settle_deliveries("monthly", [sample]).in_force == ("sample",)
    settled = settle_deliveries("monthly", [sample, delivery("real", period="2021-05", received=60)])
    assert settled.in_force == ("real",)
    assert settled.outcome("sample") is Outcome.SUPERSEDED


def rows(delivery_id: str, text: str, contents: str | None = None) -> RowKeys:
    return RowKeys(delivery_id, list(text), list(contents or text))


def test_a_corrected_month_takes_every_row_over():
    settled = settle_deliveries("monthly", [delivery("a"), delivery("b", revision=1, received=9)])
    dispositions = settle_rows("monthly", settled, [rows("a", "xyz"), rows("b", "xyw")])
    assert set(dispositions["a"]) == {Disposition.SUPERSEDED}
    assert set(dispositions["b"]) == {Disposition.ACCEPTED}


def test_a_cumulative_file_repeats_what_came_before_and_supersedes_what_changed():
    settled = settle_deliveries("cumulative", [delivery("a", period="1"), delivery("b", period="2", received=9)])
    dispositions = settle_rows("cumulative", settled, [rows("a", "xyz"), rows("b", "xyvw")])
    assert dispositions["a"] == [Disposition.ACCEPTED, Disposition.ACCEPTED, Disposition.SUPERSEDED]
    assert dispositions["b"] == [
        Disposition.REPEATED,
        Disposition.REPEATED,
        Disposition.ACCEPTED,
        Disposition.ACCEPTED,
    ]


def test_an_edited_submission_counts_as_it_was_edited():
    settled = settle_deliveries("snapshot", [delivery("a", period="1"), delivery("b", period="2", received=9)])
    dispositions = settle_rows("snapshot", settled, [rows("a", "xy", "12"), rows("b", "xy", "13")])
    assert dispositions == {
        "a": [Disposition.ACCEPTED, Disposition.SUPERSEDED],
        "b": [Disposition.REPEATED, Disposition.ACCEPTED],
    }


def test_a_row_pasted_twice_counts_once():
    settled = settle_deliveries("monthly", [delivery("a")])
    assert settle_rows("monthly", settled, [rows("a", "xx")])["a"] == [
        Disposition.ACCEPTED,
        Disposition.REPEATED,
    ]


deliveries = st.lists(
    st.builds(
        delivery,
        name=st.uuids().map(str),
        period=st.sampled_from(["2020-10", "2020-11", None]),
        revision=st.integers(0, 2),
        received=st.integers(0, 5),
        content=st.sampled_from(["p", "q", "r", "s"]),
        sample=st.booleans(),
    ),
    max_size=8,
    unique_by=lambda item: item.name,
)


@given(
    kind=st.sampled_from(["monthly", "cumulative", "snapshot", "append"]),
    candidates=deliveries,
    shuffled=st.randoms(use_true_random=False),
    texts=st.lists(st.text("abcd", max_size=5), min_size=8, max_size=8),
)
def test_every_row_has_one_fate_and_a_record_is_accepted_at_most_once(kind, candidates, shuffled, texts):
    settled = settle_deliveries(kind, candidates)
    again = list(candidates)
    shuffled.shuffle(again)
    assert settle_deliveries(kind, again) == settled
    outcomes = [*settled.in_force, *settled.replaced, *settled.repeated, *settled.set_aside]
    assert sorted(outcomes) == sorted(item.delivery_id for item in candidates)
    ordered = sorted(candidates, key=lambda item: (item.date_received, item.name))
    keys = [rows(item.delivery_id, text) for item, text in zip(ordered, texts, strict=False)]
    dispositions = settle_rows(kind, settled, keys)
    assert {name: len(found) for name, found in dispositions.items()} == {
        k.delivery_id: len(k.record_ids) for k in keys
    }
    accepted = [
        record
        for key in keys
        for record, disposition in zip(key.record_ids, dispositions[key.delivery_id], strict=True)
        if disposition is Disposition.ACCEPTED
    ]
    assert len(accepted) == len(set(accepted))
    alive = {record for key in keys if key.delivery_id in settled.in_force for record in key.record_ids}
    assert set(accepted) == alive
