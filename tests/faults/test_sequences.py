"""Whatever is delivered, corrected, withdrawn, judged and cut off, in any order: a run counts what it should."""

import os
import subprocess
import sys

import pytest

from tests.conftest import PROJECT
from tests.faults.conftest import ENVIRONMENT


def require_counted(examples: int, steps: int) -> None:
    command = [sys.executable, "-m", "tests.faults.sequences", str(examples), str(steps)]
    done = subprocess.run(
        command, check=False, capture_output=True, text=True, cwd=PROJECT, env=os.environ | ENVIRONMENT
    )
    assert done.returncode == 0, done.stderr[-6000:]


def test_a_few_random_sequences_of_what_can_happen_count_what_a_plain_model_counts():
    require_counted(2, 7)


@pytest.mark.long
def test_many_random_sequences_of_what_can_happen_count_what_a_plain_model_counts():
    require_counted(40, 25)
