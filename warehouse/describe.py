"""Descriptions for people who read the warehouse: comments inside the database, and a data dictionary.

Both come from `schemas`, where each table and column is described once.
"""

from collections.abc import Iterable

from schemas.columns import Column
from schemas.published import PUBLISHED_TABLES, Table


def comment_statements(tables: Iterable[Table] = PUBLISHED_TABLES) -> list[str]:
    """Return one COMMENT statement for each table and column; table names are not qualified."""
    statements = []
    for table in tables:
        statements.append(f"COMMENT ON TABLE {table.name} IS {_quoted(_table_text(table))}")
        statements.extend(
            f"COMMENT ON COLUMN {table.name}.{column.name} IS {_quoted(_column_text(column))}"
            for column in table.columns
        )
    return statements


def data_dictionary_markdown(tables: Iterable[Table] = PUBLISHED_TABLES) -> str:
    """Return the tables and columns of a release as Markdown, one table each."""
    parts = ["# Data dictionary\n"]
    for table in tables:
        parts.append(f"## {table.name}\n\n{_table_text(table)}\n\n| column | type | meaning |\n|---|---|---|")
        parts.extend(f"| {column.name} | {column.type} | {_column_text(column)} |" for column in table.columns)
        parts.append("")
    return "\n".join(parts)


def _table_text(table: Table) -> str:
    return f"{table.description} Key: {', '.join(table.key)}." if table.key else table.description


def _column_text(column: Column) -> str:
    words = [column.description]
    if column.unit is not None:
        words.append(f"Unit: {column.unit}.")
    if column.choices:
        words.append(f"Values: {', '.join(column.choices)}.")
    return " ".join(words)


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
