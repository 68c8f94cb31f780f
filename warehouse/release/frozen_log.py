"""Which releases were officially reported and are kept for ever: a log beside them that is only ever added to.

An entry holds the label, the release's number and hash, and the figures as they were reported.
"""

import datetime as dt
import json
import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from warehouse.release.reach_figures import Figures
from warehouse.storage import files

_LABEL = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,39}")


class FreezeError(ValueError):
    """A release cannot be frozen or let go, or the log cannot be read; the message says why and what to do."""


@dataclass(frozen=True)
class Frozen:
    """One entry of the log; times are UTC in ISO 8601. `removed_at` is None as long as the release is frozen."""

    label: str
    release_number: int
    frozen_at: str
    frozen_by: str
    reason: str
    file_sha256: str
    snapshot_sha256: str | None
    # country or ALL -> indicator -> figure
    figures: dict[str, dict[str, int]]
    removed_at: str | None = None
    removed_by: str | None = None
    removed_why: str | None = None

    @property
    def is_in_force(self) -> bool:
        """Whether the release is still kept as reported."""
        return self.removed_at is None

    @property
    def frozen_date(self) -> dt.date:
        """The day on which it was frozen, UTC."""
        return dt.datetime.fromisoformat(self.frozen_at).date()

    @property
    def reported(self) -> Figures:
        """The figures by country and indicator."""
        return {(place, name): figure for place, said in self.figures.items() for name, figure in said.items()}


def read_log(data: Path) -> tuple[Frozen, ...]:
    """Return every entry, those let go included, the oldest first.

    Raises:
        FreezeError: the log cannot be read; nothing may be pruned then.
    """
    path = _log(data)
    try:
        entries = json.loads(path.read_text(encoding="utf-8"))["frozen"]
        return tuple(Frozen(**entry) for entry in entries)
    except FileNotFoundError:
        return ()
    except (ValueError, KeyError, TypeError) as error:
        raise FreezeError(
            f"{path}: the log of frozen releases cannot be read ({type(error).__name__}); restore it from the backup. "
            "Until then nothing is published, because nobody knows which releases must be kept"
        ) from error


def in_force(data: Path) -> tuple[Frozen, ...]:
    """Return the entries that hold, the oldest first."""
    return tuple(entry for entry in read_log(data) if entry.is_in_force)


def frozen_numbers(data: Path) -> frozenset[int]:
    """Return the numbers of the releases that must be kept."""
    return frozenset(entry.release_number for entry in in_force(data))


def find_label(data: Path, label: str) -> Frozen:
    """Return the entry in force under a label.

    Raises:
        FreezeError: there is none.
    """
    entries = in_force(data)
    for entry in entries:
        if entry.label == label:
            return entry
    raise FreezeError(f"{label}: nothing is frozen under this label; there is {_listed(entries)}")


def add_entry(data: Path, entry: Frozen) -> None:
    """Write a new entry; the caller holds the lock of publication, and has asked `require_new_label`."""
    _write(data, (*read_log(data), entry))


def require_new_label(known: Sequence[Frozen], label: str) -> None:
    """Raise FreezeError where a label is no label, or was ever used: a label means one release for good."""
    if not _LABEL.fullmatch(label):
        raise FreezeError(
            f"{label!r} is no label: letters, digits, dot, dash and underscore, 40 at most, such as 2021-Q4"
        )
    for entry in known:
        if entry.label == label:
            let_go = "" if entry.is_in_force else f", and let go on {entry.removed_at}"
            raise FreezeError(
                f"{label} is release {entry.release_number}, frozen on {entry.frozen_date}{let_go}; "
                "a label is used once: take another"
            )


def close_entry(data: Path, label: str, by: str, why: str, now: dt.datetime) -> Frozen:
    """Mark an entry as let go; it stays in the log. The caller holds the lock of publication.

    Raises:
        FreezeError: nothing is frozen under the label, or no reason is given.
    """
    if not why.strip():
        raise FreezeError(f"{label} was officially reported: say with --reason why it need not be kept any longer")
    entry = find_label(data, label)
    closed = replace(entry, removed_at=moment(now), removed_by=by, removed_why=why.strip())
    _write(data, [closed if one == entry else one for one in read_log(data)])
    return closed


def moment(now: dt.datetime) -> str:
    """Return a time as the log writes it: UTC, to the second."""
    return now.astimezone(dt.UTC).replace(tzinfo=None).isoformat(sep=" ", timespec="seconds")


def figures_by_country(figures: Figures) -> dict[str, dict[str, int]]:
    """Return figures as the log keeps them."""
    found: dict[str, dict[str, int]] = {}
    for (country, indicator), figure in figures.items():
        found.setdefault(country, {})[indicator] = figure
    return found


def _write(data: Path, entries: Sequence[Frozen]) -> None:
    content: dict[str, Any] = {"frozen": [asdict(entry) for entry in entries]}
    text = json.dumps(content, indent=2, ensure_ascii=False) + "\n"
    # who froze what is nobody's business who only reads figures
    files.write_durably(_log(data), text.encode(), mode=0o600)


def _log(data: Path) -> Path:
    return data / "releases" / "frozen.json"


def _listed(entries: Sequence[Frozen]) -> str:
    return ", ".join(entry.label for entry in entries) or "none"
