"""Publishes releases: numbered read-only files, of which one link names the current one.

Readers open `warehouse.duckdb` in the data folder; the link is swapped in one step, so they meet the old
release or the new one, whole, and never a lock. What a killed publication leaves, the next one removes.
"""

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from warehouse.release.build import ReleaseInfo, TableSummary, release_manifest
from warehouse.release.frozen_log import frozen_numbers
from warehouse.release.releases import (
    NUMBERED,
    PublishError,
    Release,
    current_number,
    file_numbers,
    is_complete,
    link_path,
    list_releases,
    manifest_path,
    release_path,
    releases_folder,
    require_release,
    rollback_note,
    wal_path,
    withdrawn_input_hash,
)
from warehouse.release.snapshots import keep_snapshot, prune_snapshots
from warehouse.release.verify import Finding, Verdict
from warehouse.storage import files
from warehouse.storage.locks import hold

if TYPE_CHECKING:
    from schemas.programme import Programme

_BUILDING = re.compile(r"\d{6,}\.building(\.wal)?")
# a rollback waits while a scheduled run publishes
WAIT_SECONDS = 300.0


class CheckFailed(PublishError):
    """Checks of `warehouse/sql/checks.sql` failed; the message names each with its sentence."""

    def __init__(self, number: int, failed: tuple[Finding, ...]):
        self.failed = failed
        listed = "; ".join(str(finding) for finding in failed)
        super().__init__(f"release {number} is not published, these checks failed: {listed}")


@dataclass(frozen=True)
class Published:
    """What a publication did: the release, the warnings of its checks, the numbers of releases let go.

    untidy: sentences on what could not be cleared up afterwards; the release is published all the same.
    """

    release: Release
    warnings: tuple[Finding, ...]
    removed: tuple[int, ...]
    untidy: tuple[str, ...] = ()


def next_number(data: Path) -> int:
    """Return the number of the release to build now: one more than any that ever had a file here.

    Whoever builds holds the vault from here until `publish` returns, so there is one builder at a time.
    """
    return 1 + max([0, current_number(data) or 0, *file_numbers(data)])


def candidate_path(data: Path, number: int) -> Path:
    """Return where to build release `number`, cleared of what a killed build left there."""
    _open_folders(data)
    path = releases_folder(data) / f"{number:06d}.building"
    for leftover in (path, wal_path(path)):
        leftover.unlink(missing_ok=True)
    return path


def require_intact(release: Release) -> None:
    """Read a release again, whole, in a new process; raises PublishError where it is not what was published."""
    _require_good(release.number, read_again(release))


def read_again(release: Release) -> Verdict:
    """Return what reading a release again, whole, in a new process shows; its problems are none where it is intact."""
    return _verify(release.path, release.manifest, with_checks=False)


@contextmanager
def publication(data: Path, purpose: str) -> Iterator[None]:
    """Hold the lock under which releases come, go and are frozen.

    Raises:
        LockedError: Another process has held it for longer than WAIT_SECONDS.
    """
    _open_folders(data)
    with hold(_lock(data), purpose, WAIT_SECONDS):
        yield


def publish(
    data: Path,
    candidate: Path,
    info: ReleaseInfo,
    tables: Mapping[str, TableSummary],
    *,
    keep: int,
    tell: Callable[[str], None] = lambda stage: None,
    programme: "Programme | None" = None,
    snapshot: Path | None = None,
) -> Published:
    """Make `candidate` the release that readers open.

    It is read again in a new process, compared with what was built, checked, and only then named. Killed at
    any point, readers have the old release or the new one, and the next publication clears up.

    Args:
        data: The data folder.
        candidate: The closed file at `candidate_path(data, info.number)`.
        info: As given to `build_release`.
        tables: What `build_release` returned.
        keep: Releases to keep, at least 1; the current one and frozen ones always stay.
        tell: Told "publish" when the candidate has been found good.
        programme: The rules that checks use; those of the project without it.
        snapshot: What the release was made of, at `candidate_snapshot(data, info.number)`; kept as long as it.

    Raises:
        CheckFailed: A check says that the figures are wrong.
        PublishError: The file is not what was built, or the number is taken.
        FreezeError: The log of frozen releases cannot be read.
        LockedError: Another process has been publishing for longer than WAIT_SECONDS.
    """
    if keep < 1:
        raise ValueError(f"keep must be at least 1, not {keep}")
    number = info.number
    with publication(data, f"publishing release {number}"):
        # if the log of frozen releases is unreadable, stop before anything is removed or published
        frozen_numbers(data)
        files.remove_stale(releases_folder(data))
        files.remove_stale(data, of=f"{link_path(data).name}.*")
        if number < next_number(data):
            raise PublishError(f"release {number} exists already; build again as {next_number(data)}")
        if not candidate.is_file():
            raise PublishError(f"release {number} is not published: {candidate.name} is gone; build again")
        manifest = release_manifest(candidate, info, tables, programme)
        verdict = _verify(candidate, manifest)
        _require_good(number, verdict)
        tell("publish")
        # no failed check is left, so all findings are warnings
        manifest["warnings"] = [str(finding) for finding in verdict.findings]
        if snapshot is not None:
            manifest["snapshot_sha256"] = files.sha256_of(snapshot)
            keep_snapshot(data, number, snapshot)
        files.sync(candidate)
        candidate.chmod(0o444)
        candidate.rename(release_path(data, number))
        files.sync(releases_folder(data))
        files.write_durably(manifest_path(data, number), _json(manifest), mode=0o444)
        point_to(data, number)
        removed, untidy = _clear_up(data, keep)
    return Published(Release(number, release_path(data, number), manifest, True), verdict.findings, removed, untidy)


def leftovers(data: Path) -> tuple[str, ...]:
    """Return the names of what killed publications left, below the data folder.

    Whoever asks holds the vault: it cannot tell a dead builder's file from a living one's.
    """
    folder, snapshots = releases_folder(data), data / "private" / "snapshots"
    complete = {number for number in file_numbers(data) if is_complete(data, number)}
    found = [path for path in folder.glob("*") if path.suffix == files.PART_SUFFIX or _BUILDING.fullmatch(path.name)]
    found += data.glob(f"{link_path(data).name}.*{files.PART_SUFFIX}")
    found += [
        path
        for path in folder.glob("*")
        if (match := NUMBERED.fullmatch(path.name)) and match[2] != "duckdb.wal" and int(match[1]) not in complete
    ]
    found += [
        path
        for path in snapshots.glob("*")
        if path.suffix == ".building" or (path.suffix == ".parquet" and int(path.stem) not in complete)
    ]
    return tuple(sorted(str(path.relative_to(data)) for path in found))


def tidy(data: Path, keep: int) -> tuple[str, ...]:
    """Remove what killed publications left, where they left anything; returns sentences on what could not be.

    The caller holds the vault, as for `publish`.

    Raises:
        FreezeError: The log of frozen releases cannot be read.
        LockedError: Another process has been publishing for longer than WAIT_SECONDS.
    """
    if not leftovers(data):
        return ()
    with publication(data, "clearing up"):
        return _clear_up(data, keep)[1]


def _clear_up(data: Path, keep: int) -> tuple[tuple[int, ...], tuple[str, ...]]:
    """Remove what is no longer needed, and what killed publications left; the caller holds the lock.

    Returns:
        Numbers of the releases let go, and a sentence where the disk refused: nothing depends on it, and the next
        run tries again.
    """
    try:
        if withdrawn_input_hash(data) is None:
            rollback_note(data).unlink(missing_ok=True)
        files.remove_stale(releases_folder(data))
        files.remove_stale(data, of=f"{link_path(data).name}.*")
        return _prune(data, keep), ()
    except OSError as error:
        what = f"{error.filename or data}: {error.strerror or type(error).__name__}"
        return (), (f"what is no longer needed could not be cleared up ({what}); the next run tries again",)


def rollback(data: Path, number: int) -> Release:
    """Read release `number` again and make it the one that readers open.

    The next run publishes again only when something new has come in since.

    Raises:
        PublishError: It is not kept, or its file is no longer what was published.
        LockedError: Another process has been publishing for longer than WAIT_SECONDS.
    """
    with publication(data, f"rolling back to release {number}"):
        release = require_release(data, number)
        require_intact(release)
        newest = list_releases(data)[-1]
        # the highest number that there is, complete or not: with a later one, the note is over
        last = max(file_numbers(data))
        note = {"to": number, "from": last, "input_hash": newest.manifest["input_hash"]}
        files.write_durably(rollback_note(data), _json(note), mode=0o644)
        point_to(data, number)
    return Release(number, release.path, release.manifest, True)


def _lock(data: Path) -> Path:
    return data / "private" / "locks" / "publish.lock"


def _open_folders(data: Path) -> None:
    files.shared_folder(data)
    files.shared_folder(releases_folder(data))
    files.private_folder(data / "private")
    files.private_folder(_lock(data).parent)


def point_to(data: Path, number: int) -> None:
    """Make a release the one that readers open; the caller holds `publication`, and knows that it is whole."""
    # relative, so that the data folder can be moved or mounted elsewhere
    path = release_path(data, number)
    files.replace_symlink(link_path(data), f"{path.parent.name}/{path.name}")


def _prune(data: Path, keep: int) -> tuple[int, ...]:
    """Remove releases beyond the newest `keep`, and what killed publications left; returns their numbers.

    The current release stays, frozen ones do, and one that somebody has open for writing. A reader that has a
    removed file open keeps reading it.
    """
    # a release with a damaged manifest is no leftover: it is removed by age like any other, so that somebody can see it
    complete = [number for number in sorted(set(file_numbers(data))) if is_complete(data, number)]
    old = set(complete[:-keep])
    incomplete = set(file_numbers(data)) - set(complete)
    stay = frozen_numbers(data) | {current_number(data)}
    removed = [
        number
        for number in sorted(old | incomplete)
        if number not in stay and not wal_path(release_path(data, number)).exists()
    ]
    for number in removed:
        # the manifest first: a release file without a manifest counts as a leftover
        manifest_path(data, number).unlink(missing_ok=True)
        release_path(data, number).unlink(missing_ok=True)
    for path in releases_folder(data).iterdir():
        if _BUILDING.fullmatch(path.name):
            path.unlink(missing_ok=True)
    prune_snapshots(data, {number for number in file_numbers(data) if is_complete(data, number)})
    return tuple(number for number in removed if number in old)


def _json(content: Mapping[str, Any]) -> bytes:
    return (json.dumps(content, indent=2, ensure_ascii=False) + "\n").encode()


def _require_good(number: int, verdict: Verdict) -> None:
    if verdict.problems:
        raise PublishError(
            f"release {number} is not what was built: {'; '.join(verdict.problems)}; readers keep the release they have"
        )
    failed = tuple(finding for finding in verdict.findings if finding.severity == "fail")
    if failed:
        raise CheckFailed(number, failed)


def _verify(release: Path, manifest: Mapping[str, Any], *, with_checks: bool = True) -> Verdict:
    """Verify in a new process: the builder's memory could hide what did not reach the file."""
    command = [sys.executable, "-P", "-m", "warehouse.release.verify", str(release.resolve())]
    result = subprocess.run(  # noqa: S603 (our own program, no shell)
        command if with_checks else [*command, "--without-checks"],
        input=json.dumps(manifest),
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": str(files.PROJECT)},
    )
    if result.returncode != 0:
        # a damaged file can bring the engine down
        return Verdict((f"reading the file ended with exit status {result.returncode}",), ())
    answer = json.loads(result.stdout)
    return Verdict(tuple(answer["problems"]), tuple(Finding(**finding) for finding in answer["findings"]))
