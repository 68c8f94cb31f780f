"""How long a release of a programme as large as the real one takes to say why its figures changed."""

import resource
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import duckdb
import pytest

from schemas.programme import load_programme
from tests.generators.attendances import make_vault
from warehouse.lineage.restate import find_causes
from warehouse.release.build import rules_of
from warehouse.release.snapshots import candidate_snapshot, keep_snapshot, snapshot_path, take_snapshot

pytestmark = pytest.mark.benchmark_only
PEOPLE = 226_000
# a month that is new, people who are found to be one, everything read again
CHANGES = {
    "the last month is new, and one person in a hundred is merged": (
        "UPDATE register SET trainee_id = left(trainee_id, 3) WHERE hash(trainee_id) % 100 = 0"
    ),
    "every row says something else": "UPDATE record SET hours = coalesce(hours, 0) + 1",
}


@pytest.fixture(scope="module")
def vault(tmp_path_factory: pytest.TempPathFactory) -> Iterator[duckdb.DuckDBPyConnection]:
    con = make_vault(tmp_path_factory.mktemp("large") / "vault.duckdb", PEOPLE, seed=1)
    yield con
    con.close()


def timed(work: Callable[[], object]) -> tuple[float, float]:
    """Seconds on the clock, and of processors."""
    before, start = resource.getrusage(resource.RUSAGE_SELF), time.perf_counter()
    work()
    spent, after = time.perf_counter() - start, resource.getrusage(resource.RUSAGE_SELF)
    return spent, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def keep(vault: duckdb.DuckDBPyConnection, data: Path, number: int) -> tuple[float, float]:
    candidate, rules = candidate_snapshot(data, number), load_programme()
    spent = timed(lambda: take_snapshot(vault, candidate, number, rules, rules_of(rules)))
    keep_snapshot(data, number, candidate)
    return spent


@pytest.mark.parametrize("change", CHANGES)
def test_causes_are_found_within_twenty_seconds_of_a_processor(vault, tmp_path, change, capsys):
    vault.execute("BEGIN")
    vault.execute("DELETE FROM record WHERE training_date >= DATE '2021-12-01'")
    vault.execute("DELETE FROM delivery WHERE delivery_id NOT IN (SELECT delivery_id FROM record)")
    keep(vault, tmp_path, 1)
    vault.execute("ROLLBACK")
    vault.execute("BEGIN")
    try:
        vault.execute(CHANGES[change])
        taken = keep(vault, tmp_path, 2)
        found: list[object] = []
        spent = timed(lambda: found.append(find_causes(vault, snapshot_path(tmp_path, 1), snapshot_path(tmp_path, 2))))
        size = snapshot_path(tmp_path, 2).stat().st_size
    finally:
        vault.execute("ROLLBACK")
    with capsys.disabled():
        print(
            f"\n{PEOPLE:,} people; {change}: snapshot {taken[0]:.2f} s ({taken[1]:.2f} s of processors), "
            f"{size / 1e6:.1f} MB; causes {spent[0]:.2f} s ({spent[1]:.2f} s of processors)"
        )
    assert found[0]
    assert spent[1] < 20
