"""How long the tables of a programme as large as the real one take to build, and the twenty questions to answer."""

import statistics
import time
from collections.abc import Iterator

import duckdb
import pytest

from tests.generators.attendances import make_vault
from tests.test_readme_queries import QUESTIONS
from tests.warehouse.tiny_vault import release_info
from warehouse.identity.calibration import store_quality
from warehouse.identity.linkage.model import load_model
from warehouse.release.build import build_release

pytestmark = pytest.mark.benchmark_only
PEOPLE = 226_000


@pytest.fixture(scope="module")
def vault(tmp_path_factory: pytest.TempPathFactory) -> Iterator[duckdb.DuckDBPyConnection]:
    con = make_vault(tmp_path_factory.mktemp("large") / "vault.duckdb", PEOPLE, seed=1)
    store_quality(con, load_model())
    yield con
    con.close()


def test_all_tables_are_built_within_five_seconds(vault, tmp_path, capsys):
    rows = vault.execute("SELECT count(*) FROM record").fetchone()[0]
    spent = []
    for turn in range(3):
        start = time.perf_counter()
        build_release(vault, tmp_path / f"{turn}.duckdb", release_info(1))
        spent.append(time.perf_counter() - start)
    with capsys.disabled():
        print(
            f"\n{PEOPLE:,} people, {rows:,} attendances: all tables, hashes included, {statistics.median(spent):.2f} s"
        )
    assert 400_000 < rows < 700_000
    assert statistics.median(spent) < 5


def test_every_question_is_answered_within_a_tenth_of_a_second(vault, tmp_path, capsys):
    build_release(vault, tmp_path / "release.duckdb", release_info(1))
    slowest: dict[str, float] = {}
    with duckdb.connect(str(tmp_path / "release.duckdb"), read_only=True, config={"threads": 2}) as con:
        for question, sql in QUESTIONS.items():
            spent = []
            for _ in range(5):
                start = time.perf_counter()
                con.execute(sql).fetchall()
                spent.append(time.perf_counter() - start)
            slowest[question] = statistics.median(spent)
    with capsys.disabled():
        for question, seconds in sorted(slowest.items(), key=lambda item: -item[1])[:5]:
            print(f"\n{seconds * 1000:6.1f} ms  {question}", end="")
        print()
    assert max(slowest.values()) < 0.1
