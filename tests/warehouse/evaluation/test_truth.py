"""Truth is laid beside accepted rows by their place, wherever either lies; what cannot be used is said."""

import json

import pandas as pd
import pytest

from warehouse.evaluation.truth import TruthError, join_labels, join_truth, read_labels, read_truth


def accepted(*rows):
    columns = ["record_id", "file", "sheet", "row_number", "source_id"]
    return pd.DataFrame(rows, columns=columns).assign(trainee_id=lambda made: "t" + made["record_id"])


def truth_of(tmp_path, *rows, columns=("file", "sheet", "row", "source_id", "record_uid", "person_id", "valid")):
    pd.DataFrame(rows, columns=list(columns)).to_parquet(tmp_path / "records.parquet")
    return read_truth(tmp_path)


def persons(known):
    return dict(zip(known.records["record_id"], known.records["person_id"], strict=True))


def test_a_row_is_found_by_file_sheet_and_row(tmp_path):
    truth = truth_of(
        tmp_path,
        ("deliveries/A/book.xlsx", "one", 2, "", "R1", "P1", True),
        ("deliveries/A/book.xlsx", "two", 2, "", "R2", "P2", True),
    )
    known = join_truth(
        accepted(
            ("a", "/some/where/deliveries/A/book.xlsx", "one", 2, None),
            ("b", "/some/where/deliveries/A/book.xlsx", "two", 2, None),
            ("c", "/some/where/deliveries/A/book.xlsx", "two", 9, None),
        ),
        truth,
    )
    assert persons(known) == {"a": "P1", "b": "P2"}
    assert known.unknown == 1


def test_a_submission_is_found_by_its_own_id_on_whatever_page_it_stands(tmp_path):
    truth = truth_of(tmp_path, ("A/page.json", "", 7, "S1", "R1", "P1", True))
    known = join_truth(accepted(("a", "s3://bucket/A/page.json", None, 99, "S1")), truth)
    assert persons(known) == {"a": "P1"}


def test_a_file_of_one_sheet_needs_no_sheet(tmp_path):
    truth = truth_of(tmp_path, ("A/x.xlsx", "2021", 5, "", "R1", "P1", True))
    assert persons(join_truth(accepted(("a", "A/x.xlsx", "Sheet 1", 5, None)), truth)) == {"a": "P1"}


def test_the_longest_end_of_a_path_decides(tmp_path):
    truth = truth_of(tmp_path, ("x.csv", "", 2, "", "R1", "P1", True), ("2021/x.csv", "", 2, "", "R2", "P2", True))
    rows = accepted(("a", "in/2021/x.csv", None, 2, None), ("b", "in/2020/x.csv", None, 2, None))
    assert persons(join_truth(rows, truth)) == {"a": "P2", "b": "P1"}


def test_a_name_typed_in_another_normal_form_is_the_same_file(tmp_path):
    truth = truth_of(tmp_path, ("Điểm danh.csv", "", 2, "", "R1", "P1", True))
    assert persons(join_truth(accepted(("a", "in/Điểm danh.csv", None, 2, None)), truth)) == {"a": "P1"}


def test_rows_that_the_truth_calls_invalid_and_repetitions_are_counted_and_left_out(tmp_path):
    truth = truth_of(
        tmp_path,
        ("x.csv", "", 2, "", "R1", "P1", True),
        ("x.csv", "", 3, "", "R1", "P1", True),
        ("x.csv", "", 4, "", "R2", "P2", False),
    )
    known = join_truth(accepted(*((str(row), "x.csv", None, row, None) for row in (2, 3, 4))), truth)
    assert (persons(known), known.invalid, known.repeated) == ({"2": "P1"}, 1, 1)


def test_place_and_person_are_enough(tmp_path):
    truth = truth_of(tmp_path, ("x.csv", 2, "P1"), columns=("file", "row", "person_id"))
    assert persons(join_truth(accepted(("a", "x.csv", None, 2, None)), truth)) == {"a": "P1"}
    assert truth.totals == {}
    assert truth.people.empty
    assert truth.pairs.empty


def test_sub_totals_are_no_records(tmp_path):
    truth = truth_of(tmp_path, ("x.csv", 2, "P1", "subtotal_row"), columns=("file", "row", "person_id", "kind"))
    assert join_truth(accepted(("a", "x.csv", None, 2, None)), truth).invalid == 1


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("totals.json", "{}", "by_country_attended"),
        ("totals.json", "no JSON", "by_country_attended"),
        ("people.parquet", "no table", "cannot be read as a table"),
    ],
)
def test_a_file_that_cannot_be_used_is_named(tmp_path, name, content, said):
    (tmp_path / name).write_text(content)
    with pytest.raises(TruthError, match=said) as told:
        truth_of(tmp_path, ("x.csv", 2, "P1"), columns=("file", "row", "person_id"))
    assert name in str(told.value)


def test_a_folder_without_records_is_no_truth(tmp_path):
    with pytest.raises(TruthError, match=r"it has no records\.parquet"):
        read_truth(tmp_path)


@pytest.mark.parametrize(
    ("columns", "said"),
    [(("file", "row"), "column person_id is missing"), (("file", "person_id"), "row or source_id is missing")],
)
def test_a_column_that_is_missing_is_named(tmp_path, columns, said):
    with pytest.raises(TruthError, match=said):
        truth_of(tmp_path, ("x", "y"), columns=columns)


def test_truth_of_other_files_is_refused(tmp_path):
    truth = truth_of(tmp_path, ("x.csv", 2, "P1"), columns=("file", "row", "person_id"))
    with pytest.raises(TruthError, match="not one accepted row"):
        join_truth(accepted(("a", "y.csv", None, 2, None)), truth)


def test_totals_are_read_by_country_and_in_all(tmp_path):
    totals = {"overall": {"people": 3}, "by_country_attended": {"VN": {"people": 2, "women": 1}, "TH": {"people": 2}}}
    (tmp_path / "totals.json").write_text(json.dumps(totals))
    truth = truth_of(tmp_path, ("x.csv", 2, "P1"), columns=("file", "row", "person_id"))
    assert truth.totals == {"ALL": 3, "TH": 2, "VN": 2}


def test_labels_name_records_of_the_vault(tmp_path):
    labels = tmp_path / "labels.csv"
    labels.write_text("record_id,person_id\na,P1\nz,P2\n")
    known = join_labels(accepted(("a", "x.csv", None, 2, None), ("b", "x.csv", None, 3, None)), read_labels(labels))
    assert (persons(known), known.unknown) == ({"a": "P1"}, 1)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("record_id,who\na,P1\n", "column person_id is missing"),
        ("record_id,person_id\na,P1\na,P2\n", "has two different person_id"),
        (None, "no such file"),
    ],
)
def test_labels_that_cannot_be_used_are_refused(tmp_path, text, said):
    labels = tmp_path / "labels.csv"
    if text is not None:
        labels.write_text(text)
    with pytest.raises(TruthError, match=said):
        read_labels(labels)


def test_labels_of_another_vault_are_refused():
    with pytest.raises(TruthError, match="not one record_id"):
        join_labels(
            accepted(("a", "x", None, 2, None)), pd.DataFrame([("z", "P1")], columns=["record_id", "person_id"])
        )
