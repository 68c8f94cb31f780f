"""Brings what a partner's source holds into raw/<CC>/<partner>/deliveries, each file once, under its own hash.

A source is a URL that fsspec understands. A name given by a partner is remembered, and never becomes a path.
"""

import datetime as dt
import hashlib
import re
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import urlsplit

import fsspec

from flows.readers.recognise import is_returned_workbook
from schemas.partner import Sender, parse_day
from warehouse import files

# what operating systems, office programs and half-finished copies leave in a folder
LITTER = (
    ".DS_Store",
    "._*",
    ".git",
    ".gitkeep",
    ".Trash*",
    ".~lock*",
    "~$*",
    "Thumbs.db",
    "desktop.ini",
    "*.part",
    "*.tmp",
    "*.crdownload",
)
_CHUNK = 1 << 20
_UNFINISHED_SECONDS = 600.0


class PullError(RuntimeError):
    """A source that cannot be read; the message names the partner, the source and what to do.

    `transient` says whether trying again can help.
    """

    def __init__(self, message: str, *, transient: bool = False):
        super().__init__(message)
        self.transient = transient


@dataclass(frozen=True)
class Landed:
    """One file as it was seen at a source; several may share the bytes of one landed file."""

    partner_id: str
    country_code: str
    file_name: str
    source: str
    is_sample: bool
    date_received: dt.date
    size: int
    sha256: str
    landed_path: str
    pulled_at: dt.datetime
    # a workbook of bad rows that the partner corrected; known by what is in it
    is_return: bool = False


def landed_of(row: Sequence[Any]) -> Landed:
    """Return a row of the vault's `landed_file` as it was pulled."""
    return Landed(*row)


def landing_folder(partner: Sender) -> Path:
    """Folder of a sender's landed files; git-ignored, private."""
    return partner.landing_folder


def source_url(partner: Sender, pattern: str | None) -> str:
    """Return where to pull from: the pattern with what stands in braces filled in, or the contract's source.

    Raises:
        PullError: the pattern has another placeholder.
    """
    if pattern is not None:
        try:
            return pattern.format(**partner.placeholders)
        except (KeyError, IndexError, ValueError) as error:
            known = " and ".join(f"{{{name}}}" for name in partner.placeholders)
            raise PullError(f"{partner.source_option} {pattern!r}: only {known} can stand in braces") from error
    source = partner.contract.source
    # a path in a contract is meant below the partner's folder, wherever the program is started
    return source if "://" in source else str(partner.folder / source)


def _is_sample(partner: Sender, url: str) -> bool:
    if urlsplit(url).scheme not in ("", "file"):
        return False
    return Path(url.removeprefix("file://")).resolve() == partner.sample_folder.resolve()


def pull_partner(
    partner: Sender, pattern: str | None = None, *, size_limit: int, now: dt.datetime | None = None
) -> tuple[Landed, ...]:
    """Land every file of the partner's source that is not there yet.

    Args:
        partner: Whose source.
        pattern: `--source` or `--survey-source`, for one run, instead of the contract's source.
        size_limit: Bytes; a larger file is an error.
        now: Time of the pull, UTC.

    Returns:
        One row per file at the source, in the order of the names, landed now or earlier.

    Raises:
        PullError: the source is missing, or a file changed or broke off while it was read.
    """
    url = source_url(partner, pattern)
    pulled_at = (now or dt.datetime.now(dt.UTC)).replace(tzinfo=None)
    file_system, root = fsspec.core.url_to_fs(url)
    try:
        found: dict[str, dict[str, Any]] = file_system.find(root, detail=True)
    except OSError as error:
        raise PullError(
            f"{partner.partner_id}: {url} cannot be listed ({type(error).__name__})", transient=True
        ) from error
    if not found and not file_system.exists(root):
        raise PullError(
            f"{partner.partner_id}: the source {url} does not exist; correct `source` in "
            f"{partner.contract_path}, or the pattern given with {partner.source_option}"
        )
    sample = _is_sample(partner, url)
    _clear_unfinished(landing_folder(partner))
    rows = []
    for path, info in sorted(found.items()):
        name = str(PurePosixPath(path).relative_to(PurePosixPath(root)))
        if is_litter(name, partner.contract.delivery.ignore_files) or not partner.claims(name):
            continue
        digest, size, is_return = _land(
            file_system, path, info, landing_folder(partner), partner.partner_id, size_limit
        )
        rows.append(
            Landed(
                partner_id=partner.partner_id,
                country_code=partner.country_code,
                file_name=name,
                source=url,
                is_sample=sample,
                date_received=date_received(name, info),
                size=size,
                sha256=digest,
                landed_path=f"{digest[:2]}/{digest}",
                pulled_at=pulled_at,
                is_return=is_return,
            )
        )
    return tuple(rows)


def _clear_unfinished(folder: Path) -> None:
    """Remove what a killed pull left half-written; another program's file of this minute stays."""
    now = time.time()
    for part in folder.glob("*/*.part"):
        if now - part.stat().st_mtime > _UNFINISHED_SECONDS:
            part.unlink(missing_ok=True)


def is_litter(name: str, ignored: tuple[str, ...]) -> bool:
    """Whether a file is what programs leave behind, or what the contract says is no delivery."""
    # a folder of litter (.git, .Trash) hides everything below it
    return any(fnmatch(part, pattern) for part in name.split("/") for pattern in (*LITTER, *ignored))


def date_received(name: str, info: dict[str, Any]) -> dt.date:
    """Return the day a file arrived: the name of the folder where that is a day, else the file's own time (UTC)."""
    for part in PurePosixPath(name).parts[:-1]:
        day = parse_day(part)
        if day is not None:
            return day
    for key in ("mtime", "LastModified", "last_modified", "created"):
        value = info.get(key)
        if isinstance(value, dt.datetime):
            return value.astimezone(dt.UTC).date()
        if isinstance(value, int | float):
            return dt.datetime.fromtimestamp(value, dt.UTC).date()
    return dt.datetime.now(dt.UTC).date()


def _read_chunks(file_system: Any, path: str, label: str, size_limit: int) -> Iterator[bytes]:
    total = 0
    with file_system.open(path, "rb") as stream:
        while chunk := stream.read(_CHUNK):
            total += len(chunk)
            if total > size_limit:
                raise PullError(f"{label}: larger than {size_limit:,} bytes; ask the partner to split it")
            yield chunk


def _land(
    file_system: Any, path: str, info: dict[str, Any], folder: Path, partner_id: str, size_limit: int
) -> tuple[str, int, bool]:
    """Copy one file under its hash, checked and durable.

    Returns the hash, the size in bytes, and whether it is a workbook that went back and came in again.
    """
    label = f"{partner_id}: {re.sub(r'[^ -~]', '?', PurePosixPath(path).name)}"
    digest = hashlib.sha256()
    chunks: list[bytes] = []
    try:
        for chunk in _read_chunks(file_system, path, label, size_limit):
            digest.update(chunk)
            chunks.append(chunk)
    except OSError as error:
        raise PullError(f"{label}: cannot be read at the source ({type(error).__name__})", transient=True) from error
    size = sum(len(chunk) for chunk in chunks)
    announced = info.get("size")
    if announced is not None and announced != size:
        raise PullError(
            f"{label}: announced {announced} bytes, sent {size}; it changed while it was read", transient=True
        )
    name = digest.hexdigest()
    target = folder / name[:2] / name
    # a landed file is never overwritten; one of another size is a broken disk, not a new delivery
    if target.exists():
        if target.stat().st_size != size:
            raise PullError(f"{label}: the landed copy {target} is damaged; move it away and run again")
    else:
        files.private_folder(folder)
        files.private_folder(target.parent)
        files.write_durably(target, lambda stream: stream.writelines(chunks), mode=0o400)
    return name, size, is_returned_workbook(chunks)
