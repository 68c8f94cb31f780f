"""One run of `godigital watch`, in a process of its own: the same as `godigital run`, and then the HTML report.

Its arguments are the file descriptor to write the answer to, and the fields of a `RunRequest` in JSON; the answer is
the fields of a `RunSummary` in JSON.
"""

import json
import os
import sys
from contextlib import nullcontext
from dataclasses import asdict
from typing import NoReturn

from flows.commands.watch import RunSummary
from flows.run.result import RunRequest, no_progress
from flows.settings import Settings


class _RefusedError(Exception):
    """The run cannot start or continue; the message says why."""


def _refuse(sentence: str) -> NoReturn:
    raise _RefusedError(sentence)


def run_and_report(request: RunRequest) -> RunSummary:
    """Run the pipeline, and make the HTML report if it publishes a release."""
    from flows.commands.run import run_or_refuse

    settings = Settings()
    try:
        result = run_or_refuse(settings, request, refuse=_refuse, display=nullcontext(no_progress))
    except _RefusedError as refused:
        return RunSummary(1, f"nothing published: {refused}")
    failures = tuple(str(item) for item in result.failures)
    warnings = tuple(result.warnings)
    if result.current is None:
        sentence = "nothing published: no delivery could be read"
    elif result.published is None:
        sentence = f"nothing new, release {result.current} stays"
    else:
        sentence = f"release {result.published} published"
        warnings += _warn_without_report(settings, result.published)
    findings = (f"LOOK AT {finding}" for finding in result.findings)
    return RunSummary(result.exit_code, sentence, failures, (*(f"WARNING {text}" for text in warnings), *findings))


def _warn_without_report(settings: Settings, number: int) -> tuple[str, ...]:
    """Make the report; returns a warning if that fails: the release stands."""
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
    """Run the request that this process was started with, and write the answer."""
    descriptor, fields = int(sys.argv[1]), json.loads(sys.argv[2])
    # processes that this one starts must not keep the answer open
    os.set_inheritable(descriptor, False)
    summary = run_and_report(RunRequest(**fields))
    with os.fdopen(descriptor, "w", encoding="utf-8") as answer:
        json.dump(asdict(summary), answer, ensure_ascii=False)


if __name__ == "__main__":
    main()
