"""Doubtful pairs in the order of their effect on the published count, and what an officer needs to judge them.

Reads the vault as the last run left it; holds people's data, which goes to a person who judges and nowhere else.
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
# a pair that is more surely one person, or two, than this is not worth an officer's time
LEAST_DOUBT = 0.02
_NONE = "-"
BY_RULE = " (romanised)"
Kind = Literal["bridge", "between", "household"]


@dataclass(frozen=True)
class RecordFacts:
    """One record as an officer sees it; missing text is empty. `alike`: further records alike in everything."""

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
    """One comparison of a pair: the level in words, and the bits that it counts for (+) or against (-)."""

    comparison: str
    level: str
    match_weight: float


@dataclass(frozen=True)
class PairEvidence:
    """All that the model says of a pair. weight: the prior and all bits; probability: calibrated in training."""

    prior_weight: float
    reasons: tuple[Reason, ...]
    weight: float
    probability: float
    household: bool


@dataclass(frozen=True)
class DoubtfulPair:
    """A pair on which the published count hangs.

    kind: bridge where the two are counted as one person and only this pair holds them together; between where
    they are counted as two; household where the model saw two people on one phone. likely: that it is one person.
    lines: lines of report_reach that the decision changes. effect: expected change, summed over these lines.
    """

    pair: Pair
    kind: Kind
    weight: float
    likely: float
    lines: tuple[str, ...]
    effect: float

    @property
    def changes(self) -> tuple[str, str]:
        """What the verdicts same and different change in the published count, in words."""
        lines = " and ".join(self.lines)
        if self.kind == "bridge":
            return "nothing", f"one person more in {lines}"
        return f"one person fewer in {lines}", "nothing"


def read_records(con: duckdb.DuckDBPyConnection, record_ids: Collection[str]) -> dict[str, RecordFacts]:
    """Return what is known of records, by id; one that the vault no longer has is left out."""
    rows = con.execute(
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
        SELECT chosen.record_id, coalesce(trainee_id, ''), coalesce(full_name, ''), coalesce(latin_name, ''),
               coalesce(sex, ''), birth_earliest, birth_latest, coalesce(phones, ''), coalesce(email, ''),
               coalesce(national_id, ''), coalesce(national_id_status, ''), coalesce(member_id, ''),
               concat_ws(', ', nullif(address, ''), nullif(district, ''), nullif(province, ''), nullif(postcode, '')),
               chosen.country_code,
               coalesce(partner_name, chosen.partner_id), training_date, coalesce(course_title, chosen.course_code, ''),
               coalesce(file, delivery_name, ''), coalesce(sheet, ''), row_number, disposition,
               coalesce(alike.records - 1, 0)
        FROM chosen
        LEFT JOIN register ON register.record_id = chosen.record_id
        LEFT JOIN partner ON partner.partner_id = chosen.partner_id
        LEFT JOIN course ON course.course_code = chosen.course_code
        LEFT JOIN identity_record ON identity_record.record_id = chosen.record_id
        LEFT JOIN alike ON alike.node_id = identity_record.node_id
        """,
        [list(record_ids)],
    ).fetchall()
    found = {}
    for row in rows:
        record, trainee, name, latin, sex, low, high, phones, email, number, status, member, place, country = row[:14]
        partner, day, course, file, sheet, line, disposition, alike = row[14:]
        found[record] = RecordFacts(
            record_id=record,
            trainee_id=trainee,
            full_name=name,
            latin_name=latin or in_latin(name),
            sex={"F": "female", "M": "male", "X": "another answer", "": ""}[sex],
            birth=say_birth(low, high),
            phones=phones.replace(" ", ", "),
            email=email,
            national_id=f"{number} ({_STATUS[status]})" if number and status in _STATUS else number,
            member_id=member,
            place=f"{place}, {country}" if place else country,
            partner=partner,
            training=", ".join(part for part in (day.isoformat() if day else "", course) if part),
            # where it lies is the machine's business; its last folder and name are the partner's
            source=", ".join(
                part
                for part in ("/".join(file.split("/")[-2:]), sheet and f"sheet {sheet}", line and f"row {line}")
                if part
            ),
            disposition=disposition,
            alike=alike,
        )
    return found


_STATUS = {"valid": "checked", "unchecked": "no check exists", "partial": "a part of it", "invalid": "check failed"}


def in_latin(name: str) -> str:
    """Return a name of another script in Latin letters, as it is compared; empty for a Latin one."""
    if not name or name_script(name) in ("LATIN", ""):
        return ""
    return romanise(name).title() + BY_RULE


def say_birth(earliest: dt.date | None, latest: dt.date | None) -> str:
    """Return a day or a span of birth with how exactly it is known; empty where it is not stated."""
    if earliest is None or latest is None:
        return ""
    if earliest == latest:
        # many forms turn "born in 1985" into the first of January
        return f"{earliest.year} (1 January: year only)" if (earliest.month, earliest.day) == (1, 1) else str(earliest)
    if (earliest.month, earliest.day, latest.month, latest.day) == (1, 1, 12, 31):
        years = f"{earliest.year}" if earliest.year == latest.year else f"{earliest.year} to {latest.year}"
        return f"{years} (year only)"
    return f"{earliest} to {latest} (from an age)"


def differing(one: RecordFacts, other: RecordFacts) -> frozenset[str]:
    """Return the labels of what both state and state differently; training and place in a file always differ."""
    # a romanised name differs from a written one by rule, which says nothing
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
    """Return record -> node; records that are not in the linkage are left out."""
    return dict(
        con.execute(
            f"SELECT record_id, node_id FROM {VAULT}.identity_record WHERE list_contains(?, record_id)",
            [list(record_ids)],
        ).fetchall()
    )


def evidence(con: duckdb.DuckDBPyConnection, model: MatchModel, pairs: Iterable[Pair]) -> dict[Pair, PairEvidence]:
    """Return what the model says of pairs of records, compared anew, whether blocking would find them or not.

    Pairs of records alike in everything, or not in the linkage, are left out.
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
    """Return the pairs that are worth judging, the greatest effect on the published count first, households last.

    Args:
        con: The vault as the last run left it.
        model: The model of the linkage.
        decisions: What is judged already; such pairs are left out, also where a verdict only follows.
        country: Only pairs with a record of this country.
        limit: At most so many.
        unsure_again: Also pairs that somebody looked at and was not sure of.
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
    """Pairs of nodes of which somebody judged a pair of records."""
    pairs = [*decisions.verdicts, *(() if unsure_again else decisions.unsure)]
    node = nodes_of(con, {record for pair in pairs for record in pair})
    ends = [(node[one], node[other]) for one, other in pairs if one in node and other in node]
    return {(min(pair), max(pair)) for pair in ends}


def shown_first(pairs: Sequence[DoubtfulPair]) -> list[str]:
    """Return the records of pairs, each once, in order."""
    return list(dict.fromkeys(record for item in pairs for record in item.pair))


# the register's people, as they are published; a node stands for its oldest record, one that counts before others
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
