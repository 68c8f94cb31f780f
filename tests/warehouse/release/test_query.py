"""One SELECT on the release is answered; files, writes and other databases are out of reach."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import duckdb
import pytest

from tests.warehouse.tiny_vault import TinyVault
from warehouse.release.query import QueryError, query


@pytest.fixture
def warehouse(vault: TinyVault, data: Path) -> Path:
    vault.attend("t1", sex="F")
    vault.attend("t2", sex="M")
    vault.publish(data)
    return data / "warehouse.duckdb"


def test_a_select_gives_columns_and_rows(warehouse: Path) -> None:
    result = query(warehouse, "SELECT trainee_id AS person, sex FROM core_trainee ORDER BY trainee_id;")
    assert result.columns == ("person", "sex")
    assert result.rows == [("t1", "F"), ("t2", "M")]


@pytest.mark.parametrize(
    "sql",
    [
        "WITH women AS (SELECT trainee_id FROM core_trainee WHERE sex = 'F') SELECT count(*) FROM women",
        "FROM report_reach",
        "SHOW TABLES",
        "DESCRIBE core_trainee",
        "SUMMARIZE core_trainee",
        "EXPLAIN SELECT 1",
        "PIVOT core_trainee ON sex IN ('F', 'M') USING count(*)",
        "SELECT women(trainee_id, sex) FROM core_trainee -- with an indicator",
    ],
)
def test_what_only_reads_the_release_is_answered(warehouse: Path, sql: str) -> None:
    result = query(warehouse, sql)
    assert result.rows
    assert len(result.columns) == len(result.rows[0])


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT * FROM read_csv('/etc/hostname')",
        "SELECT * FROM '/etc/hostname'",
        "SELECT * FROM read_text('/etc/hostname')",
        "SELECT * FROM glob('/*')",
        "SELECT * FROM sniff_csv('/etc/hostname')",
    ],
)
def test_files_cannot_be_read(warehouse: Path, sql: str) -> None:
    with pytest.raises(QueryError, match="disabled by configuration|does not exist"):
        query(warehouse, sql)


@pytest.mark.parametrize(
    "sql",
    [
        "INSERT INTO core_trainee SELECT * FROM core_trainee",
        "UPDATE core_trainee SET sex = 'M'",
        "DELETE FROM core_trainee",
        "DROP TABLE core_trainee",
        "CREATE TEMP TABLE a AS SELECT 1",
        "COPY core_trainee TO '{folder}/out.csv'",
        "EXPORT DATABASE '{folder}/out'",
        "ATTACH '{folder}/private/vault.duckdb' AS v",
        "SET enable_external_access = true",
        "PRAGMA enable_profiling",
        "INSTALL httpfs",
        "LOAD httpfs",
        "CALL pragma_version()",
        "CHECKPOINT",
        "SELECT 1; SELECT 2",
        "SELECT 1; ATTACH '{folder}/x.duckdb'",
        "",
        "-- nothing",
    ],
)
def test_all_else_is_refused_in_a_sentence(warehouse: Path, sql: str) -> None:
    before = sorted(path.name for path in warehouse.parent.rglob("*"))
    with pytest.raises(QueryError, match="one SELECT can be answered"):
        query(warehouse, sql.format(folder=warehouse.parent))
    assert sorted(path.name for path in warehouse.parent.rglob("*")) == before
    assert query(warehouse, "SELECT count(*) FROM core_trainee").rows == [(2,)]


@pytest.mark.parametrize(
    ("sql", "words"),
    [
        ("SELECT nothing FROM core_trainee", "nothing"),
        ("SELECT * FROM core_trainees", "Did you mean"),
        ("SELEC 1", "syntax error"),
        ("SELECT 1 / 0 + 'a'", "a"),
    ],
)
def test_the_engine_says_what_is_wrong(warehouse: Path, sql: str, words: str) -> None:
    with pytest.raises(QueryError, match=words):
        query(warehouse, sql)


def test_memory_is_bounded_and_nothing_is_written_beside_the_release(warehouse: Path) -> None:
    with pytest.raises(QueryError, match="Out of Memory"):
        query(warehouse, "SELECT count(*) FROM (SELECT i FROM range(30000000) t(i) ORDER BY hash(i))", "50MB")
    assert sorted(path.name for path in (warehouse.parent / "releases").iterdir()) == [
        "000001.duckdb",
        "000001.json",
    ]


def test_without_a_release_the_pipeline_must_run_first(tmp_path: Path) -> None:
    with pytest.raises(QueryError, match="no release is published yet"):
        query(tmp_path / "warehouse.duckdb", "SELECT 1")


def test_a_query_reads_the_newest_release_whatever_else_is_open(vault: TinyVault, warehouse: Path) -> None:
    count = "SELECT count(*) FROM core_trainee"
    with duckdb.connect(str(warehouse), read_only=True) as con:
        assert query(warehouse, count).rows == [(2,)]
        vault.attend("t3")
        vault.publish(warehouse.parent)
        assert query(warehouse, count).rows == [(3,)]
        assert con.execute(count).fetchone() == (2,)


def test_queries_run_side_by_side_in_one_process(warehouse: Path) -> None:
    count = "SELECT count(*) FROM core_trainee, range(100000)"
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda threads: query(warehouse, count, threads=threads).rows, [1, 2] * 6))
    assert answers == [[(200000,)]] * 12


def test_the_folder_of_the_warehouse_may_have_any_name(vault: TinyVault, tmp_path: Path) -> None:
    data = tmp_path / "the programme's data"
    vault.attend("t1")
    vault.publish(data)
    assert query(data / "warehouse.duckdb", "SELECT trainee_id FROM core_trainee").rows == [("t1",)]
