"""What is written down says what the program does: vocabulary, commands, settings, tables."""

import re
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from flows.claims.check import reconcile
from flows.claims.reference import CLAIMS_README, claims_markdown
from flows.commands.app import app
from flows.onboarding.reference import README, reference_markdown
from flows.settings import Settings
from schemas.claims import load_claims
from schemas.partner import parse_contract
from schemas.published import PUBLISHED_TABLES

PROJECT = Path(__file__).parents[1]
TEXT = (PROJECT / "README.md").read_text(encoding="utf-8")
COMMANDS = ["run", "watch", "reprocess", "status", "rejected", "sql", "releases", "rollback", "export-links"]
COMMANDS += ["diff", "freeze", "trace", "report", "doctor", "backup", "restore"]
COMMANDS += ["partner check", "partner new", "review", "review export", "review import", "explain", "trainee"]
COMMANDS += ["identity merge", "identity split", "identity undo", "identity history"]
COMMANDS += ["identity evaluate", "identity train", "reconcile", "return", "docs", "export", "release-hold"]
GROUPS = ("partner", "identity", "review")
# whole folders of the project; what a machine makes below them is named in MADE
FOLDERS = (".ci", "flows", "raw", "schemas", "tests", "warehouse")
MADE = {"__pycache__", "deliveries", "data"}
HOME_PATH = re.compile(rb"(?<![\w.}])/(?:home|root|Users|work)/\w")


def test_the_reference_of_the_vocabulary_is_up_to_date():
    assert README.read_text(encoding="utf-8") == reference_markdown(), (
        "run: uv run python -m flows.onboarding.reference"
    )


def test_every_key_of_the_vocabulary_is_described():
    empty = [line for line in reference_markdown().splitlines() if line.startswith("| `") and line.endswith("|  |")]
    lookups = [line for line in empty if line.count("|") == 4]
    assert empty == lookups


def test_the_example_contract_of_the_reference_is_a_contract():
    example = reference_markdown().split("```yaml\n")[1].split("```")[0]
    assert parse_contract(example, README).examples


def test_the_reference_of_claims_is_up_to_date_and_describes_every_key():
    text = claims_markdown()
    assert CLAIMS_README.read_text(encoding="utf-8") == text, "run: uv run python -m flows.claims.reference"
    assert [line for line in text.splitlines() if line.startswith("| `") and line.endswith("|  |")] == []


def test_the_example_of_the_reference_of_claims_is_consistent(tmp_path):
    file = tmp_path / "claims.yml"
    file.write_text(claims_markdown().split("```yaml\n")[1].split("```")[0], encoding="utf-8")
    assert [finding.kind for finding in reconcile(load_claims(file))] == ["confirmed"]


def test_the_reference_has_no_accidental_code_block_and_no_empty_default():
    lines = reference_markdown().split("## Vocabulary")[1].splitlines()
    assert [line for line in lines if line.startswith("    ") or "| `` |" in line] == []


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help_with_an_example_and_stands_in_the_readme(command):
    shown = CliRunner().invoke(app, [*command.split(), "--help"], env={"COLUMNS": "200"})
    assert shown.exit_code == 0
    assert "Example" in shown.output
    assert f"godigital {command}" in TEXT


@pytest.mark.parametrize("command", COMMANDS)
def test_every_option_of_a_command_is_explained(command):
    found = typer.main.get_command(app)
    for name in command.split():
        found = found.commands[name]
    assert [option.name for option in found.params if not option.help] == []


def test_no_command_is_left_out():
    found = typer.main.get_command(app)
    # a review without a word after it is a command of its own
    names = {name for name in found.commands if name not in GROUPS or name == "review"}
    names |= {f"{group} {name}" for group in GROUPS for name in found.commands[group].commands}
    assert names == set(COMMANDS)


@pytest.mark.parametrize("name", Settings.model_fields)
def test_every_setting_stands_in_the_readme_with_its_default(name):
    line = re.search(rf"^\| `GODIGITAL_{name.upper()}`.*$", TEXT, re.MULTILINE)
    assert line, f"GODIGITAL_{name.upper()} is missing from README.md"
    default = Settings.model_fields[name].default
    shown = default.relative_to(PROJECT).as_posix() if isinstance(default, Path) else str(default)
    assert f"`{shown}`" in line.group()


@pytest.mark.parametrize("table", [table.name for table in PUBLISHED_TABLES])
def test_every_published_table_stands_in_the_readme(table):
    assert f"`{table}`" in TEXT


def test_the_first_screen_has_exactly_the_two_commands():
    first = TEXT.split("```sh")[1].split("```")[0].strip().splitlines()
    assert [line.split("  ")[0] for line in first] == ["pip install uv && uv run godigital run", "uv run pytest"]


def test_the_shipped_data_is_called_synthetic():
    assert "synthetic" in README.read_text(encoding="utf-8").lower()
    for contract in PROJECT.glob("raw/*/*/partner.yml"):
        assert "synthetic" in contract.read_text(encoding="utf-8"), contract


def test_no_file_names_a_folder_of_the_machine_it_was_written_on():
    files = [file for file in PROJECT.iterdir() if file.is_file() and file.name != "uv.lock"]
    for folder in FOLDERS:
        below = (PROJECT / folder).rglob("*")
        files += [file for file in below if file.is_file() and not MADE & set(file.relative_to(PROJECT).parts)]
    assert len(files) > 100
    assert [file for file in files if HOME_PATH.search(file.read_bytes())] == []
