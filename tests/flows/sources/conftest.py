"""One invented partner in a folder of a test's own, whose source is a real server on this machine."""

import logging
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import pytest
import yaml

from flows.run.result import RunResult
from flows.settings import Settings
from flows.sources.landed import Pulled
from flows.sources.pull import pull_source
from schemas.partner import Partner, load_contract
from tests.conftest import make_settings, rows, run
from warehouse.storage.data_folder import DataFolder
from warehouse.vault.open import open_vault

# planted in every variable that a contract names; it may come out nowhere
CANARY = "c4n4ry-s3cret-9f8e7d"
HEADER = "name;sex;born;phone;course;day"
PEOPLE = (
    "Amostra Satu;f;1990-05-03;+6738123456;DL101;2020-08-02",
    "Amostra Dua;m;1985-01-20;+6738123457;DL101;2020-08-02",
    "Amostra Tiga;f;1999-11-11;+6738123458;DL101;2020-08-03",
)


def log_of(*people: str) -> bytes:
    """A training log as a partner keeps it."""
    return "\n".join((HEADER, *people, "")).encode()


@dataclass(frozen=True)
class Bench:
    """A partner under test: its settings, and short ways to pull, run and look at what came of it."""

    settings: Settings
    partner: Partner
    log: pytest.LogCaptureFixture

    def pull(self, **more: Any) -> Pulled:
        """Pull once, without a vault."""
        return pull_source(self.partner, settings=self.settings, **more)

    def run(self, code: int = 0) -> RunResult:
        """Run the whole way, and hold what is left behind against the canary."""
        result = run(self.settings)
        assert result.exit_code == code, result.failures
        # what the tests' own servers log is theirs
        said = [record for record in self.log.records if not record.name.startswith(("werkzeug", "wsgidav"))]
        formatted = "\n".join(f"{record.getMessage()} {record.exc_text or ''}" for record in said)
        assert_no_secret(self.settings, result, formatted)
        return result

    def attendances(self) -> int:
        """Attendances in the current release."""
        return rows(self.settings.data, "SELECT count(*) FROM core_attendance")[0][0]

    def deliveries(self) -> list[tuple[Any, ...]]:
        """Outcome and counts of every delivery in the current release, in the order in which they came."""
        return rows(
            self.settings.data,
            "SELECT outcome, rows_in, rows_accepted, rows_rejected, rows_repeated FROM core_delivery ORDER BY ALL",
        )

    def reasons(self) -> list[tuple[Any, ...]]:
        """Reasons of rejected rows in the vault."""
        with open_vault(DataFolder(self.settings.data), "test", memory_limit="1GB", threads=1) as con:
            return con.execute("SELECT reasons FROM rejected_row WHERE disposition = 'rejected' ORDER BY 1").fetchall()

    def landed(self) -> list[Path]:
        """Files in the landing folder."""
        return sorted(path for path in (self.partner.folder / "deliveries").rglob("*") if path.is_file())


def assert_no_secret(settings: Settings, result: object, log: str) -> None:
    """The canary stands in no log, result, table or file."""
    assert CANARY not in repr(result)
    assert CANARY not in log
    for root in (settings.data, settings.raw):
        for path in root.rglob("*"):
            if path.is_file():
                assert CANARY.encode() not in path.read_bytes(), path
    with open_vault(DataFolder(settings.data), "test", memory_limit="1GB", threads=1) as con:
        assert CANARY not in _dump(con)
    release = settings.data / "warehouse.duckdb"
    if release.exists():
        with duckdb.connect(str(release.resolve()), read_only=True) as con:
            assert CANARY not in _dump(con)


def _dump(con: duckdb.DuckDBPyConnection) -> str:
    names = con.execute("SELECT table_name FROM duckdb_tables() ORDER BY 1").fetchall()
    return "\n".join(repr(con.execute(f'SELECT * FROM "{name}"').fetchall()) for (name,) in names)


MakeBench = Callable[..., Bench]


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> MakeBench:
    """Make the partner BN-ONE with a source; what else its contract says goes over the defaults."""
    caplog.set_level(logging.DEBUG)

    def make(source: str, *, settings: dict[str, Any] | None = None, **contract: Any) -> Bench:
        said: dict[str, Any] = {
            "name": "Invented partner",
            "source": source,
            "delivery": {"kind": "cumulative"},
            "file": {"format": "csv", "delimiter": ";"},
            "columns": {
                "full_name": "name",
                "sex": "sex",
                "birth_date": "born",
                "phones": "phone",
                "course_code": "course",
                "training_date": "day",
            },
            "dates": {"order": "ymd"},
            "lookups": {"sex": {"F": "f", "M": "m"}},
            **contract,
        }
        folder = tmp_path / "raw" / "BN" / "ONE"
        folder.mkdir(parents=True, exist_ok=True)
        text = yaml.safe_dump(said, allow_unicode=True)
        (folder / "partner.yml").write_text(text, encoding="utf-8")
        limits = {"pull_backoff": 0.01, "pull_retries": 2, "pull_time_limit": 20, **(settings or {})}
        made = make_settings(tmp_path / "raw", tmp_path / "data", **limits)
        partner = Partner(country_code="BN", folder=folder, contract=load_contract(folder / "partner.yml"))
        return Bench(made, partner, caplog)

    for name in ("ONE_USER", "ONE_PASSWORD", "ONE_TOKEN"):
        monkeypatch.setenv(name, CANARY)
    return make


def free_port() -> int:
    """A port of this machine that nobody listens to."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def listening(answer: bytes | None) -> Iterator[int]:
    """A server that answers whatever it is asked with these bytes and hangs up, or, with None, never answers."""
    import threading

    server = socket.create_server(("127.0.0.1", 0))
    held: list[socket.socket] = []

    def serve() -> None:
        while True:
            try:
                connection, _ = server.accept()
            except OSError:
                return
            held.append(connection)
            if answer is not None:
                connection.recv(65536)
                connection.sendall(answer)
                connection.close()

    threading.Thread(target=serve, daemon=True).start()
    try:
        yield server.getsockname()[1]
    finally:
        server.close()
        for connection in held:
            connection.close()
