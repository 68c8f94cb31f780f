"""Partners are pulled side by side, nobody waits for another, and a run that is cut off loses nothing."""

import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

import flows.run.execute
import flows.sources.parallel
from flows.run.stages import pull_providers
from flows.sources.filesystem import FileSystemSource
from flows.sources.pull import PullError
from schemas.partner import ContractError, Partner, load_contract
from tests.conftest import hashes, run
from tests.flows.sources.conftest import CANARY, PEOPLE, log_of


def partners_of(raw: Path, contract: Path, count: int) -> list[Partner]:
    """Partners P00, P01 ... with a log of their own each."""
    made = []
    for number in range(count):
        folder = raw / "BN" / f"P{number:02d}"
        (folder / "in").mkdir(parents=True)
        (folder / "in" / f"{number}.csv").write_bytes(log_of(*PEOPLE))
        (folder / "partner.yml").write_text(contract.read_text())
        made.append(Partner(country_code="BN", folder=folder, contract=load_contract(folder / "partner.yml")))
    return made


def test_the_result_is_in_the_order_of_the_partners_whoever_is_first(bench, tmp_path, monkeypatch):
    made = bench("in")
    partners = partners_of(tmp_path / "many", made.partner.folder / "partner.yml", 20)
    listed = FileSystemSource.list_files
    busy: list[int] = []
    most: list[int] = []
    lock = threading.Lock()

    def slowly(self):
        with lock:
            busy.append(1)
            most.append(len(busy))
        time.sleep(0.02 if "P00" in self._root else 0.005)
        with lock:
            busy.pop()
        return listed(self)

    monkeypatch.setattr(FileSystemSource, "list_files", slowly)
    pulled, failures = pull_providers(partners, None, made.settings, {})
    assert [item.partner_id for item in pulled] == [partner.partner_id for partner in partners]
    assert failures == []
    assert 1 < max(most) <= made.settings.pull_workers


def test_sources_that_hang_in_a_driver_take_no_place_from_others(bench, tmp_path, monkeypatch):
    made = bench("in", access={"time_limit": 1}, settings={"pull_workers": 2})
    partners = partners_of(tmp_path / "many", made.partner.folder / "partner.yml", 6)
    monkeypatch.setattr(flows.sources.parallel, "_GRACE_SECONDS", 0.2)
    listed = FileSystemSource.list_files
    release = threading.Event()

    def hang(self):
        if "P00" in self._root or "P01" in self._root:
            release.wait(30)
        return listed(self)

    monkeypatch.setattr(FileSystemSource, "list_files", hang)
    start = time.monotonic()
    pulled, failures = pull_providers(partners, None, made.settings, {})
    assert time.monotonic() - start < 5
    assert [failure.partner_id for failure in failures] == ["BN-P00", "BN-P01"]
    assert "did not answer within 1 seconds" in failures[0].message
    assert len(pulled) == 4
    release.set()


def test_progress_ends_at_the_number_of_partners(bench, tmp_path):
    made = bench("in")
    partners = partners_of(tmp_path / "many", made.partner.folder / "partner.yml", 5)
    told: list[tuple[str, str, int, int]] = []
    pull_providers(partners, None, made.settings, {}, on_progress=lambda *what: told.append(what))
    assert told[-1] == ("pull", "BN", 5, 5)
    assert len(told) == len(set(told))


@pytest.mark.parametrize("cut", ["plan_reading", "survey_failures", "load_plans"])
def test_a_run_that_is_cut_off_after_the_pull_loses_nothing(bench, httpserver, tmp_path, monkeypatch, cut):
    httpserver.expect_request("/log").respond_with_data(
        log_of(*PEOPLE), headers={"Content-Type": "text/csv", "ETag": '"a"'}
    )
    made = bench(httpserver.url_for("/log"))

    class CutOffError(Exception):
        pass

    def stop(*_: object, **__: object) -> None:
        raise CutOffError

    with monkeypatch.context() as patch:
        patch.setattr(flows.run.execute, cut, stop)
        with pytest.raises(CutOffError):
            run(made.settings)
    made.run()
    assert made.attendances() == 3


def test_a_second_run_over_many_sources_publishes_nothing_and_is_quick(bench, tmp_path):
    made = bench("in")
    folder = made.partner.folder / "in"
    folder.mkdir()
    (folder / "a.csv").write_bytes(log_of(*PEOPLE))
    made.run()
    before = hashes(made.settings.data)
    assert run(made.settings).published is None
    assert hashes(made.settings.data) == before


def test_a_folders_cumulative_file_that_shrank_is_held_back_and_a_vanished_one_reported(bench):
    made = bench("in")
    folder = made.partner.folder / "in"
    folder.mkdir()
    (folder / "all.csv").write_bytes(log_of(*PEOPLE))
    (folder / "0-old.csv").write_bytes(log_of(PEOPLE[0]))
    made.run()
    (folder / "all.csv").write_bytes(log_of(PEOPLE[0])[:-30])
    (folder / "0-old.csv").unlink()
    result = made.run(code=2)
    assert [failure.code for failure in result.failures] == ["source_shrank"]
    assert "0-old.csv" in result.warnings[0]
    assert made.attendances() == 3


@pytest.mark.parametrize("field", ["token", "password", "user", "key", "link"])
def test_a_secret_written_into_a_contract_is_refused_and_not_repeated(bench, field):
    with pytest.raises(ContractError, match=f"access.{field}.*never the secret itself") as caught:
        bench("in", access={field: CANARY})
    assert CANARY not in str(caught.value)


def test_a_password_in_the_address_is_refused_and_not_repeated(bench):
    with pytest.raises(ContractError, match="it holds a password; name the variable") as caught:
        bench(f"sftp://partner:{CANARY}@files.example.org/out")
    assert CANARY not in str(caught.value)


def test_a_password_in_the_pattern_of_one_run_is_refused_and_not_repeated(bench):
    made = bench("in")
    with pytest.raises(PullError, match="holds a password") as caught:
        made.pull(pattern=f"sftp://partner:{CANARY}@127.0.0.1/out")
    assert CANARY not in str(caught.value)


def test_no_driver_is_loaded_where_every_source_is_a_folder(bench, tmp_path):
    made = bench("in")
    (made.partner.folder / "in").mkdir()
    code = (
        "import sys\n"
        "from pathlib import Path\n"
        "from flows.run.execute import execute\n"
        "from flows.settings import Settings\n"
        f"settings = Settings(raw=Path({str(made.settings.raw)!r}), data=Path({str(made.settings.data)!r}))\n"
        "from flows.sources.pull import pull_source\n"
        "from flows.contracts.partners import find_partners\n"
        "pull_source(find_partners(settings.raw).usable[0], settings=settings)\n"
        "heavy = {'httpx', 's3fs', 'asyncssh', 'sshfs', 'imap_tools', 'botocore', 'webdav4'} & set(sys.modules)\n"
        "print(sorted(heavy))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
