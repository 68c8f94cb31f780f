"""The Prefect flows: countries as mapped tasks that pull and read side by side, then one loader.

The only module that imports Prefect. It has no logic of its own; logs and artifacts hold counts, never people.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from enum import StrEnum
from threading import BoundedSemaphore
from typing import TYPE_CHECKING, Any

from prefect import flow, get_run_logger, task, unmapped
from prefect.artifacts import create_table_artifact
from prefect.cache_policies import NO_CACHE
from prefect.futures import PrefectFutureList
from prefect.task_runners import ThreadPoolTaskRunner

from flows.contracts.partners import country_codes, find_partners
from flows.contracts.surveys import find_surveys
from flows.doctor.examine import Asked, examine
from flows.intake.surveys import SurveyPlan, load_surveys, plan_surveys, read_surveys, survey_failures
from flows.run.execute import begin_run, count_read, execute, finish, tell, telling_errors
from flows.run.journal import Journal
from flows.run.report_release import report_release
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
    pull_surveys,
    read_plans,
    sort_outcomes,
)
from flows.settings import Settings
from flows.sources.landed import Pulled
from flows.sources.parallel import pull_in_parallel
from flows.sources.protocol import FileState
from schemas.partner import Partner
from warehouse.doctor.observed import State, counts_by_area, require_well
from warehouse.storage.data_folder import DataFolder
from warehouse.storage.locks import LockedError
from warehouse.survey.load import SurveyRows
from warehouse.vault.open import WAIT_SECONDS
from warehouse.vault.rows import DeliveryRows

_SETTINGS = Settings()
# as many sources as are pulled at once, but not as many countries read
_READING = BoundedSemaphore(_SETTINGS.readers)
# nobody sits beside a scheduled run: it waits for one that somebody else has started
_WAIT_SECONDS = 1800.0

_COUNTRIES = country_codes(_SETTINGS.raw)
if TYPE_CHECKING:
    CountryCode = str
else:
    # a choice, which Prefect's page shows as a list to pick from; the next `prefect deploy` puts a new country on it.
    # Not a Literal: of one country it is a constant, and no choice
    CountryCode = StrEnum("CountryCode", {code: code for code in _COUNTRIES}) if _COUNTRIES else str


@task(task_run_name="pull-{partner.partner_id}", cache_policy=NO_CACHE, persist_result=False)
def pull_source(
    partner: Partner, source: str | None, settings: Settings, known: Mapping[tuple[str, str], Sequence[FileState]]
) -> Pulled:
    """Land what one partner's source holds; faults that pass by themselves have been tried again within it."""
    (outcome,) = pull_in_parallel([partner], source, settings, known)
    if isinstance(outcome, BaseException):
        raise outcome
    return outcome


@task(task_run_name="read-{plans[0].provider.country_code}", cache_policy=NO_CACHE, persist_result=False)
def read_country(plans: Sequence[PartnerPlan], readers: int) -> dict[str, list[DeliveryRows]]:
    """Read, normalise and validate one country's planned deliveries."""
    with _READING:
        return read_plans(plans, readers, Progress())


@task(cache_policy=NO_CACHE, persist_result=False)
def read_answers(plans: Sequence[SurveyPlan]) -> dict[str, list[SurveyRows]]:
    """Read the planned deliveries of the follow-up survey."""
    return read_surveys(plans)


@task(cache_policy=NO_CACHE, persist_result=False)
def load_and_publish(
    settings: Settings,
    plans: Sequence[PartnerPlan],
    read: dict[str, list[DeliveryRows]],
    survey_plans: Sequence[SurveyPlan],
    answered: dict[str, list[SurveyRows]],
    failures: tuple[Failure, ...],
    notices: tuple[str, ...],
    journal: Journal,
) -> RunResult:
    """Write everything into the vault, then match, identify, build, verify and publish: one loader, alone."""
    fresh = [rows for plan in plans for rows in read.get(plan.provider.partner_id, [])]
    with open_vault(settings, "load") as con:
        with journal.stage("load") as stage:
            if fresh or any(plan.gone for plan in plans):
                load_plans(con, plans, read, Progress())
            load_surveys(con, survey_plans, answered)
            stage.rows = sum(rows.rows_in for rows in fresh)
        return finish(con, settings, fresh, failures, journal, Progress(), notices=notices)


@flow(
    name="run-pipeline",
    persist_result=False,
    validate_parameters=True,
    task_runner=ThreadPoolTaskRunner(max_workers=max(_SETTINGS.readers, _SETTINGS.pull_workers)),  # type: ignore[arg-type]
)
def run_pipeline(
    countries: list[str] | None = None, source: str | None = None, survey_source: str | None = None
) -> RunResult:
    """Pull, validate, deduplicate and publish; all countries without `countries`.

    Args:
        countries: ISO codes, e.g. ["VN", "TH"].
        source: Pattern of a URL with {country} and {partner} that this one run pulls from.
        survey_source: The same for surveys, with {country} and {survey}.
    """
    settings = Settings()
    with telling_errors(settings):
        result = tell(settings, _run(settings, countries, source, survey_source))
    _report(result)
    _render(settings, result)
    return result


def _run(settings: Settings, countries: list[str] | None, source: str | None, survey_source: str | None) -> RunResult:
    journal = Journal("run", tuple(countries or ()))
    found, surveys = find_partners(settings.raw, countries), find_surveys(settings.raw, countries)
    failures = [broken_contract(item) for item in (*found.broken, *surveys.broken)]
    with _patient_locks(settings, locked_countries(found, surveys)):
        with journal.stage("pull") as stage:
            known = known_before(settings, found.usable, source)
            futures = pull_source.map(found.usable, unmapped(source), unmapped(settings), unmapped(known))
            pulls, unreachable = _pulls(futures, found.usable)
            answers, silent = pull_surveys(surveys, survey_source, settings, Progress())
            stage.bytes = sum(row.size for pulled in (*pulls, *answers) for row in pulled.landed)
        with journal.stage("plan"), open_vault(settings, "plan") as con:
            begin_run(con, journal)
            compared, held = compare_pulls(con, [*pulls, *answers], (*found.usable, *surveys.usable))
            failures += [*unreachable, *silent, *held]
            plans = plan_reading(con, found.usable, compared.pulls, reread=False)
            survey_plans = plan_surveys(con, surveys.usable, reread=False)
        by_country: dict[str, list[PartnerPlan]] = {}
        for plan in plans:
            if plan.to_read:
                by_country.setdefault(plan.provider.country_code, []).append(plan)
        read: dict[str, list[DeliveryRows]] = {plan.provider.partner_id: [] for plan in plans}
        with journal.stage("read") as stage:
            for part in read_country.map(list(by_country.values()), unmapped(settings.readers)).result():
                read |= part
            answered = read_answers(survey_plans) if any(plan.to_read for plan in survey_plans) else {}
            failures += [Failure(*item) for item in survey_failures(answered)]
            count_read(stage, plans, [rows for item in read.values() for rows in item])
        return load_and_publish(
            settings, plans, read, survey_plans, answered, tuple(failures), compared.notices, journal
        )


@contextmanager
def _patient_locks(settings: Settings, countries: Sequence[str]) -> Iterator[None]:
    """Hold the countries of a run; says whom it waits for."""
    data = DataFolder(settings.data)
    with ExitStack() as stack:
        try:
            stack.enter_context(country_locks(data, countries, "run"))
        except LockedError as error:
            _say_waiting(error)
            stack.enter_context(country_locks(data, countries, "run", _WAIT_SECONDS))
        yield


def _say_waiting(error: LockedError) -> None:
    get_run_logger().warning("waiting for up to %s minutes: %s", round(_WAIT_SECONDS / 60), error)


def _pulls(futures: PrefectFutureList[Any], partners: Sequence[Partner]) -> tuple[list[Pulled], list[Failure]]:
    return sort_outcomes(partners, [future.result(raise_on_failure=False) for future in futures])


@flow(name="reprocess-country", persist_result=False, validate_parameters=True)
def reprocess_country(country: CountryCode) -> RunResult:
    """Read a country's landed deliveries again under today's contracts, replace its rows, publish.

    Args:
        country: One of the countries that have a contract.
    """
    settings = Settings()
    try:
        result = execute(settings, [country], reread=True)
    except LockedError as error:
        _say_waiting(error)
        result = execute(settings, [country], reread=True, wait_seconds=_WAIT_SECONDS)
    _report(result)
    _render(settings, result)
    return result


@flow(name="verify-everything", persist_result=False, validate_parameters=True)
def verify_everything(offline: bool = True) -> list[dict[str, str | int]]:
    """Read everything that is kept again, as `godigital doctor` does, and fail when something is wrong.

    Args:
        offline: Leave out the partners' sources, which every run of the pipeline reads.
    """
    observed = examine(Settings(), Asked(offline=offline, wait_seconds=WAIT_SECONDS))
    log = get_run_logger()
    for item in observed:
        if item.state == State.FAILURE:
            log.error("%s: %s What to do: %s", item.area, item.sentence, item.action)
        elif item.state == State.WARNING:
            log.warning("%s: %s What to do: %s", item.area, item.sentence, item.action)
    counts = counts_by_area(observed)
    create_table_artifact(key="verification", table=counts, description="What was found, by area and state.")
    require_well(observed)
    return counts


@task(cache_policy=NO_CACHE, persist_result=False)
def render_report(settings: Settings, number: int) -> str:
    """Write the HTML report of the release that was just published; returns where."""
    return report_release(settings, number)


def _render(settings: Settings, result: RunResult) -> None:
    """Make the report of what was published; if that fails, the release stands and the log says so."""
    if result.published is None:
        return
    state = render_report(settings, result.published, return_state=True)
    log = get_run_logger()
    if state.is_completed():
        log.info("report: %s", state.result())
    else:
        log.error("release %s is published, but its report was not made: %s", result.published, state.name)


def _report(result: RunResult) -> None:
    """Leave a table of counts, and a line for every failure, where the run can be looked at."""
    log = get_run_logger()
    create_table_artifact(
        key="run-counts",
        table=[vars(item) for item in result.counts],
        description=f"Release {result.published or result.current}; {result.read} deliveries read.",
    )
    for failure in result.failures:
        log.error("%s failed [%s]: %s", failure.partner_id, failure.code, failure.message)
    for warning in (*result.warnings, *result.findings):
        log.warning("%s", warning)
    log.info("release %s, exit code %s", result.published or "unchanged", result.exit_code)
