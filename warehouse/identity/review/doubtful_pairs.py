"""Doubtful pairs, those with the largest effect on the published count first, and what an officer needs to judge them.

Reads the vault as the last run left it. Returns people's data: show it only to the officer who judges.
"""

import datetime as dt
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import duckdb

from warehouse.identity.judgements import Decided, Pair, pair_of
from warehouse.identity.linkage.comparison import NULL_LEVEL, level_of
from warehouse.identity.linkage.comparisons import COMPARISONS
from warehouse.identity.linkage.model import MatchModel
from warehouse.identity.linkage.names import name_script, romanise
from warehouse.vault.linkage_tables import VAULT, beside_vault

ALL = "ALL"
SCRATCH = "evidence"
# a pair less likely than this to be one person needs no review
LEAST_DOUBT = 0.02
_NONE = "-"
BY_RULE = " (romanised)"
Kind = Literal["bridge", "between", "household"]


@dataclass(frozen=True)
class RecordFacts:
    """One record as an officer sees it; missing text is empty. `alike`: number of other records with its features."""

    record_id: str
    trainee_id: str
    full_name: str
    latin_name: str
    sex: str
    birth: str
    phones: str
    email: str
    national_id: str
    member_id: str
    place: str
    partner: str
    training: str
    source: str
    disposition: str
    alike: int

    @property
    def fields(self) -> tuple[tuple[str, str], ...]:
        """Label and text, in the order in which they are shown."""
        return tuple((label, getattr(self, name) or _NONE) for label, name in LABELS)


LABELS = (
    ("name", "full_name"),
    ("in Latin letters", "latin_name"),
    ("sex", "sex"),
    ("born", "birth"),
    ("phones", "phones"),
    ("e-mail", "email"),
    ("identity number", "national_id"),
    ("partner's number", "member_id"),
    ("place", "place"),
    ("partner", "partner"),
    ("training", "training"),
    ("file and row", "source"),
)


@dataclass(frozen=True)
class Reason:
    """One comparison of a pair: the level in words, and its match weight, for (+) or against (-) one person."""

    comparison: str
    level: str
    match_weight: float


@dataclass(frozen=True)
class PairEvidence:
    """The model's evidence on a pair. weight: the sum of prior and reasons; probability: calibrated in training."""

    prior_weight: float
    reasons: tuple[Reason, ...]
    weight: float
    probability: float
    household: bool


@dataclass(frozen=True)
class DoubtfulPair:
    """A pair that the published count depends on.

    kind: bridge (counted as one person, and only this pair connects them), between (counted as two people) or
    household (two people with one phone, for the model). likely: probability of one person. lines: lines of
    report_reach that the verdict changes. effect: expected change, summed over these lines.
    """

    pair: Pair
    kind: Kind
    weight: float
    likely: float
    lines: tuple[str, ...]
    effect: float

    @property
    def changes(self) -> tuple[str, str]:
        """What the verdicts same and different change in the published count."""
        lines = " and ".join(self.lines)
        if self.kind == "bridge":
            return "nothing", f"one person more in {lines}"
        return f"one person fewer in {lines}", "nothing"


def read_records(con: duckdb.DuckDBPyConnection, record_ids: Collection[str]) -> dict[str, RecordFacts]:
    """Return the facts of records, by id, without records that the vault no longer has."""
    found = con.execute(
        """
        WITH chosen AS (
            SELECT record.*, delivery.name AS delivery_name, delivery.date_received
            FROM record LEFT JOIN delivery USING (delivery_id)
            WHERE list_contains(?, record_id)
            QUALIFY row_number() OVER (
                PARTITION BY record_id
                ORDER BY disposition <> 'accepted', date_received DESC, ordinal, record.delivery_id
            ) = 1
        ), alike AS (
            SELECT node_id, count(*) AS records FROM identity_record GROUP BY node_id
        )
        SELECT chosen.record_id, coalesce(trainee_id, '') AS trainee_id, coalesce(full_name, '') AS full_name,
               coalesce(latin_name, '') AS latin_name, coalesce(sex, '') AS sex, birth_earliest, birth_latest,
               coalesce(phones, '') AS phones, coalesce(email, '') AS email, coalesce(national_id, '') AS national_id,
               coalesce(national_id_status, '') AS national_id_status, coalesce(member_id, '') AS member_id,
               concat_ws(', ', nullif(address, ''), nullif(district, ''), nullif(province, ''), nullif(postcode, ''))
               AS place,
               chosen.country_code, coalesce(partner_name, chosen.partner_id) AS partner, training_date,
               coalesce(course_title, chosen.course_code, '') AS course, coalesce(file, delivery_name, '') AS file,
               coalesce(sheet, '') AS sheet, row_number, disposition, coalesce(alike.records - 1, 0) AS alike
        FROM chosen
        LEFT JOIN register ON register.record_id = chosen.record_id
        LEFT JOIN partner ON partner.partner_id = chosen.partner_id
        LEFT JOIN course ON course.course_code = chosen.course_code
        LEFT JOIN identity_record ON identity_record.record_id = chosen.record_id
        LEFT JOIN alike ON alike.node_id = identity_record.node_id
        """,
        [list(record_ids)],
    )
    names = [column[0] for column in found.description or ()]
    rows = (dict(zip(names, row, strict=True)) for row in found.fetchall())
    return {row["record_id"]: _facts_of(row) for row in rows}


_SEX = {"F": "female", "M": "male", "X": "another answer", "": ""}
_STATUS = {"valid": "checked", "unchecked": "no check exists", "partial": "a part of it", "invalid": "check failed"}


def _facts_of(row: dict[str, Any]) -> RecordFacts:
    """Return the facts of one row of `read_records`, by column."""
    number, status = row["national_id"], row["national_id_status"]
    day = row["training_date"].isoformat() if row["training_date"] else ""
    # show the file's name and its folder only: the rest of the path is of this machine
    file = "/".join(row["file"].split("/")[-2:])
    source = (file, row["sheet"] and f"sheet {row['sheet']}", row["row_number"] and f"row {row['row_number']}")
    return RecordFacts(
        record_id=row["record_id"],
        trainee_id=row["trainee_id"],
        full_name=row["full_name"],
        latin_name=row["latin_name"] or in_latin(row["full_name"]),
        sex=_SEX[row["sex"]],
        birth=say_birth(row["birth_earliest"], row["birth_latest"]),
        phones=row["phones"].replace(" ", ", "),
        email=row["email"],
        national_id=f"{number} ({_STATUS[status]})" if number and status in _STATUS else number,
        member_id=row["member_id"],
        place=f"{row['place']}, {row['country_code']}" if row["place"] else row["country_code"],
        partner=row["partner"],
        training=", ".join(part for part in (day, row["course"]) if part),
        source=", ".join(part for part in source if part),
        disposition=row["disposition"],
        alike=row["alike"],
    )


def in_latin(name: str) -> str:
    """Return a name of another script in Latin letters, as the linkage compares it; empty for a Latin name."""
    if not name or name_script(name) in ("LATIN", ""):
        return ""
    return romanise(name).title() + BY_RULE


def say_birth(earliest: dt.date | None, latest: dt.date | None) -> str:
    """Return a day or a span of birth, and how exactly it is known; empty if not stated."""
    if earliest is None or latest is None:
        return ""
    if earliest == latest:
        # many forms write "born in 1985" as 1 January 1985
        return f"{earliest.year} (1 January: year only)" if (earliest.month, earliest.day) == (1, 1) else str(earliest)
    if (earliest.month, earliest.day, latest.month, latest.day) == (1, 1, 12, 31):
        years = f"{earliest.year}" if earliest.year == latest.year else f"{earliest.year} to {latest.year}"
        return f"{years} (year only)"
    return f"{earliest} to {latest} (from an age)"


def differing(one: RecordFacts, other: RecordFacts) -> frozenset[str]:
    """Return the labels of facts that both records state and that differ, without training and row in a file."""
    # a name romanised here always differs from one that a partner wrote
    by_rule = one.latin_name.endswith(BY_RULE) != other.latin_name.endswith(BY_RULE)
    silent = {"file and row", "training", *(("in Latin letters",) if by_rule else ())}
    return frozenset(
        label
        for label, name in LABELS
        if label not in silent
        and getattr(one, name)
        and getattr(other, name)
        and getattr(one, name) != getattr(other, name)
    )


def nodes_of(con: duckdb.DuckDBPyConnection, record_ids: Collection[str]) -> dict[str, int]:
    """Return record -> node, without records that are not in the linkage."""
    return dict(
        con.execute(
            f"SELECT record_id, node_id FROM {VAULT}.identity_record WHERE list_contains(?, record_id)",
            [list(record_ids)],
        ).fetchall()
    )


def evidence(con: duckdb.DuckDBPyConnection, model: MatchModel, pairs: Iterable[Pair]) -> dict[Pair, PairEvidence]:
    """Compare pairs of records again, also pairs that blocking does not find, and return the model's evidence.

    Pairs of records with the same features, or not in the linkage, are left out.
    """
    import pandas as pd

    from warehouse.identity.linkage.match import score_pairs

    wanted = list(pairs)
    node = nodes_of(con, {record for pair in wanted for record in pair})
    places = {
        pair: (min(node[pair[0]], node[pair[1]]), max(node[pair[0]], node[pair[1]]))
        for pair in wanted
        if pair[0] in node and pair[1] in node and node[pair[0]] != node[pair[1]]
    }
    if not places:
        return {}
    ends = pd.DataFrame(sorted(set(places.values())), columns=["join_key_l", "join_key_r"], dtype="uint64")
    with beside_vault(con, SCRATCH) as beside:
        beside.execute(f"CREATE VIEW node AS SELECT * FROM {VAULT}.identity_node")
        beside.register("asked", ends)
        beside.execute("CREATE TABLE blocked AS SELECT '0' AS match_key, * FROM asked")
        beside.unregister("asked")
        scored = score_pairs(beside, model, keep_levels=True)
    by_nodes = {(row["node_id_l"], row["node_id_r"]): _read_row(row, model) for row in scored.to_dict("records")}
    return {pair: by_nodes[ends_of] for pair, ends_of in places.items()}


def _read_row(row: dict[Any, Any], model: MatchModel) -> PairEvidence:
    reasons = []
    for item in COMPARISONS:
        level = level_of(item, int(row[f"gamma_{item.name}"]))
        reasons.append(Reason(item.name, level, 0.0 if level == NULL_LEVEL else model.match_weight(item.name, level)))
    return PairEvidence(
        prior_weight=model.prior_weight,
        reasons=tuple(reasons),
        weight=float(row["match_weight"]),
        probability=float(model.calibration.probability(row["match_weight"])),
        household=bool(row["household"]),
    )


def doubtful_pairs(
    con: duckdb.DuckDBPyConnection,
    model: MatchModel,
    decisions: Decided,
    *,
    country: str | None = None,
    limit: int | None = None,
    unsure_again: bool = False,
) -> list[DoubtfulPair]:
    """Return the pairs to review: the largest effect on the published count first, households last.

    Args:
        con: The vault as the last run left it.
        model: The model of the linkage.
        decisions: Judgements so far; pairs with a verdict, or whose verdict follows from others, are left out.
        country: Only pairs with a record of this country.
        limit: At most this many pairs.
        unsure_again: Also pairs that were judged `unsure`.
    """
    import numpy as np

    from warehouse.identity import calibration
    from warehouse.identity.linkage.clusters import FIRM_PROBABILITY

    nodes = con.execute(_NODES).df()
    if nodes.empty:
        return []
    lines = {name: (ALL, name) for name in nodes["country"].unique()}
    nodes["lines"] = nodes["country"].map(lines)
    edges = con.execute(calibration.EDGES).df()
    forest = calibration.spanning_forest(edges, nodes[["node_id", "cluster"]])
    if forest.empty:
        return []
    forest["likely"] = calibration.probability(forest, calibration.pair_sizes(forest, nodes), model)
    changed = calibration.affected_lines(forest, nodes).groupby("place")["line"].agg(sorted)
    is_bridge = forest["kind"] == calibration.BRIDGE
    forest["lines"] = changed.reindex(forest.index)
    wrong = np.where(is_bridge, 1 - forest["likely"], forest["likely"])
    forest["effect"] = wrong * forest["lines"].str.len().fillna(0)
    plausible = is_bridge & (forest["match_weight"] < model.calibration.weight(FIRM_PROBABILITY))
    plausible |= ~is_bridge & (forest["likely"] >= LEAST_DOUBT)
    offered = forest[plausible & (forest["effect"] > 0)].merge(
        nodes[["node_id", "country", "record_id"]].add_suffix("_l"), on="node_id_l"
    )
    offered = offered.merge(nodes[["node_id", "country", "record_id"]].add_suffix("_r"), on="node_id_r")
    if country is not None:
        offered = offered[(offered["country_l"] == country) | (offered["country_r"] == country)]
    offered = offered.assign(last=offered["kind"] == calibration.HOUSEHOLD).sort_values(
        ["last", "effect", "match_weight", "node_id_l", "node_id_r"], ascending=[True, False, False, True, True]
    )
    judged = _judged_nodes(con, decisions, unsure_again)
    found = [
        DoubtfulPair(
            pair=pair_of(row["record_id_l"], row["record_id_r"]),
            kind=row["kind"],
            weight=float(row["match_weight"]),
            likely=float(row["likely"]),
            lines=tuple(row["lines"]),
            effect=float(row["effect"]),
        )
        for row in offered.to_dict("records")
        if (row["node_id_l"], row["node_id_r"]) not in judged
    ]
    return found[:limit]


def _judged_nodes(con: duckdb.DuckDBPyConnection, decisions: Decided, unsure_again: bool) -> set[tuple[int, int]]:
    """Return the pairs of nodes with a judged pair of records."""
    pairs = [*decisions.verdicts, *(() if unsure_again else decisions.unsure)]
    node = nodes_of(con, {record for pair in pairs for record in pair})
    ends = [(node[one], node[other]) for one, other in pairs if one in node and other in node]
    return {(min(pair), max(pair)) for pair in ends}


def shown_first(pairs: Sequence[DoubtfulPair]) -> list[str]:
    """Return the records of pairs in order, each once."""
    return list(dict.fromkeys(record for item in pairs for record in item.pair))


# the people of the register; a node is shown by its oldest record, by one that counts if there is one
_NODES = """
WITH member AS (
    SELECT identity_record.node_id, identity_record.record_id, register.trainee_id, register.founding_order,
           bool_or(coalesce(record.disposition = 'accepted', FALSE)) AS counted
    FROM identity_record
    JOIN register ON register.record_id = identity_record.record_id
    LEFT JOIN record ON record.record_id = identity_record.record_id
    GROUP BY ALL
), placed AS (
    SELECT node_id, min(trainee_id) AS trainee_id, bool_or(counted) AS counted,
           arg_min(record_id, ROW(NOT counted, founding_order, record_id)) AS record_id
    FROM member GROUP BY node_id
)
SELECT node_id, dense_rank() OVER (ORDER BY trainee_id) AS cluster, country, counted, record_id
FROM placed JOIN identity_node USING (node_id)
ORDER BY node_id
"""
