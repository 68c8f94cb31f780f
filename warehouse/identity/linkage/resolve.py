"""Links records without a vault: for training, evaluation and tests."""

from dataclasses import dataclass

import duckdb
import pandas as pd

from warehouse.identity.judgements import NOTHING_JUDGED, Judged
from warehouse.identity.linkage.features import make_records
from warehouse.identity.linkage.link import link
from warehouse.identity.linkage.model import MatchModel
from warehouse.vault.linkage_tables import SOURCE_COLUMNS, VAULT
from warehouse.vault.schema import LINKAGE_DDL


@dataclass(frozen=True)
class Resolution:
    """Clusters (record_id, cluster), scored pairs (record_id_l, record_id_r, match_weight, household), counts."""

    clusters: pd.DataFrame
    edges: pd.DataFrame
    counts: dict[str, int]


def resolve(
    records: pd.DataFrame,
    model: MatchModel,
    judged: Judged = NOTHING_JUDGED,
    *,
    memory_limit: str = "2GB",
    threads: int = 2,
) -> Resolution:
    """Return which records are one person, without a vault.

    Args:
        records: One row per record_id, columns of TRAINING_LOG_COLUMNS; may be empty.
        model: Weights and thresholds.
        judged: Decisions of people.
        memory_limit: DuckDB's limit.
        threads: DuckDB's threads; the result is the same for any number.

    Returns:
        Clusters and nodes are named by their smallest record.
    """
    con = duckdb.connect(":memory:", config={"memory_limit": memory_limit, "threads": threads})
    try:
        # nothing about a person may spill into a folder that nobody guards
        con.execute("SET temp_directory = ''")
        con.execute(f"ATTACH ':memory:' AS {VAULT}; USE {VAULT}")
        con.execute(LINKAGE_DDL)
        make_records(con, "given", records)
        con.execute(
            f"CREATE TABLE linkage_record AS "
            f"SELECT record_id, {', '.join(SOURCE_COLUMNS)}, record_id AS founding_order FROM given"
        )
        with link(con, model, judged) as linkage:
            linkage.write(con)
        clusters = con.execute(
            """
            SELECT record_id, min(record_id) OVER (PARTITION BY cluster) AS cluster
            FROM identity_record JOIN identity_cluster USING (node_id) ORDER BY record_id
            """
        ).df()
        edges = con.execute(
            """
            WITH named AS (SELECT node_id, min(record_id) AS record_id FROM identity_record GROUP BY node_id)
            SELECT least(one.record_id, other.record_id) AS record_id_l,
                   greatest(one.record_id, other.record_id) AS record_id_r, match_weight, household
            FROM identity_edge
            JOIN named AS one ON one.node_id = node_id_l
            JOIN named AS other ON other.node_id = node_id_r
            ORDER BY ALL
            """
        ).df()
    finally:
        con.close()
    return Resolution(clusters, edges, linkage.counts)
