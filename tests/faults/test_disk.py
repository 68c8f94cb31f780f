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


FULL = "No space left on device"
# landing, building, describing what was built; in the long version locks, vault and linking, too
USUAL = ("full raw/TL/COOP/deliveries 0", "full data/releases 3000000")
FOLDERS = ("raw/TL/COOP/deliveries", "data/private", "data/releases", "data")


def test_a_full_disk_stops_the_run_and_a_rerun_with_room_heals(prepared, small_disks):
    for found in play_apart("scenarios", prepared, *USUAL):
        require_stopped(found, FULL)


def require_stopped_or_done(found):
    if found["stands"] == "new":
        # readers have the new release; only what comes after could not be written
        assert found["code"] in (0, 1), found["said"]
        assert "Traceback" not in found["said"]
        require_healed(found["healed"])
    else:
        require_stopped(found, FULL)


@pytest.mark.long
def test_a_disk_that_is_full_after_any_number_of_bytes_stops_the_run_and_room_heals(prepared, small_disks):
    rooms = [*range(0, 131072, 8192), *range(131072, 24_000_000, 600_000)]
    folders = ["full data/private 0", "full data/private 300000", "full data/releases 0"]
    results = play_apart("scenarios", prepared, *folders, *(f"full data {room}" for room in rooms))
    for found in results:
        require_stopped_or_done(found)
    assert {found["stands"] for found in results} == {"old", "new"}


def test_a_file_that_may_not_grow_stops_the_run_and_a_rerun_heals(prepared):
    for found in play_apart("scenarios", prepared, "short 5000", "short 3000000"):
        require_stopped(found, "File too large")


@pytest.mark.long
def test_files_of_any_greatest_size_stop_the_run_or_do_not_matter(prepared):
    sizes = [0, 1, 100, 1000, 10_000, *range(100_000, 12_000_000, 500_000)]
    for found in play_apart("scenarios", prepared, *(f"short {size}" for size in sizes)):
        if found["stands"] == "new":
            require_healed(found["healed"])
        else:
            require_stopped(found, "File too large")


def require_named(found):
    require_stopped(found, "Permission denied", "Operation not permitted")
    assert f"root/{found['name'].removeprefix('closed ')}" in found["said"].strip().splitlines()[-1]


ROOT = pytest.mark.skipif(os.getuid() != 0, reason="only root can give a folder away, and be somebody else for a while")


@ROOT
def test_a_folder_that_may_not_be_written_stops_the_run_with_its_name(prepared):
    (found,) = play_apart("scenarios", prepared, "closed data")
    require_named(found)


@ROOT
@pytest.mark.long
def test_any_folder_that_may_not_be_written_stops_the_run_with_its_name(prepared):
    for found in play_apart("scenarios", prepared, *(f"closed {folder}" for folder in FOLDERS)):
        require_named(found)
