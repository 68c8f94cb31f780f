"""The whole examination: every area in turn; what hinders one from being looked at is said, and the rest goes on."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from flows.doctor.contracts import examine_contracts, find_providers
from flows.doctor.landed import examine_landed, landing_folders
from flows.doctor.machine import examine_machine
from flows.doctor.scheduler import examine_schedule
from flows.doctor.sources import examine_sources
from flows.settings import Settings
from schemas.partner import Provider
from warehouse.doctor.observed import Observed, State
from warehouse.doctor.permissions import examine_permissions
from warehouse.doctor.reading import Reading
from warehouse.doctor.releases import examine_releases
from warehouse.doctor.vault import examine_vault
from warehouse.doctor.work import examine_leftovers, examine_locks
from warehouse.storage.data_folder import DataFolder
from warehouse.storage.locks import LockedError

AREAS = (
    "permissions",
    "locks",
    "leftovers",
    "vault",
    "landed files",
    "releases",
    "contracts",
    "sources",
    "schedule",
    "machine",
)
# somebody who waits at a terminal; the weekly examination has the time of a run
WAIT_SECONDS = 5.0


@dataclass(frozen=True)
class Asked:
    """What an examination is to do: mend what can be mended, ask sources, wait for somebody who has the vault."""

    fix: bool = False
    offline: bool = False
    wait_seconds: float = WAIT_SECONDS


def examine(
    settings: Settings,
    asked: Asked = Asked(),
    tell: Callable[[str], None] = lambda area: None,  # noqa: B008 - frozen
) -> list[Observed]:
    """Return what was found, in the order of AREAS; nothing in it is about a person.

    Args:
        settings: The installation.
        asked: What to do.
        tell: Told each area as it begins.
    """
    data = DataFolder(settings.data)
    landing = landing_folders(settings.raw)
    reading: list[Reading | None] = [None]

    def vault() -> list[Observed]:
        observed, reading[0] = examine_vault(data, asked.wait_seconds)
        return observed

    def landed() -> list[Observed]:
        return examine_landed(settings.raw, tuple(landing), reading[0].landed if reading[0] else None)

    partners, surveys, without = find_providers(settings)
    providers: tuple[Provider, ...] = (*partners.usable, *surveys.usable)
    examined: dict[str, Callable[[], Iterable[Observed]]] = {
        "permissions": lambda: examine_permissions(data, tuple(landing), fix=asked.fix),
        "locks": lambda: examine_locks(data),
        "leftovers": lambda: examine_leftovers(data, landing, fix=asked.fix),
        "vault": vault,
        "landed files": landed,
        "releases": lambda: examine_releases(data.root, fix=asked.fix),
        "contracts": lambda: [*without, *examine_contracts(providers, (*partners.broken, *surveys.broken))],
        "sources": lambda: [] if asked.offline else examine_sources(providers, settings),
        "schedule": examine_schedule,
        "machine": lambda: examine_machine(data, settings.raw, reading[0].latest_pull if reading[0] else None),
    }
    found: list[Observed] = []
    for area in AREAS:
        tell(area)
        found += _guarded(area, examined[area])
    return found


def _guarded(area: str, look: Callable[[], Iterable[Observed]]) -> list[Observed]:
    try:
        return list(look())
    except LockedError as error:
        return [Observed(area, State.WARNING, f"{error}.", "run the doctor again when that has ended")]
    except OSError as error:
        what = f"{error.filename or 'the disk'}: {error.strerror or type(error).__name__}"
        return [Observed(area, State.FAILURE, f"Cannot be looked at: {what}.", "mend permissions, or run as the owner")]
