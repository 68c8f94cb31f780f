"""Answers one SELECT from the published release, and can do nothing else.

The statement comes from a person or a program that is trusted with the release, not with the machine's files.
"""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb

from warehouse.storage.sql_literals import literal

# how DuckDB names the process that has a file open for writing
_HOLDER = re.compile(r"Could not set lock on file.*\bPID (\d+)", re.DOTALL)
_ALLOWED = (duckdb.StatementType.SELECT, duckdb.StatementType.EXPLAIN)


class QueryError(ValueError):
    """The query cannot be answered; the message says why."""


@dataclass(frozen=True)
class QueryResult:
    """Column names, and the rows with Python's types."""

    columns: tuple[str, ...]
    rows: list[tuple[Any, ...]]


def query(warehouse: Path, sql: str, memory_limit: str = "1GB", threads: int = 2) -> QueryResult:
    """Run one SELECT (or EXPLAIN, DESCRIBE, SHOW, SUMMARIZE) on the release that `warehouse` leads to.

    Args:
        warehouse: The link to the current release, or a release.
        sql: The statement; it can read nothing but this release, and write nothing.
        memory_limit: DuckDB's limit; there is no spilling to disk.
        threads: DuckDB's threads.

    Raises:
        QueryError: No release is published, it is no single SELECT, or the engine refuses, with its message.
    """
    try:
        with open_release(warehouse, memory_limit, threads) as con:
            statements = con.extract_statements(sql)
            if len(statements) != 1 or statements[0].type not in _ALLOWED:
                raise QueryError(
                    f"one SELECT can be answered, this is {_named(statements)}; "
                    "the warehouse is read-only (a PIVOT needs its values listed: PIVOT t ON c IN (...))"
                )
            con.execute(statements[0])
            # the stubs of DuckDB leave the description untyped
            columns = tuple(str(column[0]) for column in con.description or ())
            return QueryResult(columns, con.fetchall())
    except duckdb.Error as error:
        raise QueryError(str(error)) from error


def open_release(warehouse: Path, memory_limit: str = "1GB", threads: int = 2) -> duckdb.DuckDBPyConnection:
    """Return a read-only connection to the release that `warehouse` leads to; it can reach nothing else.

    Raises:
        QueryError: No release is there, or somebody has it open for writing.
        duckdb.Error: The file is no release.
    """
    if not warehouse.is_file():
        raise QueryError(f"{warehouse}: no release is published yet; run the pipeline first")
    # attached to an engine of its own: DuckDB shares one between all connections to a file, settings included
    con = duckdb.connect(
        config={
            "memory_limit": memory_limit,
            "threads": threads,
            # empty: nothing is written beside the release
            "temp_directory": "",
            "autoinstall_known_extensions": "false",
            "autoload_known_extensions": "false",
        },
    )
    try:
        # a literal: ATTACH takes no parameters. The link is followed once, by resolve()
        con.execute(f"ATTACH {literal(str(warehouse.resolve()))} AS warehouse (READ_ONLY)")
        con.execute("USE warehouse")
        # in this order: the second would refuse the first
        con.execute("SET enable_external_access = false")
        con.execute("SET lock_configuration = true")
    except duckdb.Error as error:
        con.close()
        if holder := _HOLDER.search(str(error)):
            raise QueryError(
                f"{warehouse.resolve().name} is open for writing in process {holder[1]}, which locks readers out; stop "
                "that process, or wait: the next publication is a file of its own"
            ) from error
        raise
    return con


def _named(statements: list[Any]) -> str:
    if not statements:
        return "empty"
    return " and ".join(statement.type.name for statement in statements)
