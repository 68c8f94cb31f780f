"""Fingerprints cover every module, word list and library that can change a row or figure, and nothing else."""

import ast
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cache
from importlib.metadata import packages_distributions
from pathlib import Path

import grimp
import pytest

import flows.intake.fingerprint
import warehouse.identity.linkage.fingerprint
import warehouse.release.fingerprint
from flows.intake.fingerprint import reading_files
from warehouse.identity.linkage.fingerprint import linking_files
from warehouse.release.fingerprint import building_files
from warehouse.storage.fingerprint import files_of, fingerprint

PACKAGES = ("flows", "warehouse", "schemas")
PROJECT = Path(warehouse.__file__).parents[1]


@dataclass(frozen=True)
class Covered:
    """A fingerprint: its module, its files, the modules whose imports it covers, and what it leaves out.

    not_deciding: Modules and folders that are imported and cannot change a row or figure.
    libraries: Distributions that are imported and cannot change a row or figure.
    """

    module: object
    files: Callable[[], tuple[Path, ...]]
    entries: tuple[str, ...]
    not_deciding: frozenset[str]
    libraries: frozenset[str]

    def imported(self) -> set[str]:
        """Modules of the project that the entries import, directly or through others, also inside functions."""
        found = {module for entry in self.entries for module in import_graph().find_upstream_modules(entry)}
        return {module for module in found if module.split(".")[0] in PACKAGES} | set(self.entries)

    def leaves_out(self, module: str) -> bool:
        """Whether a module is one of `not_deciding`, or stands in a folder of `not_deciding`."""
        return any(module == name or module.startswith(f"{name}.") for name in self.not_deciding)


# yaml reads a file into text, pydantic checks it: what they return depends on the file
PARSERS = frozenset({"pydantic", "PyYAML"})
LINKING = Covered(
    warehouse.identity.linkage.fingerprint,
    linking_files,
    ("warehouse.identity.linkage.link",),
    # the schemas describe columns and contracts
    frozenset(
        {
            "warehouse.storage",
            "schemas.access",
            "schemas.columns",
            "schemas.contract_parts",
            "schemas.located_yaml",
            "schemas.partner",
            "schemas.survey",
            "schemas.survey_columns",
        }
    ),
    PARSERS,
)
BUILDING = Covered(
    warehouse.release.fingerprint,
    building_files,
    ("warehouse.assemble",),
    frozenset({"warehouse.storage", "schemas.access"}),
    # sqlglot checks queries that people type
    PARSERS | {"sqlglot"},
)
READING = Covered(
    flows.intake.fingerprint,
    reading_files,
    ("flows.intake.read_trainings", "flows.intake.read_surveys"),
    # the programme's rules are hashed by value; the vault's modules only name what reading returns
    frozenset(
        {
            "flows.settings",
            "flows.sources",
            "warehouse",
            "schemas.access",
            "schemas.located_yaml",
            "schemas.programme",
        }
    ),
    # libraries of the sources bring bytes; the version of ICU is hashed, whichever package brings it
    PARSERS
    | {"aiohttp", "asyncssh", "botocore", "duckdb", "fsspec", "httpx", "imap-tools", "pydantic-settings", "sshfs"}
    | {"webdav4", "pyicu", "pyicu-wheels"},
)
each_fingerprint = pytest.mark.parametrize(
    "covered", [LINKING, BUILDING, READING], ids=["linking", "building", "reading"]
)


@cache
def import_graph() -> grimp.ImportGraph:
    return grimp.build_graph(*PACKAGES, include_external_packages=True, cache_dir=None)


def is_package(module: str) -> bool:
    return (PROJECT / module.replace(".", "/")).is_dir()


def modules_among(files: Iterable[Path]) -> set[str]:
    """Names of the Python modules among files; packages, whose `__init__` holds a docstring, are left out."""
    names = {path.relative_to(PROJECT).with_suffix("").as_posix().replace("/", ".") for path in files if is_code(path)}
    return {name for name in names if not name.endswith(".__init__")}


def is_code(path: Path) -> bool:
    return path.suffix == ".py"


@each_fingerprint
def test_every_module_that_decides_is_covered(covered: Covered):
    missing = covered.imported() - modules_among(covered.files())
    assert not {name for name in missing if not is_package(name) and not covered.leaves_out(name)}


@each_fingerprint
def test_no_module_is_covered_that_is_not_imported(covered: Covered):
    assert modules_among(covered.files()) <= covered.imported()


@each_fingerprint
def test_a_package_decides_nothing_itself(covered: Covered):
    packages = [path for path in covered.files() if path.name == "__init__.py"]
    assert not [path for path in packages if len(ast.parse(path.read_text(encoding="utf-8")).body) > 1]


@each_fingerprint
def test_every_library_that_decides_is_covered(covered: Covered):
    imported = {name for entry in covered.entries for name in import_graph().find_upstream_modules(entry)}
    outside = imported - sys.stdlib_module_names - covered.imported()
    named = {name.casefold().replace("_", "-") for name in (*covered.module._LIBRARIES, *covered.libraries)}
    distributions_of = packages_distributions()
    # a module can belong to several distributions: one of them is enough
    owners = {name: {own.casefold() for own in distributions_of[name]} for name in outside}
    assert not {name for name, distributions in owners.items() if not distributions & named}


@each_fingerprint
def test_a_file_that_is_added_to_the_project_is_covered(covered: Covered, tmp_path: Path, monkeypatch):
    """On a copy of the covered tree: a file added to any covered folder is among the files."""
    root = next(name for name in ("PROJECT", "_PROJECT") if hasattr(covered.module, name))
    for path in covered.files():
        copy(path, tmp_path)
    for name in named_in(covered.module):
        copy(PROJECT / name, tmp_path)
    monkeypatch.setattr(covered.module, root, tmp_path)
    before = covered.files()
    folders = [name for name in named_in(covered.module) if (tmp_path / name).is_dir()]
    assert folders
    for folder in folders:
        for added in ("added.py", "added.yml", "deep/added.sql"):
            path = tmp_path / folder / added
            path.parent.mkdir(exist_ok=True)
            path.write_text("")
            assert set(covered.files()) - set(before) == {path}
            path.unlink()


def copy(path: Path, root: Path) -> None:
    if path.is_file():
        target = root / path.relative_to(PROJECT)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(path.read_bytes())


def named_in(module: object) -> tuple[str, ...]:
    """The files and folders that a fingerprint names."""
    return next(getattr(module, name) for name in ("_LINKING", "_BUILDING", "_READING") if hasattr(module, name))


@pytest.mark.parametrize("name", ["traditions.yml", "languages.yml", "naming.yml"])
def test_data_files_that_names_are_read_by_are_covered(name: str):
    assert name in {path.name for path in linking_files()}
    assert name in {path.name for path in building_files()}


def test_the_weights_are_covered_by_the_release():
    assert "match_model.json" in {path.name for path in building_files()}


def tree(root: Path) -> Path:
    for name in (
        "code/one.py",
        "code/inside/two.py",
        "code/words.yml",
        "code/shown.py",
        "sql/table.sql",
        "code/notes.md",
    ):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(name)
    return root


def hash_of(root: Path) -> str:
    return fingerprint(root, files_of(root, ("code", "sql"), ("code/shown.py",)), ("duckdb",))


@pytest.mark.parametrize(
    "added", ["code/three.py", "code/inside/deep/four.py", "sql/other.sql", "code/more.yml", "code/weights.json"]
)
def test_a_file_that_is_added_changes_the_fingerprint(tmp_path: Path, added: str):
    before = hash_of(tree(tmp_path))
    (tmp_path / added).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / added).write_text("")
    assert hash_of(tmp_path) != before


@pytest.mark.parametrize("changed", ["code/one.py", "code/inside/two.py", "code/words.yml", "sql/table.sql"])
def test_a_file_that_changes_or_moves_changes_the_fingerprint(tmp_path: Path, changed: str):
    before = hash_of(tree(tmp_path))
    (tmp_path / changed).rename(tmp_path / changed.replace(".", "_moved.", 1))
    moved = hash_of(tmp_path)
    (tmp_path / changed.replace(".", "_moved.", 1)).write_text("changed")
    assert len({before, moved, hash_of(tmp_path)}) == 3


@pytest.mark.parametrize("shown", ["code/shown.py", "code/notes.md", "elsewhere.py"])
def test_what_only_shows_does_not_change_it(tmp_path: Path, shown: str):
    before = hash_of(tree(tmp_path))
    (tmp_path / shown).write_text("changed")
    assert hash_of(tmp_path) == before


def test_a_version_of_a_library_changes_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    before = hash_of(tree(tmp_path))
    monkeypatch.setattr("warehouse.storage.fingerprint.version", lambda name: "0.0.1")
    assert hash_of(tmp_path) != before


def test_a_file_that_is_named_and_gone_is_an_error(tmp_path: Path):
    with pytest.raises(FileNotFoundError, match="named in a fingerprint"):
        files_of(tree(tmp_path), ("code", "moved"))
