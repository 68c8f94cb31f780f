"""Folders that fsspec can read: local, S3 and compatible stores, SFTP, WebDAV, and other installed drivers.

A server's host key is always checked. Errors of a driver become PullError, without the driver's own message.
"""

import datetime as dt
import logging
import re
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import unquote, urlsplit

import fsspec

from flows.sources.errors import PullError
from flows.sources.protocol import Form, RemoteFile, SourceConfig, is_loopback, printable, today
from schemas.partner import parse_day

_CHUNK = 1 << 20
_CONNECT_SECONDS = 20.0
# a file written just now can change again without a visible change of its time
_SETTLED_SECONDS = 5.0
_LOCAL = ("", "file", "local")
# these are listed folder by folder; other stores are listed at once
_WALKED = (*_LOCAL, "sftp", "ssh", "webdav", "webdavs")


class FileSystemSource:
    """A folder with everything below it; a file's name is its path."""

    form: Form | None = None
    keeps_files = True

    def __init__(self, config: SourceConfig):
        self.notices: tuple[str, ...] = ()
        self._config = config
        self._scheme = urlsplit(config.url).scheme if "://" in config.url else ""
        self._errors: tuple[type[Exception], ...] = (OSError, *_errors_of(self._scheme))
        self._file_system, self._root = config.retry.call(self._open)

    def list_files(self) -> list[RemoteFile]:
        """Return every file below the folder, in the order of the paths."""
        found = self._config.retry.call(self._list)
        return [self._remote_file(path, info) for path, info in sorted(found.items())]

    def close(self) -> None:
        """Do nothing: no connection stays open."""

    def _open(self) -> tuple[Any, str]:
        try:
            return _connect(self._scheme, self._config)
        except ImportError as error:
            raise self._config.fail(
                f"reading {self._scheme}:// needs a package that is not installed ({error.name}); install it in the "
                "same environment"
            ) from None
        except self._errors as error:
            raise self._error(error, "cannot be reached") from None
        except ValueError as error:
            raise self._config.fail(f"is no address that can be read ({type(error).__name__})") from None

    def _list(self) -> dict[str, dict[str, Any]]:
        try:
            if self._scheme in _WALKED:
                return self._walk()
            found: dict[str, dict[str, Any]] = self._file_system.find(self._root, detail=True)
            if not found and not self._file_system.exists(self._root):
                raise FileNotFoundError
        except self._errors as error:
            raise self._error(error, "cannot be listed") from None
        return found

    def _walk(self) -> dict[str, dict[str, Any]]:
        """Return every file below the root; a driver's own walk silently skips folders that it cannot read."""
        found: dict[str, dict[str, Any]] = {}
        folders = [self._root]
        while folders:
            folder = folders.pop()
            try:
                listed = self._file_system.ls(folder, detail=True)
            except self._errors as error:
                if folder != self._root:
                    if isinstance(error, FileNotFoundError):
                        raise self._config.changed("a folder vanished while the source was listed") from None
                    raise self._error(error, "a folder in it cannot be listed") from None
                if not self._file_system.isfile(folder):
                    raise
                # a source can be one file
                listed = [self._file_system.info(folder)]
            for info in listed:
                if info["type"] == "directory":
                    # some drivers list a folder in itself
                    if info["name"].rstrip("/") != folder.rstrip("/"):
                        folders.append(info["name"])
                else:
                    found[info["name"]] = info
        return found

    def _remote_file(self, path: str, info: dict[str, Any]) -> RemoteFile:
        name = str(PurePosixPath(path).relative_to(PurePosixPath(self._root)))
        return RemoteFile(
            name=name,
            size=info.get("size"),
            version=self._version(info),
            received=date_received(name, info),
            fetch=lambda: self._read(path),
            md5=self._md5(info),
        )

    def _version(self, info: dict[str, Any]) -> str | None:
        if self._scheme in _LOCAL:
            # reading is cheap, and the time of a local file proves nothing
            return None
        tag = info.get("VersionId") or info.get("ETag") or info.get("etag")
        if tag and tag != "null":
            return f"{tag} {info.get('size')}"
        modified = time_of(info)
        if modified is None or (dt.datetime.now(dt.UTC) - modified).total_seconds() < _SETTLED_SECONDS:
            return None
        return f"{modified.isoformat()} {info.get('size')}"

    def _md5(self, info: dict[str, Any]) -> str | None:
        tag = str(info.get("ETag", "")).strip('"')
        return tag if self._scheme == "s3" and re.fullmatch(r"[0-9a-f]{32}", tag) else None

    def encrypts(self, name: str) -> bool:
        """Whether the store encrypts a file, so that its ETag is no MD5 of the bytes."""
        if self._scheme != "s3":
            return False
        bucket, _, root = self._root.partition("/")
        key = f"{root.rstrip('/')}/{name}".lstrip("/")
        try:
            head = self._file_system.call_s3("head_object", Bucket=bucket, Key=key)
        except self._errors as error:
            raise self._error(error, f"{printable(name)} cannot be read") from None
        return "kms" in str(head.get("ServerSideEncryption", "")) or "SSECustomerAlgorithm" in head

    def _read(self, path: str) -> Iterator[bytes]:
        try:
            with self._file_system.open(path, "rb") as stream:
                while chunk := stream.read(_CHUNK):
                    yield chunk
        except self._errors as error:
            raise self._error(error, f"{printable(path)} cannot be read", one_file=True) from None

    def _error(self, error: Exception, what: str, *, one_file: bool = False) -> PullError:
        kind = type(error).__name__
        if isinstance(error, FileNotFoundError):
            if one_file:
                return self._config.changed(f"{what}: it vanished while the source was read")
            return self._config.fail("does not exist; correct `source` in the contract, or the pattern given")
        if kind in ("HostKeyNotVerifiable", "KeyExchangeFailed"):
            return self._config.fail(
                "the server's host key is not the one in known_hosts; ask the partner for its fingerprint by another "
                "way, and put the key there only if they agree"
            )
        refused = kind in ("PermissionDenied", "NoCredentialsError", "ForbiddenOperation")
        if isinstance(error, PermissionError) or refused or getattr(error, "status_code", 0) in (401, 403):
            return self._config.fail(f"{what}: access was refused; check user, password and key under `access`")
        return self._config.fail(f"{what} ({kind})", transient=True)


def _errors_of(scheme: str) -> tuple[type[Exception], ...]:
    """Return the errors that a scheme's driver raises in addition to OSError."""
    # drivers log addresses and users: show only their warnings
    for name in ("asyncssh", "botocore", "aiobotocore", "s3fs", "fsspec", "httpx", "httpcore"):
        logging.getLogger(name).setLevel(logging.WARNING)
    if scheme == "s3":
        import aiohttp
        from botocore.exceptions import BotoCoreError, ClientError

        return (BotoCoreError, ClientError, aiohttp.ClientError)
    if scheme in ("sftp", "ssh"):
        import asyncssh

        return (asyncssh.Error, asyncssh.KeyImportError)
    if scheme in ("webdav", "webdavs"):
        import httpx
        from webdav4.client import ClientError

        return (httpx.HTTPError, ClientError)
    # an extra driver can raise any error, and must not stop the pull of another partner
    return () if scheme in _LOCAL else (Exception,)


def _connect(scheme: str, config: SourceConfig) -> tuple[Any, str]:
    """Return the file system of a URL and the path of the folder in it."""
    if scheme == "s3":
        return _connect_s3(config)
    if scheme in ("sftp", "ssh"):
        return _connect_sftp(config)
    if scheme in ("webdav", "webdavs"):
        return _connect_webdav(config)
    file_system, root = fsspec.core.url_to_fs(config.url)
    return file_system, root


def _revealed(config: SourceConfig, role: str) -> str | None:
    secret = config.secret(role)
    return None if secret is None else secret.get_secret_value()


def _connect_s3(config: SourceConfig) -> tuple[Any, str]:
    endpoint = urlsplit(config.access.endpoint or "")
    if endpoint.scheme == "http" and not is_loopback(endpoint.hostname):
        raise config.fail("access.endpoint is not encrypted; write https://")
    file_system = fsspec.filesystem(
        "s3",
        key=_revealed(config, "user"),
        secret=_revealed(config, "password"),
        token=_revealed(config, "token"),
        endpoint_url=config.access.endpoint,
        use_listings_cache=False,
        skip_instance_cache=True,
        # we retry ourselves, so that the time limit holds
        config_kwargs={
            "connect_timeout": min(_CONNECT_SECONDS, config.seconds_left),
            "read_timeout": min(60.0, config.seconds_left),
            "retries": {"max_attempts": 0},
        },
    )
    file_system.retries = 1
    parts = urlsplit(config.url)
    return file_system, f"{parts.netloc}{parts.path}".rstrip("/")


def _connect_sftp(config: SourceConfig) -> tuple[Any, str]:
    import asyncssh
    from sshfs import SSHFileSystem

    parts = urlsplit(config.url)
    known = config.access.known_hosts
    hosts = config.folder / known if known else Path.home() / ".ssh" / "known_hosts"
    if not hosts.exists():
        raise config.fail(
            f"there is no file of known hosts at {hosts}; ask the partner for the server's public key, write it "
            "there, and name the file under access.known_hosts"
        )
    password, key = _revealed(config, "password"), _revealed(config, "key")
    user = _revealed(config, "user") or unquote(parts.username or "")
    if not user or not (password or key):
        raise config.fail("the contract must name access.user, and access.password or access.key")
    keys = None
    if key is not None:
        try:
            text = key if "PRIVATE KEY" in key else Path(key).read_text(encoding="utf-8")
            keys = [asyncssh.import_private_key(text, password)]
        except (OSError, ValueError) as error:
            raise config.fail(
                f"the private key under access.key cannot be read ({type(error).__name__}); name its passphrase "
                "under access.password"
            ) from None
    file_system = SSHFileSystem(
        parts.hostname,
        port=parts.port or 22,
        username=user,
        password=None if keys else password,
        # ignore the local SSH agent, keys and config
        client_keys=keys,
        agent_path=None,
        config=None,
        known_hosts=str(hosts),
        connect_timeout=min(_CONNECT_SECONDS, config.seconds_left),
        login_timeout=min(_CONNECT_SECONDS, config.seconds_left),
        keepalive_interval=15,
        skip_instance_cache=True,
    )
    return file_system, unquote(parts.path) or "/"


def _connect_webdav(config: SourceConfig) -> tuple[Any, str]:
    from webdav4.fsspec import WebdavFileSystem

    parts = urlsplit(config.url)
    encrypted = parts.scheme == "webdavs" or not is_loopback(parts.hostname)
    user, password = _revealed(config, "user"), _revealed(config, "password")
    file_system = WebdavFileSystem(
        f"{'https' if encrypted else 'http'}://{parts.netloc.rpartition('@')[2]}{parts.path}",
        auth=(user, password) if user and password else None,
        timeout=min(60.0, config.seconds_left),
        skip_instance_cache=True,
    )
    return file_system, ""


def time_of(info: dict[str, Any]) -> dt.datetime | None:
    """Return when a file was last written, UTC; None if its file system does not say."""
    for key in ("mtime", "LastModified", "last_modified", "modified", "created"):
        value = info.get(key)
        if isinstance(value, dt.datetime):
            return value.astimezone(dt.UTC)
        if isinstance(value, int | float):
            return dt.datetime.fromtimestamp(value, dt.UTC)
    return None


def date_received(name: str, info: dict[str, Any]) -> dt.date:
    """Return the day a file arrived: the name of the folder where that is a day, else the file's own time (UTC)."""
    for part in PurePosixPath(name).parts[:-1]:
        day = parse_day(part)
        if day is not None:
            return day
    written = time_of(info)
    return today() if written is None else written.date()
