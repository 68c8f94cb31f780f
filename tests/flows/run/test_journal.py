"""Every run is on record, the one that was cut off included; its log is lines of JSON on request."""

import json
import os
import subprocess
import sys

from tests.conftest import PROJECT, rows, run
from warehouse.storage.data_folder import DataFolder
from warehouse.vault.open import open_vault


def recorded(settings):
    with open_vault(DataFolder(settings.data), "test") as con:
        return con.execute(
            "SELECT run_kind, countries, run_outcome, release_number, deliveries_read, failures FROM run "
            "ORDER BY started_at"
        ).fetchall()


def test_runs_are_on_record_with_their_outcome(small):
    settings = small("BN/LDC", "SG/ACE")
    first = run(settings)
    run(settings)
    again = run(settings, ["BN"], reread=True)
    assert recorded(settings) == [
        ("run", "", "published", 1, first.read, 0),
        ("run", "", "nothing_new", 1, 0, 0),
        ("reprocess", "BN", "published", 2, again.read, 0),
    ]


def test_a_release_shows_the_runs_up_to_its_own_with_what_the_stages_took(small):
    settings = small("BN/LDC")
    run(settings)
    run(settings, ["BN"], reread=True)
    assert rows(settings.data, "SELECT run_kind, run_outcome FROM run ORDER BY run_id") == [
        ("run", "published"),
        ("reprocess", "running"),
    ]
    stages = rows(
        settings.data,
        "SELECT stage, rows > 0, bytes > 0 FROM run_stage JOIN run USING (run_id) "
        "WHERE run_kind = 'run' ORDER BY place",
    )
    names = [stage for stage, _, _ in stages]
    assert names == ["pull", "plan", "read", "load", "match", "identify", "build", "verify", "publish"]
    assert ("read", True, True) in stages
    assert rows(settings.data, "SELECT count(*) FROM run_stage WHERE seconds < 0") == [(0,)]


def test_a_run_whose_process_is_gone_was_cut_off(small):
    settings = small("BN/LDC")
    run(settings)
    gone = subprocess.run([sys.executable, "-c", "import os; print(os.getpid())"], capture_output=True, check=True)
    with open_vault(DataFolder(settings.data), "test") as con:
        con.execute(
            "INSERT INTO run (run_id, run_kind, countries, pid, started_at, run_outcome) "
            "VALUES ('20200101T000000Z-aaaa', 'run', '', ?, TIMESTAMP '2020-01-01', 'running')",
            [int(gone.stdout)],
        )
    run(settings)
    assert [row[2] for row in recorded(settings)] == ["cut_off", "published", "nothing_new"]


def test_the_log_is_lines_of_json_that_name_the_run_and_no_person(small):
    settings = small("BN/LDC")
    command = [
        sys.executable,
        "-m",
        "flows.commands.app",
        "run",
        "--raw",
        str(settings.raw),
        "--data",
        str(settings.data),
    ]
    done = subprocess.run(
        command, capture_output=True, text=True, check=True, cwd=PROJECT, env={**os.environ, "GODIGITAL_LOG": "json"}
    )
    lines = [json.loads(line) for line in done.stderr.splitlines()]
    assert [line["event"] for line in lines] == ["run_begun", *["stage"] * 9, "run_ended"]
    assert len({line["run_id"] for line in lines}) == 1
    assert lines[-1]["outcome"] == "published"
    assert {"time", "level"} <= set(lines[0])
    stage = next(line for line in lines if line.get("stage") == "read")
    assert stage["rows"] > 0
    broken = settings.raw / "BN" / "LDC" / "partner.yml"
    broken.write_text(broken.read_text().replace("full_name: nama", "full_nam: nama"))
    done = subprocess.run(
        command, capture_output=True, text=True, cwd=PROJECT, env={**os.environ, "GODIGITAL_LOG": "json"}
    )
    lines = [json.loads(line) for line in done.stderr.splitlines()]
    (failure,) = [line for line in lines if line["event"] == "failure"]
    assert (done.returncode, failure["level"], failure["code"]) == (2, "ERROR", "contract_invalid")
    names = [
        line.split(",")[1]
        for file in settings.raw.rglob("sample/**/*.csv")
        for line in file.read_text().splitlines()[1:]
    ]
    assert [name for name in names if len(name) > 5 and name in done.stderr] == []
