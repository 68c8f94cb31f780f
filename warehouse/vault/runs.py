"""What runs did, kept in the vault: when, of what, with which outcome, and what each stage took.

A release shows the runs up to the one that built it. Values are written as literals: binding a parameter makes the
engine import pandas, and most runs find nothing new.
"""

import datetime as dt
import os
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Literal

import duckdb

from warehouse.storage.locks import is_alive
from warehouse.storage.sql_literals import literal
from warehouse.storage.transactions import transaction

# judge: a judgement about who is the same person, published at once
Kind = Literal["run", "reprocess", "judge"]
Outcome = Literal["published", "nothing_new", "failed"]
# begun and not ended; and begun, not ended, and its process is gone
RUNNING, CUT_OFF = "running", "cut_off"
# a run every quarter of an hour for a good two months
_KEPT = 6_000


@dataclass
class Stage:
    """What one stage of a run has taken so far; rows and bytes that went through it, 0 where none are counted."""

    name: str
    seconds: float = 0.0
    rows: int = 0
    bytes: int = 0


@dataclass(frozen=True)
class Ended:
    """How a run ended."""

    outcome: Outcome
    release_number: int | None = None
    deliveries_read: int = 0
    failures: int = 0
    warnings: int = 0


def begin(
    con: duckdb.DuckDBPyConnection, run_id: str, kind: Kind, countries: Sequence[str], started_at: dt.datetime
) -> None:
    """Write that a run has begun; earlier ones that never ended, and whose process is gone, were cut off.

    Args:
        con: The vault.
        run_id: Unique; later runs sort behind earlier ones.
        kind: What it does.
        countries: Those asked for; none are all.
        started_at: UTC.
    """
    gone = [
        literal(run)
        for run, pid in con.execute(f"SELECT run_id, pid FROM run WHERE run_outcome = '{RUNNING}'").fetchall()
        if not is_alive(pid)
    ]
    with transaction(con):
        if gone:
            con.execute(f"UPDATE run SET run_outcome = '{CUT_OFF}' WHERE run_id IN ({', '.join(gone)})")
        con.execute(
            "INSERT INTO run (run_id, run_kind, countries, pid, started_at, run_outcome) "
            f"VALUES ({literal(run_id)}, {literal(kind)}, {literal(' '.join(countries))}, {os.getpid()}, "
            f"{_moment(started_at)}, '{RUNNING}')"
        )
    _forget_old(con)


def note_stages(con: duckdb.DuckDBPyConnection, run_id: str, stages: Sequence[Stage]) -> None:
    """Write what the stages of a run have taken so far."""
    rows = ", ".join(
        f"({literal(run_id)}, {place}, {literal(stage.name)}, {stage.seconds:.3f}, {stage.rows}, {stage.bytes})"
        for place, stage in enumerate(stages)
    )
    if rows:
        con.execute(f"INSERT OR REPLACE INTO run_stage VALUES {rows}")


def end(
    con: duckdb.DuckDBPyConnection, run_id: str, stages: Sequence[Stage], ended: Ended, ended_at: dt.datetime
) -> None:
    """Write how a run ended and what its stages took; `ended_at` is UTC."""
    number = "NULL" if ended.release_number is None else str(ended.release_number)
    with transaction(con):
        note_stages(con, run_id, stages)
        con.execute(
            f"UPDATE run SET ended_at = {_moment(ended_at)}, run_outcome = {literal(ended.outcome)}, "
            f"release_number = {number}, deliveries_read = {ended.deliveries_read}, failures = {ended.failures}, "
            f"warnings = {ended.warnings} WHERE run_id = {literal(run_id)}"
        )


def end_failed(con: duckdb.DuckDBPyConnection, run_id: str, stages: Sequence[Stage], ended_at: dt.datetime) -> None:
    """Write that a run failed, if that can still be written: a full disk must not hide what went wrong."""
    with suppress(duckdb.Error):
        end(con, run_id, stages, Ended("failed"), ended_at)


def _forget_old(con: duckdb.DuckDBPyConnection) -> None:
    row = con.execute("SELECT count(*) FROM run").fetchone()
    if row is None or row[0] <= _KEPT:
        return
    old = f"SELECT run_id FROM run ORDER BY run_id LIMIT {row[0] - _KEPT}"
    for table in ("run_stage", "run"):
        con.execute(f"DELETE FROM {table} WHERE run_id IN ({old})")


def _moment(at: dt.datetime) -> str:
    return f"TIMESTAMP {literal(at.astimezone(dt.UTC).replace(tzinfo=None).isoformat(sep=' '))}"
