"""Whether readers find a whole release: the link, every kept release read against its manifest, what is frozen.

The link is the only thing that is mended here, and only where nobody chose a release by hand.
"""

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from warehouse.doctor.observed import Observed, State, counted, named
from warehouse.release import publish, releases
from warehouse.release.frozen_log import FreezeError, in_force
from warehouse.release.releases import ManifestError, PublishError, Release
from warehouse.release.snapshots import intact_snapshot, snapshot_path
from warehouse.storage.open_files import writers_of

AREA = "releases"
# each is a process of its own
_READ_AT_ONCE = 2
_RESTORE = "take it from a backup"


@dataclass(frozen=True)
class Kept:
    """A release that is kept, and what is wrong with it; nothing where it is as it was published."""

    number: int
    release: Release | None
    problems: tuple[str, ...] = ()

    @property
    def is_intact(self) -> bool:
        """Whether it is as it was published."""
        return not self.problems


def examine_releases(data: Path, *, fix: bool) -> list[Observed]:
    """Return what is to be said of the releases; `fix` points a link that leads nowhere at the newest whole one."""
    kept = _read_all(data)
    if not kept and not _is_there(releases.link_path(data)):
        return [Observed(AREA, State.WARNING, "Nothing is published yet.", "godigital run")]
    written = _writers(data, kept)
    return [
        *_link(data, kept, fix),
        *_whole(data, kept, being_written=bool(written)),
        *written,
        *_snapshots(data, kept),
        *_frozen(data, kept),
        *_rollback_note(data, kept),
    ]


def _read_all(data: Path) -> list[Kept]:
    """Read what is kept; what is published meanwhile, too, and without what is let go meanwhile."""
    read: dict[int, Kept] = {}
    while True:
        numbers = releases.release_numbers(data)
        unread = [number for number in numbers if number not in read]
        if not unread:
            return [read[number] for number in numbers]
        with ThreadPoolExecutor(_READ_AT_ONCE) as pool:
            read |= {item.number: item for item in pool.map(lambda number: _read(data, number), unread)}


def _read(data: Path, number: int) -> Kept:
    try:
        release = releases.require_release(data, number)
        return Kept(number, release, publish.read_again(release).problems)
    except ManifestError:
        return Kept(number, None, ("its manifest cannot be read",))
    except PublishError:
        # pruned since it was listed
        return Kept(number, None, ("it is gone",))


def _is_there(path: Path) -> bool:
    return path.is_symlink() or path.exists()


def _link(data: Path, kept: list[Kept], fix: bool) -> Iterator[Observed]:
    link = releases.link_path(data)
    if _is_there(link) and not link.is_symlink():
        sentence = f"{link.name} is a file, and should be a link to a release: it stays as it is whatever is published."
        yield Observed(AREA, State.FAILURE, sentence, f"move {link} away, then godigital doctor --fix")
        return
    if not link.is_symlink():
        yield _mended(data, kept, "Readers find no release: the link is missing", fix)
        return
    item = next((item for item in kept if item.number == releases.current_number(data)), None)
    if item is None or link.resolve() != releases.release_path(data, item.number).resolve():
        yield _mended(data, kept, f"Readers find no release: the link leads to {link.readlink()}, which is none", fix)
    elif not item.is_intact:
        sentence = f"Readers have release {item.number}, which is damaged."
        yield Observed(AREA, State.FAILURE, sentence, _choose(data, kept))
    elif not link.readlink().is_absolute():
        yield Observed(AREA, State.OK, f"Readers have release {item.number}.")
    elif fix:
        with publish.publication(data, "doctor mends the link"):
            # whatever it leads to by now
            publish.point_to(data, releases.current_number(data) or item.number)
        yield Observed(AREA, State.FIXED, f"The link to release {item.number} is relative now.")
    else:
        sentence = f"The link to release {item.number} is absolute: it breaks when the folder is moved."
        yield Observed(AREA, State.WARNING, sentence, "godigital doctor --fix")


def _mended(data: Path, kept: list[Kept], what: str, fix: bool) -> Observed:
    whole = [item.number for item in kept if item.is_intact]
    if releases.rollback_note(data).exists() or not whole:
        # somebody chose, and has to choose again
        return Observed(AREA, State.FAILURE, f"{what}.", _choose(data, kept))
    if not fix:
        return Observed(AREA, State.FAILURE, f"{what}.", f"godigital doctor --fix (leads it to release {whole[-1]})")
    with publish.publication(data, "doctor mends the link"):
        if releases.current(data) is not None or releases.rollback_note(data).exists():
            return Observed(AREA, State.WARNING, f"{what}, and then somebody mended it.", "run the doctor again")
        publish.point_to(data, whole[-1])
    return Observed(AREA, State.FIXED, f"{what}; it leads to release {whole[-1]} now.")


def _choose(data: Path, kept: list[Kept]) -> str:
    whole = [item.number for item in kept if item.is_intact]
    if not whole:
        return "no release is whole: restore a backup, or godigital reprocess of any country"
    chosen = _rolled_back_to(data)
    return f"godigital rollback {chosen if chosen in whole else whole[-1]}"


def _rolled_back_to(data: Path) -> int | None:
    try:
        return int(json.loads(releases.rollback_note(data).read_text(encoding="utf-8"))["to"])
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _whole(data: Path, kept: list[Kept], *, being_written: bool) -> Iterator[Observed]:
    whole = sum(item.is_intact for item in kept)
    if whole:
        yield Observed(AREA, State.OK, f"{counted(whole, 'release')} read again, whole, as published.")
    frozen, current = _frozen_numbers(data), releases.current_number(data)
    for item in kept:
        if item.is_intact:
            continue
        action = _RESTORE
        if being_written:
            action = "first end whoever writes into it (below), then examine again"
        elif item.number not in frozen and item.number != current:
            action = f"{_RESTORE}, or remove {releases.release_path(data, item.number)} and its .json: nothing needs it"
        sentence = f"Release {item.number} is not what was published: {'; '.join(item.problems)}."
        yield Observed(AREA, State.FAILURE, sentence, action)


def _snapshots(data: Path, kept: list[Kept]) -> Iterator[Observed]:
    promised = [item.release for item in kept if item.release and "snapshot_sha256" in item.release.manifest]
    lost = [release.number for release in promised if intact_snapshot(data, release.number, release.manifest) is None]
    if lost:
        sentence = (
            f"The record of what it was made of is gone or changed for release {named(lost)}: the figures stand, "
            "changes since then have no causes and cannot be traced."
        )
        yield Observed(AREA, State.FAILURE, sentence, f"{_RESTORE}: {snapshot_path(data, lost[0])}")
    elif promised:
        yield Observed(AREA, State.OK, f"What they were made of is on record for {counted(len(promised), 'release')}.")


def _frozen_numbers(data: Path) -> frozenset[int]:
    try:
        return frozenset(entry.release_number for entry in in_force(data))
    except FreezeError:
        return frozenset()


def _frozen(data: Path, kept: list[Kept]) -> Iterator[Observed]:
    try:
        entries = in_force(data)
    except FreezeError as error:
        yield Observed(AREA, State.FAILURE, f"{error}.", _RESTORE)
        return
    by_number = {item.number: item for item in kept}
    wrong = 0
    for entry in entries:
        item = by_number.get(entry.release_number)
        if item is None or item.release is None or not item.is_intact:
            problem = "is gone or damaged"
        elif item.release.manifest["file_sha256"] != entry.file_sha256:
            problem = "is not the one that was frozen"
        else:
            continue
        wrong += 1
        sentence = f"Release {entry.release_number}, officially reported as {entry.label}, {problem}."
        yield Observed(AREA, State.FAILURE, sentence, _RESTORE)
    if entries and not wrong:
        yield Observed(AREA, State.OK, f"{counted(len(entries), 'frozen release')} kept as reported.")


def _rollback_note(data: Path, kept: list[Kept]) -> Iterator[Observed]:
    note = releases.rollback_note(data)
    if not note.exists():
        return
    chosen, current = _rolled_back_to(data), releases.current_number(data)
    if chosen is None:
        sentence = f"{note.name}, which says that somebody rolled back, cannot be read: no run can publish."
        yield Observed(AREA, State.FAILURE, sentence, _choose(data, kept))
    elif chosen != current and current is not None:
        sentence = f"A rollback to release {chosen} was cut off: readers still have {current}."
        yield Observed(AREA, State.WARNING, sentence, f"godigital rollback {chosen}")
    else:
        sentence = f"Somebody rolled back to release {chosen}; it stays until something new comes in."
        yield Observed(AREA, State.OK, sentence)


def _writers(data: Path, kept: list[Kept]) -> list[Observed]:
    files = [releases.release_path(data, item.number) for item in kept]
    logs = {log: path for path in files if (log := path.with_name(f"{path.name}.wal")).exists()}
    found = writers_of([*files, *logs])
    observed = [
        Observed(
            AREA,
            State.FAILURE,
            f"Process {writer.pid} ({writer.command}) has {writer.file.name} open for writing: readers are locked out.",
            f"ask whose it is, and end process {writer.pid}",
        )
        for writer in found
    ]
    held = {logs.get(writer.file, writer.file) for writer in found}
    observed += [
        Observed(
            AREA,
            State.FAILURE,
            f"{log.name} lies beside a release: somebody wrote into it, and was cut off.",
            f"remove {log}: no figure of ours is in it; then examine again",
        )
        for log, path in logs.items()
        if path not in held
    ]
    return observed
