"""The comments on tables and columns of a release, from the descriptions in `schemas`."""

from collections.abc import Iterable

from schemas.columns import Column
from schemas.published import PUBLISHED_TABLES, Table
from warehouse.storage.sql_literals import literal


def comment_statements(tables: Iterable[Table] = PUBLISHED_TABLES) -> list[str]:
    """Return one COMMENT statement for each table and column; table names are not qualified."""
    statements = []
    for table in tables:
        statements.append(f"COMMENT ON TABLE {table.name} IS {literal(_table_text(table))}")
        refers_to = {reference.column: f" Refers to {reference.table}." for reference in table.references}
        statements.extend(
            f"COMMENT ON COLUMN {table.name}.{column.name} IS "
            f"{literal(column_text(column) + refers_to.get(column.name, ''))}"
            for column in table.columns
        )
    return statements


def column_text(column: Column) -> str:
    """Return what a column means, with its unit and choices, as one text."""
    unit = [] if column.unit is None else [f"Unit: {column.unit}."]
    choices = [f"Values: {', '.join(column.choices)}."] if column.choices else []
    return " ".join([column.description, *unit, *choices])


def key_text(table: Table) -> str:
    """Return the key of a table in words."""
    return ", ".join(table.key) if table.key else "none: two lines can be alike"


def meaning_of(column: Column) -> str:
    """Return what a column means, and its unit."""
    return f"{column.description} Values: {', '.join(column.choices)}." if column.choices else column.description


def _table_text(table: Table) -> str:
    return f"{table.description} Key: {', '.join(table.key)}." if table.key else table.description
