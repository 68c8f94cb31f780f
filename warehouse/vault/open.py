"""The private database: people's records, rejected rows, the identity register and every delivery's outcome.

It is opened by one function, `open_vault`; nothing in it reaches a reader but through a built release.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb

from warehouse.storage import files
from warehouse.storage.data_folder import DataFolder
from warehouse.storage.locks import hold
from warehouse.storage.transactions import transaction
from warehouse.vault.schema import SCHEMA_VERSION, UPGRADES, VAULT_DDL

# what a restore puts in place, while it is at work or after it was cut off; below the data folder
STAGED_RESTORE = f"restore.*{files.PART_SUFFIX}"
# a second process waits this long for the one that is loading
WAIT_SECONDS = 900.0


# what the engine raises where a disk, or a file on it, lets it down; any other error is a defect of the program
_STOPS = (
    duckdb.FatalException,
    duckdb.InternalException,
    duckdb.IOException,
    duckdb.OutOfMemoryException,
    duckdb.SerializationException,
    duckdb.TransactionException,
)
# only these words of an engine's message are told: the rest can quote a value
_REASONS = re.compile(
    "No space left on device|Disk quota exceeded|File too large|Read-only file system|Permission denied|"
    "Input/output error|Too many open files|Cannot allocate memory"
)


class VaultError(RuntimeError):
    """The vault cannot be used; the message says why and what to do."""


@contextmanager
def open_vault(
    data: DataFolder, purpose: str, *, memory_limit: str = "2GB", threads: int = 2
) -> Iterator[duckdb.DuckDBPyConnection]:
    """Open the vault for reading and writing, alone; waits for another process that has it.

    Args:
        data: The data folder; made where missing, private part in mode 0700.
        purpose: What this process does, shown to whoever has to wait.
        memory_limit: DuckDB's limit; beyond it, it spills into the private folder.
        threads: DuckDB's threads.

    Raises:
        LockedError: Another process has held the vault longer than WAIT_SECONDS.
        VaultError: The file is no vault, of a later version of the program, or cannot be upgraded; it is as it was.
    """
    files.private_folder(data.private)
    files.private_folder(data.locks)
    with hold(data.locks / "vault.lock", purpose, wait_seconds=WAIT_SECONDS):
        _clear_spilled(data)
        if not data.vault.exists():
            if any(data.root.glob(STAGED_RESTORE)):
                raise VaultError(
                    f"{data.root}: a restore was cut off, and there is no vault; repeat the same godigital restore "
                    "with --replace before any run"
                )
            _make_vault(data)
        con = _connect(data, memory_limit, threads)
        try:
            if not _has_schema(con) and any((data.root / "releases").glob("*.duckdb")):
                raise VaultError(
                    f"{data.vault}: the vault is empty, and releases were made of it. Restore it from the backup, or "
                    "move it away to rebuild it from the sources: judgements and decisions are only in the backup"
                )
            data.vault.chmod(0o600)
            if not _has_schema(con):
                _make_tables(con)
            version = _version(con)
            if version in UPGRADES:
                # closed, the file is whole, and reading it here takes none of the engine's locks away
                con.close()
                _keep_copy(data, version)
                con = _connect(data, memory_limit, threads)
            _upgrade(con)
            found = con.execute("SELECT max(version) FROM vault_schema").fetchone()
            if found is None or found[0] != SCHEMA_VERSION:
                raise VaultError(
                    f"{data.vault}: the vault has schema {found and found[0]}, this program needs "
                    f"{SCHEMA_VERSION}; use the program's matching version"
                )
            yield con
        except _STOPS as error:
            raise VaultError(_say_stopped(data, error)) from error
        finally:
            con.close()


def _connect(data: DataFolder, memory_limit: str, threads: int) -> duckdb.DuckDBPyConnection:
    try:
        return duckdb.connect(
            str(data.vault),
            config={
                "memory_limit": memory_limit,
                "threads": threads,
                "temp_directory": str(_spill(data)),
                "preserve_insertion_order": True,
            },
        )
    except duckdb.Error as error:
        raise VaultError(
            f"{data.vault}: the vault cannot be opened ({type(error).__name__}); "
            "restore it from a backup, or move it away to rebuild from the sources"
        ) from error


def _spill(data: DataFolder) -> Path:
    return data.private / "spill"


def _clear_spilled(data: DataFolder) -> None:
    """Remove what a killed process had spilled, which can be as large as the vault; the caller has the vault alone."""
    for folder in (_spill(data), data.private / "snapshots" / "spill"):
        for path in folder.glob("duckdb_temp_*"):
            path.unlink(missing_ok=True)


def _make_vault(data: DataFolder) -> None:
    """Make an empty vault aside and then name it, so that a file under its name is a vault.

    Killed while it makes a database, the engine leaves one that cannot be opened.
    """
    # of a vault that was moved away: the engine would write it into this one
    log = data.vault.with_name(f"{data.vault.name}.wal")
    if log.exists():
        log.rename(log.with_name(f"{log.name}.left"))
    # in a folder of its own: the engine calls a database by the name of its file
    aside = files.private_folder(data.private / "making")
    for left in aside.iterdir():
        left.unlink()
    made = aside / data.vault.name
    try:
        with duckdb.connect(str(made)) as con:
            _make_tables(con)
    except _STOPS as error:
        raise VaultError(_say_stopped(data, error)) from error
    files.sync(made)
    made.rename(data.vault)
    files.sync(data.private)
    aside.rmdir()


def _make_tables(con: duckdb.DuckDBPyConnection) -> None:
    with transaction(con):
        con.execute(VAULT_DDL)
        con.execute("INSERT INTO vault_schema VALUES (?)", [SCHEMA_VERSION])


def _say_stopped(data: DataFolder, error: duckdb.Error) -> str:
    found = _REASONS.search(str(error))
    kind = found.group() if found else type(error).__name__
    if found is None and re.search("checksum|corrupt|deserialize", str(error), re.IGNORECASE):
        return (
            f"{data.vault}: the vault is damaged ({kind}); whatever was published stays. Restore it from the backup, "
            "or move it away to rebuild it from the sources: judgements and decisions are only in the backup"
        )
    # what is built of the vault can lie on another disk
    named = re.search('file "([^"]+)"', str(error))
    path = named[1] if named and named[1].startswith(f"{data.root}/") else data.vault
    return (
        f"{path}: the database could not go on ({kind}); whatever was published stays. Free space, or mend "
        "permissions or the disk, then run again"
    )


def _has_schema(con: duckdb.DuckDBPyConnection) -> bool:
    row = con.execute("SELECT count(*) FROM duckdb_tables() WHERE table_name = 'vault_schema'").fetchone()
    return row is not None and row[0] > 0


def _version(con: duckdb.DuckDBPyConnection) -> int | None:
    found = con.execute("SELECT max(version) FROM vault_schema").fetchone()
    return None if found is None else found[0]


def copy_before_upgrade(data: DataFolder, version: int) -> Path:
    """Return where the vault of schema `version` is kept as it was before it was upgraded."""
    return data.private / f"vault-schema-{version}.duckdb"


def _keep_copy(data: DataFolder, version: int) -> None:
    """Keep the closed vault as it is, byte for byte, for whoever has to go back to the older program.

    A copy of an earlier upgrade from the same version is replaced: the vault has been worked with since.
    """
    copy = copy_before_upgrade(data, version)
    files.remove_stale(data.private, of=f"{copy.name}.*")
    try:
        files.copy_durably(data.vault, copy, mode=0o600)
    except OSError as error:
        raise VaultError(
            f"{data.vault}: the vault is not upgraded from schema {version}, because no copy of it can be kept beside "
            f"it ({error.strerror or type(error).__name__}); free space or mend permissions, then run again"
        ) from error


def _upgrade(con: duckdb.DuckDBPyConnection) -> None:
    """Bring the tables of an older version of the program up to this one's, all or nothing.

    Raises:
        VaultError: a step fails; the vault is as it was.
    """
    before = version = _version(con)
    if version not in UPGRADES:
        return
    try:
        with transaction(con):
            while version in UPGRADES:
                con.execute(UPGRADES[version])
                version += 1
            # last: its view reads what the last step has added
            con.execute(VAULT_DDL)
            con.execute("UPDATE vault_schema SET version = ?", [version])
    except duckdb.Error as error:
        # the engine's message can quote a value
        raise VaultError(
            f"the vault cannot be upgraded from schema {before}: the step from {version} failed "
            f"({type(error).__name__}). It is as it was: use the older program, or restore a backup"
        ) from error
