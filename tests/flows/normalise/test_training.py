"""Every reason and remark, one row at a time; and the law that every row comes out valid or rejected, once."""

import datetime as dt
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flows.normalise.training import Normaliser
from flows.normalise.validate import (
    TRAINING_TYPES,
    check_contract,
    require_bounds,
    split_rows,
    to_frame,
    training_reasons,
    training_values,
)
from flows.readers.read import DeliveryError, TextRows
from flows.values.dates import completed_years, years_before
from schemas.partner import Partner, parse_contract
from schemas.programme import load_programme
from schemas.reasons import Reason
from schemas.remedies import remedies

CONTRACT = """
name: Invented partner
delivery: {kind: monthly}
file: {format: csv}
row_number: No
columns:
  full_name: Name
  sex: Sex
  birth_date: Born
  age: Age
  phones: Phone
  email: Mail
  national_id: Id
  trainee_type: Type
  has_disability: Disabled
  course_code: Course
  training_date: Day
  hours: Hours
missing: ['', '-', none]
lookups:
  sex: {F: [F, Female], M: M}
  trainee_type: {words: {msme_owner: owner, job_seeker: seeker}, unknown: reject}
  has_disability: {no: none, otherwise: yes}
  course_code: {DL101: Basics}
national_id: id_nik
"""
HEADER = ("No", "Name", "Sex", "Born", "Age", "Phone", "Mail", "Id", "Type", "Disabled", "Course", "Day", "Hours")
GOOD = {
    "No": "1",
    "Name": "Invented Person",
    "Sex": "F",
    "Born": "03/05/1990",
    "Phone": "0812 3456 7809",
    "Type": "owner",
    "Disabled": "none",
    "Course": "DL101",
    "Day": "02/08/2020",
    "Hours": "2",
}


@pytest.fixture
def partner(tmp_path):
    folder = tmp_path / "ID" / "ONE"
    return Partner(country_code="ID", folder=folder, contract=parse_contract(CONTRACT, folder / "partner.yml"))


def text_of(*rows, overflow=None, orphan=None):
    return TextRows(
        header=HEADER,
        cells=[[row.get(name, "") for name in HEADER] for row in rows],
        file_names=["list.csv"] * len(rows),
        sheets=[""] * len(rows),
        row_numbers=[number + 2 for number in range(len(rows))],
        source_ids=[""] * len(rows),
        overflow=overflow or [False] * len(rows),
        orphan=orphan or [False] * len(rows),
        structural=0,
    )


def normalise(partner, *rows, **more):
    return Normaliser(partner, load_programme()).normalise(text_of(*rows, **more), "list.csv", "0" * 16)


def reasons_of(rows):
    return training_reasons(rows, load_programme())


def split(rows, partner):
    values = training_values(rows, partner, "0" * 16, ["s/list.csv"] * len(rows))
    return split_rows(to_frame([values], TRAINING_TYPES), reasons_of(rows), rows)


SHIFTED = dict(
    zip(HEADER[1:], ["", *list({name: GOOD.get(name, "") for name in HEADER[1:]}.values())[:-1]], strict=True)
)


@pytest.mark.parametrize(
    ("change", "reasons"),
    [
        ({}, set()),
        ({name: "" for name in HEADER}, {Reason.BLANK_LINE}),
        (SHIFTED, {Reason.COLUMN_SHIFT}),
        ({"Name": "-"}, {Reason.MISSING_NAME}),
        ({"Name": "none"}, {Reason.MISSING_NAME}),
        ({"Name": " . "}, {Reason.MISSING_NAME}),
        ({"Born": "31/02/1990"}, {Reason.BIRTH_DATE_IMPOSSIBLE}),
        ({"Born": "03/05/2021"}, {Reason.BIRTH_AFTER_TRAINING}),
        ({"Born": "", "Age": "-1"}, {Reason.BIRTH_AFTER_TRAINING}),
        ({"Born": "03/08/2005"}, {Reason.AGE_BELOW_MINIMUM}),
        ({"Born": "02/08/2005"}, set()),
        ({"Born": "", "Age": "14"}, {Reason.AGE_BELOW_MINIMUM}),
        ({"Born": "", "Age": "12-14"}, {Reason.AGE_BELOW_MINIMUM}),
        ({"Born": "", "Age": "12-17"}, set()),
        ({"Born": "02/08/1919"}, {Reason.AGE_ABOVE_MAXIMUM}),
        ({"Born": "03/08/1919"}, set()),
        ({"Born": "", "Age": "101"}, {Reason.AGE_ABOVE_MAXIMUM}),
        ({"Born": "", "Age": "young"}, {Reason.AGE_UNREADABLE}),
        ({"Day": ""}, {Reason.MISSING_TRAINING_DATE}),
        ({"Day": "30/02/2021"}, {Reason.TRAINING_DATE_IMPOSSIBLE}),
        ({"Day": "30/06/2020"}, {Reason.TRAINING_DATE_OUT_OF_PROGRAMME}),
        ({"Day": "01/01/2022"}, {Reason.TRAINING_DATE_OUT_OF_PROGRAMME}),
        ({"Day": "31/12/2021"}, set()),
        ({"Course": "-"}, {Reason.MISSING_COURSE}),
        ({"Course": "DL1O1"}, {Reason.UNKNOWN_COURSE}),
        ({"Course": "basics"}, set()),
        ({"Type": "visitor"}, {Reason.UNKNOWN_WORD}),
        ({"Hours": "-1"}, {Reason.HOURS_NEGATIVE}),
        ({"Hours": "900"}, {Reason.HOURS_IMPOSSIBLE}),
        ({"Hours": "many"}, {Reason.HOURS_IMPOSSIBLE}),
        (
            {"Name": "", "Born": "31/02/1990", "Course": "XX999", "Hours": "-2"},
            {Reason.MISSING_NAME, Reason.BIRTH_DATE_IMPOSSIBLE, Reason.UNKNOWN_COURSE, Reason.HOURS_NEGATIVE},
        ),
    ],
)
def test_a_row_is_rejected_for_every_reason_that_holds(partner, change, reasons):
    found = reasons_of(normalise(partner, {**GOOD, **change}))[0]
    assert set(found) == reasons
    assert len(found) == len(reasons)


def test_a_child_without_its_parent_is_rejected(partner):
    assert reasons_of(normalise(partner, GOOD, orphan=[True])) == [(Reason.ORPHAN_ROW,)]


def test_every_reason_has_a_sentence_for_the_partner():
    said = remedies(load_programme())
    assert set(said) == set(Reason)
    assert all(remedy.sentence.endswith(".") for remedy in said.values())


@pytest.mark.parametrize(
    ("change", "column", "value", "flag"),
    [
        ({"Born": "03/05/2533"}, "birth_date", dt.date(1990, 5, 3), "era_slip"),
        ({"Phone": "8.12346E+11"}, "phones", None, "phone_unusable"),
        ({"Id": "5.20204E+15"}, "national_id", None, "id_unusable"),
        ({"Mail": "not an address"}, "email", None, "email_unusable"),
        ({"Age": "45"}, "age_low", 45, "age_disagrees"),
        ({"Age": "31"}, "age_low", 31, None),
    ],
)
def test_what_is_odd_is_accepted_and_flagged(partner, change, column, value, flag):
    found = normalise(partner, {**GOOD, **change})
    assert reasons_of(found) == [()]
    assert found.columns[column][0] == value
    assert found.columns["flags"][0] == flag


def test_an_age_is_an_interval_and_never_a_date(partner):
    found = normalise(partner, {**GOOD, "Born": "", "Age": "30"})
    assert found.columns["birth_date"] == [None]
    assert found.columns["birth_earliest"] == [dt.date(1989, 8, 3)]
    assert found.columns["birth_latest"] == [dt.date(1990, 8, 2)]


def test_an_address_is_kept_as_written_and_a_postcode_in_ascii_digits(partner):
    text = CONTRACT.replace("columns:", "columns:\n  address: Type\n  postcode: Age", 1)
    text = text.replace("  age: Age\n", "").replace("  trainee_type: Type\n", "")
    text = text.replace("  trainee_type: {words: {msme_owner: owner, job_seeker: seeker}, unknown: reject}\n", "")
    lives = Partner(country_code="ID", folder=partner.folder, contract=parse_contract(text, Path("partner.yml")))
    rows = [
        {**GOOD, "Type": "  Jalan  Contoh 12 ", "Age": "๑๒ab ๕"},
        {**GOOD, "Type": "-", "Age": "none"},
    ]
    found = normalise(lives, *rows)
    assert found.columns["address"] == ["Jalan Contoh 12", None]
    assert found.columns["postcode"] == ["12AB 5", None]
    assert [normalise(partner, GOOD).columns[name] for name in ("address", "postcode")] == [[None], [None]]


def test_a_missing_word_that_a_lookup_explains_is_an_answer(partner):
    assert normalise(partner, GOOD).columns["has_disability"] == [False]
    assert normalise(partner, {**GOOD, "Disabled": "-"}).columns["has_disability"] == [None]
    assert normalise(partner, {**GOOD, "Disabled": "hearing"}).columns["has_disability"] == [True]


def test_an_unknown_word_that_decides_meaning_stops_the_delivery(partner):
    with pytest.raises(DeliveryError, match=r"line 3, column 'Sex': unknown word in 1 row\(s\); add it to lookups.sex"):
        normalise(partner, GOOD, {**GOOD, "Sex": "Z"})


def test_an_unknown_word_is_shown_only_when_it_cannot_be_one_persons(partner):
    with pytest.raises(DeliveryError, match="'Woman'"):
        normalise(partner, *[{**GOOD, "Sex": "Woman", "No": str(i)} for i in range(3)])


def test_the_running_number_is_no_part_of_a_rows_identity(partner):
    found = normalise(partner, GOOD, {**GOOD, "No": "77"}, {**GOOD, "Hours": "3"})
    assert found.record_ids[0] == found.record_ids[1] != found.record_ids[2]


def test_our_cleaning_does_not_move_a_rows_identity(partner):
    before = normalise(partner, GOOD).record_ids
    changed = Partner(
        country_code="ID",
        folder=partner.folder,
        contract=parse_contract(CONTRACT.replace("missing: ['', '-', none]", "missing: ['', '-']"), partner.folder),
    )
    assert normalise(changed, GOOD).record_ids == before


def test_a_correction_is_applied_flagged_and_stale_once_the_source_is_right(partner):
    text = CONTRACT + (
        "corrections:\n  - {file: list, column: Sex, was: X, becomes: F, reason: confirmed by the partner, expect: 1}\n"
    )
    fixed = Partner(country_code="ID", folder=partner.folder, contract=parse_contract(text, partner.folder))
    found = normalise(fixed, {**GOOD, "Sex": "X"})
    assert (found.columns["sex"], found.columns["flags"]) == (["F"], ["corrected"])
    with pytest.raises(DeliveryError, match="the source has changed"):
        normalise(fixed, GOOD)


@pytest.mark.parametrize(
    ("born", "on", "years"),
    [("2000-02-29", "2001-02-28", 0), ("2000-02-29", "2001-03-01", 1), ("1990-05-03", "2020-05-03", 30)],
)
def test_completed_years(born, on, years):
    assert completed_years(dt.date.fromisoformat(born), dt.date.fromisoformat(on)) == years


def test_years_before_a_leap_day():
    assert years_before(dt.date(2020, 2, 29), 1) == dt.date(2019, 2, 28)


cells = st.sampled_from(
    ["", "-", "1", "-1", "F", "M", "owner", "03/05/1990", "31/02/1990", "DL101", "XX", "0812345678", "Invented"]
)
wild = st.one_of(cells, st.text(max_size=12))


@settings(max_examples=40, deadline=None)
@given(rows=st.lists(st.fixed_dictionaries({name: wild for name in HEADER}), max_size=8), good=st.integers(0, 4))
def test_every_row_comes_out_valid_or_rejected_and_valid_rows_keep_the_strict_contract(tmp_path_factory, rows, good):
    folder = tmp_path_factory.getbasetemp() / "ID" / "ONE"
    text = CONTRACT.replace("sex: {F: [F, Female], M: M}", "sex: {words: {F: [F, Female], M: M}, unknown: blank}")
    text += "bounds: {rejected_share_max: 1}\n"
    partner = Partner(country_code="ID", folder=folder, contract=parse_contract(text, folder))
    made = normalise(partner, *rows, *[GOOD] * good)
    result = split(made, partner)
    assert len(result.valid) + len(result.rejected) == len(rows) + good
    assert sorted([*result.valid["ordinal"], *result.rejected["ordinal"]]) == list(range(len(rows) + good))
    check_contract(result.valid, load_programme())


def test_a_delivery_of_which_most_is_rejected_fails_as_a_whole(partner):
    bad = [{**GOOD, "Born": "31/02/1990", "No": str(i)} for i in range(12)]
    made = normalise(partner, *bad, GOOD)
    with pytest.raises(DeliveryError, match="12 of 13 rows would be rejected"):
        require_bounds(reasons_of(made), partner, "raise the bound")


def test_a_defect_of_ours_stops_the_delivery_without_showing_a_value(partner):
    made = normalise(partner, GOOD)
    made.columns["phones"] = ["not a phone, a secret"]
    result = split(made, partner)
    with pytest.raises(DeliveryError, match="phones: str_matches") as caught:
        check_contract(result.valid, load_programme())
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    ("names", "whole"),
    [("{}", "Given Middle Family Jr"), ("{order: given_first}", "Given Middle Family Jr"),
     ("{order: family_first}", "Family Middle Given Jr")],
)  # fmt: skip
def test_a_name_in_several_columns_is_put_together_in_the_order_of_the_contract(partner, names, whole):
    parts = {"surname": "Sex", "given_name": "Name", "middle_name": "Mail", "name_suffix": "Id"}
    columns = "".join(f"  {name}: {header}\n" for name, header in parts.items())
    contract = f"""
name: Invented partner
delivery: {{kind: monthly}}
file: {{format: csv}}
columns:
{columns}  course_code: Course
  training_date: Day
lookups: {{course_code: {{DL101: Basics}}}}
names: {names}
"""
    file = partner.folder / "partner.yml"
    other = partner.__class__(country_code="ID", folder=partner.folder, contract=parse_contract(contract, file))
    row = {**GOOD, "Sex": "Family", "Name": "Given", "Mail": "Middle", "Id": "Jr"}
    rows = normalise(other, row, {**row, "Sex": "", "Name": ""})
    assert rows.columns["full_name"] == [whole, None]
