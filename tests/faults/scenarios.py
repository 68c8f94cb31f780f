"""Ill-treats a prepared data folder in one way after another, runs the command, does what it said, and runs it again.

A process of its own, `python -m tests.faults.scenarios`, for the reasons of tests.faults.driver; it prints a line of
JSON for each.
"""

import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.faults.driver import Bench, arguments_of, run_command, warm_up

NOBODY = 65534
_VAULT = "data/private/vault.duckdb"
_KEY = "data/private/identity.key"
_RELEASE, _MANIFEST, _SNAPSHOT = "data/releases/000002.duckdb", "data/releases/000002.json", "000002.parquet"


@dataclass(frozen=True)
class Scenario:
    """What is done to the folder, and what makes it good again, as the message says; both are given the folder.

    around: what lasts from before the first run until after the second. child: what the first run does to itself.
    """

    damage: Callable[[Path], None] = lambda root: None
    recover: Callable[[Path], None] = lambda root: None
    around: Callable[[Path], AbstractContextManager[object]] = field(default=lambda root: nullcontext())
    child: Callable[[], None] = lambda: None


def flip(name: str, place: float | int, bit: int = 0) -> Callable[[Path], None]:
    """Flip a bit of a byte; a place below 1 is a share of the file."""

    def act(root: Path) -> None:
        path = root / name
        at = int(place * path.stat().st_size) if isinstance(place, float) else place
        path.chmod(0o600)
        with path.open("r+b") as file:
            file.seek(at)
            (byte,) = file.read(1)
            file.seek(at)
            file.write(bytes([byte ^ (1 << bit)]))

    return act


def cut(name: str, share: float) -> Callable[[Path], None]:
    """Keep only the first part of a file."""

    def act(root: Path) -> None:
        path = root / name
        path.chmod(0o600)
        os.truncate(path, int(share * path.stat().st_size))

    return act


def write(name: str, text: str) -> Callable[[Path], None]:
    """Write a file anew."""
    return lambda root: (root / name).write_text(text) and None


def remove(name: str) -> Callable[[Path], None]:
    """Remove a file."""
    return lambda root: (root / name).unlink()


def both(*acts: Callable[[Path], None]) -> Callable[[Path], None]:
    """Do one after the other."""

    def act(root: Path) -> None:
        for one in acts:
            one(root)

    return act


def from_backup(name: str) -> Callable[[Path], None]:
    """Put back what the folder was copied from."""
    return lambda root: shutil.copy2(PREPARED / name, root / name) and None


def nothing_new(root: Path) -> None:
    """Take away what the next run would take in."""
    sample = root / "raw" / "TL" / "COOP" / "sample"
    for path in sample.glob("2020-11-*"):
        shutil.rmtree(path)
    for path in sample.glob("*.csv"):
        path.unlink()


def read_again(root: Path) -> None:
    """Change the contract so that every delivery is read again, to the same rows."""
    contract = root / "raw" / "TL" / "COOP" / "partner.yml"
    contract.write_text(contract.read_text().replace("missing: ['', '-']", "missing: ['', '-', never]"))


def _landed(root: Path) -> str:
    """The landed file of the delivery with two people."""
    (found,) = (path for path in (root / "raw/TL/COOP/deliveries").glob("??/*") if b"SM201" in path.read_bytes())
    return str(found.relative_to(root))


DAMAGES = {
    "vault cut": Scenario(cut(_VAULT, 0.5), from_backup(_VAULT)),
    "vault emptied": Scenario(cut(_VAULT, 0), from_backup(_VAULT)),
    "vault overwritten": Scenario(write(_VAULT, "no database " * 9999), from_backup(_VAULT)),
    "key flipped": Scenario(write(_KEY, "5a" * 31 + "5b"), from_backup(_KEY)),
    "key cut": Scenario(cut(_KEY, 0.5), from_backup(_KEY)),
    "key gone": Scenario(remove(_KEY), from_backup(_KEY)),
    "landed file flipped": Scenario(
        both(read_again, lambda root: flip(_landed(root), 0.5)(root)), lambda root: remove(_flipped(root))(root)
    ),
    "landed file cut": Scenario(lambda root: cut(_landed(root), 0.5)(root), lambda root: remove(_flipped(root))(root)),
    "release flipped": Scenario(flip(_RELEASE, 0.5)),
    "release flipped, nothing new": Scenario(both(nothing_new, flip(_RELEASE, 0.9))),
    "release cut, nothing new": Scenario(both(nothing_new, cut(_RELEASE, 0.5))),
    "release gone, nothing new": Scenario(both(nothing_new, remove(_RELEASE))),
    "manifest cut": Scenario(cut(_MANIFEST, 0.5)),
    "manifest flipped, nothing new": Scenario(both(nothing_new, flip(_MANIFEST, 4, bit=7))),
    "snapshot flipped": Scenario(flip(f"data/private/snapshots/{_SNAPSHOT}", 0.5)),
    "note of a rollback cut": Scenario(
        write("data/releases/rolled_back.json", '{"to": 1, "fr'), remove("data/releases/rolled_back.json")
    ),
    "log of frozen releases cut": Scenario(
        write("data/releases/frozen.json", '{"frozen": [{"la'), remove("data/releases/frozen.json")
    ),
}


def _flipped(root: Path) -> str:
    """The landed file whose name is not the hash of its bytes."""
    import hashlib

    (found,) = (
        path
        for path in (root / "raw/TL/COOP/deliveries").glob("??/*")
        if hashlib.sha256(path.read_bytes()).hexdigest() != path.name
    )
    return str(found.relative_to(root))


@contextmanager
def _small_disk(root: Path, folder: str, room: int) -> Iterator[None]:
    """Put a folder on a disk of its own that has `room` bytes left."""
    path = root / folder
    aside = path.with_name(path.name + ".aside")
    path.rename(aside)
    path.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64m", "tmpfs", str(path)], check=True)  # noqa: S607
    try:
        shutil.copytree(aside, path, symlinks=True, dirs_exist_ok=True)
        free = os.statvfs(path).f_bavail * os.statvfs(path).f_frsize
        with (path / "filler").open("wb") as filler:
            os.posix_fallocate(filler.fileno(), 0, max(1, free - room))
        yield
        shutil.rmtree(aside)
        shutil.copytree(path, aside, symlinks=True)
    finally:
        subprocess.run(["umount", str(path)], check=True)  # noqa: S607
        path.rmdir()
        aside.rename(path)


def full_disk(folder: str, room: int) -> Scenario:
    """A disk that fills up after some bytes; recovering gives it room again."""
    return Scenario(recover=remove(f"{folder}/filler"), around=lambda root: _small_disk(root, folder, room))


def short_files(size: int) -> Scenario:
    """No file can grow beyond some bytes."""
    return Scenario(child=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (size, size)))


def read_only(folder: str) -> Scenario:
    """A folder of somebody else, in which whoever runs the command may write nothing; everything else is theirs."""

    def give_away(root: Path) -> None:
        for path in (root, *root.rglob("*")):
            if path != root / folder:
                os.chown(path, NOBODY, NOBODY, follow_symlinks=False)
        (root / folder).chmod(0o755)

    return Scenario(give_away, lambda root: os.chown(root / folder, NOBODY, NOBODY), child=_become_nobody)


def _become_nobody() -> None:
    os.setgroups([])
    os.setgid(NOBODY)
    os.setuid(NOBODY)


def time_zone(name: str) -> Scenario:
    """A computer somewhere else."""

    def move() -> None:
        os.environ["TZ"] = name
        time.tzset()

    return Scenario(child=move)


def scenario_of(name: str) -> Scenario:
    """Return one of DAMAGES, or `full FOLDER ROOM`, `short SIZE`, `closed FOLDER`, `zone NAME`, `vault BYTE`."""
    kind, _, rest = name.partition(" ")
    if name in DAMAGES:
        return DAMAGES[name]
    if kind == "full":
        folder, _, room = rest.partition(" ")
        return full_disk(folder, int(room))
    if kind == "short":
        return short_files(int(rest))
    if kind == "closed":
        return read_only(rest)
    if kind == "zone":
        return time_zone(rest)
    return Scenario(flip(_VAULT, int(rest)), from_backup(_VAULT))


def play(name: str, bench: Bench) -> dict[str, Any]:
    """Return what came of a scenario: code, said, stands, and `healed`, the same after doing what was said."""
    scenario = scenario_of(name)
    with bench.copy() as root, scenario.around(root):
        scenario.damage(root)
        ended = run_command(root, arguments_of(root), before=scenario.child)
        found = {"name": name, "code": ended.code, "said": ended.said, "stands": bench.stands(root)}
        scenario.recover(root)
        return {**found, "healed": bench.heal(root)}


def main() -> None:
    """Play the scenarios named on the command line after the prepared folder."""
    warm_up()
    # not below a folder that only its owner may enter: some of these run as somebody else
    with tempfile.TemporaryDirectory() as place:
        Path(place).chmod(0o755)
        bench = Bench(PREPARED, Path(place))
        for name in sys.argv[2:]:
            print(json.dumps(play(name, bench)), flush=True)  # noqa: T201


PREPARED = Path(sys.argv[1]) if len(sys.argv) > 1 else Path()
if __name__ == "__main__":
    main()
