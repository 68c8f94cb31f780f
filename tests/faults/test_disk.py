"""A disk that fills up, or may not be written: the published release stays, a sentence says what to do, room heals."""

import os
import subprocess

import pytest

from tests.faults.conftest import play_apart, require_healed


def can_mount(folder) -> bool:
    if os.getuid() != 0:
        return False
    command = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(folder)]  # noqa: S607
    if subprocess.run(command, check=False, capture_output=True).returncode != 0:
        return False
    subprocess.run(["umount", str(folder)], check=True)  # noqa: S607
    return True


@pytest.fixture
def small_disks(tmp_path):
    if not can_mount(tmp_path):
        pytest.skip("a small disk can be mounted by root alone; files that may not grow are tested instead")


def require_stopped(found, *words):
    assert (found["code"], found["stands"]) == (1, "old"), f"{found['name']}: {found['said'][-2000:]}"
    last = found["said"].strip().splitlines()[-1]
    assert last.endswith("then run again")
    assert any(word in last for word in words), last
    require_healed(found["healed"])


FULL = ["No space left on device"]


def test_a_full_disk_stops_the_run_wherever_it_is_and_a_rerun_with_room_heals(prepared, small_disks):
    # landing, locks and vault; linking; building; describing what was built
    names = [
        "full raw/TL/COOP/deliveries 0",
        "full data/private 0",
        "full data/releases 0",
        "full data/releases 3000000",
    ]
    for found in play_apart("scenarios", prepared, *names):
        require_stopped(found, *FULL)


def require_stopped_or_done(found):
    if found["code"] == 0:
        assert found["stands"] == "new"
        require_healed(found["healed"])
    elif found["stands"] == "new":
        # readers have the new release; only what comes after could not be written
        assert found["code"] == 1
        require_healed(found["healed"])
    else:
        require_stopped(found, *FULL)


@pytest.mark.long
def test_a_disk_that_is_full_after_any_number_of_bytes(prepared, small_disks):
    rooms = [*range(0, 131072, 4096), *range(131072, 16_000_000, 200_000)]
    results = play_apart("scenarios", prepared, *(f"full data {room}" for room in rooms))
    for found in results:
        require_stopped_or_done(found)
    assert {found["stands"] for found in results} == {"old", "new"}


def test_files_that_may_not_grow_stop_the_run_and_a_rerun_heals(prepared):
    # what lands, the vault's log, the candidate
    for found in play_apart("scenarios", prepared, "short 100", "short 5000", "short 3000000"):
        require_stopped(found, "File too large")


@pytest.mark.skipif(os.getuid() != 0, reason="only root can give a folder away, and be somebody else for a while")
def test_a_folder_that_may_not_be_written_stops_the_run_with_its_name(prepared):
    folders = ("raw/TL/COOP/deliveries", "data/private", "data/releases", "data")
    for folder, found in zip(
        folders, play_apart("scenarios", prepared, *(f"closed {name}" for name in folders)), strict=True
    ):
        require_stopped(found, "Permission denied", "Operation not permitted")
        assert f"root/{folder}" in found["said"].strip().splitlines()[-1]
