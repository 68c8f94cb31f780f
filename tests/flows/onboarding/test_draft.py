"""A contract drafted from one delivery: parses, finds what matters, and holds nobody's name."""

import json
import re
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from flows.contracts.partners import find_partners
from flows.onboarding.draft import draft_contract
from flows.readers.read import LandedFile, fold_header, read_delivery
from schemas.partner import parse_contract
from tests.conftest import PROJECT

PARTNERS = find_partners(PROJECT / "raw").usable


def newest(partner):
    return sorted(path for path in (partner.folder / "sample").rglob("*") if path.is_file())[-1]


@pytest.mark.parametrize("partner", PARTNERS, ids=lambda partner: partner.partner_id)
def test_a_draft_finds_what_a_person_found(partner):
    text = draft_contract(newest(partner), partner.country_code, "NEW")
    draft = parse_contract(text, Path("partner.yml"))
    real = partner.contract
    assert draft.file.format == real.file.format
    if real.file.format == "csv":
        assert draft.file.encoding == real.file.encoding
        assert draft.file.delimiter.replace("\\t", "\t") == real.file.delimiter.replace("\\t", "\t")
    assert draft.file.header_row == real.file.header_row
    wanted = {"full_name", "surname", "given_name", "birth_date", "age", "phones", "course_code", "training_date"}
    for name in wanted & set(real.columns):
        assert draft.columns[name].header == real.columns[name].header, name
    assert draft.dates.calendar == real.dates.calendar
    assert draft.dates.order == real.dates.order
    known = real.lookups["sex"].words
    folded = {ours: {word.casefold() for word in words} for ours, words in known.items()}
    for ours, words in draft.lookups["sex"].words.items():
        assert {word.casefold() for word in words} <= folded[ours]
    assert draft.national_id == real.national_id


@pytest.mark.parametrize("partner", PARTNERS, ids=lambda partner: partner.partner_id)
def test_a_draft_holds_nobodys_name_or_number(partner):
    path = newest(partner)
    text = draft_contract(path, partner.country_code, "NEW")
    rows = read_delivery([LandedFile(path, path.name)], partner.contract)
    personal = set()
    for name in ("full_name", "surname", "given_name", "phones", "email", "national_id", "member_id"):
        for header in partner.contract.columns[name].header or () if name in partner.contract.columns else ():
            at = rows.header.index(header) if header in rows.header else None
            personal |= {row[at].strip() for row in rows.cells if at is not None and len(row[at].strip()) >= 5}
    assert personal
    written = {str(item) for item in walk(yaml.safe_load(text))}
    assert written.isdisjoint(personal - set(partner.contract.missing))
    assert not [value for value in personal if f"'{value}'" in text]


def walk(node):
    if isinstance(node, dict):
        for key, value in node.items():
            yield key
            yield from walk(value)
    elif isinstance(node, list):
        for value in node:
            yield from walk(value)
    else:
        yield node


def test_what_cannot_be_guessed_is_a_todo_that_still_parses(tmp_path):
    file = tmp_path / "list.csv"
    file.write_text("Name,Gender,Remarks\nAn Invented One,F,x\n")
    text = draft_contract(file, "TL", "COOP")
    contract = parse_contract(text, Path("partner.yml"))
    assert contract.columns["training_date"].header == ("TODO",)
    assert "# TODO" in text
    assert contract.ignore == ("Remarks",)


@pytest.mark.parametrize(
    ("address", "postcode", "email"),
    [
        ("Home Address", "Zip Code", "Email Address"),
        ("Alamat Rumah", "Kode Pos", "Alamat Email"),
        ("Địa chỉ", "Mã bưu chính", "Email"),
        ("ที่อยู่", "รหัสไปรษณีย์", "อีเมล"),
        ("grp_person/address", "grp_person/postcode", "grp_person/email"),
    ],
)
def test_a_heading_that_says_so_is_proposed_as_address_or_postcode(tmp_path, address, postcode, email):
    file = tmp_path / "list.csv"
    file.write_text(f"Name,{email},{address},{postcode}\nAn Invented One,a@example.org,Sample Road 3,12345\n")
    columns = parse_contract(draft_contract(file, "TL", "COOP"), Path("partner.yml")).columns
    assert [columns[name].header for name in ("address", "postcode", "email")] == [(address,), (postcode,), (email,)]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "is empty"),
        (b"PK\x03\x04broken", "no workbook"),
        (b"{}", "no page of KoboToolbox"),
        (b'{"results": ["ab"]}', "no page of KoboToolbox"),
        (b"%PDF-1.7 ...", "a PDF document"),
        (b"1\n2\n", "headings"),
    ],
)
def test_what_is_no_table_is_said(tmp_path, content, said):
    file = tmp_path / "delivery"
    file.write_bytes(content)
    with pytest.raises(ValueError, match=said):
        draft_contract(file, "TL", "COOP")


def test_a_month_and_buddhist_year_in_the_name_are_recognised(tmp_path):
    file = tmp_path / "รายชื่อ_กรกฎาคม2563.csv"
    file.write_text("ชื่อ-นามสกุล,รหัสหลักสูตร,วันที่อบรม\nสมมติ,DL101,1/7/2563\n", encoding="cp874")
    contract = parse_contract(draft_contract(file, "TH", "ONE"), Path("partner.yml"))
    assert (contract.delivery.calendar, contract.dates.calendar, contract.file.encoding) == (
        "buddhist",
        "buddhist",
        "cp874",
    )


@pytest.mark.parametrize("heading", ["Course", "Gender"])
def test_a_name_in_a_slipped_row_stays_out_however_often_it_slipped(tmp_path, heading):
    people = [{"Name": f"One {n}", "Gender": "F", "Course": "Basics"} for n in range(12)]
    slipped = [{"Name": "x", "Gender": "F", "Course": "Basics"} | {heading: "Planted Once"}]
    often = [{"Name": "x", "Gender": "F", "Course": "Basics"} | {heading: "Planted Often"} for _ in range(4)]
    often.append({"Name": "Planted Often", "Gender": "F", "Course": "Basics"})
    file = tmp_path / "list.csv"
    lines = [",".join([*row.values(), "2020-09-01"]) for row in people + slipped + often]
    file.write_text("\n".join(["Name,Gender,Course,Training date", *lines]))
    text = draft_contract(file, "TL", "COOP")
    assert "Planted" not in text
    assert "Basics" in text


def test_merged_places_and_rows_of_one_cell_are_pointed_out_without_their_words(tmp_path):
    import xlsxwriter

    file = tmp_path / "list.xlsx"
    with xlsxwriter.Workbook(file) as book:
        sheet = book.add_worksheet("One")
        rows = [["Province", "Name", "Course", "Date"], ["Dili", "One", "DL101", "2020-09-01"]]
        rows += [["", f"More {n}", "DL101", "2020-09-01"] for n in range(4)]
        for at, row in enumerate([*rows, ["Planted footer"]]):
            sheet.write_row(at, 0, row)
    text = draft_contract(file, "TL", "COOP")
    assert parse_contract(text, Path("partner.yml")).file.fill_down == ("Province",)
    assert "1 rows hold one or two cells" in text
    assert "Planted" not in text


def test_a_heading_that_explains_its_codes_is_believed(tmp_path):
    file = tmp_path / "list.csv"
    file.write_text("Name,Sex (1=M; 2=F),Course,Date\nOne,1,DL101,2020-09-01\nTwo,2,DL101,2020-09-01\n")
    contract = parse_contract(draft_contract(file, "TL", "COOP"), Path("partner.yml"))
    assert contract.lookups["sex"].words == {"M": ("1",), "F": ("2",)}


@pytest.mark.parametrize("name", ["list 2021-Q3.csv", "list_Q3 2021.csv"])
def test_a_quarter_in_the_name_is_recognised(tmp_path, name):
    file = tmp_path / name
    file.write_text("Name,Course,Date\nOne,DL101,2020-09-01\n")
    pattern = parse_contract(draft_contract(file, "TL", "COOP"), Path("partner.yml")).delivery.file_name
    found = re.search(pattern, name)
    assert (found["year"], found["quarter"]) == ("2021", "3")


def test_a_cell_without_end_is_said(tmp_path):
    file = tmp_path / "list.csv"
    file.write_text('Name,Course,Date\n"' + "A" * 200_000)
    with pytest.raises(ValueError, match="quote"):
        draft_contract(file, "TL", "COOP")


def test_sheets_with_other_orders_of_columns_are_read_by_their_headings(tmp_path):
    import xlsxwriter

    file = tmp_path / "list.xlsx"
    with xlsxwriter.Workbook(file) as book:
        first, second = book.add_worksheet("One"), book.add_worksheet("Two")
        first.write_row(0, 0, ["Name", "Gender", "Course", "Date"])
        second.write_row(1, 0, ["Gender", "Name", "Date", "Course", "Extra"])
        for at in range(5):
            first.write_row(at + 1, 0, [f"One {at}", "F", "DL101", "2020-09-01"])
            second.write_row(at + 2, 0, ["Boxed", "Planted Often", "2020-09-01", "DL101", "q"])
    text = draft_contract(file, "TL", "COOP")
    contract = parse_contract(text, Path("partner.yml"))
    assert "Planted" not in text
    assert "Boxed" in text
    assert contract.ignore == ("Extra",)
    assert contract.file.header_row is None


@pytest.mark.parametrize("header", ["Training participant,Gender,Date", "Name,Course trainer,Date"])
def test_a_column_of_people_taken_for_the_course_is_not_shown(tmp_path, header):
    rows = [f"Planted {n},Planted Teacher,2020-09-01" for n in range(5) for _ in range(4)]
    file = tmp_path / "list.csv"
    file.write_text("\n".join([header, *rows]))
    assert "Planted" not in draft_contract(file, "TL", "COOP")


def test_nothing_is_shown_where_no_column_of_names_is_recognised(tmp_path):
    file = tmp_path / "list.csv"
    file.write_text("Course,Date,Who\n" + "Planted Often,2020-09-01,x\n" * 5)
    text = draft_contract(file, "TL", "COOP")
    assert "Planted" not in text
    assert parse_contract(text, Path("partner.yml")).columns["full_name"].header == ("TODO",)


@pytest.mark.parametrize("odd", ["2020-09-01", "+62 812 3456 7890", "planted@example.org", "๑๒/๐๙/๒๕๖๓"])
def test_a_row_of_a_file_without_header_is_not_taken_for_one(tmp_path, odd):
    file = tmp_path / "list.csv"
    file.write_text(f"Planted Person,Kabupaten Contoh,Pelatihan digital,{odd}\n" * 3)
    with pytest.raises(ValueError, match="no row of headings") as raised:
        draft_contract(file, "ID", "COOP")
    assert "Planted" not in str(raised.value)


@given(odd=st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=12))
def test_any_heading_is_written_so_that_it_reads_back(tmp_path_factory, odd):
    file = tmp_path_factory.mktemp("odd") / "page.json"
    row = {"Name": "One", "Course": "DL101", "Date": "2020-09-01", "Remark": "", f"Q{odd}": ""}
    file.write_text(json.dumps({"results": [row]}), encoding="utf-8")
    contract = parse_contract(draft_contract(file, "TL", "COOP"), Path("partner.yml"))
    drafted = {fold_header(item) for source in contract.columns.values() for item in source.header}
    drafted |= {fold_header(item) for item in (*contract.ignore, *contract.row_number)}
    assert fold_header(f"Q{odd}") in drafted


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-32"])
def test_a_byte_order_mark_says_the_encoding(tmp_path, encoding):
    file = tmp_path / "list.csv"
    file.write_text("Họ và tên,Course,Date\nOne,DL101,2020-09-01\n", encoding=encoding)
    contract = parse_contract(draft_contract(file, "VN", "COOP"), Path("partner.yml"))
    assert contract.file.encoding == encoding.removesuffix("-sig")
    assert contract.columns["full_name"].header == ("Họ và tên",)


def test_a_page_of_json_with_a_byte_order_mark_is_read(tmp_path):
    file = tmp_path / "page.json"
    page = {"results": [{"grp/full_name": "One", "grp/topics": "DL101", "grp/date": "2020-09-01"}]}
    file.write_text(json.dumps(page), encoding="utf-8-sig")
    contract = parse_contract(draft_contract(file, "TL", "COOP"), Path("partner.yml"))
    assert (contract.file.format, contract.columns["full_name"].header) == ("kobo_json", ("grp/full_name",))
