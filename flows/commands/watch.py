"""`godigital watch`: the pipeline again and again on a machine without a server, each run in a process of its own.

A process of its own, so that memory goes back after every run, and a run that breaks takes nothing with it.
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

from flows.settings import PROJECT, Settings

_INTERVAL = re.compile(r"([1-9]\d*)(s|m|h|d)")
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
_SIGNALS = (signal.SIGTERM, signal.SIGINT)


@dataclass(frozen=True)
class Asked:
    """What every run is asked for, as `godigital run` takes it."""

    countries: tuple[str, ...] | None = None
    source: str | None = None
    survey_source: str | None = None


@dataclass(frozen=True)
class Told:
    """What one run tells: its exit code, what came of it in a sentence, each failure and warning in words."""

    exit_code: int
    sentence: str
    failures: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()


@dataclass
class Stop:
    """Signals that asked to end, as they arrive at `descriptor`."""

    descriptor: int
    signals: list[int] = field(default_factory=list)

    def wait(self, seconds: float | None, other: int | None = None) -> bool:
        """Wait for a signal, for something to read at `other`, or for some seconds; True if a signal came."""
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
    """Return when the next run starts, and how many starts were left out because the last one took so long.

    Starts lie whole intervals apart, so that they do not drift by the time a run takes.
    """
    missed = max(0, int((now - due) // every))
    return due + every * (missed + 1), missed


def watch(settings: Settings, asked: Asked, every: int | None) -> int:
    """Run once, or every so many seconds until a signal; prints a line for each run, and returns an exit code.

    The first signal ends it after the run in progress; the second ends that run, too, as a power cut would: what
    was published stays, and the next run goes on.
    """
    known: tuple[str, ...] = ()
    with _stop_signals() as stop:
        due = time.monotonic()
        while True:
            started, clock = dt.datetime.now(dt.UTC), time.monotonic()
            told = _run_once(settings, asked, stop)
            seconds = time.monotonic() - clock
            upcoming, missed = next_start(due, every, time.monotonic()) if every else (due, 0)
            sys.stdout.write(_line(started, told, seconds, missed) + "\n")
            sys.stdout.flush()
            said = (*told.failures, *told.warnings)
            # a log of JSON has it already, and words among its lines would break whoever reads it
            if settings.log == "text":
                # what has not changed since the last run has been said
                sys.stderr.write("".join(f"{words}\n" for words in said if words not in known))
                sys.stderr.flush()
            known = said
            if len(stop.signals) > 1:
                return 128 + stop.signals[-1]
            if every is None:
                return told.exit_code
            due = upcoming
            if stop.signals or stop.wait(max(0.0, due - time.monotonic())):
                return 0


def _line(started: dt.datetime, told: Told, seconds: float, missed: int) -> str:
    # a run that was refused or died has named no failure, and is one
    count = len(told.failures) or int(told.exit_code == 1)
    words = f"{started:%Y-%m-%dT%H:%M:%SZ} {told.sentence}, {count} {'failure' if count == 1 else 'failures'}"
    left_out = f" ({missed} {'start' if missed == 1 else 'starts'} left out: it took too long)" if missed else ""
    return f"{words}, {seconds:.1f} s{left_out}"


def _run_once(settings: Settings, asked: Asked, stop: Stop) -> Told:
    """One run in a new process; its session is its own, so that a signal meant for this process does not end it."""
    reading, writing = os.pipe()
    try:
        with subprocess.Popen(  # noqa: S603 - our own program, no shell
            [sys.executable, "-P", "-m", "flows.commands.watch_run", str(writing), json.dumps(asdict(asked))],
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
        return Told(1, f"not run: no process could be started ({error.strerror or type(error).__name__})")
    finally:
        for descriptor in (reading, writing):
            if descriptor >= 0:
                os.close(descriptor)
    if len(stop.signals) > 1:
        return Told(1, "ended at once; the next run goes on where this one was")
    if not answer:
        return Told(1, f"failed: the run ended with exit status {process.returncode}, see above")
    return Told(answer["exit_code"], answer["sentence"], tuple(answer["failures"]), tuple(answer["warnings"]))


def _listen(process: "subprocess.Popen[bytes]", reading: int, stop: Stop) -> dict[str, Any]:
    """What the run says when it ends; nothing where it died, or was ended by a second signal."""
    content = b""
    while True:
        if stop.wait(None, reading):
            if len(stop.signals) > 1:
                # the whole session: whoever reads or verifies for the run ends with it
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
