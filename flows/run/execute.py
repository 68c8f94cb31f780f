"""One run of the pipeline: pull, read, load, match, identify, build, verify, publish.

The command line and the Prefect flows both call `execute`; they differ only in the engine that pulls and reads.
"""

import dataclasses
import datetime as dt
import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from importlib.metadata import version
from typing import TYPE_CHECKING

from flows.contracts.partners import Partners, find_partners
from flows.contracts.surveys import Surveys, find_surveys
from flows.intake.surveys import SurveyPlan, load_surveys, plan_surveys, read_surveys, survey_failures
from flows.run.counts import country_counts
from flows.run.findings import RunFinding, read_findings
from flows.run.journal import Journal
from flows.run.notify import message_of, message_of_error, send_notification
from flows.run.result import Failure, OnProgress, RunRequest, RunResult, no_progress
from flows.run.stages import (
    PartnerPlan,
    Pull,
    broken_contract,
    compare_pulls,
    country_locks,
    load_plans,
    locked_countries,
    open_vault,
    plan_reading,
    pull_in_threads,
    pull_providers,
    read_in_processes,
    read_known_files,
    unclaimed_survey_files,
)
from flows.settings import Settings
from flows.sources.landed import Pulled
from warehouse.storage.data_folder import DataFolder
from warehouse.storage.locks import LockedError
from warehouse.vault import holds, runs

if TYPE_CHECKING:
    import duckdb

    from warehouse.survey.load import SurveyRows
    from warehouse.vault.rows import DeliveryRows


@dataclass(frozen=True)
class Engine:
    """How a run pulls and reads; without other values in threads and processes of this machine.

    pull: Returns an outcome for each provider, in their order.
    read: Takes the plans, the number of readers and `on_progress`; returns partner_id -> rows in plan order, for every
        partner that has deliveries to read.
    read_surveys: Returns survey_id -> rows in plan order.
    """

    pull: Pull = pull_in_threads
    read: "Callable[[Sequence[PartnerPlan], int, OnProgress], dict[str, list[DeliveryRows]]]" = read_in_processes
    read_surveys: "Callable[[Sequence[SurveyPlan]], dict[str, list[SurveyRows]]]" = read_surveys


LOCAL = Engine()


def execute(
    settings: Settings,
    request: RunRequest = RunRequest(),  # noqa: B008 - frozen
    *,
    engine: Engine = LOCAL,
    on_progress: OnProgress = no_progress,
    wait_seconds: float = 0,
    on_wait: Callable[[LockedError], None] = lambda error: None,
) -> RunResult:
    """Run the whole pipeline, and send a message about it if the settings name an address.

    Args:
        settings: Where everything is.
        request: What to run.
        engine: How to pull and read.
        on_progress: Called when a stage, or a part of it, is done.
        wait_seconds: How long to wait for another run of the same countries.
        on_wait: Called with who holds the lock of a country before the wait for it begins.

    Raises:
        UnknownCountryError: a country has no folder.
        LockedError: another run has one of the countries.
        PublishError: the new release could not be verified; the release before stays.
    """
    try:
        result = _execute(settings, request, engine, on_progress, wait_seconds, on_wait)
    except LockedError:
        # the run that holds the lock sends its own message
        raise
    except Exception as error:
        # the error of the run matters more than a message that cannot be sent
        send_notification(settings, message_of_error(error))
        raise
    problem = send_notification(settings, message_of(result))
    return result if problem is None else dataclasses.replace(result, warnings=(*result.warnings, problem))


def _execute(
    settings: Settings,
    request: RunRequest,
    engine: Engine,
    on_progress: OnProgress,
    wait_seconds: float,
    on_wait: Callable[[LockedError], None],
) -> RunResult:
    """Run the stages in their order.

    The vault is opened at most three times: before the pull (only for remote sources), for the plan, and from loading
    to publication. One process has the vault alone, and pulling and reading take minutes: in between, it is closed so
    that runs of other countries and judgements can write into it. The locks of the countries are held throughout.
    """
    journal = Journal("reprocess" if request.reread else "run", request.countries or ())
    partners, surveys = find_partners(settings.raw, request.countries), find_surveys(settings.raw, request.countries)
    failures = [broken_contract(item) for item in (*partners.broken, *surveys.broken)]
    countries = locked_countries(partners, surveys)
    with country_locks(DataFolder(settings.data), countries, journal.kind, wait_seconds, on_wait):
        pulls: list[Pulled] = []
        if not request.reread:
            with journal.stage("pull") as stage:
                pulls, unreachable = _pull(settings, request, partners, surveys, engine, on_progress)
                failures += unreachable
                stage.bytes = sum(row.size for pulled in pulls for row in pulled.landed)
        with journal.stage("plan"), open_vault(settings, "plan") as con:
            begin_run(con, journal)
            compared, shrunken = compare_pulls(con, pulls, (*partners.usable, *surveys.usable))
            failures += shrunken
            plans = plan_reading(con, partners.usable, compared.pulls, reread=request.reread)
            survey_plans = plan_surveys(con, surveys.usable, reread=request.reread)
            is_stale = any(plan.is_stale for plan in plans)
            if not (request.reread or is_stale or any(plan.is_stale for plan in survey_plans)):
                # nothing to read: a release is published only if an earlier run was cut off before it published
                return finish(con, settings, [], failures, journal, on_progress, notices=compared.notices)
        with journal.stage("read") as stage:
            read = engine.read(plans, settings.readers, on_progress)
            answers = engine.read_surveys(survey_plans) if any(plan.to_read for plan in survey_plans) else {}
            failures += [Failure(*item) for item in survey_failures(answers)]
            fresh = [rows for plan in plans if plan.to_read for rows in read[plan.provider.partner_id]]
            stage.rows = sum(rows.rows_in for rows in fresh)
            stage.bytes = sum(row.size for plan in plans for item in plan.to_read for row in item.seen)
        with open_vault(settings, "load") as con:
            with journal.stage("load") as stage:
                if request.reread or is_stale:
                    load_plans(con, plans, read, on_progress)
                load_surveys(con, survey_plans, answers)
                stage.rows = sum(rows.rows_in for rows in fresh)
            return finish(
                con, settings, fresh, failures, journal, on_progress, always=request.reread, notices=compared.notices
            )


def _pull(
    settings: Settings,
    request: RunRequest,
    partners: Partners,
    surveys: Surveys,
    engine: Engine,
    on_progress: OnProgress,
) -> tuple[list[Pulled], list[Failure]]:
    """Land what partners and surveys hold; returns what was pulled, and the sources that could not be read."""
    sources = ((partners.usable, request.source), (surveys.usable, request.survey_source))
    known = read_known_files(settings, sources)
    (pulls, unreachable), (survey_pulls, survey_unreachable) = (
        pull_providers(providers, source, settings, known, on_progress=on_progress, pull=engine.pull)
        for providers, source in sources
    )
    if surveys.usable and not survey_unreachable:
        survey_unreachable = unclaimed_survey_files(settings, request.survey_source)
    return [*pulls, *survey_pulls], [*unreachable, *survey_unreachable]


def begin_run(con: "duckdb.DuckDBPyConnection", journal: Journal) -> None:
    """Write once into the vault that a run has begun, so that a run that is cut off can be seen there."""
    if journal.is_on_record:
        return
    journal.is_on_record = True
    runs.begin(con, journal.run_id, journal.kind, journal.countries, journal.started_at)


def finish(
    con: "duckdb.DuckDBPyConnection",
    settings: Settings,
    fresh: Sequence["DeliveryRows"],
    failures: Sequence[Failure],
    journal: Journal,
    on_progress: OnProgress,
    *,
    always: bool = False,
    notices: tuple[str, ...] = (),
) -> RunResult:
    """Match, identify, build, verify and publish what the vault holds; write into the vault what the run did.

    Args:
        con: The open vault.
        settings: Where everything is.
        fresh: Deliveries that this run read.
        failures: Failures so far.
        journal: The run's journal.
        on_progress: Called when a stage begins and ends.
        always: Publish even if nothing is new.
        notices: Warnings of the pull.

    Raises:
        PublishError: the new release could not be verified; the release before stays.
        BuildError: a table could not be built.
    """
    begin_run(con, journal)
    try:
        result = _assemble(con, settings, fresh, failures, journal, on_progress, always=always, notices=notices)
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


def _assemble(
    con: "duckdb.DuckDBPyConnection",
    settings: Settings,
    fresh: Sequence["DeliveryRows"],
    failures: Sequence[Failure],
    journal: Journal,
    on_progress: OnProgress,
    *,
    always: bool,
    notices: tuple[str, ...],
) -> RunResult:
    from warehouse.assemble import assemble
    from warehouse.release import releases

    data = DataFolder(settings.data)
    before = releases.current_number(data.root)
    with ExitStack() as running:

        def begin_stage(name: str) -> None:
            # a stage ends when the next one begins
            running.close()
            if name == "build":
                # the release shows the stages so far of the run that builds it
                runs.note_stages(con, journal.run_id, journal.stages)
            on_progress(name, "", 0, 1)
            running.callback(on_progress, name, "", 1, 1)
            running.enter_context(journal.stage(name))

        made = assemble(
            con,
            data,
            code_version=version("go-digital-asean"),
            keep=settings.keep_releases,
            tell=begin_stage,
            always=always,
        )
    findings, unread = _read_findings(data, fresh)
    return RunResult(
        published=made.number,
        current=made.number or before,
        counts=country_counts(con),
        failures=(*failures, *_delivery_failures(con, fresh, made.held)),
        read=len(fresh),
        seconds=journal.seconds,
        changes=made.changes,
        warnings=(*notices, *made.warnings, *_late_corrections(con, fresh), *unread),
        findings=findings,
        run_id=journal.run_id,
    )


def _read_findings(data: DataFolder, fresh: Sequence["DeliveryRows"]) -> tuple[tuple[RunFinding, ...], tuple[str, ...]]:
    """Return the findings of the current release; if it cannot be read, a warning: the run succeeded all the same."""
    from warehouse.release import releases
    from warehouse.release.query import QueryError

    try:
        now = releases.current(data.root)
        return () if now is None else read_findings(now.path, [rows.facts.delivery_id for rows in fresh]), ()
    except (releases.PublishError, QueryError) as error:
        return (), (f"late and unusual deliveries cannot be listed: {error}",)


def _delivery_failures(
    con: "duckdb.DuckDBPyConnection", fresh: Sequence["DeliveryRows"], quarantined: Sequence[str]
) -> Iterator[Failure]:
    """Yield the deliveries of this run that could not be read or are quarantined."""
    for rows in fresh:
        if rows.error_code:
            facts, code = rows.facts, rows.error_code
            yield Failure(facts.partner_id, facts.name, code, rows.error_message or "", code in holds.HOLDS)
    for item in holds.held(con) if quarantined else ():
        if item.delivery_id in quarantined:
            yield Failure(item.partner_id, item.name, item.code, item.message, is_quarantined=True)


def _log_result(journal: Journal, result: RunResult, ended: runs.Ended) -> None:
    for failure in result.failures:
        facts = {"partner_id": failure.partner_id, "delivery": failure.delivery, "code": failure.code}
        journal.event("failure", logging.ERROR, **facts, text=failure.message)
    for warning in result.warnings:
        journal.event("warning", logging.WARNING, text=warning)
    for finding in result.findings:
        journal.event("finding", logging.WARNING, **vars(finding))
    journal.event("run_ended", exit_code=result.exit_code, **vars(ended))


def _late_corrections(con: "duckdb.DuckDBPyConnection", fresh: Sequence["DeliveryRows"]) -> tuple[str, ...]:
    """Return a warning for every corrected workbook of this run that came too late for some of its rows."""
    from warehouse.vault import load

    workbooks = [rows.facts.delivery_id for rows in fresh if rows.returned]
    return tuple(
        f"{partner_id}, {name}: {count} corrected row(s) came too late: a newer delivery or correction has replaced "
        "what they correct. They do not count; send rows that are still wrong back again"
        for partner_id, name, count in (load.overtaken_corrections(con, workbooks) if workbooks else ())
    )
