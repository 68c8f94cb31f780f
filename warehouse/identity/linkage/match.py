"""From nodes to scored pairs: bounded blocks, and Splink's scoring by the model's weights.

Beside charts and baselines the only module that imports Splink. Tables are those of the connection's current database.
"""

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import duckdb
import pandas as pd

from warehouse.identity.linkage.blocking import BLOCKING_KEYS, BlockingKey
from warehouse.identity.linkage.comparisons import (
    COMPARISONS,
    ELSE_LEVEL,
    HOUSEHOLD_LEVEL,
    NULL_LEVEL,
    SHARED_PHONE,
    UNLIKE_LEVELS,
    UNLIKE_NAMES,
    level_names,
    share_pairs,
)
from warehouse.identity.linkage.features import make_features, statistics_sql
from warehouse.identity.linkage.model import MatchModel
from warehouse.vault.linkage_tables import FEATURES, NODE_COLUMNS

# sums of floats in another order differ by less
_ROUNDING = 1e-9


@dataclass(frozen=True)
class PairCounts:
    """Pairs that were compared, and nodes that a block was closed to or opened for."""

    pairs: int = 0
    reopened: int = 0


def make_nodes(con: duckdb.DuckDBPyConnection, records: pd.DataFrame) -> pd.DataFrame:
    """Make table `node`, one row per distinct identity; returns record_id, node_id.

    Args:
        con: Its current database takes the tables.
        records: One row per record_id, columns of TRAINING_LOG_COLUMNS.
    """
    make_records(con, "record", records)
    make_features(con, "record")
    con.execute(f"CREATE TABLE node AS SELECT DISTINCT node_id, {', '.join(FEATURES)} FROM feature")
    add_statistics(con)
    members = con.execute("SELECT record_id, node_id FROM feature ORDER BY record_id").df()
    con.execute("DROP TABLE feature; DROP TABLE record")
    return members


def make_records(con: duckdb.DuckDBPyConnection, table: str, records: pd.DataFrame) -> None:
    """Make a table of records for linkage from a frame, typed as the vault types them."""
    from schemas.columns import COLUMNS, TRAINING_LOG_COLUMNS

    columns = ", ".join(f"CAST({name} AS {COLUMNS[name].type}) AS {name}" for name in TRAINING_LOG_COLUMNS)
    # sorted also to be a copy: the engine misreads columns of objects that are a view of another frame
    con.register("given_records", records[list(TRAINING_LOG_COLUMNS)].sort_values("record_id", ignore_index=True))
    try:
        con.execute(f"CREATE TABLE {table} AS SELECT {columns}, '' AS apart FROM given_records")
    finally:
        con.unregister("given_records")


def add_statistics(con: duckdb.DuckDBPyConnection) -> None:
    """Give table `node` the columns of STATISTICS."""
    con.execute(f"CREATE TABLE counted AS {statistics_sql()}")
    con.execute("ALTER TABLE node RENAME TO bare_node")
    con.execute("CREATE TABLE node AS SELECT * FROM bare_node JOIN counted USING (node_id)")
    con.execute("DROP TABLE bare_node; DROP TABLE counted")


# the last bits of a key say of which kind it is: its place in BLOCKING_KEYS
_KINDS = 32
KIND = f"(key % {_KINDS})"


def _keyed(place: int, rule: BlockingKey, nodes: str, *beside: str) -> str:
    """SQL of node_id and key, a row for each key that a node has of one kind; what `_alike` reads beside them."""
    more = "".join(f", {name}" for name in (*(("name_pairs", "name_script") if rule.alike else ()), *beside))
    # a hash is enough: two keys that collide cost one comparison. A node has each key once, or it would fill its block
    selects = []
    for number, key in enumerate(rule.keys):
        others = "".join(f" AND {key} IS DISTINCT FROM {other}" for other in rule.keys[:number])
        hashed = f"hash({key}) // {_KINDS} * {_KINDS} + {place}"
        selects.append(f"SELECT node_id, {hashed} AS key{more} FROM {nodes} WHERE {key} IS NOT NULL{others}")
    return " UNION ALL ".join(selects)


def alike_names(one: str, other: str) -> str:
    """Return SQL: the names of two nodes, where they are of one script, share most letter pairs."""
    shared = share_pairs(f"{one}.name_pairs", f"{other}.name_pairs")
    return f"({one}.name_script <> {other}.name_script OR {shared})"


def _alike(rule: BlockingKey, one: str, other: str) -> str:
    """Condition that two names are alike, where the key asks for it."""
    return alike_names(one, other) if rule.alike else "TRUE"


def all_keys(nodes: str) -> str:
    """Return SQL of node_id and key (a hash, which KIND takes apart), a row for each key of each node."""
    return " UNION ALL ".join(
        f"SELECT node_id, key FROM ({_keyed(place, rule, nodes)})" for place, rule in enumerate(BLOCKING_KEYS)
    )


def block_pairs(con: duckdb.DuckDBPyConnection) -> PairCounts:
    """Make table `blocked`, every pair of nodes that shares a key of at most `cap` nodes, once; and table `new_key`.

    Splink scores the pairs it is given. Its own blocking rules compare one column with one column, and would need
    a rule for each order of two phones or two forms of a name; neither would a rule be bounded.
    """
    _open_blocks(con)
    con.execute("CREATE TABLE new_key (node_id UBIGINT, key UBIGINT)")
    for place, rule in enumerate(BLOCKING_KEYS):
        con.execute(f"CREATE TABLE keyed AS SELECT *, TRUE AS is_asked FROM ({_keyed(place, rule, 'node')})")
        con.execute("INSERT INTO new_key SELECT node_id, key FROM keyed")
        _find_pairs(con, rule)
    return PairCounts(_close_blocks(con))


def block_across(con: duckdb.DuckDBPyConnection, asked: str, known: str, more: Sequence[BlockingKey] = ()) -> int:
    """Make table `blocked`, every pair of an `asked` and a `known` node of one country that share a key, once.

    Blocks are bounded by the known nodes in them. Returns how many pairs there are.

    Args:
        con: Its current database takes the table.
        asked: Table with node_id and FEATURES; what `more` reads beside them.
        known: The same; its nodes differ from those of `asked`.
        more: Keys beside BLOCKING_KEYS.
    """
    _open_blocks(con)
    for place, rule in enumerate((*BLOCKING_KEYS, *more)):
        con.execute(
            f"""
            INSERT INTO found
            WITH asking AS MATERIALIZED ({_keyed(place, rule, asked, "country")}),
            asked_key AS MATERIALIZED (SELECT DISTINCT key FROM asking),
            known_key AS MATERIALIZED (
                SELECT * FROM ({_keyed(place, rule, known, "country")}) SEMI JOIN asked_key USING (key)
            ),
            bounded AS (SELECT key FROM known_key GROUP BY key HAVING count(DISTINCT node_id) <= {rule.cap})
            SELECT least(one.node_id, other.node_id), greatest(one.node_id, other.node_id)
            FROM asking AS one JOIN bounded USING (key) JOIN known_key AS other USING (key)
            WHERE one.country = other.country AND {_alike(rule, "one", "other")}
            """
        )
    return _close_blocks(con)


def block_changed_pairs(con: duckdb.DuckDBPyConnection, known: str) -> PairCounts:
    """Make table `blocked` of the pairs that a change touches, and add to table `dirty` whom it touches.

    Reads `bare_node` (all of today, without statistics), `added_node` and `removed` (those that are new, or gone),
    `dirty` (node_id: new, or with another statistic) and the keys of last time. Where a block outgrows its cap, or
    falls below it again, its members are dirty too: all pairs of a dirty node are compared again, and no other pair
    can have changed. Makes `new_key`, the keys of the new.

    Args:
        con: Its current database holds the tables.
        known: The database of last time's `identity_key`.
    """
    caps = ", ".join(f"({place}, {rule.cap})" for place, rule in enumerate(BLOCKING_KEYS))
    con.execute(
        f"""
        CREATE TABLE new_key AS {all_keys("added_node")};
        CREATE VIEW block_key AS
        SELECT node_id, key FROM {known}.identity_key ANTI JOIN removed USING (node_id) UNION ALL FROM new_key;
        CREATE TABLE reopened AS
        WITH moved AS (
            SELECT key, 1 AS step FROM new_key UNION ALL SELECT key, -1 FROM ({all_keys("removed")})
        ),
        change AS MATERIALIZED (SELECT key, sum(step) AS growth FROM moved GROUP BY key HAVING sum(step) <> 0),
        member AS MATERIALIZED (SELECT * FROM block_key JOIN change USING (key)),
        crossed AS (
            SELECT key FROM member JOIN (VALUES {caps}) AS named(kind, cap) ON kind = {KIND} GROUP BY key
            HAVING (count(*) <= any_value(cap)) <> (count(*) - any_value(growth) <= any_value(cap))
        )
        SELECT DISTINCT node_id FROM member SEMI JOIN crossed USING (key);
        INSERT INTO dirty SELECT node_id FROM reopened ANTI JOIN dirty USING (node_id);
        CREATE TABLE asked_key AS SELECT DISTINCT key FROM block_key SEMI JOIN dirty USING (node_id);
        CREATE TABLE member AS
        SELECT node_id, key, dirty.node_id IS NOT NULL AS is_asked
        FROM block_key SEMI JOIN asked_key USING (key) LEFT JOIN dirty USING (node_id);
        CREATE TABLE member_name AS
        SELECT node_id, name_pairs, name_script FROM bare_node SEMI JOIN member USING (node_id);
        """
    )
    _open_blocks(con)
    for (place,) in con.execute(f"SELECT DISTINCT {KIND} FROM member ORDER BY 1").fetchall():
        rule = BLOCKING_KEYS[place]
        names = " JOIN member_name USING (node_id)" if rule.alike else ""
        con.execute(f"CREATE TABLE keyed AS SELECT * FROM member{names} WHERE {KIND} = {place}")
        _find_pairs(con, rule)
    reopened = con.execute("SELECT count(*) FROM reopened").fetchall()[0][0]
    con.execute(
        "DROP VIEW block_key; DROP TABLE member_name; DROP TABLE member; DROP TABLE asked_key; DROP TABLE reopened"
    )
    return PairCounts(_close_blocks(con), reopened)


def _open_blocks(con: duckdb.DuckDBPyConnection) -> None:
    con.execute("CREATE TABLE found (join_key_l UBIGINT, join_key_r UBIGINT)")


def _find_pairs(con: duckdb.DuckDBPyConnection, rule: BlockingKey) -> None:
    """Add to `found` the pairs of one kind of key that hold a node which is asked about, from table `keyed`.

    keyed: node_id, key, is_asked and what `_alike` reads; all nodes of each of its keys. It is dropped.
    """
    con.execute(
        f"""
        INSERT INTO found
        WITH bounded AS (SELECT key FROM keyed GROUP BY key HAVING count(*) BETWEEN 2 AND {rule.cap}),
        kept AS MATERIALIZED (SELECT * FROM keyed SEMI JOIN bounded USING (key))
        SELECT least(one.node_id, other.node_id), greatest(one.node_id, other.node_id)
        FROM kept AS one JOIN kept AS other USING (key)
        WHERE one.is_asked AND (one.node_id < other.node_id OR NOT other.is_asked) AND {_alike(rule, "one", "other")};
        DROP TABLE keyed;
        """
    )


def _close_blocks(con: duckdb.DuckDBPyConnection) -> int:
    con.execute("CREATE TABLE blocked AS SELECT DISTINCT '0' AS match_key, join_key_l, join_key_r FROM found")
    con.execute("DROP TABLE found")
    return int(con.execute("SELECT count(*) FROM blocked").fetchall()[0][0])


def splink_settings(model: MatchModel, *, keep_levels: bool = True) -> dict[str, Any]:
    """Return the model as Splink's settings; every level carries its trained weights.

    Args:
        model: The weights.
        keep_levels: Whether Splink tells each comparison's level (gamma_*), and the columns it was judged by.
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
        # Splink names the level (gamma_*) only beside the columns it was judged by
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
    """Return SQL of the highest match weight that a pair can reach whatever its names' letters.

    The name costs most of the time; everything else is judged first, by the very levels and weights of the model.
    """
    parts = [_number(model.prior_weight)]
    for item in COMPARISONS:
        if item.name == "name":
            unlike = max(model.match_weight("name", level) for level in UNLIKE_LEVELS)
            # a name that is not stated weighs nothing
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
    """What two levels have in common is not computed beforehand, for every pair and whatever guards it."""
    con.execute("SET disabled_optimizers = 'common_subexpressions'")
    try:
        yield
    finally:
        con.execute("RESET disabled_optimizers")


def _number(value: float) -> str:
    # without a cast it would be a decimal of as many digits as are written
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
        # a threshold here would have the engine judge every pair twice: once to filter, once for what is kept
        predicted = linker.inference.predict(threshold_match_weight=None, warning_mode="never")
        con.execute(f"CREATE TABLE scored AS {_scored_sql(predicted.physical_name, model, keep_levels)}")
    predicted.drop_table_from_database_and_remove_from_cache()
    con.execute("DROP VIEW compared_node; DROP TABLE IF EXISTS few_node")


def _prepare_nodes(con: duckdb.DuckDBPyConnection) -> None:
    """Make view compared_node: the nodes that the pairs of table `blocked` need, with the words of their names."""
    pairs, nodes = con.execute("SELECT (SELECT count(*) FROM blocked), (SELECT count(*) FROM node)").fetchall()[0]
    source = "node"
    if pairs * 4 < nodes:
        # read several times: where few are needed, a copy of these few is cheaper
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
    """SQL of the pairs from the review weight on, and which of them are households; with levels, of all pairs.

    Splink tells a level only together with all columns it was judged by, which costs more than judging these few
    pairs' names once more.
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
    """The columns of two nodes, `one` and `other`, that a condition over _l and _r reads."""
    known = (*NODE_COLUMNS, "name_words")
    used = [name for name in known if f"{name}_l" in condition or f"{name}_r" in condition]
    return ", ".join(f"one.{name} AS {name}_l, other.{name} AS {name}_r" for name in used)
