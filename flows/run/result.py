"""What a run is asked for, how it reports its progress, and its result."""

from collections.abc import Callable
from dataclasses import dataclass, field

from flows.run.counts import CountryCounts
from flows.run.findings import RunFinding

# called with the stage, what it works on (usually a country), the number done and the total
OnProgress = Callable[[str, str, int, int], None]


def no_progress(stage: str, what: str, done: int, total: int) -> None:
    """Report nothing."""


@dataclass(frozen=True)
class RunRequest:
    """What a run is asked to do, as `godigital run` and `godigital reprocess` take it.

    countries: ISO codes; None means every country that has a contract.
    source: Pattern of a URL, with {country} and {partner}, that replaces the partners' own sources in this run.
    survey_source: The same for surveys, with {country} and {survey}.
    reread: Pull nothing; read the landed deliveries again under today's contracts, and publish in any case.
    """

    countries: tuple[str, ...] | None = None
    source: str | None = None
    survey_source: str | None = None
    reread: bool = False


@dataclass(frozen=True)
class Failure:
    """A partner or delivery that failed, and what to do about it; it holds no person's data."""

    partner_id: str
    delivery: str
    code: str
    message: str
    # the delivery can be read, and waits for an officer to decide whether it counts
    is_quarantined: bool = False

    def __str__(self) -> str:
        return f"{'HELD' if self.is_quarantined else 'FAILED'} {self.partner_id} [{self.code}]\n{self.message}"


@dataclass(frozen=True)
class RunResult:
    """What a run did; `published` is None if there was nothing new to publish."""

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
        """0: published, or nothing new; 2: published, but something failed or is quarantined; 1: nothing published."""
        if self.current is None:
            return 1
        return 2 if self.failures else 0
