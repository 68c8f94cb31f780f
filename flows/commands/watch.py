"""`godigital watch`: repeats the pipeline on a machine without a server, each run in a process of its own.

When that process ends, the system gets its memory back; and a run that crashes does not end the watch.
"""

import datetime as dt
import json
import os
import re
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from typing import Any

from flows.run.result import RunRequest
from flows.settings import PROJECT, Settings

_INTERVAL = re.compile(r"([1-9]\d*)(s|m|h|d)")
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
_SIGNALS = (signal.SIGTERM, signal.SIGINT)


@dataclass(frozen=True)
class RunSummary:
    """What one run reports: its exit code, its outcome in a sentence, a line for each failure and warning."""

    exit_code: int
    sentence: str
    failures: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()


@dataclass
class Stop:
    """The signals to end that have arrived, read from `descriptor`."""

    descriptor: int
    signals: list[int] = field(default_factory=list)

    def wait(self, seconds: float | None, other: int | None = None) -> bool:
        """Wait for a signal, for bytes at `other`, or for some seconds; True if a signal came."""
        watched = [self.descriptor] if other is None else [self.descriptor, other]
        ready, _, _ = select.select(watched, [], [], seconds)
        if self.descriptor not in ready:
            return False
        self.signals += os.read(self.descriptor, 64)
        return True


def parse_interval(text: str) -> int:
    """Return the seconds of 90s, 15m, 1h or 1d.

    Raises:
        ValueError: it is none of these; the message shows how to write one.
    """
    match = _INTERVAL.fullmatch(text.strip())
    if match is None:
        raise ValueError(f"{text!r} is no interval; write a whole number and its unit: 90s, 15m, 1h or 1d")
    return int(match[1]) * _SECONDS[match[2]]


def next_start(due: float, every: float, now: float) -> tuple[float, int]:
    """Return when the next run starts, and how many starts were skipped because the last run took longer.

    Starts are whole intervals apart: the time that a run takes does not shift them.
    """
    missed = max(0, int((now - due) // every))
    return due + every * (missed + 1), missed


def run_repeatedly(settings: Settings, request: RunRequest, every: int | None) -> int:
    """Run every `every` seconds until a signal, or once if it is None; print a line for each run; return an exit code.

    The first signal ends the watch after the run in progress. The second ends that run, too, as a power cut would: the
    published release stays, and the next run continues.
    """
    printed: tuple[str, ...] = ()
    with _stop_signals() as stop:
        due = time.monotonic()
        while True:
            started, clock = dt.datetime.now(dt.UTC), time.monotonic()
            summary = _run_once(settings, request, stop)
            seconds = time.monotonic() - clock
            upcoming, missed = next_start(due, every, time.monotonic()) if every else (due, 0)
            sys.stdout.write(_line(started, summary, seconds, missed) + "\n")
            sys.stdout.flush()
            lines = (*summary.failures, *summary.warnings)
            # a log of JSON has them already, and any other line in it would not be JSON
            if settings.log == "text":
                # lines that the run before had, too, are not printed again
                sys.stderr.write("".join(f"{line}\n" for line in lines if line not in printed))
                sys.stderr.flush()
            printed = lines
            if len(stop.signals) > 1:
                return 128 + stop.signals[-1]
            if every is None:
                return summary.exit_code
            due = upcoming
            if stop.signals or stop.wait(max(0.0, due - time.monotonic())):
                return 0


def _line(started: dt.datetime, summary: RunSummary, seconds: float, missed: int) -> str:
    # a run that was refused or crashed lists no failure, and counts as one
    count = len(summary.failures) or int(summary.exit_code == 1)
    words = f"{started:%Y-%m-%dT%H:%M:%SZ} {summary.sentence}, {count} {'failure' if count == 1 else 'failures'}"
    left_out = f" ({missed} {'start' if missed == 1 else 'starts'} left out: it took too long)" if missed else ""
    return f"{words}, {seconds:.1f} s{left_out}"


def _run_once(settings: Settings, request: RunRequest, stop: Stop) -> RunSummary:
    """Run once in a new process, with a session of its own so that a signal to this process does not end it."""
    reading, writing = os.pipe()
    try:
        with subprocess.Popen(  # noqa: S603 - our own program, no shell
            [sys.executable, "-P", "-m", "flows.commands.watch_run", str(writing), json.dumps(asdict(request))],
            env={
                **os.environ,
                "PYTHONPATH": str(PROJECT),
                "GODIGITAL_RAW": str(settings.raw),
                "GODIGITAL_DATA": str(settings.data),
            },
            stdin=subprocess.DEVNULL,
            pass_fds=(writing,),
            start_new_session=True,
        ) as process:
            os.close(writing)
            writing = -1
            answer = _listen(process, reading, stop)
    except OSError as error:
        return RunSummary(1, f"not run: no process could be started ({error.strerror or type(error).__name__})")
    finally:
        for descriptor in (reading, writing):
            if descriptor >= 0:
                os.close(descriptor)
    if len(stop.signals) > 1:
        return RunSummary(1, "ended at once; the next run goes on where this one was")
    if not answer:
        return RunSummary(1, f"failed: the run ended with exit status {process.returncode}, see above")
    return RunSummary(answer["exit_code"], answer["sentence"], tuple(answer["failures"]), tuple(answer["warnings"]))


def _listen(process: "subprocess.Popen[bytes]", reading: int, stop: Stop) -> dict[str, Any]:
    """Return what the run reports when it ends; nothing if it crashed, or a second signal ended it."""
    content = b""
    while True:
        if stop.wait(None, reading):
            if len(stop.signals) > 1:
                # the whole session: processes that the run has started end with it
                os.killpg(process.pid, signal.SIGKILL)
                return {}
            sys.stderr.write("ending after the run in progress; a second signal ends it at once\n")
            sys.stderr.flush()
            continue
        part = os.read(reading, 65536)
        if not part:
            return dict(json.loads(content)) if content else {}
        content += part


@contextmanager
def _stop_signals() -> Iterator[Stop]:
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    before = {number: signal.signal(number, lambda *_: None) for number in _SIGNALS}
    wakeup = signal.set_wakeup_fd(writing)
    try:
        yield Stop(reading)
    finally:
        signal.set_wakeup_fd(wakeup)
        for number, handler in before.items():
            signal.signal(number, handler)
        os.close(reading)
        os.close(writing)
