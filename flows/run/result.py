"""What a run reports: progress, failures, and the result."""

from collections.abc import Callable
from dataclasses import dataclass, field

from flows.run.counts import CountryCounts
from flows.run.findings import RunFinding


@dataclass(frozen=True)
class Progress:
    """Where a run tells how far it is: stage, what (a country, usually), done, total."""

    tell: Callable[[str, str, int, int], None] = lambda stage, what, done, total: None


@dataclass(frozen=True)
class Failure:
    """A partner or delivery that failed, and what to do about it; nothing in it is about a person."""

    partner_id: str
    delivery: str
    code: str
    message: str
    # not broken, but waiting for a decision
    is_held: bool = False

    def __str__(self) -> str:
        return f"{'HELD' if self.is_held else 'FAILED'} {self.partner_id} [{self.code}]\n{self.message}"


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
