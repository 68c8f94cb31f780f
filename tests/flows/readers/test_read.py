"""Reading a delivery: what rows come out of each format, and what stops a delivery with which words.

Every file is made here; all people in them are invented.
"""

import csv
import datetime as dt
import io
import json
import pickle
import re
import struct
import traceback
import unicodedata
import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
import xlsxwriter
from hypothesis import given
from hypothesis import strategies as st

from flows.readers.read import DeliveryError, ErrorCode, LandedFile, TextRows, fold_header, read_delivery
from flows.readers.workbook_zip import ZipLimits, check_workbook
from schemas.partner import Contract

COLUMNS = {"full_name": "Name", "course_code": "Course", "training_date": "Date"}
NAMES = ("Bopha Invented", "Somchai Madeup", "Nguyễn Thị Giả")
# values of data cells that no message may repeat
CELLS = (*NAMES, "0912-555-777", "DL101", "2020-08-01", "Phnom Penh")


def contract(format_: str = "csv", columns: dict[str, Any] | None = None, **keys: Any) -> Contract:
    """A contract with `keys` of its file section, or of its top level where they belong there."""
    top = ("ignore", "row_number", "record_key", "bounds", "corrections")
    return Contract.model_validate(
        {
            "name": "An invented partner",
            "delivery": {"kind": "monthly"},
            "file": {"format": format_, **{key: value for key, value in keys.items() if key not in top}},
            "columns": COLUMNS if columns is None else columns,
            **{key: value for key, value in keys.items() if key in top},
        }
    )


@pytest.fixture
def land(tmp_path: Path) -> Callable[..., LandedFile]:
    """Land bytes under a name without meaning, as the pull does."""

    def landed(data: bytes, name: str = "2020-08-09/list.csv") -> LandedFile:
        path = tmp_path / f"{len(list(tmp_path.iterdir())):04}"
        path.write_bytes(data)
        return LandedFile(path, name)

    return landed


def workbook(fill: Callable[[xlsxwriter.Workbook], None]) -> bytes:
    buffer = io.BytesIO()
    with xlsxwriter.Workbook(buffer) as book:
        fill(book)
    return buffer.getvalue()


def sheet_of(rows: Sequence[Sequence[object]], at: tuple[int, int] = (0, 0)) -> bytes:
    """A workbook of one sheet, its first cell at `at` (row, column), 0-based."""

    def fill(book: xlsxwriter.Workbook) -> None:
        sheet = book.add_worksheet("List")
        for offset, row in enumerate(rows):
            sheet.write_row(at[0] + offset, at[1], row)

    return workbook(fill)


def page(results: list[Any], count: int, next_: str | None = None) -> bytes:
    return json.dumps({"count": count, "next": next_, "previous": None, "results": results}).encode()


def failure(files: LandedFile | Sequence[LandedFile], agreed: Contract) -> DeliveryError:
    """The error a delivery ends in; it never repeats the value of a data cell, nor do its causes."""
    with pytest.raises(DeliveryError) as caught:
        read_delivery([files] if isinstance(files, LandedFile) else files, agreed)
    told = "".join(traceback.format_exception(caught.value)) + repr(caught.value)
    assert [value for value in CELLS if value in told] == []
    return caught.value


def rows_of(data: bytes, agreed: Contract, land: Callable[..., LandedFile]) -> TextRows:
    return read_delivery([land(data)], agreed)


HEADER = ["No", "Name", "Course", "Date"]
ROW_1 = ["1", NAMES[0], "DL101", "2020-08-01"]
ROW_2 = ["2", NAMES[1], "OS110", "2020-08-02"]
NUMBERED = {"row_number": ["No"]}
GOOD_CSV = b"Name,Course,Date\nBopha Invented,DL101,2020-08-01\n"


# -- delimited text ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("encoding", "delimiter", "written"),
    [
        ("cp1258", ",", ","),
        ("utf-8", ";", ";"),
        ("utf-8-sig", ";", ";"),
        ("utf-16", "\\t", "\t"),
        ("utf-16-le", "\t", "\t"),
        ("utf-32", "|", "|"),
    ],
)
@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"])
def test_text_of_every_encoding_and_delimiter_gives_the_same_rows(
    land: Callable[..., LandedFile], encoding: str, delimiter: str, written: str, newline: str
) -> None:
    # cp1258 stores the dot below as a character of its own
    name = "Nguyê\u0303n Thi\u0323 Gia\u0309" if encoding == "cp1258" else NAMES[2]
    lines = [written.join(HEADER), written.join(["1", name, "DL101", "2020-08-01"])]
    rows = rows_of(
        (newline.join(lines) + newline).encode(encoding),
        contract(encoding=encoding, delimiter=delimiter, **NUMBERED),
        land,
    )
    assert rows == TextRows(
        header=("No", "Name", "Course", "Date"),
        cells=[["1", NAMES[2], "DL101", "2020-08-01"]],
        file_names=["2020-08-09/list.csv"],
        sheets=[""],
        row_numbers=[2],
        source_ids=[""],
        overflow=[False],
        orphan=[False],
        structural=0,
    )


def test_thai_text_is_read_in_its_own_code_page(land: Callable[..., LandedFile]) -> None:
    text = "ชื่อ,หลักสูตร,วันที่\nสมมติ ทดสอบ,DL101,๑ ส.ค. ๒๕๖๓\n"
    columns = {"full_name": "ชื่อ", "course_code": "หลักสูตร", "training_date": "วันที่"}
    rows = rows_of(text.encode("cp874"), contract(columns=columns, encoding="cp874"), land)
    assert rows.cells == [["สมมติ ทดสอบ", "DL101", "๑ ส.ค. ๒๕๖๓"]]


def test_rows_are_numbered_as_a_spreadsheet_shows_them(land: Callable[..., LandedFile]) -> None:
    text = 'List of participants\n\nName,Course,Date\nA,DL101,"1,5"\n\n"B\nC",DL101,x\n,,\nD,DL101,y\n,,\n\n\n'
    rows = rows_of(text.encode(), contract(), land)
    assert list(zip(rows.row_numbers, rows.cells, strict=True)) == [
        (4, ["A", "DL101", "1,5"]),
        (5, ["", "", ""]),
        (6, ["B\nC", "DL101", "x"]),
        (7, ["", "", ""]),
        (8, ["D", "DL101", "y"]),
        (9, ["", "", ""]),  # a line of delimiters is a row even at the end; empty lines there are none
    ]


def test_values_are_not_cleaned(land: Callable[..., LandedFile]) -> None:
    rows = rows_of("Name,Course,Date\n  A\u00a0 ,NA,0001\n".encode(), contract(), land)
    assert rows.cells == [["  A\u00a0 ", "NA", "0001"]]


def test_short_rows_are_padded_and_long_ones_marked(land: Callable[..., LandedFile]) -> None:
    rows = rows_of(b"Name,Course,Date\nA,DL101\nB,DL101,x,\nC,D,DL101,x\n", contract(), land)
    assert rows.cells == [["A", "DL101", ""], ["B", "DL101", "x"], ["C", "D", "DL101"]]
    assert rows.overflow == [False, False, True]


def test_composing_characters_never_becomes_a_delimiter(land: Callable[..., LandedFile]) -> None:
    # the Greek question mark U+037E is a semicolon in NFC
    rows = rows_of("Name;Course;Date\nA\u037eB;DL101;e\u0301\n".encode(), contract(delimiter=";"), land)
    assert rows.cells == [["A;B", "DL101", "é"]]


def test_an_empty_cell_takes_the_value_above_in_text(land: Callable[..., LandedFile]) -> None:
    text = "Name,Course,Date,City\nA,DL101,x,Phnom Penh\nB,DL101,x,\n,,,\nTotal: 2,,,\nC,DL101,x,\n"
    agreed = contract(columns={**COLUMNS, "district": "City"}, fill_down=["city"], subtotal="^Total")
    rows = rows_of(text.encode(), agreed, land)
    assert [row[3] for row in rows.cells] == ["Phnom Penh", "Phnom Penh", "", ""]
    assert rows.structural == 1


@pytest.mark.parametrize(
    ("data", "code", "words"),
    [
        (b"", ErrorCode.EMPTY_FILE, "0 bytes"),
        (b"\xef\xbb\xbf \n\n", ErrorCode.EMPTY_FILE, "no text"),
        (GOOD_CSV + b"Bopha\0Invented,DL101,x\n", ErrorCode.NUL_BYTES, "line 3"),
        (GOOD_CSV.decode().encode("utf-16-le"), ErrorCode.NUL_BYTES, "UTF-16"),
        (GOOD_CSV + b"A,DL101,\xff\n", ErrorCode.ENCODING_INVALID, "line 3"),
        (GOOD_CSV.decode().encode("utf-16"), ErrorCode.ENCODING_INVALID, "mark of utf-16"),
        (GOOD_CSV + b'"Bopha Invented" x,DL101,y\n', ErrorCode.QUOTING_INVALID, "row 3"),
        (GOOD_CSV + b'"Bopha Invented,DL101,y\n', ErrorCode.QUOTING_INVALID, "row 3"),
        (GOOD_CSV + b"x" * 10_000_000 + b",DL101,y\n", ErrorCode.CELL_TOO_LARGE, "row 3"),
        (GOOD_CSV + b"x" * 100_001 + b",DL101,y\n", ErrorCode.CELL_TOO_LARGE, "row 3"),
        (b"%PDF-1.7 Bopha Invented", ErrorCode.WRONG_FORMAT, "PDF"),
        (b"\n<!DOCTYPE html><html><body>Log in</body></html>", ErrorCode.WRONG_FORMAT, "login page"),
        ("<html><body>Log in</body></html>".encode("utf-16"), ErrorCode.WRONG_FORMAT, "login page"),
        (b'<?xml version="1.0"?><rows/>', ErrorCode.WRONG_FORMAT, "XML"),
        (page([{"_id": 1}], 1), ErrorCode.WRONG_FORMAT, "JSON"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 600, ErrorCode.WRONG_FORMAT, "old Office"),
        (b"\x1f\x8b\x08\x00", ErrorCode.WRONG_FORMAT, "gzip"),
        (b"\xff\xd8\xff\xe0", ErrorCode.WRONG_FORMAT, "picture"),
    ],
)
def test_text_that_cannot_be_read_stops_the_delivery(
    land: Callable[..., LandedFile], data: bytes, code: ErrorCode, words: str
) -> None:
    error = failure(land(data, "2020-08-09/august.csv"), contract())
    assert error.code == code
    assert "2020-08-09/august.csv" in str(error)
    assert words in str(error)


def test_a_cell_of_the_largest_size_is_read(land: Callable[..., LandedFile]) -> None:
    rows = rows_of(GOOD_CSV + b"x" * 100_000 + b",DL101,y\n", contract(), land)
    assert len(rows.cells[1][0]) == 100_000


def test_the_line_of_an_invalid_byte_is_right_in_utf_16(land: Callable[..., LandedFile]) -> None:
    data = "Name,Course,Date\nA,B,C\n".encode("utf-16-le") + b"\x00\xdc\n\x00"
    error = failure(land(data), contract(encoding="utf-16-le"))
    assert (error.code, "line 3" in str(error)) == (ErrorCode.ENCODING_INVALID, True)


def test_a_workbook_named_csv_is_called_a_workbook(land: Callable[..., LandedFile]) -> None:
    error = failure(land(sheet_of([HEADER, ROW_1])), contract())
    assert error.code == ErrorCode.WRONG_FORMAT
    assert "Excel workbook (XLSX)" in str(error)


def test_a_file_beyond_the_size_limit_is_not_opened(tmp_path: Path) -> None:
    path = tmp_path / "sparse"
    with path.open("wb") as file:
        file.truncate(512 * 1024**2 + 1)
    error = failure(LandedFile(path, "huge.csv"), contract())
    assert (error.code, "huge.csv" in str(error)) == (ErrorCode.FILE_TOO_LARGE, True)


# -- headers -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "header",
    ["name,COURSE,Date", "  Name ,Course\u00a0,Date", '"Na\u200bme","Course\n",Date', "Date,Name,Course"],
)
def test_headers_agree_whatever_their_case_spacing_and_order(land: Callable[..., LandedFile], header: str) -> None:
    rows = rows_of(f"{header}\na,b,c\n".encode(), contract(), land)
    assert sorted(map(fold_header, rows.header)) == ["course", "date", "name"]


def test_headers_are_kept_as_delivered_but_trimmed_and_composed(land: Callable[..., LandedFile]) -> None:
    columns = {**COLUMNS, "full_name": "Họ và tên"}
    rows = rows_of(" Ho\u0323 va\u0300  tên ,Course,Date\na,b,c\n".encode(), contract(columns=columns), land)
    assert rows.header == ("Họ và  tên", "Course", "Date")


def test_one_of_several_headers_is_enough(land: Callable[..., LandedFile]) -> None:
    columns = {**COLUMNS, "full_name": ["Full name", "Name"]}
    assert rows_of(GOOD_CSV, contract(columns=columns), land).header[0] == "Name"


def test_ignored_headers_may_end_in_a_star(land: Callable[..., LandedFile]) -> None:
    rows = rows_of(b"Name,Course,Date,Q1,Q2 why,Note\na,b,c,d,e,f\n", contract(ignore=["q*", "Note"]), land)
    assert rows.cells == [["a", "b", "c", "d", "e", "f"]]


def test_an_optional_column_may_be_absent(land: Callable[..., LandedFile]) -> None:
    columns = {**COLUMNS, "phones": {"header": "Phone", "optional": True}}
    assert rows_of(GOOD_CSV, contract(columns=columns), land).header == ("Name", "Course", "Date")


@pytest.mark.parametrize("place", [1, 7, 49])
def test_the_header_is_found_below_titles(land: Callable[..., LandedFile], place: int) -> None:
    text = "Course Date list\n" * place + GOOD_CSV.decode()
    assert rows_of(text.encode(), contract(), land).row_numbers == [place + 2]


def test_the_header_row_of_the_contract_holds(land: Callable[..., LandedFile]) -> None:
    text = "Name,Course,Date\nName,Course,Date\nA,DL101,x\n"
    rows = rows_of(text.encode(), contract(header_row=2), land)
    assert (rows.row_numbers, rows.structural) == ([3], 0)


def test_a_header_repeated_on_every_page_is_structural(land: Callable[..., LandedFile]) -> None:
    rows = rows_of(GOOD_CSV * 3, contract(), land)
    assert (rows.row_numbers, rows.structural) == ([2, 4, 6], 2)


@pytest.mark.parametrize(
    ("text", "keys", "code", "named"),
    [
        ("Title\nBopha Invented,DL101,x\n", {}, ErrorCode.HEADER_NOT_FOUND, ["'Name'", "'Course'", "'Date'"]),
        ("x\n" * 50 + GOOD_CSV.decode(), {}, ErrorCode.HEADER_NOT_FOUND, ["first 50 rows"]),
        (GOOD_CSV.decode(), {"header_row": 2}, ErrorCode.HEADER_NOT_FOUND, ["row 2"]),
        (GOOD_CSV.decode(), {"header_row": 9}, ErrorCode.HEADER_NOT_FOUND, ["row 9"]),
        (GOOD_CSV.decode(), {"delimiter": ";"}, ErrorCode.HEADER_NOT_FOUND, ["`file.delimiter` (';')"]),
        (
            "Name,Sesi,Date\nBopha Invented,DL101,x\n",
            {},
            ErrorCode.MISSING_COLUMN,
            ["'Course' (course_code)", "'Sesi'", "row 1"],
        ),
        (
            "Name,Course,Date,City,Zip\nBopha Invented,DL101,x,Phnom Penh,1\n",
            {},
            ErrorCode.UNKNOWN_COLUMN,
            ["'City'", "'Zip'", "`ignore`"],
        ),
        ("Name,Course,Date\nA,DL101,x\n", {"record_key": ["Key"]}, ErrorCode.MISSING_COLUMN, ["'Key'"]),
        ("Name,name,Course,Date\na,b,c,d\n", {}, ErrorCode.DUPLICATE_COLUMN, ["'Name'"]),
        ("Name,,Course,Date\nA,DL101,x,y\n", {}, ErrorCode.UNKNOWN_COLUMN, ["column 2 has no heading"]),
        (
            "Name,Course,Date,\n" + "A,DL101,x,0912-555-777\n" * 5,
            {},
            ErrorCode.UNKNOWN_COLUMN,
            ["column 4 has no heading"],
        ),
    ],
)
def test_a_header_that_disagrees_stops_the_delivery(
    land: Callable[..., LandedFile], text: str, keys: dict[str, Any], code: ErrorCode, named: list[str]
) -> None:
    error = failure(land(text.encode(), "august.csv"), contract(**keys))
    assert error.code == code
    assert [word for word in ["august.csv", *named] if word not in str(error)] == []


def test_of_two_rows_that_fit_equally_the_first_is_the_header(land: Callable[..., LandedFile]) -> None:
    columns = {**COLUMNS, "phones": {"header": "Phone", "optional": True}}
    assert rows_of(GOOD_CSV * 2, contract(columns=columns), land).row_numbers == [2, 4]


def test_every_missing_column_is_named_at_once(land: Callable[..., LandedFile]) -> None:
    columns = {**COLUMNS, "phones": ["Phone", "Mobile"], "district": "City", "province": "Province"}
    error = failure(land(GOOD_CSV), contract(columns=columns))
    named = ["'Phone' or 'Mobile' (phones)", "'City' (district)", "'Province' (province)"]
    assert [word for word in named if word not in str(error)] == []


@pytest.mark.parametrize("text", ["Name,,Course,Date,,\nA,,DL101,x,,\n", "Name,Course,Date,Memo,Memo\na,b,c,d,e\n"])
def test_empty_columns_and_ignored_ones_twice_do_no_harm(land: Callable[..., LandedFile], text: str) -> None:
    assert len(rows_of(text.encode(), contract(ignore=["Memo"]), land).cells) == 1


@pytest.mark.parametrize(
    ("bounds", "code"),
    [({"rows_max": 1}, ErrorCode.TOO_MANY_ROWS), ({"rows_min": 3}, ErrorCode.TOO_FEW_ROWS)],
)
def test_an_implausible_number_of_rows_stops_the_delivery(
    land: Callable[..., LandedFile], bounds: dict[str, int], code: ErrorCode
) -> None:
    error = failure(land(GOOD_CSV + b"Somchai Madeup,OS110,x\n"), contract(bounds=bounds))
    assert (error.code, "2 rows" in str(error)) == (code, True)


def test_a_file_with_a_header_alone_has_no_rows(land: Callable[..., LandedFile]) -> None:
    assert rows_of(b"Name,Course,Date\n", contract(), land).cells == []


def test_files_of_one_delivery_are_joined_whatever_the_order_of_their_columns(
    land: Callable[..., LandedFile],
) -> None:
    files = [land(GOOD_CSV, "a.csv"), land(b"Date,NAME,Phone,Course\nx,B,1,OS110\n", "b.csv")]
    columns = {**COLUMNS, "phones": {"header": "Phone", "optional": True}}
    rows = read_delivery(files, contract(columns=columns))
    assert rows.header == ("Name", "Course", "Date", "Phone")
    assert rows.cells == [["Bopha Invented", "DL101", "2020-08-01", ""], ["B", "OS110", "x", "1"]]
    assert rows.file_names == ["a.csv", "b.csv"]


def test_a_delivery_without_files_is_empty() -> None:
    assert failure([], contract()).code == ErrorCode.EMPTY_FILE


def test_an_error_survives_the_way_to_another_process() -> None:
    error = pickle.loads(pickle.dumps(DeliveryError(ErrorCode.NO_SHEET, "words")))  # noqa: S301  (our own bytes)
    assert (error.code, str(error)) == (ErrorCode.NO_SHEET, "words")


# -- workbooks -----------------------------------------------------------------------------------------------


def _masterlist(book: xlsxwriter.Workbook) -> None:
    """A README, two provinces with titles, merged cities, sub-totals and a footer, and hidden choices."""
    book.add_worksheet("README").write("A1", "Please do not change the columns")
    for name in ("Benguet", "Cebu"):
        sheet = book.add_worksheet(name)
        sheet.merge_range("B2:F2", "LIST OF PARTICIPANTS")
        sheet.write_row("B5", ["No", "City", "Name", "Course", "Date"])
        for row, values in enumerate(([1, "", "Ana", "DL101", "d"], [2, "", "Ben", "DL101", "d"]), start=5):
            sheet.write_row(row, 1, values)
        sheet.merge_range("C6:C7", "Itogon")
        sheet.write("B8", "SUB-TOTAL: 2")
        sheet.write_row("B9", [3, "", "Cora", "DL101", "d"])
        sheet.write_row("B11", [5, "Tuba", "Dina Subtotal", "DL101", "d"])
        sheet.write("B12", "SUB-TOTAL: 2")
        sheet.write("E14", "Prepared by:")
        sheet.write("E16", "the municipal officer")
        sheet.write("F20", " ")
    hidden = book.add_worksheet("Lists")
    hidden.write_column("A1", ["DL101", "OS110"])
    hidden.hide()
    book.add_worksheet("Sheet7")
    chart = book.add_chart({"type": "bar"})
    chart.add_series({"values": "=Cebu!$B$6:$B$7"})
    book.add_chartsheet("Chart").set_chart(chart)


MASTERLIST = contract(
    "xlsx",
    {**COLUMNS, "district": "City"},
    row_number=["No"],
    sheets={"exclude": "README"},
    fill_down=["City"],
    subtotal="(?i)sub-?total",
    footer="^Prepared by",
)


def test_a_workbook_with_titles_merged_cells_subtotals_and_footers(land: Callable[..., LandedFile]) -> None:
    rows = rows_of(workbook(_masterlist), MASTERLIST, land)
    assert rows.header == ("No", "City", "Name", "Course", "Date")
    first = len(rows.cells) // 2
    assert list(zip(rows.row_numbers, rows.cells, strict=True))[:first] == [
        (6, ["1", "Itogon", "Ana", "DL101", "d"]),
        (7, ["2", "Itogon", "Ben", "DL101", "d"]),
        (9, ["3", "", "Cora", "DL101", "d"]),  # beside merged cells an empty one is a missing value
        (10, ["", "", "", "", ""]),
        (11, ["5", "Tuba", "Dina Subtotal", "DL101", "d"]),  # a full row is a person, whatever the name
    ]
    assert rows.sheets == ["Benguet"] * 5 + ["Cebu"] * 5
    # in each sheet two sub-totals, the footer's mark and the line below; the blank row before it is layout
    assert rows.structural == 2 * (2 + 1 + 1)


@pytest.mark.parametrize(
    ("width", "filled", "structural"),
    [(4, 1, 1), (4, 2, 1), (4, 3, 0), (12, 1, 1), (12, 4, 1), (12, 5, 0), (12, 12, 0)],
)
def test_only_a_row_with_few_cells_is_a_subtotal(
    land: Callable[..., LandedFile], width: int, filled: int, structural: int
) -> None:
    headers = [*COLUMNS.values(), *(f"Q{number}" for number in range(width - 3))]
    row = ["Ana Total", *["x"] * (filled - 1)]
    rows = rows_of(sheet_of([headers, row]), contract("xlsx", ignore=["Q*"], subtotal="Total"), land)
    assert (rows.structural, len(rows.cells)) == (structural, 1 - structural)


@pytest.mark.parametrize("at", [(0, 0), (3, 2), (10, 0)])
def test_row_numbers_hold_where_a_sheet_does_not_start_at_its_first_cell(
    land: Callable[..., LandedFile], at: tuple[int, int]
) -> None:
    rows = rows_of(sheet_of([HEADER, ROW_1, [], ROW_2], at), contract("xlsx", **NUMBERED), land)
    assert rows.row_numbers == [at[0] + 2, at[0] + 3, at[0] + 4]
    assert rows.cells == [ROW_1, ["", "", "", ""], ROW_2]


@pytest.mark.parametrize(
    ("value", "number_format", "text"),
    [
        (9086295727, "General", "9086295727"),
        (1.5, "General", "1.5"),
        (-3.0, "0.00", "-3"),
        (dt.date(1989, 2, 15), "dd/mm/yyyy", "1989-02-15"),
        (dt.datetime(1989, 2, 15, 13, 5, 9), "yyyy-mm-dd hh:mm:ss", "1989-02-15 13:05:09"),
        (dt.time(13, 5), "hh:mm", "13:05:00"),
        (dt.timedelta(hours=30, minutes=5), "[h]:mm:ss", "30:05:00"),
        (True, "General", "TRUE"),
        (False, "General", "FALSE"),
        (0, "General", "0"),
        ("e\u0301", "General", "é"),
        ("007", "@", "007"),
    ],
)
def test_every_kind_of_cell_becomes_text(
    land: Callable[..., LandedFile], value: Any, number_format: str, text: str
) -> None:
    def fill(book: xlsxwriter.Workbook) -> None:
        sheet = book.add_worksheet()
        sheet.write_row(0, 0, ["Name", "Course", "Date"])
        sheet.write(1, 0, value, book.add_format({"num_format": number_format}))

    assert rows_of(workbook(fill), contract("xlsx"), land).cells == [[text, "", ""]]


CITY = {**COLUMNS, "district": "City"}


def test_unmerged_cells_are_filled_from_above_but_not_across_a_subtotal(
    land: Callable[..., LandedFile],
) -> None:
    data = sheet_of(
        [
            ["City", "Name", "Course", "Date"],
            ["", "A", "DL101", "d"],
            ["Tuba", "B", "DL101", "d"],
            ["", "", "", ""],
            ["", "C", "DL101", "d"],
            ["Total: 3"],
            ["", "D", "DL101", "d"],
        ]
    )
    rows = rows_of(data, contract("xlsx", CITY, fill_down=["City"], subtotal="^Total"), land)
    assert [row[0] for row in rows.cells] == ["", "Tuba", "", "Tuba", ""]


def test_beside_merged_cells_an_empty_one_is_a_missing_value(land: Callable[..., LandedFile]) -> None:
    def fill(book: xlsxwriter.Workbook) -> None:
        sheet = book.add_worksheet()
        sheet.write_row(0, 0, ["City", "Name", "Course", "Date"])
        for row in range(1, 6):
            sheet.write_row(row, 0, ["", f"Invented {row}", "DL101", "d"])
        sheet.merge_range(1, 0, 2, 0, "Itogon")
        sheet.merge_range(4, 0, 5, 0, "Tuba")

    rows = rows_of(workbook(fill), contract("xlsx", CITY, fill_down=["City"]), land)
    assert [row[0] for row in rows.cells] == ["Itogon", "Itogon", "", "Tuba", "Tuba"]


def test_rows_written_below_a_footer_are_read(land: Callable[..., LandedFile]) -> None:
    data = sheet_of([HEADER, ROW_1, [], ["Prepared by:"], ["the officer"], [], ROW_2, ["Prepared by:"]])
    rows = rows_of(data, contract("xlsx", footer="^Prepared", **NUMBERED), land)
    assert (rows.row_numbers, rows.structural) == ([2, 7], 3)


def test_a_hidden_sheet_with_the_header_counts(land: Callable[..., LandedFile]) -> None:
    def fill(book: xlsxwriter.Workbook) -> None:
        for name in ("2020", "2021"):
            sheet = book.add_worksheet(name)
            sheet.write_row(0, 0, HEADER)
            sheet.write_row(1, 0, ROW_1)
        sheet.hide()

    assert rows_of(workbook(fill), contract("xlsx", **NUMBERED), land).sheets == ["2020", "2021"]


def test_sheets_may_have_their_columns_in_another_order(land: Callable[..., LandedFile]) -> None:
    def fill(book: xlsxwriter.Workbook) -> None:
        for name, order in (("a", (0, 1, 2)), ("b", (2, 0, 1))):
            sheet = book.add_worksheet(name)
            sheet.write_row(0, 0, [("Name", "Course", "Date")[index] for index in order])
            sheet.write_row(1, 0, [("A", "DL101", "d")[index] for index in order])

    assert rows_of(workbook(fill), contract("xlsx"), land).cells == [["A", "DL101", "d"]] * 2


@pytest.mark.parametrize(
    ("sheets", "code", "named"),
    [
        ({"include": "20.."}, ErrorCode.NO_SHEET, ["'README'", "'Benguet'"]),
        ({"include": "Sheet7"}, ErrorCode.NO_SHEET, ["holds a table"]),
        ({}, ErrorCode.HEADER_NOT_FOUND, ["sheet 'README'", "`file.sheets.exclude`"]),
    ],
)
def test_a_workbook_without_the_sheets_stops_the_delivery(
    land: Callable[..., LandedFile], sheets: dict[str, str], code: ErrorCode, named: list[str]
) -> None:
    error = failure(land(workbook(_masterlist)), contract("xlsx", CITY, row_number=["No"], sheets=sheets))
    assert error.code == code
    assert [word for word in named if word not in str(error)] == []


def _zip_of(parts: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in parts.items():
            archive.writestr(name, data)
    return buffer.getvalue()


def _parts_of(data: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


SHEET_PART = "xl/worksheets/sheet1.xml"
GOOD_XLSX = sheet_of([HEADER, ROW_1])


def _with_part(name: str, change: Callable[[bytes], bytes]) -> bytes:
    parts = _parts_of(GOOD_XLSX)
    return _zip_of({**parts, name: change(parts.get(name, b""))})


def _declaring(data: bytes, size: int) -> bytes:
    """The workbook whose container declares `size` unpacked bytes for its sheet."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        info = archive.getinfo(SHEET_PART)
        directory = archive.start_dir
    changed = bytearray(data)
    entry = changed.index(SHEET_PART.encode(), directory) - 46
    struct.pack_into("<I", changed, entry + 24, size)
    struct.pack_into("<I", changed, info.header_offset + 22, size)
    return bytes(changed)


def _encrypted(data: bytes) -> bytes:
    changed = bytearray(data)
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        directory = archive.start_dir
    changed[directory + 8] |= 1
    return bytes(changed)


_COMMENTS = b"<!-- -->" * 2_500_000
HONEST_BOMB = _with_part(SHEET_PART, lambda xml: xml + _COMMENTS)
PASSWORD = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 1000 + "EncryptedPackage".encode("utf-16-le")
DOCTYPE = b'<?xml version="1.0"?>\n<!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;&a;">]>'


@pytest.mark.parametrize(
    ("data", "code", "words"),
    [
        pytest.param(b"", ErrorCode.EMPTY_FILE, "0 bytes", id="empty"),
        pytest.param(GOOD_XLSX[:-30], ErrorCode.TRUNCATED, "cut off", id="directory cut off"),
        pytest.param(GOOD_XLSX[:200], ErrorCode.TRUNCATED, "cut off", id="almost all cut off"),
        pytest.param(GOOD_XLSX[:900] + GOOD_XLSX[1300:], ErrorCode.TRUNCATED, "cut off", id="hole"),
        pytest.param(
            _with_part(SHEET_PART, lambda xml: xml[: len(xml) // 2].replace(b"<sheetData>", b"<sheetData <")),
            ErrorCode.TRUNCATED,
            "",
            id="broken part",
        ),
        pytest.param(GOOD_CSV, ErrorCode.WRONG_FORMAT, "plain text", id="CSV"),
        pytest.param(b"<html>Log in</html>", ErrorCode.WRONG_FORMAT, "login page", id="login page"),
        pytest.param(b"%PDF-1.4", ErrorCode.WRONG_FORMAT, "PDF", id="PDF"),
        pytest.param(PASSWORD, ErrorCode.WRONG_FORMAT, "remove the password", id="password"),
        pytest.param(_encrypted(GOOD_XLSX), ErrorCode.WRONG_FORMAT, "password", id="zip password"),
        pytest.param(_zip_of({"a.csv": GOOD_CSV}), ErrorCode.WRONG_FORMAT, "zip archive", id="zip"),
        pytest.param(_zip_of({"word/a.xml": b"<a/>"}), ErrorCode.WRONG_FORMAT, "Word", id="Word"),
        pytest.param(HONEST_BOMB, ErrorCode.ZIP_BOMB, "200 times", id="honest bomb"),
        pytest.param(_declaring(HONEST_BOMB, 900), ErrorCode.ZIP_BOMB, "", id="lying bomb"),
        pytest.param(_declaring(GOOD_XLSX, 100), ErrorCode.ZIP_BOMB, "declares", id="lying a little"),
        pytest.param(_declaring(GOOD_XLSX, 100_000), ErrorCode.TRUNCATED, "", id="shorter than declared"),
        pytest.param(
            _with_part("xl/sharedStrings.xml", lambda xml: re.sub(rb'ount="\d+"', b'ount="99999999999"', xml)),
            ErrorCode.ZIP_BOMB,
            "announces",
            id="announced strings",
        ),
        pytest.param(
            _with_part(SHEET_PART, lambda xml: DOCTYPE + xml),
            ErrorCode.ENTITY_BOMB,
            SHEET_PART,
            id="entities",
        ),
        pytest.param(
            _with_part(SHEET_PART, lambda xml: xml + b"<!-- -->" * 300_000 + DOCTYPE),
            ErrorCode.ENTITY_BOMB,
            SHEET_PART,
            id="entities far in",
        ),
        pytest.param(
            _with_part("xl/styles.xml", lambda xml: DOCTYPE.decode().encode("utf-16")),
            ErrorCode.ENTITY_BOMB,
            "xl/styles.xml",
            id="entities in UTF-16",
        ),
        pytest.param(
            _with_part("xl/sharedStrings.xml", lambda xml: xml.replace(b"DL101", b"x" * 10_000_000, 1)),
            ErrorCode.CELL_TOO_LARGE,
            "",
            id="cell of 10 MB",
        ),
        pytest.param(
            _with_part("xl/sharedStrings.xml", lambda xml: xml.replace(b"DL101", b"x" * 100_001, 1)),
            ErrorCode.CELL_TOO_LARGE,
            "row 2",
            id="cell slightly too large",
        ),
        pytest.param(
            _with_part(SHEET_PART, lambda xml: xml.replace(b'"D2"', b'"XFD1048576"')),
            ErrorCode.SHEET_TOO_LARGE,
            "row 1,048,576",
            id="a cell far out",
        ),
        pytest.param(
            _with_part(SHEET_PART, lambda xml: xml.replace(b'"D2"', b'"D299999999999"')),
            ErrorCode.SHEET_TOO_LARGE,
            "column",
            id="a cell beyond the end of the world",
        ),
    ],
)
def test_a_workbook_that_cannot_be_read_stops_the_delivery(
    land: Callable[..., LandedFile], data: bytes, code: ErrorCode, words: str
) -> None:
    error = failure(land(data, "2020-08-09/august.xlsx"), contract("xlsx", **NUMBERED))
    assert error.code == code
    assert "2020-08-09/august.xlsx" in str(error)
    assert words in str(error)


@pytest.mark.parametrize("split", range(1, len("<!DOCTYPE"), 3))
def test_entities_across_two_chunks_are_seen(split: int) -> None:
    # parts are unpacked a megabyte at a time
    data = _with_part(SHEET_PART, lambda xml: (b"<!-- -->" * 131_072)[: 1024**2 - split] + b"<!DOCTYPE x>")
    with pytest.raises(DeliveryError) as caught:
        check_workbook(data, "a.xlsx")
    assert caught.value.code == ErrorCode.ENTITY_BOMB


@pytest.mark.parametrize(
    ("limits", "code"),
    [
        (ZipLimits(), None),
        (ZipLimits(members=3), ErrorCode.ZIP_BOMB),
        (ZipLimits(unpacked=2_000), ErrorCode.ZIP_BOMB),
        (ZipLimits(ratio=2, ratio_from=100), ErrorCode.ZIP_BOMB),
        (ZipLimits(cells=7), ErrorCode.SHEET_TOO_LARGE),
    ],
)
def test_each_limit_of_a_workbook_holds(limits: ZipLimits, code: ErrorCode | None) -> None:
    found = None
    try:
        check_workbook(GOOD_XLSX, "a.xlsx", limits)
    except DeliveryError as error:
        found = error.code
    assert found == code


# -- KoboToolbox ---------------------------------------------------------------------------------------------

KOBO = {"full_name": "p/name", "course_code": "t/topics", "training_date": "t/date"}


def submission(number: int, **answers: Any) -> dict[str, Any]:
    return {
        "_id": number,
        "formhub/uuid": "f",
        "start": "2020-08-01T09:00:00",
        "p/name": f"Invented {number}",
        "t/topics": "dl101",
        "t/date": "2020-08-01",
        "meta/instanceID": "uuid:1",
        "_attachments": [],
        **answers,
    }


def test_pages_of_submissions_become_rows_in_the_order_of_their_names(
    land: Callable[..., LandedFile],
) -> None:
    files = [
        land(page([submission(30)], 4), "pull/page_10.json"),
        land(
            page([submission(10, **{"p/phone": "1"}), submission(11)], 4, "https://x/?page=2"),
            "pull/page_1.json",
        ),
        land(page([submission(20)], 4, "https://x/?page=3"), "pull/page_2.json"),
    ]
    columns = {**KOBO, "phones": "p/phone", "email": "p/email"}
    rows = read_delivery(files, contract("kobo_json", columns))
    assert rows.header == ("p/name", "t/topics", "t/date", "p/phone", "_id")
    assert rows.cells[0] == ["Invented 10", "dl101", "2020-08-01", "1", "10"]
    assert [row[3] for row in rows.cells] == ["1", "", "", ""]
    assert rows.source_ids == ["10", "11", "20", "30"]
    assert rows.row_numbers == [1, 2, 1, 1]
    assert rows.file_names == ["pull/page_1.json"] * 2 + ["pull/page_2.json", "pull/page_10.json"]


@pytest.mark.parametrize(
    ("answer", "text"),
    [
        (None, ""),
        ("-", "-"),
        ("e\u0301", "é"),
        (3, "3"),
        (2.5, "2.5"),
        (True, "TRUE"),
        (["a", None, "b"], "a b"),
        ([{"age": 3}], '[{"age": 3}]'),
        ({"a": "é"}, '{"a": "é"}'),
    ],
)
def test_every_kind_of_answer_becomes_text(land: Callable[..., LandedFile], answer: Any, text: str) -> None:
    rows = rows_of(page([submission(1, **{"p/name": answer})], 1), contract("kobo_json", KOBO), land)
    assert rows.cells[0][0] == text


def test_a_submission_that_is_there_twice_gives_two_rows(land: Callable[..., LandedFile]) -> None:
    rows = rows_of(page([submission(1), submission(1)], 2), contract("kobo_json", KOBO), land)
    assert rows.source_ids == ["1", "1"]


def test_a_snapshot_without_submissions_has_no_rows(land: Callable[..., LandedFile]) -> None:
    assert rows_of(page([], 0), contract("kobo_json", KOBO), land).cells == []


def test_what_a_correction_looks_at_is_read(land: Callable[..., LandedFile]) -> None:
    fix = {
        "file": ".",
        "column": "p/name",
        "was": "a",
        "becomes": "b",
        "where": {"_uuid": "u"},
        "reason": "r",
        "expect": 1,
    }
    rows = rows_of(page([submission(1, _uuid="u")], 1), contract("kobo_json", KOBO, corrections=[fix]), land)
    assert rows.header == ("p/name", "t/topics", "t/date", "_uuid", "_id")


@pytest.mark.parametrize(
    ("data", "code", "named"),
    [
        (page([submission(1)], 1, "https://x/?page=2"), ErrorCode.PAGE_MISSING, "another page"),
        (page([submission(1)], 2), ErrorCode.PAGE_MISSING, "hold 1"),
        (page([submission(1), submission(2)], 1), ErrorCode.PAGE_MISSING, "hold 2"),
        (page([submission(1)], 1)[:-30], ErrorCode.JSON_INVALID, "line 1"),
        (page(["Bopha Invented"], 1), ErrorCode.JSON_INVALID, "submission 1"),
        (b'{"count": "x", "next": null, "results": []}', ErrorCode.JSON_INVALID, "count"),
        (b'{"detail": "Authentication credentials were not provided."}', ErrorCode.WRONG_FORMAT, "`results`"),
        (b"[1, 2]", ErrorCode.WRONG_FORMAT, "`results`"),
        (b"<!doctype html><title>Log in</title>", ErrorCode.WRONG_FORMAT, "login page"),
        (GOOD_CSV, ErrorCode.WRONG_FORMAT, "plain text"),
        (GOOD_XLSX, ErrorCode.WRONG_FORMAT, "XLSX"),
        (b'{"count": ' + b"[" * 100_000, ErrorCode.JSON_INVALID, "deep"),
        (b'{"count": ' + b"1" * 5_000 + b"}", ErrorCode.JSON_INVALID, "too long"),
        (b'{"count": 0, "next": null, "results": ["\xff"]}', ErrorCode.ENCODING_INVALID, "line 1"),
        (page([submission(1, **{"p/name": "a\0b"})], 1), ErrorCode.NUL_BYTES, "NUL"),
        (
            page([submission(1, **{"p/name": "x" * 10_000_000})], 1),
            ErrorCode.CELL_TOO_LARGE,
            "submission 1, 'p/name'",
        ),
        (page([submission(1, **{"p/shoe": "44"})], 1), ErrorCode.UNKNOWN_COLUMN, "'p/shoe'"),
        (
            page([{"_id": 1, "p/name": "Bopha Invented"}], 1),
            ErrorCode.MISSING_COLUMN,
            "'t/date' (training_date)",
        ),
    ],
)
def test_pages_that_cannot_be_read_stop_the_delivery(
    land: Callable[..., LandedFile], data: bytes, code: ErrorCode, named: str
) -> None:
    error = failure(land(data, "pull/page_001.json"), contract("kobo_json", KOBO))
    assert error.code == code
    assert "pull/page_001.json" in str(error)
    assert named in str(error)


# -- parent and child files ----------------------------------------------------------------------------------

PAIR = contract(
    "csv_pair",
    {"full_name": "Name", "course_code": "Course", "training_date": "Date", "hours": "Hours"},
    ignore=["KEY"],
    parent={"file_name": "people", "key": "KEY"},
    child={"file_name": "sessions", "key": "PARENT_KEY"},
)
PEOPLE = b"KEY,Name\nk1,Bopha Invented\nk2,Somchai Madeup\n,\nk3,Nobody Trained\n"
SESSIONS = (
    b"PARENT_KEY,Course,Date,Hours\n"
    b"k2,DL101,2020-08-01,2\n k1 ,OS110,2020-08-02,3\nk9,OS110,2020-08-02,1\nk2,JS120,d,1\n"
)


def test_a_pair_of_files_is_joined_by_its_key_and_loses_nothing(land: Callable[..., LandedFile]) -> None:
    files = [land(SESSIONS, "x/sessions.csv"), land(PEOPLE, "x/people.csv")]
    rows = read_delivery(files, PAIR)
    assert rows.header == ("KEY", "Name", "PARENT_KEY", "Course", "Date", "Hours")
    assert rows.cells == [
        ["k2", "Somchai Madeup", "k2", "DL101", "2020-08-01", "2"],
        ["k1", "Bopha Invented", " k1 ", "OS110", "2020-08-02", "3"],
        ["", "", "k9", "OS110", "2020-08-02", "1"],
        ["k2", "Somchai Madeup", "k2", "JS120", "d", "1"],
        ["", "", "", "", "", ""],
        ["k3", "Nobody Trained", "", "", "", ""],
    ]
    assert rows.source_ids == ["k2", "k1", "k9", "k2", "", "k3"]
    assert rows.orphan == [False, False, True, False, False, False]
    assert list(zip(rows.file_names, rows.row_numbers, strict=True)) == [
        *(("x/sessions.csv", number) for number in (2, 3, 4, 5)),
        ("x/people.csv", 4),
        ("x/people.csv", 5),
    ]


@pytest.mark.parametrize(
    ("people", "sessions", "names", "code", "named"),
    [
        (
            PEOPLE + b"k1,Again\n",
            SESSIONS,
            ("people", "sessions"),
            ErrorCode.DUPLICATE_KEY,
            "rows 2 and 6, 'KEY'",
        ),
        (PEOPLE, SESSIONS, ("people", "people2"), ErrorCode.PART_MISSING, "no child file"),
        (PEOPLE, SESSIONS, ("people", "other"), ErrorCode.UNEXPECTED_FILE, "other: neither"),
        (PEOPLE, SESSIONS, ("people", "people sessions"), ErrorCode.UNEXPECTED_FILE, "both"),
        (
            PEOPLE,
            b"Course,Date,Hours\nDL101,d,1\n",
            ("people", "sessions"),
            ErrorCode.MISSING_COLUMN,
            "'PARENT_KEY'",
        ),
        (b"KEY\nk1\n", SESSIONS, ("people", "sessions"), ErrorCode.MISSING_COLUMN, "'Name' (full_name)"),
        (b"KEY,Name,Date\nk1,A,d\n", SESSIONS, ("people", "sessions"), ErrorCode.DUPLICATE_COLUMN, "'Date'"),
        (b"KEY,Name,Shoe\nk1,A,d\n", SESSIONS, ("people", "sessions"), ErrorCode.UNKNOWN_COLUMN, "'Shoe'"),
        (PEOPLE, GOOD_XLSX, ("people", "sessions"), ErrorCode.WRONG_FORMAT, "XLSX"),
    ],
)
def test_files_that_make_no_pair_stop_the_delivery(
    land: Callable[..., LandedFile],
    people: bytes,
    sessions: bytes,
    names: tuple[str, str],
    code: ErrorCode,
    named: str,
) -> None:
    error = failure([land(people, names[0]), land(sessions, names[1])], PAIR)
    assert (error.code, named in str(error)) == (code, True), str(error)


# -- laws ----------------------------------------------------------------------------------------------------

CELL = st.text(st.characters(codec="utf-8", exclude_characters="\0", exclude_categories=("Cs",)), max_size=8)


@given(st.lists(st.lists(CELL, min_size=3, max_size=3), max_size=6))
def test_every_record_becomes_one_row_with_its_number(
    tmp_path_factory: pytest.TempPathFactory, records: list[list[str]]
) -> None:
    text = io.StringIO()
    csv.writer(text, quoting=csv.QUOTE_ALL).writerows([["Name", "Course", "Date"], *records])
    path = tmp_path_factory.mktemp("law") / "landed"
    path.write_bytes(text.getvalue().encode())
    header = [fold_header(word) for word in ("Name", "Course", "Date")]
    rows = read_delivery([LandedFile(path, "a.csv")], contract())
    kept = [number for number, row in enumerate(records, start=2) if row != ["Name", "Course", "Date"]]
    assert [fold_header(word) for word in rows.header] == header
    assert rows.row_numbers == kept
    assert rows.cells == [[unicodedata.normalize("NFC", cell) for cell in records[at - 2]] for at in kept]
    assert len(rows.cells) + rows.structural == len(records)


@given(st.binary(max_size=300), st.sampled_from(["csv", "xlsx", "kobo_json"]))
def test_no_bytes_at_all_end_in_another_error(
    tmp_path_factory: pytest.TempPathFactory, data: bytes, format_: str
) -> None:
    path = tmp_path_factory.mktemp("law") / "landed"
    path.write_bytes(data)
    with pytest.raises(DeliveryError):
        read_delivery([LandedFile(path, "a")], contract(format_))
