"""One holder at a time, who is named to the others, and whose death frees the lock."""

import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from warehouse.storage.locks import LockedError, hold

HOLDER = """
import os, sys, time
from pathlib import Path
from warehouse.storage.locks import hold
with hold(Path(sys.argv[1]), "reading VN-EXAMPLE"):
    {inside}
    print("held", flush=True)
    time.sleep(float(sys.argv[2]))
"""


@contextmanager
def holder(path: Path, seconds: float = 60, inside: str = "pass") -> Iterator[subprocess.Popen[str]]:
    """Another process that holds the lock, and has said so."""
    command = [sys.executable, "-c", HOLDER.format(inside=inside), str(path), str(seconds)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:  # noqa: S603
        assert process.stdout is not None
        try:
            assert process.stdout.readline() == "held\n"
            yield process
        finally:
            process.kill()


def test_a_held_lock_is_refused_with_purpose_process_and_time(tmp_path: Path) -> None:
    path = tmp_path / "VN.lock"
    with holder(path) as process, pytest.raises(LockedError) as refused, hold(path, "reading VN again"):
        pass
    words = str(refused.value)
    assert "VN.lock" in words
    assert "reading VN-EXAMPLE" in words
    assert f"process {process.pid}" in words
    assert re.search(r"since \d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", words)
    assert "wait" in words


def test_a_killed_holder_frees_the_lock_at_once(tmp_path: Path) -> None:
    path = tmp_path / "VN.lock"
    with holder(path) as process:
        process.kill()
        process.wait()
        with hold(path, "reading VN"):
            pass


def test_a_killed_holder_frees_the_lock_although_its_forked_worker_lives(tmp_path: Path) -> None:
    path = tmp_path / "VN.lock"
    worker = tmp_path / "worker"
    # the worker says itself that it lives: by then what runs in a forked child has run
    inside = (
        f"worker = Path({str(worker)!r})\n"
        "    if os.fork() == 0:\n"
        "        worker.with_suffix('.part').write_text(str(os.getpid()))\n"
        "        worker.with_suffix('.part').rename(worker)\n"
        "        time.sleep(60)\n"
        "    while not worker.exists():\n"
        "        time.sleep(0.01)"
    )
    with holder(path, inside=inside) as process:
        process.kill()
        process.wait()
        child = int(worker.read_text())
        try:
            os.kill(child, 0)
            with hold(path, "reading VN"):
                pass
        finally:
            os.kill(child, 9)


def test_a_waiting_process_gets_the_lock_when_it_is_free(tmp_path: Path) -> None:
    path = tmp_path / "VN.lock"
    with holder(path, seconds=0.3), hold(path, "reading VN", wait_seconds=30):
        pass


def test_waiting_ends(tmp_path: Path) -> None:
    path = tmp_path / "VN.lock"
    with holder(path):
        began = time.monotonic()
        with pytest.raises(LockedError), hold(path, "reading VN", wait_seconds=0.3):
            pass
        assert 0.3 <= time.monotonic() - began < 5


def test_the_lock_file_stays_and_says_nothing_once_free(tmp_path: Path) -> None:
    path = tmp_path / "VN.lock"
    with hold(path, "reading VN"):
        assert "reading VN" in path.read_text()
    assert path.read_text() == ""


def test_an_error_inside_frees_the_lock(tmp_path: Path) -> None:
    path = tmp_path / "VN.lock"
    with pytest.raises(RuntimeError, match="broken"), hold(path, "reading VN"):
        raise RuntimeError("broken")
    with hold(path, "reading VN"):
        pass


def test_a_lock_is_not_given_twice_to_one_process(tmp_path: Path) -> None:
    path = tmp_path / "VN.lock"
    with hold(path, "reading VN"), pytest.raises(LockedError), hold(path, "reading VN again"):
        pass
