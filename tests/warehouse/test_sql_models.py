"""Every model and indicator as a table of rows in and rows out: the folders below `tests/sql`.

`<model>/<case>/` holds the tables that the model reads, a CSV each (`core_trainee.csv`, `vault.record.csv`,
`programme.target.csv`, `history.reported.csv`), and `expected.csv`; `query.sql`, where there is one, says what is
compared of the model's table. `indicators/<macro>/<case>/` holds `rows.csv`, `query.sql` over them and `expected.csv`.
An empty cell is NULL.
"""

import csv
import re
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest

from schemas.columns import COLUMNS
from schemas.programme import load_programme
from schemas.published import PUBLISHED_TABLES
from warehouse.release.build import COMPUTED, SQL_FOLDER, rules_of, set_rules
from warehouse.release.history_tables import NO_HISTORY, history_tables
from warehouse.release.indicators import INDICATORS_FILE, load_indicators, parse_indicators
from warehouse.release.rules import programme_tables
from warehouse.vault.schema import VAULT_DDL

FOLDER = Path(__file__).parents[1] / "sql"
CASES = sorted(path.parent for path in FOLDER.glob("*/*/expected.csv"))
INDICATOR_CASES = sorted(path.parent for path in FOLDER.glob("indicators/*/*/expected.csv"))
PUBLISHED = {table.name: table for table in PUBLISHED_TABLES}
FILLER = {"VARCHAR": "", "INTEGER": "0", "BIGINT": "0", "BOOLEAN": "false", "DATE": "2020-07-01"}
FILLER["TIMESTAMP"] = "2020-07-01 00:00:00"


def case_id(folder: Path) -> str:
    return str(folder.relative_to(FOLDER))


def read_rows(file: Path) -> tuple[list[str], list[list[str | None]]]:
    """Return heading and rows of a CSV file, empty cells as None."""
    with file.open(encoding="utf-8", newline="") as lines:
        heading, *rows = list(csv.reader(lines))
    return heading, [[cell or None for cell in row] for row in rows]


@pytest.fixture
def con() -> Iterator[duckdb.DuckDBPyConnection]:
    """A database as a build has it: an empty vault, the programme's rules, the macros and a release to fill."""
    with duckdb.connect() as con:
        con.execute("ATTACH ':memory:' AS vault")
        con.execute("USE vault")
        con.execute(VAULT_DDL)
        con.execute("ATTACH ':memory:' AS release")
        con.execute("USE release")
        set_rules(con, rules_of())
        con.execute(INDICATORS_FILE.read_text(encoding="utf-8"))
        with programme_tables(con, load_programme()), history_tables(con, NO_HISTORY):
            yield con


def fill(con: duckdb.DuckDBPyConnection, file: Path) -> None:
    """Fill the table that the file is named after; what the vault must have and is not given, is filled."""
    table = file.stem
    heading, rows = read_rows(file)
    if "." not in table:
        described = PUBLISHED[table]
        con.execute(f"CREATE TABLE {table} ({', '.join(f'{c.name} {c.type}' for c in described.columns)})")
    else:
        con.execute(f"DELETE FROM {table}")
        for name, kind, nullable, *_ in con.execute(f"DESCRIBE {table}").fetchall():
            if nullable == "NO" and name not in heading:
                heading = [*heading, name]
                rows = [[*row, FILLER[kind]] for row in rows]
    if not rows:
        return
    marks = ", ".join("?" for _ in heading)
    con.executemany(f"INSERT INTO {table} ({', '.join(heading)}) VALUES ({marks})", rows)


def require_rows(con: duckdb.DuckDBPyConnection, query: str, expected: Path) -> None:
    heading, rows = read_rows(expected)
    found = con.execute(f"SELECT {', '.join(f'{name}::VARCHAR' for name in heading)} FROM ({query})").fetchall()
    assert [list(row) for row in found] == rows


@pytest.mark.parametrize("case", CASES, ids=case_id)
def test_a_model_gives_the_rows_that_are_expected(con: duckdb.DuckDBPyConnection, case: Path) -> None:
    for file in sorted(case.glob("*.csv")):
        if file.stem != "expected":
            fill(con, file)
    model = case.parent.name
    select = (SQL_FOLDER / f"{model}.sql").read_text(encoding="utf-8").rstrip().rstrip(";")
    con.execute(f"CREATE TABLE {model} AS {select}")
    query = case / "query.sql"
    require_rows(
        con,
        query.read_text(encoding="utf-8").rstrip().rstrip(";") if query.exists() else f"FROM {model}",
        case / "expected.csv",
    )


@pytest.mark.parametrize("case", INDICATOR_CASES, ids=case_id)
def test_an_indicator_gives_the_rows_that_are_expected(con: duckdb.DuckDBPyConnection, case: Path) -> None:
    con.execute(f"CREATE TABLE rows AS FROM read_csv('{case / 'rows.csv'}', header = true)")
    query = (case / "query.sql").read_text(encoding="utf-8").rstrip().rstrip(";")
    assert re.search(rf"\b{case.parent.name}\(", query)
    require_rows(con, query, case / "expected.csv")


MACROS = re.findall(r"^CREATE MACRO (\w+)", INDICATORS_FILE.read_text(encoding="utf-8"), re.MULTILINE)


@pytest.mark.parametrize("macro", MACROS)
def test_every_macro_has_a_case(macro: str) -> None:
    assert [case for case in INDICATOR_CASES if case.parent.name == macro]


@pytest.mark.parametrize("model", [name for name in PUBLISHED if name.startswith("report_") and name not in COMPUTED])
def test_every_report_has_a_case(model: str) -> None:
    assert [case for case in CASES if case.parent.name == model]


def test_no_report_counts_but_by_an_indicator() -> None:
    counting = re.compile(r"\b(count|sum|avg|median|approx_\w+)\s*\(")
    for file in sorted(SQL_FOLDER.glob("report_*.sql")):
        code = re.sub(r"--.*", "", file.read_text(encoding="utf-8"))
        assert not counting.search(code), file.name


def test_every_macro_with_words_is_an_indicator_with_all_of_them() -> None:
    codes = [indicator.code for indicator in load_indicators()]
    assert len(codes) == len(set(codes))
    assert set(codes) <= set(MACROS)
    assert {"people_reached", "participations"} <= set(codes)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("-- indicator: a\n-- Title: A\nCREATE MACRO a(x) AS x;\n", "it must say Title, Numerator"),
        ("-- indicator: a\n\nCREATE MACRO a(x) AS x;\n", "not followed by its words"),
        (
            INDICATORS_FILE.read_text(encoding="utf-8").replace("CREATE MACRO women(", "CREATE MACRO men("),
            "above macro men",
        ),
    ],
)
def test_an_indicator_without_its_words_is_refused(text: str, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        parse_indicators(text)


def test_only_what_adds_up_is_additive() -> None:
    people = {item.code for item in load_indicators() if item.unit in ("people", "share")}
    assert not [item.code for item in load_indicators() if item.is_additive and item.code in people]
    assert [item.code for item in load_indicators() if item.is_additive]


def test_columns_of_cases_are_columns_of_the_project() -> None:
    for case in CASES:
        for file in case.glob("core_*.csv"):
            assert set(read_rows(file)[0]) <= set(COLUMNS)
