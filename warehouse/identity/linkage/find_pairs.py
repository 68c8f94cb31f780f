"""Finds the pairs of nodes to compare: those that share a blocking key which few enough nodes carry.

Tables are those of the connection's current database.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import duckdb

from warehouse.identity.linkage.blocking import BLOCKING_KEYS, BlockingKey
from warehouse.identity.linkage.conditions import share_pairs


@dataclass(frozen=True)
class PairCounts:
    """Number of pairs to compare, and of nodes whose block has passed its cap, up or down, since last time."""

    pairs: int = 0
    reopened: int = 0


# the last five bits of a key are its kind: the position in BLOCKING_KEYS
_KINDS = 32


KIND = f"(key % {_KINDS})"


def _keyed(place: int, rule: BlockingKey, nodes: str, *beside: str) -> str:
    """Return SQL: node_id, key and the columns that `_alike` reads, a row for each key of one kind that a node has."""
    more = "".join(f", {name}" for name in (*(("name_pairs", "name_script") if rule.alike else ()), *beside))
    # two hashes that collide cost one comparison; a node gives each key once, because a second one would count twice
    # towards the cap
    selects = []
    for number, key in enumerate(rule.keys):
        others = "".join(f" AND {key} IS DISTINCT FROM {other}" for other in rule.keys[:number])
        hashed = f"hash({key}) // {_KINDS} * {_KINDS} + {place}"
        selects.append(f"SELECT node_id, {hashed} AS key{more} FROM {nodes} WHERE {key} IS NOT NULL{others}")
    return " UNION ALL ".join(selects)


def alike_names(one: str, other: str) -> str:
    """Return SQL: the names of two nodes share most letter pairs, or are of different scripts."""
    shared = share_pairs(f"{one}.name_pairs", f"{other}.name_pairs")
    return f"({one}.name_script <> {other}.name_script OR {shared})"


def _alike(rule: BlockingKey, one: str, other: str) -> str:
    """Return SQL: the two names are alike, if the key asks for it."""
    return alike_names(one, other) if rule.alike else "TRUE"


def all_keys(nodes: str) -> str:
    """Return SQL: node_id and key (a hash; KIND is its kind), a row for each key of each node."""
    return " UNION ALL ".join(
        f"SELECT node_id, key FROM ({_keyed(place, rule, nodes)})" for place, rule in enumerate(BLOCKING_KEYS)
    )


def block_pairs(con: duckdb.DuckDBPyConnection) -> PairCounts:
    """Find every pair of nodes that shares a key of at most `cap` nodes.

    Yields the tables blocked (each pair once) and new_key. Splink scores these pairs. Its own blocking rules compare
    one column with one column: they would need a rule for each order of two phones or two forms of a name, and have
    no cap.
    """
    _open_blocks(con)
    con.execute("CREATE TABLE new_key (node_id UBIGINT, key UBIGINT)")
    for place, rule in enumerate(BLOCKING_KEYS):
        con.execute(f"CREATE TABLE keyed AS SELECT *, TRUE AS is_asked FROM ({_keyed(place, rule, 'node')})")
        con.execute("INSERT INTO new_key SELECT node_id, key FROM keyed")
        _find_pairs(con, rule)
    return PairCounts(_close_blocks(con))


def block_across(con: duckdb.DuckDBPyConnection, asked: str, known: str, more: Sequence[BlockingKey] = ()) -> int:
    """Find every pair of an `asked` and a `known` node of one country that share a key; return how many.

    The cap of a block counts its known nodes. Yields the table blocked (each pair once).

    Args:
        con: Its current database takes the table.
        asked: Table with node_id, FEATURES and the columns that `more` reads.
        known: The same; its nodes differ from those of `asked`.
        more: Keys in addition to BLOCKING_KEYS.
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
    """Find the pairs that a change touches: all pairs of a dirty node; no other pair can have changed.

    Reads bare_node, added_node, removed and dirty (see `changes.settle_nodes`), and the keys of last time. Where a
    block grows above its cap, or shrinks to it again, its nodes become dirty too. Yields the tables blocked (each
    pair once) and new_key (the keys of added nodes), and adds to dirty.

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
    """Add to table `found` the pairs of one kind of key with at least one node that is asked about.

    Reads table keyed (node_id, key, is_asked and the columns that `_alike` reads; all nodes of each of its keys), and
    drops it.
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
