"""WebDAV, which Nextcloud speaks: one way through a real server, as an example of what fsspec's drivers bring."""

import threading
from collections.abc import Iterator
from pathlib import Path
from wsgiref.simple_server import WSGIRequestHandler, make_server

import pytest
from wsgidav.wsgidav_app import WsgiDAVApp

from flows.sources.pull import PullError
from tests.flows.sources.conftest import CANARY, PEOPLE, log_of


class _Quiet(WSGIRequestHandler):
    def log_message(self, format: str, *args: object) -> None:
        """Nothing."""


@pytest.fixture
def cloud(tmp_path: Path) -> Iterator[tuple[int, Path]]:
    folder = tmp_path / "cloud"
    folder.mkdir()
    app = WsgiDAVApp(
        {
            "provider_mapping": {"/": str(folder)},
            "simple_dc": {"user_mapping": {"*": {CANARY: {"password": CANARY}}}},
            "logging": {"enable": False},
            "verbose": 0,
        }
    )
    server = make_server("127.0.0.1", 0, app, handler_class=_Quiet)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield server.server_port, folder
    server.shutdown()
    server.server_close()
    thread.join(10)


def test_a_folder_of_a_cloud_is_pulled(bench, cloud, monkeypatch):
    port, folder = cloud
    (folder / "out" / "2020-09-05").mkdir(parents=True)
    (folder / "out" / "2020-09-05" / "log 09.csv").write_bytes(log_of(*PEOPLE))
    access = {"user": "ONE_USER", "password": "ONE_PASSWORD"}
    made = bench(f"webdav://127.0.0.1:{port}/out", access=access)
    made.run()
    assert made.attendances() == 3
    (row,) = made.pull().landed
    assert (row.file_name, row.size) == ("2020-09-05/log 09.csv", len(log_of(*PEOPLE)))

    monkeypatch.setenv("ONE_PASSWORD", "wrong")
    with pytest.raises(PullError, match="access was refused") as caught:
        made.pull()
    assert "wrong" not in str(caught.value)


def test_whatever_another_driver_raises_stays_with_its_partner_and_is_not_repeated(bench):
    import fsspec
    from fsspec.implementations.memory import MemoryFileSystem

    class Broken(MemoryFileSystem):
        protocol = "broken"

        def find(self, path: str, **more: object) -> None:
            raise LookupError(CANARY)

    fsspec.register_implementation("broken", Broken, clobber=True)
    result = bench("broken://logs/one").run(code=1)
    assert [failure.code for failure in result.failures] == ["source_unreadable"]
    assert "cannot be listed (LookupError)" in result.failures[0].message


def test_a_driver_that_is_not_installed_is_named(bench):
    with pytest.raises(PullError, match="reading gs:// needs a package that is not installed"):
        bench("gs://logs/one").pull()
