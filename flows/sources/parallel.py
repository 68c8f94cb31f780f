"""Pulls many sources at once with a fixed number of workers; no source takes longer than its time limit.

A driver can hang so that nothing interrupts it: then its worker is abandoned and a new worker starts.
"""

import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Generic, TypeVar

from flows.settings import Settings
from flows.sources.landed import Listed, Pulled
from flows.sources.pull import PullError, list_source, pull_source
from schemas.partner import Provider
from warehouse.vault.landed import FileState

# extra time in which a source can report its own failure
_GRACE_SECONDS = 2.0
_LOOK_SECONDS = 0.5

_Found = TypeVar("_Found")
Outcome = Pulled | BaseException
KnownFiles = Mapping[tuple[str, str], Sequence[FileState]]


def pull_in_parallel(
    providers: Sequence[Provider],
    source: str | None,
    settings: Settings,
    known: KnownFiles,
    on_progress: Callable[[Counter[str]], None] = lambda done: None,
) -> list[Outcome]:
    """Return, in the order of the providers, what was pulled or why it was not.

    Args:
        providers: Whose sources.
        source: Pattern of `--source`.
        settings: Limits, tries, and how many are pulled at once.
        known: (partner_id, source) -> the state of its files at the last pull that was loaded.
        on_progress: Called with the number of providers that are done, by country, each time it changes.
    """
    return _Round(
        providers, settings, lambda provider: pull_source(provider, source, settings=settings, known=known)
    ).outcomes(on_progress)


def list_in_parallel(providers: Sequence[Provider], settings: Settings) -> list[Listed | BaseException]:
    """Return, in the order of the providers, what their sources hold or why they cannot be read; land nothing."""
    return _Round(providers, settings, lambda provider: list_source(provider, settings=settings)).outcomes()


class _Round(Generic[_Found]):
    """One pull of several sources; workers change shared state only while they hold `_changed`."""

    def __init__(self, providers: Sequence[Provider], settings: Settings, visit: Callable[[Provider], _Found]):
        self._providers = providers
        self._settings = settings
        self._visit = visit
        self._waiting = list(reversed(range(len(providers))))
        self._begun: dict[int, float] = {}
        self._done: dict[int, _Found | BaseException] = {}
        self._changed = threading.Condition()

    def outcomes(self, on_progress: Callable[[Counter[str]], None] = lambda done: None) -> list[_Found | BaseException]:
        """Return the outcome of every provider, in order."""
        for _ in range(min(self._settings.pull_workers, len(self._providers))):
            self._start_worker()
        reported = 0
        with self._changed:
            while True:
                self._give_up_overdue()
                if len(self._done) != reported:
                    reported = len(self._done)
                    on_progress(Counter(self._providers[at].country_code for at in self._done))
                if reported == len(self._providers):
                    return [self._done[at] for at in range(reported)]
                self._changed.wait(timeout=_LOOK_SECONDS)

    def _start_worker(self) -> None:
        # a thread that hangs in a driver must not keep the program from ending
        threading.Thread(target=self._work, daemon=True, name="pull").start()

    def _work(self) -> None:
        while True:
            with self._changed:
                if not self._waiting:
                    return
                at = self._waiting.pop()
                self._begun[at] = time.monotonic()
            outcome = self._outcome(at)
            with self._changed:
                if at in self._done:
                    # this provider was given up meanwhile, and another worker has replaced this one
                    return
                self._done[at] = outcome
                self._changed.notify_all()

    def _outcome(self, at: int) -> _Found | BaseException:
        try:
            return self._visit(self._providers[at])
        except BaseException as error:
            # the caller raises it
            return error

    def _give_up_overdue(self) -> None:
        now = time.monotonic()
        for at, since in self._begun.items():
            limit = self._providers[at].contract.access.time_limit or self._settings.pull_time_limit
            if at not in self._done and now > since + limit + _GRACE_SECONDS:
                self._done[at] = PullError(
                    f"{self._providers[at].partner_id}: its source did not answer within {limit} seconds; the next run "
                    "tries again, or raise access.time_limit"
                )
                self._start_worker()
