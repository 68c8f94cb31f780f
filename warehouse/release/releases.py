"""The releases in a data folder: which there are, which is current, and what their manifests say."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from warehouse.storage import files

NUMBERED = re.compile(r"(\d{6,})\.(duckdb|json|duckdb\.wal)")


_IN_A_MANIFEST = {"release_number", "built_at", "input_hash", "file_size", "file_sha256", "rules", "tables"}


class PublishError(RuntimeError):
    """A release cannot be published or found; the message says why, and readers keep what they have."""


class ManifestError(PublishError):
    """The manifest of a release cannot be read; the message names the file and what to do."""


@dataclass(frozen=True)
class Release:
    """A published release that is still kept."""

    number: int
    path: Path
    manifest: dict[str, Any]
    is_current: bool


def current(data: Path) -> Release | None:
    """Return the release that readers open; None before the first, or where the link leads nowhere.

    Raises:
        ManifestError: its manifest cannot be read.
    """
    number = current_number(data)
    return None if number is None else _release(data, number)


def published_input_hash(data: Path) -> str | None:
    """Return the input hash of the release that readers open; None where there is none, or nobody can say."""
    try:
        release = current(data)
    except ManifestError:
        return None
    return None if release is None else str(release.manifest["input_hash"])


def withdrawn_input_hash(data: Path) -> str | None:
    """Return the input hash of the release that somebody rolled back from; None where nobody did.

    The same inputs are not published again by the next run: the person had a reason.

    Raises:
        PublishError: the note of it cannot be read.
    """
    path = rollback_note(data)
    try:
        note = json.loads(path.read_text(encoding="utf-8"))
        is_over = note["from"] < (current_number(data) or 0)
        return None if is_over else str(note["input_hash"])
    except FileNotFoundError:
        return None
    except (ValueError, KeyError, TypeError) as error:
        raise PublishError(
            f"{path}: the note of a rollback cannot be read ({type(error).__name__}); restore it from the backup, or "
            "remove it: then the next run publishes what the vault holds"
        ) from error


def list_releases(data: Path) -> tuple[Release, ...]:
    """Return the complete releases, by number; those whose manifest cannot be read are left out.

    One that was never current can be among them: its publication was killed before the last step.
    """
    return tuple(item for item in _listed(data) if isinstance(item, Release))


def unreadable_manifests(data: Path) -> tuple[ManifestError, ...]:
    """Return an error for every release whose manifest cannot be read."""
    return tuple(item for item in _listed(data) if isinstance(item, ManifestError))


def damage_of_current(data: Path) -> str:
    """Return a sentence where the release that readers open is not, byte by byte, what was published; else ''."""
    number = current_number(data)
    try:
        release = None if number is None else _release(data, number)
    except ManifestError as error:
        return str(error)
    if number is None:
        return ""
    if release is None:
        return f"{link_path(data)} leads to release {number}, of which the file or its manifest is gone"
    size, digest = release.manifest["file_size"], release.manifest["file_sha256"]
    if release.path.stat().st_size != size or files.sha256_of(release.path) != digest:
        return (
            f"{release.path}: the file is not, byte by byte, what was published. Only a copy from the backup can be "
            "rolled back to; what the vault holds is published anew unless it was rolled back from"
        )
    return ""


def release_numbers(data: Path) -> tuple[int, ...]:
    """Return the number of everything that has both a release's file and a manifest, read or not, sorted."""
    return tuple(
        number
        for number in sorted(set(file_numbers(data)))
        if release_path(data, number).is_file() and manifest_path(data, number).is_file()
    )


def require_release(data: Path, number: int | None) -> Release:
    """Return a release that is kept, the one that readers open without a number.

    Raises:
        PublishError: It is not kept (those that are, are named), none is published yet, or its manifest cannot be
            read.
    """
    release = current(data) if number is None else _release(data, number)
    if release is None and number is None:
        raise PublishError(f"{data}: no release is published yet; start with `godigital run`")
    if release is None:
        kept = ", ".join(str(known.number) for known in list_releases(data)) or "none"
        raise PublishError(f"there is no release {number}; kept: {kept}")
    return release


def releases_folder(data: Path) -> Path:
    """Return the folder of all releases."""
    return data / "releases"


def link_path(data: Path) -> Path:
    """Return the link that readers open."""
    return data / "warehouse.duckdb"


def rollback_note(data: Path) -> Path:
    """Return where it is noted that somebody rolled back; there until the next publication."""
    return releases_folder(data) / "rolled_back.json"


def release_path(data: Path, number: int) -> Path:
    """Return where a release lies, or would."""
    return releases_folder(data) / f"{number:06d}.duckdb"


def manifest_path(data: Path, number: int) -> Path:
    """Return where a release's manifest lies."""
    return releases_folder(data) / f"{number:06d}.json"


def wal_path(path: Path) -> Path:
    """DuckDB's write-ahead log, there as long as somebody has the file open for writing."""
    return path.with_name(path.name + ".wal")


def file_numbers(data: Path) -> list[int]:
    """Numbers of every release file or manifest, complete or not."""
    names = [path.name for path in releases_folder(data).iterdir()] if releases_folder(data).is_dir() else []
    return [int(match[1]) for name in names if (match := NUMBERED.fullmatch(name))]


def current_number(data: Path) -> int | None:
    """Return the number in the name that the link leads to, whether a release is there or not."""
    link = link_path(data)
    match = NUMBERED.fullmatch(link.readlink().name) if link.is_symlink() else None
    return int(match[1]) if match else None


def _release(data: Path, number: int) -> Release | None:
    """The release, if both its file and its manifest are there."""
    if not is_complete(data, number):
        return None
    path = release_path(data, number)
    return Release(number, path, _read_manifest(manifest_path(data, number)), number == current_number(data))


def _listed(data: Path) -> Iterator[Release | ManifestError]:
    for number in sorted(set(file_numbers(data))):
        try:
            release = _release(data, number)
        except ManifestError as error:
            yield error
        else:
            if release is not None:
                yield release


def is_complete(data: Path, number: int) -> bool:
    """Return whether a release has both its database and its manifest."""
    return release_path(data, number).is_file() and manifest_path(data, number).is_file()


def _read_manifest(path: Path) -> dict[str, Any]:
    try:
        content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        missing = _IN_A_MANIFEST - set(content)
    except (ValueError, TypeError) as error:
        raise ManifestError(_say_damaged(path, type(error).__name__)) from error
    if missing:
        raise ManifestError(_say_damaged(path, f"without {', '.join(sorted(missing))}"))
    return content


def _say_damaged(path: Path, how: str) -> str:
    return (
        f"{path}: the manifest of release {int(path.stem)} cannot be read ({how}); restore it from the backup. Without "
        "one, this release can be neither checked nor rolled back to; the next run publishes a new one if readers "
        "have this"
    )
