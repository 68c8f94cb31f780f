"""The Prefect flows: the runs of `flows.run.execute`, with sources and countries as mapped tasks.

The only module that imports Prefect. It decides nothing about data; logs and artifacts hold counts, never people.
"""

from collections.abc import Sequence
from enum import StrEnum
from typing import Any

from prefect import flow, get_run_logger, task, unmapped
from prefect.artifacts import create_table_artifact
from prefect.cache_policies import NO_CACHE
from prefect.flows import Flow
from prefect.futures import PrefectFutureList
from prefect.task_runners import ThreadPoolTaskRunner

from flows.contracts.partners import country_codes
from flows.doctor.examine import Asked, examine
from flows.intake.surveys import SurveyPlan, read_surveys
from flows.run.execute import Engine, execute
from flows.run.report_release import report_release
from flows.run.result import OnProgress, RunRequest, RunResult
from flows.run.stages import PartnerPlan, read_in_processes
from flows.settings import Settings
from flows.sources.landed import Pulled
from flows.sources.parallel import KnownFiles, Outcome, pull_in_parallel
from schemas.partner import Provider
from warehouse.doctor.observed import State, counts_by_area, require_well
from warehouse.storage.locks import LockedError
from warehouse.survey.load import SurveyRows
from warehouse.vault.open import WAIT_SECONDS
from warehouse.vault.rows import DeliveryRows

# a scheduled run waits for a run that somebody else has started
_WAIT_SECONDS = 1800.0


@task(task_run_name="pull-{provider.partner_id}", cache_policy=NO_CACHE, persist_result=False)
def pull_source(provider: Provider, source: str | None, settings: Settings, known: KnownFiles) -> Pulled:
    """Land the files of one partner or survey; it has its own retries, so Prefect does not retry it."""
    (outcome,) = pull_in_parallel([provider], source, settings, known)
    if isinstance(outcome, BaseException):
        raise outcome
    return outcome


@task(task_run_name="read-{plans[0].provider.country_code}", cache_policy=NO_CACHE, persist_result=False)
def read_country(plans: Sequence[PartnerPlan], readers: int) -> dict[str, list[DeliveryRows]]:
    """Read, normalise and validate the planned deliveries of one country."""
    return read_in_processes(plans, readers)


@task(cache_policy=NO_CACHE, persist_result=False)
def read_answers(plans: Sequence[SurveyPlan]) -> dict[str, list[SurveyRows]]:
    """Read the planned deliveries of the follow-up survey."""
    return read_surveys(plans)


@task(cache_policy=NO_CACHE, persist_result=False)
def render_report(settings: Settings, number: int) -> str:
    """Write the HTML report of the release that was just published; returns its path."""
    return report_release(settings, number)


def _pull_as_tasks(
    providers: Sequence[Provider], source: str | None, settings: Settings, known: KnownFiles, _: OnProgress
) -> Sequence[Outcome]:
    # a task runner of its own: the settings are known only now, and more sources are pulled at once than countries read
    runner: ThreadPoolTaskRunner[Any] = ThreadPoolTaskRunner(max_workers=settings.pull_workers)
    with runner:
        futures: PrefectFutureList[Any] = runner.map(
            pull_source,
            {
                "provider": providers,
                "source": unmapped(source),
                "settings": unmapped(settings),
                "known": unmapped(known),
            },
        )
        return [future.result(raise_on_failure=False) for future in futures]


def _read_as_tasks(plans: Sequence[PartnerPlan], readers: int, _: OnProgress) -> dict[str, list[DeliveryRows]]:
    by_country: dict[str, list[PartnerPlan]] = {}
    for plan in plans:
        if plan.to_read:
            by_country.setdefault(plan.provider.country_code, []).append(plan)
    read: dict[str, list[DeliveryRows]] = {}
    runner: ThreadPoolTaskRunner[Any] = ThreadPoolTaskRunner(max_workers=readers)
    with runner:
        futures: PrefectFutureList[Any] = runner.map(
            read_country, {"plans": list(by_country.values()), "readers": unmapped(readers)}
        )
        for country in futures.result():
            read |= country
    return read


_TASKS = Engine(pull=_pull_as_tasks, read=_read_as_tasks, read_surveys=read_answers)


@flow(name="run-pipeline", persist_result=False, validate_parameters=True)
def run_pipeline(
    countries: list[str] | None = None, source: str | None = None, survey_source: str | None = None
) -> RunResult:
    """Pull, validate, deduplicate and publish; all countries without `countries`.

    Args:
        countries: ISO codes, e.g. ["VN", "TH"].
        source: Pattern of a URL with {country} and {partner} that this one run pulls from.
        survey_source: The same for surveys, with {country} and {survey}.
    """
    return _run(RunRequest(tuple(countries) if countries else None, source, survey_source))


def _reprocess_country() -> Flow[Any, RunResult]:
    codes = country_codes(Settings().raw)
    # not a Literal: of one country it is a constant, and Prefect's page shows no list
    CountryCode = StrEnum("CountryCode", {code: code for code in codes}) if codes else str  # noqa: N806 - a type

    @flow(name="reprocess-country", persist_result=False, validate_parameters=True)
    def reprocess_country(country: CountryCode) -> RunResult:  # type: ignore[valid-type]
        """Read a country's landed deliveries again under today's contracts, replace its rows, publish.

        Args:
            country: One of the countries that have a contract.
        """
        return _run(RunRequest((str(country),), reread=True))

    return reprocess_country


def __getattr__(name: str) -> Any:
    """Make the flow `reprocess_country` when it is asked for, and not at import.

    Prefect's page lets an officer pick the country from a list, which is a part of the flow's type: the folder of
    contracts must be read before the flow exists. `prefect deploy` puts a new country on the list.
    """
    if name == "reprocess_country":
        return _reprocess_country()
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


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


def _run(request: RunRequest) -> RunResult:
    """Run the pipeline with its work as tasks; log what came of it, and make the report."""
    settings, log = Settings(), get_run_logger()

    def log_wait(error: LockedError) -> None:
        log.warning("waiting for up to %s minutes: %s", round(_WAIT_SECONDS / 60), error)

    def log_progress(stage: str, what: str, done: int, total: int) -> None:
        if done == total:
            log.info("%s %s: done", stage, what)

    result = execute(
        settings, request, engine=_TASKS, on_progress=log_progress, wait_seconds=_WAIT_SECONDS, on_wait=log_wait
    )
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
    if result.published is not None:
        # if the report fails, the release stands
        state = render_report(settings, result.published, return_state=True)
        if state.is_completed():
            log.info("report: %s", state.result())
        else:
            log.error("release %s is published, but its report was not made: %s", result.published, state.name)
    return result
