"""The generated part of raw/README.md, the reference of partner.yml; `flows.commands.reference` writes it."""

import inspect
from collections.abc import Iterator
from types import UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from flows.onboarding.generated import with_generated
from flows.readers.delivery import ErrorCode
from flows.settings import PROJECT
from schemas.columns import COLUMNS
from schemas.partner import CHOICES, LOOKUP_COLUMNS, PERSON_COLUMNS, TRAINING_COLUMNS, Contract
from schemas.programme import Programme, load_programme
from schemas.reasons import Reason
from schemas.remedies import flag_remedies, remedies
from schemas.survey_response import survey_rules
from schemas.training_log import training_rules

README = PROJECT / "raw" / "README.md"


def reference_markdown() -> str:
    """Return the vocabulary, our columns, the reasons and the errors as Markdown."""
    parts = [describe_model(title, model) for title, model in models_of(Contract, "partner.yml")]
    return "".join(["## Vocabulary\n\n", *parts, _columns(), _reasons(), _flags(), _failures()])


def with_reference(text: str) -> str:
    """Return raw/README.md as it should be."""
    return with_generated(text, {"reference": reference_markdown()})


def models_of(model: type[BaseModel], title: str) -> Iterator[tuple[str, type[BaseModel]]]:
    """Yield the model and every model in it with the key it stands under, each once, in the order of a file."""
    seen: set[type[BaseModel]] = set()

    def walk(inner: type[BaseModel], name: str) -> Iterator[tuple[str, type[BaseModel]]]:
        if inner in seen:
            return
        seen.add(inner)
        yield name, inner
        for key, field in inner.model_fields.items():
            for part in _parts(field.annotation):
                yield from walk(part, key)

    yield from walk(model, title)


def _parts(annotation: Any) -> list[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [part for argument in get_args(annotation) for part in _parts(argument)]


def describe_model(title: str, model: type[BaseModel]) -> str:
    """Return one section of a vocabulary: the model's own words, and its keys as a table."""
    lines = [
        f"### `{title}`\n\n{inspect.cleandoc(model.__doc__ or '')}\n\n",
        "| key | value | default | meaning |\n|---|---|---|---|\n",
    ]
    for name, field in model.model_fields.items():
        cells = (f"`{name}`", _kind(field.annotation), _default(field), field.description or "")
        lines.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |\n")
    return "".join(lines) + "\n"


def _kind(annotation: Any) -> str:
    origin = get_origin(annotation)
    if origin is Annotated:
        return _kind(get_args(annotation)[0])
    if origin is Literal:
        return ", ".join(f"`{value}`" for value in get_args(annotation))
    if origin in (Union, UnionType):
        return _kind(next(part for part in get_args(annotation) if part is not type(None)))
    if origin is tuple:
        return f"list of {_kind(get_args(annotation)[0])}"
    if origin is dict:
        return f"{_kind(get_args(annotation)[0])} -> {_kind(get_args(annotation)[1])}"
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return "see below"
    return {str: "text", int: "whole number", float: "number", bool: "true or false"}[annotation]


def _default(field: FieldInfo) -> str:
    value = field.default
    if value is PydanticUndefined:
        return "**must be given**"
    if value is None or value in ((), {}, ""):
        return "none"
    if isinstance(value, BaseModel):
        return "as below"
    if isinstance(value, tuple):
        return ", ".join(f"`{item!r}`" if item == "" else f"`{item}`" for item in value)
    return f"`{str(value).lower() if isinstance(value, bool) else value}`"


def _columns() -> str:
    lines = ["## Our columns\n\n| column | meaning | their words need a lookup |\n|---|---|---|\n"]
    for name in (*PERSON_COLUMNS, *TRAINING_COLUMNS):
        described = COLUMNS.get(name, COLUMNS["age_low"])
        choices = CHOICES.get(name, ())
        need = ", ".join(f"`{value}`" for value in choices) if choices else ""
        if name in LOOKUP_COLUMNS and not choices:
            need = "where they write titles instead of codes"
        meaning = "Completed years or a band, on the day of the training." if name == "age" else described.description
        lines.append(f"| `{name}` | {meaning} | {need} |\n")
    return "".join(lines) + "\n"


def _reasons() -> str:
    """Every reason with its rule, as the schemas name and describe it; a reason of both schemas has two rules."""
    programme = load_programme()
    remedy_of = remedies(programme)
    lines = [
        "## Why a row is rejected\n\nEach reason is a check of a Pandera schema: `schemas/training_log.py` for "
        "trainings, `schemas/survey_response.py` for the survey.\n\n",
        "| reason | rule | rows | column | what the partner should do |\n|---|---|---|---|---|\n",
    ]
    for (code, rule), kinds in _rules(programme).items():
        remedy = remedy_of[Reason(code)]
        column = f"`{remedy.column}`" if remedy.column else "the row"
        lines.append(f"| `{code}` | {rule} | {', '.join(kinds)} | {column} | {remedy.sentence} |\n")
    return "".join(lines) + "\n"


def _rules(programme: Programme) -> dict[tuple[str, str], list[str]]:
    """Return (reason, rule in words) -> the kinds of rows that have the rule."""
    found: dict[tuple[str, str], list[str]] = {}
    for kind, schema in (("training", training_rules(programme)), ("survey", survey_rules(programme))):
        for check in schema.checks:
            found.setdefault((str(check.name), str(check.description)), []).append(kind)
    return found


def _flags() -> str:
    lines = [
        "## What is odd about an accepted row\n\n| flag | column | what the partner should check |\n|---|---|---|\n"
    ]
    for flag, remedy in flag_remedies(load_programme()).items():
        lines.append(f"| `{flag}` | {f'`{remedy.column}`' if remedy.column else 'the row'} | {remedy.sentence} |\n")
    return "".join(lines) + "\nThe row counts.\n\n"


def _failures() -> str:
    codes = ", ".join(f"`{code}`" for code in ErrorCode)
    return (
        "## Why a whole delivery fails\n\n"
        f"{codes}.\n\nOnly this delivery fails. It stays landed, and its message says what to do: `godigital status`.\n"
    )
