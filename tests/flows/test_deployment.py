"""What the files of an installation name is there, what they start is real, and nothing in them is secret."""

import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import typer
import yaml

from flows.commands.app import app
from tests.conftest import PROJECT

DEPLOY = PROJECT / "flows" / "deploy"
SERVICES = sorted(DEPLOY.glob("*.service"))
COMPOSITION = yaml.safe_load((DEPLOY / "docker-compose.yml").read_text())
README = (PROJECT / "flows" / "README.md").read_text()
HOME = "/opt/go-digital-asean"


def read_unit(path: Path) -> dict[str, dict[str, list[str]]]:
    """Sections of a unit, each name with all its values."""
    sections: dict[str, dict[str, list[str]]] = {}
    for line in path.read_text().splitlines():
        if line.startswith("["):
            section = sections.setdefault(line.strip("[]"), {})
        elif line and not line.startswith("#"):
            name, value = line.split("=", 1)
            section.setdefault(name, []).append(value)
    return sections


def commands_of_units() -> list[list[str]]:
    found = []
    for path in SERVICES:
        service = read_unit(path)["Service"]
        found += [shlex.split(words) for words in (*service.get("ExecStartPre", []), *service["ExecStart"])]
    return found


def commands_of_the_composition() -> list[list[str]]:
    found = []
    for name in ("server", "worker"):
        words = COMPOSITION["services"][name]["command"]
        if words[:2] == ["sh", "-c"]:
            found += [shlex.split(part.strip().removeprefix("exec ")) for part in words[2].split("&&")]
        else:
            found.append(words)
    return found


def commands_of_the_readme() -> list[list[str]]:
    section = README.split("## Schedule\n")[1].split("\n## ")[0]
    lines = [line for block in section.split("```")[1::2] for line in block.splitlines()[1:]]
    found = []
    for words in (shlex.split(line.split(" >> ")[0], comments=True) for line in lines):
        for place, word in enumerate(words):
            program = word.rsplit("/", 1)[-1]
            # not the user of this name
            started = word.startswith(".venv/bin/") or words[max(place - 1, 0)] in ("run", "worker")
            if program in ("godigital", "prefect") and started:
                found.append([program, *words[place + 1 :]])
                break
    return found


def command_of_the_image() -> list[str]:
    (line,) = [line for line in (DEPLOY / "Dockerfile").read_text().splitlines() if line.startswith("CMD ")]
    return yaml.safe_load(line.removeprefix("CMD "))


COMMANDS = [*commands_of_units(), *commands_of_the_composition(), *commands_of_the_readme(), command_of_the_image()]


def of(program: str) -> list[list[str]]:
    """Every command of a program, once, without the program."""
    found = {tuple(words[1:]) for words in COMMANDS if words[0].rsplit("/", 1)[-1] == program}
    return [list(words) for words in sorted(found)]


def test_every_command_is_of_one_of_two_programs():
    assert len(commands_of_the_readme()) >= 11
    assert {words[0].removeprefix(f"{HOME}/.venv/bin/") for words in COMMANDS} == {"godigital", "prefect"}
    for program in ("godigital", "prefect"):
        assert (Path(sys.executable).parent / program).exists()


@pytest.mark.parametrize("words", of("godigital"), ids=" ".join)
def test_every_command_of_ours_can_be_given(words):
    command, name = typer.main.get_command(app), words[0]
    with command.make_context("godigital", list(words)) as group:
        found = group.command.commands[name]
        assert found.make_context(name, words[1:], parent=group).params


def options(text: str) -> set[str]:
    return set(re.findall(r"(?<![\w-])--[a-z][a-z-]*", text))


def prefect_commands() -> dict[str, set[str]]:
    """Each command of Prefect that is used anywhere, with all options that it is given."""
    found: dict[str, set[str]] = {}
    for words in of("prefect"):
        named = [word for word in words if not word.startswith("--")]
        # what follows `deploy` is a value; every other command is a group and a word
        name = " ".join(named[: 1 if named[0] == "deploy" else 2])
        found.setdefault(name, set()).update(word for word in words if word.startswith("--"))
    return found


@pytest.mark.parametrize("name", prefect_commands())
def test_every_command_of_prefect_is_one_with_these_options(name):
    shown = subprocess.run(
        [sys.executable, "-m", "prefect", *name.split(), "--help"],
        check=False,
        capture_output=True,
        text=True,
        env={**os.environ, "COLUMNS": "200"},
    )
    assert shown.returncode == 0, shown.stderr
    assert f"Usage: prefect {name}" in shown.stdout
    assert prefect_commands()[name] <= options(shown.stdout)


@pytest.mark.parametrize("path", SERVICES, ids=lambda path: path.name)
def test_a_unit_runs_as_nobody_much_and_writes_where_it_may(path):
    service = read_unit(path)["Service"]
    assert service["User"] == ["godigital"]
    assert service["UMask"] == ["0077"]
    assert service["ProtectSystem"] == ["strict"]
    assert service["WorkingDirectory"] == [HOME]
    state = f"/var/lib/{service['StateDirectory'][0]}"
    variables = dict(value.split("=", 1) for value in service["Environment"])
    folders = [variables[name] for name in variables if name.startswith("GODIGITAL_") or name == "PREFECT_HOME"]
    assert all(folder.startswith(f"{state}/") for folder in (*folders, f"{variables['HOME']}/"))
    # one that is not there yet is no error
    assert all(value.startswith("-/etc/") for value in service["EnvironmentFile"])
    assert not re.search(r"(?i)(password|secret|token)\w*=.", path.read_text())
    # the charts of the report are drawn by a program that compiles itself
    assert "MemoryDenyWriteExecute" not in service


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd is not on this machine")
@pytest.mark.parametrize("path", [*SERVICES, *DEPLOY.glob("*.timer")], ids=lambda path: path.name)
def test_systemd_finds_no_fault_with_a_unit(path, tmp_path):
    for unit in [*SERVICES, *DEPLOY.glob("*.timer")]:
        here = unit.read_text().replace(f"{HOME}/.venv/bin", str(Path(sys.executable).parent))
        (tmp_path / unit.name).write_text(here)
    verified = subprocess.run(
        ["systemd-analyze", "verify", tmp_path / path.name],  # noqa: S607 - where systemd is
        check=False,
        capture_output=True,
        text=True,
    )
    assert (verified.returncode, verified.stderr) == (0, "")


def test_the_timer_starts_the_run_that_stands_beside_it():
    timer = next(DEPLOY.glob("*.timer"))
    assert timer.with_suffix(".service") in SERVICES
    assert "Asia/Jakarta" in read_unit(timer)["Timer"]["OnCalendar"][0]
    nightly = yaml.safe_load((PROJECT / "flows" / "prefect.yaml").read_text())["deployments"][0]
    hour = int(nightly["schedules"][0]["cron"].split()[1])
    assert f" {hour:02d}:00:00 " in read_unit(timer)["Timer"]["OnCalendar"][0]


def test_files_that_the_composition_names_are_there():
    for name in ("server", "worker"):
        build = COMPOSITION["services"][name]["build"]
        context = (DEPLOY / build["context"]).resolve()
        assert context == PROJECT
        assert (context / build["dockerfile"]).samefile(DEPLOY / "Dockerfile")
    copied = re.findall(r"^COPY (.+) \S+$", (DEPLOY / "Dockerfile").read_text(), re.MULTILINE)
    sources = [PROJECT / name for line in copied for name in line.split()]
    assert len(sources) == 5
    assert all(path.exists() for path in sources)
    assert all(re.search(rf"^!{path.name}$", (PROJECT / ".dockerignore").read_text(), re.MULTILINE) for path in sources)
    shown = dict(re.findall(r"^(GODIGITAL_\w+_FOLDER)=(.*)$", (DEPLOY / "env.example").read_text(), re.MULTILINE))
    assert (DEPLOY / shown["GODIGITAL_RAW_FOLDER"]).resolve() == PROJECT / "raw"
    assert (DEPLOY / shown["GODIGITAL_DATA_FOLDER"]).resolve() == PROJECT / "warehouse" / "data"


def test_no_data_of_a_person_enters_an_image():
    lines = (PROJECT / ".dockerignore").read_text().splitlines()
    kept = [line for line in lines if line and not line.startswith("#")]
    assert kept[0] == "*"
    assert "warehouse/data" in kept
    assert "!raw" not in kept


def test_every_variable_of_the_composition_is_explained_and_none_has_a_value_that_is_secret():
    text = (DEPLOY / "docker-compose.yml").read_text()
    asked = set(re.findall(r"\$\{(\w+)", text))
    given = dict(re.findall(r"^(\w+)=(.*)$", (DEPLOY / "env.example").read_text(), re.MULTILINE))
    assert asked == set(given)
    assert given["POSTGRES_PASSWORD"] == ""
    assert all(f"${{{name}:?" in text for name in asked)
    assert "/flows/deploy/.env" in (PROJECT / ".gitignore").read_text().splitlines()
    # the page has no passwords: it answers this machine alone
    ports = [port for service in COMPOSITION["services"].values() for port in service.get("ports", [])]
    assert ports == ["127.0.0.1:4200:4200"]


def test_whoever_is_waited_for_says_that_it_is_well():
    services = COMPOSITION["services"]
    assert all("healthcheck" in service for service in services.values())
    waits = {name: list(service.get("depends_on", [])) for name, service in services.items()}
    assert waits == {"postgres": [], "server": ["postgres"], "worker": ["server"]}
    conditions = [wait["condition"] for service in services.values() for wait in service.get("depends_on", {}).values()]
    assert set(conditions) == {"service_healthy"}


@pytest.mark.skipif(shutil.which("docker-compose") is None, reason="Docker's compose is not on this machine")
def test_compose_reads_the_composition(tmp_path):
    environment = tmp_path / "env"
    environment.write_text((DEPLOY / "env.example").read_text().replace("POSTGRES_PASSWORD=", "POSTGRES_PASSWORD=x"))
    shutil.copy(DEPLOY / "docker-compose.yml", tmp_path)
    shutil.copy(environment, tmp_path / ".env")
    read = subprocess.run(
        ["docker-compose", "config", "--quiet"],  # noqa: S607 - where Docker is
        check=False,
        capture_output=True,
        text=True,
        cwd=tmp_path,
    )
    assert read.returncode == 0, read.stderr
