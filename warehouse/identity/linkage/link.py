"""Keeps the vault's linkage up to date: links and clusters again only what a change touches.

The same records, model and judgements give the same clusters, whether the records arrive in one run or in many.
"""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import duckdb
import pandas as pd

from warehouse.identity.judgements import NOTHING_JUDGED, Judged
from warehouse.identity.linkage.changes import NODE_NAMES, SCRATCH, read_records, score_changes, settle_nodes
from warehouse.identity.linkage.components import cluster_nodes
from warehouse.identity.linkage.fingerprint import linking_fingerprint
from warehouse.identity.linkage.model import MatchModel
from warehouse.vault.linkage_tables import LINKAGE_TABLES, VAULT, beside_vault
from warehouse.vault.schema import LINKAGE_DDL

_WRITE_ALL = (
    *(f"DROP TABLE IF EXISTS {table}" for table in LINKAGE_TABLES),
    LINKAGE_DDL,
    f"INSERT INTO identity_record BY NAME FROM {SCRATCH}.record_node",
    f"INSERT INTO identity_node BY NAME SELECT {NODE_NAMES} FROM {SCRATCH}.node",
    f"INSERT INTO identity_key BY NAME FROM {SCRATCH}.new_key",
    f"INSERT INTO identity_edge BY NAME FROM {SCRATCH}.edge",
    f"INSERT INTO identity_cluster BY NAME FROM {SCRATCH}.new_cluster",
    f"INSERT INTO identity_judged FROM {SCRATCH}.judged_node",
)
_WRITE_CHANGES = (
    f"DELETE FROM identity_record WHERE record_id IN (SELECT record_id FROM {SCRATCH}.left_record)",
    f"INSERT INTO identity_record BY NAME FROM {SCRATCH}.record_node SEMI JOIN {SCRATCH}.fresh USING (record_id)",
    f"DELETE FROM identity_node "
    f"WHERE node_id IN (SELECT node_id FROM {SCRATCH}.removed UNION ALL FROM {SCRATCH}.dirty)",
    f"INSERT INTO identity_node BY NAME FROM {SCRATCH}.renewed",
    f"DELETE FROM identity_key WHERE node_id IN (SELECT node_id FROM {SCRATCH}.removed)",
    f"INSERT INTO identity_key BY NAME FROM {SCRATCH}.new_key",
    f"DELETE FROM identity_edge USING {SCRATCH}.left_edge AS gone "
    "WHERE identity_edge.node_id_l = gone.node_id_l AND identity_edge.node_id_r = gone.node_id_r",
    f"INSERT INTO identity_edge BY NAME FROM {SCRATCH}.scored",
    f"DELETE FROM identity_cluster WHERE node_id IN (SELECT node_id FROM {SCRATCH}.left_node)",
    f"INSERT INTO identity_cluster BY NAME FROM {SCRATCH}.new_cluster",
    "DELETE FROM identity_judged",
    f"INSERT INTO identity_judged FROM {SCRATCH}.judged_node",
)


@dataclass(frozen=True)
class Linkage:
    """What changed: the records of every cluster that was made again, and counts of the work.

    records: record_id, cluster (a label that has a meaning in this run only), order (the smallest is the oldest
    record of a person). counts: records, nodes, new_nodes, dirty, pairs (compared), edges, links. full_rebuild:
    everything was linked again, because the model or the code is another than last time.
    """

    records: pd.DataFrame
    counts: dict[str, int]
    model_fingerprint: str
    full_rebuild: bool

    def write(self, con: duckdb.DuckDBPyConnection) -> None:
        """Bring the vault's linkage tables up to date; the caller holds the transaction of `con`."""
        for statement in _WRITE_ALL if self.full_rebuild else _WRITE_CHANGES:
            con.execute(statement)
        if self.full_rebuild:
            con.execute(f"INSERT INTO identity_state VALUES ('{self.model_fingerprint}')")


def model_fingerprint(model: MatchModel) -> str:
    """Return a hash of all that decides the linkage besides the records: code, word lists, model, libraries."""
    return hashlib.sha256(f"{model.model_dump_json()} {linking_fingerprint()}".encode()).hexdigest()


@contextmanager
def link(con: duckdb.DuckDBPyConnection, model: MatchModel, judged: Judged = NOTHING_JUDGED) -> Iterator[Linkage]:
    """Link the records of view `linkage_record`, starting from the linkage of last time.

    Computes features, blocks, scores and clusters only for records that are new or deleted, and for those they
    touch: a count of shared values passes a step, or a block grows above its cap. Everything else stays as it is.

    Args:
        con: The vault, or any database named `vault` with its tables; nothing is written before `Linkage.write`.
        model: Weights and thresholds; another model than last time links everything again.
        judged: Decisions of people, without contradictions; see `judgements`.

    Yields:
        What changed; valid inside the block.
    """
    state = _one(con, f"SELECT max(made_by) FROM {VAULT}.identity_state")
    maker = model_fingerprint(model)
    with beside_vault(con, SCRATCH) as scratch:
        known = VAULT if state == maker else SCRATCH
        if known == SCRATCH:
            # start from empty tables: nothing of last time is valid
            scratch.execute(LINKAGE_DDL)
        read_records(scratch, known, judged)
        settle_nodes(scratch, known)
        counts = score_changes(scratch, known, model) | cluster_nodes(scratch, known, model, judged)
        yield Linkage(_changed_records(scratch), counts, maker, known == SCRATCH)


def _changed_records(con: duckdb.DuckDBPyConnection) -> pd.DataFrame:
    return con.execute(
        f"""
        SELECT record_id, CAST(cluster AS VARCHAR) AS cluster, founding_order AS "order"
        FROM record_node JOIN new_cluster USING (node_id) JOIN {VAULT}.linkage_record USING (record_id)
        ORDER BY record_id
        """
    ).df()


def _one(con: duckdb.DuckDBPyConnection, sql: str) -> str:
    row = con.execute(sql).fetchone()
    return "" if row is None or row[0] is None else str(row[0])
