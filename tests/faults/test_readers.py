"""Readers that never stop meet a whole release at every moment, of a hundred that are published meanwhile."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from flows.commands.app import app
from tests.warehouse.tiny_vault import TinyVault
from warehouse.release.releases import list_releases

NOBODY = 65534
# what every reader begins with: the library is loaded as whoever runs the tests, the loop is an ordinary user's
ORDINARY = """
import json, os, sys, time
from pathlib import Path
import duckdb
link, stop, nobody = sys.argv[1], Path(sys.argv[2]), int(sys.argv[3])
with duckdb.connect(link, read_only=True) as con:
    con.execute("SELECT release_number FROM release").fetchone()
if os.geteuid() == 0:
    os.setgroups([]); os.setgid(nobody); os.setuid(nobody)
errors, torn, backward, seen = [], 0, 0, []
print("ready", flush=True)
"""
# release n holds n people: three tables of one release agree on the number, of two they cannot
READER = (
    ORDINARY
    + """
while not stop.exists():
    try:
        with duckdb.connect(link, read_only=True) as con:
            number = con.execute("SELECT release_number FROM release").fetchone()[0]
            people = con.execute("SELECT count(*) FROM core_trainee").fetchone()[0]
            reached = con.execute("SELECT max(trainees) FROM report_reach").fetchone()[0]
        torn += not number == people == reached
        backward += bool(seen) and number < seen[-1]
        seen.append(number)
    except duckdb.Error as error:
        errors.append(str(error))
    # somebody has to publish beside them
    time.sleep(0.02)
print(json.dumps({"reads": len(seen), "releases": len(set(seen)), "torn": torn, "backward": backward,
                  "errors": errors[:3]}))
"""
)
WRITER = (
    ORDINARY
    + """
refused, opened = 0, 0
while not stop.exists():
    try:
        with duckdb.connect(link) as con:
            opened += 1
    except duckdb.IOException:
        refused += 1
    try:
        os.close(os.open(link, os.O_RDWR))
        opened += 1
    except PermissionError:
        refused += 1
    time.sleep(0.1)
print(json.dumps({"opened": opened, "refused": refused}))
"""
)
HOLDER = (
    ORDINARY
    + """
reads = 0
with duckdb.connect(link, read_only=True) as con:
    number, gone = con.execute("SELECT release_number FROM release").fetchone()[0], False
    while not stop.exists():
        people = con.execute("SELECT count(*) FROM core_trainee").fetchone()[0]
        reached = con.execute("SELECT max(trainees) FROM report_reach").fetchone()[0]
        torn += not number == people == reached
        reads += 1
        time.sleep(0.1)
    gone = not (Path(link).parent / "releases" / f"{number:06d}.duckdb").exists()
print(json.dumps({"reads": reads, "torn": torn, "number": number, "gone": gone}))
"""
)
# as whoever runs the tests: root may write to what nobody else may
INTRUDER = """
import sys, time
import duckdb
path = sys.argv[1]
con = duckdb.connect(path)
con.execute("CREATE TABLE scribble AS SELECT 1 AS one")
print("open", flush=True)
time.sleep(60)
"""


@pytest.fixture
def shared() -> Iterator[Path]:
    """A data folder that every user of this machine can reach; the folders of pytest are their owner's alone."""
    folder = Path(tempfile.mkdtemp(prefix="godigital-readers-"))
    folder.chmod(0o755)
    yield folder / "data"
    shutil.rmtree(folder)


@pytest.fixture
def vault(tmp_path: Path) -> Iterator[TinyVault]:
    """An empty vault."""
    made = TinyVault(tmp_path / "vault")
    yield made
    made.con.close()


@contextmanager
def started(program: str, *words: object) -> Iterator[subprocess.Popen[str]]:
    """Another Python that has said that it is ready; it ends with the block at the latest."""
    command = [sys.executable, "-c", program, *map(str, words)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout.readline() in ("ready\n", "open\n")
            yield process
        finally:
            process.kill()


def publish_beside_readers(vault: TinyVault, data: Path, releases: int, readers: int) -> dict[str, object]:
    """Publish while readers read; returns what each of them has met."""
    link, stop = data / "warehouse.duckdb", data.parent / "stop"
    vault.attend("t1")
    vault.publish(data)
    with ExitStack() as stack:
        programs = [*[READER] * readers, WRITER, HOLDER]
        processes = [stack.enter_context(started(program, link, stop, NOBODY)) for program in programs]
        for number in range(2, releases + 1):
            vault.attend(f"t{number}")
            assert vault.publish(data, keep=3).release.number == number
        stop.touch()
        answers = [json.loads(process.communicate(timeout=30)[0]) for process in processes]
    return {"readers": answers[:readers], "writer": answers[-2], "holder": answers[-1]}


@pytest.mark.parametrize(
    ("releases", "readers"), [(8, 2), pytest.param(101, 3, marks=pytest.mark.long)], ids=["seven", "a hundred"]
)
def test_readers_meet_no_error_no_torn_release_and_never_an_older_one(
    vault: TinyVault, shared: Path, releases: int, readers: int, capsys: pytest.CaptureFixture[str]
) -> None:
    began = time.monotonic()
    met = publish_beside_readers(vault, shared, releases, readers)
    with capsys.disabled():
        if releases > 100:
            print(f"\n{releases - 1} publications in {time.monotonic() - began:.0f} s: {json.dumps(met)}")
    for reader in met["readers"]:
        assert (reader["errors"], reader["torn"], reader["backward"]) == ([], 0, 0)
        assert reader["releases"] > releases / 2
        assert reader["reads"] > releases
    assert met["writer"]["opened"] == 0
    assert met["writer"]["refused"] > releases
    # what a reader has open stays whole after its file was let go
    assert met["holder"] == {"reads": met["holder"]["reads"], "torn": 0, "number": 1, "gone": True}
    assert met["holder"]["reads"] > releases
    assert [release.number for release in list_releases(shared)] == [releases - 2, releases - 1, releases]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can open a release for writing, against its mode")
def test_who_has_a_release_open_for_writing_is_named_and_the_next_publication_heals(
    vault: TinyVault, shared: Path
) -> None:
    vault.attend("t1")
    vault.publish(shared)

    def ask() -> Any:
        words = ["sql", "SELECT release_number FROM release", "--json", "--data", str(shared)]
        return CliRunner().invoke(app, words)

    with started(INTRUDER, (shared / "warehouse.duckdb").resolve()) as intruder:
        refused = ask()
        assert (refused.exit_code, refused.stdout) == (1, "")
        assert f"process {intruder.pid}" in refused.stderr
        assert "000001.duckdb" in refused.stderr
        assert "next publication" in refused.stderr
        assert len(refused.stderr.splitlines()) == 1
        vault.attend("t2")
        assert vault.publish(shared).release.number == 2
        healed = ask()
        assert (healed.exit_code, json.loads(healed.stdout)) == (0, [{"release_number": 2}])
