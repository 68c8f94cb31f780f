"""What a backup holds and how it is described: files under `data/` and `raw/`, and a manifest with a hash of each.

The manifest holds a hash of itself, so that no bit of a backup can change unnoticed.
"""

import hashlib
import json
import os
import re
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from warehouse.release.releases import release_numbers, release_path, rollback_note
from warehouse.storage import files
from warehouse.storage.data_folder import DataFolder

MANIFEST = "backup.json"
DATA, RAW = "data", "raw"
LANDING = "deliveries"
_FORMAT = 1
_SELF = "sha256"
# can be made again, or belong to this machine only
_NOT_KEPT = ("locks", "spill")
_LEFTOVER = re.compile(r".*\.(part|building|building\.wal)|vault-schema-\d+\.duckdb")
_LINK = re.compile(r"releases/\d{6,}\.duckdb")


class BackupError(RuntimeError):
    """A backup cannot be made or brought back; the message says why and what to do. Nothing has been changed."""


@dataclass(frozen=True)
class Item:
    """One file: its path in the backup, size in bytes, SHA-256, and the permissions it had."""

    path: str
    size: int
    sha256: str
    mode: int


@dataclass(frozen=True)
class Manifest:
    """What a backup says of itself; `link` is where readers were led, `vault_schema` the version of its vault."""

    made_at: str
    program: str
    vault_schema: int | None
    link: str | None
    items: tuple[Item, ...]

    def to_json(self) -> bytes:
        """Return the manifest as it is written, with its own hash."""
        content = {"format": _FORMAT, **asdict(self)}
        return (json.dumps({**content, _SELF: _hash_of(content)}, indent=1, ensure_ascii=False) + "\n").encode()


def _hash_of(content: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True, ensure_ascii=False).encode()).hexdigest()


def read_manifest(backup: Path) -> Manifest:
    """Return what a backup says of itself.

    Raises:
        BackupError: it is no complete backup, of another version of the program, or its manifest has changed.
    """
    path = backup / MANIFEST
    if not path.is_file():
        raise BackupError(f"{backup}: no backup, or one that was never completed: it has no {MANIFEST}")
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        promised = content.pop(_SELF)
        if _hash_of(content) != promised:
            raise ValueError("another hash")
        if content.pop("format") != _FORMAT:
            raise BackupError(f"{path}: a backup of another version of the program; restore it with that version")
        items = tuple(Item(**item) for item in content.pop("items"))
        manifest = Manifest(items=items, **content)
    except (ValueError, KeyError, TypeError, AttributeError):
        raise BackupError(f"{path} is not what was written; take another backup") from None
    if any(not _is_plain(item.path) for item in items) or not (manifest.link is None or _LINK.fullmatch(manifest.link)):
        raise BackupError(f"{path} names files outside the backup; take another backup")
    return manifest


def _is_plain(path: str) -> bool:
    parts = PurePosixPath(path).parts
    return len(parts) > 1 and parts[0] in (DATA, RAW) and ".." not in parts and str(PurePosixPath(path)) == path


def verify_backup(backup: Path, manifest: Manifest) -> None:
    """Read every file of a backup and compare it with the manifest; raises BackupError naming those that differ."""
    wrong = [f"{item.path} {problem}" for item in manifest.items if (problem := _problem(backup / item.path, item))]
    if wrong:
        more = f" and {len(wrong) - 5} more" if len(wrong) > 5 else ""
        raise BackupError(
            f"{backup} is damaged: {'; '.join(wrong[:5])}{more}. Nothing was restored; take another backup"
        )


def _problem(path: Path, item: Item) -> str:
    if path.is_symlink() or not path.is_file():
        return "is missing"
    if path.stat().st_size != item.size:
        return f"has {path.stat().st_size:,} bytes, and {item.size:,} were written"
    return "" if files.sha256_of(path) == item.sha256 else "is not what was written"


def private_files(data: DataFolder) -> Iterator[Path]:
    """Yield everything of the private folder that a backup keeps: whatever is not of this machine or left over."""
    yield from sorted(
        path
        for path in _below(data.private)
        if path.relative_to(data.private).parts[0] not in _NOT_KEPT and not _LEFTOVER.fullmatch(path.name)
    )


def release_files(data: DataFolder) -> Iterator[Path]:
    """Yield every complete release with its manifest, the log of frozen ones, and the note of a rollback."""
    for number in release_numbers(data.root):
        path = release_path(data.root, number)
        yield from (path, path.with_suffix(".json"))
    releases = release_path(data.root, 1).parent
    yield from (path for path in (releases / "frozen.json", rollback_note(data.root)) if path.is_file())


def raw_files(raw: Path) -> Iterator[Path]:
    """Yield contracts, samples, landed deliveries and other files of their folders, without unfinished files."""
    yield from sorted(
        path
        for path in _below(raw)
        if not _LEFTOVER.fullmatch(path.name) and not path.relative_to(raw).parts[0].startswith("replaced-")
    )


def _below(folder: Path) -> Iterator[Path]:
    for inside, _, names in os.walk(folder):
        # a pull may take its unfinished file away meanwhile
        yield from (path for name in names if (path := Path(inside, name)).is_file())


def make_private_folders(top: Path, inside: Path) -> Path:
    """Return the folder `inside` below `top`, made where missing, each folder on the way in mode 0700."""
    for name in inside.parts:
        top = files.private_folder(top / name)
    return top
