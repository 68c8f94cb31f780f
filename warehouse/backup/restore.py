"""Restores a backup: checks every hash, copies files into a new folder, then moves them into place under every lock.

What was there before is moved aside and never deleted.
"""

import datetime as dt
import secrets
import shutil
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from warehouse.backup.contents import (
    DATA,
    LANDING,
    RAW,
    BackupError,
    Item,
    Manifest,
    make_private_folders,
    read_manifest,
    verify_backup,
)
from warehouse.release import releases
from warehouse.storage import files
from warehouse.storage.data_folder import DataFolder
from warehouse.storage.locks import hold
from warehouse.vault.open import STAGED_RESTORE
from warehouse.vault.schema import SCHEMA_VERSION

_ASIDE = "replaced-"


@dataclass(frozen=True)
class Restored:
    """What a restore did: the backup's own words, files written, and where the things that were there before are."""

    manifest: Manifest
    data_files: int
    raw_files: int
    aside: tuple[Path, ...]


def restore(
    backup: Path,
    data: DataFolder,
    raw: Path,
    *,
    replace: bool = False,
    countries: Sequence[str] = (),
    now: dt.datetime | None = None,
) -> Restored:
    """Put a backup in place of what is there, which is nothing unless `replace`.

    Args:
        backup: The backup's folder.
        data: The data folder; made where missing.
        raw: Where contracts and landed deliveries go, if the backup has them; equal files stay.
        replace: Move aside what is there and differs.
        countries: Countries whose runs must be over, in addition to those that ever ran here.
        now: The time, for tests.

    Raises:
        BackupError: the backup is damaged or of a newer program, or something is there. Nothing has been changed.
        LockedError: a run, or somebody else, is at work in the data folder.
        OSError: the disk refused; what was there is where it was, or in the folder `replaced-...` next to it.
    """
    manifest = read_manifest(backup)
    verify_backup(backup, manifest)
    if manifest.vault_schema is not None and manifest.vault_schema > SCHEMA_VERSION:
        raise BackupError(
            f"{backup}: its vault has schema {manifest.vault_schema}, and this program knows {SCHEMA_VERSION}; "
            "restore it with the program that made it, or a newer one"
        )
    differing = _differing(manifest, raw)
    _require_room(data, differing, raw, replace)
    moment = _free_name(now or dt.datetime.now(dt.UTC), (data.root, raw))
    aside = []
    with ExitStack() as stack:
        files.shared_folder(data.root)
        files.private_folder(data.private)
        files.private_folder(data.locks)
        for name in _lock_names(data, countries):
            stack.enter_context(hold(data.locks / f"{name}.lock", "restoring a backup"))
        # nobody is at work from here on
        _require_room(data, differing, raw, replace)
        staged = _stage(backup, manifest, data)
        written = _restore_raw(backup, manifest, raw, raw / moment)
        aside += [raw / moment] if (raw / moment).exists() else []
        aside += _move_aside(data, data.root / moment)
        _move_in(staged, data)
        if manifest.link is not None:
            files.replace_symlink(releases.link_path(data.root), manifest.link)
    return Restored(manifest, len(_of(manifest, DATA)), written, tuple(aside))


def _free_name(now: dt.datetime, folders: Sequence[Path]) -> str:
    """Name of a folder for what is moved aside, which is in none of these folders."""
    name = f"{_ASIDE}{now.astimezone(dt.UTC):%Y-%m-%dT%H%M%SZ}"
    names = (name if at == 1 else f"{name}-{at}" for at in range(1, 1000))
    return next(free for free in names if not any((folder / free).exists() for folder in folders))


def _of(manifest: Manifest, top: str) -> tuple[Item, ...]:
    return tuple(item for item in manifest.items if item.path.startswith(f"{top}/"))


def _inside(item: Item) -> Path:
    return Path(*Path(item.path).parts[1:])


def _differing(manifest: Manifest, raw: Path) -> list[Path]:
    """Files of contracts and deliveries that are there and are not what the backup has."""
    found = [(raw / _inside(item), item) for item in _of(manifest, RAW)]
    return [path for path, item in found if path.exists() and files.sha256_of(path) != item.sha256]


def _require_room(data: DataFolder, differing: Sequence[Path], raw: Path, replace: bool) -> None:
    if replace:
        return
    if any(_occupants(data)):
        raise BackupError(
            f"{data.root} is not empty; restore elsewhere with --data, or move what is there aside with --replace"
        )
    if differing:
        named = ", ".join(path.relative_to(raw).as_posix() for path in differing[:3])
        raise BackupError(
            f"{raw}: {len(differing)} file(s) differ from the backup ({named}); restore elsewhere with --raw, or move "
            "them aside with --replace"
        )


def _occupants(data: DataFolder) -> Iterator[Path]:
    """Everything in a data folder but lock files, what an earlier restore moved aside or left, and empty folders."""
    for path in sorted(data.root.iterdir()) if data.root.is_dir() else ():
        if path == data.private:
            yield from (item for item in sorted(path.iterdir()) if item != data.locks and not _is_empty(item))
        elif not (path.name.startswith(_ASIDE) or _is_staged(path) or _is_empty(path)):
            yield path


def _is_empty(path: Path) -> bool:
    return path.is_dir() and not path.is_symlink() and not any(path.iterdir())


def _is_staged(path: Path) -> bool:
    return path.match(STAGED_RESTORE)


def _lock_names(data: DataFolder, countries: Sequence[str]) -> list[str]:
    """Every lock in the order of a run: countries, the vault, publishing."""
    last = ["vault", "publish"]
    return [*sorted({path.stem for path in data.locks.glob("*.lock")} - set(last) | set(countries)), *last]


def _stage(backup: Path, manifest: Manifest, data: DataFolder) -> Path:
    """Copy the backup's data into a folder next to those it replaces, and compare each file with its hash again."""
    for left in data.root.iterdir():
        if _is_staged(left):
            # of a killed restore: a copy of a backup, and nobody is at work
            shutil.rmtree(left)
    staged = data.root / STAGED_RESTORE.replace("*", secrets.token_hex(4))
    staged.mkdir(mode=0o700)
    try:
        for item in _of(manifest, DATA):
            inside = _inside(item)
            _copy(backup, item, make_private_folders(staged, inside.parent) / inside.name)
        for folder in sorted(path for path in staged.rglob("*") if path.is_dir()):
            files.sync(folder)
    except BaseException:
        shutil.rmtree(staged, ignore_errors=True)
        raise
    return staged


def _copy(backup: Path, item: Item, target: Path) -> None:
    _, digest = files.copy_durably(backup / item.path, target, item.mode)
    if digest != item.sha256:
        raise BackupError(f"{backup / item.path} changed while it was read; nothing was replaced, try again")


def _restore_raw(backup: Path, manifest: Manifest, raw: Path, aside: Path) -> int:
    """Write contracts and deliveries that are not there as they should be; returns how many."""
    written = 0
    for item in _of(manifest, RAW):
        inside = _inside(item)
        target = raw / inside
        if target.exists():
            if files.sha256_of(target) == item.sha256:
                continue
            target.rename(make_private_folders(files.private_folder(aside), inside.parent) / inside.name)
        _make_folders(raw, inside.parent)
        files.copy_durably(backup / item.path, target, item.mode)
        written += 1
    return written


def _make_folders(raw: Path, inside: Path) -> None:
    folder, private = raw, False
    folder.mkdir(parents=True, exist_ok=True)
    for name in inside.parts:
        folder, private = folder / name, private or name == LANDING
        if private:
            files.private_folder(folder)
        else:
            folder.mkdir(exist_ok=True)


def _move_aside(data: DataFolder, aside: Path) -> list[Path]:
    occupants = list(_occupants(data))
    if not occupants:
        return []
    files.private_folder(aside)
    # the link first: whoever opens it meets no release rather than half of one; then the vault, without which and
    # with what is staged beside it no run begins
    first = (releases.link_path(data.root), data.vault)
    for path in sorted(occupants, key=lambda path: first.index(path) if path in first else len(first)):
        inside = path.relative_to(data.root)
        path.rename(make_private_folders(aside, inside.parent) / inside.name)
    files.sync(aside)
    files.sync(data.root)
    return [aside]


def _move_in(staged: Path, data: DataFolder) -> None:
    private = staged / data.private.name
    for path in sorted(staged.iterdir()):
        if path != private:
            path.rename(data.root / path.name)
            files.shared_folder(data.root / path.name)
    # the vault last: once it is there, everything is
    for path in sorted(private.iterdir(), key=lambda path: path.name == data.vault.name) if private.is_dir() else ():
        path.rename(data.private / path.name)
    shutil.rmtree(staged)
    files.sync(data.private)
    files.sync(data.root)
