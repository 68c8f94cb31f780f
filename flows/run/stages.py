"""The stages of a run, each a plain function: lock, pull, plan, read, load."""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack, contextmanager
from multiprocessing import get_context
from typing import TYPE_CHECKING

from flows.contracts.partners import BrokenContract, Partners
from flows.contracts.surveys import Surveys, find_surveys
from flows.intake.deliveries import DeliveryFiles
from flows.intake.fingerprint import contract_hash
from flows.intake.plans import ReadingPlan, plan_provider
from flows.intake.renamed_partner import renamed_partners
from flows.intake.surveys import unclaimed_files
from flows.run.result import Failure, OnProgress, no_progress
from flows.settings import Settings
from flows.sources.compare import Compared, compare_with_before
from flows.sources.landed import Pulled, is_pulled_from_afar
from flows.sources.parallel import KnownFiles, Outcome, pull_in_parallel
from flows.sources.pull import PullError
from schemas.partner import Partner, Provider
from schemas.programme import load_programme
from schemas.survey import SURVEY_FOLDER
from warehouse.storage import files
from warehouse.storage.data_folder import DataFolder
from warehouse.storage.locks import LockedError, hold
from warehouse.storage.transactions import transaction
from warehouse.vault import holds, landed
from warehouse.vault import open as vaults

if TYPE_CHECKING:
    import duckdb

    from warehouse.vault.rows import DeliveryRows

# this process reads fewer bytes than this sooner than a new process starts
_BYTES_WORTH_A_PROCESS = 3_000_000

PartnerPlan = ReadingPlan[Partner]
# how sources are pulled: outcomes in the order of the providers, an error in place of the source that failed
Pull = Callable[[Sequence[Provider], str | None, Settings, KnownFiles, OnProgress], Sequence[Outcome]]


@contextmanager
def country_locks(
    data: DataFolder,
    countries: Sequence[str],
    purpose: str,
    wait_seconds: float = 0,
    on_wait: Callable[[LockedError], None] = lambda error: None,
) -> Iterator[None]:
    """Hold the lock of every country of a run.

    Args:
        data: The data folder.
        countries: ISO codes.
        purpose: What the run does, for another process that has to wait.
        wait_seconds: How long to wait for each lock.
        on_wait: Called with who holds a lock, once, before the wait for it begins.

    Raises:
        LockedError: another process still holds a lock; the message says who, and since when.
    """
    files.private_folder(data.private)
    files.private_folder(data.locks)
    with ExitStack() as stack:
        for country in sorted(countries):
            lock, purpose_here = data.locks / f"{country}.lock", f"{purpose} {country}"
            try:
                stack.enter_context(hold(lock, purpose_here))
            except LockedError as error:
                if wait_seconds <= 0:
                    raise
                on_wait(error)
                stack.enter_context(hold(lock, purpose_here, wait_seconds))
        yield


def pull_in_threads(
    providers: Sequence[Provider], source: str | None, settings: Settings, known: KnownFiles, on_progress: OnProgress
) -> Sequence[Outcome]:
    """Pull the sources of all providers at once, in threads of this process."""
    total = Counter(provider.country_code for provider in providers)
    reported: Counter[str] = Counter()

    def report(done: Counter[str]) -> None:
        for country in sorted(done):
            if done[country] != reported[country]:
                reported[country] = done[country]
                on_progress("pull", country, done[country], total[country])

    return pull_in_parallel(providers, source, settings, known, report)


def pull_providers(
    providers: Sequence[Provider],
    source: str | None,
    settings: Settings,
    known: KnownFiles,
    *,
    on_progress: OnProgress = no_progress,
    pull: Pull = pull_in_threads,
) -> tuple[list[Pulled], list[Failure]]:
    """Land the files of partners or surveys; a source that cannot be read fails its partner alone.

    Args:
        providers: Partners or surveys.
        source: Pattern of a URL that replaces their own sources.
        settings: Limits, retries, and how many sources are pulled at once.
        known: (partner_id, source) -> files that the last pulls saw.
        on_progress: Called when a source is done.
        pull: How the sources are pulled.

    Raises:
        Exception: an error that is not the source's.
    """
    pulled: list[Pulled] = []
    failures: list[Failure] = []
    for provider, outcome in zip(providers, pull(providers, source, settings, known, on_progress), strict=True):
        if isinstance(outcome, Pulled):
            pulled.append(outcome)
        elif isinstance(outcome, PullError):
            failures.append(Failure(provider.partner_id, "", "source_unreadable", str(outcome)))
        else:
            raise outcome
    return pulled, failures


def read_known_files(settings: Settings, sources: Sequence[tuple[Sequence[Provider], str | None]]) -> KnownFiles:
    """Return the files that the last pulls saw if one of the sources is remote: what has not changed stays there.

    Args:
        settings: Where the vault is.
        sources: Senders, and the pattern of a URL that replaces their own sources.
    """
    if not any(is_pulled_from_afar(provider, source) for providers, source in sources for provider in providers):
        # files of this machine are read in any case
        return {}
    with open_vault(settings, "pull") as con:
        return landed.known_sightings(con)


def compare_pulls(
    con: "duckdb.DuckDBPyConnection", pulls: Sequence[Pulled], providers: Sequence[Provider]
) -> tuple[Compared, list[Failure]]:
    """Compare pulls with the pulls before; a source that shrank, or a renamed partner, is a failure and not loaded."""
    renamed = renamed_partners(con, pulls, providers)
    compared = compare_with_before(
        [pulled for pulled in pulls if pulled.partner_id not in renamed], landed.known_sightings(con), providers
    )
    failures = [Failure(partner_id, "", "partner_renamed", text) for partner_id, text in renamed.items()]
    return compared, failures + [Failure(name, "", "source_shrank", text) for name, text in compared.held]


def locked_countries(partners: Partners, surveys: Surveys) -> tuple[str, ...]:
    """Return the countries that a run of these partners and surveys changes, sorted."""
    providers: tuple[Provider, ...] = (*partners.usable, *surveys.usable)
    broken = (*partners.broken, *surveys.broken)
    # a contract whose file name names no country belongs to none
    return tuple(sorted({item.country_code for item in providers} | {item.country_code for item in broken} - {""}))


def unclaimed_survey_files(settings: Settings, source: str | None) -> list[Failure]:
    """Return a failure for each source of surveys that holds a file that no survey's contract takes."""
    # surveys of countries that this run leaves out take files, too; and so would a survey whose contract is broken
    surveys = find_surveys(settings.raw)
    if surveys.broken:
        return []
    return [
        Failure(
            SURVEY_FOLDER,
            url,
            "unclaimed_file",
            f"{url}: no survey takes {', '.join(names)}; add raw/survey/<CC>.yml whose delivery.files matches, or "
            "list the name under delivery.ignore_files of a survey",
        )
        for url, names in unclaimed_files(surveys.usable, source).items()
    ]


def plan_reading(
    con: "duckdb.DuckDBPyConnection", partners: Sequence[Partner], pulls: Sequence[Pulled], *, reread: bool
) -> list[PartnerPlan]:
    """Write which files were landed and seen, in one transaction; return which deliveries have to be read.

    A delivery that was read under the same contract, rules and code is not read again, unless `reread`.
    """
    with transaction(con):
        landed.register_landed(con, [row for pulled in pulls for row in pulled.landed])
        landed.register_sightings(con, {(item.partner_id, item.source): item.seen for item in pulls})
    seen, known, released = landed.landed_rows(con), landed.known_deliveries(con), holds.released(con)
    return [
        plan_provider(
            partner,
            seen.get(partner.partner_id, []),
            known.get(partner.partner_id, {}),
            reread=reread,
            released=released,
        )
        for partner in partners
    ]


def read_in_processes(
    plans: Sequence[PartnerPlan], readers: int, on_progress: OnProgress = no_progress
) -> dict[str, list["DeliveryRows"]]:
    """Read every planned delivery, in several processes if that is quicker; partner_id -> rows in plan order."""
    from flows.intake.read_trainings import read_deliveries

    size = sum(row.size for plan in plans for item in plan.to_read for row in item.seen)
    alone = readers < 2 or size < _BYTES_WORTH_A_PROCESS
    # in one process, read a partner's deliveries together so that they share one cache of values
    whole = [(plan.provider, plan.to_read) for plan in plans if plan.to_read]
    jobs = whole if alone else _reading_jobs(plans, readers)
    total: Counter[str] = Counter()
    for partner, deliveries in jobs:
        total[partner.country_code] += len(deliveries)
    found: dict[str, list[DeliveryRows]] = {plan.provider.partner_id: [] for plan in plans if plan.to_read}
    done: Counter[str] = Counter()

    def collect(partner: Partner, rows: list["DeliveryRows"]) -> None:
        country = partner.country_code
        found[partner.partner_id] += rows
        done[country] += len(rows)
        on_progress("read", country, done[country], total[country])

    if alone:
        for partner, deliveries in jobs:
            collect(partner, read_deliveries(partner, deliveries))
        return found
    # spawn, not fork: a forked child copies the database without its threads
    with ProcessPoolExecutor(readers, mp_context=get_context("spawn")) as pool:
        futures = [(partner, pool.submit(read_deliveries, partner, deliveries)) for partner, deliveries in jobs]
        for partner, future in futures:
            collect(partner, future.result())
    return found


def _reading_jobs(plans: Sequence[PartnerPlan], readers: int) -> list[tuple[Partner, tuple[DeliveryFiles, ...]]]:
    """Split the deliveries into parts of similar size, the largest first, so that all processes end together."""
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
                jobs.append((weight, plan.provider, tuple(part)))
                part, weight = [], 0
        if part:
            jobs.append((weight, plan.provider, tuple(part)))
    jobs.sort(key=lambda job: (-job[0], job[1].partner_id, job[2][0].delivery_id))
    return [(partner, deliveries) for _, partner, deliveries in jobs]


def load_plans(
    con: "duckdb.DuckDBPyConnection",
    plans: Sequence[PartnerPlan],
    read: dict[str, list["DeliveryRows"]],
    on_progress: OnProgress,
) -> None:
    """Write what was read into the vault, one transaction for each country."""
    from warehouse.vault import load
    from warehouse.vault.rows import PartnerFacts

    by_country: dict[str, list[PartnerPlan]] = {}
    for plan in plans:
        by_country.setdefault(plan.provider.country_code, []).append(plan)
    with transaction(con):
        load.register_courses(con, load_programme().courses)
    for country, members in sorted(by_country.items()):
        with transaction(con):
            load.register_partners(
                con,
                [
                    PartnerFacts(
                        plan.provider.partner_id,
                        country,
                        plan.provider.contract.name,
                        plan.provider.contract.delivery.kind,
                        contract_hash(plan.provider),
                        plan.provider.contract.delivery.due_days,
                        plan.provider.contract.delivery.every,
                        plan.provider.contract.bounds.duplicate_share_max,
                    )
                    for plan in members
                ],
            )
            for plan in members:
                rows = read[plan.provider.partner_id] if plan.to_read else []
                load.load_partner(con, plan.provider.contract.delivery.kind, plan.current, rows)
        on_progress("load", country, len(members), len(members))


@contextmanager
def open_vault(settings: Settings, purpose: str) -> Iterator["duckdb.DuckDBPyConnection"]:
    """Open the vault with the memory and threads of the settings."""
    with vaults.open_vault(
        DataFolder(settings.data), purpose, memory_limit=settings.memory_limit, threads=settings.threads
    ) as con:
        yield con


def broken_contract(item: BrokenContract) -> Failure:
    """Return the failure of a partner whose contract cannot be used."""
    return Failure(item.partner_id, "", "contract_invalid", item.message)
