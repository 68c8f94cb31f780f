"""From records to scored pairs and clusters: nodes, bounded blocks, and Splink's scoring by the model's weights.

The only module that imports Splink. Cluster labels are the smallest member's id and never leave this package:
one new record renames them.
"""

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import duckdb
import pandas as pd

from warehouse.identity.clusters import Evidence, cluster_pairs, contradict
from warehouse.identity.features import identity_features
from warehouse.identity.model import (
    BLOCKING_KEYS,
    COMPARISONS,
    ELSE_LEVEL,
    HOUSEHOLD_LEVEL,
    NULL_LEVEL,
    MatchModel,
    level_names,
)


@dataclass(frozen=True)
class Resolution:
    """Clusters (record_id, cluster), scored pairs of nodes (record_id_l, record_id_r, match_weight), counts."""

    clusters: pd.DataFrame
    edges: pd.DataFrame
    counts: dict[str, int] = field(default_factory=dict)


def make_nodes(con: duckdb.DuckDBPyConnection, records: pd.DataFrame) -> pd.DataFrame:
    """Make table `node`, one row per distinct identity; returns record_id, node_id (an integer).

    Identical records collapse into one node before anything is compared: somebody with ten courses is one node.
    Nodes are numbered by their smallest record, so that the order of rows decides nothing.
    """
    features = identity_features(records)
    con.register("feature", features)
    names = ", ".join(name for name in features.columns if name != "record_id")
    try:
        con.execute(
            f"""
            CREATE TABLE same AS
            SELECT row_number() OVER (ORDER BY min(record_id)) AS node_id, list(record_id) AS record_ids, {names}
            FROM feature GROUP BY {names}
            """  # noqa: S608 - names of ours
        )
    finally:
        con.unregister("feature")
    con.execute(
        f"""
        CREATE TABLE node AS
        WITH phone AS (
            SELECT number, count(DISTINCT name_skeleton) AS names
            FROM (SELECT phone_1 AS number, name_skeleton FROM same
                  UNION ALL SELECT phone_2, name_skeleton FROM same)
            WHERE number <> '' GROUP BY number
        )
        SELECT node_id, {names},
               count(*) OVER (PARTITION BY country, name_key) AS name_count,
               greatest(coalesce(one.names, 0), coalesce(two.names, 0)) AS phone_names
        FROM same
        LEFT JOIN phone AS one ON one.number = same.phone_1
        LEFT JOIN phone AS two ON two.number = same.phone_2
        ORDER BY node_id
        """  # noqa: S608 - names of ours
    )
    members = con.execute("SELECT node_id, unnest(record_ids) AS record_id FROM same").df()
    con.execute("DROP TABLE same")
    return members


def block_pairs(con: duckdb.DuckDBPyConnection) -> None:
    """Make table `blocked`, every pair of nodes that shares a key of at most `cap` nodes, once.

    Splink scores the pairs it is given. Its own blocking rules compare one column with one column, and would need
    a rule for each order of two phones or two forms of a name; neither would a rule be bounded.
    """
    con.execute("CREATE TABLE found (join_key_l BIGINT, join_key_r BIGINT)")
    for rule in BLOCKING_KEYS:
        # a hash is enough: two keys that collide cost one comparison
        keys = " UNION ".join(
            f"SELECT node_id, hash({key}) AS key FROM node WHERE {key} IS NOT NULL"  # noqa: S608 - expressions of ours
            for key in rule.keys
        )
        con.execute(
            f"""
            INSERT INTO found
            WITH keyed AS ({keys}),
            bounded AS (SELECT key FROM keyed GROUP BY key HAVING count(*) BETWEEN 2 AND {rule.cap}),
            kept AS (SELECT node_id, key FROM keyed SEMI JOIN bounded USING (key))
            SELECT one.node_id, other.node_id FROM kept AS one JOIN kept AS other USING (key)
            WHERE one.node_id < other.node_id
            """  # noqa: S608 - expressions of ours
        )
    con.execute("CREATE TABLE blocked AS SELECT DISTINCT '0' AS match_key, join_key_l, join_key_r FROM found")
    con.execute("DROP TABLE found")


def splink_settings(model: MatchModel) -> dict[str, Any]:
    """Return the model as Splink's settings; every level carries its trained weights."""
    comparisons = []
    for item in COMPARISONS:
        weights = model.comparisons[item.name]
        levels: list[dict[str, Any]] = [
            {"sql_condition": item.null, "label_for_charts": NULL_LEVEL, "is_null_level": True}
        ]
        for name, sql in (*item.levels, (ELSE_LEVEL, "ELSE")):
            levels.append(
                {
                    "sql_condition": sql,
                    "label_for_charts": name,
                    "m_probability": weights[name].m,
                    "u_probability": weights[name].u,
                }
            )
        comparisons.append({"output_column_name": item.name, "comparison_levels": levels})
    return {
        "link_type": "dedupe_only",
        "unique_id_column_name": "node_id",
        "probability_two_random_records_match": model.prior,
        # pairs come from block_pairs
        "blocking_rules_to_generate_predictions": ["FALSE"],
        "comparisons": comparisons,
        # Splink names the level (gamma_*) only beside the columns it was judged by
        "retain_matching_columns": True,
        "retain_intermediate_calculation_columns": False,
    }


def score_pairs(con: duckdb.DuckDBPyConnection, model: MatchModel, *, keep_levels: bool = False) -> pd.DataFrame:
    """Compare the pairs of table `blocked`.

    Returns:
        node_id_l, node_id_r, match_weight (log2 of the odds), household (another name on one phone); pairs from
        the model's review weight on. With `keep_levels` all pairs, and gamma_<comparison>: the level's number.
    """
    from splink import Linker
    from splink.backends.duckdb import DuckDBAPI

    api = DuckDBAPI(connection=con)
    linker = Linker(api.register("node"), splink_settings(model), log_level=logging.WARNING, validate_settings=False)
    linker.table_management.register_blocked_pairs_for_predict(api.register("blocked"))
    predicted = linker.inference.predict(
        threshold_match_weight=None if keep_levels else model.review_weight, warning_mode="never"
    )
    gammas = "".join(f", gamma_{item.name}" for item in COMPARISONS) if keep_levels else ""
    scored = con.execute(
        f"""
        SELECT node_id_l, node_id_r, match_weight,
               gamma_name = {_level_number("name", HOUSEHOLD_LEVEL)} AND gamma_national_id <= 0 AND gamma_member <= 0
                   AS household{gammas}
        FROM {predicted.physical_name} ORDER BY node_id_l, node_id_r
        """  # noqa: S608 - names of ours
    ).df()
    predicted.drop_table_from_database_and_remove_from_cache()
    return scored


def _level_number(comparison: str, level: str) -> int:
    """Splink numbers levels downwards: `other` is 0, the first is the highest, -1 is not stated."""
    names = level_names(next(item for item in COMPARISONS if item.name == comparison))
    return len(names) - 1 - names.index(level)


def _evidence(con: duckdb.DuckDBPyConnection, nodes: pd.DataFrame) -> dict[int, Evidence]:
    """What can speak against a merge, of the nodes that have a link."""
    con.register("linked", nodes)
    try:
        rows = con.execute("SELECT node_id, national, sex, birth FROM node SEMI JOIN linked USING (node_id)").fetchall()
    finally:
        con.unregister("linked")
    return {row[0]: Evidence(*row[1:]) for row in rows}


def resolve(records: pd.DataFrame, model: MatchModel, *, memory_limit: str = "2GB", threads: int = 2) -> Resolution:
    """Return which records are one person.

    Args:
        records: One row per record_id, columns of TRAINING_LOG_COLUMNS; may be empty.
        model: Weights and threshold.
        memory_limit: DuckDB's limit for the comparisons.
        threads: DuckDB's threads; the result is the same for any number.
    """
    if records.empty:
        return Resolution(
            pd.DataFrame({"record_id": [], "cluster": []}, dtype="str"),
            pd.DataFrame({"record_id_l": [], "record_id_r": [], "match_weight": [], "household": []}),
            {"records": 0, "nodes": 0, "pairs": 0, "links": 0},
        )
    con = duckdb.connect(":memory:", config={"memory_limit": memory_limit, "threads": threads})
    try:
        # nothing about a person may spill into a folder that nobody guards
        con.execute("SET temp_directory = ''")
        members = make_nodes(con, records)
        block_pairs(con)
        pairs = con.execute("SELECT count(*) FROM blocked").fetchall()[0][0]
        edges = score_pairs(con, model)
        links = edges[(edges["match_weight"] >= model.link_weight) & ~edges["household"]]
        evidence = _evidence(
            con, pd.DataFrame({"node_id": pd.concat([links["node_id_l"], links["node_id_r"]]).unique()})
        )
    finally:
        con.close()
    labels = link_clusters(links, edges.loc[edges["household"], ["node_id_l", "node_id_r"]], evidence)
    names = members.groupby("node_id")["record_id"].min()
    cluster = members["node_id"].map(labels).fillna(members["node_id"]).astype("int64").map(names)
    clusters = pd.DataFrame({"record_id": members["record_id"], "cluster": cluster})
    return Resolution(
        clusters.sort_values("record_id", ignore_index=True),
        pd.DataFrame(
            {
                "record_id_l": edges["node_id_l"].map(names),
                "record_id_r": edges["node_id_r"].map(names),
                "match_weight": edges["match_weight"],
                "household": edges["household"],
            }
        ),
        {"records": len(records), "nodes": len(names), "pairs": pairs, "links": len(links)},
    )


def link_clusters(links: pd.DataFrame, households: pd.DataFrame, evidence: Mapping[int, Evidence]) -> dict[int, int]:
    """Return node -> smallest node of its cluster, of all nodes that have a link."""
    apart = {(left, right) for left, right in households.itertuples(index=False, name=None)}
    pairs = links[["node_id_l", "node_id_r", "match_weight"]].itertuples(index=False, name=None)
    return cluster_pairs(
        pairs,
        lambda one, other: (min(one, other), max(one, other)) in apart or contradict(evidence[one], evidence[other]),
    )
