"""A small data folder with two releases and something new to publish, which tests of faults copy and ill-treat."""

import datetime as dt
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import PROJECT, make_settings, run
from tests.faults.small_partner import deliver, make_partner, row

# one reading thread, no waiting between two tries, and a release to prune at every publication
ENVIRONMENT = {"GODIGITAL_THREADS": "1", "GODIGITAL_PULL_BACKOFF": "0", "GODIGITAL_KEEP_RELEASES": "2"}


@pytest.fixture(scope="session")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of `raw` and `data`: two releases, and deliveries that the next run takes in; only to be copied."""
    root = tmp_path_factory.mktemp("faults") / "prepared"
    partner = make_partner(root / "raw")
    settings = make_settings(root / "raw", root / "data", threads=1, keep_releases=2)
    deliver(partner, "2020-09-03", "lista 2020-08.csv", [row(1, "02/08/2020"), row(2, "09/08/2020"), row(3, "-")])
    assert run(settings).published == 1
    deliver(partner, "2020-10-03", "lista 2020-09.csv", [row(1, "02/09/2020", "SM201"), row(4, "03/09/2020")])
    assert run(settings).published == 2
    # a correction, a new month, and the first file once more under another name
    deliver(partner, "2020-11-03", "lista 2020-08_final.csv", [row(1, "02/08/2020"), row(3, "10/08/2020")])
    deliver(partner, "2020-11-03", "lista 2020-10.csv", [row(5, "05/10/2020"), row(5, "05/10/2020"), row(6, "-")])
    deliver(
        partner, "2020-11-04", "lista 2020-08 - Copy.csv", [row(1, "02/08/2020"), row(2, "09/08/2020"), row(3, "-")]
    )
    # received on the day that the file's own time says, UTC: near midnight that is another day in most of the world
    path = deliver(partner, ".", "lista 2020-07.csv", [row(7, "20/07/2020")])
    os.utime(path, times=(0, dt.datetime(2020, 8, 9, 23, 30, tzinfo=dt.UTC).timestamp()))
    return root


def play_apart(module: str, *arguments: object) -> list[dict[str, Any]]:
    """Run a module of this folder in a process that does nothing else; return the lines that it prints."""
    command = [sys.executable, "-m", f"tests.faults.{module}", *map(str, arguments)]
    done = subprocess.run(
        command, check=False, capture_output=True, text=True, cwd=PROJECT, env=os.environ | ENVIRONMENT
    )
    assert done.returncode == 0, done.stderr[-4000:]
    return [json.loads(line) for line in done.stdout.splitlines()]


def require_healed(healed: dict[str, Any], stands: str = "new") -> None:
    """Require that a rerun came to the figures of an undisturbed run, and left nothing lying about."""
    assert healed["code"] == 0, healed["said"]
    assert healed["stands"] == stands
    assert healed["stale"] == []
    assert healed["unlawful"] == []
    assert healed["same"] is (stands == "new")
