"""The commands as a person types them: exit codes, tables, files, and the errors a beginner makes."""

import csv
import json
import os
import stat
import subprocess
import sys

import pandas as pd
import pytest
from typer.testing import CliRunner

from flows.commands.app import app
from flows.commands.tables import neutralise
from tests.conftest import PROJECT, copy_partners, run

runner = CliRunner()


def godigital(settings, *words):
    return runner.invoke(app, [*words, "--raw", str(settings.raw), "--data", str(settings.data)])


def test_a_run_ends_with_a_table_and_says_how_to_query(small):
    settings = small()
    result = godigital(settings, "run")
    assert result.exit_code == 0, result.output
    for said in ("BN", "SG", "trainees", "Release 1 published", "warehouse.duckdb", "uv run godigital sql"):
        assert said in result.output
    again = godigital(settings, "run")
    assert (again.exit_code, "Nothing new. Release 1 stays." in again.output) == (0, True)


def test_plain_lines_stand_in_for_bars_where_there_is_no_terminal(small):
    result = godigital(small("BN/LDC"), "run")
    assert "read      BN   4/4" in result.stderr
    assert "\x1b[" not in result.output


def test_a_run_as_json_is_an_array_of_objects(small):
    result = godigital(small(), "run", "--json")
    table = json.loads(result.stdout)
    assert [row["country"] for row in table] == ["BN", "SG"]
    assert all(
        row["rows in"] == row["accepted"] + row["rejected"] + row["superseded"] + row["repeated"] + row["sub-totals"]
        for row in table
    )


def test_a_failed_delivery_is_named_and_the_exit_code_is_two(small):
    settings = small()
    broken = settings.raw / "BN" / "LDC" / "sample" / "2022-02-01"
    broken.mkdir()
    (broken / "brunei_gda_to_Jan22.csv").write_bytes(b"PK\x03\x04 not a table")
    result = godigital(settings, "run")
    assert result.exit_code == 2
    assert "FAILED BN-LDC [wrong_format]" in result.stderr
    assert "brunei_gda_to_Jan22.csv" in result.stderr
    status = godigital(settings, "status")
    assert "FAILED BN-LDC [wrong_format]" in status.stdout
    deliveries = json.loads(godigital(settings, "status", "--json").stdout)
    assert [item["error"] for item in deliveries if item["outcome"] == "failed"] == ["wrong_format"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["run", "--country", "XX"], "XX: no such country"),
        (["run", "--source", "/nowhere/{country}"], "does not exist; correct `source`"),
        (["run", "--source", "/nowhere/{year}"], "it can contain only the placeholders {country} and {partner}"),
        (["reprocess", "XX"], "XX: no such country"),
        (["status"], "start with `godigital run`"),
        (["sql", "SELECT 1"], "no release is published yet"),
        (["rollback", "7"], "there is no release 7"),
        (["rejected", "XX", "--out", "x.csv"], "XX: no such country"),
        (["rejected", "BN", "--partner", "NO", "--out", "x.csv"], "there are LDC"),
    ],
)
def test_what_a_beginner_gets_wrong_is_said_in_a_sentence(small, words, said):
    result = godigital(small(), *words)
    assert result.exit_code == 1
    assert said in result.stderr
    assert "Traceback" not in result.output


def test_sql_reads_and_cannot_write(small):
    settings = small()
    run(settings)
    table = godigital(settings, "sql", "SELECT country_code FROM report_reach ORDER BY 1", "--json")
    assert [row["country_code"] for row in json.loads(table.stdout)] == ["ALL", "BN", "SG"]
    refused = godigital(settings, "sql", "DELETE FROM core_trainee")
    assert (refused.exit_code, "read-only" in refused.stderr) == (1, True)


def test_rejected_rows_go_back_in_the_partners_own_columns(small, tmp_path):
    settings = small("VN/TYM")
    run(settings)
    out = tmp_path / "vn.csv"
    result = godigital(settings, "rejected", "VN", "--partner", "TYM", "--out", str(out))
    assert result.exit_code == 0, result.output
    assert stat.S_IMODE(out.stat().st_mode) == 0o600
    with out.open(encoding="utf-8-sig", newline="") as stream:
        lines = list(csv.DictReader(stream))
    assert f"{len(lines)} rejected rows" in result.output
    assert {"delivery", "row", "Họ và tên", "Ngày sinh", "reasons", "what to do"} <= set(lines[0])
    by_reason = {line["reasons"]: line for line in lines}
    assert by_reason["hours_negative"]["what to do"] == "Số giờ: Hours cannot be negative. Write the hours attended."
    source = next(
        path
        for path in (settings.raw / "VN" / "TYM" / "sample").rglob("*.csv")
        if path.relative_to(settings.raw / "VN" / "TYM" / "sample").as_posix() == lines[0]["delivery"]
    )
    text = list(csv.reader(source.read_text(encoding="cp1258").splitlines()))
    assert lines[0]["Ngày sinh"] == text[int(lines[0]["row"]) - 1][4]


@pytest.mark.parametrize(
    ("cell", "written"),
    [
        ("=1+1", "'=1+1"),
        ("@SUM(A1)", "'@SUM(A1)"),
        ("+84912345678", "'+84912345678"),
        ("-2+3", "'-2+3"),
        ("\tx", "'\tx"),
        ("-", "-"),
        ("-1", "-1"),
        ("-1,5", "-1,5"),
        ("Nguyễn", "Nguyễn"),
        ("", ""),
    ],
)
def test_a_cell_that_a_spreadsheet_would_run_is_neutralised(cell, written):
    assert neutralise(cell) == written


def test_reprocess_prints_what_changed(small):
    settings = small()
    run(settings)
    contract = settings.raw / "BN" / "LDC" / "partner.yml"
    contract.write_text(contract.read_text().replace("{F: P, M: L}", "{F: L, M: P}"))
    result = godigital(settings, "reprocess", "bn")
    assert result.exit_code == 0, result.output
    assert "What changed" in result.output
    assert "women" in result.output
    unchanged = godigital(settings, "reprocess", "BN")
    assert "No figure of report_reach changed." in unchanged.output
    assert "Release 3 published" in unchanged.output


def test_releases_and_rollback(small):
    settings = small("BN/LDC")
    run(settings)
    run(settings, reread=True)
    assert [row["release"] for row in json.loads(godigital(settings, "releases", "--json").stdout)] == [1, 2]
    assert godigital(settings, "rollback", "1").exit_code == 0
    marked = json.loads(godigital(settings, "releases", "--json").stdout)
    assert [row["current"] for row in marked] == [True, False]


def test_links_are_exported_privately_for_every_row(small, tmp_path):
    settings = small()
    run(settings)
    out = tmp_path / "links"
    assert godigital(settings, "export-links", "--out", str(out)).exit_code == 0
    accepted = pd.read_parquet(out / "accepted.parquet")
    assert {"file", "sheet", "row", "source_id", "country", "partner", "trainee_id"} <= set(accepted.columns)
    assert {"file", "row", "reason"} <= set(pd.read_parquet(out / "rejected.parquet").columns)
    assert accepted.groupby(["file", "sheet", "row"], dropna=False).size().max() == 1
    assert stat.S_IMODE((out / "accepted.parquet").stat().st_mode) == 0o600


def test_every_shipped_contract_agrees_with_its_examples_and_sample():
    result = runner.invoke(app, ["partner", "check", "--json"])
    assert result.exit_code == 0, result.output
    table = json.loads(result.stdout)
    assert len(table) == 10
    assert all(row["valid"] > 0 and row["problems"] == 0 for row in table)


def test_an_example_that_no_longer_holds_is_told(tmp_path):
    raw = copy_partners(tmp_path / "raw", "BN/LDC")
    contract = raw / "BN" / "LDC" / "partner.yml"
    contract.write_text(
        contract.read_text().replace("gives: {full_name: Contoh bin Misalan", "gives: {full_name: Other")
    )
    result = runner.invoke(app, ["partner", "check", "BN/LDC", "--raw", str(raw)])
    assert result.exit_code == 1
    assert "example 1: full_name becomes 'Contoh bin Misalan', expected 'Other'" in result.stderr


def test_a_new_partner_is_drafted_checked_and_never_overwritten(tmp_path):
    raw = tmp_path / "raw"
    raw.mkdir()
    delivery = sorted(PROJECT.glob("raw/SG/ACE/sample/*/*.xlsx"))[-1]
    made = runner.invoke(app, ["partner", "new", "TL/COOP", "--from", str(delivery), "--raw", str(raw)])
    assert made.exit_code == 0, made.output
    assert (raw / "TL" / "COOP" / "partner.yml").exists()
    again = runner.invoke(app, ["partner", "new", "TL/COOP", "--from", str(delivery), "--raw", str(raw)])
    assert (again.exit_code, "exists; edit it" in again.stderr) == (1, True)
    wrong = runner.invoke(app, ["partner", "new", "TLCOOP", "--from", str(delivery), "--raw", str(raw)])
    assert (wrong.exit_code, "write it as CC/partner" in wrong.stderr) == (1, True)


def test_folders_are_taken_from_the_environment(small):
    settings = small("BN/LDC")
    done = subprocess.run(
        [sys.executable, "-m", "flows.commands.app", "run"],
        check=False,
        capture_output=True,
        text=True,
        env={**os.environ, "GODIGITAL_RAW": str(settings.raw), "GODIGITAL_DATA": str(settings.data)},
    )
    assert done.returncode == 0, done.stderr
    assert str(settings.data) in done.stdout


def test_a_run_with_nothing_new_does_not_load_the_heavy_libraries(small):
    settings = small("BN/LDC")
    run(settings)
    code = (
        "import sys; from flows.run.execute import execute; from flows.settings import Settings; "
        "from pathlib import Path; "
        "result = execute(Settings(raw=Path(sys.argv[1]), data=Path(sys.argv[2]))); "
        "assert result.published is None; "
        "print(sorted({'pandas', 'splink', 'pandera', 'prefect', 'sqlglot'} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(settings.raw), str(settings.data)],
        check=False,
        capture_output=True,
        text=True,
    )
    assert done.stdout.strip() == "[]", done.stderr


def test_a_folder_that_cannot_be_made_is_said_in_a_sentence(small, tmp_path):
    settings = small("BN/LDC")
    (tmp_path / "file").write_text("in the way")
    words = ["run", "--raw", str(settings.raw), "--data", str(tmp_path / "file" / "data")]
    result = runner.invoke(app, words)
    assert result.exit_code == 1
    assert "mend permissions, then run again" in result.stderr
