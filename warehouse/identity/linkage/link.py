"""Keeps the vault's linkage up to date: who is linked to whom, computed anew only where something changed.

The same records, model and judgements give the same clusters, whether they arrive in one run or in many.
"""

import hashlib
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import duckdb
import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from warehouse.identity.judgements import NOTHING_JUDGED, Judged
from warehouse.identity.linkage.clusters import (
    CONTRADICTING,
    EVIDENCE_COLUMNS,
    SIZE_CAP,
    Evidence,
    cluster_pairs,
    contradict,
)
from warehouse.identity.linkage.features import make_features, statistics_sql
from warehouse.identity.linkage.fingerprint import linking_fingerprint
from warehouse.identity.linkage.match import block_changed_pairs, block_pairs, make_records, make_scores
from warehouse.identity.linkage.model import MatchModel
from warehouse.vault.linkage_tables import (
    FEATURES,
    LINKAGE_TABLES,
    NODE_COLUMNS,
    SOURCE_COLUMNS,
    STATISTIC_COLUMNS,
    VAULT,
    beside_vault,
)
from warehouse.vault.schema import LINKAGE_DDL

# a link less likely than this does not bring two clusters together alone: the bridge is left for review
FIRM_PROBABILITY = 0.95
_SCRATCH = "linkage"


_NODE_NAMES = ", ".join(("node_id", *NODE_COLUMNS))
_WRITE_ALL = (
    *(f"DROP TABLE IF EXISTS {table}" for table in LINKAGE_TABLES),
    LINKAGE_DDL,
    f"INSERT INTO identity_record BY NAME FROM {_SCRATCH}.record_node",
    f"INSERT INTO identity_node BY NAME SELECT {_NODE_NAMES} FROM {_SCRATCH}.node",
    f"INSERT INTO identity_key BY NAME FROM {_SCRATCH}.new_key",
    f"INSERT INTO identity_edge BY NAME FROM {_SCRATCH}.edge",
    f"INSERT INTO identity_cluster BY NAME FROM {_SCRATCH}.new_cluster",
    f"INSERT INTO identity_judged FROM {_SCRATCH}.judged_node",
)
_WRITE_CHANGES = (
    f"DELETE FROM identity_record WHERE record_id IN (SELECT record_id FROM {_SCRATCH}.left_record)",
    f"INSERT INTO identity_record BY NAME FROM {_SCRATCH}.record_node SEMI JOIN {_SCRATCH}.fresh USING (record_id)",
    f"DELETE FROM identity_node "
    f"WHERE node_id IN (SELECT node_id FROM {_SCRATCH}.removed UNION ALL FROM {_SCRATCH}.dirty)",
    f"INSERT INTO identity_node BY NAME FROM {_SCRATCH}.renewed",
    f"DELETE FROM identity_key WHERE node_id IN (SELECT node_id FROM {_SCRATCH}.removed)",
    f"INSERT INTO identity_key BY NAME FROM {_SCRATCH}.new_key",
    f"DELETE FROM identity_edge USING {_SCRATCH}.left_edge AS gone "
    "WHERE identity_edge.node_id_l = gone.node_id_l AND identity_edge.node_id_r = gone.node_id_r",
    f"INSERT INTO identity_edge BY NAME FROM {_SCRATCH}.scored",
    f"DELETE FROM identity_cluster WHERE node_id IN (SELECT node_id FROM {_SCRATCH}.left_node)",
    f"INSERT INTO identity_cluster BY NAME FROM {_SCRATCH}.new_cluster",
    "DELETE FROM identity_judged",
    f"INSERT INTO identity_judged FROM {_SCRATCH}.judged_node",
)


@dataclass(frozen=True)
class Linkage:
    """What changed: records in the clusters that were made anew, and how much was done.

    records: record_id, cluster (a label that means nothing beyond this run), order (by which the oldest record of
    a person is known). Counts: records, nodes, new_nodes, dirty, pairs (compared), edges, links.
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
    """Return a hash of everything but the records that decides the linkage: code, tables of names, model, engines."""
    return hashlib.sha256(f"{model.model_dump_json()} {linking_fingerprint()}".encode()).hexdigest()


@contextmanager
def link(con: duckdb.DuckDBPyConnection, model: MatchModel, judged: Judged = NOTHING_JUDGED) -> Iterator[Linkage]:
    """Find out who is linked to whom among the records of view `linkage_record`, as compared with last time.

    Features, blocks, scores and clusters are computed for what is new, gone or touched by either: counts of shared
    values that pass a step, blocks that outgrow their cap. Everything else holds from the last time.

    Args:
        con: The vault, or any database named `vault` with its tables; nothing is written before `Linkage.write`.
        model: Weights and thresholds; another model than last time links everything anew.
        judged: Decisions of people, without contradictions; see `judgements`.

    Yields:
        What changed; valid inside the block.
    """
    state = _one(con, f"SELECT max(made_by) FROM {VAULT}.identity_state")
    maker = model_fingerprint(model)
    with beside_vault(con, _SCRATCH) as scratch:
        known = VAULT if state == maker else _SCRATCH
        if known == _SCRATCH:
            # nothing of the last time holds
            scratch.execute(LINKAGE_DDL)
        _take_in(scratch, known, judged)
        _settle_nodes(scratch, known)
        counts = _compare(scratch, known, model) | _cluster(scratch, known, model, judged)
        yield Linkage(_changed_records(scratch), counts, maker, known == _SCRATCH)


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


def _count(con: duckdb.DuckDBPyConnection, table: str) -> int:
    return int(con.execute(f"SELECT count(*) FROM {table}").fetchall()[0][0])


def _take_in(con: duckdb.DuckDBPyConnection, known: str, judged: Judged) -> None:
    """Make seen (record_id, source_hash), fresh (new or changed records with their features) and record_node."""
    con.register("judged_pair", _pairs_frame(judged.cannot_link))
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
    # few are read once and kept; a copy of all would cost more than reading them again
    con.execute(
        f"CREATE {'VIEW' if known == _SCRATCH else 'TABLE'} fresh_source AS "
        "SELECT * FROM source SEMI JOIN fresh USING (record_id)"
    )
    make_features(con, "fresh_source")
    # records that are gone or changed leave their nodes
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


def _settle_nodes(con: duckdb.DuckDBPyConnection, known: str) -> None:
    """Make added (node_id), removed and added_node (with features), bare_node (all of today), statistic and dirty."""
    names = ", ".join(FEATURES)
    con.execute(
        f"""
        CREATE TABLE added AS SELECT DISTINCT node_id FROM feature ANTI JOIN {known}.identity_node USING (node_id);
        CREATE TABLE removed_id AS SELECT DISTINCT node_id FROM left_record ANTI JOIN record_node USING (node_id);
        CREATE TABLE removed AS {_few_nodes(known, "removed_id")};
        -- records of one node say the same: any of them stands for it
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


def _few_nodes(known: str, ids: str) -> str:
    """SQL of the nodes of last time whose node_id stands in a table; such as are not there are left out.

    To find few rows the engine reads one column of all, and the others of these few.
    """
    return (
        f"SELECT node_id, {', '.join(FEATURES)} FROM {known}.identity_node "
        f"WHERE rowid IN (SELECT rowid FROM {known}.identity_node SEMI JOIN {ids} USING (node_id))"
    )


def _compare(con: duckdb.DuckDBPyConnection, known: str, model: MatchModel) -> dict[str, int]:
    """Make edge: every scored pair of today; and node: with its statistics, whoever is compared or dirty."""
    con.execute("CREATE TABLE fresh_node AS SELECT DISTINCT node_id FROM feature")
    if known == _SCRATCH:
        con.execute(
            """
            CREATE TABLE node AS SELECT * FROM bare_node JOIN statistic USING (node_id);
            -- what is most of the memory, and in `node` again
            DROP VIEW bare_node; DROP VIEW added_node; DROP TABLE feature;
            """
        )
        counts = block_pairs(con)
    else:
        counts = block_changed_pairs(con, known)
        con.execute(
            f"""
            CREATE TABLE near AS FROM dirty UNION SELECT join_key_l FROM blocked UNION SELECT join_key_r FROM blocked;
            CREATE TABLE near_node AS {_few_nodes(known, "near")} UNION ALL FROM added_node;
            CREATE TABLE node AS SELECT * FROM near_node JOIN statistic USING (node_id);
            """
        )
    if counts.pairs:
        make_scores(con, model)
    else:
        con.execute(f"CREATE TABLE scored AS SELECT * FROM {known}.identity_edge LIMIT 0")
    if known == VAULT:
        # what is written must not depend on what is deleted just before
        con.execute(f"CREATE TABLE renewed AS SELECT {_NODE_NAMES} FROM node SEMI JOIN dirty USING (node_id)")
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


def _pairs_frame(pairs: Collection[tuple[str, str]]) -> pd.DataFrame:
    return pd.DataFrame(list(pairs), columns=["a", "b"], dtype="str")


def _node_pairs(con: duckdb.DuckDBPyConnection, pairs: Collection[tuple[str, str]]) -> list[tuple[int, int]]:
    """The nodes of pairs of records; records that are away today, and pairs within one node, are left out."""
    if not pairs:
        return []
    con.register("judged_pairs", _pairs_frame(pairs))
    try:
        return con.execute(
            """
            SELECT DISTINCT least(one.node_id, other.node_id), greatest(one.node_id, other.node_id)
            FROM judged_pairs
            JOIN record_node AS one ON one.record_id = judged_pairs.a
            JOIN record_node AS other ON other.record_id = judged_pairs.b
            WHERE one.node_id <> other.node_id ORDER BY ALL
            """
        ).fetchall()
    finally:
        con.unregister("judged_pairs")


def _cluster(con: duckdb.DuckDBPyConnection, known: str, model: MatchModel, judged: Judged) -> dict[str, int]:
    """Make new_cluster (node_id, cluster, component): of the nodes whose component something touched."""
    must_link, cannot_link = _node_pairs(con, judged.must_link), _node_pairs(con, judged.cannot_link)
    con.register("judged_nodes", pd.DataFrame({"node_id": _flat(must_link + cannot_link)}, dtype="uint64"))
    try:
        con.execute(
            f"""
            CREATE TABLE touched AS
            SELECT node_id FROM dirty UNION SELECT node_id FROM removed UNION SELECT node_id FROM left_record
            -- a new record that says the same as known ones changes no node, and belongs to their person all the same
            UNION SELECT node_id FROM fresh_node
            UNION SELECT node_id_l FROM scored UNION SELECT node_id_r FROM scored
            UNION SELECT node_id_l FROM left_edge UNION SELECT node_id_r FROM left_edge
            UNION SELECT node_id FROM judged_nodes
            UNION SELECT node_id FROM {known}.identity_judged
            """
        )
        con.execute("CREATE TABLE judged_node AS SELECT DISTINCT node_id FROM judged_nodes")
    finally:
        con.unregister("judged_nodes")
    con.execute(
        f"""
        CREATE TABLE opened AS
        SELECT DISTINCT component FROM {known}.identity_cluster SEMI JOIN touched USING (node_id);
        CREATE TABLE left_node AS SELECT node_id FROM {known}.identity_cluster SEMI JOIN opened USING (component);
        CREATE TABLE affected AS
        SELECT node_id FROM left_node ANTI JOIN removed USING (node_id) UNION SELECT node_id FROM added;
        """
    )
    if known == VAULT:
        con.execute(
            f"CREATE TABLE affected_node AS SELECT * FROM ({_few_nodes(known, 'affected')}) UNION ALL FROM added_node"
        )
    else:
        con.execute("CREATE VIEW affected_node AS FROM node")
    links = con.execute(
        f"""
        SELECT node_id_l, node_id_r, match_weight FROM edge
        SEMI JOIN affected ON affected.node_id = edge.node_id_l
        WHERE match_weight >= {model.link_weight!r} AND NOT household
        """
    ).df()
    nodes = np.asarray(con.execute("SELECT node_id FROM affected ORDER BY node_id").fetchnumpy()["node_id"])
    components = label_components(nodes, links, must_link)
    con.register("labelled", pd.DataFrame({"node_id": nodes, "component": components}))
    try:
        con.execute("CREATE TABLE component AS SELECT * FROM labelled")
    finally:
        con.unregister("labelled")
    labels = _split(con, model, links, must_link, cannot_link)
    con.register("split_cluster", pd.DataFrame({"node_id": labels.keys(), "cluster": labels.values()}, dtype="uint64"))
    try:
        con.execute(
            """
            CREATE TABLE new_cluster AS
            SELECT node_id, coalesce(split_cluster.cluster, component) AS cluster, component
            FROM component LEFT JOIN split_cluster USING (node_id)
            """
        )
    finally:
        con.unregister("split_cluster")
    return {"affected": len(nodes), "links": len(links)}


def _flat(pairs: Collection[tuple[int, int]]) -> list[int]:
    return sorted({node for pair in pairs for node in pair})


def label_components(
    nodes: NDArray[np.uint64], links: pd.DataFrame, must_link: Collection[tuple[int, int]]
) -> NDArray[np.uint64]:
    """Return the smallest node of each node's connected component; `nodes` are sorted."""
    ends = np.array(list(must_link), dtype="uint64").reshape(-1, 2)
    left = np.searchsorted(nodes, np.concatenate([links["node_id_l"].to_numpy(dtype="uint64"), ends[:, 0]]))
    right = np.searchsorted(nodes, np.concatenate([links["node_id_r"].to_numpy(dtype="uint64"), ends[:, 1]]))
    graph = coo_array((np.ones(len(left), dtype="int8"), (left, right)), shape=(len(nodes), len(nodes)))
    count, label = connected_components(graph, directed=False)
    # nodes are sorted: the first of a component is its smallest
    smallest = np.full(count, len(nodes), dtype="int64")
    np.minimum.at(smallest, label, np.arange(len(nodes)))
    return np.asarray(nodes[smallest[label]])


def _split(
    con: duckdb.DuckDBPyConnection,
    model: MatchModel,
    links: pd.DataFrame,
    must_link: Collection[tuple[int, int]],
    cannot_link: Collection[tuple[int, int]],
) -> dict[int, int]:
    """Return node -> cluster for the components that may have to be split; in the others all is one cluster.

    A component in which nothing stated differs, no household pair lies, no link is weak and nobody judged cannot be
    split.
    """
    firm_weight = model.calibration.weight(FIRM_PROBABILITY)
    differ = " OR ".join(f"count(DISTINCT nullif({name}, '')) > 1" for name in CONTRADICTING)
    con.execute(
        f"""
        CREATE TABLE doubtful AS
        SELECT component FROM component JOIN affected_node USING (node_id)
        GROUP BY component HAVING count(*) > 1 AND (count(*) > {SIZE_CAP} OR {differ})
        UNION
        SELECT component FROM component SEMI JOIN (
            SELECT node_id_l AS node_id FROM edge WHERE household
        ) USING (node_id)
        UNION
        SELECT component FROM component SEMI JOIN judged_node USING (node_id)
        UNION
        SELECT component FROM component SEMI JOIN (
            SELECT node_id_l AS node_id FROM edge
            WHERE NOT household AND match_weight >= {model.link_weight!r} AND match_weight < {firm_weight!r}
        ) USING (node_id)
        """
    )
    con.execute("CREATE TABLE doubtful_node AS SELECT node_id FROM component SEMI JOIN doubtful USING (component)")
    stated = {
        row[0]: Evidence(*row[1:])
        for row in con.execute(
            f"SELECT node_id, {', '.join(EVIDENCE_COLUMNS)} FROM affected_node SEMI JOIN doubtful_node USING (node_id)"
        ).fetchall()
    }
    households = set(
        con.execute(
            """
            SELECT node_id_l, node_id_r FROM edge
            SEMI JOIN doubtful_node ON doubtful_node.node_id = edge.node_id_l WHERE household
            """
        ).fetchall()
    )
    inside = links[links["node_id_l"].isin(list(stated))]
    return cluster_pairs(
        inside.itertuples(index=False, name=None),
        lambda one, other: (min(one, other), max(one, other)) in households or contradict(stated[one], stated[other]),
        must_link=must_link,
        cannot_link=cannot_link,
        firm_weight=firm_weight,
    )


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
