"""Figures: seconds and memory of linking invented records, in full and with 1 % new ones, beside Splink's tutorial.

Not part of the ordinary tests; `uv run pytest -n 0 tests/benchmarks/test_linkage_speed.py -m benchmark_only -s`
prints them (about two minutes).
Each linkage runs in a process of its own, whose records come from a file, so that its peak of memory is its own.
"""

import json
import os
import subprocess
import sys

import duckdb
import pandas as pd
import pytest

from tests.conftest import PROJECT
from tests.generators.identity_records import generate, write_records
from warehouse.evaluation.baselines import run_tutorial
from warehouse.evaluation.measures import score, with_clusters

pytestmark = pytest.mark.benchmark_only
SIZES = (395_000, 1_750_000)
# what the linkage may cost on two cores: seconds, megabytes of the process
LIMITS = {395_000: (15, 1_500), 1_750_000: (45, 4_000)}
MOST_PER_RECORD = 1.3
MOST_INCREMENTAL = 0.15
# of Splink as its tutorial configures it: what it may take before it is stopped
TUTORIAL_SIZES = (50_000, 395_000)
TUTORIAL_GIGABYTES, TUTORIAL_SECONDS = 4, 600

# links what the file holds but a hundredth, adds the hundredth, and links all at once in another vault
LINK = """
import json, re, sys, time
import duckdb
from warehouse.identity.linkage.link import link
from warehouse.identity.linkage.model import load_model
from warehouse.vault.linkage_tables import SOURCE_COLUMNS
from warehouse.vault.schema import LINKAGE_DDL

file, folder, mode = sys.argv[1:]
con = duckdb.connect(folder + "/" + mode + ".duckdb", config={"threads": 2, "memory_limit": "2GB",
                     "temp_directory": folder + "/spill"})
con.execute("ATTACH '" + folder + "/" + mode + "-vault.duckdb' AS vault; USE vault")
con.execute(LINKAGE_DDL)
names = ", ".join(SOURCE_COLUMNS)
con.execute(f"CREATE TABLE given AS SELECT record_id, {names}, hash(record_id) % 100 = 0 AS late FROM '{file}'")
view = "CREATE OR REPLACE VIEW linkage_record AS SELECT record_id, {}, record_id AS founding_order FROM given {}"

def linked():
    start, worked = time.monotonic(), time.process_time()
    with link(con, load_model()) as found:
        con.execute("BEGIN")
        found.write(con)
        con.execute("COMMIT")
    return time.monotonic() - start, time.process_time() - worked, found.counts

figures = {}
if mode == "grown":
    con.execute(view.format(names, "WHERE NOT late"))
    linked()
con.execute(view.format(names, ""))
figures["seconds"], figures["cpu"], figures["counts"] = linked()
# not ru_maxrss: it begins with the peak of the process that this one was forked from
figures["megabytes"] = int(re.search(r"VmHWM:\\s+(\\d+)", open("/proc/self/status").read())[1]) / 1024
# a cluster named by its smallest record: the same in both vaults, or not
figures["clusters"] = con.execute(
    "SELECT sum(hash(record_id, cluster)::HUGEINT)::VARCHAR FROM (SELECT record_id, min(record_id) OVER "
    "(PARTITION BY cluster) AS cluster FROM identity_record JOIN identity_cluster USING (node_id))").fetchone()[0]
print(json.dumps(figures))
"""


def in_a_process(script, *words):
    done = subprocess.run(
        [sys.executable, "-c", script, *map(str, words)],
        check=False,
        capture_output=True,
        text=True,
        cwd=PROJECT,
        env=os.environ | {"PYTHONPATH": str(PROJECT)},
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return json.loads(done.stdout.splitlines()[-1])


@pytest.fixture(scope="module")
def record_file(tmp_path_factory):
    """Writes records of a size to Parquet, once."""
    folder = tmp_path_factory.mktemp("records")

    def make(size):
        file = folder / f"{size}.parquet"
        if not file.exists():
            with duckdb.connect() as con:
                write_records(con, generate(size, seed=1))
                con.execute(f"COPY record TO '{file}' (FORMAT parquet)")
        return file

    return make


def link_in_full(record_file, folder, size):
    (folder / str(size)).mkdir()
    return in_a_process(LINK, record_file(size), folder / str(size), "full")


def linked_clusters(folder):
    """Cluster by record of a linkage in full."""
    with duckdb.connect(str(folder / "full-vault.duckdb"), read_only=True) as con:
        rows = con.execute("SELECT record_id, cluster FROM identity_record JOIN identity_cluster USING (node_id)").df()
    return rows.set_index("record_id")["cluster"]


def test_linking_keeps_within_seconds_and_memory_and_grows_with_the_records(record_file, tmp_path, capsys):
    figures = {size: link_in_full(record_file, tmp_path, size) for size in SIZES}
    small, large = (figures[size]["seconds"] / size for size in SIZES)
    with capsys.disabled():
        for size, found in figures.items():
            print(
                f"\n{size:,} records: {found['seconds']:.1f} s ({found['cpu']:.1f} s of processor), "
                f"{found['megabytes']:,.0f} MB, {found['counts']}",
                end="",
            )
        print(f"\ntime per record at {SIZES[1]:,} over {SIZES[0]:,}: {large / small:.2f}")
    for size, (seconds, megabytes) in LIMITS.items():
        assert figures[size]["seconds"] <= seconds
        assert figures[size]["megabytes"] <= megabytes
    assert large / small <= MOST_PER_RECORD


def test_a_hundredth_of_new_records_costs_little_and_gives_the_same_clusters(record_file, tmp_path, capsys):
    size = SIZES[0]
    full = link_in_full(record_file, tmp_path, size)
    grown = in_a_process(LINK, record_file(size), tmp_path / str(size), "grown")
    with capsys.disabled():
        print(
            f"\n{size:,} records: in full {full['seconds']:.1f} s, the last hundredth {grown['seconds']:.1f} s "
            f"({grown['seconds'] / full['seconds']:.0%}), {grown['counts']}"
        )
    assert grown["clusters"] == full["clusters"]
    assert grown["seconds"] <= MOST_INCREMENTAL * full["seconds"]


def test_beside_splink_as_its_tutorial_configures_it(record_file, tmp_path, capsys):
    # its blocking is not bounded: smaller sizes first, and where it does not end, that is the figure
    lines = []
    for size in TUTORIAL_SIZES:
        ours = link_in_full(record_file, tmp_path, size)
        records = pd.read_parquet(record_file(size))
        theirs = run_tutorial(records, gigabytes=TUTORIAL_GIGABYTES, seconds=TUTORIAL_SECONDS)
        beside = f"{theirs.seconds:.1f} s and {theirs.megabytes:,.0f} MB"
        if theirs.ended:
            beside = f"did not end: {theirs.ended}, {theirs.seconds:.1f} s"
        else:
            beside += f", F1 {score(with_clusters(records, theirs.clusters)).f1:.4f}"
        lines.append(
            f"{size:,} records: {ours['seconds']:.1f} s and {ours['megabytes']:,.0f} MB, "
            f"F1 {score(with_clusters(records, linked_clusters(tmp_path / str(size)))).f1:.4f}; as the tutorial has it "
            f"{beside}: {theirs.seconds / ours['seconds']:.1f} times as long"
        )
    with capsys.disabled():
        print("\n" + "\n".join(lines))
