"""Two at once: each has published in the end, or says in a sentence who was there first, and nothing is lost."""

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from flows.settings import Settings
from tests.conftest import hashes, make_settings, run
from warehouse.release.releases import list_releases
from warehouse.storage.locks import hold

# a real run that stops where it is told to, until a file says go
HELD = """
import sys, time
from pathlib import Path
from flows.run.execute import execute
from flows.run.result import RunRequest
from flows.settings import Settings
raw, data, stage, go, country, reread = sys.argv[1:]

def on_progress(name, what, done, total):
    if name == stage and not Path(go).exists():
        print("there", flush=True)
        while not Path(go).exists():
            time.sleep(0.01)

settings = Settings(raw=Path(raw), data=Path(data))
request = RunRequest((country,) if country else None, reread=reread == "reprocess")
result = execute(settings, request, on_progress=on_progress)
sys.exit(result.exit_code)
"""
REFUSED = (
    r"{lock}\.lock is locked by {purpose} \(process {pid}, since \d{{4}}-\d\d-\d\dT\d\d:\d\d:\d\dZ\); "
    "wait until it has ended, or stop that process"
)


@contextmanager
def started(*command: object, **variables: str) -> Iterator[subprocess.Popen[str]]:
    """A process that ends with the block at the latest, and all that it has started with it."""
    words, environment = [str(word) for word in command], {**os.environ, **variables}
    with subprocess.Popen(
        words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment, start_new_session=True
    ) as process:
        try:
            yield process
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)


def godigital(settings: Settings, *words: str, **variables: str):
    """A command, started and not waited for."""
    folders = ("--raw", settings.raw, "--data", settings.data)
    return started(sys.executable, "-m", "flows.commands.app", *words, *folders, **variables)


@contextmanager
def held(settings: Settings, go: Path, stage: str, country: str = "", how: str = "run"):
    """A run that has come to a stage and stays there until `go` is there."""
    with started(sys.executable, "-c", HELD, settings.raw, settings.data, stage, go, country, how) as process:
        assert process.stdout.readline() == "there\n", process.stderr.read()
        yield process


def ended(process: subprocess.Popen[str]) -> tuple[int, str, str]:
    out, err = process.communicate(timeout=120)
    return process.returncode, out, err


def says_who(err: str, lock: str, purpose: str, pid: object) -> bool:
    """Whether the error is the one sentence that names lock, purpose, process and time."""
    # a log is wrapped to the width of a screen
    words = " ".join(err.split())
    found = re.search(REFUSED.format(lock=lock, purpose=purpose, pid=pid), words)
    return found is not None and "Traceback" not in err


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> Callable[[Settings], dict[str, str]]:
    """Hashes that a run alone, of what lies in the same raw folder, comes to."""
    known: dict[tuple[str, ...], dict[str, str]] = {}

    def undisturbed(settings: Settings) -> dict[str, str]:
        partners = tuple(sorted(path.parent.name for path in settings.raw.glob("*/*/partner.yml")))
        if partners not in known:
            made = make_settings(settings.raw, tmp_path_factory.mktemp("alone"))
            run(made)
            known[partners] = hashes(made.data)
        return known[partners]

    return undisturbed


@pytest.mark.parametrize(
    ("how", "other"),
    [("run", ["run"]), pytest.param("reprocess", ["run"], marks=pytest.mark.long), ("run", ["reprocess", "BN"])],
    ids=["run and run", "reprocess and run", "run and reprocess"],
)
def test_the_second_on_a_country_is_told_who_the_first_is_and_the_first_publishes(small, tmp_path, alone, how, other):
    settings = small("BN/LDC")
    if how == "reprocess" or "reprocess" in other:
        run(settings)
    before = len(list_releases(settings.data))
    go = tmp_path / "go"
    # a run with nothing new has no later stage than pulling
    with held(settings, go, "read" if how == "reprocess" or not before else "pull", "BN", how) as first:
        with godigital(settings, *other) as second:
            code, out, err = ended(second)
        assert (code, out) == (1, "")
        assert says_who(err, "BN", f"{how} BN", first.pid)
        go.touch()
        assert ended(first)[0] == 0
    assert len(list_releases(settings.data)) == before + (how == "reprocess" or not before)
    assert hashes(settings.data) == alone(settings)


def test_three_runs_started_together_end_published_or_named_away(small, alone):
    settings = small("BN/LDC")
    with godigital(settings, "run") as one, godigital(settings, "run") as two, godigital(settings, "run") as three:
        processes = (one, two, three)
        ends = [ended(process) for process in processes]
    assert {code for code, _, _ in ends} <= {0, 1}
    assert any(code == 0 for code, _, _ in ends)
    pids = "|".join(str(process.pid) for process in processes)
    assert all(says_who(err, "BN", "run BN", f"({pids})") for code, _, err in ends if code == 1)
    assert [release.number for release in list_releases(settings.data)] == [1]
    assert hashes(settings.data) == alone(settings)


def test_two_countries_together_are_both_published_one_after_the_other(small, alone):
    settings = small("BN/LDC", "SG/ACE")
    with godigital(settings, "run", "--country", "BN") as one, godigital(settings, "run", "--country", "SG") as two:
        ends = [ended(process) for process in (one, two)]
    assert [code for code, _, _ in ends] == [0, 0], ends
    assert [release.number for release in list_releases(settings.data)] == [1, 2]
    assert hashes(settings.data) == alone(settings)


def test_publications_together_get_numbers_of_their_own_and_a_rollback_between_them_harms_none(small, alone):
    settings = small("BN/LDC", "SG/ACE")
    run(settings)
    with (
        godigital(settings, "reprocess", "BN") as one,
        godigital(settings, "reprocess", "SG") as two,
        godigital(settings, "rollback", "1") as back,
    ):
        ends = [ended(process) for process in (one, two, back)]
    assert [code for code, _, _ in ends] == [0, 0, 0], ends
    releases = list_releases(settings.data)
    assert [release.number for release in releases] == [1, 2, 3]
    # the same inputs three times: whichever is current
    assert hashes(settings.data) == alone(settings)
    kept = [{name: table["content_hash"] for name, table in release.manifest["tables"].items()} for release in releases]
    assert len({one["core_trainee"] for one in kept}) == 1


@pytest.mark.parametrize(
    "stage", ["load", pytest.param("read", marks=pytest.mark.long), pytest.param("build", marks=pytest.mark.long)]
)
def test_the_locks_of_a_killed_run_are_free_at_once(small, tmp_path, alone, stage):
    settings = small("BN/LDC")
    with held(settings, tmp_path / "go", stage) as first:
        os.killpg(first.pid, signal.SIGKILL)
        first.wait()
        began = time.monotonic()
        with godigital(settings, "run") as second:
            code, _, err = ended(second)
        assert (code, time.monotonic() - began < 30) == (0, True), err
    assert hashes(settings.data) == alone(settings)


@pytest.mark.long
def test_whoever_waits_for_the_vault_is_served_when_its_holder_is_killed(small, tmp_path, alone):
    settings = small("BN/LDC", "SG/ACE")
    with (
        held(settings, tmp_path / "go", "load", "BN") as first,
        godigital(settings, "run", "--country", "SG") as second,
    ):
        lock = settings.data / "private" / "locks" / "SG.lock"
        while not (lock.exists() and lock.read_text()):
            time.sleep(0.01)
        os.killpg(first.pid, signal.SIGKILL)
        assert ended(second)[0] == 0
    assert run(settings).exit_code == 0
    assert hashes(settings.data) == alone(settings)


@pytest.mark.long
def test_a_flow_waits_for_whoever_is_there_and_the_command_is_told_of_the_flow(small, tmp_path, alone):
    settings = small("BN/LDC")
    lock = settings.data / "private" / "locks" / "BN.lock"
    lock.parent.mkdir(mode=0o700)
    # a server of its own, in a folder of its own
    variables = {"PREFECT_HOME": str(tmp_path / "prefect"), "PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS": "120"}
    with godigital(settings, "run", "--country", "BN", "--prefect", **variables) as flow:
        with hold(lock, "run BN"):
            said = ""
            while "its file need not be deleted" not in " ".join(said.split()):
                line = flow.stderr.readline()
                assert line, said
                said += line
            assert says_who(said, "BN", "run BN", os.getpid())
        deadline = time.monotonic() + 30
        while f'"pid": {flow.pid},' not in lock.read_text():
            assert time.monotonic() < deadline
        with godigital(settings, "run") as command:
            code, _, err = ended(command)
        assert code == 1
        assert says_who(err, "BN", "run BN", flow.pid)
        code, out, err = ended(flow)
        assert (code, "Release 1 published" in out) == (0, True), err
    assert hashes(settings.data) == alone(settings)
