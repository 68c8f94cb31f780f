"""Readers have a whole release at every moment, a wrong one is never published, and a kill loses nothing."""

import dataclasses
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import duckdb
import pytest

from schemas.published import PUBLISHED_TABLES, Reference
from tests.conftest import PROJECT
from tests.warehouse.tiny_vault import TinyVault, read_table, release_info
from warehouse.release.build import SQL_FOLDER, summarise
from warehouse.release.checks import all_checks, key_checks, read_checks, reference_checks
from warehouse.release.publish import CheckFailed, candidate_path, next_number, publish, rollback
from warehouse.release.releases import PublishError, current, list_releases, published_input_hash
from warehouse.release.verify import run_checks
from warehouse.storage.locks import LockedError, hold

READER = """
import json, sys, time
from pathlib import Path
import duckdb
link, stop = sys.argv[1], Path(sys.argv[2])
seen, errors = [], []
print("ready", flush=True)
while not stop.exists():
    try:
        with duckdb.connect(link, read_only=True) as con:
            number = con.execute("SELECT release_number FROM release").fetchone()[0]
            people = con.execute("SELECT count(*) FROM core_trainee").fetchone()[0]
            reached = con.execute("SELECT max(trainees) FROM report_reach").fetchone()[0]
            seen.append((number, people, reached))
    except duckdb.Error as error:
        errors.append(str(error))
print(json.dumps([seen, errors]))
"""

# publishes what was built, and dies before the N-th thing it does to the data folder
PUBLISHER = """
import datetime as dt, json, os, signal, sys
from pathlib import Path
from warehouse.release.build import ReleaseInfo, TableSummary
from warehouse.release.publish import publish
data, number, tables, die_at = Path(sys.argv[1]), int(sys.argv[2]), json.loads(sys.argv[3]), int(sys.argv[4])
steps = 0

def count(event, args):
    global steps
    changes = event in {"os.rename", "os.remove", "os.symlink", "os.chmod", "os.mkdir", "subprocess.Popen"}
    here = event == "open" and str(args[0]).startswith(str(data))
    writes = here and bool(args[2] & (os.O_WRONLY | os.O_RDWR))
    if changes or writes:
        steps += 1
        if steps == die_at:
            os.kill(os.getpid(), signal.SIGKILL)

sys.addaudithook(count)
tables = {name: TableSummary(**summary) for name, summary in tables.items()}
info = ReleaseInfo(number, dt.datetime(2022, 1, 1), f"input {number}", "1", "0.1.0")
publish(data, data / "releases" / f"{number:06d}.building", info, tables, keep=2)
"""


def run(program: str, *arguments: object) -> subprocess.CompletedProcess[str]:
    """Another Python that runs `program` to its end."""
    command = [sys.executable, "-c", program, *map(str, arguments)]
    environment = os.environ | {"PYTHONPATH": str(PROJECT), "PYTHONDONTWRITEBYTECODE": "1"}
    return subprocess.run(command, check=False, capture_output=True, text=True, env=environment)  # noqa: S603


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def trainees(data: Path) -> int:
    return len(read_table((data / "warehouse.duckdb").resolve(), "core_trainee"))


# -- publishing


def test_a_published_release_is_what_readers_open_and_nobody_can_write(vault: TinyVault, data: Path) -> None:
    vault.attend("t1")
    before = os.umask(0o077)
    try:
        published = vault.publish(data)
    finally:
        os.umask(before)
    assert published.release.number == 1
    assert trainees(data) == 1
    assert str((data / "warehouse.duckdb").readlink()) == "releases/000001.duckdb"
    assert names(data / "releases") == ["000001.duckdb", "000001.json"]
    modes = {path: (data / path).stat().st_mode & 0o777 for path in (".", "releases", "private", "private/locks")}
    assert modes == {".": 0o755, "releases": 0o755, "private": 0o700, "private/locks": 0o700}
    for name in names(data / "releases"):
        assert (data / "releases" / name).stat().st_mode & 0o777 == 0o444
    release = current(data)
    assert release is not None
    assert release.manifest["tables"]["core_trainee"]["rows"] == 1
    assert published_input_hash(data) == "input 1"


def test_before_the_first_release_there_is_none(data: Path) -> None:
    assert current(data) is None
    assert published_input_hash(data) is None
    assert list_releases(data) == ()
    assert next_number(data) == 1


def test_the_data_folder_can_be_moved(vault: TinyVault, data: Path, tmp_path: Path) -> None:
    vault.publish(data)
    moved = tmp_path / "elsewhere" / "data"
    moved.parent.mkdir()
    shutil.move(data, moved)
    assert trainees(moved) == 0
    assert vault.publish(moved).release.number == 2


def test_the_newest_releases_are_kept_and_the_current_one_always(vault: TinyVault, data: Path) -> None:
    for _ in range(3):
        published = vault.publish(data, keep=2)
    assert published.removed == (1,)
    assert [release.number for release in list_releases(data)] == [2, 3]
    assert [release.is_current for release in list_releases(data)] == [False, True]
    assert names(data / "releases") == ["000002.duckdb", "000002.json", "000003.duckdb", "000003.json"]


def test_a_release_that_somebody_writes_to_is_not_removed(vault: TinyVault, data: Path) -> None:
    vault.publish(data)
    wal = data / "releases" / "000001.duckdb.wal"
    wal.write_bytes(b"")
    assert vault.publish(data, keep=1).removed == ()
    wal.unlink()
    assert vault.publish(data, keep=1).removed == (1, 2)


def test_a_reader_keeps_what_it_has_open(vault: TinyVault, data: Path) -> None:
    vault.attend("t1")
    vault.publish(data)
    with duckdb.connect(str(data / "warehouse.duckdb"), read_only=True) as con:
        vault.attend("t2")
        vault.publish(data, keep=1)
        assert not (data / "releases" / "000001.duckdb").exists()
        assert con.execute("SELECT count(*) FROM core_trainee").fetchone() == (1,)
    assert trainees(data) == 2


def test_one_process_publishes_at_a_time(vault: TinyVault, data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    vault.publish(data)
    monkeypatch.setattr("warehouse.release.publish.WAIT_SECONDS", 0.1)
    lock = data / "private" / "locks" / "publish.lock"
    with hold(lock, "publishing release 2"), pytest.raises(LockedError, match="publishing release 2"):
        vault.publish(data)
    with hold(lock, "publishing release 2"), pytest.raises(LockedError):
        rollback(data, 1)


def test_a_number_is_never_given_to_two_releases(vault: TinyVault, data: Path) -> None:
    vault.publish(data)
    candidate = candidate_path(data, 1)
    tables = vault.build(candidate, 1)
    with pytest.raises(PublishError, match="build again as 2"):
        publish(data, candidate, release_info(1), tables, keep=2)
    # not even when its file is but a leftover
    (data / "releases" / "000002.duckdb").write_bytes(b"")
    assert next_number(data) == 3


# -- readers meanwhile


def test_readers_see_no_error_no_torn_release_and_never_an_older_one(
    vault: TinyVault, data: Path, tmp_path: Path
) -> None:
    vault.attend("t1")
    vault.publish(data)
    stop = tmp_path / "stop"
    command = [sys.executable, "-c", READER, str(data / "warehouse.duckdb"), str(stop)]
    readers = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(2)]  # noqa: S603
    try:
        for reader in readers:
            assert reader.stdout is not None
            assert reader.stdout.readline() == "ready\n"
        for number in range(2, 12):
            vault.attend(f"t{number}")
            assert vault.publish(data, keep=3).release.number == number
        stop.touch()
        answers = [json.loads(reader.communicate(timeout=30)[0]) for reader in readers]
    finally:
        for reader in readers:
            reader.kill()
            reader.wait()
    for seen, errors in answers:
        assert errors == []
        # release n holds n people
        assert all(number == people == reached for number, people, reached in seen)
        assert [number for number, *_ in seen] == sorted(number for number, *_ in seen)
        assert len({number for number, *_ in seen}) > 3


# -- killed


def test_a_publisher_killed_at_any_step_harms_no_reader_and_no_later_publication(vault: TinyVault, data: Path) -> None:
    vault.attend("t1")
    vault.publish(data)
    vault.publish(data)
    visible: dict[int, str] = {}
    shown = 2
    for die_at in range(1, 100):
        number = next_number(data)
        candidate = candidate_path(data, number)
        # other people in every attempt
        vault.attend(f"t{die_at + 1}")
        tables = vault.build(candidate, number)
        summaries = json.dumps({name: asdict(summary) for name, summary in tables.items()})
        result = run(PUBLISHER, data, number, summaries, die_at)
        assert result.returncode in (0, -signal.SIGKILL), result.stderr
        # readers have the release of before, or this one, whole
        (release,) = read_table((data / "warehouse.duckdb").resolve(), "release")
        assert release["release_number"] in (shown, number)
        shown = release["release_number"]
        content = json.dumps(read_table((data / "warehouse.duckdb").resolve(), "core_trainee"), default=str)
        assert visible.setdefault(shown, content) == content
        if result.returncode == 0:
            break
    # it died before each step: making aside, naming, describing, linking, removing
    assert die_at > 10
    assert shown == number
    assert len(visible) > 2
    published = vault.publish(data, keep=2)
    assert published.release.number == number + 1
    wanted = [f"{kept:06d}.{kind}" for kept in (number, number + 1) for kind in ("duckdb", "json")]
    assert names(data / "releases") == wanted
    assert names(data) == ["private", "releases", "warehouse.duckdb"]


BUILDER = """
import sys
from pathlib import Path
import duckdb
import datetime as dt
from warehouse.release.build import ReleaseInfo, build_release
con = duckdb.connect(sys.argv[1])
while True:
    target = Path(sys.argv[2])
    build_release(con, target, ReleaseInfo(1, dt.datetime(2022, 1, 1), "input", "1", "0.1.0"))
    target.unlink()
"""


def test_a_killed_build_is_built_again_under_its_number(
    make_vault: Callable[[], TinyVault], data: Path, tmp_path: Path
) -> None:
    other = make_vault()
    other.attend("t9")
    (file,) = (path for path in tmp_path.rglob("vault.duckdb"))
    other.con.close()
    candidate = candidate_path(data, 1)
    with subprocess.Popen(  # noqa: S603
        [sys.executable, "-c", BUILDER, str(file), str(candidate)],
        env=os.environ | {"PYTHONPATH": str(PROJECT)},
    ) as builder:
        deadline = time.monotonic() + 30
        while not candidate.exists():
            assert builder.poll() is None
            assert time.monotonic() < deadline
        builder.kill()
    assert candidate.exists() or not list(candidate.parent.iterdir())
    vault = make_vault()
    vault.attend("t1")
    assert vault.publish(data).release.number == 1
    assert names(data / "releases") == ["000001.duckdb", "000001.json"]


# -- what is not published


def flip_a_bit(candidate: Path) -> None:
    """Change one bit in the middle of the rows."""
    content = bytearray(candidate.read_bytes())
    place = content.index(b"Partner VN-A")
    content[place] ^= 1
    candidate.write_bytes(content)


def cut(candidate: Path) -> None:
    os.truncate(candidate, candidate.stat().st_size // 2)


def write_to(statement: str) -> Callable[[Path], None]:
    def change(candidate: Path) -> None:
        with duckdb.connect(str(candidate)) as con:
            con.execute(statement)

    return change


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (flip_a_bit, "cannot be read"),
        (cut, "cannot be read|exit status"),
        (write_to("UPDATE core_trainee SET sex = 'M'"), "core_trainee: content hash"),
        (write_to("DELETE FROM core_attendance"), "core_attendance: rows 0, but 1"),
        (write_to("ALTER TABLE core_trainee RENAME sex TO gender"), "core_trainee: content hash"),
        (write_to("CREATE TABLE person AS SELECT 'a name' AS full_name"), "tables are not those .*: person"),
        (write_to("DROP TABLE core_course"), "tables are not those .*: core_course"),
        (write_to("UPDATE release SET release_number = 9"), "does not say number 2"),
        (lambda candidate: candidate.with_name(candidate.name + ".wal").touch(), "write-ahead log"),
        (lambda candidate: candidate.unlink(), "is gone"),
    ],
)
def test_a_candidate_that_is_not_what_was_built_is_not_published(
    vault: TinyVault, data: Path, damage: Callable[[Path], None], words: str
) -> None:
    vault.attend("t1", sex="F")
    vault.publish(data)
    candidate = candidate_path(data, 2)
    tables = vault.build(candidate, 2)
    damage(candidate)
    with pytest.raises(PublishError, match=words):
        publish(data, candidate, release_info(2), tables, keep=2)
    release = current(data)
    assert release is not None
    assert release.number == 1
    assert vault.publish(data).release.number == 2


# -- checks


def falsified(vault: TinyVault, data: Path, statement: str) -> Callable[[], Any]:
    """A candidate with wrong figures, whose summaries agree with it: only a check can tell."""
    number = next_number(data)
    candidate = candidate_path(data, number)
    tables = vault.build(candidate, number)
    with duckdb.connect(str(candidate)) as con:
        con.execute(statement)
        tables = {name: summarise(con, name) for name in tables}
    return lambda: publish(data, candidate, release_info(number), tables, keep=2)


ANOTHER_TRAINEE = "INSERT INTO core_trainee SELECT * REPLACE ({} AS trainee_id) FROM core_trainee LIMIT 1"
RESPONSE = """
    INSERT INTO core_survey_response (response_id, country_code, survey_round, link_status, trainee_type)
    VALUES ('r1', 'VN', '1', 'not_found', 'msme_owner');
    INSERT INTO report_outcome BY NAME
    SELECT '1' AS survey_round, 'customer_engagement_increased' AS indicator_code, 'all' AS dimension,
           'all' AS dimension_value, 1 AS respondents, 1 AS people, 1 AS denominator, 1.0 AS share_unweighted,
           0.2 AS unweighted_low, 1.0 AS unweighted_high, 1.0 AS share_weighted, 0.2 AS weighted_low,
           1.0 AS weighted_high;
"""
RESTATED = """
    INSERT INTO report_restatement (
        baseline, country_code, indicator_code, figure_before, figure_after, difference, by_new_delivery,
        by_corrected_delivery, by_contract, by_programme_rules, by_identity_merge, by_identity_split, by_judgement,
        by_model, by_program, by_unrecorded
    )
    VALUES (
        'previous', '{country}', 'people_reached', {before}, {after}, {difference}, {new}, 0, 0, 0, 0, 0, 0, 0, 0, 0
    )
"""
# a constraint cannot be dropped: the table is made again without it
WITHOUT_KEY = "CREATE OR REPLACE TABLE {0} AS FROM {0}; "
FAILURES = {
    "one_release_row": WITHOUT_KEY.format("release") + "INSERT INTO release FROM release",
    "rows_unaccounted": "UPDATE core_delivery SET rows_in = rows_in + 1",
    "accepted_rows_lost": "UPDATE core_delivery SET rows_in = rows_in + 1, rows_accepted = rows_accepted + 1",
    "trainee_disagrees_with_attendances": ANOTHER_TRAINEE.format("'t9'"),
    "attendance_incomplete": "UPDATE core_attendance SET course_code = NULL",
    "training_outside_programme": "UPDATE core_attendance SET training_date = DATE '2022-01-01'",
    "youth_disagrees_with_age": "UPDATE core_trainee SET age_at_first_training = 36, is_youth = TRUE",
    "unknown_word": "UPDATE core_trainee SET sex = 'f'",
    "reach_differs_from_trainees": "UPDATE report_reach SET trainees = 9 WHERE country_code = 'ALL'",
    "reach_part_exceeds_whole": "UPDATE report_reach SET women = 9",
    "reach_all_below_a_country": "UPDATE report_reach SET women = 0 WHERE country_code = 'ALL'",
    "reach_by_differs_from_reach": "UPDATE report_reach SET women = 0",
    "categories_differ_from_the_whole": "UPDATE report_reach_by SET people = 2 WHERE dimension = 'is_rural'",
    "first_reached_differs_from_reached": "DELETE FROM report_reach_by WHERE indicator_code = 'people_first_reached'",
    "share_impossible": "UPDATE report_reach_by SET share = 1.5",
    "participations_differ_from_attendances": "UPDATE report_course SET participations = 2",
    "data_quality_differs_from_deliveries": "UPDATE report_data_quality SET rows_in = 2",
    "quality_differs_from_trainees": "UPDATE identity_quality SET people_found = 2, high = 2",
    "quality_impossible": "UPDATE identity_quality SET low = high + 1",
    "survey_link_impossible": RESPONSE + "UPDATE core_survey_response SET trainee_id = 't1'",
    "outcome_impossible": RESPONSE + "UPDATE report_outcome SET share_weighted = 1.5",
    "outcome_differs_from_responses": RESPONSE + "UPDATE report_outcome SET respondents = 2",
    "restatement_does_not_add_up": RESTATED.format(country="VN", before=0, after=1, difference=1, new=0),
    "restatement_differs_from_reach": RESTATED.format(country="VN", before=0, after=9, difference=9, new=9),
    "frozen_does_not_add_up": """
        INSERT INTO report_frozen (frozen_label, country_code, indicator_code, figure_reported, figure_now, difference)
        VALUES ('2021', 'VN', 'people_reached', 3, 1, 2)
    """,
}
WARNINGS = {
    "count_uncertain": """
        INSERT INTO core_trainee
        SELECT person.* REPLACE ('u' || number AS trainee_id) FROM core_trainee AS person, range(999) AS t (number);
        INSERT INTO core_attendance
        SELECT seen.* REPLACE ('u' || number AS trainee_id) FROM core_attendance AS seen, range(999) AS t (number);
        UPDATE core_delivery SET rows_in = 1000, rows_accepted = 1000;
        UPDATE report_data_quality SET rows_in = 1000, rows_accepted = 1000;
        UPDATE report_reach SET trainees = 1000, women = 1000, youth = 1000;
        UPDATE report_reach_by SET people = 1000, denominator = 1000;
        UPDATE report_course SET participations = 1000;
        UPDATE identity_quality SET people_found = 1000, high = 1001, low = if(country_code = 'VN', 900, 999)
    """,
    "age_outside_bounds": "UPDATE core_trainee SET age_at_first_training = 101, is_youth = FALSE",
    "sex_often_unknown": "UPDATE core_trainee SET sex = NULL",
    "youth_often_unknown": "UPDATE core_trainee SET age_at_first_training = NULL, is_youth = NULL",
    "delivery_failed": "UPDATE core_delivery SET outcome = 'failed'",
    "many_rows_rejected": """
        UPDATE core_delivery SET rows_in = 9, rows_rejected = 8;
        UPDATE report_data_quality SET rows_in = 9
    """,
    "partner_without_attendance": "INSERT INTO core_partner VALUES ('VN-B', 'VN', 'Partner VN-B', 'monthly')",
    "survey_often_unlinked": """
        INSERT INTO core_survey_response (response_id, country_code, survey_round, link_status, trainee_type)
        SELECT 'r' || number, 'VN', '1', 'not_found', 'msme_owner' FROM range(10) AS t (number);
        INSERT INTO report_outcome (survey_round, indicator_code, dimension, dimension_value, respondents, people,
                                    denominator)
        VALUES ('1', 'customer_engagement_increased', 'all', 'all', 10, 0, 0)
    """,
}


def attend_well(vault: TinyVault) -> None:
    """A person nothing is odd about."""
    vault.attend("t1", sex="F", age_low=20, age_high=20)


def test_every_check_is_tested() -> None:
    checks = read_checks((SQL_FOLDER / "checks.sql").read_text(encoding="utf-8"))
    assert [check.name for check in checks if check.severity == "fail"] == list(FAILURES)
    assert [check.name for check in checks if check.severity == "warn"] == list(WARNINGS)


def test_good_figures_fail_no_check(vault: TinyVault, data: Path) -> None:
    attend_well(vault)
    assert vault.publish(data).warnings == ()


@pytest.mark.parametrize("check", FAILURES)
def test_a_failed_check_stops_the_publication_and_is_named(vault: TinyVault, data: Path, check: str) -> None:
    attend_well(vault)
    vault.publish(data)
    with pytest.raises(CheckFailed, match=rf"\d+ [^\[\]|]+ \(check {check}\)") as failure:
        falsified(vault, data, FAILURES[check])()
    assert check in [finding.name for finding in failure.value.failed]
    release = current(data)
    assert release is not None
    assert release.number == 1


TABLES = {table.name: table for table in PUBLISHED_TABLES}


@pytest.mark.parametrize("name", [name for name, table in TABLES.items() if table.key])
@pytest.mark.parametrize("part", ["missing", "repeated"])
def test_a_row_without_a_key_of_its_own_is_found_in_every_table(
    vault: TinyVault, tmp_path: Path, name: str, part: str
) -> None:
    table = TABLES[name]
    vault.build(tmp_path / "release.duckdb")
    (check,) = key_checks([table])
    filled = table.key[:-1] if part == "missing" else table.key
    row = ", ".join(f"{'1' if column in filled else 'NULL'} AS {column}" for column in table.key)
    with duckdb.connect(str(tmp_path / "release.duckdb")) as con:
        assert list(run_checks(con, [check])) == []
        con.execute(WITHOUT_KEY.format(name))
        for _ in range(2 if part == "repeated" else 1):
            con.execute(f"INSERT INTO {name} BY NAME SELECT {row}")
        (finding,) = run_checks(con, [check])
    assert (finding.severity, finding.rows) == ("fail", 1)
    assert ", ".join(table.key) in finding.sentence


@pytest.mark.parametrize(
    ("name", "reference"),
    [(name, reference) for name, table in TABLES.items() for reference in table.references],
    ids=str,
)
def test_a_value_that_the_other_table_does_not_have_is_found(
    vault: TinyVault, tmp_path: Path, name: str, reference: Reference
) -> None:
    vault.build(tmp_path / "release.duckdb")
    (check,) = reference_checks([dataclasses.replace(TABLES[name], references=(reference,))])
    with duckdb.connect(str(tmp_path / "release.duckdb")) as con:
        assert list(run_checks(con, [check])) == []
        con.execute(f"CREATE OR REPLACE TABLE {name} AS SELECT 'unknown' AS {reference.column}")
        (finding,) = run_checks(con, [check])
    assert finding.problem == f"1 row of {name} has a {reference.column} that {reference.table} does not list"


def test_no_two_checks_have_one_name() -> None:
    names = [check.name for check in all_checks()]
    assert len(names) == len(set(names))


@pytest.mark.parametrize(
    ("check", "statement"),
    [
        ("key_of_core_partner", WITHOUT_KEY.format("core_partner") + "INSERT INTO core_partner FROM core_partner"),
        ("course_code_of_core_attendance", "UPDATE core_attendance SET course_code = 'XX999'"),
    ],
)
def test_a_generated_check_stops_the_publication(vault: TinyVault, data: Path, check: str, statement: str) -> None:
    attend_well(vault)
    with pytest.raises(CheckFailed) as failure:
        falsified(vault, data, statement)()
    assert check in [finding.name for finding in failure.value.failed]


@pytest.mark.parametrize("check", WARNINGS)
def test_a_warning_is_told_and_kept_in_the_manifest(vault: TinyVault, data: Path, check: str) -> None:
    attend_well(vault)
    published = falsified(vault, data, WARNINGS[check])()
    assert [finding.name for finding in published.warnings] == [check]
    (kept,) = published.release.manifest["warnings"]
    assert kept.startswith("1 ")
    assert kept.endswith(f" (check {check})")
    assert not set("[|]") & set(kept)


@pytest.mark.parametrize(
    "text",
    [
        "-- fail: a\nSELECT 1;\n",
        "-- fail: a\n-- A sentence.\n",
        "-- fail: a\n-- A.\nSELECT 1;\n\n-- warn: a\n-- B.\nSELECT 1;\n",
    ],
    ids=["no sentence", "no query", "one name twice"],
)
def test_a_check_needs_a_name_of_its_own_a_sentence_and_a_query(text: str) -> None:
    with pytest.raises(ValueError, match="check"):
        read_checks(text)


# -- rolling back


def test_a_rollback_points_back_and_the_next_release_has_a_new_number(vault: TinyVault, data: Path) -> None:
    for number in (1, 2, 3):
        vault.attend(f"t{number}")
        vault.publish(data)
    assert rollback(data, 2).number == 2
    assert trainees(data) == 2
    assert [release.number for release in list_releases(data) if release.is_current] == [2]
    assert published_input_hash(data) == "input 2"
    assert vault.publish(data).release.number == 4
    assert rollback(data, 1).is_current


def test_a_publication_that_fails_leaves_what_was_rolled_back_to(vault: TinyVault, data: Path) -> None:
    for number in (1, 2, 3):
        vault.attend(f"t{number}")
        vault.publish(data)
    rollback(data, 1)
    with pytest.raises(CheckFailed):
        falsified(vault, data, FAILURES["rows_unaccounted"])()
    assert trainees(data) == 1


def test_a_release_that_is_not_kept_cannot_be_rolled_back_to(vault: TinyVault, data: Path) -> None:
    vault.publish(data)
    with pytest.raises(PublishError, match="no release 7; kept: 1"):
        rollback(data, 7)


@pytest.mark.parametrize(
    "damage",
    [
        flip_a_bit,
        cut,
        write_to("UPDATE core_partner SET partner_name = 'x'"),
        write_to("COMMENT ON TABLE core_partner IS 'x'"),
    ],
)
def test_a_damaged_release_is_not_rolled_back_to(vault: TinyVault, data: Path, damage: Callable[[Path], None]) -> None:
    vault.attend("t1")
    vault.publish(data)
    vault.publish(data)
    old = data / "releases" / "000001.duckdb"
    old.chmod(0o644)
    damage(old)
    with pytest.raises(PublishError, match="release 1 is not what was built"):
        rollback(data, 1)
    release = current(data)
    assert release is not None
    assert release.number == 2
