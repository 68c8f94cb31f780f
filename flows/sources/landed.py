"""What a pull saw, where landed files lie, and which files are no deliveries."""

from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path

from flows.readers.corrected_detect import is_returned_workbook
from flows.sources.errors import PullError
from flows.sources.open import is_remote
from schemas.partner import Provider
from warehouse.vault.landed import FileState, Landed

# what operating systems, office programs and half-finished copies leave in a folder
LITTER = (
    ".DS_Store",
    "._*",
    ".git",
    ".gitkeep",
    ".Trash*",
    ".~lock*",
    "~$*",
    "Thumbs.db",
    "desktop.ini",
    "*.part",
    "*.tmp",
    "*.crdownload",
)


@dataclass(frozen=True)
class Pulled:
    """What one pull of one source saw: files as landed, the state to store, and sentences to report."""

    partner_id: str
    source: str
    landed: tuple[Landed, ...]
    seen: tuple[FileState, ...]
    notices: tuple[str, ...] = ()
    is_form: bool = False
    # whether to warn when a previously seen file disappears
    keeps_files: bool = True


@dataclass(frozen=True)
class Listed:
    """How many files a source holds that the contract takes."""

    partner_id: str
    source: str
    files: int


def landing_folder(partner: Provider) -> Path:
    """Return the folder of a provider's landed files; git-ignored, private."""
    return partner.landing_folder


def source_url(partner: Provider, pattern: str | None) -> str:
    """Return where to pull from: the pattern with its placeholders filled in, or the contract's source.

    Raises:
        PullError: the pattern has another placeholder.
    """
    if pattern is not None:
        try:
            return pattern.format(**partner.placeholders)
        except (KeyError, IndexError, ValueError) as error:
            known = " and ".join(f"{{{name}}}" for name in partner.placeholders)
            raise PullError(
                f"{partner.source_option} {pattern!r}: it can contain only the placeholders {known}"
            ) from error
    source = partner.contract.source
    # a path in a contract starts at the partner's folder, wherever the program runs
    return source if "://" in source else str(partner.folder / source)


def is_pulled_from_afar(partner: Provider, pattern: str | None) -> bool:
    """Whether this partner's source is remote, so that the state of the last pull saves downloads."""
    try:
        return is_remote(source_url(partner, pattern))
    except PullError:
        # the pull reports this error
        return False


def is_litter(name: str, ignored: tuple[str, ...]) -> bool:
    """Whether a file was left by a program, or the contract says that it is no delivery."""
    # a folder of litter (.git, .Trash) hides everything below it
    return any(fnmatch(part, pattern) for part in name.split("/") for pattern in (*LITTER, *ignored))


def _landed_path(digest: str) -> str:
    return f"{digest[:2]}/{digest}"


def is_return_file(path: Path) -> bool:
    """Whether a file is a workbook of bad rows that a partner sent back."""
    with path.open("rb") as stream:
        return is_returned_workbook(stream)
