"""One run of the pipeline, as plain functions: pull, read, load, match, identify, build, verify, publish.

The command line and the Prefect flows both call these; neither has logic of its own.
"""

import dataclasses
import datetime as dt
import logging
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from importlib.metadata import version
from typing import TYPE_CHECKING

from flows.contracts.partners import find_partners
from flows.contracts.surveys import find_surveys
from flows.intake.surveys import load_surveys, plan_surveys, read_surveys, survey_failures
from flows.run.counts import country_counts
from flows.run.findings import RunFinding, read_findings
from flows.run.journal import Journal
from flows.run.notify import message_of, message_of_error, notify
from flows.run.result import Failure, Progress, RunResult
from flows.run.stages import (
    PartnerPlan,
    broken_contract,
    compare_pulls,
    country_locks,
    known_before,
    load_plans,
    locked_countries,
    open_vault,
    plan_reading,
    pull_partners,
    pull_surveys,
    read_plans,
)
from flows.settings import Settings
from flows.sources.landed import Pulled
from warehouse.storage.data_folder import DataFolder
from warehouse.storage.locks import LockedError
from warehouse.vault import holds, runs

if TYPE_CHECKING:
    import duckdb

    from warehouse.vault.rows import DeliveryRows


def execute(
    settings: Settings,
    countries: Sequence[str] | None,
    *,
    source: str | None = None,
    survey_source: str | None = None,
    reread: bool = False,
    wait_seconds: float = 0,
    progress: Progress = Progress(),  # noqa: B008 - frozen, and does nothing
) -> RunResult:
    """Run the whole way for some countries, or all, and send a message if the settings want one.

    Args:
        settings: Where everything is.
        countries: ISO codes; all that have a folder when None.
        source: Pattern of a URL with {country} and {partner} that this one run pulls from.
        survey_source: The same for surveys, with {country} and {survey}.
        reread: Read landed deliveries again under today's contracts instead of pulling, and publish in any case.
        wait_seconds: How long to wait for another run that has one of the countries.
        progress: Told how far each stage is.

    Raises:
        UnknownCountryError: a country has no folder.
        LockedError: another run has one of the countries.
        PublishError: the release could not be verified; the one before stays.
    """
    with telling_errors(settings):
        result = _execute(settings, countries, source, survey_source, reread, wait_seconds, progress)
    return tell(settings, result)


@contextmanager
def telling_errors(settings: Settings) -> Iterator[None]:
    """Send a message about whatever stops the block, where the settings want one, and let it through."""
    try:
        yield
    except LockedError:
        # the run that is at work tells of itself
        raise
    except Exception as error:
        # what could not be sent is less than what went wrong
        notify(settings, message_of_error(error))
        raise


def tell(settings: Settings, result: RunResult) -> RunResult:
    """Send a message about a run where the settings want one; whether that failed is added to the result."""
    problem = notify(settings, message_of(result))
    return result if problem is None else dataclasses.replace(result, warnings=(*result.warnings, problem))


def _execute(
    settings: Settings,
    countries: Sequence[str] | None,
    source: str | None,
    survey_source: str | None,
    reread: bool,
    wait_seconds: float,
    progress: Progress,
) -> RunResult:
    journal = Journal("reprocess" if reread else "run", tuple(countries or ()))
    data = DataFolder(settings.data)
    found = find_partners(settings.raw, countries)
    partners = found.usable
    surveys = find_surveys(settings.raw, countries)
    with country_locks(data, locked_countries(found, surveys), journal.kind, wait_seconds):
        failures = [broken_contract(item) for item in (*found.broken, *surveys.broken)]
        pulls: list[Pulled] = []
        if not reread:
            with journal.stage("pull") as stage:
                known = known_before(settings, partners, source)
                pulls, unreachable = pull_partners(partners, source, settings, progress, known)
                answers, silent = pull_surveys(surveys, survey_source, settings, progress)
                pulls += answers
                failures += unreachable + silent
                stage.bytes = sum(row.size for pulled in pulls for row in pulled.landed)
        with journal.stage("plan"), open_vault(settings, "plan") as con:
            begin_run(con, journal)
            compared, held = compare_pulls(con, pulls, (*partners, *surveys.usable))
            failures += held
            plans = plan_reading(con, partners, compared.pulls, reread=reread)
            survey_plans = plan_surveys(con, surveys.usable, reread=reread)
            stale = any(plan.is_stale for plan in plans)
            if not stale and not reread and not any(plan.is_stale for plan in survey_plans):
                # nothing to read: bring the release up to date if an earlier run was cut short, else stop here
                return finish(con, settings, [], tuple(failures), journal, progress, notices=compared.notices)
        with journal.stage("read") as stage:
            read = read_plans(plans, settings.readers, progress)
            answered = read_surveys(survey_plans)
            failures += [Failure(*item) for item in survey_failures(answered)]
            fresh = [rows for plan in plans for rows in read[plan.provider.partner_id]]
            count_read(stage, plans, fresh)
        with open_vault(settings, "load") as con:
            with journal.stage("load") as stage:
                if stale or reread:
                    load_plans(con, plans, read, progress)
                load_surveys(con, survey_plans, answered)
                stage.rows = sum(rows.rows_in for rows in fresh)
            return finish(
                con, settings, fresh, tuple(failures), journal, progress, always=reread, notices=compared.notices
            )


def begin_run(con: "duckdb.DuckDBPyConnection", journal: Journal) -> None:
    """Put a run on record once, so that one that is cut off is seen."""
    if journal.is_on_record:
        return
    journal.is_on_record = True
    runs.begin(con, journal.run_id, journal.kind, journal.countries, journal.started_at)


def count_read(stage: runs.Stage, plans: Sequence[PartnerPlan], fresh: Sequence["DeliveryRows"]) -> None:
    """Count what was read: rows, and the bytes of the landed files."""
    stage.rows = sum(rows.rows_in for rows in fresh)
    stage.bytes = sum(row.size for plan in plans for item in plan.to_read for row in item.seen)


def finish(
    con: "duckdb.DuckDBPyConnection",
    settings: Settings,
    fresh: Sequence["DeliveryRows"],
    failures: tuple[Failure, ...],
    journal: Journal,
    progress: Progress,
    *,
    always: bool = False,
    notices: tuple[str, ...] = (),
) -> RunResult:
    """Match, identify, build, verify and publish what the vault holds; count what the run did, and put it on record."""
    begin_run(con, journal)
    try:
        result = _assembled(con, settings, fresh, failures, journal, progress, always=always, notices=notices)
    except Exception as error:
        runs.end_failed(con, journal.run_id, journal.stages, dt.datetime.now(dt.UTC))
        journal.event("run_failed", logging.ERROR, error=type(error).__name__)
        raise
    ended = runs.Ended(
        "nothing_new" if result.published is None else "published",
        result.current,
        result.read,
        len(result.failures),
        len(result.warnings),
    )
    runs.end(con, journal.run_id, journal.stages, ended, dt.datetime.now(dt.UTC))
    _log_result(journal, result, ended)
    return result


def _assembled(
    con: "duckdb.DuckDBPyConnection",
    settings: Settings,
    fresh: Sequence["DeliveryRows"],
    failures: tuple[Failure, ...],
    journal: Journal,
    progress: Progress,
    *,
    always: bool,
    notices: tuple[str, ...],
) -> RunResult:
    from warehouse.assemble import assemble
    from warehouse.release import releases

    data = DataFolder(settings.data)
    before = releases.current_number(data.root)
    with ExitStack() as running:

        def begin(name: str) -> None:
            # the next stage ends the one before
            running.close()
            if name == "build":
                # the release shows the run that builds it up to here
                runs.note_stages(con, journal.run_id, journal.stages)
            progress.tell(name, "", 0, 1)
            running.callback(progress.tell, name, "", 1, 1)
            running.enter_context(journal.stage(name))

        made = assemble(
            con,
            data,
            code_version=version("go-digital-asean"),
            keep=settings.keep_releases,
            tell=begin,
            always=always,
        )
    findings, untold = _look_at(data, fresh)
    return RunResult(
        published=made.number,
        current=made.number or before,
        counts=country_counts(con),
        failures=(*failures, *_not_counted(con, fresh, made.held)),
        read=len(fresh),
        seconds=journal.seconds,
        changes=made.changes,
        warnings=(*notices, *made.warnings, *_overtaken(con, fresh), *untold),
        findings=findings,
        run_id=journal.run_id,
    )


def _look_at(data: DataFolder, fresh: Sequence["DeliveryRows"]) -> tuple[tuple[RunFinding, ...], tuple[str, ...]]:
    """What to look at, from the current release; or why that cannot be told, which changes nothing about the run."""
    from warehouse.release import releases
    from warehouse.release.query import QueryError

    try:
        now = releases.current(data.root)
        return () if now is None else read_findings(now.path, [rows.facts.delivery_id for rows in fresh]), ()
    except (releases.PublishError, QueryError) as error:
        return (), (f"what is late or odd cannot be told: {error}",)


def _not_counted(
    con: "duckdb.DuckDBPyConnection", fresh: Sequence["DeliveryRows"], held: Sequence[str]
) -> Iterator[Failure]:
    """Deliveries of this run that could not be read, or are held back."""
    for rows in fresh:
        if rows.error_code:
            is_held = rows.error_code in holds.HOLDS
            yield Failure(rows.facts.partner_id, rows.facts.name, rows.error_code, rows.error_message or "", is_held)
    for item in holds.held(con) if held else ():
        if item.delivery_id in held:
            yield Failure(item.partner_id, item.name, item.code, item.message, is_held=True)


def _log_result(journal: Journal, result: RunResult, ended: runs.Ended) -> None:
    for failure in result.failures:
        facts = {"partner_id": failure.partner_id, "delivery": failure.delivery, "code": failure.code}
        journal.event("failure", logging.ERROR, **facts, text=failure.message)
    for warning in result.warnings:
        journal.event("warning", logging.WARNING, text=warning)
    for finding in result.findings:
        journal.event("finding", logging.WARNING, **vars(finding))
    journal.event("run_ended", exit_code=result.exit_code, **vars(ended))


def _overtaken(con: "duckdb.DuckDBPyConnection", fresh: Sequence["DeliveryRows"]) -> tuple[str, ...]:
    """A sentence for every corrected workbook of this run that came too late for some of its rows."""
    from warehouse.vault import load

    workbooks = [rows.facts.delivery_id for rows in fresh if rows.returned]
    return tuple(
        f"{partner_id}, {name}: {count} corrected row(s) came too late: a newer delivery or correction has replaced "
        "what they correct. They do not count; send rows that are still wrong back again"
        for partner_id, name, count in (load.overtaken_corrections(con, workbooks) if workbooks else ())
    )
