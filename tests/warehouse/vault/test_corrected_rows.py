"""A corrected row stands in for exactly the row it corrects, as long as that row is still delivered."""

import datetime as dt

import duckdb
import pytest
from hypothesis import given
from hypothesis import strategies as st

from warehouse.storage.data_folder import DataFolder
from warehouse.vault.corrected_rows import ReturnedRow, follow, standing_corrections
from warehouse.vault.open import open_vault
from warehouse.vault.schema import VAULT_DDL
from warehouse.vault.settle import Candidate, Disposition, RowKeys, Workbook, settle_deliveries, settle_rows

A, R, S = Disposition.ACCEPTED, Disposition.REPEATED, Disposition.SUPERSEDED
DAY = dt.date(2021, 1, 1)


def candidate(name, received, *, period="2020-12", revision=0, content=None):
    day = DAY + dt.timedelta(days=received)
    return Candidate(name, name, period, revision, day, dt.datetime(2021, 2, 1), content or name, False)


def said(text):
    """Rows of a workbook: 'x>y' x was changed into y, 'x' left as it was, 'x!' withdrawn."""
    rows = []
    for word in text.split():
        old, _, new = word.partition(">")
        act = "changed" if new else "withdrawn" if old.endswith("!") else "unchanged"
        rows.append(ReturnedRow(old.rstrip("!"), act, new or old.rstrip("!")))
    return rows


def settle(kind, deliveries, workbooks):
    """Fates of deliveries (name -> candidate, contents) and workbooks (name -> day, rows)."""
    candidates = [candidate(name, received, **more) for name, (received, _, more) in deliveries.items()]
    settled = settle_deliveries(kind, candidates)
    ordered = sorted(deliveries.items(), key=lambda item: (item[1][0], item[0]))
    keys = [RowKeys(name, list(contents), list(contents)) for name, (_, contents, _) in ordered]
    books = [
        Workbook(candidate(name, received, period=None), [row.content_id for row in said(text)], said(text))
        for name, (received, text) in workbooks.items()
    ]
    dispositions = settle_rows(kind, settled, keys, books)
    assert settle_rows(kind, settled, keys, books[::-1]) == dispositions
    return dispositions


MONTH = {"month": (0, "abc", {})}


@pytest.mark.parametrize(
    ("workbooks", "month", "dispositions"),
    [
        pytest.param({"w": (9, "a>x b")}, [S, A, A], {"w": [A, R]}, id="exactly the corrected row is replaced"),
        pytest.param({"w": (9, "a b c")}, [A, A, A], {"w": [R, R, R]}, id="nothing was changed"),
        pytest.param({"w": (9, "a!")}, [S, A, A], {"w": [R]}, id="withdrawn"),
        pytest.param({"w": (9, "a>b")}, [S, A, A], {"w": [R]}, id="made equal to another row, which counts once"),
        pytest.param(
            {"v": (8, "a>x b"), "w": (9, "a>x b")}, [S, A, A], {"v": [A, R], "w": [R, R]}, id="sent twice, saved anew"
        ),
        pytest.param(
            {"v": (8, "a>x"), "w": (9, "x>y")}, [S, A, A], {"v": [S], "w": [A]}, id="a second round corrects the first"
        ),
        pytest.param(
            {"v": (7, "a>x"), "w": (8, "x>y"), "again": (9, "a>x")},
            [S, A, A],
            {"v": [S], "w": [A], "again": [R]},
            id="a copy of the first round does not overrule the second",
        ),
        pytest.param(
            {"v": (8, "a>x"), "w": (9, "a>y")}, [S, A, A], {"v": [S], "w": [A]}, id="corrected twice: the later holds"
        ),
        pytest.param({"v": (8, "a>x"), "w": (9, "x>a")}, [A, A, A], {"v": [S], "w": [R]}, id="put back to what it was"),
        pytest.param({"w": (9, "z>x")}, [A, A, A], {"w": [S]}, id="a row that nobody delivers any more"),
        pytest.param(
            {"v": (8, "a!"), "w": (9, "a>x")}, [S, A, A], {"v": [R], "w": [A]}, id="withdrawn, then corrected after all"
        ),
    ],
)
def test_what_a_workbook_does_to_a_month(workbooks, month, dispositions):
    found = settle("monthly", MONTH, workbooks)
    assert found.pop("month") == month
    assert found == dispositions


def test_a_revision_that_no_longer_has_the_row_takes_its_correction_along():
    found = settle("monthly", {**MONTH, "revised": (20, "dbc", {"revision": 1})}, {"w": (9, "a>x b>y")})
    assert found == {"month": [S, S, S], "revised": [A, S, A], "w": [S, A]}


def test_a_cumulative_file_that_repeats_the_uncorrected_row_changes_nothing():
    deliveries = {"march": (0, "ab", {"period": "2021-03"}), "june": (90, "abc", {"period": "2021-06"})}
    found = settle("cumulative", deliveries, {"w": (30, "a>x")})
    assert found == {"march": [S, A], "june": [R, R, A], "w": [A]}


def test_a_cumulative_file_that_was_corrected_too_takes_over():
    deliveries = {"march": (0, "ab", {"period": "2021-03"}), "june": (90, "xb", {"period": "2021-06"})}
    found = settle("cumulative", deliveries, {"w": (30, "a>x")})
    assert found == {"march": [S, A], "june": [A, R], "w": [R]}


def test_a_corrected_submission_keeps_its_record_and_counts_once():
    settled = settle_deliveries("snapshot", [candidate("a", 0)])
    book = Workbook(candidate("w", 9, period=None), ["1"], [ReturnedRow("x", "changed", "y")])
    dispositions = settle_rows("snapshot", settled, [RowKeys("a", ["1", "2"], ["x", "z"])], [book])
    assert dispositions == {"a": [S, A], "w": [A]}


def test_the_same_bytes_under_two_names_are_a_copy():
    settled = settle_deliveries("monthly", [candidate("a", 0)])
    books = [
        Workbook(candidate(name, day, period=None, content="same"), ["x"], [ReturnedRow("a", "changed", "x")])
        for name, day in (("w", 5), ("copy", 9))
    ]
    dispositions = settle_rows("monthly", settled, [RowKeys("a", ["a"], ["a"])], books)
    assert dispositions == {"a": [S], "w": [A], "copy": [R]}


statements = st.lists(
    st.builds(
        ReturnedRow, st.sampled_from("abcdef"), st.sampled_from(["changed", "withdrawn"]), st.sampled_from("abcdef")
    ),
    max_size=12,
)


@given(statements)
def test_corrections_never_go_round_in_circles(rows):
    standing = standing_corrections(rows)
    assert all(follow(content, standing) != content or content not in standing for content in "abcdef")
    # whoever says everything again says nothing new
    assert standing_corrections([*rows, *rows]) == standing


@given(
    kind=st.sampled_from(["monthly", "cumulative", "snapshot", "append"]),
    contents=st.lists(st.text("abcdef", max_size=5), min_size=1, max_size=3),
    books=st.lists(statements, max_size=3),
)
def test_every_row_has_one_fate_and_no_row_counts_twice(kind, contents, books):
    candidates = [candidate(f"d{number}", number) for number in range(len(contents))]
    settled = settle_deliveries(kind, candidates)
    keys = [RowKeys(f"d{number}", list(text), list(text)) for number, text in enumerate(contents)]
    workbooks = [
        Workbook(
            candidate(f"w{number}", 50 + number, period=None),
            [row.content_id if row.action == "changed" else row.corrects for row in rows],
            [row if row.action == "changed" else ReturnedRow(row.corrects, row.action, row.corrects) for row in rows],
        )
        for number, rows in enumerate(books)
    ]
    dispositions = settle_rows(kind, settled, keys, workbooks)
    everything = {item.delivery_id: list(item.content_ids) for item in keys}
    everything |= {book.candidate.delivery_id: [row.content_id for row in book.rows] for book in workbooks}
    assert {name: len(found) for name, found in dispositions.items()} == {
        name: len(rows) for name, rows in everything.items()
    }
    counted = [
        row
        for name, rows in everything.items()
        for row, disposition in zip(rows, dispositions[name], strict=True)
        if disposition is A
    ]
    assert len(counted) == len(set(counted))
    # a row counts for each row delivered, or one that stands in for it, unless somebody withdrew it
    delivered = {row for item in keys if item.delivery_id in settled.in_force for row in item.content_ids}
    standing = standing_corrections(row for book in workbooks for row in book.rows)
    assert set(counted) == {follow(row, standing) for row in delivered} - {None}


def test_a_vault_of_the_version_before_is_brought_up(tmp_path):
    data = DataFolder(tmp_path)
    data.private.mkdir(mode=0o700)
    with duckdb.connect(str(data.vault)) as con:
        con.execute(VAULT_DDL)
        con.execute("DROP TABLE returned_row; ALTER TABLE landed_file DROP COLUMN is_return")
        con.execute("INSERT INTO vault_schema VALUES (3)")
        con.execute(
            "INSERT INTO landed_file VALUES ('p', 'XX', 'f', 's', FALSE, DATE '2021-01-01', 1, 'h', 'l', now())"
        )
    with open_vault(data, "test") as con:
        assert con.execute("SELECT is_return FROM landed_file").fetchall() == [(False,)]
        assert con.execute("SELECT count(*) FROM returned_row").fetchall() == [(0,)]
