"""Whatever a run asks of disk and database can fail at any moment: readers keep a release, and a rerun heals."""

import signal
from pathlib import Path
from typing import Any

import pytest

from tests.faults.conftest import play_apart, require_healed
from tests.faults.driver import TRACEBACK

# a step that fails may not matter, may cost a partner, or end the run
SAID = {0, 1, 2}


def sweep(prepared: Path, tmp_path: Path, *sweeps: str) -> list[dict[str, Any]]:
    return play_apart("driver", prepared, tmp_path, *" ".join(sweeps).split())


def require_safe(found: dict[str, Any]) -> None:
    where = f"{found['how']} at step {found['at']} of {found['where']}, {found['step']}: {found['said'][-2000:]}"
    assert found["stands"] in ("old", "new"), where
    assert found["unlawful"] == [], where
    if found["how"] == "kill" and found["where"] == "run":
        assert found["code"] == -signal.SIGKILL, where
    else:
        assert found["code"] in SAID, where
        assert found["code"] != TRACEBACK, where
        assert "Traceback" not in found["said"], where
    if found["code"] == 1:
        # one sentence after the progress, and it says what to do
        last = found["said"].strip().splitlines()[-1]
        assert any(word in last for word in ("run again", "restore", "readers keep")), where
    if found["healed"] is not None:
        try:
            require_healed(found["healed"])
        except AssertionError as error:
            raise AssertionError(where) from error


def test_steps_of_a_run_fail_or_kill_it_and_a_rerun_gives_what_an_undisturbed_run_gives(prepared, tmp_path):
    results = sweep(prepared, tmp_path, "raise run 400/18", "kill run 400/15", "stay run 600/25")
    for found in results:
        require_safe(found)
    assert {found["how"] for found in results} == {"raise", "kill", "stay"}
    # before and after the moment at which readers change over
    assert {found["stands"] for found in results} == {"old", "new"}
    assert sum(found["healed"] is not None for found in results) > 5


@pytest.mark.long
@pytest.mark.parametrize("where", ["run", "verify"])
@pytest.mark.parametrize("how", ["raise", "kill", "stay"])
def test_every_single_step_of_a_run_fails_or_kills_it(prepared, tmp_path, how, where):
    results = sweep(prepared, tmp_path, f"{how} {where} all")
    for found in results:
        require_safe(found)
    assert len(results) > (400 if where == "run" else 20)
