"""Fingerprints cover every module, word list and library that can change a row or figure, and nothing else."""

from pathlib import Path

import grimp
import pytest

import warehouse
from warehouse.identity.linkage.fingerprint import linking_files
from warehouse.release.fingerprint import building_files
from warehouse.storage.fingerprint import files_of, fingerprint

PROJECT = Path(warehouse.__file__).parents[1]
# the disk, and what only hashes: neither decides what stands in a table
NO_FIGURES = {"warehouse", "schemas", "warehouse.storage"}


def imported_by(module: str) -> set[str]:
    """Modules of the project that a module imports, directly or through others, also inside functions."""
    graph = grimp.build_graph("warehouse", "schemas", cache_dir=None)
    return graph.find_upstream_modules(module) | {module}


def modules_among(files) -> set[str]:
    names = {path.relative_to(PROJECT).with_suffix("").as_posix().replace("/", ".") for path in files}
    return {name.removesuffix(".__init__") for name in names}


def is_of(module: str, packages: set[str]) -> bool:
    return module in packages or any(module.startswith(f"{name}.") for name in packages if name.count(".") >= 1)


def code_among(files) -> set[str]:
    return modules_among(path for path in files if path.suffix == ".py")


def test_every_module_that_linking_imports_is_covered():
    missing = imported_by("warehouse.identity.linkage.link") - code_among(linking_files())
    assert {name for name in missing if not is_of(name, NO_FIGURES)} <= {
        "warehouse.identity",
        "warehouse.vault",
        "schemas.columns",
        "schemas.survey_columns",
    }


def test_nothing_is_linked_again_for_a_module_that_linking_does_not_import():
    assert code_among(linking_files()) <= imported_by("warehouse.identity.linkage.link")


def test_every_module_that_builds_a_release_is_covered():
    missing = imported_by("warehouse.assemble") - code_among(building_files())
    assert not {name for name in missing if not is_of(name, NO_FIGURES)}


def test_no_release_is_built_for_a_module_that_only_shows():
    covered = code_among(building_files())
    assert not {
        name
        for name in covered
        if name.split(".")[1:2] in (["report"], ["export"], ["doctor"], ["backup"], ["evaluation"])
    }
    packages = {name for name in covered if (PROJECT / name.replace(".", "/")).is_dir()}
    assert covered - packages <= imported_by("warehouse.assemble")


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


def covered(root: Path) -> str:
    return fingerprint(root, files_of(root, ("code", "sql"), ("code/shown.py",)), ("duckdb",))


@pytest.mark.parametrize(
    "added", ["code/three.py", "code/inside/deep/four.py", "sql/other.sql", "code/more.yml", "code/weights.json"]
)
def test_a_file_that_is_added_changes_the_fingerprint(tmp_path: Path, added: str):
    before = covered(tree(tmp_path))
    (tmp_path / added).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / added).write_text("")
    assert covered(tmp_path) != before


@pytest.mark.parametrize("changed", ["code/one.py", "code/inside/two.py", "code/words.yml", "sql/table.sql"])
def test_a_file_that_changes_or_moves_changes_the_fingerprint(tmp_path: Path, changed: str):
    before = covered(tree(tmp_path))
    (tmp_path / changed).rename(tmp_path / changed.replace(".", "_moved.", 1))
    moved = covered(tmp_path)
    (tmp_path / changed.replace(".", "_moved.", 1)).write_text("changed")
    assert len({before, moved, covered(tmp_path)}) == 3


@pytest.mark.parametrize("shown", ["code/shown.py", "code/notes.md", "elsewhere.py"])
def test_what_only_shows_does_not_change_it(tmp_path: Path, shown: str):
    before = covered(tree(tmp_path))
    (tmp_path / shown).write_text("changed")
    assert covered(tmp_path) == before


def test_a_version_of_a_library_changes_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    before = covered(tree(tmp_path))
    monkeypatch.setattr("warehouse.storage.fingerprint.version", lambda name: "0.0.1")
    assert covered(tmp_path) != before


def test_a_file_that_is_named_and_gone_is_an_error(tmp_path: Path):
    with pytest.raises(FileNotFoundError, match="named in a fingerprint"):
        files_of(tree(tmp_path), ("code", "moved"))
