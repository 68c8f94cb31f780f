"""Copies of the shipped partners, run for real; the development kit, where it lies beside the project."""

import fcntl
import json
import os
import pickle
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import duckdb
import hypothesis
import pytest

from flows.run.execute import execute
from flows.run.result import RunRequest, RunResult
from flows.settings import Settings

# a law holds however slow the machine is; the same examples every time, or a change could fail for what it did not
# touch. `--hypothesis-profile searching` looks for new ones
hypothesis.settings.register_profile("unhurried", deadline=None, derandomize=True)
hypothesis.settings.register_profile("searching", deadline=None)
hypothesis.settings.load_profile("unhurried")

Made = TypeVar("Made")
PROJECT = Path(__file__).resolve().parents[1]
SHARED = PROJECT.parent / "shared"
# the same key in every test vault: the same inputs must give the same ids
KEY = "5a" * 32

# Tests by what they need, so that one can choose: by folder or file, by fixture
_MARKS_BY_PATH = {
    "faults/": "faults",
    "flows/sources/": "servers",
    "flows/test_pipeline.py": "servers",
    "warehouse/report/test_browser.py": "browser",
    "flows/commands/test_backup.py": "pipeline",
    "flows/commands/test_evaluate.py": "pipeline",
    "flows/commands/test_holds.py": "pipeline",
    "flows/commands/test_watch.py": "pipeline",
    "flows/intake/test_surveys.py": "pipeline",
    "flows/returns/": "pipeline",
    "flows/review/": "pipeline",
    "warehouse/identity/test_respondents.py": "pipeline",
}
_MARKS_BY_FIXTURE = {
    "small": "pipeline",
    "brunei": "pipeline",
    "devkit": "pipeline",
    "httpserver": "servers",
}


_ON_REQUEST = "not benchmark_only and not long"
_EVERYDAY = f"not (pipeline or faults or browser or servers) and {_ON_REQUEST}"


def pytest_configure(config: pytest.Config) -> None:
    """Where no -m is given, run the everyday tests; of folders and files that are named, run all."""
    if not config.option.markexpr:
        nothing_named = config.args_source is not pytest.Config.ArgsSource.ARGS
        config.option.markexpr = _EVERYDAY if nothing_named else _ON_REQUEST


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark every test by what it needs."""
    tests = PROJECT / "tests"
    for item in items:
        path = item.path.relative_to(tests).as_posix()
        marks = {mark for beginning, mark in _MARKS_BY_PATH.items() if path.startswith(beginning)}
        marks |= {mark for fixture, mark in _MARKS_BY_FIXTURE.items() if fixture in getattr(item, "fixturenames", ())}
        for mark in sorted(marks):
            item.add_marker(mark)


def copy_partners(target: Path, *partners: str) -> Path:
    """Copy contracts and samples (all, or some as CC/partner) into a raw folder of a test's own."""
    for contract in sorted((PROJECT / "raw").glob("*/*/partner.yml")):
        name = contract.parent.relative_to(PROJECT / "raw")
        if not partners or name.as_posix() in partners:
            (target / name).mkdir(parents=True, exist_ok=True)
            shutil.copyfile(contract, target / name / "partner.yml")
            shutil.copytree(contract.parent / "sample", target / name / "sample")
    return target


def copy_surveys(raw: Path, *names: str) -> Path:
    """Copy contracts and shipped answers of the survey (all, or some countries) into a raw folder of a test's own."""
    folder = raw / "survey"
    folder.mkdir(parents=True, exist_ok=True)
    for path in sorted((PROJECT / "raw" / "survey").iterdir()):
        if path.is_file() and path.suffix != ".md" and (not names or path.name[:2] in names):
            shutil.copyfile(path, folder / path.name)
    return folder


def make_settings(raw: Path, data: Path, **more: object) -> Settings:
    """Settings of a test's own folders, with the tests' key."""
    private = data / "private"
    private.mkdir(parents=True, mode=0o700, exist_ok=True)
    (private / "identity.key").write_text(KEY)
    return Settings(raw=raw, data=data, **more)


def run(settings: Settings, countries: list[str] | None = None, **request: object) -> RunResult:
    """Run the pipeline without showing its progress."""
    return execute(settings, RunRequest(tuple(countries) if countries else None, **request))


def hashes(data: Path) -> dict[str, str]:
    """Content hash of every table of the current release that depends on the inputs alone."""
    link = data / "warehouse.duckdb"
    manifest = json.loads(link.resolve().with_suffix(".json").read_text())
    return {
        name: table["content_hash"]
        for name, table in manifest["tables"].items()
        # what went in is named there, not what came out; and what depends on the releases before
        if name != "release" and name not in manifest["historical_tables"]
    }


def rows(data: Path, sql: str) -> list[tuple]:
    """Rows of the current release."""
    with duckdb.connect(str((data / "warehouse.duckdb").resolve()), read_only=True) as con:
        return con.execute(sql).fetchall()


def made_once(factory: pytest.TempPathFactory, name: str, make: Callable[[Path], Made]) -> Made:
    """Make something in a folder, once for all processes that run tests; return what `make` returned."""
    root = factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        root = root.parent
    result = root / f"{name}.pickle"
    with (root / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not result.exists():
            # what an attempt that failed left there would hide why it failed
            shutil.rmtree(root / name, ignore_errors=True)
            (root / name).mkdir()
            made = make(root / name)
            result.write_bytes(pickle.dumps(made))
    return pickle.loads(result.read_bytes())  # noqa: S301 written above


@pytest.fixture(scope="session")
def demo(tmp_path_factory: pytest.TempPathFactory) -> tuple[Settings, RunResult]:
    """All shipped samples, run once; read only."""

    def make(folder: Path) -> tuple[Settings, RunResult]:
        settings = make_settings(copy_partners(folder / "raw"), folder / "data")
        return settings, run(settings)

    return made_once(tmp_path_factory, "demo", make)


@pytest.fixture(scope="session")
def brunei(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """One partner, three releases, the first of them frozen as 2021-Q4; read only."""
    from warehouse.lineage.freeze import freeze

    def make(folder: Path) -> Settings:
        settings = make_settings(copy_partners(folder / "raw", "BN/LDC"), folder / "data")
        (settings.data / "private" / "identity.key").chmod(0o600)
        for number in (1, 2, 3):
            run(settings, reread=number > 1)
        freeze(settings.data, "2021-Q4", 1, by="tests")
        return settings

    return made_once(tmp_path_factory, "brunei", make)


@pytest.fixture
def installed(brunei: Settings, tmp_path: Path) -> Settings:
    """The same for one test, contracts and deliveries, too."""
    shutil.copytree(brunei.data, tmp_path / "data", symlinks=True)
    shutil.copytree(brunei.raw, tmp_path / "raw")
    return Settings(raw=tmp_path / "raw", data=tmp_path / "data")


@pytest.fixture
def small(tmp_path: Path) -> Callable[..., Settings]:
    """Settings with some partners only; BN and SG unless told otherwise."""

    def make(*partners: str, **more: object) -> Settings:
        raw = copy_partners(tmp_path / "raw", *(partners or ("BN/LDC", "SG/ACE")))
        return make_settings(raw, tmp_path / "data", **more)

    return make


@pytest.fixture(scope="session")
def devkit() -> Path:
    """The development kit; a test that needs it is skipped where it is absent."""
    folder = SHARED / "devkit"
    if not (folder / "truth" / "records.parquet").exists():
        pytest.skip("the development kit does not lie beside the project")
    return folder


@pytest.fixture(scope="session")
def kit(devkit: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Settings, RunResult]:
    """All deliveries of the development kit, run once; read only. Its tests open its vault: group `kit`."""

    def make(folder: Path) -> tuple[Settings, RunResult]:
        raw = folder / "raw"
        shutil.copytree(PROJECT / "raw", raw, ignore=shutil.ignore_patterns("sample", "deliveries"))
        settings = make_settings(raw, folder / "data")
        return settings, run(settings, source=f"{devkit}/deliveries/{{country}}-{{partner}}")

    return made_once(tmp_path_factory, "kit", make)
