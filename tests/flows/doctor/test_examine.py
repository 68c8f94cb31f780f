"""The doctor names whatever is wrong, says what to do, mends what cannot be wrong to mend, and changes nothing else."""

import json
import os
import shutil
import signal
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb
import pytest
from typer.testing import CliRunner

from flows.commands.app import app
from flows.doctor.contracts import examine_contracts, find_providers
from flows.doctor.examine import AREAS, Asked, examine
from flows.doctor.landed import examine_landed, landing_folders
from flows.doctor.machine import bytes_needed, examine_machine
from flows.doctor.scheduler import examine_schedule
from flows.doctor.sources import examine_sources
from flows.settings import Settings
from warehouse.doctor.observed import Observed, State, has_failure
from warehouse.doctor.permissions import examine_permissions
from warehouse.doctor.releases import examine_releases
from warehouse.doctor.vault import examine_vault, read_vault
from warehouse.doctor.work import examine_leftovers, examine_locks
from warehouse.release import publish, releases
from warehouse.storage.data_folder import DataFolder
from warehouse.storage.locks import hold
from warehouse.vault.schema import SCHEMA_VERSION

OK, FIXED, WARNING, FAILURE = State.OK, State.FIXED, State.WARNING, State.FAILURE
runner = CliRunner()


@pytest.fixture(autouse=True)
def _without_a_schedule(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PREFECT_API_URL", raising=False)


def one(observed: list[Observed], state: State) -> Observed:
    """The only line that is in this state; the others are well."""
    (found,) = [item for item in observed if item.state != OK]
    assert found.state == state, found
    assert found.action or state == FIXED
    return found


def folders(settings: Settings) -> list[str]:
    return ["--raw", str(settings.raw), "--data", str(settings.data)]


def described(folder: Path) -> dict[str, tuple[int, int, str]]:
    return {
        path.relative_to(folder).as_posix(): (path.lstat().st_mode, path.lstat().st_ino, path.read_bytes().hex())
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.suffix != ".lock"
    }


def write_in(file: Path, place: int, content: bytes) -> None:
    """Change bytes as a broken disk does, whatever the mode says."""
    mode = file.stat().st_mode
    file.chmod(0o600)
    with file.open("r+b") as stream:
        stream.seek(place)
        stream.write(content)
    file.chmod(mode)


def sql(settings: Settings, text: str) -> None:
    with duckdb.connect(str(DataFolder(settings.data).vault)) as con:
        con.execute(text)


# --- the whole


def test_all_is_well_and_nothing_is_changed(installed):
    before = described(installed.data) | described(installed.raw)
    for words in ([], ["--fix"]):
        shown = runner.invoke(app, ["doctor", *words, *folders(installed)])
        assert shown.exit_code == 0, shown.output
        assert "0 wrong, 0 worth a look" in shown.output
    assert described(installed.data) | described(installed.raw) == before
    shown = runner.invoke(app, ["doctor", "--offline", "--json", *folders(installed)])
    lines = json.loads(shown.stdout)
    assert {line["state"] for line in lines} == {"ok"}
    assert list(dict.fromkeys(line["area"] for line in lines)) == [area for area in AREAS if area != "sources"]


def test_what_is_wrong_ends_with_exit_code_two_and_never_with_a_name(installed):
    with duckdb.connect(str(DataFolder(installed.data).vault)) as con:
        names = [name for (name,) in con.execute("SELECT DISTINCT full_name FROM record").fetchall()]
        con.execute("UPDATE record SET delivery_id = 'nowhere' WHERE disposition = 'accepted'")
        con.execute("DELETE FROM trainee_alias; INSERT INTO trainee_alias SELECT trainee_id, 'ta', 1 FROM register")
    releases.link_path(installed.data).unlink()
    (installed.raw / "BN" / "LDC" / "partner.yml").write_text("name: [", encoding="utf-8")
    shown = runner.invoke(app, ["doctor", "--offline", "--json", *folders(installed)])
    assert shown.exit_code == 2
    lines = json.loads(shown.stdout)
    assert {line["area"] for line in lines if line["state"] == "failure"} == {"vault", "releases", "contracts"}
    assert all(line["what to do"] for line in lines if line["state"] in ("warning", "failure"))
    assert len(names) > 10
    assert [name for name in names if name in shown.output] == []


def test_before_the_first_run_nothing_is_wrong(small):
    settings = small()
    shutil.rmtree(settings.data)
    observed = examine(settings, Asked(offline=True))
    assert not has_failure(observed)
    assert {item.action for item in observed if item.state == WARNING} == {"godigital run"}
    assert not settings.data.exists()


LOOP = """
import sys
from pathlib import Path
from flows.run.execute import execute
from flows.run.result import RunRequest
from flows.settings import Settings

raw, data, stop = map(Path, sys.argv[1:])
while not stop.exists():
    execute(Settings(raw=raw, data=data, keep_releases=2), RunRequest(("BN",), reread=True))
"""


@pytest.mark.parametrize("times", [2, pytest.param(30, marks=pytest.mark.long)])
def test_a_run_beside_the_doctor_is_no_illness_and_takes_no_harm(installed, tmp_path, times):
    stop = tmp_path / "stop"
    loop = subprocess.Popen([sys.executable, "-c", LOOP, installed.raw, installed.data, stop])
    try:
        for _ in range(times):
            # as it comes, and where the vault is busy
            observed = examine(installed, Asked(fix=True, offline=True, wait_seconds=0.05 if times == 2 else 5))
            assert not has_failure(observed), [item for item in observed if item.state == FAILURE]
        assert loop.poll() is None
    finally:
        stop.touch()
        assert loop.wait(60) == 0
    assert releases.current_number(installed.data) > 3
    assert {item.state for item in examine(installed, Asked(offline=True))} == {OK}


# --- permissions


@pytest.mark.parametrize(
    ("place", "wrong", "right"),
    [
        ("data/private", 0o755, 0o700),
        ("data/private/vault.duckdb", 0o644, 0o600),
        ("data/private/identity.key", 0o640, 0o600),
        ("data/private/snapshots/000001.parquet", 0o604, 0o600),
        ("data/releases", 0o777, 0o755),
        ("data/releases", 0o700, 0o755),
        ("data/releases/000002.duckdb", 0o644, 0o444),
        ("data/releases/000002.json", 0o400, 0o444),
        ("data/releases/frozen.json", 0o644, 0o600),
        ("raw/BN/LDC/deliveries", 0o755, 0o700),
        ("raw/BN/LDC/deliveries/*/*", 0o600, 0o400),
    ],
)
def test_a_mode_that_is_wrong_is_named_and_mended(installed, tmp_path, place, wrong, right):
    (path, *_) = sorted(tmp_path.glob(place))
    path.chmod(wrong)
    data, landing = DataFolder(installed.data), tuple(landing_folders(installed.raw))
    found = one(examine_permissions(data, landing, fix=False), FAILURE)
    assert path.name in found.sentence
    assert stat.S_IMODE(path.stat().st_mode) == wrong
    assert f"is {right:04o} now" in one(examine_permissions(data, landing, fix=True), FIXED).sentence
    assert stat.S_IMODE(path.stat().st_mode) == right
    assert [item.state for item in examine_permissions(data, landing, fix=False)] == [OK]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file away")
def test_a_file_of_somebody_else_is_named(installed):
    os.chown(DataFolder(installed.data).vault, 12345, -1)
    found = one(examine_permissions(DataFolder(installed.data), (), fix=True), FAILURE)
    assert "vault.duckdb" in found.sentence
    assert found.action.startswith("chown")


# --- who is at work, and what was left


@contextmanager
def somebody_holding(lock: Path, purpose: str) -> Iterator[subprocess.Popen]:
    """Another process that holds a lock until the block ends."""
    program = (
        "import sys\nfrom pathlib import Path\nfrom warehouse.storage.locks import hold\n"
        "with hold(Path(sys.argv[1]), sys.argv[2]):\n    print(1, flush=True)\n    input()\n"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", program, lock, purpose], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    process.stdout.readline()
    try:
        yield process
    finally:
        if process.poll() is None:
            process.communicate(b"\n")


def test_a_living_holder_is_information_and_a_dead_one_is_nobody(installed):
    data = DataFolder(installed.data)
    assert "Nobody is at work" in examine_locks(data)[0].sentence
    with somebody_holding(data.locks / "BN.lock", "run BN") as process:
        (found,) = examine_locks(data)
        assert (found.state, f"BN: run BN (process {process.pid}, since " in found.sentence) == (OK, True)
        process.send_signal(signal.SIGKILL)
        process.wait()
    # its name is still in the file
    assert (data.locks / "BN.lock").read_bytes()
    assert "Nobody is at work" in examine_locks(data)[0].sentence


def test_a_lock_that_has_been_held_for_hours_is_worth_a_look(installed):
    data = DataFolder(installed.data)
    with somebody_holding(data.locks / "VN.lock", "run VN") as process:
        said = json.loads((data.locks / "VN.lock").read_text())
        (data.locks / "VN.lock").write_text(json.dumps({**said, "since": "2021-01-01T00:00:00Z"}))
        found = one(examine_locks(data), WARNING)
        assert "never delete a lock file" in found.action
        assert f"end process {process.pid}" in found.action


# file -> the lock of whoever writes such files
LEFT = {
    "data/warehouse.duckdb.0a1b2c3d.part": "publish",
    "data/releases/000004.json.0a1b2c3d.part": "publish",
    "data/releases/000009.json": "publish",
    "data/releases/000010.duckdb": "publish",
    "data/private/snapshots/000009.parquet": "publish",
    "data/releases/000004.building": "vault",
    "data/releases/000004.building.wal": "vault",
    "data/private/snapshots/000004.building": "vault",
    "data/private/vault-schema-5.duckdb.0a1b2c3d.part": "vault",
    "data/private/spill/duckdb_temp_storage_DEFAULT-0.tmp": "vault",
    "raw/BN/LDC/deliveries/incoming.0a1b2c3d.part": "BN",
    "raw/survey/deliveries/BN/ab/0a1b.part": "BN",
}


def leave_everything(folder: Path) -> list[Path]:
    paths = [folder / name for name in LEFT]
    for path in paths:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"half")
    return paths


def test_what_killed_runs_left_is_named_and_removed_on_request(installed, tmp_path):
    before = described(tmp_path)
    paths = leave_everything(tmp_path)
    data, landing = DataFolder(installed.data), landing_folders(installed.raw)
    observed = examine_leftovers(data, landing, fix=False)
    assert [item.state for item in observed] == [WARNING] * 3
    assert all(path.exists() for path in paths)
    assert [item.state for item in examine_leftovers(data, landing, fix=True)] == [FIXED] * 3
    assert described(tmp_path) == before
    assert [item.state for item in examine_leftovers(data, landing, fix=True)] == [OK]


@pytest.mark.parametrize("lock", ["publish", "vault", "BN"])
def test_nothing_of_a_living_writer_is_removed(installed, tmp_path, lock):
    paths = leave_everything(tmp_path)
    data, landing = DataFolder(installed.data), landing_folders(installed.raw)
    with somebody_holding(data.locks / f"{lock}.lock", "at work"):
        observed = examine_leftovers(data, landing, fix=True)
        assert sorted(item.state for item in observed) == sorted([OK, FIXED, FIXED])
        theirs = {tmp_path / name for name, needed in LEFT.items() if needed == lock}
        assert {path for path in paths if path.exists()} == theirs
        # also one that has not yet said who it is
        (data.locks / f"{lock}.lock").write_bytes(b"")
        found = one(examine_leftovers(data, landing, fix=True), WARNING)
        assert "has not said what it does" in found.sentence
        assert {path for path in paths if path.exists()} == theirs


def test_a_frozen_or_current_release_is_no_leftover_whatever_it_lacks(installed):
    for number in (1, 3):
        releases.release_path(installed.data, number).with_suffix(".json").unlink()
    before = described(installed.data)
    assert [item.state for item in examine_leftovers(DataFolder(installed.data), {}, fix=True)] == [OK]
    (installed.data / "releases" / "frozen.json").write_text("{")
    releases.release_path(installed.data, 2).with_suffix(".json").unlink()
    before = described(installed.data)
    examine_leftovers(DataFolder(installed.data), {}, fix=True)
    assert described(installed.data) == before


# --- the vault


def block_places(settings: Settings) -> list[int]:
    """Where each block of the vault begins."""
    size = DataFolder(settings.data).vault.stat().st_size
    return list(range(3 * 4096, size, 262_144))


def test_a_flipped_bit_in_any_block_of_the_vault_is_noticed(installed):
    data = DataFolder(installed.data)
    good = data.vault.read_bytes()
    unread = []
    places = block_places(installed)
    assert len(places) > 10
    for place in places[:: max(1, len(places) // 4)]:
        write_in(data.vault, place + 4_000, bytes([good[place + 4_000] ^ 1]))
        observed, _ = examine_vault(data, 0)
        found = one([item for item in observed if "law" not in item.sentence], FAILURE)
        assert found.action == "restore the latest good backup: godigital restore BACKUP --replace"
        unread.append("cannot be read" in found.sentence)
        data.vault.write_bytes(good)
    # rows, and what reading rows does not touch: indexes and free space
    assert set(unread) == {True, False}
    assert examine_vault(data, 0)[0][0].state == OK


@pytest.mark.parametrize("damage", ["cut off", "no database", "empty"])
def test_a_vault_that_cannot_be_opened_brings_nothing_down(installed, damage):
    vault = DataFolder(installed.data).vault
    content = vault.read_bytes()
    vault.write_bytes({"cut off": content[:300_000], "no database": b"x" * 50_000, "empty": b""}[damage])
    found = one(examine_vault(DataFolder(installed.data), 0)[0], FAILURE)
    assert "cannot be read" in found.sentence


@pytest.mark.parametrize(
    ("change", "state", "said"),
    [
        ("UPDATE record SET disposition = 'superseded'", FAILURE, "other rows in the vault than"),
        ("DELETE FROM rejected_row", FAILURE, "other rows in the vault than"),
        ("DELETE FROM partner", FAILURE, "to a delivery or partner that the vault does not have"),
        ("INSERT INTO trainee_alias SELECT trainee_id, 'ta', 1 FROM register LIMIT 1", FAILURE, "lead to exactly one"),
        ("INSERT INTO trainee_alias SELECT 'tz', trainee_id, 1 FROM register LIMIT 1;"
         "INSERT INTO trainee_alias SELECT 'tz', trainee_id, 1 FROM register LIMIT 1", FAILURE, "lead to exactly one"),
        ("UPDATE register SET trainee_id = 'tz' WHERE trainee_id = (SELECT min(trainee_id) FROM register);"
         "INSERT INTO trainee_alias SELECT 'tz', max(trainee_id), 1 FROM register", FAILURE, "that no trainee has"),
        ("INSERT INTO identity_event_record VALUES ('e0', 'r', 'moved', 'ta')", FAILURE, "no event in the log"),
        ("UPDATE identity_event SET event_id = 'e1'", FAILURE, "no event in the log"),
        ("UPDATE landed_file SET landed_path = 'elsewhere'", FAILURE, "kept under a wrong hash"),
        ("INSERT INTO survey_link BY NAME SELECT 'r' AS record_id, 'a' AS response_id, 'tz' AS trainee_id, "
         "'linked' AS link_status", FAILURE, "a trainee whom the register does not know"),
        ("DELETE FROM register", WARNING, "accepted rows have no trainee"),
    ],
)  # fmt: skip
def test_a_law_that_does_not_hold_is_told(installed, change, state, said):
    sql(installed, change)
    observed, _ = examine_vault(DataFolder(installed.data), 0)
    found = [item for item in observed if said in item.sentence]
    assert [item.state for item in found] == [state], observed


def test_rows_that_do_not_add_up_are_told(installed):
    # the database itself refuses them, but where a table came without its law
    sql(
        installed,
        "CREATE TABLE loose AS FROM delivery; DROP TABLE delivery; ALTER TABLE loose RENAME TO delivery;"
        "UPDATE delivery SET rows_in = rows_in + 1",
    )
    observed, _ = examine_vault(DataFolder(installed.data), 0)
    assert any("not accepted, rejected, superseded," in item.sentence for item in observed if item.state == FAILURE)


def test_a_vault_in_use_is_left_alone_after_a_moment(installed):
    data = DataFolder(installed.data)
    with hold(data.locks / "vault.lock", "load TH"):
        begun = time.monotonic()
        observed, reading = examine_vault(data, 0.2)
        assert time.monotonic() - begun < 5
    assert "load TH" in one(observed, WARNING).sentence
    assert reading is None


def test_a_vault_of_another_version_is_told_and_not_held_against_todays_laws(installed):
    data = DataFolder(installed.data)
    sql(installed, f"UPDATE vault_schema SET version = {SCHEMA_VERSION - 1}")
    assert "godigital backup DIR" in one(examine_vault(data, 0)[0], WARNING).action
    sql(installed, "UPDATE vault_schema SET version = 99")
    assert "newer version" in one(examine_vault(data, 0)[0], FAILURE).action
    assert read_vault(data.vault).landed is None


def test_releases_without_a_vault_are_an_alarm(installed):
    DataFolder(installed.data).vault.unlink()
    assert (
        "start from nothing, with other ids" in one(examine_vault(DataFolder(installed.data), 0)[0], FAILURE).sentence
    )


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, "missing or no key"),
        ("", "missing or no key"),
        ("5a" * 31, "missing or no key"),
        ("5b" * 32, "not the key"),
    ],
)
def test_a_key_that_is_lost_or_of_another_vault_is_told(installed, content, said):
    data = DataFolder(installed.data)
    data.secret.unlink()
    if content is not None:
        data.secret.write_text(content)
    assert said in one(examine_vault(data, 0)[0], FAILURE).sentence


def test_before_the_first_id_no_key_is_missed(installed):
    data = DataFolder(installed.data)
    sql(installed, "DELETE FROM register; DELETE FROM trainee_alias; DELETE FROM record; DELETE FROM delivery")
    data.secret.unlink()
    assert not [item for item in examine_vault(data, 0)[0] if "key" in item.sentence]


# --- landed files


def examined_landed(settings: Settings) -> list[Observed]:
    rows = read_vault(DataFolder(settings.data).vault).landed
    return examine_landed(settings.raw, tuple(landing_folders(settings.raw)), rows)


def landed_files(settings: Settings) -> list[Path]:
    return sorted((settings.raw / "BN" / "LDC" / "deliveries").glob("*/*"))


def test_a_landed_file_that_changed_is_named(installed):
    path = landed_files(installed)[0]
    write_in(path, 100, b"\xff")
    assert path.name[:12] in one(examined_landed(installed), FAILURE).sentence


def test_a_landed_file_that_is_gone_is_counted_for_its_partner(installed):
    landed_files(installed)[0].unlink()
    assert "BN-LDC: 1 landed file that the vault knows are gone" in one(examined_landed(installed), FAILURE).sentence
    # also where the whole folder is, contract included
    shutil.rmtree(installed.raw / "BN")
    assert "BN-LDC: 4 landed files" in one(examined_landed(installed), FAILURE).sentence


def test_a_file_that_a_cut_off_pull_landed_is_harmless(installed):
    sql(installed, "DELETE FROM landed_file WHERE landed_path = (SELECT min(landed_path) FROM landed_file)")
    assert "1 landed file the vault does not know" in one(examined_landed(installed), WARNING).sentence


def test_a_file_that_no_pull_put_there_is_told(installed):
    (landed_files(installed)[0].parent / "notes.txt").write_text("mine")
    assert "that no pull put there" in one(examined_landed(installed), WARNING).sentence


# --- releases


@pytest.mark.parametrize("damage", ["missing", "dangling", "of a release without a manifest"])
def test_a_lost_link_is_led_to_the_newest_whole_release(installed, damage):
    data, link = installed.data, releases.link_path(installed.data)
    if damage == "of a release without a manifest":
        releases.release_path(data, 3).with_suffix(".json").unlink()
    else:
        link.unlink()
        write_in(releases.release_path(data, 3), 50_000, b"\xff" * 8)
        if damage == "dangling":
            link.symlink_to("releases/000099.duckdb")
    found = [item for item in examine_releases(data, fix=False) if "Readers find no release" in item.sentence]
    assert [(item.state, item.action) for item in found] == [
        (FAILURE, "godigital doctor --fix (leads it to release 2)")
    ]
    assert examine_releases(data, fix=True)[0].state == FIXED
    assert link.readlink() == Path("releases/000002.duckdb")
    assert examine_releases(data, fix=False)[0].state == OK


def test_where_somebody_rolled_back_the_link_is_left_to_them(installed):
    publish.rollback(installed.data, 1)
    releases.link_path(installed.data).unlink()
    found = one(examine_releases(installed.data, fix=True), FAILURE)
    assert found.action == "godigital rollback 1"
    assert not releases.link_path(installed.data).is_symlink()
    assert runner.invoke(app, ["rollback", "1", *folders(installed)]).exit_code == 0
    assert not has_failure(examine_releases(installed.data, fix=False))


def test_a_rollback_that_was_cut_off_is_told(installed):
    publish.rollback(installed.data, 1)
    publish.point_to(installed.data, 3)
    assert one(examine_releases(installed.data, fix=True), WARNING).action == "godigital rollback 1"


def test_an_absolute_link_is_made_relative(installed):
    link = releases.link_path(installed.data)
    link.unlink()
    link.symlink_to(releases.release_path(installed.data, 2))
    assert "breaks when the folder is moved" in one(examine_releases(installed.data, fix=False), WARNING).sentence
    one(examine_releases(installed.data, fix=True), FIXED)
    assert link.readlink() == Path("releases/000002.duckdb")


def test_a_file_in_place_of_the_link_is_told_and_kept(installed):
    link = releases.link_path(installed.data)
    link.unlink()
    shutil.copyfile(releases.release_path(installed.data, 3), link)
    assert "should be a link" in one(examine_releases(installed.data, fix=True), FAILURE).sentence
    assert link.is_file()


def test_a_damaged_release_and_what_may_be_done_with_it_is_told(installed):
    for number in (1, 2):
        write_in(releases.release_path(installed.data, number), 50_000, b"\xff" * 8)
    observed = [item for item in examine_releases(installed.data, fix=True) if item.state != OK]
    said = [item.sentence for item in observed]
    assert said[0].startswith(
        "Release 1 is not what was published: the bytes of the file are not those that were built"
    )
    assert observed[0].action == "take it from a backup"
    assert "nothing needs it" in observed[1].action
    assert said[2] == "Release 1, officially reported as 2021-Q4, is gone or damaged."


def test_readers_of_a_damaged_release_are_given_another(installed):
    write_in(releases.release_path(installed.data, 3), 50_000, b"\xff" * 8)
    observed = examine_releases(installed.data, fix=True)
    assert (observed[0].state, observed[0].action) == (FAILURE, "godigital rollback 2")


@pytest.mark.parametrize(
    ("path", "content", "said"),
    [
        ("releases/000002.json", b"{", "its manifest cannot be read"),
        ("releases/frozen.json", b"{", "the log of frozen releases cannot be read"),
        ("releases/rolled_back.json", b"{", "no run can publish"),
        ("private/snapshots/000002.parquet", b"x", "gone or changed for release 2"),
    ],
)
def test_every_other_file_of_releases_is_read(installed, path, content, said):
    target = installed.data / path
    target.unlink(missing_ok=True)
    target.write_bytes(content)
    assert said in one(examine_releases(installed.data, fix=True), FAILURE).sentence
    assert target.read_bytes() == content


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"{}", b'{"built_at": 7}'])
def test_a_manifest_that_is_none_hinders_nothing_else(installed, content):
    manifest = releases.release_path(installed.data, 3).with_suffix(".json")
    manifest.unlink()
    manifest.write_bytes(content)
    manifest.chmod(0o444)
    observed = examine(installed, Asked(offline=True))
    wrong = [item for item in observed if item.state == FAILURE]
    assert {item.area for item in wrong} == {"releases"}
    assert wrong[0].action == "godigital rollback 2"
    assert [item.area for item in observed][-1] == "machine"


def test_a_process_that_writes_into_a_release_is_named(installed):
    release = releases.release_path(installed.data, 3)
    release.chmod(0o644)
    program = (
        "import duckdb, sys\ncon = duckdb.connect(sys.argv[1])\ncon.execute('CREATE TABLE mine (a INTEGER)')\n"
        "print(1, flush=True)\ninput()\n"
    )
    process = subprocess.Popen([sys.executable, "-c", program, release], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    try:
        process.stdout.readline()
        assert release.with_name(f"{release.name}.wal").exists()
        command = Path(f"/proc/{process.pid}/comm").read_text().strip()
        wrong = [item for item in examine_releases(installed.data, fix=True) if item.state == FAILURE]
        named = [item for item in wrong if f"Process {process.pid} ({command}) has 000003.duckdb" in item.sentence]
        assert named[0].action.endswith(f"end process {process.pid}")
    finally:
        process.kill()
        process.communicate()
    # it is gone, and what it left is not
    (left,) = [item for item in examine_releases(installed.data, fix=True) if "lies beside a release" in item.sentence]
    assert "remove" in left.action


# --- contracts and sources


def with_access(settings: Settings, source: str, access: str) -> None:
    contract = settings.raw / "BN" / "LDC" / "partner.yml"
    lines = [line for line in contract.read_text().splitlines() if not line.startswith("source:")]
    contract.write_text("\n".join([*lines, f"source: {source}", f"access: {access}", ""]))


def examined_contracts(settings: Settings) -> list[Observed]:
    partners, surveys, without = find_providers(settings)
    return [*without, *examine_contracts(partners.usable, (*partners.broken, *surveys.broken))]


def test_a_variable_that_is_not_set_is_named_and_no_value_is(installed, monkeypatch):
    with_access(installed, "s3://logs/BN", "{user: BN_KEY_ID, password: BN_SECRET_KEY}")
    monkeypatch.setenv("BN_KEY_ID", "c4n4ry-9f8e")
    found = one(examined_contracts(installed), FAILURE)
    assert "BN_SECRET_KEY is not set; BN-LDC cannot be pulled without it" in found.sentence
    monkeypatch.setenv("BN_SECRET_KEY", "c4n4ry-9f8e")
    observed = examined_contracts(installed)
    assert [item.state for item in observed] == [OK]
    assert "c4n4ry" not in str(observed)


def test_a_contract_that_cannot_be_used_is_named(installed):
    contract = installed.raw / "BN" / "LDC" / "partner.yml"
    contract.write_text(contract.read_text() + "\nsauce: sample\n")
    found = one(examined_contracts(installed), FAILURE)
    assert "BN-LDC" in found.sentence
    assert "sauce" in found.sentence
    shutil.rmtree(installed.raw)
    assert "no partner found" in one(examined_contracts(installed), FAILURE).sentence


def examined_sources(settings: Settings) -> list[Observed]:
    return examine_sources(find_providers(settings)[0].usable, settings)


def test_sources_are_listed_and_nothing_is_landed(installed):
    shutil.rmtree(installed.raw / "BN" / "LDC" / "deliveries")
    before = described(installed.raw)
    (found,) = examined_sources(installed)
    assert (found.state, found.sentence) == (OK, "1 source answered, with 4 files.")
    assert described(installed.raw) == before
    shutil.rmtree(installed.raw / "BN" / "LDC" / "sample")
    assert "BN-LDC" in one(examined_sources(installed), FAILURE).sentence
    (installed.raw / "BN" / "LDC" / "sample").mkdir()
    assert one(examined_sources(installed), WARNING).sentence == "Nothing lies at the source of BN-LDC."


def test_a_source_that_hangs_is_given_up_at_its_time_limit(installed, monkeypatch):
    import socket

    monkeypatch.setenv("BN_TOKEN", "x")
    with socket.create_server(("127.0.0.1", 0)) as server:
        # it takes the connection and never answers
        threading.Thread(target=lambda: accept_one(server), daemon=True).start()
        with_access(
            installed, f"http://127.0.0.1:{server.getsockname()[1]}/log.csv", "{token: BN_TOKEN, time_limit: 1}"
        )
        begun = time.monotonic()
        found = one(examined_sources(installed), FAILURE)
        assert time.monotonic() - begun < 10
    assert found.sentence.startswith("BN-LDC: ")


def accept_one(server: "object") -> None:
    connection, _ = server.accept()
    time.sleep(20)
    connection.close()


# --- the schedule and the machine


def test_without_a_server_of_the_schedule_nothing_is_wrong(installed, monkeypatch):
    (found,) = examine_schedule()
    assert (found.state, "PREFECT_API_URL is not set" in found.sentence) == (OK, True)
    monkeypatch.setenv("PREFECT_API_URL", "http://127.0.0.1:9/api")
    assert "does not answer" in one(examine_schedule(), FAILURE).sentence


def test_something_else_at_the_servers_address_is_told(httpserver, monkeypatch):
    monkeypatch.setenv("PREFECT_API_URL", httpserver.url_for("/api"))
    httpserver.expect_request("/api/health").respond_with_data("<html>hello</html>")
    assert "no server of Prefect's" in one(examine_schedule(), FAILURE).sentence


def test_room_is_measured_against_what_a_run_needs(installed):
    data = DataFolder(installed.data)
    assert bytes_needed(data) == 256 * 1024**2
    with data.vault.open("r+b") as stream:
        # a file with a hole, larger than any disk
        stream.truncate(2 * shutil.disk_usage(installed.data).total)
    observed = examine_machine(data, installed.raw, None)
    assert "publishes nothing, and harms nothing" in one(observed, FAILURE).action


def test_a_clock_that_went_back_is_told(installed):
    data = DataFolder(installed.data)
    assert {item.state for item in examine_machine(data, installed.raw, "2021-01-01 00:00:00")} == {OK}
    sql(installed, "UPDATE landed_file SET pulled_at = TIMESTAMP '2999-01-01 00:00:00'")
    latest = read_vault(data.vault).latest_pull
    assert "the last pull came later" in one(examine_machine(data, installed.raw, latest), FAILURE).sentence


def test_what_hinders_one_area_does_not_hinder_the_others(installed):
    # whoever may not look says so, and goes on
    if os.geteuid() == 0:
        shutil.rmtree(DataFolder(installed.data).locks)
        (DataFolder(installed.data).locks).write_text("no folder")
    else:
        DataFolder(installed.data).private.chmod(0)
    observed = examine(installed, Asked(offline=True))
    if os.geteuid() != 0:
        DataFolder(installed.data).private.chmod(0o700)
    assert any(item.sentence.startswith("Cannot be looked at: ") for item in observed if item.state == FAILURE)
    assert {"releases", "contracts", "machine"} <= {item.area for item in observed if item.state == OK}
