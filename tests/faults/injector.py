"""Counts everything a process asks of its disk and of its database, and lets the k-th of it go wrong.

It patches this process for good: only a forked child that ends afterwards may install it.
"""

import builtins
import errno
import fcntl
import io
import os
import signal
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import duckdb

# what takes a path first, counted below the folder of the test; then what takes a descriptor of a file there
_BY_PATH = ("open", "mkdir", "chmod", "unlink", "remove", "replace", "rename", "scandir", "listdir")
_BY_DESCRIPTOR = ("write", "pwrite", "ftruncate", "fsync", "fchmod")
_STATEMENTS = ("execute", "executemany", "sql", "query", "commit", "cursor", "register", "unregister", "begin")
HOW = ("raise", "stay", "kill")


class Injector:
    """The faults of one process.

    how: "raise" lets one step fail, as a disk or the database would; "stay" lets that step and all later ones that
    write fail, as a full disk would; "kill" ends the process before the step. at: the step, from 1; 0 only counts.
    """

    def __init__(self, root: Path, how: str, at: int):
        self._root = str(root)
        self._how = how
        self._at = at
        self.steps: list[str] = []

    def install(self) -> None:
        """Patch files and database."""
        for name in _BY_PATH:
            _wrap(os, name, lambda real, name=name: self._counted(real, name, self._is_here))
        for name in _BY_DESCRIPTOR:
            _wrap(os, name, lambda real, name=name: self._counted(real, name, self._is_open_here))
        _wrap(os, "symlink", lambda real: self._counted(real, "symlink", lambda target, link, *_: self._is_here(link)))
        _wrap(os, "fdopen", self._counting_writer)
        _wrap(io, "open", lambda real: self._counted(real, "open", self._is_here))
        builtins.open = io.open
        _wrap(fcntl, "flock", lambda real: self._counted(real, "flock", self._is_open_here))
        _wrap(duckdb, "connect", lambda real: self._counted(real, "connect", lambda *_: True, _database_error))
        for name in _STATEMENTS:
            _wrap(
                duckdb.DuckDBPyConnection,
                name,
                lambda real, name=name: self._counted(real, f"database {name}", lambda *_: True, _database_error),
            )
        _wrap(duckdb.DuckDBPyConnection, "close", self._failing_close)

    def step(self, name: str, error: Callable[[], Exception], *, writes: bool = True) -> None:
        """Count one step, and fail where it is the one.

        Raises:
            OSError: or the database's own error, as `error` gives it.
        """
        self.steps.append(name)
        here = len(self.steps) == self._at
        if here and self._how == "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        later = self._how == "stay" and writes and 0 < self._at <= len(self.steps)
        if here or later:
            raise error()

    def _counted(
        self,
        real: Callable[..., Any],
        name: str,
        concerns: Callable[..., bool],
        error: Callable[[], Exception] | None = None,
    ) -> Callable[..., Any]:
        def counted(*arguments: Any, **options: Any) -> Any:
            if concerns(*arguments):
                self.step(name, error or self._disk_error, writes=_writes(name, arguments, options))
            return real(*arguments, **options)

        return counted

    def _disk_error(self) -> OSError:
        code = errno.ENOSPC if self._how == "stay" else errno.EIO
        return OSError(code, os.strerror(code))

    def _failing_close(self, real: Callable[..., Any]) -> Callable[..., Any]:
        def close(connection: duckdb.DuckDBPyConnection) -> None:
            # closing writes, and never says that it could not
            with suppress(duckdb.Error):
                self.step("database close", _database_error)
            real(connection)

        return close

    def _counting_writer(self, real: Callable[..., Any]) -> Callable[..., Any]:
        injector = self

        class Writer(io.BufferedWriter):
            def write(self, content: Any) -> int:
                injector.step("file write", injector._disk_error)
                return super().write(content)

            def flush(self) -> None:
                # closing flushes once more
                if not self.closed and injector._is_open_here(self.fileno()):
                    injector.step("file flush", injector._disk_error)
                super().flush()

        def fdopen(descriptor: int, mode: str = "r", *arguments: Any, **options: Any) -> Any:
            if mode == "wb" and self._is_open_here(descriptor):
                return Writer(io.FileIO(descriptor, "wb"))
            return real(descriptor, mode, *arguments, **options)

        return fdopen

    def _is_here(self, path: Any, *_: Any, **__: Any) -> bool:
        return not isinstance(path, int) and os.fspath(path).startswith(self._root)

    def _is_open_here(self, descriptor: int, *_: Any, **__: Any) -> bool:
        return str(Path(f"/proc/self/fd/{descriptor}").readlink()).startswith(self._root)


def _database_error() -> duckdb.Error:
    return duckdb.IOException("IO Error: Could not write file: the disk gave up")


def _writes(name: str, arguments: tuple[Any, ...], options: dict[str, Any]) -> bool:
    """Whether a full disk would refuse it: reading, and letting go, go on."""
    if name == "open":
        how = options.get("mode", arguments[1] if len(arguments) > 1 else "r")
        return bool(how & (os.O_WRONLY | os.O_RDWR)) if isinstance(how, int) else how[:1] in "wax" or "+" in how
    return name not in ("scandir", "listdir", "unlink", "remove", "flock", "fsync")


def _wrap(owner: Any, name: str, make: Callable[[Callable[..., Any]], Callable[..., Any]]) -> None:
    setattr(owner, name, make(getattr(owner, name)))
