"""Who may read and change what: private things are their owner's alone, published ones everybody's to read.

Modes are mended on request; whose a file is cannot be.
"""

import os
import stat
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from warehouse.doctor.observed import Observed, State, counted, named, within
from warehouse.storage.data_folder import DataFolder

AREA = "permissions"


@dataclass(frozen=True)
class Rule:
    """What kind of file or folder, the mode it gets when it is mended, and the modes that will do."""

    noun: str
    plural: str
    wrong: str
    mode: int
    is_right: Callable[[int], bool]


_PRIVATE_FOLDER = Rule(
    "private folder", "private folders", "open to others than the owner", 0o700, lambda mode: mode == 0o700
)
_PRIVATE_FILE = Rule(
    "private file", "private files", "open to others than the owner", 0o600, lambda mode: not mode & 0o177
)
_LANDING_FOLDER = Rule(
    "landing folder", "landing folders", "open to others than the owner", 0o700, lambda mode: mode == 0o700
)
_LANDED = Rule("landed file", "landed files", "not read-only for the owner alone", 0o400, lambda mode: not mode & 0o377)
_SHARED_FOLDER = Rule(
    "folder of releases",
    "folders of releases",
    "not readable by everybody, or writable by others",
    0o755,
    lambda mode: mode & 0o777 == 0o755,
)
_RELEASE = Rule(
    "release file",
    "release files",
    "not readable by everybody, or writable",
    0o444,
    lambda mode: mode & 0o444 == 0o444 and not mode & 0o222,
)
_LOG = Rule("log of frozen releases", "logs of frozen releases", "open to others", 0o600, lambda mode: not mode & 0o177)


def examine_permissions(data: DataFolder, landing: Sequence[Path], *, fix: bool) -> list[Observed]:
    """Return what is to be said of modes and owners.

    Args:
        data: The data folder.
        landing: Folders of landed files, each with those below it.
        fix: Set modes that are wrong.
    """
    if not data.root.is_dir():
        return []
    by_rule = _sort(data, landing)
    observed = [found for rule, paths in by_rule.items() for found in _hold_against(data.root, rule, paths, fix)]
    observed += _owners(data.root, [path for paths in by_rule.values() for path in paths])
    if observed:
        return observed
    return [Observed(AREA, State.OK, "What is private is its owner's alone, and what is published can only be read.")]


def _sort(data: DataFolder, landing: Sequence[Path]) -> dict[Rule, list[Path]]:
    found: dict[Rule, list[Path]] = {_SHARED_FOLDER: [data.root]}
    releases = data.root / "releases"
    if releases.is_dir():
        found[_SHARED_FOLDER].append(releases)
        found[_RELEASE] = [path for path in releases.glob("[0-9]*.*") if path.suffix in (".duckdb", ".json")]
        found[_LOG] = list(releases.glob("frozen.json"))
    # the engine makes its log and what it spills with modes of its own, in a folder that lets nobody in
    folders, inside = _below([data.private])
    spill = data.private / "spill"
    found[_PRIVATE_FOLDER] = [folder for folder in folders if not folder.is_relative_to(spill)]
    found[_PRIVATE_FILE] = [
        path for path in inside if not (path.is_relative_to(spill) or path.suffix in (".wal", ".building"))
    ]
    found[_LANDING_FOLDER], found[_LANDED] = _below(landing)
    return found


def _below(folders: Sequence[Path]) -> tuple[list[Path], list[Path]]:
    """Folders and files, these folders included; links are nobody's."""
    inside, files = [], []
    for top in folders:
        for folder, _, names in os.walk(top):
            inside.append(Path(folder))
            files += [path for name in names if not (path := Path(folder, name)).is_symlink()]
    return inside, files


def _hold_against(root: Path, rule: Rule, paths: Sequence[Path], fix: bool) -> Iterator[Observed]:
    wrong = [path for path in paths if (mode := _mode(path)) is not None and not rule.is_right(mode)]
    if not wrong:
        return
    what = f"{counted(len(wrong), rule.noun, rule.plural)} {rule.wrong}: {named(within(root, wrong))}"
    refused = [path for path in wrong if not _set(path, rule.mode)] if fix else []
    if not fix:
        yield Observed(AREA, State.FAILURE, f"{what}.", f"godigital doctor --fix (sets mode {rule.mode:04o})")
    elif refused:
        action = f"as their owner: chmod {rule.mode:04o} {refused[0]}"
        yield Observed(AREA, State.FAILURE, f"{what}; {len(refused)} could not be changed.", action)
    else:
        yield Observed(AREA, State.FIXED, f"{what}; the mode is {rule.mode:04o} now.")


def _mode(path: Path) -> int | None:
    try:
        return stat.S_IMODE(path.lstat().st_mode)
    except FileNotFoundError:
        # a run goes on meanwhile
        return None


def _set(path: Path, mode: int) -> bool:
    try:
        path.chmod(mode)
    except PermissionError:
        return False
    except FileNotFoundError:
        return True
    return True


def _owners(root: Path, paths: Sequence[Path]) -> Iterator[Observed]:
    owner = root.stat().st_uid
    strangers = [path for path in paths if path.exists() and path.stat().st_uid != owner]
    if strangers:
        sentence = f"{counted(len(strangers), 'file')} of another owner than {root}: {named(within(root, strangers))}."
        action = f"chown -R {owner} {root}, and the landing folders; then always run as that user"
        yield Observed(AREA, State.FAILURE, sentence, action)
    if os.geteuid() not in (owner, 0):
        sentence = f"The data folder is user {owner}'s, and this is user {os.geteuid()}."
        yield Observed(AREA, State.WARNING, sentence, f"run as user {owner}, as the schedule does")
