"""Files that survive a power cut: written aside, synced, then renamed, so no name ever holds half a file.

Every file of the project is written here, because encryption at rest will come in at this one place.
"""

import fcntl
import hashlib
import os
import secrets
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

# the folder of the three packages: what is hashed, and where other processes find the code
PROJECT = Path(__file__).resolve().parents[2]
PART_SUFFIX = ".part"
_COPIED_AT_ONCE = 1024**2


def write_durably(target: Path, write: Callable[[BinaryIO], None] | bytes, mode: int = 0o600) -> None:
    """Write `target` whole or not at all; what stood there before is replaced.

    Args:
        target: The file; its folder exists.
        write: The content, or a function that writes it into an open file.
        mode: Permissions, whatever the process's umask says.

    Raises:
        OSError: The disk refused; `target` is as it was and nothing is left beside it.
    """
    part, descriptor = _open_part(target, os.O_WRONLY, mode)
    try:
        with os.fdopen(descriptor, "wb") as file:
            os.fchmod(file.fileno(), mode)
            if isinstance(write, bytes):
                file.write(write)
            else:
                write(file)
            file.flush()
            os.fsync(file.fileno())
        part.replace(target)
    except OSError as error:
        part.unlink(missing_ok=True)
        # writing to an open file says no name
        if error.errno is not None and error.filename is None:
            error.filename = str(target)
        raise
    except BaseException:
        part.unlink(missing_ok=True)
        raise
    sync(target.parent)


def copy_durably(source: Path, target: Path, mode: int = 0o600) -> tuple[int, str]:
    """Copy a file as `write_durably` writes one; returns size and SHA-256 of what was written.

    Raises:
        OSError: It cannot be read, or the disk refused; `target` is as it was.
    """
    digest = hashlib.sha256()
    size = 0

    def write(stream: BinaryIO) -> None:
        nonlocal size
        with source.open("rb") as file:
            while chunk := file.read(_COPIED_AT_ONCE):
                digest.update(chunk)
                size += len(chunk)
                stream.write(chunk)

    write_durably(target, write, mode)
    return size, digest.hexdigest()


def _part_of(target: Path) -> Path:
    """A name of its own beside `target`: two writers of one file must not share it."""
    return target.with_name(f"{target.name}.{secrets.token_hex(4)}{PART_SUFFIX}")


def _open_part(target: Path, access: int, mode: int) -> tuple[Path, int]:
    """Open a new file beside `target`, locked as long as it is open: so it is known whether its writer lives."""
    while True:
        part = _part_of(target)
        # exclusive, so that a link planted under this name is never followed
        descriptor = os.open(part, access | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            if os.fstat(descriptor).st_nlink:
                return part, descriptor
        except BaseException:
            os.close(descriptor)
            part.unlink(missing_ok=True)
            raise
        # somebody took it for abandoned in the moment before it was locked
        os.close(descriptor)


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


def remove_abandoned(folder: Path) -> int:
    """Remove the half-written files in `folder` whose writer is dead; returns how many. Needs no lock of its own."""
    return sum(_remove_if_abandoned(path) for path in folder.glob(f"*{PART_SUFFIX}"))


def _remove_if_abandoned(part: Path) -> bool:
    try:
        descriptor = os.open(part, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except FileNotFoundError:
        # finished, or removed, meanwhile
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        part.unlink(missing_ok=True)
    except BlockingIOError:
        return False
    finally:
        os.close(descriptor)
    return True


class Incoming:
    """Bytes that arrive before it is known what they are called: held in memory, and beyond 64 MB in a `.part`.

    Use it as a context: what has not been kept by its end is gone.
    """

    _IN_MEMORY = 64 * 1024**2

    def __init__(self, folder: Path, *, md5: bool = False):
        self._folder = folder
        self._chunks: list[bytes] = []
        self._part: Path | None = None
        self._file: BinaryIO | None = None
        self._digest = hashlib.sha256()
        self._md5 = hashlib.md5(usedforsecurity=False) if md5 else None
        self.size = 0

    def __enter__(self) -> "Incoming":
        return self

    def __exit__(self, *_: object) -> None:
        if self._file is not None:
            self._file.close()
        if self._part is not None:
            self._part.unlink(missing_ok=True)

    @property
    def sha256(self) -> str:
        """SHA-256 of what has arrived, 64 hexadecimal digits."""
        return self._digest.hexdigest()

    @property
    def md5(self) -> str | None:
        """MD5 of what has arrived, where it was asked for: to compare with what a store announced, no protection."""
        return None if self._md5 is None else self._md5.hexdigest()

    def add(self, chunk: bytes) -> None:
        """Take the next bytes."""
        self.size += len(chunk)
        self._digest.update(chunk)
        if self._md5 is not None:
            self._md5.update(chunk)
        self._chunks.append(chunk)
        if self._file is not None or self.size > self._IN_MEMORY:
            self._spill()

    def _spill(self) -> None:
        if self._file is None:
            private_folder(self._folder)
            self._part, descriptor = _open_part(self._folder / "incoming", os.O_RDWR, 0o600)
            self._file = os.fdopen(descriptor, "w+b")
        self._file.writelines(self._chunks)
        self._chunks.clear()

    def keep(self, target: Path, mode: int) -> None:
        """Write what has arrived under `target`, whole and durably, as `write_durably` does."""
        spilled = self._file
        if spilled is None:
            write_durably(target, lambda stream: stream.writelines(self._chunks), mode=mode)
            return
        spilled.seek(0)
        write_durably(target, lambda stream: shutil.copyfileobj(spilled, stream, 1024**2), mode=mode)
