"""What decides a linkage is known by its files: no module that it needs is left out, and no chart is among them."""

import subprocess
import sys
from pathlib import Path

import pytest

from warehouse.identity import linkage, sources
from warehouse.identity.model import load_model

IDENTITY = Path(linkage.__file__).parent
PROJECT = IDENTITY.parents[1]


def imported_by(*modules):
    """Files of the project that importing modules brings in, in a process of its own; packages hold no code."""
    code = f"import sys, {', '.join(modules)}; print(*[getattr(m, '__file__', '') for m in sys.modules.values()])"
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True, cwd=PROJECT)
    found = {Path(word) for word in done.stdout.split()}
    return {path for path in found if PROJECT in path.parents and ".venv" not in path.parts and path.stem != "__init__"}


def code_among(files):
    return {path for path in files if path.suffix == ".py"}


def test_every_module_that_linking_needs_is_hashed():
    assert imported_by("warehouse.identity.linkage") == code_among(sources.LINKING)


def test_every_module_of_identity_that_a_run_needs_is_hashed():
    modules = ("linkage", "register", "calibration", "judgements")
    needed = imported_by(*(f"warehouse.identity.{name}" for name in modules))
    assert {path for path in needed if IDENTITY in path.parents} <= code_among(sources.IDENTIFYING)


def test_data_that_names_are_read_by_is_hashed():
    assert {path.name for path in sources.LINKING if path.suffix != ".py"} == {
        "traditions.yml",
        "languages.yml",
        "naming.yml",
    }


@pytest.mark.parametrize(("changed", "is_anew"), [("match.py", True), ("traditions.yml", True), ("charts.py", False)])
def test_only_what_decides_links_has_everything_linked_anew(tmp_path, monkeypatch, changed, is_anew):
    before = linkage.made_by(load_model())
    copy = tmp_path / changed
    copy.write_bytes((IDENTITY / changed).read_bytes() + b"\n# changed\n")
    replaced = tuple(copy if path == IDENTITY / changed else path for path in sources.LINKING)
    monkeypatch.setattr(linkage, "LINKING", replaced)
    assert (linkage.made_by(load_model()) != before) == is_anew
