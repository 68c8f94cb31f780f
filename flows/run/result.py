"""What a run reports: progress, failures, and the result."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from flows.run.counts import CountryCounts
from flows.run.findings import RunFinding

if TYPE_CHECKING:
    pass
from flows.run.execute import Failure


@dataclass(frozen=True)
class Progress:
    """Where a run tells how far it is: stage, what (a country, usually), done, total."""

    tell: Callable[[str, str, int, int], None] = lambda stage, what, done, total: None


@dataclass(frozen=True)
class RunResult:
    """What a run did; `published` is None where nothing new came in."""

    published: int | None
    current: int | None
    counts: tuple[CountryCounts, ...]
    failures: tuple[Failure, ...]
    read: int
    seconds: dict[str, float]
    changes: dict[str, int] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()
    findings: tuple[RunFinding, ...] = ()
    run_id: str = ""

    @property
    def exit_code(self) -> int:
        """0: published, or nothing new; 2: published, but something failed or is held; 1: nothing published."""
        if self.current is None:
            return 1
        return 2 if self.failures else 0
