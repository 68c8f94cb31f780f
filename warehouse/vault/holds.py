"""Deliveries that are held back for a decision: nothing of them counts until somebody releases them.

Held are those of which too many rows are rejected (found while reading), and those that repeat, row by row, trainings
that known people are counted in already (found after linkage). What somebody released is never held again.
"""

import datetime as dt
from dataclasses import dataclass
from typing import TYPE_CHECKING

import duckdb

from warehouse.storage.transactions import transaction

if TYPE_CHECKING:
    import pandas as pd

# error codes of deliveries that are held, not failed
REJECTED, DUPLICATES = "too_many_rejected", "too_many_duplicates"
HOLDS = (REJECTED, DUPLICATES)
# smaller deliveries are not held: a few rows show nothing
_HELD_FROM = 20


class HoldError(ValueError):
    """No such delivery is held; the message lists those that are."""


@dataclass(frozen=True)
class Held:
    """A delivery that is held back, why, and since which day it is there."""

    delivery_id: str
    partner_id: str
    country_code: str
    name: str
    code: str
    message: str
    date_received: dt.date


def held(con: duckdb.DuckDBPyConnection) -> tuple[Held, ...]:
    """Return the deliveries that are held back, by partner and day received."""
    rows = con.execute(
        """
        SELECT delivery_id, partner_id, country_code, name, error_code, error_message, date_received
        FROM delivery WHERE outcome = 'held' ORDER BY partner_id, date_received, name, delivery_id
        """
    ).fetchall()
    return tuple(Held(*row) for row in rows)


def released(con: duckdb.DuckDBPyConnection) -> frozenset[str]:
    """Return the ids of deliveries that somebody released."""
    return frozenset(row[0] for row in con.execute("SELECT delivery_id FROM hold_release").fetchall())


def release(con: duckdb.DuckDBPyConnection, delivery_id: str, by: str, why: str, at: dt.datetime) -> Held:
    """Decide that a held delivery counts; the next run reads it again, and never holds it.

    Args:
        con: The vault.
        delivery_id: The delivery, or the beginning of its id.
        by: Who decided.
        why: The reason, kept for ever.
        at: When, UTC.

    Raises:
        HoldError: No held delivery has this id, or several begin with it.
    """
    everything = held(con)
    found = [item for item in everything if item.delivery_id.startswith(delivery_id)]
    if len(found) != 1:
        listed = ", ".join(f"{item.delivery_id} ({item.partner_id})" for item in everything) or "none"
        problem = "no held delivery" if not found else f"{len(found)} held deliveries"
        raise HoldError(f"{delivery_id}: {problem} by this id; held are: {listed}")
    with transaction(con):
        con.execute(
            "INSERT OR REPLACE INTO hold_release VALUES (?, ?, ?, ?)",
            [found[0].delivery_id, by, at.astimezone(dt.UTC).replace(tzinfo=None), why],
        )
        # clear the fingerprint of reading, so that the next run reads the delivery again
        con.execute("UPDATE delivery SET reading_hash = '' WHERE delivery_id = ?", [found[0].delivery_id])
    return found[0]


@dataclass(frozen=True)
class Suspicious:
    """A delivery that must be held back, and the sentence that says why and what to do."""

    delivery_id: str
    message: str


def next_duplicates(con: duckdb.DuckDBPyConnection, clustered: "pd.DataFrame") -> Suspicious | None:
    """Return the earliest delivery that must be held for its duplicates; None where there is none.

    A row is a duplicate where its person is counted in the same course through a delivery that arrived earlier.
    Corrections and repeated rows are none: what they replace does not count, and they do not. One at a time, because
    without it the next may have nothing left to repeat.

    Args:
        con: The vault.
        clustered: Columns record_id and cluster: who is who, before it goes into the register.
    """
    con.register("clustered", clustered[["record_id", "cluster"]])
    try:
        row = con.execute(_DUPLICATES).fetchone()
    finally:
        con.unregister("clustered")
    if row is None:
        return None
    delivery_id, partner_id, name, duplicates, rows, allowed = row
    return Suspicious(
        delivery_id,
        f"{partner_id}, {name}: {duplicates} of {rows} rows are people who are counted in the same course already, "
        f"at least {allowed:.0%}; nothing of it counts until it is decided: ask the partner, then "
        f"`godigital release-hold {delivery_id[:8]} --why ...`, or raise bounds.duplicate_share_max in the contract",
    )


_DUPLICATES = f"""
    WITH in_order AS (
        SELECT *, row_number() OVER (ORDER BY date_received, delivery_id) AS arrival FROM delivery
    ), counted AS (
        SELECT
            record.delivery_id,
            in_order.arrival,
            min(in_order.arrival) OVER (PARTITION BY clustered.cluster, record.course_code) AS first_arrival
        FROM record
        JOIN clustered USING (record_id)
        JOIN in_order ON in_order.delivery_id = record.delivery_id
        WHERE record.disposition = 'accepted'
    ), weighed AS (
        SELECT delivery_id, count(*) AS rows, count(*) FILTER (WHERE first_arrival < arrival) AS duplicates
        FROM counted
        GROUP BY delivery_id
        HAVING count(*) >= {_HELD_FROM}
    )
    SELECT
        delivery_id, in_order.partner_id, in_order.name, weighed.duplicates, weighed.rows, partner.duplicate_share_max
    FROM weighed
    JOIN in_order USING (delivery_id)
    JOIN partner ON partner.partner_id = in_order.partner_id
    WHERE NOT in_order.is_sample
        AND weighed.duplicates >= partner.duplicate_share_max * weighed.rows
        AND partner.duplicate_share_max < 1
        AND delivery_id NOT IN (SELECT delivery_id FROM hold_release)
    ORDER BY in_order.arrival
    LIMIT 1
"""
