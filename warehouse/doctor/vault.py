"""Whether the vault is whole: reads it in a new process and checks its invariants, unless somebody has it open."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from warehouse.doctor.observed import Observed, State, counted, named
from warehouse.doctor.reading import Reading, read_key
from warehouse.release.verify import Finding
from warehouse.storage.data_folder import DataFolder
from warehouse.storage.files import PROJECT
from warehouse.storage.locks import LockedError, hold
from warehouse.vault.schema import SCHEMA_VERSION

AREA = "vault"
_RESTORE = "restore the latest good backup: godigital restore BACKUP --replace"


class UnreadableError(RuntimeError):
    """A vault cannot be read at all; the message says how reading it ended."""


def read_vault(vault: Path, *, with_invariants: bool = True) -> Reading:
    """Read a vault in a new process; nobody may be writing it.

    Args:
        vault: The file; the key of the ids is in the same folder.
        with_invariants: Check today's invariants and the key, too, where it is of today's schema.

    Raises:
        UnreadableError: the process came to an end without an answer.
    """
    command = [sys.executable, "-P", "-m", "warehouse.doctor.reading", str(vault)]
    result = subprocess.run(  # noqa: S603 (our own program, no shell)
        [*command, str(SCHEMA_VERSION), str(vault.with_name("identity.key"))] if with_invariants else command,
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": str(PROJECT)},
    )
    if result.returncode != 0:
        raise UnreadableError(f"reading it ended with exit status {result.returncode}")
    found = json.loads(result.stdout)
    found["invariants"] = tuple(Finding(**item) for item in found["invariants"])
    if found["landed"] is not None:
        found["landed"] = tuple((partner_id, path, size) for partner_id, path, size in found["landed"])
    return Reading(**found)


def examine_vault(data: DataFolder, wait_seconds: float) -> tuple[list[Observed], Reading | None]:
    """Return what is to be said of the vault, and what was read where it could be.

    Args:
        data: The data folder.
        wait_seconds: How long to wait for somebody who has the vault.
    """
    if not data.vault.exists():
        return [_no_vault(data)], None
    try:
        with hold(data.locks / "vault.lock", "doctor reads the vault", wait_seconds):
            log = data.vault.with_name(f"{data.vault.name}.wal").exists()
            found = read_vault(data.vault)
    except LockedError as error:
        sentence = f"The vault is in use, and was not read: {error}."
        return [Observed(AREA, State.WARNING, sentence, "run the doctor again when that has ended")], None
    except UnreadableError as error:
        return [Observed(AREA, State.FAILURE, f"The vault cannot be read: {error}.", _RESTORE)], None
    observed = [_blocks(found), _schema(found), *_invariants(found), *_key(data, found)]
    if log:
        sentence = "A run was cut off while it wrote; what it had committed is in a log beside the vault, and counts."
        observed.append(Observed(AREA, State.OK, sentence))
    return observed, found


def _no_vault(data: DataFolder) -> Observed:
    if (data.root / "releases").is_dir() and any((data.root / "releases").glob("*.duckdb")):
        sentence = "There are releases and no vault: the next run would start from nothing, with other ids."
        return Observed(AREA, State.FAILURE, sentence, _RESTORE)
    return Observed(AREA, State.WARNING, "Nothing has run here yet.", "godigital run")


def _blocks(found: Reading) -> Observed:
    if found.unreadable:
        sentence = f"Damaged: {named(found.unreadable)} cannot be read."
        return Observed(AREA, State.FAILURE, sentence, _RESTORE)
    if found.damaged_blocks:
        sentence = (
            f"Damaged: all rows can be read, but {found.damaged_blocks} of {counted(found.blocks, 'block')} are not as "
            "they were written, in an index or in free space."
        )
        return Observed(AREA, State.FAILURE, sentence, _RESTORE)
    sentence = f"{counted(found.rows, 'row')} of {found.tables} tables in {counted(found.blocks, 'block')} were read."
    return Observed(AREA, State.OK, sentence)


def _schema(found: Reading) -> Observed:
    if found.schema == SCHEMA_VERSION:
        return Observed(AREA, State.OK, f"Its schema is {SCHEMA_VERSION}, the program's.")
    if found.schema is not None and found.schema < SCHEMA_VERSION:
        sentence = (
            f"Its schema is {found.schema}; the next run upgrades it to {SCHEMA_VERSION} and keeps a copy. Its "
            "invariants were not checked."
        )
        return Observed(AREA, State.WARNING, sentence, "make a backup first: godigital backup DIR")
    sentence = f"Its schema is {found.schema}, and this program knows {SCHEMA_VERSION} only."
    return Observed(AREA, State.FAILURE, sentence, "use the program's newer version")


def _invariants(found: Reading) -> list[Observed]:
    if found.schema != SCHEMA_VERSION or found.unreadable:
        return []
    broken = [
        Observed(
            AREA,
            State.FAILURE if item.severity == "fail" else State.WARNING,
            f"{item.problem}.",
            _RESTORE if item.severity == "fail" else "godigital run",
        )
        for item in found.invariants
    ]
    held = Observed(AREA, State.OK, "Rows add up, and every person, delivery and event is where it is referred to.")
    return broken or [held]


def _key(data: DataFolder, found: Reading) -> Iterator[Observed]:
    nobody_yet = found.schema == SCHEMA_VERSION and not found.unreadable and found.is_key is None
    if nobody_yet:
        # it is made for the first id
        return
    if read_key(data.secret) is None:
        sentence = f"{data.secret.name}, the key of the ids, is missing or no key: everybody new would get other ids."
        yield Observed(AREA, State.FAILURE, sentence, "take it from a backup, before the next run")
    elif found.is_key is False:
        sentence = f"{data.secret.name} is not the key under which this vault's ids were minted."
        yield Observed(
            AREA, State.FAILURE, sentence, "take the one that belongs to it from a backup, before the next run"
        )
