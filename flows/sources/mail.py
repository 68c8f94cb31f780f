"""Deliveries that arrive as attachments (`imap://host/folder`) from senders that the contract lists.

The mailbox is opened read-only; no message is moved, marked or answered. The mail server must check that senders'
addresses are genuine: the list of senders relies on it.
"""

import datetime as dt
import hashlib
import imaplib
import io
import ssl
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import PurePosixPath
from urllib.parse import unquote, urlsplit

from imap_tools import BaseMailBox, MailBox, MailBoxUnencrypted, MailMessage
from imap_tools.errors import ImapToolsError, MailboxFolderSelectError, MailboxLoginError

from flows.readers.corrected_detect import is_returned_workbook
from flows.sources.errors import PullError
from flows.sources.protocol import Form, RemoteFile, SourceConfig, is_loopback, today
from warehouse.vault.landed import FileState

_MAIL_ERRORS = (OSError, imaplib.IMAP4.error, ImapToolsError)
_READ_SECONDS = 60.0
_SUFFIXES = {
    "csv": (".csv", ".tsv", ".txt"),
    "csv_pair": (".csv",),
    "xlsx": (".xlsx",),
    "kobo_json": (".json",),
}
_AT_ONCE = 200


class MailSource:
    """The attachments of one mail folder."""

    form: Form | None = None
    # somebody may delete old messages: no warning
    keeps_files = False

    def __init__(self, config: SourceConfig):
        self.notices: tuple[str, ...] = ()
        self._config = config
        self._senders = tuple(item.strip().lower() for item in config.access.senders)
        if not self._senders:
            raise config.fail("the contract must list under access.senders whose attachments are deliveries")
        self._user = config.needed("user").get_secret_value()
        self._password = config.needed("password").get_secret_value()
        self._box: BaseMailBox = config.retry.call(self._log_in)

    def _log_in(self) -> BaseMailBox:
        parts = urlsplit(self._config.url)
        host, folder = parts.hostname or "", unquote(parts.path.strip("/")) or "INBOX"
        timeout = min(_READ_SECONDS, self._config.seconds_left)
        try:
            if parts.scheme == "imap" and is_loopback(host):
                box: BaseMailBox = MailBoxUnencrypted(host, parts.port or 143, timeout=timeout)
            else:
                context = ssl.create_default_context()
                box = MailBox(host, parts.port or 993, timeout=timeout, ssl_context=context)
            box.login(self._user, self._password, initial_folder=None)
            box.folder.set(folder, readonly=True)
        except MailboxLoginError:
            raise self._config.fail("the mail server refused user and password; check them under `access`") from None
        except MailboxFolderSelectError:
            raise self._config.fail("there is no such mail folder; correct `source` in the contract") from None
        except ssl.SSLCertVerificationError:
            raise self._config.fail("the mail server's certificate is not valid; nothing was sent") from None
        except _MAIL_ERRORS as error:
            raise self._broke_off(error) from None
        return box

    def list_files(self) -> list[RemoteFile]:
        """Return the attachments that can be deliveries, in the order of the names."""
        headers = self._config.retry.call(self._headers)
        others, unusable = 0, 0
        found: dict[str, RemoteFile] = {}
        known = _by_message(self._config)
        taken: set[str] = set()
        for message in headers:
            if not self._may_deliver(message.from_):
                others += 1
                continue
            number = message_number(message)
            if number in taken:
                # a copy of a message in the same folder
                continue
            taken.add(number)
            if number in known:
                found |= {item.name: self._as_known(item, message, number) for item in known[number]}
                continue
            self._config.check_size(message.size_rfc822, "a message")
            attachments, left = self._attachments(message, number)
            found |= attachments
            unusable += left
        self.notices = tuple(
            f"{self._config.shown}: {count} {what}"
            for count, what in (
                (others, "message(s) of senders that access.senders does not list were left alone"),
                (
                    unusable,
                    "attachment(s) of new messages are of another kind than the contract's, and were left alone",
                ),
            )
            if count
        )
        return [found[name] for name in sorted(found)]

    def encrypts(self, name: str) -> bool:
        """Return False: the source states no MD5."""
        return False

    def close(self) -> None:
        """Log out."""
        with suppress(*_MAIL_ERRORS):
            self._box.logout()

    def _headers(self) -> list[MailMessage]:
        try:
            return list(self._box.fetch("ALL", mark_seen=False, headers_only=True, bulk=_AT_ONCE))
        except _MAIL_ERRORS as error:
            self._reconnect()
            raise self._broke_off(error) from None

    def _attachments(self, message: MailMessage, number: str) -> tuple[dict[str, RemoteFile], int]:
        whole = self._config.retry.call(lambda: self._whole(str(message.uid)))
        day = _day(message)
        found: dict[str, RemoteFile] = {}
        left = 0
        for at, attachment in enumerate(whole.attachments, start=1):
            name = PurePosixPath(attachment.filename.replace("\\", "/")).name
            payload = attachment.payload
            if not name.lower().endswith(_SUFFIXES[self._config.wanted]) and not is_returned_workbook(
                io.BytesIO(payload)
            ):
                left += 1
                continue
            path = f"{day.isoformat()}/{number}/{name}"
            if path in found:
                path = f"{day.isoformat()}/{number}/{at} {name}"
            found[path] = RemoteFile(path, len(payload), f"message {number}", day, _bytes(payload))
        return found, left

    def _as_known(self, item: FileState, message: MailMessage, number: str) -> RemoteFile:
        """Return a file that has landed; fetch it again only if the landed copy is gone."""

        def fetch() -> Iterable[bytes]:
            found, _ = self._attachments(message, number)
            if item.name not in found:
                raise self._config.changed("an attachment is no longer what it was")
            return found[item.name].fetch()

        return RemoteFile(item.name, item.size, item.version, item.date_received, fetch)

    def _whole(self, uid: str) -> MailMessage:
        try:
            found = list(self._box.fetch(uid_list=[uid], mark_seen=False))
        except _MAIL_ERRORS as error:
            self._reconnect()
            raise self._broke_off(error) from None
        if len(found) != 1:
            raise self._config.changed("a message vanished while the mailbox was read")
        return found[0]

    def _reconnect(self) -> None:
        self.close()
        with suppress(PullError):
            self._box = self._log_in()

    def _broke_off(self, error: Exception) -> PullError:
        return self._config.fail(f"the mail server cannot be reached ({type(error).__name__})", transient=True)

    def _may_deliver(self, address: str) -> bool:
        address = address.strip().lower()
        return address in self._senders or f"@{address.rpartition('@')[2]}" in self._senders


def _bytes(payload: bytes) -> Callable[[], Iterable[bytes]]:
    return lambda: (payload,)


def _by_message(config: SourceConfig) -> dict[str, list[FileState]]:
    found: dict[str, list[FileState]] = {}
    for item in config.known.values():
        found.setdefault((item.version or "").removeprefix("message "), []).append(item)
    return found


def message_number(message: MailMessage) -> str:
    """Return the id of a message: a hash of its Message-ID, or of its headers if it has none; 12 digits.

    Two copies of a message have the same id.
    """
    said = " ".join(message.headers["message-id"]).strip() if "message-id" in message.headers else ""
    said = said or f"{message.date_str}\x1f{message.from_}\x1f{message.subject}"
    return hashlib.sha256(said.encode("utf-8", "surrogateescape")).hexdigest()[:12]


def _day(message: MailMessage) -> dt.date:
    """Return the day in the message's headers; today if the date cannot be read."""
    day = message.date.date()
    return today() if day.year < 1990 else day  # 1900-01-01 stands for a date that cannot be read
