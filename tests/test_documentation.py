"""What is written down says what the program does: links, paths, commands, options, settings, tables, vocabulary."""

import importlib.util
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from flows.claims.check import reconcile
from flows.claims.reference import CLAIMS_README, claims_markdown
from flows.commands.app import app
from flows.commands.reference import GENERATED, commands
from flows.onboarding.generated import with_generated
from flows.onboarding.reference import README as CONTRACTS_README
from flows.onboarding.reference import reference_markdown
from flows.settings import Settings
from schemas.claims import load_claims
from schemas.partner import parse_contract
from schemas.published import PUBLISHED_TABLES

PROJECT = Path(__file__).parents[1]
# whole folders of the project; what a machine makes below them is named in MADE
FOLDERS = (".ci", "flows", "raw", "schemas", "tests", "warehouse")
MADE = {"__pycache__", "deliveries", "data"}


def project_files(pattern: str) -> Iterator[Path]:
    yield from (path for path in PROJECT.glob(pattern) if path.is_file())
    for folder in FOLDERS:
        found = (PROJECT / folder).rglob(pattern)
        yield from (path for path in found if path.is_file() and not MADE & set(path.relative_to(PROJECT).parts))


PAGES = sorted(project_files("README.md"))
TEXTS = {path: path.read_text(encoding="utf-8") for path in PAGES}
FRONT = TEXTS[PROJECT / "README.md"]
HOME_PATH = re.compile(rb"(?<![\w.}])/(?:home|root|Users|work)/\w")
FENCE = re.compile(r"```(\w*)\n(.*?)```", re.DOTALL)
# made by a run or by whoever installs it, and the invented partner of the examples
NOT_SHIPPED = ("warehouse/data", "raw/TL", "flows/deploy/.env")
every_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(PROJECT).as_posix())


def code_of(text: str) -> list[str]:
    """What stands in blocks of code or between backticks, a line each."""
    lines = [line for _, block in FENCE.findall(text) for line in block.splitlines()]
    return lines + re.findall(r"`([^`\n]+)`", FENCE.sub("", text))


@pytest.mark.parametrize("page", GENERATED, ids=lambda page: page.relative_to(PROJECT).as_posix())
def test_generated_parts_are_up_to_date(page):
    assert TEXTS[page] == GENERATED[page](TEXTS[page]), "run: uv run python -m flows.commands.reference"


def test_only_these_pages_have_generated_parts():
    assert {page for page, text in TEXTS.items() if "<!-- generated" in text} == set(GENERATED)


def test_a_generated_part_replaces_the_one_before_and_nothing_else():
    text = "above\n<!-- generated: t; old -->\nold\n<!-- end of t -->\nbelow\n"
    assert with_generated(text, {"t": "new \\1"}).splitlines()[2:4] == ["", "new \\1"]
    assert with_generated(text, {"t": "new"}).startswith("above\n")
    assert with_generated(text, {"t": "new"}).endswith("\nbelow\n")
    for broken in ("nothing", text + text):
        with pytest.raises(ValueError, match="exactly once"):
            with_generated(broken, {"t": "new"})


def anchors(text: str) -> set[str]:
    """The anchors of a page's headings, as GitHub makes them."""
    heads = re.findall(r"^#+ (.+)$", FENCE.sub("", text), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", head.lower()).replace(" ", "-") for head in heads}


@every_page
def test_every_link_leads_somewhere(page):
    for link in re.findall(r"\]\(([^)\s]+)\)", FENCE.sub("", TEXTS[page])):
        if link.startswith("https://"):
            continue
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        assert target.exists(), link
        assert not anchor or anchor in anchors(TEXTS[target]), link


@every_page
def test_every_path_exists(page):
    for line in code_of(TEXTS[page]):
        for path in re.findall(rf"(?<![\w./~-])(?:{'|'.join(map(re.escape, FOLDERS))})/[^\s`'\",;:|)]*", line):
            if not path.startswith(NOT_SHIPPED) and not re.search(r"[<>{*]", path):
                assert (PROJECT / path).exists(), path


@every_page
def test_every_command_and_option_exists(page):
    known = commands()
    for line in code_of(TEXTS[page]):
        for words in re.findall(r"(?:^|[ /])godigital +([a-z][^#|]*)", line):
            name = max((name for name in known if f"{words} ".startswith(f"{name} ")), key=len, default=None)
            assert name, f"godigital {words}"
            options = {option for param in known[name].params for option in param.opts}
            assert set(re.findall(r"(?<!\S)--[a-z-]+", words)) <= {*options, "--help"}, f"godigital {words}"


@every_page
def test_every_module_that_is_started_exists(page):
    for module in re.findall(r"python -m ([\w.]+)", TEXTS[page]):
        assert importlib.util.find_spec(module), module


@every_page
def test_every_setting_and_table_exists(page):
    settings = {f"GODIGITAL_{name.upper()}" for name in Settings.model_fields}
    assert set(re.findall(r"GODIGITAL_[A-Z_]+", TEXTS[page])) <= settings
    named = {word for word in re.findall(r"`((?:core|report)_[a-z_]+)`", TEXTS[page])}
    assert named <= {table.name for table in PUBLISHED_TABLES}


def test_the_front_page_is_short_and_has_eight_tasks_with_a_link_each():
    assert FRONT.count("\n") <= 180
    tasks = FRONT.split("## Everyday tasks")[1].split("\n## ")[0].split("\n**")[1:]
    assert [task[0] for task in tasks] == list("12345678")
    for task in tasks:
        assert "](" in task
        assert "godigital" in task


def test_the_first_screen_has_exactly_the_two_commands():
    first = FRONT.split("```sh")[1].split("```")[0].strip().splitlines()
    assert [line.split("  ")[0] for line in first] == ["pip install uv && uv run godigital run", "uv run pytest"]


def test_the_map_shows_every_folder_of_the_code_and_none_that_is_not_there():
    tree = FRONT.split("## Map")[1].split("```")[1].strip().splitlines()
    shown, top = set(), ""
    for line in tree:
        names = re.split(r" {2,}", line.strip())[0].split()
        if not line.startswith(" "):
            (top,) = names
        else:
            shown |= {top + name for name in names}
    there = {f"{path.parent.name}/{path.name}/" for top in ("flows", "warehouse") for path in (PROJECT / top).iterdir()}
    folders = {path for path in there if (PROJECT / path).is_dir() and "__pycache__" not in path}
    assert folders <= shown
    assert [path for path in shown - {"warehouse/data/"} if not (PROJECT / path).exists()] == []


def test_every_marker_stands_in_the_page_about_tests():
    configured = tomllib.loads((PROJECT / "pyproject.toml").read_text())["tool"]["pytest"]["ini_options"]["markers"]
    for marker in configured:
        assert f"`{marker.split(':')[0]}`" in TEXTS[PROJECT / "tests" / "README.md"]


def test_every_key_of_the_vocabulary_is_described():
    empty = [line for line in reference_markdown().splitlines() if line.startswith("| `") and line.endswith("|  |")]
    lookups = [line for line in empty if line.count("|") == 4]
    assert empty == lookups
    assert [line for line in claims_markdown().splitlines() if line.startswith("| `") and line.endswith("|  |")] == []


def test_the_reference_has_no_accidental_code_block_and_no_empty_default():
    lines = reference_markdown().splitlines()
    assert [line for line in lines if line.startswith("    ") or "| `` |" in line] == []


def test_the_example_contract_is_a_contract():
    example = TEXTS[CONTRACTS_README].split("```yaml\n")[1].split("```")[0]
    assert parse_contract(example, CONTRACTS_README).examples


def test_the_example_of_claims_is_consistent(tmp_path):
    file = tmp_path / "claims.yml"
    file.write_text(TEXTS[CLAIMS_README].split("```yaml\n")[1].split("```")[0], encoding="utf-8")
    assert [finding.kind for finding in reconcile(load_claims(file))] == ["confirmed"]


@pytest.mark.parametrize("command", commands())
def test_every_command_has_help_with_an_example_and_explains_its_options(command):
    shown = CliRunner().invoke(app, [*command.split(), "--help"], env={"COLUMNS": "200"})
    assert shown.exit_code == 0
    assert "Example" in shown.output
    assert [option.name for option in commands()[command].params if not option.help] == []


def test_the_shipped_data_is_called_synthetic():
    for page in (PROJECT / "README.md", *(page for page in PAGES if "raw" in page.parts)):
        assert "synthetic" in TEXTS[page], page
    for contract in PROJECT.glob("raw/*/*/partner.yml"):
        assert "synthetic" in contract.read_text(encoding="utf-8"), contract


def test_no_file_names_a_folder_of_the_machine_it_was_written_on():
    files = [file for file in project_files("*") if file.name not in ("uv.lock", ".git")]
    assert len(files) > 100
    assert [file for file in files if HOME_PATH.search(file.read_bytes())] == []
