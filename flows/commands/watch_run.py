"""One run of `godigital watch`, in a process of its own: what `godigital run` does, then the report of what it made.

Started with the descriptor to answer at and the order in JSON; the answer is the fields of `flows.commands.watch.Told`.
"""

import json
import os
import sys
from contextlib import nullcontext
from dataclasses import asdict
from typing import NoReturn

from flows.commands.watch import Asked, Told
from flows.settings import Settings


class _RefusedError(Exception):
    """The run cannot go on; the sentence says why."""


def _refuse(sentence: str) -> NoReturn:
    raise _RefusedError(sentence)


def run_and_report(asked: Asked) -> Told:
    """Run the pipeline as it was asked for, and make the report of a release that came of it."""
    from flows.commands.run import run_or_refuse
    from flows.run.result import Progress

    settings = Settings()
    try:
        result = run_or_refuse(
            settings,
            list(asked.countries) if asked.countries else None,
            source=asked.source,
            survey_source=asked.survey_source,
            refuse=_refuse,
            display=nullcontext(Progress()),
        )
    except _RefusedError as refused:
        return Told(1, f"nothing published: {refused}")
    failures = tuple(str(item) for item in result.failures)
    warnings = tuple(result.warnings)
    if result.current is None:
        sentence = "nothing published: no delivery could be read"
    elif result.published is None:
        sentence = f"nothing new, release {result.current} stays"
    else:
        sentence = f"release {result.published} published"
        warnings += _warn_without_report(settings, result.published)
    looked_at = (f"LOOK AT {finding}" for finding in result.findings)
    return Told(result.exit_code, sentence, failures, (*(f"WARNING {text}" for text in warnings), *looked_at))


def _warn_without_report(settings: Settings, number: int) -> tuple[str, ...]:
    """Make the report; that it cannot be made is a warning: the release stands."""
    from flows.run.journal import log
    from flows.run.report_release import report_release
    from warehouse.release.query import QueryError
    from warehouse.report.figures import ReportError

    try:
        report_release(settings, number)
    except (OSError, QueryError, ReportError) as error:
        words = f"release {number} is published, but its report was not made: {error}"
        log.warning("report_failed", extra={"release_number": number, "text": words})
        return (words,)
    return ()


def main() -> None:
    """Answer the order that this process was started with."""
    descriptor, order = int(sys.argv[1]), json.loads(sys.argv[2])
    # whoever this process starts must not keep the answer open
    os.set_inheritable(descriptor, False)
    told = run_and_report(Asked(**order))
    with os.fdopen(descriptor, "w", encoding="utf-8") as answer:
        json.dump(asdict(told), answer, ensure_ascii=False)


if __name__ == "__main__":
    main()
