"""A backup is of one moment while runs go on, and what comes back is what was there, or is refused by name."""

import json
import os
import shutil
import signal
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import duckdb
import pytest
from typer.testing import CliRunner

from flows.commands.app import app
from flows.settings import Settings
from tests.conftest import PROJECT, hashes, make_settings, run
from warehouse.backup.contents import BackupError, read_manifest
from warehouse.backup.make import make_backup
from warehouse.backup.restore import restore
from warehouse.doctor.observed import State, has_failure
from warehouse.doctor.releases import examine_releases
from warehouse.doctor.vault import examine_vault
from warehouse.doctor.work import examine_leftovers
from warehouse.release import publish, releases
from warehouse.release.frozen_log import in_force
from warehouse.storage.data_folder import DataFolder
from warehouse.storage.locks import LockedError, hold
from warehouse.vault.open import VaultError, open_vault

runner = CliRunner()


@pytest.fixture
def original(installed: Settings) -> Settings:
    """An installation of three releases whose readers have the second, as somebody who rolled back left it."""
    note = {"to": 2, "from": 3, "input_hash": releases.published_input_hash(installed.data)}
    releases.rollback_note(installed.data).write_text(json.dumps(note))
    releases.rollback_note(installed.data).chmod(0o644)
    publish.point_to(installed.data, 2)
    return installed


def back_up(settings: Settings, folder: Path, **more: object) -> Path:
    return make_backup(DataFolder(settings.data), folder, **more).path


def bring_back(backup: Path, settings: Settings, **more: object) -> None:
    restore(backup, DataFolder(settings.data), settings.raw, **more)


def described(folder: Path) -> dict[str, tuple[int, str]]:
    """Mode and content (or target) of every file below a folder, locks left out."""
    return {
        path.relative_to(folder).as_posix(): (
            stat.S_IMODE(path.lstat().st_mode),
            str(path.readlink()) if path.is_symlink() else path.read_bytes().hex(),
        )
        for path in sorted(folder.rglob("*"))
        if (path.is_symlink() or path.is_file()) and path.suffix != ".lock"
    }


def test_what_comes_back_is_what_was_there(original, tmp_path):
    shown = runner.invoke(app, ["backup", str(tmp_path / "to"), *folders(original)])
    assert shown.exit_code == 0, shown.output
    (backup,) = (path for path in (tmp_path / "to").iterdir() if path.is_dir())
    assert {stat.S_IMODE(path.stat().st_mode) for path in (backup, *backup.rglob("*"))} == {0o700, 0o600}

    elsewhere = original.model_copy(update={"data": tmp_path / "elsewhere"})
    # an empty folder is as good as none
    (elsewhere.data / "releases").mkdir(parents=True)
    shown = runner.invoke(app, ["restore", str(backup), *folders(elsewhere)])
    assert shown.exit_code == 0, shown.output
    assert "godigital doctor" in shown.output
    assert described(elsewhere.data) == described(original.data)
    assert releases.current(elsewhere.data).number == 2
    assert releases.withdrawn_input_hash(elsewhere.data) == releases.withdrawn_input_hash(original.data)
    assert [entry.label for entry in in_force(elsewhere.data)] == ["2021-Q4"]


def folders(settings: Settings) -> list[str]:
    return ["--raw", str(settings.raw), "--data", str(settings.data)]


def test_a_restored_copy_has_nothing_new_and_reprocesses_to_the_same_figures(original, tmp_path):
    elsewhere = Settings(raw=tmp_path / "other-raw", data=tmp_path / "elsewhere")
    bring_back(back_up(original, tmp_path / "to", raw=original.raw), elsewhere)
    assert run(elsewhere).published is None
    assert run(elsewhere, reread=True).published == run(original, reread=True).published == 4
    assert hashes(elsewhere.data) == hashes(original.data)
    # from nothing but what was landed, under the key that came back
    rebuilt = make_settings(elsewhere.raw, tmp_path / "rebuilt")
    shutil.copyfile(DataFolder(elsewhere.data).secret, DataFolder(rebuilt.data).secret)
    run(rebuilt)
    assert hashes(rebuilt.data) == hashes(original.data)


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


@pytest.mark.parametrize("wanted", [3, pytest.param(30, marks=pytest.mark.long)])
def test_backups_taken_during_a_loop_of_runs_are_each_restorable(original, tmp_path, wanted):
    stop, before = tmp_path / "stop", hashes(original.data)
    loop = subprocess.Popen([sys.executable, "-c", LOOP, original.raw, original.data, stop])
    try:
        # the first as the loop begins, the last of another release
        backups = [back_up(original, tmp_path / "to")]
        while len(backups) < wanted:
            if len(backups) == wanted - 1:
                wait_for(lambda: releases.current_number(original.data) != 2)
            backups.append(back_up(original, tmp_path / "to"))
            # at another point of a run each time
            time.sleep(0.05 * (len(backups) % 7))
        assert loop.poll() is None
    finally:
        stop.touch()
        assert loop.wait(60) == 0
    links = [read_manifest(backup).link for backup in backups]
    assert links == sorted(links)
    assert len(set(links)) > 1

    for at, backup in enumerate(backups):
        copy = original.model_copy(update={"data": tmp_path / f"copy-{at}"})
        bring_back(backup, copy)
        observed = [*examine_vault(DataFolder(copy.data), 0)[0], *examine_releases(copy.data, fix=False)]
        assert not has_failure(observed), observed
        assert hashes(copy.data) == before
    # a run goes on from where the last one was taken
    assert run(copy).exit_code == 0
    assert hashes(copy.data) == before


def test_what_a_killed_writer_had_committed_is_in_the_backup(original, tmp_path):
    writer = (
        "import duckdb, os, signal, sys\n"
        "con = duckdb.connect(sys.argv[1])\n"
        "con.execute(\"INSERT INTO course VALUES ('ZZ999', 'Invented course')\")\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    subprocess.run([sys.executable, "-c", writer, DataFolder(original.data).vault], check=False)
    elsewhere = original.model_copy(update={"data": tmp_path / "elsewhere"})
    bring_back(back_up(original, tmp_path / "to"), elsewhere)
    with duckdb.connect(str(DataFolder(elsewhere.data).vault), read_only=True) as con:
        assert con.execute("SELECT course_title FROM course WHERE course_code = 'ZZ999'").fetchall() == [
            ("Invented course",)
        ]


def test_a_backup_waits_for_a_run_and_says_for_whom(original, tmp_path):
    lock = DataFolder(original.data).locks / "vault.lock"
    taken = threading.Event()

    def load() -> None:
        with hold(lock, "load TH"):
            taken.set()
            time.sleep(0.7)

    run_of_th = threading.Thread(target=load)
    run_of_th.start()
    taken.wait()
    said: list[str] = []
    back_up(original, tmp_path / "to", tell=said.append)
    run_of_th.join()
    assert len(said) == 1
    assert "Waiting: vault.lock is locked by load TH (process" in said[0]


def test_a_flipped_bit_anywhere_is_refused_by_name(original, tmp_path):
    backup = back_up(original, tmp_path / "to", raw=original.raw)
    elsewhere = Settings(raw=tmp_path / "other-raw", data=tmp_path / "elsewhere")
    files = sorted(path for path in backup.rglob("*") if path.is_file() and "sample" not in path.parts)
    assert {"backup.json", "vault.duckdb", "identity.key", "frozen.json", "000002.parquet"} <= {
        path.name for path in files
    }
    for path in files:
        good = path.read_bytes()
        place = len(good) // 2
        path.write_bytes(good[:place] + bytes([good[place] ^ 1]) + good[place + 1 :])
        with pytest.raises(BackupError, match=path.relative_to(backup).as_posix().replace(".", r"\.")):
            bring_back(backup, elsewhere)
        path.write_bytes(good)
    (backup / "data" / "private" / "identity.key").unlink()
    with pytest.raises(BackupError, match="data/private/identity.key is missing"):
        bring_back(backup, elsewhere)
    assert not elsewhere.data.exists()
    assert not elsewhere.raw.exists()


def test_a_folder_that_is_not_empty_is_left_alone_or_moved_aside_whole(original, tmp_path):
    backup = back_up(original, tmp_path / "to")
    run(original, reread=True)
    before = described(original.data)
    shown = runner.invoke(app, ["restore", str(backup), *folders(original)])
    assert shown.exit_code == 1
    assert "is not empty; restore elsewhere with --data, or move what is there aside with --replace" in shown.stderr
    assert described(original.data) == before

    shown = runner.invoke(app, ["restore", str(backup), "--replace", *folders(original)])
    assert shown.exit_code == 0, shown.output
    (aside,) = original.data.glob("replaced-*")
    assert str(aside) in shown.output
    assert stat.S_IMODE(aside.stat().st_mode) == 0o700
    assert described(aside) == before
    assert releases.current(original.data).number == 2
    # a second time, what was moved aside stays where it is
    bring_back(backup, original, replace=True)
    assert described(aside) == before


def test_contracts_and_deliveries_that_differ_are_left_alone_or_moved_aside(original, tmp_path):
    backup = back_up(original, tmp_path / "to", raw=original.raw)
    contract = original.raw / "BN" / "LDC" / "partner.yml"
    written = contract.read_bytes()
    landed = next((original.raw / "BN" / "LDC" / "deliveries").glob("*/*"))
    landed.unlink()
    contract.write_bytes(written + b"# since\n")
    elsewhere = original.model_copy(update={"data": tmp_path / "elsewhere"})
    with pytest.raises(BackupError, match=r"1 file\(s\) differ from the backup \(BN/LDC/partner.yml\)"):
        bring_back(backup, elsewhere)
    assert not landed.exists()
    bring_back(backup, elsewhere, replace=True)
    assert contract.read_bytes() == written
    (aside,) = original.raw.glob("replaced-*/BN/LDC/partner.yml")
    assert aside.read_bytes() == written + b"# since\n"
    assert stat.S_IMODE(landed.stat().st_mode) == 0o400
    assert run(elsewhere).exit_code == 0


def test_nothing_is_restored_under_a_run(original, tmp_path):
    backup = back_up(original, tmp_path / "to")
    before = described(original.data)
    with (
        hold(DataFolder(original.data).locks / "BN.lock", "run BN"),
        pytest.raises(LockedError, match="BN.lock is locked by run BN"),
    ):
        bring_back(backup, original, replace=True)
    assert described(original.data) == before


def test_a_killed_backup_leaves_nothing_under_a_final_name(original, tmp_path):
    folder = tmp_path / "to"
    # long enough to be met half-way
    (original.raw / "BN" / "LDC" / "sample" / "large.bin").write_bytes(os.urandom(60_000_000))
    for pause in (0.0, 0.1):
        program = subprocess.Popen(
            [sys.executable, "-m", "flows.commands.app", "backup", folder, "--with-raw", *folders(original)],
            env={**os.environ, "PYTHONPATH": str(PROJECT)},
        )
        wait_for(lambda: any(folder.glob("*.part")))
        time.sleep(pause)
        program.send_signal(signal.SIGKILL)
        program.wait()
        assert any(folder.glob("*.part"))
        assert [path.name for path in folder.iterdir() if path.suffix != ".part" and path.is_dir()] == []
    made = back_up(original, folder)
    assert sorted(path.name for path in folder.iterdir()) == [".backup.lock", made.name]


def test_a_killed_restore_is_done_again(original, tmp_path):
    (DataFolder(original.data).private / "large.bin").write_bytes(os.urandom(60_000_000))
    backup = back_up(original, tmp_path / "to")
    elsewhere = original.model_copy(update={"data": tmp_path / "elsewhere"})
    program = subprocess.Popen(
        [sys.executable, "-m", "flows.commands.app", "restore", backup, *folders(elsewhere)],
        env={**os.environ, "PYTHONPATH": str(PROJECT)},
    )
    wait_for(lambda: any(elsewhere.data.glob("restore.*.part")))
    program.send_signal(signal.SIGKILL)
    program.wait()
    assert not releases.link_path(elsewhere.data).is_symlink()
    (told,) = examine_leftovers(DataFolder(elsewhere.data), {}, fix=True)
    assert (told.state, "godigital restore" in told.action) == (State.FAILURE, True)
    with pytest.raises(VaultError, match="a restore was cut off"):
        run(elsewhere)
    bring_back(backup, elsewhere)
    assert described(elsewhere.data) == described(original.data)


def test_cut_off_at_any_move_no_run_begins_with_half_of_it(original, tmp_path):
    backup = back_up(original, tmp_path / "to")
    program = (
        "import os, pathlib, signal, sys\n"
        "rename, left = pathlib.Path.rename, [int(sys.argv[1])]\n"
        "def counted(path, target):\n"
        "    left[0] -= 1\n"
        "    if left[0] == 0:\n"
        "        os.kill(os.getpid(), signal.SIGKILL)\n"
        "    return rename(path, target)\n"
        "pathlib.Path.rename = counted\n"
        "from flows.commands.app import app\n"
        "app(sys.argv[2:])\n"
    )
    refused = 0
    for step in range(1, 40):
        elsewhere = original.model_copy(update={"data": tmp_path / f"elsewhere-{step}"})
        shutil.copytree(original.data, elsewhere.data, symlinks=True)
        done = subprocess.run(
            [sys.executable, "-c", program, str(step), "restore", backup, "--replace", *folders(elsewhere)],
            check=False,
            env={**os.environ, "PYTHONPATH": str(PROJECT)},
        )
        if done.returncode == 0:
            break
        data = DataFolder(elsewhere.data)
        if data.vault.exists():
            # either nothing but the link is gone yet, or everything is there but the link
            assert {path.name for path in (data.root / "releases").iterdir()} == {
                path.name for path in (original.data / "releases").iterdir()
            }
            assert data.secret.exists()
        else:
            refused += 1
            with pytest.raises(VaultError, match="a restore was cut off"), open_vault(data, "test"):
                pass
        bring_back(backup, elsewhere, replace=True)
        there = {name: what for name, what in described(elsewhere.data).items() if not name.startswith("replaced-")}
        assert there == described(original.data)
    assert done.returncode == 0
    assert refused >= 3


def test_a_disk_that_is_full_leaves_no_backup_and_is_said(original, tmp_path):
    program = (
        "import resource, signal, sys\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))\n"
        "from flows.commands.app import app\n"
        "app(sys.argv[1:])\n"
    )
    said = subprocess.run(
        [sys.executable, "-c", program, "backup", tmp_path / "to", *folders(original)],
        check=False,
        capture_output=True,
        text=True,
    )
    assert said.returncode == 1
    assert said.stderr.startswith("no backup was made: ")
    assert "Traceback" not in said.stderr
    assert [path.name for path in (tmp_path / "to").iterdir()] == [".backup.lock"]


def wait_for(holds: Callable[[], bool]) -> None:
    end = time.monotonic() + 30
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.005)


def test_a_damaged_vault_stands_in_for_no_good_backup(original, tmp_path):
    vault = DataFolder(original.data).vault
    with vault.open("r+b") as stream:
        for place in range(20_000, vault.stat().st_size, 100_000):
            stream.seek(place)
            stream.write(b"\xff" * 64)
    with pytest.raises(BackupError, match="no backup was made: the vault"):
        back_up(original, tmp_path / "to")
    assert [path.name for path in (tmp_path / "to").iterdir()] == [".backup.lock"]


def test_a_damaged_release_comes_along_and_is_named(original, tmp_path):
    release = releases.release_path(original.data, 2)
    release.chmod(0o644)
    with release.open("r+b") as stream:
        stream.seek(50_000)
        stream.write(b"\xff")
    shown = runner.invoke(app, ["backup", str(tmp_path / "to"), *folders(original)])
    assert shown.exit_code == 2
    assert "WARNING release 2 is not as it was published" in shown.stderr


def test_somebody_who_writes_without_the_lock_is_named(original, tmp_path):
    holder = subprocess.Popen(
        [sys.executable, "-c", "import duckdb, sys; c = duckdb.connect(sys.argv[1]); print(1, flush=True); input()",
         DataFolder(original.data).vault],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE,
    )  # fmt: skip
    try:
        holder.stdout.readline()
        with pytest.raises(BackupError, match=rf"process {holder.pid} \(.+\) writes into the vault without its lock"):
            back_up(original, tmp_path / "to")
    finally:
        holder.communicate(b"\n")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["backup", "{data}/backups"], "a backup belongs elsewhere"),
        (["backup", "{tmp}/to", "--data", "{tmp}/nothing"], "nothing has run here yet"),
        (["restore", "{tmp}/nothing"], "no backup, or one that was never completed"),
    ],
)
def test_what_cannot_be_is_said_in_a_sentence(original, tmp_path, words, said):
    words = [word.format(data=original.data, tmp=tmp_path) for word in words]
    more = ["--raw", str(original.raw)] + ([] if "--data" in words else ["--data", str(original.data)])
    shown = runner.invoke(app, [*words, *more])
    assert (shown.exit_code, said in shown.stderr) == (1, True), shown.output
    assert not (tmp_path / "nothing").exists()


def test_a_backup_of_a_newer_program_is_refused(original, tmp_path):
    with duckdb.connect(str(DataFolder(original.data).vault)) as con:
        con.execute("UPDATE vault_schema SET version = 99")
    backup = back_up(original, tmp_path / "to")
    assert json.loads((backup / "backup.json").read_text())["vault_schema"] == 99
    elsewhere = original.model_copy(update={"data": tmp_path / "elsewhere"})
    with pytest.raises(BackupError, match="restore it with the program that made it"):
        bring_back(backup, elsewhere)
    assert not elsewhere.data.exists()
