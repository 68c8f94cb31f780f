"""Who is at work in a data folder, and what those who were killed left behind.

Leftovers are removed only under the lock that a writer of such files takes, so no file of a running writer is lost.
"""

import datetime as dt
import re
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from warehouse.doctor.observed import Observed, State, counted, named, within
from warehouse.release import releases
from warehouse.release.frozen_log import FreezeError, frozen_numbers
from warehouse.storage.data_folder import DataFolder
from warehouse.storage.locks import Holder, LockedError, hold, holder_named, is_alive
from warehouse.storage.open_files import has_open
from warehouse.vault.open import STAGED_RESTORE

LOCKS = "locks"
LEFTOVERS = "leftovers"
VAULT_LOCK, PUBLISH_LOCK = "vault", "publish"
_RELEASE = re.compile(r"(\d{6,})\.(duckdb|json)")
_SNAPSHOT = re.compile(r"(\d{6,})\.parquet")
_BUILDING = re.compile(r"\d{6,}\.building(\.wal)?")
_LONG_SECONDS = 6 * 3600.0
_ABANDONED_SECONDS = 3600.0


@dataclass(frozen=True)
class Leftover:
    """What a killed writer left, and the locks that a writer of such a file holds, in the order of a run."""

    path: Path
    locks: tuple[str, ...]


def living_holders(data: DataFolder) -> dict[str, Holder]:
    """Return who holds which lock, by its name; a lock is never taken to find out, which could disturb a run."""
    return {
        path.stem: holder
        for path in sorted(data.locks.glob("*.lock"))
        if (holder := holder_named(path)) is not None and is_alive(holder.pid) and has_open(holder.pid, path)
    }


def examine_locks(data: DataFolder) -> list[Observed]:
    """Return who is at work."""
    held = living_holders(data)
    observed = [
        Observed(LOCKS, State.OK, f"{name}: {holder.purpose} (process {holder.pid}, since {holder.since}).")
        for name, holder in held.items()
    ]
    for name, holder in held.items():
        if _seconds_since(holder.since) > _LONG_SECONDS:
            sentence = f"{name} has been held for more than {_LONG_SECONDS / 3600:.0f} hours by process {holder.pid}."
            action = f"if it hangs, end process {holder.pid}: the lock frees itself; never delete a lock file"
            observed.append(Observed(LOCKS, State.WARNING, sentence, action))
    return observed or [Observed(LOCKS, State.OK, "Nobody is at work; no lock is held.")]


def _seconds_since(moment: str) -> float:
    try:
        since = dt.datetime.fromisoformat(moment)
    except ValueError:
        return 0.0
    return (dt.datetime.now(dt.UTC) - since).total_seconds()


def examine_leftovers(data: DataFolder, landing: Mapping[Path, tuple[str, ...]], *, fix: bool) -> list[Observed]:
    """Return what killed writers left, removed where `fix` says so and nobody is at work there.

    Args:
        data: The data folder.
        landing: Folder of landed files -> the countries whose locks a pull into it holds.
        fix: Remove them.
    """
    found = list(find_leftovers(data, landing))
    held = living_holders(data)
    observed = [*_cut_off_restore(data, held), *_abandoned(data, [item.path for item in found])]
    busy = [item for item in found if set(item.locks) & set(held)]
    idle = [item for item in found if item not in busy]
    if busy:
        sentence = f"{counted(len(busy), 'unfinished file')}, of whoever is at work or of an earlier run."
        observed.append(Observed(LEFTOVERS, State.OK, sentence))
    for locks in sorted({item.locks for item in idle}):
        of_these = [item.path for item in idle if item.locks == locks]
        observed.append(_remove(data, landing, locks) if fix else _told(data, of_these))
    return observed or [Observed(LEFTOVERS, State.OK, "Killed runs left nothing behind.")]


def _told(data: DataFolder, paths: Sequence[Path]) -> Observed:
    sentence = f"A killed run left {counted(len(paths), 'file')}: {named(within(data.root, paths))}."
    return Observed(LEFTOVERS, State.WARNING, sentence, "godigital doctor --fix removes them; they do no harm")


def _remove(data: DataFolder, landing: Mapping[Path, tuple[str, ...]], locks: tuple[str, ...]) -> Observed:
    try:
        with ExitStack() as stack:
            for name in locks:
                stack.enter_context(hold(data.locks / f"{name}.lock", "doctor removes what killed runs left"))
            # looked for again: only now is nobody at work
            paths = [item.path for item in find_leftovers(data, landing) if item.locks == locks]
            for path in paths:
                path.unlink(missing_ok=True)
    except LockedError as error:
        sentence = f"What killed runs left is still there: {error}."
        return Observed(LEFTOVERS, State.WARNING, sentence, "run the doctor again when that has ended")
    sentence = f"{counted(len(paths), 'file')} that killed runs left removed: {named(within(data.root, paths))}."
    return Observed(LEFTOVERS, State.FIXED, sentence)


def find_leftovers(data: DataFolder, landing: Mapping[Path, tuple[str, ...]]) -> Iterator[Leftover]:
    """Yield what nobody alive would miss, provided that nobody holds its locks."""
    yield from (Leftover(path, (PUBLISH_LOCK,)) for path in _of_publishing(data))
    yield from (Leftover(path, (VAULT_LOCK,)) for path in _of_the_vault(data))
    for folder, countries in landing.items():
        parts = (*folder.glob("*.part"), *folder.glob("*/*.part"))
        yield from (Leftover(path, countries) for path in sorted(parts))


def _of_publishing(data: DataFolder) -> Iterator[Path]:
    yield from sorted(data.root.glob("warehouse.duckdb.*.part"))
    keep: set[int] | None
    try:
        keep = {*releases.release_numbers(data.root), *frozen_numbers(data.root)}
        if (current := releases.current_number(data.root)) is not None:
            keep.add(current)
    except FreezeError:
        # nobody knows what must be kept
        keep = None
    for path in sorted((data.root / "releases").glob("*")):
        if path.suffix == ".part" or (_is_of_no_release(path, _RELEASE, keep) and not _log_of(path).exists()):
            yield path
    for path in sorted((data.private / "snapshots").glob("*.parquet")):
        if _is_of_no_release(path, _SNAPSHOT, keep):
            yield path


def _is_of_no_release(path: Path, pattern: re.Pattern[str], keep: set[int] | None) -> bool:
    match = pattern.fullmatch(path.name)
    return match is not None and keep is not None and int(match[1]) not in keep


def _log_of(path: Path) -> Path:
    return path.with_name(f"{path.name}.wal")


def _of_the_vault(data: DataFolder) -> Iterator[Path]:
    yield from sorted(path for path in (data.root / "releases").glob("*") if _BUILDING.fullmatch(path.name))
    yield from sorted((data.private / "snapshots").glob("*.building"))
    yield from sorted((data.private / "snapshots").glob("*.part"))
    yield from sorted(data.private.glob("*.part"))
    yield from sorted(path for path in (data.private / "spill").glob("*") if path.is_file())


def _cut_off_restore(data: DataFolder, held: Mapping[str, Holder]) -> Iterator[Observed]:
    if VAULT_LOCK not in held and any(data.root.glob(STAGED_RESTORE)):
        sentence = "A restore was cut off: what is here may be neither what was there before nor the backup."
        yield Observed(LEFTOVERS, State.FAILURE, sentence, "before any run: the same godigital restore with --replace")


def _abandoned(data: DataFolder, known: Sequence[Path]) -> Iterator[Observed]:
    """Unfinished files that no lock guards: of reports and exports."""
    now = time.time()
    parts = [
        path
        for path in (*data.root.glob("*.part"), *data.root.glob("report/**/*.part"), *data.root.glob("docs/*.part"))
        if path not in known and not path.match(STAGED_RESTORE) and now - path.lstat().st_mtime > _ABANDONED_SECONDS
    ]
    if parts:
        listed = named(within(data.root, parts))
        sentence = f"{counted(len(parts), 'unfinished file or folder', 'unfinished files or folders')}: {listed}."
        yield Observed(LEFTOVERS, State.WARNING, sentence, "remove by hand, unless a report or export is being written")
    aside = sorted(path.name for path in data.root.glob("replaced-*"))
    if aside:
        sentence = f"What was here before a restore is kept in {named(aside)}; it holds data of people."
        yield Observed(LEFTOVERS, State.OK, sentence, "delete it when it is not needed any more")
    copies = sorted(data.private.glob("vault-schema-*.duckdb"))
    if copies:
        sentence = f"The vault as it was before an upgrade is kept: {named(path.name for path in copies)}."
        yield Observed(LEFTOVERS, State.OK, sentence, "delete it when the upgrade has held: it holds data of people")
