"""Whether the machine has what the next run needs: room on its disks, and a clock that has not gone back."""

import datetime as dt
import shutil
from collections.abc import Iterator
from pathlib import Path

from warehouse.doctor.observed import Observed, State
from warehouse.release import releases
from warehouse.storage.data_folder import DataFolder

AREA = "machine"
# a run writes the vault anew where much of it changes, spills, and builds a release beside those that are kept
_TIMES = 2
_LEAST_BYTES = 256 * 1024**2
_AHEAD = dt.timedelta(minutes=5)


def examine_machine(data: DataFolder, raw: Path, latest_pull: str | None) -> list[Observed]:
    """Return what is to be said of disks and clock.

    Args:
        data: The data folder; its parent is looked at where it is not there yet.
        raw: Where deliveries land.
        latest_pull: Time of the last pull that the vault knows, UTC.
    """
    return [*_room(data, raw), *_clock(data, latest_pull)]


def bytes_needed(data: DataFolder) -> int:
    """Return the room that a run needs: twice the vault and the newest release, 256 MB at least."""
    newest = [releases.release_path(data.root, number) for number in releases.release_numbers(data.root)[-1:]]
    return max(_LEAST_BYTES, _TIMES * sum(path.stat().st_size for path in (data.vault, *newest) if path.exists()))


def _room(data: DataFolder, raw: Path) -> Iterator[Observed]:
    needed = bytes_needed(data)
    by_disk = {(place := _existing(path)).stat().st_dev: place for path in (raw, data.root)}
    for place in by_disk.values():
        free = shutil.disk_usage(place).free
        sentence = f"{_megabytes(free)} are free on the disk of {place}; a run needs up to {_megabytes(needed)}."
        if free < needed:
            action = "free space: a run that meets a full disk publishes nothing, and harms nothing"
            yield Observed(AREA, State.FAILURE, sentence, action)
        elif free < 2 * needed:
            yield Observed(AREA, State.WARNING, sentence, "free space soon, or lower GODIGITAL_KEEP_RELEASES")
        else:
            yield Observed(AREA, State.OK, sentence)


def _existing(path: Path) -> Path:
    return next(place for place in (path, *path.absolute().parents) if place.exists())


def _megabytes(size: int) -> str:
    return f"{size / 1024**2:,.0f} MB"


def _clock(data: DataFolder, latest_pull: str | None) -> Iterator[Observed]:
    now = dt.datetime.now(dt.UTC).replace(tzinfo=None)
    moments = {"the last pull": latest_pull, "the current release": _published_at(data.root)}
    known = {what: dt.datetime.fromisoformat(moment) for what, moment in moments.items() if moment is not None}
    ahead = [what for what, moment in known.items() if moment.replace(tzinfo=None) > now + _AHEAD]
    if ahead:
        sentence = f"By this machine's clock it is {now:%Y-%m-%d %H:%M} UTC, and {' and '.join(ahead)} came later."
        action = "set the clock; of two files that arrived on one day the time decides which one counts"
        yield Observed(AREA, State.FAILURE, sentence, action)
    elif known:
        yield Observed(AREA, State.OK, "The clock is not behind what has been pulled and published.")


def _published_at(data: Path) -> str | None:
    try:
        release = releases.current(data)
        return None if release is None else str(dt.datetime.fromisoformat(release.manifest["built_at"]))
    except (releases.ManifestError, ValueError, KeyError, TypeError):
        # a damaged manifest is told where releases are examined
        return None
