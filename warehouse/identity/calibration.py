"""How accurate the count of people is: expected false merges, expected misses, and a 95 % interval.

Method. Only some scored pairs affect the count: those of a maximum spanning forest. It takes first the pairs inside
clusters (a bridge: if it is wrong, its cluster is two people), then the best pairs between clusters (if one is right,
two clusters are one person). Let q be the probability that a pair of the forest is one person. The number of people
is the number found, plus the sum of 1 - q over the bridges (expected false merges), minus the sum of q over the pairs
between clusters (expected misses). This is the expected number of components of a random graph, counted along its
forest, so that no cluster is merged or missed more often than it has bridges.

q is a logistic curve (Platt 1999) of the model's calibrated log-odds. It is fitted to pairs of the forest, because
these are not random pairs: each is the best of the many pairs of a cluster, or a pair that a contradiction separated.
q falls with the size of the country: with more people, chance pairs grow faster than true pairs, so the prior odds of
a pair are lower (Fellegi and Sunter 1969, the prior is matches over pairs). The constants of the curve, the share of
misses without any scored pair (not blocked, or below the review weight) and the spread of actual over expected errors
were measured on 18 draws of 8,000 to 395,000 invented records of ten countries with different noise
(tests/generators; other words than the model was trained on). Actual false merges were 0.52 to 1.33 times the
expected ones, actual misses 0.55 to 1.52 times. `pytest -n 0 tests/benchmarks/test_count_intervals.py
-m benchmark_only -s` measures them again; another model needs other constants.

The interval is 1.96 standard deviations to each side. The variance is the sum of q (1 - q), plus the error of the
constants from one set of records to another (FALSE_MERGE_SPREAD, MISS_SPREAD), which grows with the errors and is the
larger part where errors are many. On 20 other draws of the same generator the interval contained the truth 20 times
for all countries (half width: median 0.4 %, at most 0.7 %) and for 193 of 200 countries (0.6 %, 4.9 %). It is an
estimate for records with errors of these kinds, and no proof: other records can have more misses without a pair.
"""

import math
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import duckdb
import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import minimum_spanning_tree

from warehouse.identity.linkage.model import MatchModel
from warehouse.vault.schema import QUALITY_DDL

ALL = "ALL"
BRIDGE, BETWEEN, HOUSEHOLD = "bridge", "between", "household"


@dataclass(frozen=True)
class Curve:
    """Log-odds that a pair of the forest is one person: at zero, per log-odds of the model, per log of size."""

    intercept: float
    slope: float
    size: float


CURVES = {
    BRIDGE: Curve(0.516, 0.607, -0.065),
    BETWEEN: Curve(0.456, 0.724, -0.218),
    HOUSEHOLD: Curve(-4.834, 0.569, -0.128),
}
# nodes of a country at which the curve's term of size is zero
SIZE_UNIT = 2000.0
# the smallest country that was measured; a smaller one counts as this size
SMALLEST_SIZE = 100.0
# higher log-odds of the model add nothing: errors there have other causes than weak evidence
MOST_LOG_ODDS = 12.0
# misses without any scored pair, for each miss expected from the pairs
UNSEEN_MISSES = 0.2
# standard deviation of actual over expected errors, as a share, from one set of records to another
FALSE_MERGE_SPREAD = 0.3
MISS_SPREAD = 0.35
DEVIATIONS = 1.96


def band(weights: NDArray[np.float64], model: MatchModel) -> NDArray[np.str_]:
    """Return link, review or apart for pairs of these match weights (bits), by the model's two thresholds."""
    return np.select([weights >= model.link_weight, weights >= model.review_weight], ["link", "review"], "apart")


def spanning_forest(edges: pd.DataFrame, clusters: pd.DataFrame) -> pd.DataFrame:
    """Return the pairs that the count of people depends on.

    Args:
        edges: node_id_l, node_id_r, match_weight, household; one row per pair of nodes, in any order.
        clusters: node_id, cluster (any integer label); every node of `edges` once.

    Returns:
        Rows of `edges` with kind (bridge: inside a cluster; between clusters: between, or household where the
        model saw two members of a household) and cluster_l, cluster_r. Bridges are the heaviest pairs that connect
        a cluster; pairs between are the heaviest that would join clusters, households last. The nodes' numbers
        decide ties, so that the order of rows has no effect.
    """
    order = np.argsort(clusters["node_id"].to_numpy(), kind="stable")
    nodes = clusters["node_id"].to_numpy()[order]
    # labels become 0, 1, 2 ...
    cluster = np.unique(clusters["cluster"].to_numpy()[order], return_inverse=True)[1]
    ranked = edges.sort_values(
        ["household", "match_weight", "node_id_l", "node_id_r"], ascending=[True, False, True, True], ignore_index=True
    )
    left, right = (np.searchsorted(nodes, ranked[name].to_numpy()) for name in ("node_id_l", "node_id_r"))
    ranked["cluster_l"], ranked["cluster_r"] = cluster[left], cluster[right]
    inside = (ranked["cluster_l"] == ranked["cluster_r"]).to_numpy()
    # inside a cluster a household pair is a pair of one person like any other
    heaviest = np.lexsort((np.arange(len(ranked)), -ranked["match_weight"].to_numpy()))
    bridges = heaviest[inside[heaviest]]
    kept_bridges = bridges[_forest(left[bridges], right[bridges], len(nodes))]
    apart = np.flatnonzero(~inside)
    kept_apart = apart[_forest(cluster[left[apart]], cluster[right[apart]], int(cluster.max(initial=-1)) + 1)]
    forest = ranked.iloc[np.concatenate([kept_bridges, kept_apart])]
    between = np.where(forest["household"], HOUSEHOLD, BETWEEN)
    kind = np.where(forest["cluster_l"] == forest["cluster_r"], BRIDGE, between)
    return forest.assign(kind=kind).reset_index(drop=True)


def _forest(left: NDArray[np.int64], right: NDArray[np.int64], count: int) -> NDArray[np.int64]:
    """Return the positions of the edges in the spanning forest that prefers earlier edges; edges may repeat a pair."""
    if len(left) == 0:
        return np.empty(0, dtype="int64")
    pair = np.minimum(left, right).astype("int64") * count + np.maximum(left, right)
    _, first = np.unique(pair, return_index=True)
    # ranks instead of weights: all are different, so that there is exactly one forest
    graph = coo_array((first + 1.0, (left[first], right[first])), shape=(count, count)).tocsr()
    return np.sort(minimum_spanning_tree(graph).data.astype("int64") - 1)


def probability(forest: pd.DataFrame, sizes: NDArray[np.float64], model: MatchModel) -> NDArray[np.float64]:
    """Return how likely each pair of a forest is one person.

    Args:
        forest: Of `spanning_forest`.
        sizes: Nodes in the pair's country.
        model: The model that gave the weights.
    """
    curves = [CURVES[kind] for kind in (BRIDGE, BETWEEN, HOUSEHOLD)]
    places = [(forest["kind"] == kind).to_numpy() for kind in (BRIDGE, BETWEEN, HOUSEHOLD)]
    evidence = curve_terms(forest["match_weight"].to_numpy(), sizes, model)
    odds = [evidence @ np.array([curve.intercept, curve.slope, curve.size]) for curve in curves]
    return np.asarray(1 / (1 + np.exp(-np.select(places, odds))))


def curve_terms(weights: NDArray[np.float64], sizes: NDArray[np.float64], model: MatchModel) -> NDArray[np.float64]:
    """Return the terms of a curve: 1, the model's log-odds, the log of the size."""
    log_odds = model.calibration.slope * weights * math.log(2) + model.calibration.intercept
    return np.column_stack(
        [
            np.ones(len(weights)),
            np.minimum(log_odds, MOST_LOG_ODDS),
            np.log(np.maximum(sizes, SMALLEST_SIZE) / SIZE_UNIT),
        ]
    )


def affected_lines(forest: pd.DataFrame, nodes: pd.DataFrame) -> pd.DataFrame:
    """Return which lines of the table each pair of the forest changes: place (in `forest`), line.

    A bridge changes a line if both sides of it have people of this line. If it separates the only record of a
    country from the rest, there is one person more in ALL, but not in that country. A pair between clusters changes
    the lines that both clusters have.

    Args:
        forest: Of `spanning_forest`, for these nodes.
        nodes: One row per node: node_id, cluster, counted (it has a record that counts), and lines, the tuple of
            lines that a person with this node counts in; `cluster` as given to `spanning_forest`.
    """
    codes, lines = pd.factorize(nodes["lines"])
    table = nodes.assign(code=np.where(nodes["counted"], codes, -1), place=pd.factorize(nodes["cluster"], sort=True)[0])
    of_cluster = table.groupby("place")["code"].agg(["min", "max"])
    is_plain = (of_cluster["min"] == of_cluster["max"]).to_numpy()
    code = of_cluster["max"].to_numpy()
    sets = [frozenset(item) for item in lines]
    one, other = forest["cluster_l"].to_numpy(), forest["cluster_r"].to_numpy()
    # nearly all pairs: every node of the cluster, or of both clusters, has the same lines
    simple = is_plain[one] & is_plain[other] & (code[one] == code[other])
    changed = np.flatnonzero(simple & (code[one] >= 0))
    found = pd.DataFrame({"place": changed, "line": [lines[value] for value in code[one][changed]]}).explode("line")
    odd = np.flatnonzero(~simple)
    mixed_nodes = table[table["place"].isin(np.unique(np.concatenate([one[odd], other[odd]])))]
    mixed = mixed_nodes[mixed_nodes["code"] >= 0]
    members: dict[int, frozenset[str]] = {}
    for place, value in mixed[["place", "code"]].drop_duplicates().itertuples(index=False, name=None):
        members[place] = members.get(place, frozenset()) | sets[value]
    rows: list[tuple[int, str]] = []
    for place in odd[one[odd] != other[odd]].tolist():
        shared = members.get(one[place], frozenset()) & members.get(other[place], frozenset())
        rows += [(place, line) for line in sorted(shared)]
    cut = forest.iloc[odd[one[odd] == other[odd]]]
    # a node that does not count has no lines
    said = {
        node: sets[value] if value >= 0 else frozenset[str]()
        for node, value in mixed_nodes[["node_id", "code"]].itertuples(index=False, name=None)
    }
    rows += _cut_lines(cut[["node_id_l", "node_id_r"]].itertuples(name=None), said)
    more = pd.DataFrame(rows, columns=["place", "line"])
    return pd.concat([found, more], ignore_index=True)


def _cut_lines(bridges: Iterable[tuple[int, int, int]], said: Mapping[int, frozenset[str]]) -> list[tuple[int, str]]:
    """Return place and line of bridges (place, node, node) that have nodes of this line on both sides."""
    neighbours: dict[int, list[tuple[int, int]]] = {}
    for place, one, other in bridges:
        neighbours.setdefault(one, []).append((other, place))
        neighbours.setdefault(other, []).append((one, place))
    rows: list[tuple[int, str]] = []
    seen: set[int] = set()
    for root in neighbours:
        if root in seen:
            continue
        seen.add(root)
        # node, its parent, the bridge to it; a node comes after its parent
        tree = [(root, root, -1)]
        for node, _, _ in tree:
            for near, place in neighbours[node]:
                if near not in seen:
                    seen.add(near)
                    tree.append((near, node, place))
        below = {node: Counter(said[node]) for node, _, _ in tree}
        for node, parent, _ in tree[:0:-1]:
            below[parent].update(below[node])
        whole = below[root]
        for node, _, place in tree[1:]:
            rows += [(place, line) for line, count in below[node].items() if whole[line] > count]
    return rows


def expected_errors(edges: pd.DataFrame, nodes: pd.DataFrame, model: MatchModel) -> pd.DataFrame:
    """Return line, expected_false_merges, expected_misses and their variance, of the lines that any pair changes.

    Args:
        edges: node_id_l, node_id_r, match_weight, household.
        nodes: node_id, cluster, country, counted, lines (see `affected_lines`).
        model: The model that gave the weights.
    """
    forest = spanning_forest(edges, nodes[["node_id", "cluster"]])
    likely = probability(forest, pair_sizes(forest, nodes), model)
    is_bridge = (forest["kind"] == BRIDGE).to_numpy()
    errors = pd.DataFrame(
        {
            "expected_false_merges": np.where(is_bridge, 1 - likely, 0.0),
            "expected_misses": np.where(is_bridge, 0.0, likely * (1 + UNSEEN_MISSES)),
            "variance": likely * (1 - likely),
        }
    )
    return affected_lines(forest, nodes).join(errors, on="place").groupby("line")[[*errors]].sum().reset_index()


def pair_sizes(forest: pd.DataFrame, nodes: pd.DataFrame) -> NDArray[np.float64]:
    """Return for each pair of a forest the number of nodes in the country of its first node."""
    country = nodes.set_index("node_id")["country"]
    return np.asarray(country.map(country.value_counts()).loc[forest["node_id_l"]].to_numpy(dtype="float64"))


def count_interval(
    found: NDArray[np.int64],
    false_merges: NDArray[np.float64],
    misses: NDArray[np.float64],
    variance: NDArray[np.float64],
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the lowest and the highest number of people that the found number and its errors leave open."""
    middle = found + false_merges - misses
    spread = DEVIATIONS * np.sqrt(variance + (FALSE_MERGE_SPREAD * false_merges) ** 2 + (MISS_SPREAD * misses) ** 2)
    # rounded: a sum of floats can be a little above a whole number
    low, high = np.floor(np.round(middle - spread, 6)), np.ceil(np.round(middle + spread, 6))
    return np.maximum(low, np.minimum(found, 1)).astype("int64"), high.astype("int64")


def store_quality(con: duckdb.DuckDBPyConnection, model: MatchModel) -> None:
    """Compute table identity_quality again, from the linkage, the register and the records that count.

    Args:
        con: The vault, within a transaction; linkage and register are those of today.
        model: The model of the linkage.
    """
    people = con.execute(_PEOPLE).df()
    nodes = con.execute(_NODES).df()
    nodes["lines"] = _lines_of(nodes)
    edges = con.execute(EDGES).df()
    errors = expected_errors(edges, nodes, model)
    lines = people.assign(line=people["country_code"] + " " + people["script"]).merge(errors, on="line", how="left")
    lines = lines.fillna({"expected_false_merges": 0.0, "expected_misses": 0.0, "variance": 0.0})
    false_merges, misses = (lines[name].to_numpy() for name in ("expected_false_merges", "expected_misses"))
    lines["low"], lines["high"] = count_interval(
        lines["people_found"].to_numpy(), false_merges, misses, lines["variance"].to_numpy()
    )
    names = "country_code, script, people_found, low, high"
    con.register("measured_line", lines)
    try:
        con.execute(QUALITY_DDL)
        con.execute("DELETE FROM identity_quality")
        con.execute(
            f"""
            INSERT INTO identity_quality
            SELECT {names}, round(expected_false_merges, 1), round(expected_misses, 1)
            FROM measured_line ORDER BY country_code, script
            """  # noqa: S608 - names of ours
        )
    finally:
        con.unregister("measured_line")


def _lines_of(nodes: pd.DataFrame) -> "pd.Series[Any]":
    """Return for each node the tuple of lines that its person counts in; one tuple for each country and script."""
    pairs = nodes["country"] + " " + nodes["script"]
    found = {}
    for country, script in nodes[["country", "script"]].drop_duplicates().itertuples(index=False, name=None):
        found[f"{country} {script}"] = tuple(f"{one} {other}" for one in (ALL, country) for other in (ALL, script))
    return pairs.map(found)


_SCRIPT = "upper(name_script[1]) || lower(name_script[2:])"
# not GROUPING SETS: they would count a person under a script that is not stated
_PEOPLE = f"""
WITH attended AS (
    SELECT DISTINCT register.trainee_id, record.country_code,
           CASE WHEN name_script <> '' THEN {_SCRIPT} END AS script
    FROM record
    JOIN register ON register.record_id = record.record_id
    LEFT JOIN identity_record ON identity_record.record_id = record.record_id
    LEFT JOIN identity_node ON identity_node.node_id = identity_record.node_id
    WHERE record.disposition = 'accepted'
),
line AS (
    SELECT '{ALL}' AS country_code, '{ALL}' AS script, trainee_id FROM attended
    UNION ALL SELECT country_code, '{ALL}', trainee_id FROM attended
    UNION ALL SELECT '{ALL}', script, trainee_id FROM attended WHERE script IS NOT NULL
    UNION ALL SELECT country_code, script, trainee_id FROM attended WHERE script IS NOT NULL
),
counted AS (
    SELECT country_code, script, count(DISTINCT trainee_id) AS people_found FROM line GROUP BY ALL
)
FROM counted
UNION ALL SELECT '{ALL}', '{ALL}', 0 WHERE NOT EXISTS (FROM counted)
ORDER BY ALL
"""  # noqa: S608 - names of ours
# the clusters of the register, not of the linkage: they can differ
_NODES = f"""
WITH member AS (
    SELECT identity_record.node_id, min(register.trainee_id) AS trainee_id,
           bool_or(coalesce(record.disposition = 'accepted', FALSE)) AS counted
    FROM identity_record
    JOIN register ON register.record_id = identity_record.record_id
    LEFT JOIN record ON record.record_id = identity_record.record_id
    GROUP BY identity_record.node_id
)
SELECT node_id, dense_rank() OVER (ORDER BY trainee_id) AS cluster, country,
       CASE WHEN name_script <> '' THEN {_SCRIPT} ELSE '{ALL}' END AS script, counted
FROM member JOIN identity_node USING (node_id)
ORDER BY node_id
"""  # noqa: S608 - names of ours
# every scored pair whose two nodes have records
EDGES = """
SELECT node_id_l, node_id_r, match_weight, household FROM identity_edge
SEMI JOIN identity_record AS one ON one.node_id = node_id_l
SEMI JOIN identity_record AS other ON other.node_id = node_id_r
"""
