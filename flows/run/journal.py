"""Measures the stages of a run (seconds, rows, bytes), and writes a line of the log for each event.

There is no log unless the settings ask for JSON: people read the tables and progress bars of the command instead.
"""

import datetime as dt
import logging
import secrets
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from warehouse.vault.runs import Kind, Stage

log = logging.getLogger("godigital")
# no log output unless it is enabled
log.addHandler(logging.NullHandler())


@dataclass
class Journal:
    """One run: its name, its kind, and its stages in the order in which they began.

    kind: What the run does.
    countries: ISO codes that the run was asked for; empty means all.
    started_at: UTC.
    """

    kind: Kind = "run"
    countries: Sequence[str] = ()
    started_at: dt.datetime = field(default_factory=lambda: dt.datetime.now(dt.UTC))
    run_id: str = ""
    is_on_record: bool = False
    _stages: dict[str, Stage] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Give the run an id that sorts by time, and log that it has begun."""
        self.run_id = self.run_id or f"{self.started_at:%Y%m%dT%H%M%SZ}-{secrets.token_hex(2)}"
        self.event("run_begun", countries=list(self.countries))

    @property
    def stages(self) -> tuple[Stage, ...]:
        """The stages so far."""
        return tuple(self._stages.values())

    @property
    def seconds(self) -> dict[str, float]:
        """Wall time by stage."""
        return {stage.name: stage.seconds for stage in self.stages}

    @contextmanager
    def stage(self, name: str) -> Iterator[Stage]:
        """Add the block's wall time to a stage, and log it; the block itself counts rows and bytes."""
        stage = self._stages.setdefault(name, Stage(name))
        start = time.monotonic()
        try:
            yield stage
        finally:
            stage.seconds += time.monotonic() - start
            self.event("stage", stage=name, seconds=round(stage.seconds, 3), rows=stage.rows, bytes=stage.bytes)

    def event(self, event: str, level: int = logging.INFO, **facts: object) -> None:
        """Write a line of the log; facts are counts, codes and sentences that name no person."""
        log.log(level, event, extra={"run_id": self.run_id, "run_kind": self.kind, **facts})


def log_as_json() -> None:
    """Write the log to standard error, one JSON object a line: time (UTC, ISO 8601), level, event, facts."""
    from pythonjsonlogger.json import JsonFormatter

    formatter = JsonFormatter(
        "%(message)s %(levelname)s",
        rename_fields={"message": "event", "levelname": "level"},
        timestamp="time",
        json_ensure_ascii=False,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(formatter)
    log.handlers[:] = [handler]
    log.setLevel(logging.INFO)
    # handlers of the root logger write for people
    log.propagate = False
