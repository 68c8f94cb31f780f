"""Figures, not verdicts: seconds and megabytes of a full run, a run with nothing new, and one country again.

Not part of the ordinary tests; `uv run pytest -n 0 tests/benchmarks -m benchmark_only -s` prints them.
"""

import os
import resource
import shutil
import statistics
import subprocess
import sys
import time

import pytest

from tests.conftest import PROJECT, make_settings

pytestmark = pytest.mark.benchmark_only
TRIES = 3


def seconds(settings, *words):
    start = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-m", "flows.commands.app", *words, "--raw", str(settings.raw), "--data", str(settings.data)],
        check=False,
        capture_output=True,
        text=True,
        env={**os.environ},
    )
    assert done.returncode == 0, done.stderr
    return time.monotonic() - start


def test_the_development_kit_in_full_again_and_one_country(devkit, tmp_path, capsys):
    raw = tmp_path / "raw"
    shutil.copytree(PROJECT / "raw", raw, ignore=shutil.ignore_patterns("sample", "deliveries"))
    source = ("--source", f"{devkit}/deliveries/{{country}}-{{partner}}")
    full, again, one = [], [], []
    for number in range(TRIES):
        settings = make_settings(raw, tmp_path / f"data{number}")
        full.append(seconds(settings, "run", *source))
        again.append(seconds(settings, "run", *source))
        one.append(seconds(settings, "reprocess", "BN"))
    memory = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    with capsys.disabled():
        for name, figures in (("full run", full), ("nothing new", again), ("reprocess BN", one)):
            median = statistics.median(figures)
            print(f"\n{name}: median {median:.2f} s, {min(figures):.2f} to {max(figures):.2f}", end="")
        share = statistics.median(one) / statistics.median(full)
        print(f"\nreprocess BN / full run: {share:.2f}; largest process {memory:.0f} MB")
