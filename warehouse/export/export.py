"""Writes a release as open data: its tables as CSV and Parquet, its results as IATI, and a package that describes them.

An export is a folder that is there whole or not at all, and the same release gives the same bytes. Tables with a line
for each person are left out unless they are asked for: without names, people are still people.
"""

import csv
import datetime as dt
import io
import json
import secrets
import shutil
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import duckdb

from schemas.columns import Column
from schemas.open_data import load_open_data
from schemas.published import PUBLISHED_TABLES, Table
from warehouse.export.datapackage import DESCRIPTOR, PackageFacts, TableFile, describe_package
from warehouse.export.dictionary import DICTIONARY, data_dictionary_html, data_dictionary_markdown
from warehouse.export.iati import Programme, write_iati
from warehouse.export.readme_text import IATI_FILE, README, ExportFacts, Selection, about_text, provenance, readme_text
from warehouse.export.suppress import FLAG, counts_of, hide_small_cells
from warehouse.release.build import columns_of
from warehouse.release.releases import Release
from warehouse.storage import files
from warehouse.storage.spreadsheet_cells import neutralise
from warehouse.storage.sql_literals import literal

if TYPE_CHECKING:
    import pyarrow as pa

NAME = "go-digital-asean"
_RELEASE = "release_file"
_ROWS_AT_ONCE = 50_000


class ExportError(RuntimeError):
    """An export cannot be written; the message says why, and what was there before stays."""


@dataclass(frozen=True)
class Exported:
    """What was written: lines of each table, and what readers must know of the figures, or nothing."""

    folder: Path
    release_number: int
    rows: dict[str, int]
    warning: str


def choose_tables(selection: Selection) -> tuple[Table, ...]:
    """Return the tables to export, in the order of the release.

    Raises:
        ExportError: A table is unknown, or has a line for each person and was not asked for as such; or small cells
            are to be hidden in tables that show everybody alone.
    """
    known = {table.name: table for table in PUBLISHED_TABLES}
    for name in (*selection.tables, *selection.without):
        if name not in known:
            raise ExportError(f"{name}: no such table; there are {', '.join(known)}")
        if name in selection.tables and known[name].holds_people and not selection.with_people:
            raise ExportError(f"{name} has a line for each person; export it with --with-people, if that is lawful")
    if selection.with_people and selection.minimum_cell is not None:
        raise ExportError("--minimum-cell hides small groups and --with-people shows everybody alone: choose one")
    if selection.minimum_cell is not None and selection.minimum_cell < 2:
        raise ExportError(f"--minimum-cell {selection.minimum_cell} hides nothing; a cell of 1 person is the smallest")
    chosen = tuple(
        table
        for table in PUBLISHED_TABLES
        if (not selection.tables or table.name in selection.tables)
        and table.name not in selection.without
        and (selection.with_people or not table.holds_people)
    )
    if not chosen:
        raise ExportError("no table is left to export")
    return chosen


def export_release(
    release: Release,
    target: Path,
    selection: Selection | None = None,
    *,
    programme_name: str,
    memory_limit: str = "1GB",
    threads: int = 2,
) -> Exported:
    """Write an export of `release` to the folder `target`, in place of an earlier one.

    Args:
        release: The release; its file is only read.
        target: A folder that is not there, is empty, or holds an earlier export and nothing else.
        selection: What to export; everything that has no line for each person without it.
        programme_name: The programme's name, for titles.
        memory_limit: DuckDB's limit.
        threads: DuckDB's threads.

    Raises:
        ExportError: `target` holds something else, or the release is of another version of the program.
    """
    selection = selection or Selection()
    tables = choose_tables(selection)
    _require_free(target)
    with _open(release, selection, memory_limit, threads) as con:
        facts = _read_facts(con, release, selection, programme_name)
        part = target.with_name(f"{target.name}.{secrets.token_hex(4)}{files.PART_SUFFIX}")
        try:
            _make_folder(part, private=selection.with_people)
            rows = _write_export(con, part, tables, facts)
            _replace(target, part)
        finally:
            shutil.rmtree(part, ignore_errors=True)
    return Exported(target, release.number, rows, facts.warning)


@contextmanager
def _open(
    release: Release, selection: Selection, memory_limit: str, threads: int
) -> Iterator[duckdb.DuckDBPyConnection]:
    """Open the release so that each table has its own name, with small cells hidden where that is asked for."""
    with duckdb.connect(config={"memory_limit": memory_limit, "threads": threads, "temp_directory": ""}) as con:
        # a literal: ATTACH takes no parameters
        con.execute(f"ATTACH {literal(str(release.path.resolve()))} AS {_RELEASE} (READ_ONLY)")
        _require_described(con, release.number)
        if selection.minimum_cell is not None:
            hide_small_cells(con, PUBLISHED_TABLES, _RELEASE, selection.minimum_cell)
        for table in PUBLISHED_TABLES:
            if selection.minimum_cell is None or not counts_of(table):
                con.execute(f"CREATE VIEW {table.name} AS SELECT {_names(table.columns)} FROM {_RELEASE}.{table.name}")
        yield con


def _require_described(con: duckdb.DuckDBPyConnection, number: int) -> None:
    found = {
        name
        for (name,) in con.execute(
            f"SELECT table_name FROM duckdb_tables() WHERE database_name = '{_RELEASE}'"
        ).fetchall()
    }
    con.execute(f"USE {_RELEASE}")
    for table in PUBLISHED_TABLES:
        wanted = [(column.name, column.type) for column in table.columns]
        if table.name not in found or columns_of(con, table.name) != wanted:
            raise ExportError(
                f"release {number} was built by another version of the program: {table.name} is missing or has other "
                "columns; export a release that this version built (`godigital run` publishes one)"
            )
    con.execute("USE memory")


def _read_facts(
    con: duckdb.DuckDBPyConnection, release: Release, selection: Selection, programme_name: str
) -> ExportFacts:
    rules = release.manifest["rules"]
    countries = dict(con.execute("SELECT country_code, country_name FROM core_country ORDER BY 1").fetchall())
    warning, suffix = provenance(_count_samples(con))
    first, last = (dt.date.fromisoformat(rules[name]) for name in ("first_day", "last_day"))
    return ExportFacts(
        release,
        dt.datetime.fromisoformat(release.manifest["built_at"]),
        Programme(f"{programme_name}{suffix}", first, last, countries),
        warning,
        selection,
        load_open_data(),
    )


def _count_samples(con: duckdb.DuckDBPyConnection) -> dict[str, tuple[int, int]]:
    """Lines that are invented, and all, of each table that what counts came in by."""
    found = {}
    for table in PUBLISHED_TABLES:
        if "is_sample" in table.column_names and table.name.startswith("core_"):
            counted = "rows_accepted > 0" if "rows_accepted" in table.column_names else "TRUE"
            row = con.execute(
                f"SELECT count(*) FILTER (WHERE is_sample), count(*) FROM {table.name} WHERE {counted}"
            ).fetchone()
            found[table.name] = row or (0, 0)
    return found


def _write_export(
    con: duckdb.DuckDBPyConnection, folder: Path, tables: tuple[Table, ...], facts: ExportFacts
) -> dict[str, int]:
    """Write every file of the export; returns the lines of each table."""
    private = facts.selection.with_people
    for name in ("csv", "parquet"):
        _make_folder(folder / name, private=private)
    mode = 0o600 if private else 0o644
    written, rows = [], {}
    for table in tables:
        item = _table_file(folder, table, facts.selection)
        rows[table.name] = _write_csv(con, item, mode)
        _write_parquet(con, item, mode)
        written.append(item)
    iati = write_iati(con, facts.open_data.iati, facts.programme, facts.built_at, facts.warning)
    texts = {
        IATI_FILE: ("Results in IATI 2.03", iati),
        f"{DICTIONARY}.html": ("Data dictionary", data_dictionary_html(tables).encode("utf-8")),
        f"{DICTIONARY}.md": ("Data dictionary, as Markdown", data_dictionary_markdown(tables).encode("utf-8")),
        README: ("What this is", readme_text(tables, rows, facts).encode("utf-8")),
    }
    for name, (_, content) in texts.items():
        files.write_durably(folder / name, content, mode)
    others = [(folder / name, title) for name, (title, _) in texts.items()]
    package = PackageFacts(
        NAME,
        f"{facts.programme.name}: open data, release {facts.release.number}",
        about_text(facts),
        facts.release.number,
        facts.built_at,
        facts.release.manifest["input_hash"],
        bool(facts.warning),
        facts.selection.minimum_cell,
    )
    descriptor = describe_package(folder, package, written, others, facts.open_data)
    files.write_durably(folder / DESCRIPTOR, descriptor, mode)
    return rows


def _table_file(folder: Path, table: Table, selection: Selection) -> TableFile:
    flag = (FLAG,) if selection.minimum_cell is not None and counts_of(table) else ()
    return TableFile(
        table,
        (*table.columns, *flag),
        folder / "csv" / f"{table.name}.csv",
        folder / "parquet" / f"{table.name}.parquet",
    )


def _names(columns: Collection[Column]) -> str:
    return ", ".join(column.name for column in columns)


def _select(item: TableFile) -> str:
    """The lines of a table in an order that depends on nothing but themselves."""
    order = ", ".join(item.table.key) if item.table.key else "ALL"
    return f"SELECT {_names(item.columns)} FROM {item.table.name} ORDER BY {order}"


def _write_csv(con: duckdb.DuckDBPyConnection, item: TableFile, mode: int) -> int:
    """Write a table as RFC 4180 asks for; returns its lines. NULL and an empty text are both an empty field."""
    rows = 0

    def write(file: Any) -> None:
        nonlocal rows
        text = io.TextIOWrapper(file, encoding="utf-8", newline="")
        writer = csv.writer(text, lineterminator="\r\n")
        writer.writerow([column.name for column in item.columns])
        found = con.execute(_select(item))
        while lines := found.fetchmany(_ROWS_AT_ONCE):
            writer.writerows([_cell(value) for value in line] for line in lines)
            rows += len(lines)
        # the caller closes the file
        text.flush()
        text.detach()

    files.write_durably(item.csv, write, mode)
    return rows


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, dt.datetime):
        return f"{value.isoformat()}Z"
    if isinstance(value, dt.date):
        return value.isoformat()
    if isinstance(value, (int, float)):
        return repr(value)
    return neutralise(str(value))


def _write_parquet(con: duckdb.DuckDBPyConnection, item: TableFile, mode: int) -> None:
    """Write a table with what its columns mean; times are UTC without a zone, as in the release."""
    # a fifth of a second of imports, needed only where something is exported
    import pyarrow.parquet as pq

    table: pa.Table = con.execute(_select(item)).to_arrow_table()
    schema = table.schema.with_metadata({"description": item.table.description})
    for index, column in enumerate(item.columns):
        schema = schema.set(index, schema.field(index).with_metadata({"description": column.description}))
    buffer = io.BytesIO()
    pq.write_table(table.cast(schema), buffer, compression="zstd", row_group_size=_ROWS_AT_ONCE)
    files.write_durably(item.parquet, buffer.getvalue(), mode)


def _make_folder(path: Path, *, private: bool) -> None:
    if private:
        files.private_folder(path)
    else:
        files.shared_folder(path)


def _require_free(target: Path) -> None:
    """Stop where `target` holds anything that is not an earlier export's."""
    if target.is_symlink() or (target.exists() and not target.is_dir()):
        raise ExportError(f"{target} is no folder; name one that is not there yet")
    if not target.exists() or not any(target.iterdir()):
        return
    foreign = sorted(
        {path.relative_to(target).as_posix() for path in target.rglob("*") if not path.is_dir()} - _exported(target)
    )
    if foreign:
        raise ExportError(
            f"{target} is not empty and holds what no export wrote ({foreign[0]}"
            f"{f' and {len(foreign) - 1} more' if len(foreign) > 1 else ''}); name another folder"
        )


def _exported(target: Path) -> set[str]:
    """Paths of the files that an earlier export wrote to `target`; none where its descriptor is not ours."""
    try:
        package = json.loads((target / DESCRIPTOR).read_text(encoding="utf-8"))
        if package["name"] != NAME:
            return set()
        return {DESCRIPTOR, *(resource["path"] for resource in package["resources"])}
    except (FileNotFoundError, json.JSONDecodeError, KeyError, TypeError, UnicodeDecodeError):
        return set()


def _replace(target: Path, part: Path) -> None:
    """Give the finished folder its name; an earlier export makes way, and is back if that fails."""
    if not target.exists():
        part.rename(target)
    else:
        old = part.with_name(f"{part.name}.old")
        target.rename(old)
        try:
            part.rename(target)
        except OSError:
            old.rename(target)
            raise
        shutil.rmtree(old)
    files.sync(target.parent)
