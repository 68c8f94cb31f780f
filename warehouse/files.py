"""Files that survive a power cut: written aside, synced, then renamed, so no name ever holds half a file.

Every file of the project is written here, because encryption at rest will come in at this one place.
"""

import hashlib
import os
import secrets
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

PART_SUFFIX = ".part"


def write_durably(target: Path, write: Callable[[BinaryIO], None] | bytes, mode: int = 0o600) -> None:
    """Write `target` whole or not at all; what stood there before is replaced.

    Args:
        target: The file; its folder exists.
        write: The content, or a function that writes it into an open file.
        mode: Permissions, whatever the process's umask says.

    Raises:
        OSError: The disk refused; `target` is as it was and nothing is left beside it.
    """
    part = _part_of(target)
    try:
        # exclusive, so that a link planted under this name is never followed
        descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
        with os.fdopen(descriptor, "wb") as file:
            os.fchmod(file.fileno(), mode)
            if isinstance(write, bytes):
                file.write(write)
            else:
                write(file)
            file.flush()
            os.fsync(file.fileno())
        part.replace(target)
    except BaseException:
        part.unlink(missing_ok=True)
        raise
    sync(target.parent)


def _part_of(target: Path) -> Path:
    """A name of its own beside `target`: two writers of one file must not share it."""
    return target.with_name(f"{target.name}.{secrets.token_hex(4)}{PART_SUFFIX}")


def sync(path: Path) -> None:
    """Return when the content of a file, or the names in a folder, are on the disk."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sha256_of(path: Path) -> str:
    """Return the SHA-256 of a file's bytes, 64 hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def private_folder(path: Path) -> Path:
    """Return `path`, made where missing, with mode 0700 even if somebody had opened it up."""
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    if path.stat().st_mode & 0o777 != 0o700:
        path.chmod(0o700)
    return path


def shared_folder(path: Path) -> Path:
    """Return `path`, made where missing, which everybody may list and read (0755), whatever the umask."""
    path.mkdir(parents=True, exist_ok=True)
    mode = path.stat().st_mode & 0o7777
    if mode & 0o755 != 0o755:
        path.chmod(mode | 0o755)
    return path


def replace_symlink(link: Path, target: str) -> None:
    """Point `link` at `target` (written as given, so a relative one moves with its folder) in one step.

    Raises:
        OSError: The disk refused; `link` points where it did.
    """
    part = _part_of(link)
    try:
        part.symlink_to(target)
        part.replace(link)
    except BaseException:
        part.unlink(missing_ok=True)
        raise
    sync(link.parent)


def remove_stale(folder: Path, of: str = "*") -> int:
    """Remove what a killed process left half-written in `folder`; returns how many files.

    Call it only under the lock that every writer of these files takes: it cannot tell a dead writer's file
    from a living one's.

    Args:
        folder: The folder, without those below it.
        of: Name of the file the leftovers were meant to become, with * as in a shell.
    """
    stale = list(folder.glob(f"{of}{PART_SUFFIX}"))
    for path in stale:
        path.unlink(missing_ok=True)
    return len(stale)
