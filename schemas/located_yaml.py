"""YAML that a person writes, read into a model: every value stays text, and every mistake is named with its line.

A contract and a file of claims are read the same way, so that both are put right the same way.
"""

from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ValidationError

from schemas.yaml_file import LOADER

Location = tuple[str | int, ...]
Model = TypeVar("Model", bound=BaseModel)


class LocatedError(ValueError):
    """A file that cannot be used; the message names file and line of every mistake, one a line."""


def parse_located(model: type[Model], text: str, file: Path, *, noun: str, reference: str) -> Model:
    """Return the model written in `text`.

    A validator of a whole model may name the place it means before a colon ("claims.women.source: ..."), and several
    such places one a line; the line is then that of the place.

    Args:
        model: What the text must be.
        text: YAML.
        file: Named in errors.
        noun: What the file is called in errors: "the contract".
        reference: Where the vocabulary is written down.

    Raises:
        LocatedError: naming `file`, the line, and what to edit; all problems at once, one a line.
    """
    try:
        root = yaml.compose(text, Loader=LOADER)
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise LocatedError(f"{file}, line {line}: not valid YAML: {error.problem}") from error
    except yaml.YAMLError as error:
        raise LocatedError(f"{file}: not valid YAML: {error}") from error
    if root is None:
        raise LocatedError(f"{file}, line 1: {noun} is empty; see {reference}")
    lines: dict[Location, int] = {}
    data = _construct(root, (), lines, file)
    try:
        return model.model_validate(data)
    except ValidationError as error:
        messages = []
        for problem in error.errors():
            where = ".".join(str(step) for step in problem["loc"])
            said = problem["msg"].removeprefix("Value error, ")
            if problem["type"] == "extra_forbidden":
                said = f"unknown key; see {reference} for the vocabulary"
            if problem["type"] == "union_tag_not_found":
                said = f"{problem['ctx']['discriminator']} must be given; see {reference} for the vocabulary"
            for what in said.splitlines():
                place = tuple(what.split(":", 1)[0].split("."))
                line = _line_of((*problem["loc"], *place), lines)
                messages.append(f"{file}, line {line}: {where + ': ' if where else ''}{what}")
        raise LocatedError("\n".join(messages)) from error


def _construct(node: yaml.Node, path: Location, lines: dict[Location, int], file: Path) -> Any:
    # every scalar stays text: YAML 1.1 would read NO as false and 2020-07 as a number
    lines[path] = node.start_mark.line + 1
    if isinstance(node, yaml.ScalarNode):
        return None if node.value in ("", "~", "null") and node.style is None else node.value
    if isinstance(node, yaml.SequenceNode):
        return [_construct(item, (*path, index), lines, file) for index, item in enumerate(node.value)]
    if isinstance(node, yaml.MappingNode):
        result: dict[str, Any] = {}
        for key_node, value_node in node.value:
            key = str(key_node.value)
            if key in result:
                raise LocatedError(f"{file}, line {key_node.start_mark.line + 1}: {key!r} stands here twice; keep one")
            result[key] = _construct(value_node, (*path, key), lines, file)
            lines[(*path, key)] = key_node.start_mark.line + 1
        return result
    raise LocatedError(f"{file}, line {node.start_mark.line + 1}: this YAML construct is not supported")


def _line_of(location: Location, lines: dict[Location, int]) -> int:
    """The line of the deepest part of a location that stands in the file."""
    kept: Location = ()
    best = lines[()]
    for step in location:
        if (*kept, step) in lines:
            kept = (*kept, step)
            best = lines[kept]
    return best
