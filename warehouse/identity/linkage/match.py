"""Scores pairs of nodes by the model's weights, with Splink.

Of the linkage the only module that imports Splink. Tables are those of the connection's current database.
"""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import duckdb
import pandas as pd

from warehouse.identity.linkage.comparison import ELSE_LEVEL, HOUSEHOLD_LEVEL, NULL_LEVEL, level_names
from warehouse.identity.linkage.comparisons import COMPARISONS
from warehouse.identity.linkage.conditions import SHARED_PHONE
from warehouse.identity.linkage.model import MatchModel
from warehouse.identity.linkage.name_comparison import UNLIKE_LEVELS, UNLIKE_NAMES
from warehouse.vault.linkage_tables import NODE_COLUMNS

# sums of floats in another order differ by less
_ROUNDING = 1e-9


def splink_settings(model: MatchModel, *, keep_levels: bool = True) -> dict[str, Any]:
    """Return the model as Splink's settings; every level carries its trained weights.

    Args:
        model: The weights.
        keep_levels: Whether Splink returns each comparison's level (gamma_*), and the columns that it read.
    """
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
        # Splink returns the level (gamma_*) only together with the columns that it read
        "retain_matching_columns": keep_levels,
        "retain_intermediate_calculation_columns": False,
    }


def score_pairs(con: duckdb.DuckDBPyConnection, model: MatchModel, *, keep_levels: bool = False) -> pd.DataFrame:
    """Compare the pairs of table `blocked`.

    Returns:
        node_id_l, node_id_r, match_weight (log2 of the odds), household (another name on one phone); pairs from
        the model's review weight on. With `keep_levels` all pairs, and gamma_<comparison>: the level's number.
    """
    make_scores(con, model, keep_levels=keep_levels)
    scored = con.execute("SELECT * FROM scored ORDER BY node_id_l, node_id_r").df()
    con.execute("DROP TABLE scored")
    return scored


def most_weight_sql(model: MatchModel) -> str:
    """Return SQL: the highest match weight that a pair can reach, whatever the letters of its names.

    To compare names takes most of the time. So everything else is compared first, by the model's levels and weights.
    """
    parts = [_number(model.prior_weight)]
    for item in COMPARISONS:
        if item.name == "name":
            unlike = max(model.match_weight("name", level) for level in UNLIKE_LEVELS)
            # a missing name adds no weight
            most = max(0.0, *(model.match_weight("name", level) for level in level_names(item)))
            parts.append(f"CASE WHEN {UNLIKE_NAMES} THEN {_number(unlike)} ELSE {_number(most)} END")
        else:
            levels = " ".join(
                f"WHEN {sql} THEN {_number(model.match_weight(item.name, name))}" for name, sql in item.levels
            )
            other = _number(model.match_weight(item.name, ELSE_LEVEL))
            parts.append(f"CASE WHEN {item.null} THEN 0::DOUBLE {levels} ELSE {other} END")
    return " + ".join(parts)


@contextmanager
def _each_level_alone(con: duckdb.DuckDBPyConnection) -> Iterator[None]:
    """Stop DuckDB from computing common parts of levels for every pair, before the cheap conditions that guard them."""
    con.execute("SET disabled_optimizers = 'common_subexpressions'")
    try:
        yield
    finally:
        con.execute("RESET disabled_optimizers")


def _number(value: float) -> str:
    # without the cast DuckDB reads a DECIMAL
    return f"({value!r}::DOUBLE)"


def _keep_promising(con: duckdb.DuckDBPyConnection, model: MatchModel) -> None:
    """Drop the pairs of table `blocked` that cannot reach the model's review weight."""
    weight = most_weight_sql(model)
    columns = _columns_of_both(weight)
    with _each_level_alone(con):
        con.execute(
            f"""
            CREATE TABLE promising AS
            SELECT match_key, join_key_l, join_key_r FROM (
                SELECT blocked.*, {columns} FROM blocked
                JOIN compared_node AS one ON one.node_id = join_key_l
                JOIN compared_node AS other ON other.node_id = join_key_r
            )
            WHERE {weight} >= {model.review_weight - _ROUNDING!r}
            """
        )
    con.execute("DROP TABLE blocked; ALTER TABLE promising RENAME TO blocked")


def make_scores(con: duckdb.DuckDBPyConnection, model: MatchModel, *, keep_levels: bool = False) -> None:
    """Make table `scored`, the columns of `score_pairs`, from tables `node` and `blocked`."""
    from splink import Linker
    from splink.backends.duckdb import DuckDBAPI

    _prepare_nodes(con)
    if not keep_levels:
        _keep_promising(con, model)
    api = DuckDBAPI(connection=con)
    settings = splink_settings(model, keep_levels=keep_levels)
    linker = Linker(api.register("compared_node"), settings, log_level=logging.WARNING, validate_settings=False)
    linker.table_management.register_blocked_pairs_for_predict(api.register("blocked"))
    with _each_level_alone(con):
        # with a threshold here DuckDB would score every pair twice: to filter, and to return the weight
        predicted = linker.inference.predict(threshold_match_weight=None, warning_mode="never")
        con.execute(f"CREATE TABLE scored AS {_scored_sql(predicted.physical_name, model, keep_levels)}")
    predicted.drop_table_from_database_and_remove_from_cache()
    con.execute("DROP VIEW compared_node; DROP TABLE IF EXISTS few_node")


def _prepare_nodes(con: duckdb.DuckDBPyConnection) -> None:
    """Make view compared_node: the nodes that the pairs of table `blocked` need, with the words of their names."""
    pairs, nodes = con.execute("SELECT (SELECT count(*) FROM blocked), (SELECT count(*) FROM node)").fetchall()[0]
    source = "node"
    if pairs * 4 < nodes:
        # Splink reads the nodes several times: where it needs few of them, a copy is cheaper
        source = "few_node"
        con.execute(
            """
            CREATE TABLE few_node AS SELECT * FROM node SEMI JOIN (
                SELECT join_key_l AS node_id FROM blocked UNION ALL SELECT join_key_r FROM blocked
            ) USING (node_id)
            """
        )
    con.execute(f"CREATE VIEW compared_node AS SELECT *, string_split(name_key, ' ') AS name_words FROM {source}")


def _scored_sql(predicted: str, model: MatchModel, keep_levels: bool) -> str:
    """Return SQL: the pairs from the review weight on, and whether each is a household; with levels, all pairs.

    The household level is computed a second time, for these few pairs: Splink returns a level only together with all
    columns that it read, which costs more.
    """
    named = {item.name: item for item in COMPARISONS}
    name = named["name"]
    before = [sql for level, sql in name.levels[: level_names(name).index(HOUSEHOLD_LEVEL)]]
    not_named = " ".join(f"WHEN {sql} THEN FALSE" for sql in (name.null, *before))
    agreed = " OR ".join(
        f"(NOT ({item.null}) AND ({' OR '.join(sql for _, sql in item.levels)}))"
        for item in (named["national_id"], named["member"])
    )
    household = f"CASE WHEN NOT {SHARED_PHONE} THEN FALSE {not_named} WHEN {agreed} THEN FALSE ELSE TRUE END"
    gammas = "".join(f", gamma_{item.name}" for item in COMPARISONS) if keep_levels else ""
    kept = "" if keep_levels else f"WHERE match_weight >= {model.review_weight!r}"
    return f"""
    SELECT node_id_l, node_id_r, match_weight, {household} AS household{gammas} FROM (
        SELECT node_id_l, node_id_r, match_weight, {_columns_of_both(household)}{gammas} FROM {predicted}
        JOIN compared_node AS one ON one.node_id = node_id_l JOIN compared_node AS other ON other.node_id = node_id_r
        {kept}
    )
    """


def _columns_of_both(condition: str) -> str:
    """Return the columns of two nodes, `one` and `other`, that a condition on _l and _r reads."""
    known = (*NODE_COLUMNS, "name_words")
    used = [name for name in known if f"{name}_l" in condition or f"{name}_r" in condition]
    return ", ".join(f"one.{name} AS {name}_l, other.{name} AS {name}_r" for name in used)
