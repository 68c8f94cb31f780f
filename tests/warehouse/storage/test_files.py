"""A name never holds half a file, and private things are private whatever the umask."""

import os
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import pytest

from warehouse.storage.files import (
    private_folder,
    remove_stale,
    replace_symlink,
    sha256_of,
    shared_folder,
    write_durably,
)


@pytest.fixture(params=[0o000, 0o022, 0o077], ids=["open", "usual", "closed"])
def umask(request: pytest.FixtureRequest) -> Iterator[int]:
    before = os.umask(request.param)
    yield request.param
    os.umask(before)


def mode_of(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.mark.parametrize("mode", [0o600, 0o644, 0o444])
def test_a_file_has_the_mode_asked_for_whatever_the_umask(tmp_path: Path, umask: int, mode: int) -> None:
    target = tmp_path / "a.txt"
    target.write_bytes(b"before")
    write_durably(target, b"after", mode)
    assert target.read_bytes() == b"after"
    assert mode_of(target) == mode
    assert list(tmp_path.iterdir()) == [target]


def test_a_failing_writer_leaves_the_old_file_and_nothing_beside_it(tmp_path: Path) -> None:
    target = tmp_path / "a.txt"
    target.write_bytes(b"before")

    def write_half(file: BinaryIO) -> None:
        file.write(b"half")
        raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        write_durably(target, write_half)
    assert target.read_bytes() == b"before"
    assert list(tmp_path.iterdir()) == [target]


def test_a_killed_writer_leaves_the_old_file_and_a_part_that_is_removed_later(tmp_path: Path) -> None:
    target = tmp_path / "a.txt"
    target.write_bytes(b"before")
    program = (
        "import os, pathlib, sys\n"
        "from warehouse.storage.files import write_durably\n"
        "def write(file):\n    file.write(b'half'); file.flush(); os.kill(os.getpid(), 9)\n"
        "write_durably(pathlib.Path(sys.argv[1]), write)\n"
    )
    assert subprocess.run([sys.executable, "-c", program, str(target)], check=False).returncode == -9  # noqa: S603
    assert target.read_bytes() == b"before"
    assert len(list(tmp_path.glob("*.part"))) == 1
    assert remove_stale(tmp_path, of="other*") == 0
    assert remove_stale(tmp_path) == 1
    assert list(tmp_path.iterdir()) == [target]


def test_the_hash_is_that_of_the_bytes(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"abc")
    assert sha256_of(tmp_path / "a") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"


def test_a_private_folder_is_closed_again_when_somebody_opened_it(tmp_path: Path, umask: int) -> None:
    folder = private_folder(tmp_path / "private")
    assert mode_of(folder) == 0o700
    folder.chmod(0o755)
    assert mode_of(private_folder(folder)) == 0o700


def test_a_shared_folder_can_be_read_whatever_the_umask(tmp_path: Path, umask: int) -> None:
    assert mode_of(shared_folder(tmp_path / "shared")) & 0o755 == 0o755


def test_a_link_is_replaced_in_one_step_and_keeps_its_relative_target(tmp_path: Path) -> None:
    link = tmp_path / "current"
    for name in ("one", "two"):
        (tmp_path / name).write_text(name)
        replace_symlink(link, name)
        assert link.read_text() == name
        assert str(link.readlink()) == name
    assert sorted(path.name for path in tmp_path.iterdir()) == ["current", "one", "two"]
