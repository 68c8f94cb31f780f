"""The interface of every source: it lists remote files, and each file is fetched on request.

An error names partner and source without credentials, says what to do, and whether trying again can help.
"""

import datetime as dt
import re
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol
from urllib.parse import urlsplit, urlunsplit

from pydantic import SecretStr

from flows.settings import MissingSecretError, read_secret
from flows.sources.errors import PullError, SourceChangedError
from flows.sources.retry import Retry
from schemas.access import Access
from warehouse.vault.landed import FileState


@dataclass(frozen=True)
class RemoteFile:
    """One file at a source.

    `name` is its path below the source. `version` changes whenever the bytes change (an ETag, a Message-ID); None
    means that the file must be read to know. `md5` is the hash that the source states. `fetch` returns the bytes.
    """

    name: str
    size: int | None
    version: str | None
    received: dt.date
    fetch: Callable[[], Iterable[bytes]]
    md5: str | None = None


@dataclass(frozen=True)
class Form:
    """The complete state of a form, as one delivery: folder, hash of the state, number of submissions."""

    folder: str
    version: str
    submissions: int


class Source(Protocol):
    """A source, opened for one pull."""

    @property
    def form(self) -> "Form | None":
        """The form, after `list_files`; None for a source of separate files."""

    @property
    def notices(self) -> Sequence[str]:
        """Sentences that somebody should read although nothing failed."""

    @property
    def keeps_files(self) -> bool:
        """Whether to warn when a previously seen file disappears."""

    def list_files(self) -> Iterable[RemoteFile]:
        """Return the files, sorted by name; raises PullError."""

    def encrypts(self, name: str) -> bool:
        """Whether the source encrypts this file, so that its ETag is no MD5 of the bytes; raises PullError."""

    def close(self) -> None:
        """Close the connections."""


@dataclass(frozen=True)
class SourceConfig:
    """The address, secrets, limits and earlier state of one source, for one pull.

    `url` can hold a secret: show `shown` instead. `wanted` is the contract's file format.
    """

    partner_id: str
    url: str
    shown: str
    folder: Path
    access: Access
    wanted: str
    size_limit: int
    retry: Retry
    known: Mapping[str, FileState] = field(default_factory=dict)

    def fail(self, what: str, *, transient: bool = False, retry_after: float | None = None) -> PullError:
        """Return an error about this source: `what` says what is wrong and what to do."""
        return PullError(f"{self.partner_id}: {self.shown}: {what}", transient=transient, retry_after=retry_after)

    def changed(self, what: str) -> SourceChangedError:
        """Return an error about a source that changed while it was read."""
        return SourceChangedError(f"{self.partner_id}: {self.shown}: {what}")

    def secret(self, role: str) -> SecretStr | None:
        """Return the secret that the contract names for `role` (user, password, ...), or None where it names none.

        Raises:
            PullError: the variable is not set.
        """
        return secret_of(self.access, role, self.partner_id)

    def needed(self, role: str) -> SecretStr:
        """Return a secret without which this source cannot be read.

        Raises:
            PullError: the contract names no variable, or it is not set.
        """
        found = self.secret(role)
        if found is None:
            raise self.fail(f"the contract does not say access.{role}; write the name of the variable that holds it")
        return found

    @property
    def seconds_left(self) -> float:
        """Seconds until the time limit; never 0, because a socket needs a positive timeout."""
        return max(0.05, self.retry.deadline - time.monotonic())

    def check_size(self, size: int, label: str) -> None:
        """Raise PullError if a file is larger than the limit."""
        if size > self.size_limit:
            raise self.fail(
                f"{printable(label)} is larger than {self.size_limit:,} bytes; ask the partner to split it, or raise "
                "access.size_limit"
            )


def secret_of(access: Access, role: str, partner_id: str) -> SecretStr | None:
    """Return the secret that a contract names for `role`, or None where it names none; raises PullError."""
    variable = getattr(access, role)
    if variable is None:
        return None
    try:
        return read_secret(variable)
    except MissingSecretError as error:
        raise PullError(
            f"{partner_id}: {error}; its contract names it under access.{role}: set it where the program runs"
        ) from None


def shown(url: str) -> str:
    """Return a URL without user, password, query and fragment: what may be logged and stored."""
    if "://" not in url:
        return url
    parts = urlsplit(url)
    return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", ""))


def printable(name: str) -> str:
    """Return the last part of a path; characters that could disturb a log become `?`."""
    return re.sub(r"[^ -~]", "?", name.rpartition("/")[2])


def is_loopback(host: str | None) -> bool:
    """Whether a host is this machine, where a connection need not be encrypted."""
    return host in ("localhost", "::1") or (host or "").startswith("127.")


def today() -> dt.date:
    """Return the current day, UTC."""
    return dt.datetime.now(dt.UTC).date()
