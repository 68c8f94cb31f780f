"""One run of the pipeline, as plain functions: pull, read, load, match, identify, build, verify, publish.

The command line and the Prefect flows both call these; neither has logic of its own.
"""

import dataclasses
import datetime as dt
import logging
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from importlib.metadata import version
from multiprocessing import get_context
from typing import TYPE_CHECKING

from flows.contracts.partners import BrokenContract, Partners, find_partners
from flows.contracts.surveys import Surveys, find_surveys
from flows.counts import CountryCounts, country_counts
from flows.findings import RunFinding, read_findings
from flows.intake.deliveries import DeliveryFiles
from flows.intake.fingerprint import contract_hash
from flows.intake.plans import ReadingPlan, plan_sender
from flows.intake.renamed_partner import renamed_partners
from flows.intake.surveys import load_surveys, plan_surveys, read_surveys, survey_failures, unclaimed_files
from flows.journal import Journal
from flows.notify import message_of, message_of_error, notify
from flows.settings import Settings
from flows.sources.compare import Compared, compare_with_before
from flows.sources.landed import Pulled, is_pulled_from_afar, landed_of
from flows.sources.parallel import pull_side_by_side
from flows.sources.protocol import Known
from flows.sources.pull import PullError
from schemas.partner import Partner, Sender
from schemas.programme import load_programme
from schemas.survey import SURVEY_FOLDER
from warehouse.storage import files
from warehouse.storage.data_folder import DataFolder
from warehouse.storage.locks import LockedError, hold
from warehouse.storage.transactions import transaction
from warehouse.vault import holds, runs
from warehouse.vault import open as vaults

if TYPE_CHECKING:
    import duckdb

    from warehouse.vault.rows import DeliveryRows

# less than this is read sooner here than a process starts
_BYTES_WORTH_A_PROCESS = 3_000_000


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


PartnerPlan = ReadingPlan[Partner]


@contextmanager
def country_locks(data: DataFolder, countries: Sequence[str], purpose: str, wait_seconds: float = 0) -> Iterator[None]:
    """Hold every country of a run; raises LockedError naming who holds one, and since when, after waiting for each."""
    files.private_folder(data.private)
    files.private_folder(data.locks)
    with ExitStack() as stack:
        for country in sorted(countries):
            stack.enter_context(hold(data.locks / f"{country}.lock", f"{purpose} {country}", wait_seconds))
        yield


def pull_partners(
    partners: Sequence[Sender],
    source: str | None,
    settings: Settings,
    progress: Progress,
    known: Mapping[tuple[str, str], Sequence[Known]] | None = None,
) -> tuple[list[Pulled], list[Failure]]:
    """Land what the partners' sources hold, side by side; a source that cannot be read fails its partner alone.

    Args:
        partners: Whose sources.
        source: Pattern of `--source`.
        settings: Limits, tries, and how many are pulled at once.
        progress: Told how far it is.
        known: (partner_id, source) -> what the last pulls that were loaded saw.
    """
    total = Counter(partner.country_code for partner in partners)
    told: Counter[str] = Counter()

    def tell(done: Counter[str]) -> None:
        for country in sorted(done):
            if done[country] != told[country]:
                told[country] = done[country]
                progress.tell("pull", country, done[country], total[country])

    return sort_outcomes(partners, pull_side_by_side(partners, source, settings, known or {}, tell))


def sort_outcomes(
    partners: Sequence[Sender], outcomes: Sequence[Pulled | BaseException]
) -> tuple[list[Pulled], list[Failure]]:
    """Part what was pulled from what failed, both in the order of the partners; other errors than ours are raised."""
    pulled: list[Pulled] = []
    failures: list[Failure] = []
    for partner, outcome in zip(partners, outcomes, strict=True):
        if isinstance(outcome, Pulled):
            pulled.append(outcome)
        elif isinstance(outcome, PullError):
            failures.append(Failure(partner.partner_id, "", "source_unreadable", str(outcome)))
        else:
            raise outcome
    return pulled, failures


def known_before(
    settings: Settings, partners: Sequence[Sender], source: str | None
) -> dict[tuple[str, str], list[Known]]:
    """Return what the last pulls saw, where that saves a download; a folder of this machine is read in any case."""
    if not any(is_pulled_from_afar(partner, source) for partner in partners):
        return {}
    with open_vault(settings, "pull") as con:
        return _sightings(con)


def _sightings(con: "duckdb.DuckDBPyConnection") -> dict[tuple[str, str], list[Known]]:
    from warehouse.vault import landed

    return {place: [Known(*row) for row in rows] for place, rows in landed.known_sightings(con).items()}


def compare_pulls(
    con: "duckdb.DuckDBPyConnection", pulls: Sequence[Pulled], partners: Sequence[Sender]
) -> tuple[Compared, list[Failure]]:
    """Hold pulls against what was there before; what shrank, or came under another name, is a failure, not loaded."""
    renamed = renamed_partners(con, pulls, partners)
    compared = compare_with_before(
        [pulled for pulled in pulls if pulled.partner_id not in renamed], _sightings(con), partners
    )
    failures = [Failure(partner_id, "", "partner_renamed", text) for partner_id, text in renamed.items()]
    return compared, failures + [Failure(name, "", "source_shrank", text) for name, text in compared.held]


def locked_countries(partners: Partners, surveys: Surveys) -> tuple[str, ...]:
    """Return the countries that a run of these partners and surveys changes, sorted."""
    senders: tuple[Sender, ...] = (*partners.usable, *surveys.usable)
    broken = (*partners.broken, *surveys.broken)
    # a contract whose name is of no country is nobody's
    return tuple(sorted({item.country_code for item in senders} | {item.country_code for item in broken} - {""}))


def pull_surveys(
    surveys: Surveys, source: str | None, settings: Settings, progress: Progress
) -> tuple[list[Pulled], list[Failure]]:
    """Land what the surveys' sources hold; a file there that no contract takes is a failure, too."""
    known = known_before(settings, surveys.usable, source)
    pulls, failures = pull_partners(surveys.usable, source, settings, progress, known)
    # also the surveys that this run leaves out take files; so would one whose contract is broken
    everybody = find_surveys(settings.raw)
    if surveys.usable and not failures and not everybody.broken:
        failures += [
            Failure(
                SURVEY_FOLDER,
                url,
                "unclaimed_file",
                f"{url}: no survey takes {', '.join(names)}; add raw/survey/<CC>.yml whose delivery.files matches, or "
                "list the name under delivery.ignore_files of a survey",
            )
            for url, names in unclaimed_files(everybody.usable, source).items()
        ]
    return pulls, failures


def plan_reading(
    con: "duckdb.DuckDBPyConnection", partners: Sequence[Partner], pulls: Sequence[Pulled], *, reread: bool
) -> list[PartnerPlan]:
    """Remember what was landed and seen, in one transaction, and say which deliveries have to be read.

    A delivery that was read under the same contract, rules and code is not read again, unless `reread`.
    """
    from warehouse.vault import landed

    with transaction(con):
        landed.register_landed(con, [dataclasses.astuple(row) for pulled in pulls for row in pulled.landed])
        landed.register_sightings(
            con, {(item.partner_id, item.source): [dataclasses.astuple(row) for row in item.seen] for item in pulls}
        )
    seen, known, released = landed.landed_rows(con), landed.known_deliveries(con), holds.released(con)
    return [
        plan_sender(
            partner,
            [landed_of(row) for row in seen.get(partner.partner_id, [])],
            known.get(partner.partner_id, {}),
            reread=reread,
            released=released,
        )
        for partner in partners
    ]


def read_plans(plans: Sequence[PartnerPlan], readers: int, progress: Progress) -> dict[str, list["DeliveryRows"]]:
    """Read every planned delivery, side by side where there is enough to do; partner_id -> rows in plan order."""
    from flows.intake.read_trainings import read_deliveries

    size = sum(row.size for plan in plans for item in plan.to_read for row in item.seen)
    alone = readers < 2 or size < _BYTES_WORTH_A_PROCESS
    # here, a partner's deliveries are read together: what one has taught about its values serves the next
    whole = [(plan.sender, plan.to_read) for plan in plans if plan.to_read]
    jobs = whole if alone else _reading_jobs(plans, readers)
    total: Counter[str] = Counter()
    for partner, deliveries in jobs:
        total[partner.country_code] += len(deliveries)
    found: dict[str, list[DeliveryRows]] = {plan.sender.partner_id: [] for plan in plans}
    done: Counter[str] = Counter()

    def collect(partner: Partner, rows: list["DeliveryRows"]) -> None:
        country = partner.country_code
        found[partner.partner_id] += rows
        done[country] += len(rows)
        progress.tell("read", country, done[country], total[country])

    if alone:
        for partner, deliveries in jobs:
            collect(partner, read_deliveries(partner, deliveries))
        return found
    # spawned, not forked: a forked child would inherit the database's threads half alive
    with ProcessPoolExecutor(readers, mp_context=get_context("spawn")) as pool:
        futures = [(partner, pool.submit(read_deliveries, partner, deliveries)) for partner, deliveries in jobs]
        for partner, future in futures:
            collect(partner, future.result())
    return found


def _reading_jobs(plans: Sequence[PartnerPlan], readers: int) -> list[tuple[Partner, tuple[DeliveryFiles, ...]]]:
    """Parts of about equal size, the largest first, so that no process waits for another at the end."""
    size = sum(row.size for plan in plans for item in plan.to_read for row in item.seen)
    share = size / (3 * readers) + 1
    jobs: list[tuple[int, Partner, tuple[DeliveryFiles, ...]]] = []
    for plan in plans:
        part: list[DeliveryFiles] = []
        weight = 0
        for item in plan.to_read:
            part.append(item)
            weight += sum(row.size for row in item.seen)
            if weight >= share:
                jobs.append((weight, plan.sender, tuple(part)))
                part, weight = [], 0
        if part:
            jobs.append((weight, plan.sender, tuple(part)))
    jobs.sort(key=lambda job: (-job[0], job[1].partner_id, job[2][0].delivery_id))
    return [(partner, deliveries) for _, partner, deliveries in jobs]


def load_plans(
    con: "duckdb.DuckDBPyConnection",
    plans: Sequence[PartnerPlan],
    read: dict[str, list["DeliveryRows"]],
    progress: Progress,
) -> None:
    """Write what was read, a transaction for each country."""
    from warehouse.vault import load
    from warehouse.vault.rows import PartnerFacts

    by_country: dict[str, list[PartnerPlan]] = {}
    for plan in plans:
        by_country.setdefault(plan.sender.country_code, []).append(plan)
    with transaction(con):
        load.register_courses(con, load_programme().courses)
    for country, members in sorted(by_country.items()):
        with transaction(con):
            load.register_partners(
                con,
                [
                    PartnerFacts(
                        plan.sender.partner_id,
                        country,
                        plan.sender.contract.name,
                        plan.sender.contract.delivery.kind,
                        contract_hash(plan.sender),
                        plan.sender.contract.delivery.due_days,
                        plan.sender.contract.delivery.every,
                        plan.sender.contract.bounds.duplicate_share_max,
                    )
                    for plan in members
                ],
            )
            for plan in members:
                load.load_partner(con, plan.sender.contract.delivery.kind, plan.current, read[plan.sender.partner_id])
        progress.tell("load", country, len(members), len(members))


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
            fresh = [rows for plan in plans for rows in read[plan.sender.partner_id]]
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


@contextmanager
def open_vault(settings: Settings, purpose: str) -> Iterator["duckdb.DuckDBPyConnection"]:
    """Open the vault with the memory and threads of the settings."""
    with vaults.open_vault(
        DataFolder(settings.data), purpose, memory_limit=settings.memory_limit, threads=settings.threads
    ) as con:
        yield con


def broken_contract(item: BrokenContract) -> Failure:
    """A contract that cannot be used, as a failure of its partner."""
    return Failure(item.partner_id, "", "contract_invalid", item.message)


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
