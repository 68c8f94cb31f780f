"""Reads a vault whole, every block and every row, in a process of its own: a damaged file can bring the engine down.

Run as `python -m warehouse.doctor.reading VAULT [SCHEMA KEY]`, what was found as JSON on standard output; nothing is
written.
"""

import json
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import duckdb

from warehouse.identity.secret import mint
from warehouse.release.checks import read_checks
from warehouse.release.verify import Finding, run_checks

_INVARIANTS = Path(__file__).with_name("invariants.sql")
# DuckDB's storage: three headers, then blocks, each led by the checksum of what follows it (src/common/checksum.cpp)
_OLDEST = 1000
_HEADERS = 3 * 4096
_CHECKSUM = 8
_FACTOR = 0xBF58476D1CE4E5B9
_SEED = 5381


@dataclass(frozen=True)
class Reading:
    """What reading found.

    `unreadable` names tables, `invariants` what is wrong; `landed` has (partner_id, path, bytes) of every landed
    file. Laws are tried, and files listed, only where the schema is the program's and every table can be read; else
    `landed` is None. `is_key` says whether ids were minted under the key next to the vault; None where there is no id.
    """

    schema: int | None
    blocks: int
    damaged_blocks: int
    rows: int
    tables: int
    unreadable: tuple[str, ...] = ()
    invariants: tuple[Finding, ...] = ()
    landed: tuple[tuple[str, str, int], ...] | None = None
    latest_pull: str | None = None
    is_key: bool | None = None


def read(vault: Path, wanted_schema: int | None = None, key: bytes = b"") -> Reading:
    """Read every block and every row of a vault.

    Args:
        vault: The file.
        wanted_schema: The program's version; invariants are those of this version.
        key: The secret of the ids.

    Raises:
        duckdb.Error: it cannot be opened, or is no vault.
    """
    config: dict[str, str | bool | int | float | list[str]] = {
        "enable_external_access": "false",
        # only the invariants can need more than the memory; the caller holds the lock of the vault
        "temp_directory": "" if wanted_schema is None else str(vault.with_name("spill")),
        "memory_limit": "1GB",
        "threads": 1,
    }
    with duckdb.connect(str(vault), read_only=True, config=config) as con:
        schema = _one(con, "SELECT max(version) FROM vault_schema")
        tables = [name for (name,) in con.execute("SELECT table_name FROM duckdb_tables() ORDER BY ALL").fetchall()]
        rows, unreadable = 0, []
        for table in tables:
            try:
                # of a whole row, so that every column of every row is read
                rows += _one(con, f'SELECT coalesce(count(hash(line)), 0) FROM "{table}" AS line')  # noqa: S608
            except duckdb.Error as error:
                unreadable.append(f"{table} ({type(error).__name__})")
        block_size = _one(con, "SELECT block_size FROM pragma_database_size()")
        known = schema == wanted_schema and not unreadable
        invariants = tuple(run_checks(con, read_checks(_INVARIANTS.read_text(encoding="utf-8")))) if known else ()
        landed = tuple(_landed(con)) if known else None
        latest = _one(con, "SELECT max(pulled_at)::VARCHAR FROM landed_file") if known else None
        is_key = _is_key(con, key) if known else None
    blocks, damaged = check_blocks(vault, block_size)
    return Reading(schema, blocks, damaged, rows, len(tables), tuple(unreadable), invariants, landed, latest, is_key)


def _one(con: duckdb.DuckDBPyConnection, sql: str) -> Any:
    row = con.execute(sql).fetchone()
    return None if row is None else row[0]


def _is_key(con: duckdb.DuckDBPyConnection, key: bytes) -> bool | None:
    """Whether any of the oldest people has the id that the key gives to one of their records."""
    sql = "SELECT record_id, trainee_id FROM register ORDER BY founding_order LIMIT ?"
    oldest = con.execute(sql, [_OLDEST]).fetchall()
    return any(mint(key, record_id) == trainee_id for record_id, trainee_id in oldest) if oldest else None


def _landed(con: duckdb.DuckDBPyConnection) -> Iterator[tuple[str, str, int]]:
    yield from con.execute("SELECT DISTINCT partner_id, landed_path, size FROM landed_file ORDER BY ALL").fetchall()


def check_blocks(file: Path, block_size: int) -> tuple[int, int]:
    """Return how many blocks a database has, and how many of them are not as they were written.

    Indexes and free space are among them, which reading rows does not touch. The checksum is 5381 xor all 64-bit words
    times a factor.
    """
    import numpy as np

    blocks = damaged = 0
    with file.open("rb") as stream:
        stream.seek(_HEADERS)
        while block := stream.read(block_size):
            blocks += 1
            words = np.frombuffer(block[_CHECKSUM : len(block) // 8 * 8], dtype="<u8")
            found = int(np.bitwise_xor.reduce(words * np.uint64(_FACTOR))) ^ _SEED
            # a block that was never written is empty
            if found != int.from_bytes(block[:_CHECKSUM], "little") and any(block):
                damaged += 1
    return blocks, damaged


def read_key(file: Path) -> bytes | None:
    """Return the secret of the ids, 32 bytes; None where it is not there or is no secret."""
    try:
        key = bytes.fromhex(file.read_text(encoding="ascii").strip())
    except (FileNotFoundError, ValueError):
        return None
    return key if len(key) == 32 else None


def main() -> None:
    """Print what reading the vault named on the command line found, as JSON."""
    vault, *more = sys.argv[1:]
    found = read(Path(vault), int(more[0]), read_key(Path(more[1])) or b"") if more else read(Path(vault))
    json.dump(asdict(found), sys.stdout)


if __name__ == "__main__":
    main()
