"""The follow-up survey from files to answers: local words, errors, re-deliveries, and trainees left as they are."""

import csv
import datetime as dt
from pathlib import Path

import duckdb
import pytest
import xlsxwriter

from flows.commands.tables import survey_counts, write_rejected_answers
from flows.contracts.surveys import find_surveys
from flows.intake.deliveries import group_deliveries
from flows.intake.read_surveys import read_survey
from flows.sources.pull import pull_partner
from schemas.partner import ContractError, parse_contract_as
from schemas.survey import INDICATORS, SurveyContract
from tests.conftest import PROJECT, copy_surveys, hashes, make_settings, rows, run
from warehouse.storage.data_folder import DataFolder
from warehouse.survey.load import SettledDelivery, settle_responses

HEADER = ["Kode", "Nama", "HP", "Mulai", "Wawancara", "Jenis", "Pelanggan", "Daring", "Jalan", "Lama", "Hasil"]
CONTRACT = """
name: Invented survey
source: incoming
delivery: {{files: answers*}}
file: {{format: {format}}}
columns:
  respondent_code: Kode
  full_name: Nama
  phones: HP
  first_training_date: Mulai
  interview_date: Wawancara
  trainee_type: Jenis
  customer_engagement_increased: Pelanggan
  moved_business_online: Daring
  business_kept_running: Jalan
  time_to_work: Lama
  found_work_through_training: Hasil
dates: {{order: dmy}}
missing: ['', '-']
lookups:
  trainee_type: {{msme_owner: Usaha, job_seeker: Pencari kerja}}
  customer_engagement_increased: {{yes: {yes}, no: {no}}}
  moved_business_online: {{yes: {yes}, no: {no}}}
  business_kept_running: {{yes: {yes}, no: {no}}}
  time_to_work: {{under_1_month: cepat, 1_to_2_months: '1-2', 3_to_4_months: '3-4', not_found: belum}}
  found_work_through_training: {{yes: {yes}, no: {no}}}
"""
OWNER = ["A1", "Budi Contoh", "081234567890", "01/10/2020", "05/03/2021", "Usaha", "Y", "N", "Y", "", ""]
SEEKER = ["A2", "Sari Contoh", "081234567891", "02/10/2020", "06/03/2021", "Pencari kerja", "", "", "", "1-2", "N"]


def changed(row: list[str], **values: str) -> list[str]:
    """A row with some cells changed, by heading."""
    return [values.get(name, cell) for name, cell in zip(HEADER, row, strict=True)]


def write_csv(path: Path, *lines: list[str]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8", newline="") as stream:
        csv.writer(stream).writerows([HEADER, *lines])
    return path


def make_survey(folder: Path, *, yes: str = "Y", no: str = "N", file_format: str = "csv", more: str = ""):
    """A survey of Indonesia in a folder of the test's own, read from `incoming` below it."""
    (folder / "incoming").mkdir(parents=True, exist_ok=True)
    text = CONTRACT.format(yes=yes, no=no, format=file_format) + more
    (folder / "survey").mkdir(exist_ok=True)
    (folder / "survey" / "ID.yml").write_text(text.replace("incoming", "../incoming"), encoding="utf-8")
    found = find_surveys(folder)
    assert found.broken == ()
    return found.usable[0]


def read(survey):
    """Everything at the survey's source, read."""
    landed = pull_partner(survey, size_limit=10**8)
    return read_survey(survey, group_deliveries(landed, survey.contract.delivery))


@pytest.mark.parametrize("name", ["BN", "ID", "KH", "LA", "MM", "MY", "PH", "SG", "TH", "VN"])
def test_every_country_has_a_contract_and_its_shipped_answers_are_read(name, tmp_path):
    copy_surveys(tmp_path, name)
    found = find_surveys(tmp_path)
    assert [survey.name for survey in found.usable] == [name]
    for item in read(found.usable[0]):
        assert item.error_code is None, item.error_message
        assert set(item.rows["reasons"]) == {""}
        answered = item.rows[list(INDICATORS)].notna().any(axis=1)
        assert answered.all()


@pytest.mark.parametrize(
    ("yes", "no", "written"),
    [
        ("Y", "N", ("Y", "N", "y")),
        ("Có", "Không", ("Có", "không", "CÓ")),
        ("Co\u0301", "Không", ("Có", "Không", "có")),
        ("Ya", "Tidak", ("YA", " Tidak ", "ya.")),
        ("'1'", "'0'", ("1", "0", "๑")),
        ("'1'", "'0'", ("၁", "០", "໑")),
        ("[ใช่, '1']", "ไม่ใช่", ("ใช่", "ไม่ใช่", "1")),
        ("បាទ/ចាស", "ទេ", ("បាទ/ចាស", "ទេ", "បាទ/ចាស")),
    ],
)
def test_answers_in_a_countrys_own_words(tmp_path, yes, no, written):
    survey = make_survey(tmp_path, yes=yes, no=no)
    write_csv(
        tmp_path / "incoming" / "answers.csv",
        changed(OWNER, Pelanggan=written[0], Daring=written[1], Jalan=written[2]),
    )
    (item,) = read(survey)
    assert item.error_code is None, item.error_message
    assert item.rows.loc[0, list(INDICATORS[:3])].tolist() == [True, False, True]


def test_a_workbook_with_numbers_and_true_days_says_the_same(tmp_path):
    survey = make_survey(tmp_path, yes="'1'", no="'0'", file_format="xlsx")
    with xlsxwriter.Workbook(tmp_path / "incoming" / "answers.xlsx") as book:
        sheet, day = book.add_worksheet("data"), book.add_format({"num_format": "yyyy-mm-dd"})
        sheet.write_row(0, 0, ["Survei"])
        sheet.write_row(2, 0, HEADER)
        sheet.write_row(3, 0, changed(OWNER, Pelanggan=1, Daring=0, Jalan=""))
        sheet.write_datetime(3, 3, dt.datetime(2020, 10, 1), day)
    (item,) = read(survey)
    row = item.rows.iloc[0]
    assert (row["customer_engagement_increased"], row["moved_business_online"]) == (True, False)
    assert row["row_number"] == 4
    assert row["first_training_date"].date() == dt.date(2020, 10, 1)
    # not stated is never a no
    assert row[list(INDICATORS[2:])].isna().all()


@pytest.mark.parametrize(
    ("band", "result", "expected"),
    [
        ("cepat", "Y", (True, True)),
        ("1-2", "N", (True, False)),
        ("3-4", "Y", (False, True)),
        ("3-4", "", (False, None)),
        # who found no work is not asked whether it came of the training
        ("belum", "", (False, False)),
        ("", "Y", (None, True)),
        ("", "", (None, None)),
    ],
)
def test_work_within_two_months_follows_from_the_band(tmp_path, band, result, expected):
    survey = make_survey(tmp_path)
    write_csv(tmp_path / "incoming" / "answers.csv", changed(SEEKER, Lama=band, Hasil=result))
    row = read(survey)[0].rows.iloc[0]
    found = tuple(None if row.isna()[name] else bool(row[name]) for name in INDICATORS[3:])
    assert found == expected


def test_an_answer_that_was_not_asked_of_this_type_does_not_count_and_is_flagged(tmp_path):
    survey = make_survey(tmp_path)
    write_csv(tmp_path / "incoming" / "answers.csv", changed(OWNER, Lama="cepat"))
    row = read(survey)[0].rows.iloc[0]
    assert row["flags"] == "answer_not_asked"
    assert row[list(INDICATORS[3:])].isna().all()


def test_an_unknown_word_stops_the_file_and_says_what_to_edit(tmp_path):
    survey = make_survey(tmp_path)
    lines = [changed(OWNER, Kode=f"A{i}", Daring="Mungkin" if i else "N") for i in range(4)]
    write_csv(tmp_path / "incoming" / "answers.csv", *lines)
    (item,) = read(survey)
    assert (item.error_code, item.rows, item.rows_in) == ("unknown_word", None, 0)
    for word in ("answers.csv, line 3", "'Daring'", "'Mungkin'", "lookups.moved_business_online", "ID.yml"):
        assert word in item.error_message


def test_an_unknown_heading_names_the_surveys_own_contract(tmp_path):
    survey = make_survey(tmp_path)
    path = write_csv(tmp_path / "incoming" / "answers.csv", OWNER)
    path.write_text(path.read_text(encoding="utf-8").replace("Jalan", "Usaha jalan"), encoding="utf-8")
    (item,) = read(survey)
    assert item.error_code == "missing_column"
    assert "business_kept_running" in item.error_message
    assert "survey/ID.yml" in item.error_message
    assert "partner.yml" not in item.error_message


@pytest.mark.parametrize(
    ("values", "reasons"),
    [
        ({"Kode": ""}, "missing_respondent_code"),
        ({"Jenis": "-"}, "missing_trainee_type"),
        ({"Mulai": "31/02/2021"}, "training_date_impossible"),
        ({"Mulai": "01/10/2019"}, "training_date_out_of_programme"),
        ({"Wawancara": "31/02/2021"}, "interview_date_impossible"),
        ({"Wawancara": "01/09/2020"}, "interview_before_training"),
        ({"Kode": "", "Wawancara": "01/09/2020"}, "missing_respondent_code interview_before_training"),
        # nobody has to have a name, a phone or days to have an answer
        ({"Nama": "", "HP": "", "Mulai": "", "Wawancara": ""}, ""),
        ({"Wawancara": "06/03/22"}, ""),
    ],
)
def test_a_bad_row_has_every_reason(tmp_path, values, reasons):
    survey = make_survey(tmp_path)
    write_csv(tmp_path / "incoming" / "answers.csv", SEEKER, changed(OWNER, **values))
    (item,) = read(survey)
    assert item.error_code is None, item.error_message
    assert item.rows["reasons"].tolist() == ["", reasons]


def test_a_code_with_two_answers_is_rejected_and_one_said_twice_is_repeated(tmp_path):
    survey = make_survey(tmp_path)
    lines = [OWNER, changed(OWNER, Daring="Y"), SEEKER, SEEKER]
    write_csv(tmp_path / "incoming" / "answers.csv", *lines)
    (item,) = read(survey)
    assert item.rows["reasons"].tolist() == ["respondent_code_repeated"] * 2 + ["", ""]
    assert item.rows.loc[2, "record_id"] == item.rows.loc[3, "record_id"]


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ("colour: red\n", "unknown key"),
        ("delivery: {kind: append}\n", "stands here twice"),
    ],
)
def test_a_contract_with_an_unknown_word_is_refused_with_its_line(wrong, says):
    text = CONTRACT.format(yes="Y", no="N", format="csv") + wrong
    with pytest.raises(ContractError, match=says) as error:
        parse_contract_as(SurveyContract, text, Path("ID.yml"))
    assert f"ID.yml, line {len(text.splitlines())}" in str(error.value)


def test_a_contract_may_not_give_a_question_an_answer_that_is_none():
    text = CONTRACT.format(yes="Y", no="N", format="csv").replace("1_to_2_months", "soon")
    with pytest.raises(ContractError, match="time_to_work cannot become soon"):
        parse_contract_as(SurveyContract, text, Path("ID.yml"))


# -- re-deliveries -------------------------------------------------------------------------------------------


def delivered(
    name: str, day: int, *contents: tuple[str, str], sample: bool = False, content: str = ""
) -> SettledDelivery:
    moment = dt.datetime(2022, 1, day)
    records, said = [one for one, _ in contents], [other for _, other in contents]
    return SettledDelivery(name, name, None, 0, moment.date(), moment, content or name, sample, records, said)


@pytest.mark.parametrize(
    ("deliveries", "fates"),
    [
        ([delivered("a", 1, ("r1", "x"))], {"a": ["accepted"]}),
        (
            [delivered("a", 1, ("r1", "x"), ("r2", "y")), delivered("b", 2, ("r1", "z"), ("r2", "y"))],
            {"a": ["superseded", "accepted"], "b": ["accepted", "repeated"]},
        ),
        # a respondent whom the newer file leaves out stays
        (
            [delivered("a", 1, ("r1", "x"), ("r2", "y")), delivered("b", 2, ("r3", "z"))],
            {"a": ["accepted"] * 2, "b": ["accepted"]},
        ),
        (
            [delivered("a", 1, ("r1", "x"), content="same"), delivered("b", 2, ("r1", "x"), content="same")],
            {"a": ["accepted"], "b": ["repeated"]},
        ),
        (
            [delivered("a", 1, ("r1", "x"), sample=True), delivered("b", 2, ("r9", "z"))],
            {"a": ["superseded"], "b": ["accepted"]},
        ),
    ],
)
def test_what_becomes_of_rows_delivered_again(deliveries, fates):
    for order in (deliveries, deliveries[::-1]):
        settled = settle_responses(order)
        assert {name: [str(fate) for fate in found] for name, (_, found) in settled.items()} == fates


def vault_rows(settings, sql: str) -> list[tuple]:
    with duckdb.connect(str(settings.data / "private" / "vault.duckdb"), read_only=True) as con:
        return con.execute(sql).fetchall()


LAW = (
    "SELECT name, rows_in, rows_accepted, rows_rejected, rows_superseded, rows_repeated FROM survey_delivery ORDER BY 1"
)


def test_a_newer_file_supersedes_by_code_and_nothing_vanishes(small, tmp_path):
    settings = small()
    make_survey(settings.raw)
    folder = settings.raw / "incoming"
    write_csv(folder / "2022-01-01" / "answers.csv", OWNER, SEEKER, changed(OWNER, Kode="A3", Jenis=""))
    assert run(settings).exit_code == 0
    assert vault_rows(settings, LAW) == [("2022-01-01/answers.csv", 3, 2, 1, 0, 0)]
    assert rows(settings.data, "SELECT count(*) FROM core_survey_response") == [(2,)]
    write_csv(folder / "2022-02-01" / "answers.csv", changed(OWNER, Daring="Y"), SEEKER)
    write_csv(folder / "2022-03-01" / "answers-copy.csv", changed(OWNER, Daring="Y"), SEEKER)
    assert run(settings).published == 2
    assert vault_rows(settings, LAW) == [
        ("2022-01-01/answers.csv", 3, 1, 1, 1, 0),
        ("2022-02-01/answers.csv", 2, 1, 0, 0, 1),
        ("2022-03-01/answers-copy.csv", 2, 0, 0, 0, 2),
    ]
    assert rows(settings.data, "SELECT count(*) FILTER (WHERE moved_business_online) FROM core_survey_response") == [
        (1,)
    ]
    assert run(settings).published is None


def test_real_answers_set_the_shipped_ones_aside(small, tmp_path):
    settings = small()
    copy_surveys(settings.raw, "VN", "LA")
    run(settings)
    assert rows(settings.data, "SELECT count(*) FROM core_survey_response WHERE country_code = 'VN'") == [(11,)]
    real = tmp_path / "real"
    real.mkdir()
    shipped = (settings.raw / "survey" / "VN_follow_up_survey.csv").read_text(encoding="utf-8-sig").splitlines()
    (real / "VN_2022.csv").write_text(
        "\n".join([shipped[0], shipped[1].replace("VN-00001", "VN-90001")]), encoding="utf-8"
    )
    result = run(settings, survey_source=str(real))
    assert (result.exit_code, result.failures) == (0, ())
    assert rows(settings.data, "SELECT country_code, count(*) FROM core_survey_response GROUP BY 1 ORDER BY 1") == [
        ("LA", 1),
        ("VN", 1),
    ]


def test_a_file_that_no_survey_takes_is_told(small, tmp_path):
    settings = small()
    make_survey(settings.raw)
    write_csv(settings.raw / "incoming" / "answers.csv", OWNER)
    write_csv(settings.raw / "incoming" / "TL.csv", OWNER)
    result = run(settings)
    assert result.exit_code == 2
    assert [(item.code, "TL.csv" in item.message) for item in result.failures] == [("unclaimed_file", True)]


def test_rejected_rows_go_back_in_the_countrys_own_columns(small, tmp_path):
    settings = small()
    make_survey(settings.raw)
    write_csv(settings.raw / "incoming" / "answers.csv", OWNER, changed(SEEKER, Jenis="", Nama="=1+1"))
    run(settings)
    out = tmp_path / "rejected.csv"
    folder = DataFolder(settings.data)
    assert write_rejected_answers(folder, settings.raw, "ID", out) == 1
    (row,) = csv.DictReader(out.read_text(encoding="utf-8-sig").splitlines())
    assert (row["row"], row["Nama"], row["reasons"]) == ("3", "'=1+1", "missing_trainee_type")
    assert row["what to do"].startswith("Jenis: ")
    names, (counts,) = survey_counts(folder)
    assert dict(zip(names, counts, strict=True)) == {
        **dict.fromkeys(("failed", "superseded", "repeated", "linked"), 0),
        **{"survey": "survey/ID", "files": 1, "rows in": 2, "accepted": 1, "rejected": 1},
    }


def test_a_survey_that_cannot_be_read_fails_alone(small):
    settings = small()
    make_survey(settings.raw)
    copy_surveys(settings.raw, "LA")
    write_csv(settings.raw / "incoming" / "answers.csv", changed(OWNER, Jenis="Entah"))
    result = run(settings)
    assert (result.exit_code, result.published) == (2, 1)
    assert [(item.partner_id, item.code) for item in result.failures] == [("survey/ID", "unknown_word")]
    assert rows(settings.data, "SELECT country_code, count(*) FROM core_survey_response GROUP BY 1") == [("LA", 1)]


IDENTITY = ("identity_record", "identity_node", "identity_edge", "identity_cluster", "identity_quality", "register")


def test_a_survey_changes_nothing_of_the_trainees_and_a_stranger_is_kept_and_counted(small, tmp_path):
    settings = small("ID/MUF")
    run(settings)
    before, tables = (
        hashes(settings.data),
        {name: vault_rows(settings, f"FROM {name} ORDER BY ALL") for name in IDENTITY},
    )
    name, phone, day, kind = vault_rows(
        settings,
        "SELECT full_name, phones, strftime(training_date, '%d/%m/%Y'), trainee_type FROM record "
        "WHERE disposition = 'accepted' AND phones <> '' AND record_id IN (SELECT any_value(record_id) FROM register "
        "GROUP BY trainee_id HAVING count(*) = 1) ORDER BY record_id LIMIT 1",
    )[0]
    word = {"msme_owner": "Usaha", "job_seeker": "Pencari kerja"}[kind]
    make_survey(settings.raw)
    known = changed(
        OWNER, Nama=name, HP=phone, Mulai=day, Wawancara="05/06/2022", Jenis=word, Pelanggan="", Daring="", Jalan=""
    )
    write_csv(
        settings.raw / "incoming" / "answers.csv",
        known,
        changed(known, Kode="A9"),
        changed(OWNER, Kode="A5", Nama="Tiada Siapapun", HP="081999999999"),
    )
    run(settings)
    after = hashes(settings.data)
    assert {name: after[name] for name in before if name not in ("core_survey_response", "report_outcome")} == {
        name: digest for name, digest in before.items() if name not in ("core_survey_response", "report_outcome")
    }
    assert {name: vault_rows(settings, f"FROM {name} ORDER BY ALL") for name in IDENTITY} == tables
    found = rows(
        settings.data,
        "SELECT link_status, trainee_id IS NOT NULL, sex IS NOT NULL FROM core_survey_response ORDER BY 1",
    )
    assert found == [("duplicate", False, False), ("linked", True, True), ("not_found", False, False)]


def test_no_name_phone_or_code_of_a_respondent_is_published(small, tmp_path):
    settings = small()
    make_survey(settings.raw)
    planted = changed(OWNER, Kode="CANARY77", Nama="Kenari Rahasia", HP="081377777777")
    write_csv(settings.raw / "incoming" / "answers.csv", planted)
    run(settings)
    data = (settings.data / "warehouse.duckdb").resolve().read_bytes()
    assert not [word for word in (b"CANARY77", b"Kenari", b"81377777777") if word in data]


def test_the_same_answers_give_the_same_tables_whatever_threads(small, tmp_path):
    settings = small()
    copy_surveys(settings.raw)
    run(settings)
    first = hashes(settings.data)
    other = make_settings(settings.raw, tmp_path / "again", threads=1, readers=1)
    run(other)
    assert hashes(other.data) == first


def test_the_shipped_contracts_are_called_synthetic():
    for contract in (PROJECT / "raw" / "survey").glob("*.yml"):
        assert "synthetic" in contract.read_text(encoding="utf-8"), contract
