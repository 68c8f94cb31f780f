"""Writes the generated parts of every README: commands and settings, published tables, and the vocabularies.

`uv run python -m flows.commands.reference` writes them anew; a test says when they are out of date.
"""

import inspect
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

import typer

from flows.claims import reference as claims
from flows.commands.app import app
from flows.onboarding import reference as contracts
from flows.onboarding.generated import markdown_table, with_generated
from flows.settings import PROJECT, Settings
from schemas.published import PUBLISHED_TABLES
from warehouse.release.comments import key_text

# options that many commands have: a word instead of a line each
_SHARED = ("--raw", "--data", "--json")
_KINDS = {str: "text", int: "whole number", float: "number", Path: "path"}


def commands() -> dict[str, Any]:
    """Return every command by the words it is called with, in the order of the alphabet."""
    return dict(sorted(_commands(typer.main.get_command(app), "")))


def _commands(found: Any, name: str) -> Iterator[tuple[str, Any]]:
    inner = getattr(found, "commands", {})
    if name and (not inner or found.invoke_without_command):
        yield name, found
    for word, command in inner.items():
        yield from _commands(command, f"{name} {word}".strip())


def commands_markdown() -> str:
    """Return every command: what it does, its arguments and options, examples and exit codes."""
    return "\n".join(_command(name, command) for name, command in commands().items())


def _command(name: str, command: Any) -> str:
    arguments = [param for param in command.params if param.param_type_name == "argument"]
    options = [param for param in command.params if param.param_type_name == "option"]
    words = [name, *(_argument(param) if param.required else f"[{_argument(param)}]" for param in arguments)]
    own = [param for param in options if param.opts[0] not in _SHARED]
    parts = [f"### `godigital {' '.join(words)}`\n", inspect.cleandoc(command.help or "") + "\n"]
    if arguments or own:
        rows = [(_name(param), _kind(param), _value_without(param), param.help) for param in (*arguments, *own)]
        parts.append(markdown_table(("argument or option", "value", "default", "meaning"), rows))
    if shared := [f"`{param.opts[0]}`" for param in options if param.opts[0] in _SHARED]:
        parts.append(f"Also {', '.join(shared)}.\n")
    return "\n".join([*parts, *_epilog(command.epilog or "")])


def _name(param: Any) -> str:
    return f"`{param.opts[0]}`" if param.param_type_name == "option" else f"`{_argument(param)}`"


def _argument(param: Any) -> str:
    return str(param.metavar or param.name.upper())


def _kind(param: Any) -> str:
    annotation = param.type_descriptor.annotation
    if get_origin(annotation) is Literal:
        return ", ".join(f"`{value}`" for value in get_args(annotation))
    if annotation is bool:
        return ""
    kind = _KINDS[get_args(annotation)[0] if get_origin(annotation) in (list, tuple) else annotation]
    return f"{kind}, several" if param.multiple or param.nargs != 1 else kind


def _value_without(param: Any) -> str:
    return "**must be given**" if param.required else _default(param.default)


def _default(value: Any) -> str:
    if value in (None, False, "", (), []):
        return ""
    shown = value.relative_to(PROJECT).as_posix() if isinstance(value, Path) and value.is_absolute() else str(value)
    return f"`{shown}`"


def _epilog(text: str) -> list[str]:
    lines = [line for line in text.splitlines() if line.strip()]
    examples = [f"uv run {line.strip()}" for line in lines if line.startswith("  ")]
    said = [line.strip() for line in lines if not line.startswith("  ") and not line.startswith("Example")]
    parts = ["```sh\n" + "\n".join(examples) + "\n```\n"] if examples else []
    return [*parts, *([" ".join(said) + "\n"] if said else [])]


def settings_markdown() -> str:
    """Return every setting: environment variable, option, default and meaning."""
    options = {param.envvar: param.opts[0] for command in commands().values() for param in command.params}
    rows = []
    for name, field in Settings.model_fields.items():
        variable = f"GODIGITAL_{name.upper()}"
        option = f"`{options[variable]}`" if variable in options else ""
        rows.append((f"`{variable}`", option, _default(field.default), field.description or ""))
    return markdown_table(("variable", "option", "default", "meaning"), rows)


def tables_markdown() -> str:
    """Return every published table: what one line is, its key, and whether lines may be added up."""
    rows = [(f"`{table.name}`", table.grain, key_text(table), table.addition) for table in PUBLISHED_TABLES]
    return markdown_table(("table", "one line is", "key", "may lines be added up?"), rows)


def with_commands(text: str) -> str:
    """Return flows/README.md as it should be."""
    return with_generated(text, {"commands": commands_markdown(), "settings": settings_markdown()})


def with_tables(text: str) -> str:
    """Return warehouse/README.md as it should be."""
    return with_generated(text, {"tables": tables_markdown()})


# each README with generated parts, and what makes its text as it should be out of its text as it is
GENERATED: dict[Path, Callable[[str], str]] = {
    PROJECT / "flows" / "README.md": with_commands,
    PROJECT / "warehouse" / "README.md": with_tables,
    contracts.README: contracts.with_reference,
    claims.CLAIMS_README: claims.with_reference,
}


def main() -> None:
    """Write all of them."""
    for file, generate in GENERATED.items():
        file.write_text(generate(file.read_text(encoding="utf-8")), encoding="utf-8")


if __name__ == "__main__":
    main()
