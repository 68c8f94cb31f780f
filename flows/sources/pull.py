"""Copies the files of a partner's source to raw/<CC>/<partner>/deliveries, each file once, named by its hash.

A partner's file name is stored, but never used as a path. The state of a source is stored together with the landed
files, so that an interrupted pull loses nothing.
"""

import datetime as dt
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from urllib.parse import urlsplit

from flows.settings import Settings
from flows.sources.errors import PullError
from flows.sources.landed import (
    Listed,
    Pulled,
    _landed_path,
    is_litter,
    is_return_file,
    landing_folder,
    source_url,
)
from flows.sources.open import open_source
from flows.sources.protocol import Form, RemoteFile, Source, SourceConfig, printable, secret_of, shown
from flows.sources.retry import Retry
from schemas.partner import Provider
from warehouse.storage import files
from warehouse.vault.landed import FileState, Landed

__all__ = ["PullError", "Pulled", "pull_partner", "pull_source"]


def _is_sample(partner: Provider, url: str) -> bool:
    if urlsplit(url).scheme not in ("", "file"):
        return False
    return Path(url.removeprefix("file://")).resolve() == partner.sample_folder.resolve()


def pull_partner(
    partner: Provider, pattern: str | None = None, *, size_limit: int, now: dt.datetime | None = None
) -> tuple[Landed, ...]:
    """Land every file of the partner's source that has not landed yet, with the settings' limits.

    Args:
        partner: Whose source.
        pattern: `--source` or `--survey-source`, for one run, instead of the contract's source.
        size_limit: Bytes; a larger file is an error.
        now: Time of the pull, UTC.

    Returns:
        One row per file at the source, in the order of the names, landed now or earlier.

    Raises:
        PullError: the source cannot be read, or a file changed or broke off while it was read.
    """
    settings = Settings(file_size_limit=size_limit)
    return pull_source(partner, pattern, settings=settings, now=now).landed


def pull_source(
    partner: Provider,
    pattern: str | None = None,
    *,
    settings: Settings,
    known: Mapping[tuple[str, str], Sequence[FileState]] | None = None,
    now: dt.datetime | None = None,
) -> Pulled:
    """Land every file of the partner's source that has not landed yet; return what the source holds.

    Args:
        partner: Whose source.
        pattern: `--source`, for one run, instead of the contract's source.
        settings: Limits and number of tries, unless the contract sets others.
        known: (partner_id, source) -> the state of its files at the last pull that was loaded.
        now: Time of the pull, UTC.

    Raises:
        PullError: the source cannot be read, or a file changed or broke off while it was read.
    """
    pulled_at = (now or dt.datetime.now(dt.UTC)).replace(tzinfo=None)
    config = _config_of(partner, pattern, settings, known or {})
    _clear_unfinished(landing_folder(partner))
    # a file changed while it was read: list the source again
    return config.retry.call(lambda: _pull_once(partner, config, pulled_at), looks_anew=True)


def list_source(partner: Provider, *, settings: Settings) -> Listed:
    """Return how many files the partner's source holds; land nothing.

    A form is read and a link is fetched, because there is no other way to check them.

    Raises:
        PullError: the source cannot be read.
    """
    config = _config_of(partner, None, settings, {})
    return config.retry.call(lambda: _list_once(partner, config), looks_anew=True)


def _list_once(partner: Provider, config: SourceConfig) -> Listed:
    source = open_source(config)
    try:
        names = [remote.name for remote in source.list_files() if _is_wanted(partner, remote.name)]
        return Listed(partner.partner_id, config.shown, len(names))
    finally:
        source.close()


def _is_wanted(partner: Provider, name: str) -> bool:
    return not is_litter(name, partner.contract.delivery.ignore_files) and partner.claims(name)


def _config_of(
    partner: Provider, pattern: str | None, settings: Settings, known: Mapping[tuple[str, str], Sequence[FileState]]
) -> SourceConfig:
    access = partner.contract.access
    url = source_url(partner, pattern)
    source = shown(url)
    if "://" in url and urlsplit(url).password is not None:
        raise PullError(f"{partner.partner_id}: {source}: the address holds a password; name a variable under `access`")
    limit = access.time_limit or settings.pull_time_limit
    return SourceConfig(
        partner_id=partner.partner_id,
        url=_secret_link(partner, url) if pattern is None else url,
        shown=source,
        folder=partner.folder,
        access=access,
        wanted=partner.contract.file.format,
        size_limit=access.size_limit or settings.file_size_limit,
        retry=Retry(settings.pull_retries, settings.pull_backoff, time.monotonic() + limit),
        known={item.name: item for item in known.get((partner.partner_id, source), ())},
    )


def _secret_link(partner: Provider, url: str) -> str:
    link = secret_of(partner.contract.access, "link", partner.partner_id)
    if link is None:
        return url
    whole = link.get_secret_value()
    if urlsplit(whole)[:2] != urlsplit(url)[:2]:
        raise PullError(
            f"{partner.partner_id}: the link in {partner.contract.access.link} leads to another place than `source`; "
            "write https:// and its host there"
        )
    return whole


def _pull_once(partner: Provider, config: SourceConfig, pulled_at: dt.datetime) -> Pulled:
    source = open_source(config)
    sample = _is_sample(partner, config.url)
    try:
        landed, seen = [], []
        for remote in source.list_files():
            if not _is_wanted(partner, remote.name):
                continue
            known = _land(remote, config, source, landing_folder(partner))
            seen.append(known)
            landed.append(
                Landed(
                    partner_id=partner.partner_id,
                    country_code=partner.country_code,
                    file_name=known.name,
                    source=config.shown,
                    is_sample=sample,
                    date_received=known.date_received,
                    size=known.size,
                    sha256=known.sha256,
                    landed_path=_landed_path(known.sha256),
                    pulled_at=pulled_at,
                    is_return=is_return_file(landing_folder(partner) / _landed_path(known.sha256)),
                )
            )
        form = source.form
        return Pulled(
            partner_id=partner.partner_id,
            source=config.shown,
            landed=tuple(landed),
            seen=tuple(seen) if form is None else (_known_form(form, pulled_at.date()),),
            notices=tuple(f"{partner.partner_id}: {notice}" for notice in source.notices),
            is_form=form is not None,
            keeps_files=source.keeps_files,
        )
    finally:
        source.close()


def _known_form(form: Form, day: dt.date) -> FileState:
    return FileState(name=form.folder, version=form.version, size=form.submissions, sha256="", date_received=day)


def _clear_unfinished(folder: Path) -> None:
    """Delete partial files that a killed pull left; skip files that another process is still writing."""
    for part in (folder, *folder.glob("??")):
        files.remove_abandoned(part)


def _land(remote: RemoteFile, config: SourceConfig, source: Source, folder: Path) -> FileState:
    """Land one file under its hash; a known and unchanged file is not fetched again.

    Raises:
        PullError: it is too large, it broke off, or it changed while it was read.
    """
    before = config.known.get(remote.name)
    if before is not None and remote.version is not None and before.version == remote.version:
        target = folder / _landed_path(before.sha256)
        if target.exists() and target.stat().st_size == before.size:
            return before
    if remote.size is not None:
        config.check_size(remote.size, remote.name)
    digest, size = config.retry.call(lambda: _receive(remote, config, source, folder))
    return FileState(remote.name, remote.version, size, digest, remote.received)


def _receive(remote: RemoteFile, config: SourceConfig, source: Source, folder: Path) -> tuple[str, int]:
    label = printable(remote.name)
    with files.Incoming(folder, md5=remote.md5 is not None) as incoming:
        for chunk in remote.fetch():
            incoming.add(chunk)
            config.check_size(incoming.size, remote.name)
            if config.retry.is_over:
                raise config.fail(f"{label} could not be read within the time limit; raise access.time_limit")
        if remote.size is not None and remote.size != incoming.size:
            raise config.changed(
                f"{label}: announced {remote.size} bytes, sent {incoming.size}; the transfer broke off, or "
                "the file changed while it was read"
            )
        if remote.md5 is not None and remote.md5 != incoming.md5 and not source.encrypts(remote.name):
            raise config.changed(f"{label}: the bytes are not those that the store announced (MD5)")
        digest = incoming.sha256
        target = folder / _landed_path(digest)
        # a landed file is never overwritten; one of another size is a broken disk, not a new delivery
        if target.exists():
            if target.stat().st_size != incoming.size:
                raise config.fail(f"{label}: the landed copy {target} is damaged; move it away and run again")
        else:
            files.private_folder(folder)
            files.private_folder(target.parent)
            incoming.keep(target, 0o400)
        return digest, incoming.size
