"""The identity register: which record belongs to which trainee, kept for ever and changed only by logged events.

Every linkage makes new cluster labels; a `trainee_id` is minted once and changes only by an event that is logged.
"""

from typing import TYPE_CHECKING

import duckdb

from warehouse.identity.register_plan import CauseOf, IdentityChanges, by_match, make_plan
from warehouse.identity.register_state import take_in
from warehouse.identity.register_write import write_plan

if TYPE_CHECKING:
    # imported where it is used: opening the vault needs the tables' names, not a data frame
    import pandas as pd


def identify(
    con: duckdb.DuckDBPyConnection,
    clusters: "pd.DataFrame",
    founding_order: "pd.DataFrame",
    secret: bytes,
    release_number: int,
    cause_of: CauseOf = by_match,
) -> IdentityChanges:
    """Give every record of `clusters` its trainee; the caller holds the transaction.

    A cluster without a known trainee: mint an id from its oldest record. With one: keep that id. With several: keep
    the id that was minted first (in one run: the id of the oldest record) and retire the others by alias.

    A trainee whose records are now in several clusters: the part with the record that the id was minted from keeps
    the id. Another part with the record of a retired id revives that id, so that undoing a merge restores the ids of
    before, even if other records have joined since. Where a revived id meets an id that was split off from it, the
    latter is retired. Any other part mints an id from its own oldest record.

    Records of the register that are not in `clusters` stay with their trainee.

    Args:
        con: The vault.
        clusters: record_id, cluster; the label has a meaning in this call only.
        founding_order: record_id, order (text; the smallest is the oldest). A known record keeps its first order.
        secret: Key of the ids.
        release_number: Written into the events.
        cause_of: Returns why records moved.

    Returns:
        What changed; the same clusters a second time change nothing.

    Raises:
        ValueError: a record is twice in `clusters`, or has no order.
    """
    if clusters.empty:
        return IdentityChanges()
    take_in(con, clusters, founding_order)
    plan = make_plan(con, secret, release_number, cause_of)
    write_plan(con, plan)
    con.execute("DROP TABLE incoming_record")
    return plan.changes
