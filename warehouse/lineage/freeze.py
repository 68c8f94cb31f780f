"""Freezing a release as officially reported, letting it go again, and setting a new release against earlier ones.

A frozen release is never pruned and never overwritten; it can be rolled back to like any other.
"""

import datetime as dt
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from warehouse.lineage.restate import find_causes
from warehouse.release.frozen_log import (
    Frozen,
    add_entry,
    close_entry,
    figures_by_country,
    find_label,
    in_force,
    moment,
    read_log,
    require_new_label,
)
from warehouse.release.history_tables import History, Reported, Restatement
from warehouse.release.publish import publication, require_intact
from warehouse.release.query import QueryError
from warehouse.release.reach_figures import published_figures
from warehouse.release.releases import ManifestError, PublishError, Release, current, list_releases, require_release
from warehouse.release.snapshots import intact_snapshot, snapshot_path
from warehouse.storage import files

if TYPE_CHECKING:
    import duckdb

PREVIOUS = "previous"
FROZEN = "frozen:"


def freeze(
    data: Path, label: str, number: int | None = None, *, by: str, reason: str = "", now: dt.datetime | None = None
) -> Frozen:
    """Keep a release for ever as what was officially reported, after reading it again, whole.

    Args:
        data: The data folder.
        label: The name it is reported under; never used before.
        number: The release; the one that readers open without it.
        by: Who freezes it.
        reason: Why, for the log.
        now: The time, for tests.

    Raises:
        FreezeError: the label is no label, or was used before.
        PublishError: the release is not kept, or is no longer what was published.
        LockedError: another process has been publishing for longer than it is waited for.
    """
    with publication(data, f"freezing {label}"):
        require_new_label(read_log(data), label)
        release = require_release(data, number)
        require_intact(release)
        snapshot = snapshot_path(data, release.number)
        entry = Frozen(
            label,
            release.number,
            moment(now or dt.datetime.now(dt.UTC)),
            by,
            reason.strip(),
            release.manifest["file_sha256"],
            files.sha256_of(snapshot) if snapshot.is_file() else None,
            figures_by_country(published_figures(release.path)),
        )
        add_entry(data, entry)
    return entry


def let_go(data: Path, label: str, *, by: str, reason: str, now: dt.datetime | None = None) -> Frozen:
    """End the freezing of a release: the next publication may prune it. The entry stays in the log, with the reason.

    Raises:
        FreezeError: nothing is frozen under the label, or no reason is given.
        LockedError: another process has been publishing for longer than it is waited for.
    """
    with publication(data, f"letting go {label}"):
        return close_entry(data, label, by, reason, now or dt.datetime.now(dt.UTC))


def damage(data: Path, entry: Frozen) -> str:
    """Return what is wrong with a frozen release, read again whole; empty where it is as it was frozen."""
    try:
        release = require_release(data, entry.release_number)
        if release.manifest["file_sha256"] != entry.file_sha256:
            return "its manifest is not the one that was frozen"
        require_intact(release)
    except PublishError as error:
        return str(error)
    if entry.snapshot_sha256 is not None:
        snapshot = snapshot_path(data, entry.release_number)
        if not snapshot.is_file() or files.sha256_of(snapshot) != entry.snapshot_sha256:
            return "the record of what it was made of is gone or changed; its figures stand"
    return ""


@dataclass(frozen=True)
class Baseline:
    """A release that another is set against, and what it is called there."""

    name: str
    release: Release


def find_baseline(data: Path, text: str) -> Baseline:
    """Return the release of a number, or of a frozen label (with or without `frozen:` before it).

    Raises:
        FreezeError: nothing is frozen under the label.
        PublishError: there is no such release.
    """
    if text.isascii() and text.isdecimal() and text not in {entry.label for entry in in_force(data)}:
        return Baseline(text, require_release(data, int(text)))
    entry = find_label(data, text.removeprefix(FROZEN))
    return Baseline(FROZEN + entry.label, require_release(data, entry.release_number))


def baselines(data: Path) -> tuple[Baseline, ...]:
    """Return what the next release is set against: the one readers have, and the one that was frozen last."""
    found = []
    try:
        before = current(data)
    except ManifestError:
        # assemble reports it; the new release is published all the same
        before = None
    if before is not None:
        found.append(Baseline(PREVIOUS, before))
    frozen = in_force(data)
    if frozen:
        kept = {release.number: release for release in list_releases(data)}
        # one that somebody deleted by hand cannot be compared with; report_frozen has its figures
        if frozen[-1].release_number in kept:
            found.append(Baseline(FROZEN + frozen[-1].label, kept[frozen[-1].release_number]))
    return tuple(found)


def restate(vault: "duckdb.DuckDBPyConnection", data: Path, baseline: Baseline, after: Path) -> Restatement:
    """Return a release's figures and what each cause added to them up to the snapshot `after`."""
    number = baseline.release.number
    before = intact_snapshot(data, number, baseline.release.manifest)
    causes = None if before is None else find_causes(vault, before, after)
    return Restatement(baseline.name, number, published_figures(baseline.release.path), causes)


def history_of(vault: "duckdb.DuckDBPyConnection", data: Path, after: Path) -> History:
    """Return what the release whose snapshot is `after` says of earlier ones.

    Raises:
        FreezeError: the log of frozen releases cannot be read.
    """
    reported = tuple(
        Reported(entry.label, entry.release_number, entry.frozen_date, entry.reported) for entry in in_force(data)
    )
    earlier = baselines(data)
    # the release before is often the one that was frozen last: its causes are found once
    found = {item.release.number: item for item in earlier}
    restated, unread = {}, []
    for number, item in found.items():
        try:
            restated[number] = restate(vault, data, item, after)
        except QueryError as error:
            # what is damaged leaves the change since untold; it never stops a publication
            unread.append(f"{error}. What changed since is not told")
        else:
            unread += _damaged_snapshot(data, item.release)
    told = (item for item in earlier if item.release.number in restated)
    return History(
        tuple(replace(restated[item.release.number], baseline=item.name) for item in told), reported, tuple(unread)
    )


def _damaged_snapshot(data: Path, release: Release) -> list[str]:
    path = snapshot_path(data, release.number)
    if "snapshot_sha256" not in release.manifest or intact_snapshot(data, release.number, release.manifest):
        return []
    return [
        f"{path}: the record of what release {release.number} was made of is damaged or gone; changes since are told "
        "without their causes. Restore it from the backup"
    ]
