"""Why two records are one person, or are not: judgement, evidence, blocking, vetoes, or the chain between them."""

from collections.abc import Sequence
from dataclasses import dataclass

import duckdb

from warehouse.identity.judgement_table import read_judgements
from warehouse.identity.judgements import Decided, Judgement, JudgementError, Pair, Verdict, effective, pair_of
from warehouse.identity.linkage.blocking import BLOCKING_KEYS
from warehouse.identity.linkage.clusters import EVIDENCE_COLUMNS, SIZE_CAP, Evidence, contradict
from warehouse.identity.linkage.model import MatchModel
from warehouse.identity.review.corrections import find_record, find_trainee
from warehouse.identity.review.doubtful_pairs import PairEvidence, RecordFacts, evidence, nodes_of, read_records


@dataclass(frozen=True)
class SharedKey:
    """A kind of blocking key that two records share.

    carriers: nodes with the shared key (of several shared keys, the rarest). is_refused: the key compares only names
    that are alike, and these are not.
    """

    name: str
    why: str
    carriers: int
    cap: int
    is_refused: bool

    @property
    def is_open(self) -> bool:
        """Whether few enough nodes have the key to be compared."""
        return self.carriers <= self.cap

    @property
    def compares(self) -> bool:
        """Whether the two are compared because of this key."""
        return self.is_open and not self.is_refused


@dataclass(frozen=True)
class Link:
    """One step of a chain between two records; weight is None for a judgement."""

    one: RecordFacts
    other: RecordFacts
    weight: float | None


@dataclass(frozen=True)
class Explanation:
    """Why two records are one person, or two. `because`: sentences, the decisive one first."""

    one: RecordFacts
    other: RecordFacts
    is_one_person: bool
    because: tuple[str, ...]
    evidence: PairEvidence | None
    keys: tuple[SharedKey, ...]
    chain: tuple[Link, ...]
    judgements: tuple[Judgement, ...]


def find_pair(con: duckdb.DuckDBPyConnection, one: str, other: str) -> Pair:
    """Return the two records to explain.

    Args:
        con: The vault.
        one: A record or a trainee: its id, in full or its beginning.
        other: The same. Of two trainees, the pair with the heaviest link; of one trainee, the lightest link that
            connects its records; without a link, the oldest records.

    Raises:
        JudgementError: an id is unknown or not unique, or both are one record.
    """
    here, there = _records(con, one), _records(con, other)
    if set(here) == set(there):
        if len(here) < 2:
            raise JudgementError(f"{one} and {other} are one record; name two")
        return _lightest_inside(con, here)
    if set(here) & set(there):
        # a record and its own trainee: the record and the rest
        here, there = (
            (here, [x for x in there if x not in here])
            if len(here) < len(there)
            else (
                [x for x in here if x not in there],
                there,
            )
        )
    row = con.execute(
        """
        WITH side AS (
            SELECT node_id, min(record_id) FILTER (list_contains($1, record_id)) AS here,
                   min(record_id) FILTER (list_contains($2, record_id)) AS there
            FROM identity_record WHERE list_contains($1, record_id) OR list_contains($2, record_id) GROUP BY node_id
        )
        SELECT here, there FROM (
            SELECT one.here, other.there, match_weight FROM identity_edge
            JOIN side AS one ON one.node_id = node_id_l JOIN side AS other ON other.node_id = node_id_r
            UNION ALL
            SELECT other.here, one.there, match_weight FROM identity_edge
            JOIN side AS one ON one.node_id = node_id_l JOIN side AS other ON other.node_id = node_id_r
            UNION ALL SELECT here, there, 1000 FROM side
        ) WHERE here IS NOT NULL AND there IS NOT NULL ORDER BY match_weight DESC, here, there LIMIT 1
        """,
        [here, there],
    ).fetchone()
    return (str(row[0]), str(row[1])) if row else (here[0], there[0])


def _records(con: duckdb.DuckDBPyConnection, text: str) -> list[str]:
    """Return the records of a trainee, or one record; a trainee id begins with t, a record id is hexadecimal."""
    if text.strip().lower().startswith("t"):
        return list(find_trainee(con, text).record_ids)
    return [find_record(con, text)]


def _lightest_inside(con: duckdb.DuckDBPyConnection, records: Sequence[str]) -> Pair:
    node = nodes_of(con, records)
    first = {number: record for record, number in sorted(node.items(), reverse=True)}
    tree = _tree(_edges_among(con, list(first)))
    if tree:
        one, other, _ = min(tree, key=lambda edge: (edge[2], edge))
        return first[one], first[other]
    return records[0], records[1]


_Edge = tuple[int, int, float]


def _edges_among(con: duckdb.DuckDBPyConnection, nodes: Sequence[int]) -> list[_Edge]:
    return con.execute(
        """
        SELECT node_id_l, node_id_r, match_weight FROM identity_edge
        WHERE list_contains($1, node_id_l) AND list_contains($1, node_id_r) AND NOT household
        ORDER BY match_weight DESC, node_id_l, node_id_r
        """,
        [list(nodes)],
    ).fetchall()


def _tree(edges: Sequence[_Edge]) -> list[_Edge]:
    """Return the heaviest edges that connect everything (Kruskal); `edges` are sorted, heaviest first."""
    group: dict[int, set[int]] = {}
    kept = []
    for one, other, weight in edges:
        here, there = group.setdefault(one, {one}), group.setdefault(other, {other})
        if here is not there:
            here |= there
            group |= dict.fromkeys(there, here)
            kept.append((one, other, weight))
    return kept


def path(tree: Sequence[_Edge], start: int, end: int) -> list[_Edge]:
    """Return the edges of the path from one node to another in a forest, in order; empty without a path."""
    near: dict[int, list[tuple[int, float]]] = {}
    for one, other, weight in tree:
        near.setdefault(one, []).append((other, weight))
        near.setdefault(other, []).append((one, weight))
    came_from: dict[int, _Edge] = {}
    waiting = [start]
    for here in waiting:
        for there, weight in near.get(here, ()):
            if there != start and there not in came_from:
                came_from[there] = (here, there, weight)
                waiting.append(there)
    steps: list[_Edge] = []
    while end != start:
        if end not in came_from:
            return []
        steps.append(came_from[end])
        end = came_from[end][0]
    return steps[::-1]


def shared_keys(con: duckdb.DuckDBPyConnection, one: int, other: int) -> tuple[SharedKey, ...]:
    """Return the kinds of blocking keys that two nodes share."""
    from warehouse.identity.linkage.find_pairs import KIND, alike_names, all_keys

    rows = con.execute(
        f"""
        WITH block_key AS MATERIALIZED ({all_keys("identity_node")}),
        shared AS (
            SELECT key FROM block_key WHERE node_id = $1 INTERSECT SELECT key FROM block_key WHERE node_id = $2
        ), carried AS (
            SELECT key, count(*) AS carriers FROM block_key SEMI JOIN shared USING (key) GROUP BY key
        )
        SELECT {KIND} AS kind, min(carriers), (
            SELECT {alike_names("one", "other")} FROM identity_node AS one, identity_node AS other
            WHERE one.node_id = $1 AND other.node_id = $2
        ) FROM carried GROUP BY kind ORDER BY kind
        """,
        [one, other],
    ).fetchall()
    return tuple(
        SharedKey(rule.name, rule.why, carriers, rule.cap, rule.alike and not are_alike)
        for rule, carriers, are_alike in ((BLOCKING_KEYS[place], *rest) for place, *rest in rows)
    )


def explain(con: duckdb.DuckDBPyConnection, model: MatchModel, pair: Pair) -> Explanation:
    """Return why two records are, or are not, one person.

    Raises:
        JudgementError: the vault no longer has a row of one of them.
    """
    facts = read_records(con, pair)
    for record in pair:
        if record not in facts:
            raise JudgementError(f"record {record} is in the register, but no delivery contains it any more")
    one, other = facts[pair[0]], facts[pair[1]]
    everything = read_judgements(con)
    decisions = effective(everything)
    node = nodes_of(con, pair)
    ends = (node.get(pair[0]), node.get(pair[1]))
    found = evidence(con, model, [pair]).get(pair)
    keys: tuple[SharedKey, ...] = ()
    if ends[0] is not None and ends[1] is not None and ends[0] != ends[1]:
        keys = shared_keys(con, ends[0], ends[1])
    compared = any(key.compares for key in keys)
    is_one = one.trainee_id == other.trainee_id
    band = "" if found is None else _band(found.weight, model)
    chain = _chain(con, decisions, pair, ends) if is_one else ()
    because = [*_judged(decisions, everything, pair, is_one)]
    if ends[0] is None or ends[1] is None:
        away = one if ends[0] is None else other
        because.append(f"Record {away.record_id[:8]} is not in the linkage today and stays with its person.")
    elif ends[0] == ends[1]:
        because.append("They state the same in everything that the linkage compares.")
    elif is_one:
        because += _why_one(compared, band, chain)
    else:
        because += _why_two(con, model, (ends[0], ends[1]), found, compared, keys)
    about = tuple(item for item in everything if item.pair == pair_of(*pair))
    return Explanation(one, other, is_one, tuple(because), found, keys, chain, about)


def _band(weight: float, model: MatchModel) -> str:
    from warehouse.identity.linkage.clusters import FIRM_PROBABILITY

    firm = model.calibration.weight(FIRM_PROBABILITY)
    if weight >= firm:
        return f"a firm link: match weight {weight:.1f}, firm from {firm:.1f}"
    if weight >= model.link_weight:
        return f"a link, not firm: match weight {weight:.1f}, a link from {model.link_weight:.1f}, firm from {firm:.1f}"
    if weight >= model.review_weight:
        return f"no link, but kept for review: match weight {weight:.1f}, a link from {model.link_weight:.1f}"
    return f"no link: match weight {weight:.1f}, kept for review from {model.review_weight:.1f}"


def _judged(decisions: Decided, everything: Sequence[Judgement], pair: Pair, is_one: bool) -> list[str]:
    wanted = pair_of(*pair)
    verdict = decisions.verdicts.get(wanted)
    said = []
    for contradiction in decisions.contradictions:
        if contradiction.pair == wanted:
            names = ", ".join(contradiction.judgement_ids)
            said.append(f"Judgements about them contradict each other ({names}) and are set aside.")
    if verdict is None:
        return said
    own = [item for item in everything if item.pair == wanted and item.undone_at is None and item.verdict is verdict]
    # of one officer the latest judgement counts; quote the newest of all
    if own:
        last = max(own, key=lambda item: item.age)
        why = f": {last.why}" if last.why else ""
        text = f"{last.judged_by} judged them {verdict} on {last.judged_at:%Y-%m-%d} ({last.judgement_id}){why}."
    else:
        text = f"They are {verdict} because of judgements about other records."
    if is_one != (verdict is Verdict.SAME):
        text += " The next run updates the register."
    return [text, *said]


def _why_one(compared: bool, band: str, chain: Sequence[Link]) -> list[str]:
    if len(chain) == 1:
        return [f"They are linked directly: {band}." if chain[0].weight is not None else "A judgement joins them."]
    if chain:
        weights = [link.weight for link in chain if link.weight is not None]
        weakest = f"; the weakest has match weight {min(weights):.1f}" if weights else ""
        direct = f"The pair itself is {band}." if compared else "Blocking did not compare the two directly."
        return [f"A chain of {len(chain)} links connects them{weakest}.", direct]
    return ["No link connects them today; they stay one person until a run splits them."]


def _why_two(
    con: duckdb.DuckDBPyConnection,
    model: MatchModel,
    ends: tuple[int, int],
    found: PairEvidence | None,
    compared: bool,
    keys: Sequence[SharedKey],
) -> list[str]:
    if not compared:
        full = [key for key in keys if not key.is_open]
        if full:
            shown = ", ".join(f"{key.name} (shared by {key.carriers}, at most {key.cap} are compared)" for key in full)
            return [f"They were never compared: too many records have the keys that they share: {shown}."]
        if keys:
            return ["They were never compared: the keys that they share compare only names that are alike."]
        return ["They were never compared: they share no blocking key."]
    if found is None:
        return []
    said = [f"The evidence is {_band(found.weight, model)}."]
    if found.household:
        return ["Very different names with one phone are a household; the linkage never links a household.", *said]
    if found.weight < model.link_weight:
        return said
    return [*_obstacles(con, ends, _band(found.weight, model).startswith("a firm")), *said]


# the rule of `contradict`, in words
_CONTRADICTION = (
    "different full identity numbers, or a different sex or partner's number together with a different birth or name"
)


def _obstacles(con: duckdb.DuckDBPyConnection, ends: tuple[int, int], is_firm: bool) -> list[str]:
    """Return why no link was made between the clusters of two nodes."""
    sides = [
        {
            row[0]: Evidence(*row[1:])
            for row in con.execute(
                f"""
                SELECT node_id, {", ".join(EVIDENCE_COLUMNS)} FROM identity_node SEMI JOIN (
                    SELECT node_id FROM identity_cluster WHERE cluster = (
                        SELECT cluster FROM identity_cluster WHERE node_id = ?)
                ) USING (node_id) ORDER BY node_id
                """,
                [end],
            ).fetchall()
        }
        for end in ends
    ]
    if ends[0] in sides[0] and ends[1] in sides[1] and contradict(sides[0][ends[0]], sides[1][ends[1]]):
        return [f"They contradict each other: {_CONTRADICTION}."]
    if any(contradict(one, other) for one in sides[0].values() for other in sides[1].values()):
        return [f"Other records of the two people contradict each other: {_CONTRADICTION}."]
    if len(sides[0]) + len(sides[1]) > SIZE_CAP:
        return [f"One person would have more than {SIZE_CAP} different records: a chain, not a person."]
    if not is_firm and len(sides[0]) > 1 and len(sides[1]) > 1:
        return ["One link that is not firm does not join two groups of records."]
    return ["A household, or a judgement, between other records of the two people separates them."]


def _chain(
    con: duckdb.DuckDBPyConnection, decisions: Decided, pair: Pair, ends: tuple[int | None, int | None]
) -> tuple[Link, ...]:
    """Return the path from one record to the other over the heaviest links of their person."""
    start, end = ends
    if start is None or end is None or start == end:
        return ()
    rows = con.execute(
        """
        SELECT node_id, min(record_id) FROM identity_record SEMI JOIN (
            SELECT record_id FROM register
            WHERE trainee_id = (SELECT trainee_id FROM register WHERE record_id = ?)
        ) USING (record_id) GROUP BY node_id
        """,
        [pair[0]],
    ).fetchall()
    record = dict(rows) | {start: pair[0], end: pair[1]}
    judged_same = set(decisions.judged.must_link)
    node = nodes_of(con, {name for two in judged_same for name in two})
    judged = [
        (node[one], node[other], float("inf"))
        for one, other in sorted(judged_same)
        if node.get(one) in record and node.get(other) in record and node[one] != node[other]
    ]
    steps = path(_tree([*judged, *_edges_among(con, list(record))]), start, end)
    facts = read_records(con, {record[number] for step in steps for number in step[:2]})
    if len(facts) < len({number for step in steps for number in step[:2]}):
        return ()
    return tuple(
        Link(facts[record[one]], facts[record[other]], None if weight == float("inf") else weight)
        for one, other, weight in steps
    )
