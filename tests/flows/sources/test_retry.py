"""What is tried again, how long is waited, and when it ends."""

import time

import pytest

from flows.sources.errors import PullError, SourceChangedError
from flows.sources.retry import Retry


class Action:
    """Fails as it is told, then succeeds."""

    def __init__(self, *faults: PullError):
        self.faults = list(faults)
        self.calls = 0

    def __call__(self) -> str:
        """Fail or succeed."""
        self.calls += 1
        if self.faults:
            raise self.faults.pop(0)
        return "done"


def retry(waits: list[float], *, tries: int = 3, backoff: float = 1.0, seconds: float = 1000.0) -> Retry:
    return Retry(tries, backoff, time.monotonic() + seconds, sleep=waits.append)


def test_waits_are_doubled_and_jittered():
    several = []
    for _ in range(20):
        waits: list[float] = []
        assert retry(waits).call(Action(*(PullError("busy", transient=True) for _ in range(3)))) == "done"
        several.append(waits)
    for at, middle in enumerate((1.0, 2.0, 4.0)):
        found = [waits[at] for waits in several]
        assert all(0.5 * middle <= wait <= 1.5 * middle for wait in found)
        assert len(set(found)) > 1


def test_the_source_is_waited_for_at_least_as_long_as_it_asks():
    waits: list[float] = []
    retry(waits).call(Action(PullError("busy", transient=True, retry_after=30)))
    assert waits == [30]


def test_a_fault_that_does_not_pass_is_raised_as_it_is():
    action = Action(PullError("wrong password"))
    with pytest.raises(PullError, match="^wrong password$"):
        retry([]).call(action)
    assert action.calls == 1


def test_the_last_fault_is_raised_and_no_longer_transient():
    action = Action(*(PullError("busy", transient=True) for _ in range(9)))
    with pytest.raises(PullError, match="busy .tried 4 times; the next run tries again.") as caught:
        retry([]).call(action)
    assert (action.calls, caught.value.transient) == (4, False)


def test_no_wait_goes_beyond_the_time_limit():
    waits: list[float] = []
    with pytest.raises(PullError, match="the time limit is reached"):
        retry(waits, backoff=100.0, seconds=5.0).call(Action(PullError("busy", transient=True)))
    assert waits == []


def test_a_source_that_changed_is_looked_at_anew_and_not_fetched_again():
    fetch = Action(SourceChangedError("changed"))
    with pytest.raises(SourceChangedError):
        retry([]).call(fetch)
    assert fetch.calls == 1
    assert retry([]).call(Action(SourceChangedError("changed")), looks_anew=True) == "done"
