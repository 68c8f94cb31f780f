"""A hash of the code, data files and library versions that decide a result: a step is repeated when it changes."""

import hashlib
from collections.abc import Iterable
from importlib.metadata import version
from pathlib import Path

_SUFFIXES = frozenset({".json", ".py", ".sql", ".yml"})


def files_of(root: Path, names: Iterable[str], leave_out: Iterable[str] = ()) -> tuple[Path, ...]:
    """Return the code and data files that `names` say, sorted: a name is a file or folder below `root`.

    Raises:
        FileNotFoundError: a name does not exist: a file that was moved would leave the fingerprint without a word.
    """
    left_out = {root / name for name in leave_out}
    found: set[Path] = set()
    for name in names:
        place = root / name
        if not place.exists():
            raise FileNotFoundError(f"{place}: named in a fingerprint and not there")
        inside = place.rglob("*") if place.is_dir() else (place,)
        found |= {path for path in inside if path.suffix in _SUFFIXES and not left_out & {path, *path.parents}}
    return tuple(sorted(found))


def fingerprint(root: Path, files: Iterable[Path], libraries: Iterable[str] = ()) -> str:
    """Return a SHA-256 of the paths below `root` and contents of files, and of the versions of libraries."""
    digest = hashlib.sha256()
    for path in sorted(files):
        content = hashlib.sha256(path.read_bytes()).hexdigest()
        digest.update(f"{path.relative_to(root).as_posix()} {content}\n".encode())
    for name in sorted(libraries):
        digest.update(f"{name} {version(name)}\n".encode())
    return digest.hexdigest()
