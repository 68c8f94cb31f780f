"""SFTP against a real OpenSSH server, and another implementation for passwords; host keys are always checked."""

import asyncio
import contextlib
import getpass
import os
import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import asyncssh
import pytest

from flows.sources.pull import PullError
from tests.flows.sources.conftest import CANARY, PEOPLE, free_port, log_of

SSHD = shutil.which("sshd", path="/usr/sbin:/usr/local/sbin:/usr/bin:" + os.environ.get("PATH", ""))


@dataclass(frozen=True)
class Server:
    """A server that runs: its port, its folder, and the files with its public key and the client's private one."""

    port: int
    root: Path
    known_hosts: Path
    client_key: Path


def make_keys(folder: Path) -> tuple[Path, Path]:
    """Write the host's and the client's key pair; returns the private halves."""
    paths = []
    for name in ("host_key", "client_key"):
        key = asyncssh.generate_private_key("ssh-ed25519")
        path = folder / name
        key.write_private_key(path)
        key.write_public_key(path.with_suffix(".pub"))
        path.chmod(0o600)
        paths.append(path)
    return paths[0], paths[1]


def write_known_hosts(folder: Path, port: int, key: Path) -> Path:
    path = folder / "known_hosts"
    path.write_text(f"[127.0.0.1]:{port} {key.with_suffix('.pub').read_text()}")
    return path


@pytest.fixture(scope="module")
def openssh(tmp_path_factory) -> Iterator[Server]:
    """OpenSSH's own server as a process of its own, for the length of the module."""
    if SSHD is None:
        pytest.skip("openssh-server is not installed")
    folder = tmp_path_factory.mktemp("sshd")
    host_key, client_key = make_keys(folder)
    port = free_port()
    config = folder / "sshd_config"
    config.write_text(
        "\n".join(
            (
                f"Port {port}",
                "ListenAddress 127.0.0.1",
                f"HostKey {host_key}",
                f"AuthorizedKeysFile {client_key.with_suffix('.pub')}",
                f"PidFile {folder / 'sshd.pid'}",
                "PasswordAuthentication no",
                "KbdInteractiveAuthentication no",
                "UsePAM no",
                "StrictModes no",
                "PermitRootLogin prohibit-password",
                "Subsystem sftp internal-sftp",
                "",
            )
        )
    )
    if os.geteuid() == 0:
        # where the server parts with its privileges; an init system makes it otherwise
        Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)
    root = folder / "out"
    with (folder / "sshd.log").open("wb") as log:
        process = subprocess.Popen([SSHD, "-D", "-e", "-f", str(config)], stderr=log)
        try:
            wait_for(port, process, folder / "sshd.log")
            yield Server(port, root, write_known_hosts(folder, port, host_key), client_key)
        finally:
            process.terminate()
            process.wait(timeout=10)


def wait_for(port: int, process: subprocess.Popen[bytes], log: Path) -> None:
    for _ in range(200):
        if process.poll() is not None:
            pytest.fail(f"the server stopped: {log.read_text()}")
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return
        time.sleep(0.05)
    pytest.fail("the server does not listen")


@pytest.fixture
def openssh_folder(openssh) -> Iterator[Server]:
    openssh.root.mkdir(exist_ok=True)
    yield openssh
    shutil.rmtree(openssh.root, ignore_errors=True)


@pytest.fixture
def sftp(bench, openssh_folder, monkeypatch):
    monkeypatch.setenv("ONE_USER", getpass.getuser())
    monkeypatch.setenv("ONE_KEY", openssh_folder.client_key.read_text())

    def make(**access: str):
        said = {"user": "ONE_USER", "key": "ONE_KEY", "known_hosts": str(openssh_folder.known_hosts), **access}
        return bench(f"sftp://127.0.0.1:{openssh_folder.port}{openssh_folder.root}", access=said)

    return make


def put(server: Server, name: str, content: bytes, age: float = 60.0) -> None:
    path = server.root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    os.utime(path, (time.time() - age, time.time() - age))


def test_a_folder_is_pulled_and_an_unchanged_file_is_not_fetched_again(sftp, openssh_folder):
    put(openssh_folder, "2020-09-05/log.csv", log_of(*PEOPLE[:2]))
    put(openssh_folder, "2020-09-05/.~lock.log.csv#", b"")
    made = sftp()
    assert made.run().published == 1
    assert made.attendances() == 2
    pulled = made.pull()
    # other bytes behind the same time and size: whoever fetched them would see it
    log = openssh_folder.root / "2020-09-05" / "log.csv"
    times = (log.stat().st_atime, log.stat().st_mtime)
    log.write_bytes(b"x" * log.stat().st_size)
    os.utime(log, times)
    again = made.pull(known={(pulled.partner_id, pulled.source): pulled.seen})
    assert again.landed[0].sha256 == pulled.landed[0].sha256

    put(openssh_folder, "2020-09-05/log.csv", log_of(*PEOPLE), age=30)
    assert made.run().published == 2
    assert made.attendances() == 3
    assert made.run().published is None


def test_a_vanished_file_is_reported_once_and_still_counts(sftp, openssh_folder):
    put(openssh_folder, "a.csv", log_of(*PEOPLE))
    put(openssh_folder, "readme.txt.tmp", b"")
    made = sftp()
    made.run()
    (openssh_folder.root / "a.csv").unlink()
    result = made.run()
    assert "1 file(s) are no longer there (a.csv); what was landed from them still counts" in result.warnings[0]
    assert made.attendances() == 3
    assert made.run().warnings == ()


def test_a_key_in_a_file_will_do(sftp, openssh_folder, monkeypatch):
    put(openssh_folder, "a.csv", log_of(*PEOPLE))
    monkeypatch.setenv("ONE_KEY", str(openssh_folder.client_key))
    assert len(sftp().pull().landed) == 1


def test_a_server_with_another_key_is_never_talked_to(sftp, openssh_folder, tmp_path):
    stranger, _ = make_keys(tmp_path)
    hosts = write_known_hosts(tmp_path, openssh_folder.port, stranger)
    with pytest.raises(PullError, match="host key is not the one in known_hosts; ask the partner for its fingerprint"):
        sftp(known_hosts=str(hosts)).pull()


def test_without_a_file_of_known_hosts_nothing_is_trusted(sftp):
    with pytest.raises(PullError, match="there is no file of known hosts at .*nowhere"):
        sftp(known_hosts="nowhere").pull()


def test_a_refused_key_is_not_tried_again(sftp, tmp_path, monkeypatch):
    _, other = make_keys(tmp_path)
    monkeypatch.setenv("ONE_KEY", other.read_text())
    started = time.monotonic()
    with pytest.raises(PullError, match="access was refused; check user, password and key") as caught:
        sftp().pull()
    assert not caught.value.transient
    assert "tried" not in str(caught.value)
    assert time.monotonic() - started < 10


def test_a_key_that_is_none_is_named_without_its_text(sftp, monkeypatch):
    monkeypatch.setenv("ONE_KEY", f"-----BEGIN OPENSSH PRIVATE KEY-----\n{CANARY}\n-----END OPENSSH PRIVATE KEY-----")
    with pytest.raises(PullError, match="access.key") as caught:
        sftp().pull()
    assert CANARY not in str(caught.value)


def test_a_folder_that_is_not_there_says_what_to_correct(sftp, openssh_folder):
    made = sftp()
    shutil.rmtree(openssh_folder.root)
    with pytest.raises(PullError, match="does not exist; correct `source`"):
        made.pull()


def test_a_server_that_is_not_there_is_tried_again_and_named(bench, openssh_folder, monkeypatch):
    monkeypatch.setenv("ONE_KEY", openssh_folder.client_key.read_text())
    access = {"user": "ONE_USER", "key": "ONE_KEY", "known_hosts": str(openssh_folder.known_hosts)}
    with pytest.raises(PullError, match="cannot be reached .ConnectionRefusedError. .tried 3 times"):
        bench(f"sftp://127.0.0.1:{free_port()}/out", access=access).pull()


class PasswordServer(asyncssh.SSHServer):
    """Lets in whoever knows the canary."""

    def password_auth_supported(self) -> bool:
        """Passwords are asked for."""
        return True

    def validate_password(self, username: str, password: str) -> bool:
        """Whether the password is right."""
        return (username, password) == ("partner", CANARY)


@pytest.fixture
def password_server(tmp_path) -> Iterator[Server]:
    """Another implementation of the server, in a thread."""
    host_key, client_key = make_keys(tmp_path)
    root = tmp_path / "served"
    root.mkdir()
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()

    async def serve() -> asyncssh.SSHAcceptor:
        return await asyncssh.create_server(
            PasswordServer,
            "127.0.0.1",
            0,
            server_host_keys=[str(host_key)],
            sftp_factory=lambda channel: asyncssh.SFTPServer(channel, chroot=str(root).encode()),
        )

    acceptor = asyncio.run_coroutine_threadsafe(serve(), loop).result(30)
    port = acceptor.get_port()
    yield Server(port, root, write_known_hosts(tmp_path, port, host_key), client_key)
    loop.call_soon_threadsafe(acceptor.close)
    loop.call_soon_threadsafe(loop.stop)
    thread.join(10)


def test_a_password_opens_a_server_and_a_wrong_one_does_not(bench, password_server, monkeypatch):
    (password_server.root / "a.csv").write_bytes(log_of(*PEOPLE))
    monkeypatch.setenv("ONE_USER", "partner")
    access = {"user": "ONE_USER", "password": "ONE_PASSWORD", "known_hosts": str(password_server.known_hosts)}
    made = bench(f"sftp://127.0.0.1:{password_server.port}/", access=access)
    assert [row.file_name for row in made.pull().landed] == ["a.csv"]
    monkeypatch.setenv("ONE_PASSWORD", "wrong")
    with pytest.raises(PullError, match="access was refused"):
        made.pull()
