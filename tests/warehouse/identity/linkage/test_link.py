"""A linkage that is kept up to date is the linkage that would be made anew; judgements are always honoured."""

import datetime as dt
import random
from contextlib import contextmanager

import duckdb
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.warehouse.identity.people import BASE, frame, people, person
from warehouse.identity.judgements import Judged
from warehouse.identity.linkage import model as models
from warehouse.identity.linkage.features import make_records
from warehouse.identity.linkage.link import link
from warehouse.identity.linkage.resolve import resolve
from warehouse.vault.linkage_tables import SOURCE_COLUMNS
from warehouse.vault.schema import LINKAGE_DDL

MODEL = models.load_model()
POOL = people(60, seed=5)
SHARED_TABLES = ("identity_record", "identity_node", "identity_key", "identity_edge", "identity_cluster")


@contextmanager
def empty_vault():
    """A database named vault with the tables of linkage only."""
    with duckdb.connect(":memory:", config={"threads": 2}) as con:
        con.execute("ATTACH ':memory:' AS vault; USE vault")
        con.execute(LINKAGE_DDL)
        yield con


def bring(con, rows, judged=Judged()):  # noqa: B008 - frozen
    """Link the records as they are now; returns what the run counted."""
    con.execute("DROP TABLE IF EXISTS given; DROP TABLE IF EXISTS linkage_record")
    make_records(con, "given", frame(*rows))
    names = ", ".join(SOURCE_COLUMNS)
    con.execute(f"CREATE TABLE linkage_record AS SELECT record_id, {names}, record_id AS founding_order FROM given")
    with link(con, MODEL, judged) as found:
        con.execute("BEGIN")
        found.write(con)
        con.execute("COMMIT")
    return found


def content(con):
    """Everything the linkage knows, in an order that depends on the content only."""
    return {name: con.execute(f"SELECT * FROM {name} ORDER BY ALL").fetchall() for name in SHARED_TABLES}


def made_anew(rows, judged=Judged()):  # noqa: B008 - frozen
    with empty_vault() as con:
        bring(con, rows, judged)
        return content(con)


def clusters(con):
    return dict(
        con.execute("SELECT record_id, cluster FROM identity_record JOIN identity_cluster USING (node_id)").fetchall()
    )


def corrected(row, draw):
    """The same record with another name, phone or birth date."""
    other = draw.choice(POOL)
    return row | draw.choice(
        [{"full_name": other["full_name"]}, {"phones": other["phones"]}, {"birth_date": None, "birth_earliest": None}]
    )


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.integers(0, 2**32), st.integers(2, 4))
def test_a_linkage_kept_up_to_date_is_the_linkage_made_anew(seed, steps):
    draw = random.Random(seed)  # noqa: S311 - invented data
    rows = {row["record_id"]: row for row in draw.sample(POOL, 40)}
    with empty_vault() as con:
        for _ in range(steps):
            judged = Judged(
                tuple(tuple(draw.sample(sorted(rows), 2)) for _ in range(draw.randrange(2))),
                tuple(tuple(draw.sample(sorted(rows), 2)) for _ in range(draw.randrange(2))),
            )
            bring(con, rows.values(), judged)
            assert content(con) == made_anew(rows.values(), judged)
            for name in draw.sample(sorted(rows), 3):
                del rows[name]
            for name in draw.sample(sorted(rows), 3):
                rows[name] = corrected(rows[name], draw)
            rows |= {row["record_id"]: row for row in draw.sample(POOL, 8)}


def test_a_block_that_outgrows_its_cap_is_closed_for_those_who_were_in_it():
    phone = {"phones": "+84912345670", "birth_date": None}
    first = [person(f"Người {chr(97 + index // 26)}{chr(97 + index % 26)}", **(BASE | phone)) for index in range(100)]
    more = person("Ai Khác", **(BASE | phone))
    with empty_vault() as con:
        bring(con, first)
        before = con.execute("SELECT count(*) FROM identity_edge").fetchone()
        grown = bring(con, [*first, more])
        assert grown.counts["reopened"] >= 100
        assert content(con) == made_anew([*first, more])
        bring(con, first)
        assert con.execute("SELECT count(*) FROM identity_edge").fetchone() == before


def test_nothing_new_compares_nothing():
    with empty_vault() as con:
        bring(con, POOL)
        again = bring(con, POOL)
    assert (again.full_rebuild, again.counts["pairs"], len(again.records)) == (False, 0, 0)


def test_a_new_record_touches_its_own_surroundings_only():
    with empty_vault() as con:
        bring(con, POOL)
        found = bring(con, [*POOL, person("Quite Another", birth_date=dt.date(1955, 5, 5), phones="+84999999999")])
    assert (found.counts["new_nodes"], len(found.records)) == (1, 1)


def test_a_new_record_like_a_known_one_in_everything_joins_its_person():
    like = [person("Nguyễn Thị Mẫu", **BASE) for _ in range(2)]
    with empty_vault() as con:
        bring(con, [*POOL, like[0]])
        found = bring(con, [*POOL, *like])
        assert found.counts["new_nodes"] == 0
        named = found.records.set_index("record_id")["cluster"]
        assert named[like[0]["record_id"]] == named[like[1]["record_id"]]
        assert content(con) == made_anew([*POOL, *like])


def test_another_model_links_everything_anew():
    with empty_vault() as con:
        bring(con, POOL)
        with link(con, MODEL.model_copy(update={"version": "other"})) as found:
            assert found.full_rebuild
            assert len(found.records) == len(POOL)


LIKE = [person("Nguyễn Thị Mẫu", **BASE) for _ in range(3)]
UNLIKE = [person("Trần Văn Bình", birth_date=dt.date(1961, 1, 2)), person("Somchai Jaidee", country_code="TH")]


def test_records_alike_in_everything_can_be_judged_apart():
    one, other, third = (row["record_id"] for row in LIKE)
    found = resolve(frame(*LIKE), MODEL, Judged(cannot_link=((one, other),))).clusters.set_index("record_id")["cluster"]
    assert found[one] != found[other]
    assert found[third] in (found[one], found[other])


def test_records_unlike_in_everything_can_be_judged_one_person():
    one, other = (row["record_id"] for row in UNLIKE)
    found = resolve(frame(*UNLIKE, *LIKE), MODEL, Judged(must_link=((one, other),))).clusters
    assert found.set_index("record_id")["cluster"].loc[[one, other]].nunique() == 1


def test_a_judgement_that_is_taken_back_leaves_no_trace():
    rows = [*LIKE, *UNLIKE]
    one, other = LIKE[0]["record_id"], LIKE[1]["record_id"]
    with empty_vault() as con:
        bring(con, rows)
        before = content(con)
        bring(con, rows, Judged(cannot_link=((one, other),), must_link=((UNLIKE[0]["record_id"], one),)))
        assert clusters(con)[one] != clusters(con)[other]
        bring(con, rows)
        assert content(con) == before


def test_a_judgement_about_a_record_that_is_away_waits():
    with empty_vault() as con:
        bring(con, LIKE, Judged(must_link=(("gone", LIKE[0]["record_id"]),), cannot_link=(("gone", "also gone"),)))
        assert len(set(clusters(con).values())) == 1


@pytest.mark.parametrize("threads", [1, 2])
def test_threads_decide_nothing(threads):
    found = resolve(frame(*POOL), MODEL, threads=threads)
    assert found.clusters.equals(resolve(frame(*POOL), MODEL, threads=2).clusters)
