"""Which processes have a file open for writing, as far as this machine's /proc tells whoever asks.

Processes of other users are told by their lock on the file; what they have open without one stays unknown.
"""

import fcntl
import os
import struct
import sys
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path

_PROC = Path("/proc")
# struct flock of Linux on 64 bits: type, whence, start, length, process
_FLOCK = "hhqqi"


@dataclass(frozen=True)
class Writer:
    """A process that has a file open for writing."""

    file: Path
    pid: int
    command: str


def writers_of(files: Collection[Path]) -> tuple[Writer, ...]:
    """Return who has one of these files open for writing, by file and process; nothing where /proc is not there."""
    by_inode = {(stat.st_dev, stat.st_ino): path for path in files if path.is_file() and (stat := path.stat())}
    found = {(by_inode[key], pid) for pid, key in _open_for_writing() if key in by_inode}
    found |= {(path, pid) for path in by_inode.values() if (pid := _lock_holder(path)) is not None}
    return tuple(Writer(path, pid, _command(pid)) for path, pid in sorted(found))


def has_open(pid: int, file: Path) -> bool:
    """Whether a process has a file open; True also where nobody but that process may know."""
    stat = file.stat()
    try:
        descriptors = list((_PROC / str(pid) / "fd").iterdir())
    except FileNotFoundError:
        return False
    except PermissionError:
        return True
    return any(_inode(descriptor) == (stat.st_dev, stat.st_ino) for descriptor in descriptors)


def _open_for_writing() -> Iterator[tuple[int, tuple[int, int]]]:
    for process in _PROC.iterdir() if _PROC.is_dir() else ():
        if not process.name.isdecimal():
            continue
        try:
            descriptors = list((process / "fd").iterdir())
        except OSError:
            # ended meanwhile, or somebody else's
            continue
        for descriptor in descriptors:
            if (inode := _inode(descriptor)) is not None and _may_write(process / "fdinfo" / descriptor.name):
                yield int(process.name), inode


def _inode(descriptor: Path) -> tuple[int, int] | None:
    try:
        stat = descriptor.stat()
    except OSError:
        return None
    return stat.st_dev, stat.st_ino


def _may_write(info: Path) -> bool:
    try:
        lines = dict(line.split(":", 1) for line in info.read_text().splitlines() if ":" in line)
        return int(lines["flags"], 8) & os.O_ACCMODE != os.O_RDONLY
    except (OSError, KeyError, ValueError):
        return False


def _lock_holder(file: Path) -> int | None:
    """The process whose lock keeps readers out: DuckDB's, of whoever writes a database."""
    if not sys.platform.startswith("linux"):
        return None
    asked = struct.pack(_FLOCK, fcntl.F_RDLCK, os.SEEK_SET, 0, 0, 0)
    try:
        with file.open("rb") as stream:
            kind, _, _, _, pid = struct.unpack(_FLOCK, fcntl.fcntl(stream, fcntl.F_GETLK, asked))
    except OSError:
        return None
    return int(pid) if kind == fcntl.F_WRLCK and pid > 0 else None


def _command(pid: int) -> str:
    try:
        return (_PROC / str(pid) / "comm").read_text().strip()
    except OSError:
        return "ended meanwhile"
