"""Bad rows go back to the partner, are corrected as people correct, and come in again: exactly those rows change."""

import datetime as dt
import io
import json
import shutil
import stat

import openpyxl
import pytest
from openpyxl.styles import Font
from typer.testing import CliRunner

from flows.commands.app import app
from flows.contracts.partners import find_partners
from flows.readers.corrected_detect import KEY_MARK, MANIFEST_SHEET, is_returned_workbook
from flows.readers.corrected_workbook import read_returned
from flows.readers.delivery import DeliveryError, LandedFile
from flows.returns.write_workbook import HELP_SHEET, LISTS_SHEET, ROWS_SHEET
from flows.settings import Settings
from schemas.remedies import language_of, load_remedies, phrase
from tests.conftest import copy_partners, make_settings, rows, run
from warehouse.storage.data_folder import DataFolder
from warehouse.vault.open import open_vault

runner = CliRunner()
# text that a spreadsheet would run, or mangle
DANGEROUS = ["=1+1", "+66812345678", "-2+3", "@SUM(A1)", '=HYPERLINK("http://example.org")', "007", "1E5", "3-4"]

PAIR = """
# synthetic: invented people
name: Cooperative (TL)
delivery: {kind: append, unit: folder}
file:
  format: csv_pair
  parent: {file_name: parent, key: id}
  child: {file_name: child, key: parent}
columns:
  {full_name: name, sex: sex, birth_date: born, phones: phone, course_code: course, training_date: day, hours: hours}
ignore: [remarks]
missing: ['', '-']
corrections:
  - {file: 2021-02-05, column: hours, was: '99', becomes: '9', expect: 1, reason: asked the trainer}
lookups: {sex: {F: f, M: m, unknown: reject}}
"""
PARENTS = "id,name,sex,born,phone\n1,Invented One,f,1990-05-03,007\n2,Invented Two,x,1990-05-04,\n"
# the next pull has another column, and a value that the contract puts right
MORE_PARENTS = "id,name,sex,born,phone\n3,Invented Three,m,1990-05-05,\n"
MORE_CHILDREN = "parent,course,day,hours,remarks\n3,DL101,2020-10-01,99,late\n3,OS110,2019-10-02,2,\n"
CHILDREN = (
    "parent,course,day,hours\n1,DL101,2020-09-01,2\n1,DL101,2019-09-02,2\n2,OS110,2020-09-01,3\n9,OS110,2020-09-03,3\n"
)


def godigital(settings, *words):
    return runner.invoke(app, [*words, "--raw", str(settings.raw), "--data", str(settings.data)])


def replace_in(folder, pattern, encoding, change):
    for file in sorted(folder.rglob(pattern)):
        file.write_bytes(change(file.read_bytes().decode(encoding)).encode(encoding))


def plant(raw):
    """Mistakes where the samples have none, and text that a spreadsheet would run."""
    thai = sorted((raw / "TH/NRD/sample").rglob("*.csv"))[-3]
    line = ["007", "=1+1", "หญิง", "32/6/2528", "-2+3", "+66812345678", "@SUM(A1)"]
    line += ['"=HYPERLINK(""http://example.org"")"', "ผู้หางาน", "ไม่พิการ", "ใช่", "1E5", "18/10/2563", "3-4"]
    thai.write_bytes(thai.read_bytes().rstrip() + b"\r\n" + ",".join(line).encode("cp874") + b"\r\n")
    lao = sorted((raw / "LA/YEA/sample").rglob("*.csv"))
    # one row that every later file repeats
    first = lao[0].read_text(encoding="utf-8").splitlines()[1].split(";")
    tail = ";".join(first[1:])
    wrong = ";".join([*first[1:-1], "-3"])
    replace_in(raw / "LA/YEA/sample", "*.csv", "utf-8", lambda text: text.replace(tail, wrong))
    pages = sorted((raw / "MM/TEC/sample").rglob("*.json"))
    number = json.loads(pages[0].read_text(encoding="utf-8"))["results"][0]["_id"]
    for page in pages:
        content = json.loads(page.read_text(encoding="utf-8"))
        for item in content["results"]:
            if item["_id"] == number:
                item["grp_person/dob"] = "1990-02-31"
        page.write_text(json.dumps(content, ensure_ascii=False), encoding="utf-8")
    pair = raw / "TL/COOP"
    for day, parents, children in (("2021-01-05", PARENTS, CHILDREN), ("2021-02-05", MORE_PARENTS, MORE_CHILDREN)):
        (pair / "sample" / day / "pull").mkdir(parents=True)
        (pair / "sample" / day / "pull/parent.csv").write_text(parents)
        (pair / "sample" / day / "pull/child.csv").write_text(children)
    (pair / "partner.yml").write_text(PAIR)


# partner -> what is typed into the first row that is rejected for this cell: heading and value
EDITS = {
    "TH/NRD": {"วันเดือนปีเกิด (พ.ศ.)": dt.datetime(1985, 6, 2)},
    "KH/PDH": {"ថ្ងៃខែឆ្នាំកំណើត": dt.datetime(1985, 6, 2)},
    "PH/LGU": {"BIRTHDATE": dt.datetime(1985, 6, 2)},
    "LA/YEA": {"ຊົ່ວໂມງ": 1.5},
    "MM/TEC": {"grp_person/dob": "1990-02-21"},
    "TL/COOP": {"day": dt.datetime(2020, 9, 2)},
}


@pytest.fixture(scope="module")
def delivered(tmp_path_factory):
    """Partners of every format, run once, and a workbook for each."""
    folder = tmp_path_factory.mktemp("delivered")
    raw = copy_partners(folder / "raw", *(name for name in EDITS if name != "TL/COOP"))
    plant(raw)
    settings = make_settings(raw, folder / "data", readers=1)
    result = run(settings)
    assert result.failures == ()
    for partner in EDITS:
        made = godigital(settings, "return", partner, "--out", str(workbook_of(settings, partner)))
        assert made.exit_code == 0, made.output
    return settings


def workbook_of(settings, partner, number=1):
    return settings.data.parent / f"{partner.replace('/', '-')}-{number}.xlsx"


def partner_of(settings, name):
    return next(item for item in find_partners(settings.raw).usable if item.partner_id == name.replace("/", "-"))


def fates(settings):
    """(partner, delivery, ordinal) -> disposition of every row of the vault."""
    with open_vault(DataFolder(settings.data), "test") as con:
        found = con.execute(
            "SELECT record.partner_id, name, ordinal, disposition FROM record JOIN delivery USING (delivery_id) "
            "UNION ALL SELECT rejected_row.partner_id, name, ordinal, disposition "
            "FROM rejected_row JOIN delivery USING (delivery_id)"
        ).fetchall()
    return {row[:3]: row[3] for row in found}


def deliveries(settings, kind="returned"):
    with open_vault(DataFolder(settings.data), "test") as con:
        found = con.execute(
            "SELECT partner_id, name, outcome, rows_in, rows_accepted, rows_rejected, rows_superseded, rows_repeated "
            "FROM delivery WHERE delivery_kind = ?",
            [kind],
        ).fetchall()
    return {row[:2]: row[2:] for row in found}


def heading_places(sheet):
    return {cell.value: cell.column for cell in sheet[1] if cell.value is not None}


def key_place(sheet):
    return next(cell.column for cell in sheet[1] if str(cell.value).startswith(KEY_MARK))


def rows_of(sheet):
    return [[cell.value for cell in line] for line in sheet.iter_rows(min_row=2)]


def type_in(sheet, row, values):
    """What a person types, with the format a spreadsheet gives it."""
    places = heading_places(sheet)
    for heading, value in values.items():
        cell = sheet.cell(row, places[heading])
        cell.value = value
        cell.number_format = "DD/MM/YYYY" if isinstance(value, dt.datetime) else "General"


def row_with(sheet, heading, value):
    place = heading_places(sheet)[heading]
    return next(row for row in range(2, sheet.max_row + 1) if sheet.cell(row, place).value == value)


def rejected_for(sheet, heading):
    """The first row whose cell under this heading has the note of a rejection."""
    place = heading_places(sheet)[heading]
    rows_of_sheet = range(2, sheet.max_row + 1)
    return next(
        row for row in rows_of_sheet if str(getattr(sheet.cell(row, place).comment, "text", "")).startswith("✗")
    )


def drop(settings, partner, book, name, received="2022-03-01"):
    """Put a workbook into a partner's source, beside whatever came that day."""
    folder = settings.raw / partner / "sample" / received
    folder.mkdir(exist_ok=True)
    (book.save if hasattr(book, "save") else lambda file: shutil.copyfile(book, file))(folder / name)


# -- the workbook that goes out ------------------------------------------------------------------------------------


def test_a_workbook_has_a_page_of_help_the_rows_and_hidden_sheets(delivered):
    book = openpyxl.load_workbook(workbook_of(delivered, "TH/NRD"))
    assert {sheet.title: sheet.sheet_state for sheet in book} == {
        HELP_SHEET: "visible",
        ROWS_SHEET: "visible",
        LISTS_SHEET: "veryHidden",
        MANIFEST_SHEET: "veryHidden",
    }
    said = [str(cell.value) for line in book[HELP_SHEET].iter_rows() for cell in line if cell.value is not None]
    assert "Rural development foundation (TH)" in said
    assert "provincial coordinator" in said
    for language in ("en", "th"):
        assert {phrase(step, language) for step in ("step_flagged", "step_unchanged", "step_withdraw")} <= set(said)
    assert any(text.startswith("This day does not exist") and "ไม่มีวันที่นี้ในปฏิทิน" in text for text in said)
    assert stat.S_IMODE(workbook_of(delivered, "TH/NRD").stat().st_mode) == 0o600


def test_counts_of_the_help_are_those_of_the_rows(delivered):
    book = openpyxl.load_workbook(workbook_of(delivered, "TH/NRD"))
    lines = {line[0]: line[1:3] for line in book[HELP_SHEET].iter_rows(values_only=True) if isinstance(line[1], int)}
    assert lines["Total / รวม"] == (5, 3)
    counted = [counts for name, counts in lines.items() if str(name).endswith(".csv")]
    assert tuple(map(sum, zip(*counted, strict=True))) == (5, 3)
    assert len(rows_of(book[ROWS_SHEET])) == 8


def test_the_partners_own_columns_stand_in_their_order_and_wrong_cells_are_marked_in_several_ways(delivered):
    sheet = openpyxl.load_workbook(workbook_of(delivered, "TH/NRD"))[ROWS_SHEET]
    own = list(partner_of(delivered, "TH/NRD").contract.columns.values())
    headings = [str(cell.value) for cell in sheet[1]]
    assert headings[3:17] == ["ลำดับ", *(source.header[0] for source in own)]
    born = heading_places(sheet)["วันเดือนปีเกิด (พ.ศ.)"]
    looks = {}
    for row in range(2, sheet.max_row + 1):
        cell = sheet.cell(row, born)
        if cell.comment is not None:
            mark = cell.comment.text[0]
            assert sheet.cell(row, 1).value.startswith(mark)
            # the note is also in sight, in both languages
            shown = sheet.cell(row, 2).value
            assert cell.comment.text.removeprefix(f"{mark} ").split("\n\n")[1] in shown
            assert any("\u0e00" <= letter <= "\u0e7f" for letter in shown.split("\n\n")[1])
            looks.setdefault(mark, set()).add(
                (cell.fill.fgColor.rgb, cell.border.left.style, bool(cell.font.b), bool(cell.font.i))
            )
    assert looks == {"✗": {("FFF8CBAD", "thick", True, False)}, "?": {("FFFFF2CC", "dashed", False, True)}}


def test_text_that_a_spreadsheet_would_run_or_mangle_is_text(delivered):
    book = openpyxl.load_workbook(workbook_of(delivered, "TH/NRD"))
    cells = [cell for sheet in book for line in sheet.iter_rows() for cell in line if cell.value is not None]
    assert [cell.coordinate for cell in cells if cell.data_type == "f"] == []
    rows_sheet = [cell for line in book[ROWS_SHEET].iter_rows(min_row=2) for cell in line]
    found = {cell.value: (cell.data_type, cell.number_format) for cell in rows_sheet if cell.value in DANGEROUS}
    assert found == dict.fromkeys(DANGEROUS, ("s", "@"))
    # an empty cell takes what is typed as text too: no zero is lost, no day converted
    assert {cell.number_format for cell in rows_sheet} == {"@"}


def test_columns_of_closed_words_have_lists_and_nothing_a_partner_edits_is_locked(delivered):
    book = openpyxl.load_workbook(workbook_of(delivered, "TH/NRD"))
    sheet = book[ROWS_SHEET]
    places = heading_places(sheet)
    words = [{cell.value for cell in line if cell.value} for line in book[LISTS_SHEET].iter_cols()]
    assert {"หญิง", "ชาย"} in words
    assert {"พิการ", "ไม่พิการ"} in words
    assert any({"DL101", "CV130"} <= found for found in words)
    ruled = {next(iter(rule.sqref.ranges)).min_col: rule for rule in sheet.data_validations.dataValidation}
    assert ruled[places["เพศ"]].type == "list"
    assert (ruled[key_place(sheet)].type, ruled[key_place(sheet)].formula1) == ("custom", "FALSE")
    assert not sheet.protection.sheet
    assert (sheet.freeze_panes, sheet.print_title_rows, sheet.page_setup.orientation) == ("C2", "$1:$1", "landscape")
    assert sheet.auto_filter.ref == sheet.dimensions


@pytest.mark.parametrize("partner", EDITS)
def test_a_workbook_holds_one_partners_rows_alone_and_says_so_in_its_language(delivered, partner):
    book = openpyxl.load_workbook(workbook_of(delivered, partner))
    with open_vault(DataFolder(delivered.data), "test") as con:
        others = con.execute(
            "SELECT full_name FROM record WHERE partner_id <> $1 "
            "UNION SELECT phones FROM record WHERE partner_id <> $1 "
            "UNION SELECT record_id FROM record WHERE partner_id <> $1 "
            "UNION SELECT content_id FROM rejected_row WHERE partner_id <> $1",
            [partner.replace("/", "-")],
        ).fetchall()
    cells = {str(cell.value) for sheet in book for line in sheet.iter_rows() for cell in line}
    assert cells.isdisjoint({value for (value,) in others if value})
    assert book[MANIFEST_SHEET]["C1"].value == partner.replace("/", "-")
    # an eleventh country reads English until somebody translates
    language = language_of(partner[:2])
    shown = " ".join(str(cell.value) for line in book[HELP_SHEET].iter_rows() for cell in line)
    assert load_remedies().languages[language].name in shown
    assert phrase("privacy", language) in shown


@pytest.mark.parametrize("language", load_remedies().languages)
def test_the_help_names_columns_as_they_are_called(language):
    assert f'"{phrase("what_to_correct", language)}"' in phrase("step_rejected", language)
    assert f'"{phrase("withdraw", language)}"' in phrase("step_withdraw", language)


def test_rows_delivered_under_other_headings_have_a_sheet_of_their_own(delivered):
    book = openpyxl.load_workbook(workbook_of(delivered, "TL/COOP"))
    first, second = book[ROWS_SHEET], book[f"{ROWS_SHEET} 2"]
    assert ("remarks" in heading_places(first), "remarks" in heading_places(second)) == (False, True)
    assert (len(rows_of(first)), len(rows_of(second))) == (4, 2)


def test_a_word_nobody_agreed_on_is_told_with_those_that_are(delivered):
    sheet = openpyxl.load_workbook(workbook_of(delivered, "TL/COOP"))[ROWS_SHEET]
    note = sheet.cell(row_with(sheet, "sex", "x"), heading_places(sheet)["sex"]).comment.text
    assert note == "✗ sex: This word is not one of those agreed for the column. Use one of them. (f / m)"


def test_the_same_rows_give_the_same_bytes(delivered, tmp_path):
    again = tmp_path / "again.xlsx"
    assert godigital(delivered, "return", "KH/PDH", "--out", str(again)).exit_code == 0
    assert again.read_bytes() == workbook_of(delivered, "KH/PDH").read_bytes()


def test_the_command_names_partners_and_says_that_the_file_holds_personal_data(delivered, tmp_path):
    said = godigital(delivered, "return", "KH/PDH", "--out", str(tmp_path / "x.xlsx"))
    assert "5 rejected and 0 odd rows" in said.output
    assert "holds personal data" in said.output
    unknown = godigital(delivered, "return", "KH/NONE")
    assert (unknown.exit_code, "there are KH/PDH" in unknown.stderr) == (1, True)
    assert godigital(delivered, "return", "XX/PDH").exit_code == 1
    lost = godigital(delivered, "return", "KH/PDH", "--out", str(tmp_path / "no" / "x.xlsx"))
    assert (lost.exit_code, "name another file" in lost.stderr) == (1, True)


def test_a_contract_that_changed_since_the_last_run_has_to_be_run_first(delivered, tmp_path):
    settings = copied(delivered, tmp_path)
    contract = settings.raw / "KH/PDH/partner.yml"
    contract.write_text(contract.read_text().replace("subtotal: '^សរុប'", "subtotal: '^សរុប|^x$'"))
    said = godigital(settings, "return", "KH/PDH", "--out", str(tmp_path / "x.xlsx"))
    assert (said.exit_code, "godigital reprocess KH" in said.stderr) == (1, True)


# -- the way back --------------------------------------------------------------------------------------------------


def copied(delivered, folder):
    """The same vault and sources in a place of a test's own."""
    shutil.copytree(delivered.raw, folder / "raw")
    shutil.copytree(delivered.data, folder / "data", symlinks=True)
    return Settings(raw=folder / "raw", data=folder / "data", readers=1)


@pytest.fixture(scope="module")
def corrected(delivered, tmp_path_factory):
    """Every partner's first bad row corrected, as people work: sorted, widened, a row deleted, saved by openpyxl."""
    settings = copied(delivered, tmp_path_factory.mktemp("corrected"))
    before = fates(settings)
    kept = {}
    for partner, values in EDITS.items():
        book = openpyxl.load_workbook(workbook_of(delivered, partner))
        sheet = book[ROWS_SHEET]
        type_in(sheet, rejected_for(sheet, next(iter(values))), values)
        if partner == "TH/NRD":
            # a second row is corrected wrongly
            type_in(sheet, rejected_for(sheet, "รหัสหลักสูตร"), {"รหัสหลักสูตร": "DL999"})
        if partner == "TL/COOP":
            # what no parent says is filled in; beside a value that was put right, something else is changed
            parent = {"id": "9", "name": "Invented Nine", "sex": "f", "born": dt.datetime(1990, 5, 9)}
            type_in(sheet, rejected_for(sheet, "parent"), parent)
            more = book[f"{ROWS_SHEET} 2"]
            type_in(more, row_with(more, "hours", "9"), {"sex": "f"})
        if sheet.max_row > 5:
            sheet.delete_rows(sheet.max_row)
        lines = rows_of(sheet)
        formats = [[cell.number_format for cell in line] for line in sheet.iter_rows(min_row=2)]
        for number, (line, looks) in enumerate(zip(lines[::-1], formats[::-1], strict=True), start=2):
            for place, (value, look) in enumerate(zip(line, looks, strict=True), start=1):
                cell = sheet.cell(number, place)
                cell.value, cell.number_format = value, look
        sheet.column_dimensions["B"].width = 80
        sheet.title = "my corrections"
        kept[partner] = sum(len(rows_of(book[name])) for name in book.sheetnames if name in (sheet.title, "Rows 2"))
        drop(settings, partner, book, "list (final) 2021-04.xlsx")
    result = run(settings)
    return settings, before, result, kept


def test_exactly_the_corrected_rows_are_superseded_and_every_other_row_stays(corrected):
    settings, before, result, _ = corrected
    assert (result.failures, result.exit_code) == ((), 0)
    after = fates(settings)
    changed = {row: (fate, after[row]) for row, fate in before.items() if after[row] != fate}
    partners = [*(name.replace("/", "-") for name in EDITS), "TH-NRD", "TL-COOP", "TL-COOP"]
    assert sorted(row[0] for row in changed) == sorted(partners)
    # of rows that counted already, the one was changed
    assert sorted(changed.values()) == [("accepted", "superseded")] + [("rejected", "superseded")] * 8


def test_the_workbook_is_a_delivery_with_counts_of_its_own(corrected):
    settings, before, _, kept = corrected
    found = deliveries(settings)
    assert {name for _, name in found} == {"2022-03-01/list (final) 2021-04.xlsx"}
    for partner in EDITS:
        ((_, counts),) = [item for item in found.items() if item[0][0] == partner.replace("/", "-")]
        rejected, accepted = int(partner == "TH/NRD"), 3 if partner == "TL/COOP" else 1
        unchanged = kept[partner] - accepted - rejected
        assert counts == ("loaded", kept[partner], accepted, rejected, 0, unchanged), partner
    counted = sum(fate == "accepted" for fate in before.values())
    # one of the three of TL counted already
    assert rows(settings.data, "SELECT count(*) FROM core_attendance") == [(counted + len(EDITS) + 1,)]
    assert rows(
        settings.data,
        "SELECT count(*) FROM core_delivery WHERE rows_in <> rows_accepted + rows_rejected + rows_superseded "
        "+ rows_repeated + rows_structural",
    ) == [(0,)]


def test_what_was_typed_counts_as_it_was_meant(corrected):
    settings, *_ = corrected
    with open_vault(DataFolder(settings.data), "test") as con:
        found = con.execute(
            "SELECT record.partner_id, birth_date, training_date, hours, province, source_id, flags, sheet FROM record "
            "JOIN delivery USING (delivery_id) WHERE delivery_kind = 'returned' AND disposition = 'accepted'"
        ).fetchall()
    counted = {row[0]: row[1:] for row in found if row[0] != "TL-COOP"}
    of_pair = sorted((row[1], row[2], row[3], row[6]) for row in found if row[0] == "TL-COOP")
    assert of_pair == [
        # a phone that is still odd; a value that was put right stays so, and is the partner's own now
        (dt.date(1990, 5, 3), dt.date(2020, 9, 2), 2.0, "phone_unusable"),
        (dt.date(1990, 5, 5), dt.date(2020, 10, 1), 9.0, None),
        (dt.date(1990, 5, 9), dt.date(2020, 9, 3), 3.0, None),
    ]
    born = {name: counted[name][0] for name in ("TH-NRD", "KH-PDH", "PH-LGU", "MM-TEC")}
    assert born == {
        "TH-NRD": dt.date(1985, 6, 2),
        "KH-PDH": dt.date(1985, 6, 2),
        "PH-LGU": dt.date(1985, 6, 2),
        "MM-TEC": dt.date(1990, 2, 21),
    }
    # a real date is no slip of the era, whatever calendar the contract has
    assert not any("era_slip" in (row[5] or "") for row in counted.values())
    assert counted["LA-YEA"][2] == 1.5
    # the province is said by the sheet of the first file, not by that of the workbook
    assert counted["PH-LGU"][3] not in (None, "my corrections")
    assert counted["PH-LGU"][6] == "my corrections"
    assert counted["MM-TEC"][4]


def test_a_person_whose_submission_was_corrected_keeps_the_record(corrected):
    settings, *_ = corrected
    with open_vault(DataFolder(settings.data), "test") as con:
        same = con.execute(
            "SELECT count(*) FROM record JOIN delivery USING (delivery_id) JOIN rejected_row USING (record_id) "
            "WHERE record.partner_id = 'MM-TEC' AND delivery_kind = 'returned'"
        ).fetchone()
    assert same[0] > 0


def test_a_second_round_copies_withdrawals_and_a_run_with_nothing_new(corrected, tmp_path):
    settings = copied(corrected[0], tmp_path)
    assert run(settings).published is None
    first = sorted((settings.raw / "TH/NRD/sample/2022-03-01").iterdir())[0]
    out = tmp_path / "second.xlsx"
    assert "4 rejected and 3 odd rows" in godigital(settings, "return", "TH/NRD", "--out", str(out)).output
    book = openpyxl.load_workbook(out)
    sheet = book[ROWS_SHEET]
    places = heading_places(sheet)
    (again,) = [row for row in range(2, sheet.max_row + 1) if sheet.cell(row, places["รหัสหลักสูตร"]).value == "DL999"]
    # the row still says where it stood at first
    assert sheet.cell(again, places["From file\nจากไฟล์"]).value.endswith(".csv")
    type_in(sheet, again, {"รหัสหลักสูตร": "DL101"})
    odd = next(row for row in range(2, sheet.max_row + 1) if sheet.cell(row, 1).value.startswith("?"))
    sheet.cell(odd, places["Withdraw\nถอนแถว"]).value = "X"
    before = fates(settings)
    drop(settings, "TH/NRD", book, "whatever.xlsx", "2022-04-01")
    drop(settings, "TH/NRD", first, "sent again.xlsx", "2022-04-02")
    drop(settings, "TH/NRD", openpyxl.load_workbook(first), "saved and sent again.xlsx", "2022-04-03")
    # beside the pages of a pull, it is still a delivery of its own
    pair = sorted((settings.raw / "TL/COOP/sample/2022-03-01").iterdir())[0]
    drop(settings, "TL/COOP", pair, "sent again.xlsx", "2021-01-05/pull")
    assert run(settings).exit_code == 0
    after = fates(settings)
    changed = [(fate, after[row]) for row, fate in before.items() if after[row] != fate and row[0] == "TH-NRD"]
    assert sorted(changed) == [("accepted", "superseded"), ("rejected", "superseded")]
    pairs = {name: counts[0] for (partner, name), counts in deliveries(settings).items() if partner == "TL-COOP"}
    # of two copies the one received first counts
    assert pairs == {
        "2021-01-05/pull/sent again.xlsx": "loaded",
        "2022-03-01/list (final) 2021-04.xlsx": "repeated",
    }
    assert deliveries(settings, "append")["TL-COOP", "2021-01-05/pull"][:2] == ("loaded", 4)
    found = {name.split("/")[1]: counts for (_, name), counts in deliveries(settings).items() if name > "2022-04"}
    assert found["whatever.xlsx"] == ("loaded", 7, 1, 0, 0, 6)
    assert found["sent again.xlsx"] == ("repeated", 7, 0, 0, 0, 7)
    assert found["saved and sent again.xlsx"] == ("loaded", 7, 0, 0, 0, 7)
    # read again, or from nothing in one go, it comes to the same
    run(settings, ["TH"], reread=True)
    assert fates(settings) == after
    anew = make_settings(settings.raw, tmp_path / "anew", readers=1)
    run(anew, ["TH"])
    assert fates(anew) == {row: fate for row, fate in after.items() if row[0] == "TH-NRD"}

    # the month comes again, the row put right in the partner's own list: the correction has had its time
    corrections = [row for row, fate in after.items() if fate == "accepted" and row[1].endswith("whatever.xlsx")]
    assert len(corrections) == 1
    with open_vault(DataFolder(settings.data), "test") as con:
        ((name, number),) = con.execute(
            "SELECT name, row_number FROM rejected_row JOIN delivery USING (delivery_id) WHERE "
            "rejected_row.partner_id = 'TH-NRD' AND delivery_kind = 'monthly' AND disposition = 'superseded' "
            "AND reasons = 'unknown_course'"
        ).fetchall()
    source = settings.raw / "TH/NRD/sample" / name
    lines = source.read_bytes().splitlines(keepends=True)
    cells = lines[number - 1].split(b",")
    lines[number - 1] = b",".join([*cells[:-3], b"OS110", *cells[-2:]])
    folder = settings.raw / "TH/NRD/sample/2022-05-01"
    folder.mkdir()
    (folder / f"{source.stem}_v9.csv").write_bytes(b"".join(lines))
    assert run(settings).exit_code == 0
    assert fates(settings)[corrections[0]] == "superseded"
    assert {name.split("/")[1]: counts for (_, name), counts in deliveries(settings).items()}["whatever.xlsx"] == (
        "superseded", 7, 0, 0, 1, 6,
    )  # fmt: skip


def test_a_workbook_of_another_partner_fails_alone_and_nothing_is_lost(delivered, tmp_path):
    settings = copied(delivered, tmp_path)
    before = fates(settings)
    drop(settings, "PH/LGU", workbook_of(delivered, "KH/PDH"), "2021-04 DTI-LGU masterlist_final.xlsx")
    result = run(settings, ["PH"])
    (failure,) = result.failures
    assert (failure.partner_id, failure.code, result.exit_code) == ("PH-LGU", "return_of_another_partner", 2)
    assert "2021-04 DTI-LGU masterlist_final.xlsx, sheet 'godigital', row 1, column C" in failure.message
    assert "KH-PDH" in failure.message
    assert fates(settings) == before


# -- what is refused, and what is understood -----------------------------------------------------------------------


def read(delivered, partner, file):
    return read_returned(LandedFile(path=file, name=f"2022-03-01/{file.name}"), partner_of(delivered, partner))


def edited(delivered, tmp_path, edit, partner="KH/PDH"):
    book = openpyxl.load_workbook(workbook_of(delivered, partner))
    edit(book)
    file = tmp_path / "edited.xlsx"
    book.save(file)
    assert is_returned_workbook(io.BytesIO(file.read_bytes()))
    return file


def change_key(book):
    sheet = book[ROWS_SHEET]
    sheet.cell(3, key_place(sheet)).value = "raaa-aaaa-aaaa"


def clear_key(book):
    sheet = book[ROWS_SHEET]
    sheet.cell(3, key_place(sheet)).value = None


def copy_row(book):
    sheet = book[ROWS_SHEET]
    for place, value in enumerate([cell.value for cell in sheet[2]], start=1):
        sheet.cell(sheet.max_row + (place == 1), place).value = value


def sort_without_keys(book):
    sheet = book[ROWS_SHEET]
    lines = rows_of(sheet)
    for number, line in enumerate(lines[::-1], start=2):
        for place, value in enumerate(line, start=1):
            if place != key_place(sheet):
                sheet.cell(number, place).value = value


def rename(book):
    sheet = book[ROWS_SHEET]
    sheet.cell(1, heading_places(sheet)["ភេទ"]).value = "Sex"


def delete_column(book):
    sheet = book[ROWS_SHEET]
    sheet.delete_cols(heading_places(sheet)["ភេទ"])


def write_beside(book):
    sheet = book[ROWS_SHEET]
    sheet.cell(3, sheet.max_column + 1).value = "checked"


def wrong_mark(book):
    book[ROWS_SHEET].cell(2, 3).value = "maybe"


def set_version(book):
    book[MANIFEST_SHEET]["B1"].value = "7"


def lose_row(book):
    book[MANIFEST_SHEET].delete_rows(book[MANIFEST_SHEET].max_row)


def lose_manifest(book):
    del book[MANIFEST_SHEET]


def lose_rows(book):
    del book[ROWS_SHEET]


@pytest.mark.parametrize(
    ("edit", "code", "said"),
    [
        (change_key, "return_key_broken", "sheet 'Rows', row 3, column V"),
        (clear_key, "return_key_broken", "sheet 'Rows', row 3, column V"),
        (copy_row, "return_key_broken", "row 2 of sheet 'Rows' has the same key"),
        (sort_without_keys, "return_key_broken", "sorted without"),
        (wrong_mark, "return_key_broken", "row 2, column C: write x"),
        (rename, "return_columns_changed", "row 1: .*missing: 'ភេទ'; not known here: 'Sex' in column I"),
        (delete_column, "return_columns_changed", "missing: 'ភេទ'"),
        (write_beside, "return_columns_changed", "values without heading in column W"),
        (set_version, "return_version_unknown", "'7'"),
        (lose_row, "return_damaged", "missing"),
        (lose_manifest, "return_damaged", "hidden sheet"),
        (lose_rows, "return_key_broken", "no sheet has the column"),
    ],
)
def test_a_workbook_that_no_longer_fits_is_refused_with_the_place_and_what_to_do(delivered, tmp_path, edit, code, said):
    file = edited(delivered, tmp_path, edit)
    with pytest.raises(DeliveryError, match=said) as refused:
        read(delivered, "KH/PDH", file)
    assert refused.value.code == code
    assert "2022-03-01/edited.xlsx" in str(refused.value)
    # no value of a row is told
    values = {
        value
        for line in rows_of(openpyxl.load_workbook(workbook_of(delivered, "KH/PDH"))[ROWS_SHEET])
        for value in line[3:17]
    }
    assert [value for value in values if value and len(value) > 5 and value in str(refused.value)] == []


def test_an_ordinary_workbook_is_none_that_came_back(delivered):
    samples = sorted((delivered.raw / "PH/LGU/sample").rglob("*.xlsx"))
    assert not any(is_returned_workbook(io.BytesIO(file.read_bytes())) for file in samples)
    assert not is_returned_workbook(io.BytesIO(b""))
    assert not is_returned_workbook(io.BytesIO(b"PK\x03\x04 and then nothing"))


@pytest.mark.parametrize("partner", EDITS)
def test_a_workbook_saved_without_a_change_changes_nothing(delivered, tmp_path, partner):
    text = read(delivered, partner, edited(delivered, tmp_path, lambda book: None, partner))
    assert {item.action for item in text.originals} == {"unchanged"}
    book = openpyxl.load_workbook(workbook_of(delivered, partner))
    assert len(text.cells) == sum(len(rows_of(sheet)) for sheet in book if sheet.title.startswith(ROWS_SHEET))


def real_values(book):
    """Whole columns turned into real dates and numbers, as spreadsheets offer."""
    sheet = book[ROWS_SHEET]
    places = heading_places(sheet)
    for row in range(2, sheet.max_row + 1):
        day, month, year = map(int, sheet.cell(row, places["วันที่อบรม"]).value.split("/"))
        type_in(sheet, row, {"วันที่อบรม": dt.datetime(year - 543, month, day)})
        for heading in ("โทรศัพท์", "ชั่วโมง", "เลขบัตรประชาชน", "ลำดับ"):
            value = sheet.cell(row, places[heading]).value
            digits = (value or "").replace("-", "").replace(" ", "")
            if digits.isdigit():
                type_in(sheet, row, {heading: float(digits)})
        sheet.cell(row, places["อำเภอ"]).font = Font(bold=True)


def test_dates_and_numbers_that_mean_what_was_sent_are_no_change(delivered, tmp_path):
    text = read(delivered, "TH/NRD", edited(delivered, tmp_path, real_values, "TH/NRD"))
    assert [item.action for item in text.originals] == ["unchanged"] * 8


@pytest.mark.parametrize(
    ("partner", "heading", "value", "written"),
    [
        ("TH/NRD", "วันเดือนปีเกิด (พ.ศ.)", dt.datetime(2000, 2, 29), "29/02/2543"),
        ("TH/NRD", "วันเดือนปีเกิด (พ.ศ.)", dt.datetime(2533, 2, 24), "24/02/2533"),
        ("TH/NRD", "วันเดือนปีเกิด (พ.ศ.)", "๒๔ ก.พ. ๒๕๓๓", "๒๔ ก.พ. ๒๕๓๓"),
        ("KH/PDH", "ថ្ងៃខែឆ្នាំកំណើត", dt.datetime(1990, 2, 3, 10, 30), "03/02/1990"),
        ("KH/PDH", "ថ្ងៃខែឆ្នាំកំណើត", 32907, "03/02/1990"),
        ("PH/LGU", "BIRTHDATE", dt.datetime(1990, 2, 3), "1990-02-03"),
        ("PH/LGU", "CONTACT NO.", 9171234567.0, "9171234567"),
        ("LA/YEA", "ຊົ່ວໂມງ", 2.5, "2,5"),
        ("MM/TEC", "grp_person/phone", "=1+1", "=1+1"),
    ],
)
def test_what_a_person_types_becomes_what_the_contract_expects(delivered, tmp_path, partner, heading, value, written):
    def edit(book):
        sheet = book[ROWS_SHEET]
        type_in(sheet, 2, {heading: value})
        if str(value).startswith("="):
            sheet.cell(2, heading_places(sheet)[heading]).data_type = "s"

    text = read(delivered, partner, edited(delivered, tmp_path, edit, partner))
    assert text.cells[0][text.header.index(heading)] == written
    assert text.originals[0].action == "changed"
