"""Attachments of listed senders are deliveries, each message once; the mailbox stays as it was. A real IMAP server."""

import contextlib
import io
import os
import pwd
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from email.message import EmailMessage
from pathlib import Path

import openpyxl
import pytest

from flows.sources.pull import PullError
from tests.flows.sources.conftest import CANARY, PEOPLE, free_port, log_of

DOVECOT = shutil.which("dovecot", path="/usr/sbin:/usr/local/sbin:/usr/bin:" + os.environ.get("PATH", ""))
SENDER = "training@partner.example.org"


@dataclass(frozen=True)
class Mailbox:
    """A server that runs, and the folder of the one mailbox that it serves."""

    port: int
    folder: Path

    def deliver(self, message: EmailMessage, name: str) -> None:
        """Put a message into the mailbox, as a mail server does."""
        path = self.folder / "new" / name
        path.write_bytes(message.as_bytes())
        if os.geteuid() == 0:
            shutil.chown(path, "nobody")

    def flags(self) -> list[str]:
        """What is written on the messages: in a maildir, what stands after the colon of their names."""
        return sorted(path.name.partition(":2,")[2] for path in self.folder.glob("*/*") if path.parent.name != "tmp")


@pytest.fixture(scope="module")
def server() -> Iterator[Mailbox]:
    """Dovecot as a process of its own, for the length of the module."""
    if DOVECOT is None:
        pytest.skip("dovecot-imapd is not installed")
    # beside pytest's own folder, which nobody but its owner may enter: the server's helpers are others
    with tempfile.TemporaryDirectory(prefix="imap-", ignore_cleanup_errors=True) as place:
        base = Path(place)
        base.chmod(0o755)
        mail = base / "mail"
        for name in ("new", "cur", "tmp"):
            (mail / name).mkdir(parents=True)
        owner = pwd.getpwnam("nobody") if os.geteuid() == 0 else pwd.getpwuid(os.geteuid())
        for path in (mail, *mail.iterdir()):
            os.chown(path, owner.pw_uid, owner.pw_gid)
        port = free_port()
        config = base / "dovecot.conf"
        config.write_text(_config(base, mail, owner, port))
        process = subprocess.Popen([DOVECOT, "-F", "-c", str(config)])
        try:
            for _ in range(200):
                assert process.poll() is None, (base / "dovecot.log").read_text()
                with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
                    break
                time.sleep(0.05)
            yield Mailbox(port, mail)
        finally:
            process.terminate()
            process.wait(timeout=10)


def _config(base: Path, mail: Path, owner: pwd.struct_passwd, port: int) -> str:
    alone = os.geteuid() != 0
    lines = [
        f"base_dir = {base / 'run'}",
        f"log_path = {base / 'dovecot.log'}",
        "protocols = imap",
        "listen = 127.0.0.1",
        "ssl = no",
        "disable_plaintext_auth = no",
        f"first_valid_uid = {min(owner.pw_uid, 500)}",
        f"first_valid_gid = {min(owner.pw_gid, 1)}",
        f"mail_location = maildir:{mail}",
        "passdb {\n  driver = static\n  args = password=" + CANARY + "\n}",
        f"userdb {{\n  driver = static\n  args = uid={owner.pw_uid} gid={owner.pw_gid} home={base}\n}}",
        f"service imap-login {{\n  inet_listener imap {{\n    address = 127.0.0.1\n    port = {port}\n  }}"
        "\n  inet_listener imaps {\n    port = 0\n  }" + ("\n  chroot =\n}" if alone else "\n}"),
    ]
    if alone:
        name = owner.pw_name
        lines += [
            f"default_internal_user = {name}",
            f"default_login_user = {name}",
            "service anvil {\n  chroot =\n}",
            "service imap {\n  chroot =\n}",
        ]
    return "\n".join([*lines, ""])


@pytest.fixture
def mailbox(server) -> Iterator[Mailbox]:
    yield server
    for path in server.folder.glob("*/*"):
        path.unlink()
    for path in server.folder.glob("dovecot*"):
        path.unlink()


def message(number: str, *attachments: tuple[str, bytes], sender: str = SENDER) -> EmailMessage:
    made = EmailMessage()
    made["From"] = f"Training desk <{sender}>"
    made["To"] = "data@programme.example.org"
    made["Subject"] = "Training log"
    made["Date"] = "Sat, 05 Sep 2020 09:00:00 +0800"
    made["Message-ID"] = f"<{number}@partner.example.org>"
    made.set_content("Please find the log attached.")
    for name, content in attachments:
        made.add_attachment(content, maintype="text", subtype="csv", filename=name)
    return made


@pytest.fixture
def inbox(bench, mailbox):
    def make(folder: str = "INBOX", **access: object):
        said = {"user": "ONE_USER", "password": "ONE_PASSWORD", "senders": "@partner.example.org", **access}
        return bench(f"imap://127.0.0.1:{mailbox.port}/{folder}", access=said, delivery={"kind": "append"})

    return make


def test_attachments_of_listed_senders_come_in_once_and_the_mailbox_stays_as_it_was(inbox, mailbox):
    mailbox.deliver(message("one", ("log.csv", log_of(*PEOPLE[:2])), ("logo.png", b"png")), "1.one")
    mailbox.deliver(message("two", ("log.csv", log_of(PEOPLE[2])), sender="x@elsewhere.example.org"), "2.two")
    # the same message, copied
    mailbox.deliver(message("one", ("log.csv", log_of(*PEOPLE[:2])), ("logo.png", b"png")), "3.copy")
    made = inbox()
    result = made.run()
    assert made.attendances() == 2
    assert made.deliveries() == [("loaded", 2, 2, 0, 0)]
    assert "1 message(s) of senders that access.senders does not list were left alone" in result.warnings[0]
    assert "1 attachment(s)" in result.warnings[1]
    assert "elsewhere" not in repr(result)
    assert mailbox.flags() == ["", "", ""]
    assert made.run().published is None

    # a name says nothing: another message with the same file name is another delivery
    mailbox.deliver(message("three", ("log.csv", log_of(PEOPLE[2]))), "4.three")
    assert made.run().published == 2
    assert made.attendances() == 3


def test_a_message_that_is_known_is_not_fetched_again_but_where_its_landed_copy_is_gone(inbox, mailbox, monkeypatch):
    from flows.sources.mail import MailSource

    mailbox.deliver(message("one", ("log.csv", log_of(*PEOPLE))), "1.one")
    made = inbox()
    pulled = made.pull()
    fetched: list[str] = []
    whole = MailSource._whole
    monkeypatch.setattr(MailSource, "_whole", lambda self, uid: fetched.append(uid) or whole(self, uid))
    known = {(pulled.partner_id, pulled.source): pulled.seen}
    assert made.pull(known=known).seen == pulled.seen
    assert fetched == []
    (landed,) = made.landed()
    landed.unlink()
    assert made.pull(known=known).seen == pulled.seen
    assert len(fetched) == 1
    assert made.landed() == [landed]


def test_the_day_received_is_that_of_the_message_and_the_name_holds_no_address(inbox, mailbox):
    mailbox.deliver(message("one", ("../log 09.csv", log_of(*PEOPLE))), "1.one")
    (row,) = inbox().pull().landed
    assert row.date_received.isoformat() == "2020-09-05"
    assert row.file_name.startswith("2020-09-05/")
    assert row.file_name.endswith("/log 09.csv")
    assert "@" not in row.file_name


def workbook(sheet: str) -> bytes:
    made = openpyxl.Workbook()
    made.create_sheet(sheet)
    stream = io.BytesIO()
    made.save(stream)
    return stream.getvalue()


def test_a_corrected_workbook_is_taken_whatever_the_partner_delivers(inbox, mailbox):
    attached = (("rows.xlsx", workbook("godigital")), ("plan.xlsx", workbook("plan")))
    mailbox.deliver(message("one", *attached), "1.one")
    made = inbox()
    (row,) = made.pull().landed
    assert (row.file_name.rpartition("/")[2], row.is_return) == ("rows.xlsx", True)


def test_an_address_is_listed_in_full_or_not_at_all(inbox, mailbox):
    mailbox.deliver(message("one", ("log.csv", log_of(*PEOPLE)), sender=f"not-{SENDER}"), "1.one")
    assert inbox(senders=SENDER).pull().landed == ()
    assert len(inbox(senders=[f"not-{SENDER}".upper()]).pull().landed) == 1


def test_a_message_beyond_the_limit_is_refused_before_it_is_read(inbox, mailbox):
    mailbox.deliver(message("one", ("log.csv", log_of(*PEOPLE))), "1.one")
    with pytest.raises(PullError, match="a message is larger than 50 bytes"):
        inbox(size_limit=50).pull()


def test_a_wrong_password_is_not_tried_again(inbox, mailbox, monkeypatch):
    monkeypatch.setenv("ONE_PASSWORD", "wrong-password")
    with pytest.raises(PullError, match="the mail server refused user and password") as caught:
        inbox().pull()
    assert "wrong-password" not in str(caught.value)
    assert "tried" not in str(caught.value)


def test_a_folder_that_is_not_there_says_what_to_correct(inbox, mailbox):
    with pytest.raises(PullError, match="no such mail folder; correct `source`"):
        inbox("Nowhere").pull()


def test_a_server_that_is_not_there_is_tried_again_and_named(bench):
    access = {"user": "ONE_USER", "password": "ONE_PASSWORD", "senders": SENDER}
    with pytest.raises(PullError, match="mail server cannot be reached .ConnectionRefusedError. .tried 3 times"):
        bench(f"imap://127.0.0.1:{free_port()}/INBOX", access=access).pull()


def test_without_a_list_of_senders_nothing_is_read(bench):
    with pytest.raises(PullError, match="must list under access.senders"):
        bench("imap://127.0.0.1/INBOX", access={"user": "ONE_USER", "password": "ONE_PASSWORD"}).pull()
