"""Finds what changed since the last linkage: records, nodes, and pairs of nodes to score again.

Each step makes tables in the scratch database for the next one. `known` names the database that holds the linkage
tables of last time: the vault, or the empty scratch database where everything is linked again.
"""

import duckdb
import pandas as pd

from warehouse.identity.judgements import Judged
from warehouse.identity.linkage.features import make_features, statistics_sql
from warehouse.identity.linkage.find_pairs import block_changed_pairs, block_pairs
from warehouse.identity.linkage.match import make_scores
from warehouse.identity.linkage.model import MatchModel
from warehouse.vault.linkage_tables import FEATURES, NODE_COLUMNS, SOURCE_COLUMNS, STATISTIC_COLUMNS, VAULT

SCRATCH = "linkage"


NODE_NAMES = ", ".join(("node_id", *NODE_COLUMNS))


def read_records(con: duckdb.DuckDBPyConnection, known: str, judged: Judged) -> None:
    """Read the records, and compute features of those that are new or changed.

    Yields the tables seen (record_id, source_hash: every record of today), fresh (record_id: new or changed), feature
    (of the fresh records), left_record (record_id, node_id: deleted or changed since last time) and record_node
    (record_id, node_id, source_hash: every record of today).
    """
    con.register("judged_pair", pd.DataFrame(list(judged.cannot_link), columns=["a", "b"], dtype="str"))
    try:
        con.execute("CREATE TABLE separate AS SELECT a AS record_id FROM judged_pair UNION SELECT b FROM judged_pair")
    finally:
        con.unregister("judged_pair")
    con.execute(
        f"""
        CREATE VIEW source AS
        SELECT record.*, CASE WHEN separate.record_id IS NULL THEN '' ELSE record_id END AS apart
        FROM {VAULT}.linkage_record AS record LEFT JOIN separate USING (record_id)
        """
    )
    con.execute(
        f"CREATE TABLE seen AS SELECT record_id, hash({', '.join(SOURCE_COLUMNS)}, apart) AS source_hash FROM source"
    )
    con.execute(
        f"CREATE TABLE fresh AS SELECT record_id FROM seen "
        f"ANTI JOIN {known}.identity_record USING (record_id, source_hash)"
    )
    # copy the records where they are few; to copy all of them costs more than to read them again
    con.execute(
        f"CREATE {'VIEW' if known == SCRATCH else 'TABLE'} fresh_source AS "
        "SELECT * FROM source SEMI JOIN fresh USING (record_id)"
    )
    make_features(con, "fresh_source")
    # deleted and changed records leave their nodes
    con.execute(
        f"""
        CREATE TABLE left_record AS
        SELECT record_id, node_id FROM {known}.identity_record ANTI JOIN seen USING (record_id, source_hash)
        """
    )
    con.execute(
        f"""
        CREATE TABLE record_node AS
        SELECT record_id, node_id, source_hash FROM {known}.identity_record
        ANTI JOIN left_record USING (record_id)
        UNION ALL
        SELECT record_id, node_id, source_hash FROM feature JOIN seen USING (record_id)
        """
    )


def settle_nodes(con: duckdb.DuckDBPyConnection, known: str) -> None:
    """Compare the nodes of today with those of last time.

    Yields added (node_id), removed and added_node (with features), kept (nodes of last time that stay), bare_node
    (all nodes of today, without statistics), statistic (of all nodes of today) and dirty (node_id: added, or with
    another statistic than last time).
    """
    names = ", ".join(FEATURES)
    con.execute(
        f"""
        CREATE TABLE added AS SELECT DISTINCT node_id FROM feature ANTI JOIN {known}.identity_node USING (node_id);
        CREATE TABLE removed_id AS SELECT DISTINCT node_id FROM left_record ANTI JOIN record_node USING (node_id);
        CREATE TABLE removed AS {few_nodes(known, "removed_id")};
        -- all records of one node have the same features: take any of them
        CREATE TABLE first_record AS SELECT min(record_id) AS record_id FROM feature SEMI JOIN added USING (node_id)
        GROUP BY node_id;
        CREATE VIEW kept AS SELECT * FROM {known}.identity_node ANTI JOIN removed USING (node_id);
        CREATE VIEW added_node AS SELECT node_id, {names} FROM feature SEMI JOIN first_record USING (record_id);
        CREATE VIEW bare_node AS SELECT node_id, {names} FROM kept UNION ALL FROM added_node;
        """
    )
    con.execute("CREATE VIEW node AS FROM bare_node")
    con.execute(f"CREATE TABLE statistic AS {statistics_sql()}")
    same = " AND ".join(f"statistic.{name} = kept.{name}" for name in STATISTIC_COLUMNS)
    con.execute(
        f"""
        CREATE TABLE dirty AS
        SELECT node_id FROM added
        UNION ALL SELECT node_id FROM kept JOIN statistic USING (node_id) WHERE NOT ({same});
        DROP VIEW node;
        """
    )


def few_nodes(known: str, ids: str) -> str:
    """Return SQL: the nodes of last time whose node_id is in table `ids`, with FEATURES.

    By rowid DuckDB reads only node_id of all rows, and the other columns of the few rows found.
    """
    return (
        f"SELECT node_id, {', '.join(FEATURES)} FROM {known}.identity_node "
        f"WHERE rowid IN (SELECT rowid FROM {known}.identity_node SEMI JOIN {ids} USING (node_id))"
    )


def score_changes(con: duckdb.DuckDBPyConnection, known: str, model: MatchModel) -> dict[str, int]:
    """Find and score the pairs of nodes that a change touches.

    Yields node (with statistics: the nodes that are compared or dirty; in a full rebuild all), new_key, scored (the
    new pairs), renewed (the rows of dirty nodes to write), left_edge (pairs of last time that no longer hold) and
    edge (all pairs of today). Returns what was counted.
    """
    con.execute("CREATE TABLE fresh_node AS SELECT DISTINCT node_id FROM feature")
    if known == SCRATCH:
        con.execute(
            """
            CREATE TABLE node AS SELECT * FROM bare_node JOIN statistic USING (node_id);
            -- free the largest tables: `node` now holds their data
            DROP VIEW bare_node; DROP VIEW added_node; DROP TABLE feature;
            """
        )
        counts = block_pairs(con)
    else:
        counts = block_changed_pairs(con, known)
        con.execute(
            f"""
            CREATE TABLE near AS FROM dirty UNION SELECT join_key_l FROM blocked UNION SELECT join_key_r FROM blocked;
            CREATE TABLE near_node AS {few_nodes(known, "near")} UNION ALL FROM added_node;
            CREATE TABLE node AS SELECT * FROM near_node JOIN statistic USING (node_id);
            """
        )
    if counts.pairs:
        make_scores(con, model)
    else:
        con.execute(f"CREATE TABLE scored AS SELECT * FROM {known}.identity_edge LIMIT 0")
    if known == VAULT:
        # keep a copy: Linkage.write deletes the old rows before it inserts these
        con.execute(f"CREATE TABLE renewed AS SELECT {NODE_NAMES} FROM node SEMI JOIN dirty USING (node_id)")
    con.execute(
        f"""
        CREATE TABLE left_edge AS SELECT * FROM {known}.identity_edge
        WHERE node_id_l IN (SELECT node_id FROM dirty UNION ALL SELECT node_id FROM removed)
           OR node_id_r IN (SELECT node_id FROM dirty UNION ALL SELECT node_id FROM removed);
        CREATE VIEW edge AS
        SELECT * FROM {known}.identity_edge ANTI JOIN left_edge USING (node_id_l, node_id_r)
        UNION ALL SELECT * FROM scored;
        """
    )
    return {
        "records": _count(con, "record_node"),
        "nodes": _count(con, f"{known}.identity_node") - _count(con, "removed") + _count(con, "added"),
        "new_nodes": _count(con, "added"),
        "dirty": _count(con, "dirty"),
        "reopened": counts.reopened,
        "pairs": counts.pairs,
        "edges": _count(con, "scored"),
    }


def _count(con: duckdb.DuckDBPyConnection, table: str) -> int:
    return int(con.execute(f"SELECT count(*) FROM {table}").fetchall()[0][0])
