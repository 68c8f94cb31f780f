"""Takes a backup while runs go on: vault and releases of one moment, under the locks that a run holds.

It is a folder named by its time, written aside as `.part` and named when everything is there and was read again.
"""

import datetime as dt
import json
import re
import shutil
import stat
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from warehouse.backup.contents import (
    DATA,
    MANIFEST,
    RAW,
    BackupError,
    Item,
    Manifest,
    make_private_folders,
    private_files,
    raw_files,
    release_files,
)
from warehouse.doctor.vault import UnreadableError, read_vault
from warehouse.release import publish, releases
from warehouse.release.snapshots import snapshot_path
from warehouse.storage import files
from warehouse.storage.data_folder import DataFolder
from warehouse.storage.locks import LockedError, hold
from warehouse.storage.open_files import writers_of
from warehouse.vault.open import WAIT_SECONDS

# other installations may back up into the same folder
_LOCK = ".backup.lock"
_UNFINISHED = re.compile(r"\d{4}-\d\d-\d\dT\d{6}Z(-\d+)?\.part")
_RELEASE = re.compile(rf"{DATA}/releases/(\d+)\.duckdb")
_DAMAGE = "look into it with godigital doctor"


@dataclass(frozen=True)
class Backup:
    """A backup that was made; `warnings` names what was damaged before it came in."""

    path: Path
    files: int
    bytes: int
    warnings: tuple[str, ...]


def make_backup(
    data: DataFolder,
    folder: Path,
    *,
    raw: Path | None = None,
    tell: Callable[[str], None] = lambda said: None,
    now: dt.datetime | None = None,
) -> Backup:
    """Write a backup into a new folder below `folder`, mode 0700, whole or not at all.

    Args:
        data: The data folder.
        folder: Where backups are; made where missing.
        raw: Contracts and landed deliveries, to be taken in, too.
        tell: Called with a sentence when the backup waits for a lock.
        now: The time, for tests.

    Raises:
        BackupError: nothing has run here yet, the vault is damaged, or somebody writes into it without its lock.
        LockedError: somebody has held the vault, or published, for longer than a run would wait.
        OSError: the disk refused.
    """
    if not data.vault.exists():
        raise BackupError(f"{data.root}: nothing has run here yet, so there is nothing to back up")
    inside = [place for place in (data.root, raw) if place and folder.resolve().is_relative_to(place.resolve())]
    if inside:
        raise BackupError(f"{folder} lies in {inside[0]}: a backup belongs elsewhere, best on another disk")
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    with ExitStack() as stack:
        _wait_for(stack, folder / _LOCK, "backup", tell)
        for left in folder.iterdir():
            # left by a killed backup: a running one would hold the lock
            if _UNFINISHED.fullmatch(left.name):
                shutil.rmtree(left)
        moment = (now or dt.datetime.now(dt.UTC)).astimezone(dt.UTC)
        target = _free_name(folder, moment)
        part = target.with_name(target.name + files.PART_SUFFIX)
        try:
            made = _write(data, raw, part, moment, tell)
            part.rename(target)
        except BaseException:
            shutil.rmtree(part, ignore_errors=True)
            raise
        files.sync(folder)
    return Backup(target, len(made[0].items), sum(item.size for item in made[0].items), made[1])


def _wait_for(stack: ExitStack, lock: Path, purpose: str, tell: Callable[[str], None]) -> None:
    try:
        stack.enter_context(hold(lock, purpose))
    except LockedError as error:
        tell(f"Waiting: {error}")
        stack.enter_context(hold(lock, purpose, WAIT_SECONDS))


def _free_name(folder: Path, moment: dt.datetime) -> Path:
    name = f"{moment:%Y-%m-%dT%H%M%SZ}"
    names = (name if at == 1 else f"{name}-{at}" for at in range(1, 1000))
    return next(path for word in names if not (path := folder / word).exists())


def _write(
    data: DataFolder, raw: Path | None, part: Path, moment: dt.datetime, tell: Callable[[str], None]
) -> tuple[Manifest, tuple[str, ...]]:
    """Fill a backup's folder; returns its manifest, and what was damaged before."""
    part.mkdir(mode=0o700)
    with _at_rest(data, tell):
        current = releases.current_number(data.root)
        known = releases.release_numbers(data.root)
        items = [_copy(path, data.root, part / DATA) for path in (*private_files(data), *release_files(data))]
    # landed files are never changed, and were there before the vault knew them: no run need wait for them
    items += [_copy(path, raw, part / RAW) for path in raw_files(raw)] if raw else []
    manifest = Manifest(
        made_at=f"{moment:%Y-%m-%dT%H:%M:%SZ}",
        program=version("go-digital-asean"),
        vault_schema=_require_readable(part / DATA / data.vault.relative_to(data.root)),
        link=releases.release_path(Path(), current).as_posix() if current in known else None,
        items=tuple(items),
    )
    files.write_durably(part / MANIFEST, manifest.to_json())
    for below in sorted(path for path in part.rglob("*") if path.is_dir()):
        files.sync(below)
    files.sync(part)
    return manifest, tuple(_damaged(part, manifest))


@contextmanager
def _at_rest(data: DataFolder, tell: Callable[[str], None]) -> Iterator[None]:
    """Hold vault and releases still, in the order in which a run takes them."""
    files.private_folder(data.locks)
    with ExitStack() as stack:
        _wait_for(stack, data.locks / "vault.lock", "backup", tell)
        writers = writers_of([data.vault])
        if writers:
            who = f"process {writers[0].pid} ({writers[0].command})"
            raise BackupError(f"{who} writes into the vault without its lock; end it, then back up again")
        stack.enter_context(publish.publication(data.root, "backup"))
        yield


def _copy(path: Path, root: Path, target: Path) -> Item:
    inside = path.relative_to(root)
    folder = make_private_folders(files.private_folder(target), inside.parent)
    mode = stat.S_IMODE(path.stat().st_mode)
    size, digest = files.copy_durably(path, folder / inside.name)
    return Item(f"{target.name}/{inside.as_posix()}", size, digest, mode)


def _require_readable(vault: Path) -> int | None:
    """Return the schema of the copied vault, read whole; a damaged one must not stand in for a good one."""
    try:
        found = read_vault(vault, with_invariants=False)
    except UnreadableError as error:
        raise BackupError(f"no backup was made: the vault cannot be read ({error}); {_DAMAGE}") from error
    if found.unreadable or found.damaged_blocks:
        raise BackupError(f"no backup was made: the vault is damaged; {_DAMAGE}, and keep the backups you have")
    return found.schema


def _damaged(part: Path, manifest: Manifest) -> Iterator[str]:
    """A sentence for every release in a backup that was not as published, or without its record of what it is of."""
    copied = {item.path: item.sha256 for item in manifest.items}
    for path, digest in copied.items():
        if (match := _RELEASE.fullmatch(path)) is None:
            continue
        snapshot = snapshot_path(Path(DATA), int(match[1])).as_posix()
        try:
            promised = json.loads((part / path).with_suffix(".json").read_text(encoding="utf-8"))
            is_right = promised["file_sha256"] == digest
            if "snapshot_sha256" in promised:
                is_right = is_right and copied.get(snapshot) == promised["snapshot_sha256"]
        except (ValueError, KeyError):
            is_right = False
        if not is_right:
            yield f"release {int(match[1])} is not as it was published, and is in the backup as it is; {_DAMAGE}"
