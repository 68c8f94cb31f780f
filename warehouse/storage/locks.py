"""Locks between processes that free themselves when their holder dies, and that say who holds them.

A lock is an open file description under `flock`; the file's content only informs people.
"""

import datetime as dt
import fcntl
import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

_POLL_SECONDS = 0.05
_held: set[int] = set()


@dataclass(frozen=True)
class Holder:
    """Who took a lock, what for, and since when (UTC, ISO 8601); whether that process lives is not said."""

    pid: int
    purpose: str
    since: str


class LockedError(RuntimeError):
    """Somebody else holds the lock; the message names what for, the process and what to do."""


def _forget_in_child() -> None:
    """A forked worker must not keep its parent's locks alive after the parent was killed."""
    for descriptor in _held:
        os.close(descriptor)
    _held.clear()


os.register_at_fork(after_in_child=_forget_in_child)


@contextmanager
def hold(path: Path, purpose: str, wait_seconds: float = 0) -> Iterator[None]:
    """Hold the lock at `path` for the length of the block; the lock file is never deleted.

    Deleting it would let two processes hold locks on two files of one name. The lock is not re-entrant.

    Args:
        path: The lock file, made where missing; its folder exists.
        purpose: What this process does meanwhile, for whoever has to wait, e.g. "publishing release 12".
        wait_seconds: How long to wait for another holder.

    Raises:
        LockedError: Another process, or another block of this one, still holds it after `wait_seconds`.
    """
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    _held.add(descriptor)
    try:
        deadline = time.monotonic() + wait_seconds
        while not _try_lock(descriptor):
            if time.monotonic() >= deadline:
                raise LockedError(_say_who(path, descriptor))
            time.sleep(_POLL_SECONDS)
        _write(descriptor, _holder(purpose))
        try:
            yield
        finally:
            if descriptor in _held:
                _write(descriptor, b"")
    finally:
        # in a forked child the descriptor is closed already, and its number may be another file's
        if descriptor in _held:
            _held.discard(descriptor)
            os.close(descriptor)


def is_alive(pid: int) -> bool:
    """Whether there is a process of this number."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _try_lock(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _holder(purpose: str) -> bytes:
    since = dt.datetime.now(dt.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return json.dumps({"pid": os.getpid(), "purpose": purpose, "since": since}, ensure_ascii=False).encode()


def _write(descriptor: int, content: bytes) -> None:
    # it only informs people: whoever reads a warehouse on a full disk has the lock all the same
    with suppress(OSError):
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, content, 0)


def holder_named(path: Path) -> Holder | None:
    """Return who wrote its name into a lock file last and has not let go of it; it may have been killed since."""
    return _parse(path.read_bytes())


def _parse(content: bytes) -> Holder | None:
    try:
        said = json.loads(content)
        return Holder(int(said["pid"]), str(said["purpose"]), str(said["since"]))
    except (ValueError, KeyError, TypeError):
        return None


def _say_who(path: Path, descriptor: int) -> str:
    holder = _parse(os.pread(descriptor, 4096, 0))
    # without a name: it has taken the lock and not yet written it
    who = (
        f"{holder.purpose} (process {holder.pid}, since {holder.since})"
        if holder
        else "another process that has not said what it does"
    )
    return (
        f"{path.name} is locked by {who}; wait until it has ended, or stop that process and run again: "
        "the lock frees itself, its file need not be deleted"
    )
