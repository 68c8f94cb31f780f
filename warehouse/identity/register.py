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

    No known member: mint. One: keep. Several: keep the one that came up first (in one run: the one with the
    oldest record), retire the others by alias. Split: the part with the record that the trainee was minted from
    keeps the id. A part with the record of a retired id revives that id, so that a merge undone leaves nothing
    behind, whoever has joined in between, and an id that was split off from it is retired where the two meet again;
    any other part mints from its own oldest record. Records of the register
    that are not in `clusters` stay with their trainee.

    Args:
        con: The vault.
        clusters: record_id, cluster; the label means nothing beyond this call.
        founding_order: record_id, order (text; the smallest is the oldest). A known record keeps its first order.
        secret: Key of the ids.
        release_number: Written into the events.
        cause_of: Says why records moved.

    Returns:
        What changed; the same clusters a second time change nothing.

    Raises:
        ValueError: a record stands twice in `clusters`, or has no order.
    """
    if clusters.empty:
        return IdentityChanges()
    take_in(con, clusters, founding_order)
    plan = make_plan(con, secret, release_number, cause_of)
    write_plan(con, plan)
    con.execute("DROP TABLE incoming_record")
    return plan.changes
