"""The stages of a run, each a plain function: lock, pull, plan, read, load."""

import dataclasses
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
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
from flows.run.result import Progress
from flows.settings import Settings
from flows.sources.compare import Compared, compare_with_before
from flows.sources.landed import Pulled, is_pulled_from_afar, landed_of
from flows.sources.parallel import pull_in_parallel
from flows.sources.protocol import FileState
from flows.sources.pull import PullError
from schemas.partner import Partner, Provider
from schemas.programme import load_programme
from schemas.survey import SURVEY_FOLDER
from warehouse.storage import files
from warehouse.storage.data_folder import DataFolder
from warehouse.storage.locks import hold
from warehouse.storage.transactions import transaction
from warehouse.vault import holds
from warehouse.vault import open as vaults

if TYPE_CHECKING:
    import duckdb

    from warehouse.vault.rows import DeliveryRows
from flows.run.result import Failure

# less than this is read sooner here than a process starts
_BYTES_WORTH_A_PROCESS = 3_000_000


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
    partners: Sequence[Provider],
    source: str | None,
    settings: Settings,
    progress: Progress,
    known: Mapping[tuple[str, str], Sequence[FileState]] | None = None,
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

    return sort_outcomes(partners, pull_in_parallel(partners, source, settings, known or {}, tell))


def sort_outcomes(
    partners: Sequence[Provider], outcomes: Sequence[Pulled | BaseException]
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
    settings: Settings, partners: Sequence[Provider], source: str | None
) -> dict[tuple[str, str], list[FileState]]:
    """Return what the last pulls saw, where that saves a download; a folder of this machine is read in any case."""
    if not any(is_pulled_from_afar(partner, source) for partner in partners):
        return {}
    with open_vault(settings, "pull") as con:
        return _sightings(con)


def _sightings(con: "duckdb.DuckDBPyConnection") -> dict[tuple[str, str], list[FileState]]:
    from warehouse.vault import landed

    return {place: [FileState(*row) for row in rows] for place, rows in landed.known_sightings(con).items()}


def compare_pulls(
    con: "duckdb.DuckDBPyConnection", pulls: Sequence[Pulled], partners: Sequence[Provider]
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
    providers: tuple[Provider, ...] = (*partners.usable, *surveys.usable)
    broken = (*partners.broken, *surveys.broken)
    # a contract whose name is of no country is nobody's
    return tuple(sorted({item.country_code for item in providers} | {item.country_code for item in broken} - {""}))


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
        plan_provider(
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
    whole = [(plan.provider, plan.to_read) for plan in plans if plan.to_read]
    jobs = whole if alone else _reading_jobs(plans, readers)
    total: Counter[str] = Counter()
    for partner, deliveries in jobs:
        total[partner.country_code] += len(deliveries)
    found: dict[str, list[DeliveryRows]] = {plan.provider.partner_id: [] for plan in plans}
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
    progress: Progress,
) -> None:
    """Write what was read, a transaction for each country."""
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
                load.load_partner(
                    con, plan.provider.contract.delivery.kind, plan.current, read[plan.provider.partner_id]
                )
        progress.tell("load", country, len(members), len(members))


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
