"""Clusters the nodes that a change touches: connected components first, then a split of those in doubt."""

from collections.abc import Collection

import duckdb
import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from warehouse.identity.judgements import Judged
from warehouse.identity.linkage.changes import few_nodes
from warehouse.identity.linkage.clusters import (
    CONTRADICTING,
    EVIDENCE_COLUMNS,
    FIRM_PROBABILITY,
    SIZE_CAP,
    Evidence,
    cluster_pairs,
    contradict,
)
from warehouse.identity.linkage.model import MatchModel
from warehouse.vault.linkage_tables import VAULT


def _pairs_frame(pairs: Collection[tuple[str, str]]) -> pd.DataFrame:
    return pd.DataFrame(list(pairs), columns=["a", "b"], dtype="str")


def _node_pairs(con: duckdb.DuckDBPyConnection, pairs: Collection[tuple[str, str]]) -> list[tuple[int, int]]:
    """Return the pairs of nodes of pairs of records, without records that are not in the linkage today.

    Pairs of records of one node are left out too.
    """
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


def cluster_nodes(con: duckdb.DuckDBPyConnection, known: str, model: MatchModel, judged: Judged) -> dict[str, int]:
    """Cluster again the nodes of every component that a change touches.

    Yields judged_node (node_id: nodes of a judged pair), left_node (nodes of last time that are clustered again),
    affected and affected_node (today's nodes to cluster, the latter with features), component (of each of them) and
    new_cluster (node_id, cluster, component). Returns what was counted.
    """
    must_link, cannot_link = _node_pairs(con, judged.must_link), _node_pairs(con, judged.cannot_link)
    con.register("judged_nodes", pd.DataFrame({"node_id": _flat(must_link + cannot_link)}, dtype="uint64"))
    try:
        con.execute(
            f"""
            CREATE TABLE touched AS
            SELECT node_id FROM dirty UNION SELECT node_id FROM removed UNION SELECT node_id FROM left_record
            -- a new record with the features of a known node changes no node, but joins the person of that node
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
            f"CREATE TABLE affected_node AS SELECT * FROM ({few_nodes(known, 'affected')}) UNION ALL FROM added_node"
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
    """Return node -> cluster of the components in doubt; every other component is one cluster as a whole.

    In doubt are components with stated values that differ, a household pair, a weak link, a judged pair, or more
    than SIZE_CAP nodes. Yields the table doubtful_node (node_id).
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
