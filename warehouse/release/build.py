"""Builds a release: runs the SQL models of `warehouse/sql` over the vault into a new database file.

What SQL cannot compute is a function (COMPUTED) in its turn among them. A model is a file, its name the table's; the
order follows from what each reads, and every table must come out exactly as `schemas.published` describes it.
"""

import datetime as dt
import hashlib
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from functools import cache
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import duckdb

from schemas.published import PUBLISHED_TABLES, Table
from warehouse.release.comments import comment_statements
from warehouse.release.history_tables import HISTORY, NO_HISTORY, History, history_tables
from warehouse.release.rules import PROGRAMME, default_programme, programme_tables
from warehouse.storage import files
from warehouse.storage.sql_literals import literal

if TYPE_CHECKING:
    from schemas.programme import Programme

SQL_FOLDER = Path(__file__).parents[1] / "sql"
# what models call the private database: the name DuckDB gives to the open file vault.duckdb
VAULT = "vault"
INDICATORS = "indicators"
CHECKS = "checks"
_ROWS_AT_ONCE = 50_000


@dataclass(frozen=True)
class Computed:
    """A table that no SELECT can give: the models it reads, and what gives its rows from the release so far."""

    reads: tuple[str, ...]
    compute: Callable[[duckdb.DuckDBPyConnection], Any]


def _outcomes(con: duckdb.DuckDBPyConnection) -> Any:
    # imported where it is used: only a build needs data frames
    from warehouse.survey.outcome import outcome_table

    return outcome_table(con)


# built in their turn among the models of SQL
COMPUTED = {"report_outcome": Computed(("core_survey_response", "core_trainee"), _outcomes)}


class BuildError(RuntimeError):
    """A release cannot be built; the message names the model or table."""


@dataclass(frozen=True)
class ReleaseInfo:
    """Which release this is and what went into it: the one row of table `release`; `built_at` is UTC."""

    number: int
    built_at: dt.datetime
    input_hash: str
    model_version: str
    code_version: str


@dataclass(frozen=True)
class TableSummary:
    """What a table holds, to be recognised again: its rows, and a hash over them without volatile columns."""

    rows: int
    content_hash: str


def model_order(folder: Path = SQL_FOLDER) -> list[str]:
    """Return the models of `folder`, each after those it reads; the order depends on nothing else.

    Raises:
        BuildError: A file is no single SELECT, reads a table that is neither a model nor the vault's, or
            models read each other in a circle; the message names them.
    """
    models = sorted(path.stem for path in folder.glob("*.sql") if path.stem not in (INDICATORS, CHECKS))
    graph = {model: sorted(_tables_read(folder / f"{model}.sql")) for model in models}
    graph |= {name: sorted(item.reads) for name, item in COMPUTED.items() if set(item.reads) <= set(models)}
    for model, reads in graph.items():
        for table in reads:
            if table not in graph:
                raise BuildError(
                    f"{model}.sql reads {table}, which is no model; "
                    f"write {VAULT}.{table} for a table of the vault, or add {table}.sql"
                )
    try:
        return list(TopologicalSorter(graph).static_order())
    except CycleError as error:
        raise BuildError(f"models read each other in a circle: {' -> '.join(error.args[1])}") from error


def _tables_read(file: Path) -> frozenset[str]:
    """Names of the models that a file reads: tables that are neither the vault's nor steps of its own."""
    return _tables_in(file.name, file.read_text(encoding="utf-8"))


@cache
def _tables_in(name: str, text: str) -> frozenset[str]:
    # a second of imports, needed only where something is built
    import sqlglot
    from sqlglot import exp
    from sqlglot.errors import SqlglotError

    try:
        statements = [part for part in sqlglot.parse(text, dialect="duckdb") if part]
    except SqlglotError as error:
        raise BuildError(f"{name}: not understood as SQL: {error}") from error
    if len(statements) != 1 or not isinstance(statements[0], exp.Query):
        raise BuildError(f"{name}: a model is one SELECT")
    steps = {step.alias for step in statements[0].find_all(exp.CTE)}
    read = set()
    for table in statements[0].find_all(exp.Table):
        qualifier = table.catalog or table.db
        if qualifier not in ("", VAULT, PROGRAMME, HISTORY):
            raise BuildError(
                f"{name} reads {table.sql()}; only models and tables of {VAULT}, {PROGRAMME} and {HISTORY} can be read"
            )
        # a table function such as unnest() has no name of its own
        if qualifier == "" and table.name and table.name not in steps:
            read.add(table.name)
    return frozenset(read)


def build_release(
    vault: duckdb.DuckDBPyConnection,
    target: Path,
    info: ReleaseInfo,
    *,
    programme: "Programme | None" = None,
    history: History = NO_HISTORY,
    folder: Path = SQL_FOLDER,
) -> dict[str, TableSummary]:
    """Build the release in the new file `target` from the committed state of an open vault.

    Args:
        vault: Connection whose database is the vault; its own settings and default database stay as they are.
        target: File to make, mode 0600 until it is published; its folder exists.
        info: Goes into table `release`.
        programme: The rules; those of the project without it.
        history: What the release says of earlier ones; nothing without it.
        folder: Where the models are.

    Returns:
        Rows and content hash of every table; `target` is closed, complete and without a write-ahead log.

    Raises:
        BuildError: A model fails, or a table is not as it is described; nothing is left at `target`.
        FileExistsError: `target` is there already.
    """
    # a second connection to the same open database: attaching the vault's file again would be refused
    con = vault.cursor()
    try:
        row = con.execute("SELECT current_database()").fetchone()
        if row is None or row[0] != VAULT:
            raise BuildError(f"the models read {VAULT}.<table>, but the open database is {row and row[0]}")
        if target.exists():
            raise FileExistsError(f"{target}: a release is built into a new file")
        try:
            con.execute(f"ATTACH {literal(str(target))} AS release")
            try:
                # not readable for others before it is verified
                target.chmod(0o600)
                con.execute("USE release")
                rules = default_programme(programme)
                with programme_tables(con, rules), history_tables(con, history):
                    summaries = _build_tables(con, info, rules_of(rules), folder)
                con.execute("CHECKPOINT release")
            finally:
                con.execute(f"USE {VAULT}")
                con.execute("DETACH release")
        except BaseException:
            target.unlink(missing_ok=True)
            target.with_name(target.name + ".wal").unlink(missing_ok=True)
            raise
    finally:
        con.close()
    return summaries


def rules_of(programme: "Programme | None" = None) -> dict[str, str | int]:
    """Return the programme's rules that models and checks use, by the name of their SQL variable."""
    programme = default_programme(programme)
    return {
        "first_day": programme.first_day.isoformat(),
        "last_day": programme.last_day.isoformat(),
        "age_minimum": programme.age_minimum,
        "age_maximum": programme.age_maximum,
        "youth_from": programme.youth.from_age,
        "youth_to": programme.youth.to_age,
        "age_band_set": programme.age_band_set,
        "finding_deliveries_before": programme.findings.deliveries_before,
        "finding_rows_least": programme.findings.rows_least,
        "finding_rows_factor": programme.findings.rows_factor,
        # as text: a number with a point would be a decimal of its own width
        "finding_points": str(programme.findings.points),
        "finding_deviations": str(programme.findings.deviations),
    }


def set_rules(con: duckdb.DuckDBPyConnection, rules: Mapping[str, str | int]) -> None:
    """Make the rules readable in SQL as getvariable('youth_from') and so on, for this connection."""
    for name, value in rules.items():
        con.execute(f"SET VARIABLE {name} = {literal(value)}")


def _build_tables(
    con: duckdb.DuckDBPyConnection, info: ReleaseInfo, rules: Mapping[str, str | int], folder: Path
) -> dict[str, TableSummary]:
    order = model_order(folder)
    described = {table.name: table for table in PUBLISHED_TABLES}
    if set(order) != set(described):
        odd = ", ".join(sorted(set(order) ^ set(described)))
        raise BuildError(f"models and schemas/published.py differ in {odd}; add the file or the description")
    set_rules(con, rules)
    for name, value in _release_row(info).items():
        con.execute(f"SET VARIABLE {name} = {literal(value)}")
    con.execute((folder / f"{INDICATORS}.sql").read_text(encoding="utf-8"))
    for model in order:
        if model in COMPUTED:
            _create_computed(con, described[model])
            _declare_key(con, described[model])
            continue
        select = (folder / f"{model}.sql").read_text(encoding="utf-8").rstrip().rstrip(";")
        try:
            con.execute(f"CREATE TABLE {model} AS\n{select}")
        except duckdb.Error as error:
            # the engine's message can quote a value, so the error names its kind only
            raise BuildError(f"{model}.sql failed: {_without_values(error)}") from error
        _require_described(con, described[model])
        _declare_key(con, described[model])
    for statement in comment_statements():
        con.execute(statement)
    return {table.name: summarise(con, table.name) for table in PUBLISHED_TABLES}


def _create_computed(con: duckdb.DuckDBPyConnection, table: Table) -> None:
    rows = COMPUTED[table.name].compute(con)
    columns = ", ".join(f"CAST({column.name} AS {column.type}) AS {column.name}" for column in table.columns)
    con.register("computed_rows", rows)
    try:
        con.execute(f"CREATE TABLE {table.name} AS SELECT {columns} FROM computed_rows")
    finally:
        con.unregister("computed_rows")
    _require_described(con, table)


def _declare_key(con: duckdb.DuckDBPyConnection, table: Table) -> None:
    """Declare the key of a table, for tools that read the catalogue.

    References are not declared: with the indexes that they need, the file of a release is three times as large, not
    twice, and takes four times as long to write. The comment of a column names the table it refers to.
    """
    if not table.key:
        return
    try:
        con.execute(f"ALTER TABLE {table.name} ADD PRIMARY KEY ({', '.join(table.key)})")
    except duckdb.ConstraintException as error:
        # the engine's message quotes the key
        raise BuildError(
            f"{table.name}: a row has no key, or two rows have the same key ({', '.join(table.key)}); "
            f"change {table.name}.sql or the key in schemas/published.py"
        ) from error


def _release_row(info: ReleaseInfo) -> dict[str, str | int]:
    aware = info.built_at.tzinfo is not None
    built_at = info.built_at.astimezone(dt.UTC).replace(tzinfo=None) if aware else info.built_at
    return {
        "release_number": info.number,
        "built_at": built_at.isoformat(sep=" "),
        "input_hash": info.input_hash,
        "model_version": info.model_version,
        "code_version": info.code_version,
    }


def _without_values(error: duckdb.Error) -> str:
    if isinstance(error, (duckdb.CatalogException, duckdb.BinderException, duckdb.ParserException)):
        return str(error)
    return type(error).__name__


def _require_described(con: duckdb.DuckDBPyConnection, table: Table) -> None:
    found = columns_of(con, table.name)
    wanted = [(column.name, column.type) for column in table.columns]
    if found != wanted:
        odd = [f"{name} {kind}" for name, kind in found if (name, kind) not in wanted]
        missing = [f"{name} {kind}" for name, kind in wanted if (name, kind) not in found]
        raise BuildError(
            f"{table.name}.sql does not give the columns of schemas/published.py: "
            f"too many or of another type: {', '.join(odd) or 'none'}; "
            f"missing: {', '.join(missing) or 'none'}"
            f"{'; the order differs' if not odd and not missing else ''}"
        )


def columns_of(con: duckdb.DuckDBPyConnection, table: str) -> list[tuple[str, str]]:
    """Return name and type of each column, in order."""
    return [(name, kind) for name, kind, *_ in con.execute(f'DESCRIBE "{table}"').fetchall()]


def summarise(con: duckdb.DuckDBPyConnection, table: str) -> TableSummary:
    """Return rows and content hash of a table."""
    row = con.execute(f'SELECT count(*) FROM "{table}"').fetchone()
    if row is None:
        raise BuildError(f"{table}: no count")
    return TableSummary(row[0], content_hash(con, table))


def content_hash(con: duckdb.DuckDBPyConnection, table: str) -> str:
    """Return the SHA-256 over names, types and rows of a table, 64 hexadecimal digits.

    Rows are taken in the order of their text, so the order in the file, the number of threads and volatile
    columns change nothing. A value is preceded by its length: ('ab', NULL) and ('a', 'b') differ.
    """
    volatile = next((described.volatile for described in PUBLISHED_TABLES if described.name == table), ())
    columns = [(name, kind) for name, kind in columns_of(con, table) if name not in volatile]
    digest = hashlib.sha256("".join(f"{name} {kind}\n" for name, kind in columns).encode())
    texts = ", ".join(
        f"""coalesce(strlen("{name}"::VARCHAR) || ':' || "{name}"::VARCHAR, '-')""" for name, _ in columns
    )
    # SQL of names that DESCRIBE gave
    con.execute(f'SELECT concat({texts}, chr(10)) AS row_text FROM "{table}" ORDER BY row_text')
    while rows := con.fetchmany(_ROWS_AT_ONCE):
        digest.update("".join(text for (text,) in rows).encode())
    return digest.hexdigest()


def release_manifest(
    target: Path, info: ReleaseInfo, tables: Mapping[str, TableSummary], programme: "Programme | None" = None
) -> dict[str, Any]:
    """Return what the built file must turn out to be when it is read again; JSON types only."""
    return {
        **_release_row(info),
        "duckdb_version": duckdb.__version__,
        "file_size": target.stat().st_size,
        "file_sha256": files.sha256_of(target),
        "rules": rules_of(programme),
        "tables": {name: asdict(summary) for name, summary in tables.items()},
        # a comparison of two runs of the same inputs leaves these tables out
        "historical_tables": [table.name for table in PUBLISHED_TABLES if table.is_historical],
    }
