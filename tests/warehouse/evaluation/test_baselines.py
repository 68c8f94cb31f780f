"""What the linkage is measured against links by its rule, nothing else, and never without a limit."""

import datetime as dt

import duckdb
import pytest
from splink.internals.exceptions import SplinkException

from tests.generators.identity_records import Noise, generate
from tests.warehouse.identity.people import frame, person
from warehouse.evaluation.baselines import (
    nobody_linked,
    run_tutorial,
    same_name_and_birth,
    same_phone,
    tutorial_clusters,
)
from warehouse.evaluation.measures import score, with_clusters

BORN = dt.date(1990, 5, 3)


@pytest.fixture(scope="module")
def records():
    return generate(3000, seed=4, noise=Noise())


def partition(clusters):
    return {frozenset(members) for members in clusters.groupby(clusters).groups.values()}


def test_nobody_is_linked_to_anybody():
    assert len(partition(nobody_linked(frame(person("A"), person("A"))))) == 2


def test_name_and_birth_date_must_both_be_stated_and_the_same():
    rows = [
        person("Siti Aminah", birth_date=BORN),
        person("siti aminah", birth_date=BORN),
        person("Siti Aminah", birth_date=dt.date(1990, 5, 4)),
        person("Siti Aminah"),
        person("Siti Aminah"),
        person(None, birth_date=BORN),
        person(None, birth_date=BORN),
    ]
    clusters = same_name_and_birth(frame(*rows))
    ids = [row["record_id"] for row in rows]
    assert partition(clusters) == {frozenset(ids[:2]), *(frozenset([one]) for one in ids[2:])}


def test_the_phone_written_first_decides():
    rows = [person("A", phones="+1 +2"), person("B", phones="+1"), person("C", phones="+2"), person("D"), person("E")]
    ids = [row["record_id"] for row in rows]
    assert partition(same_phone(frame(*rows))) == {frozenset(ids[:2]), *(frozenset([one]) for one in ids[2:])}


def test_the_tutorial_links_most_people_and_its_seed_decides(records):
    clusters = tutorial_clusters(records, seed=1)
    found = score(with_clusters(records, clusters))
    assert found.f1 > 0.7
    again = tutorial_clusters(records.sample(frac=1, random_state=1), seed=1)
    assert partition(again) == partition(clusters)


def test_the_tutorial_runs_in_a_process_of_its_own(records):
    run = run_tutorial(records, seed=1)
    assert run.ended == ""
    assert partition(run.clusters) == partition(tutorial_clusters(records, seed=1))
    assert run.seconds > 0
    assert run.megabytes > 50


def test_the_tutorial_is_stopped_when_its_time_is_over(records):
    run = run_tutorial(records, seconds=0.01)
    assert (run.clusters, run.ended) == (None, "stopped after 0.01 s")


def test_the_tutorial_keeps_within_its_memory(records):
    with pytest.raises((duckdb.Error, SplinkException), match="Out of Memory"):
        tutorial_clusters(records, memory_limit="12MB")


def test_too_few_records_to_estimate_from_are_said():
    run = run_tutorial(frame(person("A", birth_date=BORN), person("B", birth_date=BORN)))
    assert run.clusters is None
    assert run.ended.startswith("cannot be estimated from these records")
