"""Retries after temporary errors, with growing, jittered waits, until the time limit.

A wrong password or a missing file is not retried.
"""

import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from flows.sources.errors import PullError, SourceChangedError

_Result = TypeVar("_Result")
_LONGEST_WAIT = 60.0


@dataclass(frozen=True)
class Retry:
    """How often, and until when, a source is retried.

    `deadline` is a `time.monotonic()`; no wait goes beyond it. `backoff` is the first wait in seconds; each further
    one is doubled, and between half and one and a half of that, so that many clients do not come back at once.
    """

    further_tries: int
    backoff: float
    deadline: float
    sleep: Callable[[float], None] = time.sleep

    @property
    def is_over(self) -> bool:
        """Whether the time limit is reached."""
        return time.monotonic() > self.deadline

    def call(self, action: Callable[[], _Result], *, looks_anew: bool = False) -> _Result:
        """Return what `action` gives, tried again while its error says that this can help.

        Args:
            action: What may fail; it can be repeated.
            looks_anew: Whether `action` lists the source again, so that it can handle a changed source.

        Raises:
            PullError: the last error of `action`, no longer transient.
        """
        tried = 0
        while True:
            try:
                return action()
            except PullError as error:
                tried += 1
                wait = self._wait(tried, error.retry_after)
                if not error.transient or (isinstance(error, SourceChangedError) and not looks_anew):
                    raise
                if tried > self.further_tries:
                    raise _given_up(error, f"tried {tried} times") from None
                if time.monotonic() + wait >= self.deadline:
                    why = (
                        f"the source asks to wait {wait:.0f} s, which is beyond the time limit"
                        if error.retry_after
                        else "the time limit is reached"
                    )
                    raise _given_up(error, why) from None
                self.sleep(wait)

    def _wait(self, tried: int, asked: float | None) -> float:
        # random numbers without a seed: they spread clients over time and decide nothing that is published
        jittered = min(_LONGEST_WAIT, self.backoff * 2.0 ** (tried - 1)) * random.uniform(0.5, 1.5)  # noqa: S311
        return max(jittered, asked or 0.0)


def _given_up(error: PullError, why: str) -> PullError:
    return PullError(f"{error} ({why}; the next run tries again)")
