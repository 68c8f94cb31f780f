"""The descriptor of an export, datapackage.json: a Frictionless Data Package, made from what `schemas` says of tables.

CSV files are described column by column; Parquet and XML are listed as files only.
"""

import datetime as dt
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from schemas.columns import Column, SqlType
from schemas.published import PUBLISHED_TABLES, Table
from warehouse.storage import files

if TYPE_CHECKING:
    from schemas.open_data import OpenData

DESCRIPTOR = "datapackage.json"
_TYPES: Mapping[SqlType, str] = {
    "VARCHAR": "string",
    "DATE": "date",
    "BOOLEAN": "boolean",
    "INTEGER": "integer",
    "BIGINT": "integer",
    "DOUBLE": "number",
    "TIMESTAMP": "datetime",
}
_MEDIA = {
    "csv": "text/csv",
    "parquet": "application/vnd.apache.parquet",
    "xml": "application/xml",
    "html": "text/html",
    "md": "text/markdown",
}


@dataclass(frozen=True)
class TableFile:
    """A table as it was written: its columns in order, which can be fewer or more than those of the release."""

    table: Table
    columns: tuple[Column, ...]
    csv: Path
    parquet: Path


@dataclass(frozen=True)
class PackageFacts:
    """What the package says of itself; `built_at` is the release's, UTC."""

    name: str
    title: str
    description: str
    release_number: int
    built_at: dt.datetime
    input_hash: str
    is_synthetic: bool
    minimum_cell: int | None


def describe_package(
    folder: Path, facts: PackageFacts, tables: Sequence[TableFile], others: Iterable[tuple[Path, str]], data: "OpenData"
) -> bytes:
    """Return datapackage.json for the files of `folder`; the same files and facts give the same bytes.

    Args:
        folder: The export; paths are written relative to it.
        facts: What the package says of itself.
        tables: The tables that were written.
        others: Further files, each with what it is.
        data: Licence and sources.
    """
    written = {item.table.name for item in tables}
    resources: list[dict[str, Any]] = []
    for item in tables:
        resources.append(
            {
                "name": item.table.name,
                "profile": "tabular-data-resource",
                "title": item.table.name,
                "description": _description(item.table),
                **_file(folder, item.csv),
                "encoding": "utf-8",
                "dialect": {"delimiter": ",", "lineTerminator": "\r\n", "quoteChar": '"', "doubleQuote": True},
                "schema": _schema(item, written),
            }
        )
    for item in tables:
        title = f"{item.table.name}, as Parquet"
        resources.append(_plain_file(folder, item.parquet, f"{item.table.name}-parquet", title))
    for path, title in others:
        resources.append(_plain_file(folder, path, path.name.lower().replace(".", "-"), title))
    package = {
        "profile": "data-package",
        "name": facts.name,
        "id": f"{facts.name}-release-{facts.release_number}",
        "title": facts.title,
        "description": facts.description,
        "version": str(facts.release_number),
        "created": f"{facts.built_at.isoformat(timespec='seconds')}Z",
        "licenses": [data.licence.model_dump()],
        "sources": [source.model_dump() for source in data.sources],
        "input_hash": facts.input_hash,
        "is_synthetic": facts.is_synthetic,
        "minimum_cell": facts.minimum_cell,
        "resources": resources,
    }
    return (json.dumps(package, indent=2, ensure_ascii=False) + "\n").encode("utf-8")


def _description(table: Table) -> str:
    return f"{table.description} One line is {table.grain}. Adding lines up: {table.addition}."


def _plain_file(folder: Path, path: Path, name: str, title: str) -> dict[str, Any]:
    # without the type, readers expect a description of the columns of a Parquet file
    return {"name": name, "profile": "data-resource", "type": "file", "title": title, **_file(folder, path)}


def _file(folder: Path, path: Path) -> dict[str, Any]:
    kind = path.suffix.removeprefix(".")
    return {
        "path": path.relative_to(folder).as_posix(),
        "format": kind,
        "mediatype": _MEDIA[kind],
        "bytes": path.stat().st_size,
        "hash": f"sha256:{files.sha256_of(path)}",
    }


def _schema(item: TableFile, written: set[str]) -> dict[str, Any]:
    schema: dict[str, Any] = {
        "fields": [_field(column, item.table) for column in item.columns],
        "missingValues": [""],
    }
    if item.table.key:
        schema["primaryKey"] = list(item.table.key)
    keys = {table.name: table.key for table in PUBLISHED_TABLES}
    references = [
        {
            "fields": [reference.column],
            "reference": {"resource": reference.table, "fields": list(keys[reference.table])},
        }
        for reference in item.table.references
        if reference.table in written
    ]
    if references:
        schema["foreignKeys"] = references
    return schema


def _field(column: Column, table: Table) -> dict[str, Any]:
    field: dict[str, Any] = {
        "name": column.name,
        "type": _TYPES[column.type],
        "description": column.description,
    }
    if column.unit is not None:
        field["unit"] = column.unit
    constraints: dict[str, Any] = {}
    if column.name in table.key:
        constraints["required"] = True
    if table.key == (column.name,):
        constraints["unique"] = True
    if column.choices:
        constraints["enum"] = list(column.choices)
    if constraints:
        field["constraints"] = constraints
    return field
