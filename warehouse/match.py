"""The linkage model on Splink: blocking rules and comparisons, each with its why, weights from match_model.json.

The only module that imports Splink. Cluster labels are the smallest member's id and never leave this package:
one new record renames them.
"""

import logging
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd
from pydantic import BaseModel, ConfigDict, Field

from warehouse.clusters import cluster_pairs
from warehouse.features import identity_features

MODEL_FILE = Path(__file__).parent / "match_model.json"
# a key that more nodes share says little and costs its square: it blocks nothing
BLOCK_CAP = 100
NULL_LEVEL = "not stated"
ELSE_LEVEL = "other"


class UntrainedLevelError(ValueError):
    """The model file lacks the weights of a level; train it again."""


class Level(BaseModel):
    """Weights of one comparison level: m among pairs of one person, u among pairs of two."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    m: float = Field(gt=0, lt=1)
    u: float = Field(gt=0, lt=1)


class MatchModel(BaseModel):
    """The committed model, neutral of any database: weights per comparison and level, and the threshold."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    version: str
    trained_on: str
    # share of true pairs among the pairs that blocking compares
    prior: float = Field(gt=0, lt=1)
    # match weight (log2 of the odds) from which a pair is a link
    link_weight: float
    comparisons: dict[str, dict[str, Level]]


@dataclass(frozen=True)
class Comparison:
    """Levels in order, (name, SQL condition over _l and _r); the first that holds counts. `null` comes before."""

    name: str
    why: str
    null: str
    levels: tuple[tuple[str, str], ...]


def _both(column: str) -> str:
    return f"{column}_l <> '' AND {column}_r <> ''"


def _words(side: str, form: str = "name_key") -> str:
    return f"string_split({form}_{side}, ' ')"


def _unmatched(one: str, other: str) -> str:
    """Words of one name that the other lacks, as one text."""
    return f"array_to_string(list_filter({_words(one)}, word -> NOT list_contains({_words(other)}, word)), ' ')"


_SHARED_WORDS = f"len(list_intersect({_words('l')}, {_words('r')}))"
_FEWER_WORDS = f"least(len({_words('l')}), len({_words('r')}))"
_SAME_NAME = (
    "(name_key_l = name_key_r OR (alias_key_l <> '' AND alias_key_l IN (alias_key_r, name_key_r)) "
    "OR (alias_key_r <> '' AND alias_key_r = name_key_l))"
)
_SAME_SOUND = (
    "(name_fold_l = name_fold_r OR (alias_fold_l <> '' AND alias_fold_l IN (alias_fold_r, name_fold_r)) "
    "OR (alias_fold_r <> '' AND alias_fold_r = name_fold_l))"
)
_SAME_SKELETON = (
    "((len(name_skeleton_l) >= 4 AND name_skeleton_l = name_skeleton_r) "
    "OR (len(alias_skeleton_l) >= 4 AND alias_skeleton_l IN (alias_skeleton_r, name_skeleton_r)) "
    "OR (len(alias_skeleton_r) >= 4 AND alias_skeleton_r = name_skeleton_l))"
)
_BIRTH_SPAN = "birth_low_l IS NULL OR birth_low_r IS NULL"
_EXACT_BIRTHS = "(birth_l <> '' AND birth_r <> '')"
# days between two spans of birth; 0 where they overlap
_BIRTH_GAP = "greatest(birth_low_l, birth_low_r) - least(birth_high_l, birth_high_r)"

COMPARISONS = (
    Comparison(
        "name",
        "The words of a name as a set: order differs, words are dropped, spelling varies. How many carry the whole "
        "name decides what its agreement is worth; one word that is quite another (a given name in a household) "
        "speaks against.",
        "name_key_l = '' OR name_key_r = ''",
        (
            ("same name, rare", f"{_SAME_NAME} AND least(name_count_l, name_count_r) <= 3"),
            ("same name, uncommon", f"{_SAME_NAME} AND least(name_count_l, name_count_r) <= 12"),
            ("same name, common", _SAME_NAME),
            ("same sound", _SAME_SOUND),
            (
                "one spelled otherwise",
                f"{_SHARED_WORDS} >= 1 AND len({_words('l')}) = len({_words('r')}) AND "
                f"(jaro_winkler_similarity({_unmatched('l', 'r')}, {_unmatched('r', 'l')}) >= 0.93 OR "
                f"(len({_unmatched('l', 'r')}) >= 5 AND "
                f"damerau_levenshtein({_unmatched('l', 'r')}, {_unmatched('r', 'l')}) <= 1))",
            ),
            ("part of the other, two words", f"{_SHARED_WORDS} = {_FEWER_WORDS} AND {_SHARED_WORDS} >= 2"),
            ("part of the other, one word", f"{_SHARED_WORDS} = {_FEWER_WORDS}"),
            ("same consonants", _SAME_SKELETON),
            (
                "alike as a whole",
                "greatest(jaro_winkler_similarity(name_fold_l, name_fold_r), CASE WHEN alias_fold_l <> '' AND "
                "alias_fold_r <> '' THEN jaro_winkler_similarity(alias_fold_l, alias_fold_r) ELSE 0 END, "
                "CASE WHEN len(name_skeleton_l) >= 5 AND len(name_skeleton_r) >= 5 THEN "
                "jaro_winkler_similarity(name_skeleton_l, name_skeleton_r) - 0.02 ELSE 0 END) >= 0.93",
            ),
            ("half the words shared", f"{_SHARED_WORDS} >= 2"),
            ("one word shared", f"{_SHARED_WORDS} >= 1"),
        ),
    ),
    Comparison(
        "birth",
        "A full date where both have one; else spans of possible days compared by overlap. A date is mistyped in "
        "one place, or day and month change places; another date altogether speaks against.",
        _BIRTH_SPAN,
        (
            ("same day", f"{_EXACT_BIRTHS} AND birth_l = birth_r"),
            (
                "day and month swapped",
                f"{_EXACT_BIRTHS} AND birth_l[1:4] = birth_r[1:4] AND birth_l[5:6] = birth_r[7:8] "
                "AND birth_l[7:8] = birth_r[5:6]",
            ),
            ("one digit off", f"{_EXACT_BIRTHS} AND damerau_levenshtein(birth_l, birth_r) <= 1"),
            ("same day and month", f"{_EXACT_BIRTHS} AND birth_l[5:8] = birth_r[5:8]"),
            ("same year", f"{_EXACT_BIRTHS} AND birth_l[1:4] = birth_r[1:4]"),
            ("other day", _EXACT_BIRTHS),
            ("spans overlap well", f"{_BIRTH_GAP} <= -270"),
            ("spans overlap", f"{_BIRTH_GAP} <= 0"),
            ("spans within a year", f"{_BIRTH_GAP} <= 366"),
        ),
    ),
    Comparison(
        "phone",
        "Strong, but shared in households and lent: worth less the more different names carry it. Another number "
        "is weak evidence: people have several.",
        "phone_1_l = '' OR phone_1_r = ''",
        (
            ("same, of one name", "phone_1_l IN (phone_1_r, phone_2_r) AND phone_names_l <= 2"),
            ("same, of few names", "phone_1_l IN (phone_1_r, phone_2_r) AND phone_names_l <= 4"),
            ("same, of many names", "phone_1_l IN (phone_1_r, phone_2_r) OR phone_1_r = nullif(phone_2_l, '')"),
            ("one digit off", "damerau_levenshtein(phone_1_l, phone_1_r) <= 1"),
        ),
    ),
    Comparison(
        "national_id",
        "All but proof where it agrees, all but a veto where two full numbers differ by more than a slip.",
        f"NOT (({_both('national')}) OR ({_both('national_partial')}))",
        (
            ("same number", f"{_both('national')} AND national_l = national_r"),
            ("same part of the number", f"{_both('national_partial')} AND national_partial_l = national_partial_r"),
            ("one digit off", f"{_both('national')} AND damerau_levenshtein(national_l, national_r) <= 1"),
        ),
    ),
    Comparison(
        "member",
        "The partner's own number for a person: comparable within one partner only.",
        f"NOT ({_both('member')}) OR string_split(member_l, ' ')[1] <> string_split(member_r, ' ')[1]",
        (("same number", "member_l = member_r"),),
    ),
    Comparison(
        "email",
        "Personal where given; people change it, so another one says little.",
        f"NOT ({_both('email')})",
        (("same address", "email_l = email_r"),),
    ),
    Comparison(
        "place",
        "Weak: people attend where they are; it separates namesakes of different regions.",
        "province_l = '' OR province_r = ''",
        (
            ("same district", "district_l <> '' AND district_l = district_r AND province_l = province_r"),
            ("same province", "province_l = province_r"),
            ("other province", "country_l = country_r"),
        ),
    ),
    Comparison("sex", "Rarely mistyped; tells siblings apart.", f"NOT ({_both('sex')})", (("same", "sex_l = sex_r"),)),
)

# Every key is bounded: NULL where more than BLOCK_CAP nodes share it. (name, SQL over a node, why)
BLOCKING_KEYS = (
    ("block_phone", "nullif(phone_1, '')", "the key most people carry through"),
    ("block_national", "nullif(national, '')", "exact where it is given"),
    ("block_member", "nullif(member, '')", "the partner's own idea of a person"),
    ("block_email", "nullif(email, '')", "rare, and personal"),
    ("block_name_birth", "name_key || ' ' || nullif(birth, '')", "a new phone and a new place"),
    ("block_name_place", "name_key || ' ' || nullif(district, '')", "an age instead of a birth date, a new phone"),
    ("block_fold_year", "name_fold || ' ' || nullif(birth[1:4], '')", "a mistyped day, another spelling"),
    ("block_birth_place", "nullif(birth, '') || ' ' || nullif(district, '')", "another script or spelling"),
    ("block_birth_name", "nullif(birth, '') || ' ' || name_fold[1:4]", "a new district, a word dropped"),
    ("block_skeleton", "nullif(name_skeleton, '') || ' ' || country || ' ' || province", "another script"),
    ("block_alias", "nullif(alias_key, '') || ' ' || country", "the Latin form where the script varies"),
)


@dataclass(frozen=True)
class Resolution:
    """Clusters (record_id, cluster), scored pairs of nodes (record_id_l, record_id_r, match_weight), counts."""

    clusters: pd.DataFrame
    edges: pd.DataFrame
    counts: dict[str, int] = field(default_factory=dict)


@cache
def load_model(path: Path = MODEL_FILE) -> MatchModel:
    """Return the committed model.

    Raises:
        UntrainedLevelError: a level of COMPARISONS has no weights, or weights stand for a level that is gone.
    """
    model = MatchModel.model_validate_json(path.read_text(encoding="utf-8"))
    require_trained(model)
    return model


def require_trained(model: MatchModel) -> None:
    """Refuse a model whose levels are not exactly those of COMPARISONS: Splink would fill gaps in silence."""
    wanted = {(item.name, level) for item in COMPARISONS for level in level_names(item)}
    found = {(name, level) for name, levels in model.comparisons.items() for level in levels}
    if wanted != found:
        odd = ", ".join(f"{name}: {level}" for name, level in sorted(wanted ^ found))
        raise UntrainedLevelError(f"{MODEL_FILE.name} does not fit the comparisons ({odd}); train the model again")


def level_names(comparison: Comparison) -> tuple[str, ...]:
    """Names of the levels that have weights, in Splink's order from the strongest to `other`."""
    return (*(name for name, _ in comparison.levels), ELSE_LEVEL)


def make_nodes(con: duckdb.DuckDBPyConnection, records: pd.DataFrame) -> pd.DataFrame:
    """Make table `node`, one row per distinct identity with its blocking keys; returns record_id -> node_id.

    Identical records collapse into one node before anything is compared: somebody with ten courses is one node.
    """
    features = identity_features(records)
    con.register("feature", features)
    names = ", ".join(name for name in features.columns if name != "record_id")
    con.execute(
        f"CREATE TABLE same AS SELECT min(record_id) AS node_id, list(record_id) AS record_ids, {names} "  # noqa: S608
        f"FROM feature GROUP BY {names}"
    )
    keys = ", ".join(f"{sql} AS {key}" for key, sql, _ in BLOCKING_KEYS)
    bounded = ", ".join(
        f"CASE WHEN count(*) OVER (PARTITION BY {key}) <= {BLOCK_CAP} THEN {key} END AS {key}"
        for key, _, _ in BLOCKING_KEYS
    )
    con.execute(
        f"""
        CREATE TABLE node AS
        WITH keyed AS (
            SELECT node_id, {names}, {keys},
                   count(*) OVER (PARTITION BY country, name_key) AS name_count,
                   count(DISTINCT name_fold) OVER (PARTITION BY phone_1) AS phone_names
            FROM same
        )
        SELECT node_id, {names}, name_count, phone_names, {bounded} FROM keyed ORDER BY node_id
        """  # noqa: S608 - names of ours
    )
    con.unregister("feature")
    return con.execute("SELECT node_id, unnest(record_ids) AS record_id FROM same").df()


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
        "blocking_rules_to_generate_predictions": [f"l.{key} = r.{key}" for key, _, _ in BLOCKING_KEYS],
        "comparisons": comparisons,
        "retain_matching_columns": False,
        "retain_intermediate_calculation_columns": False,
    }


def score_pairs(con: duckdb.DuckDBPyConnection, model: MatchModel, *, keep_levels: bool = False) -> pd.DataFrame:
    """Compare all pairs of table `node` that share a blocking key.

    Returns:
        node_id_l, node_id_r, match_weight (log2 of the odds); with `keep_levels` also gamma_<comparison>.
    """
    from splink import Linker
    from splink.backends.duckdb import DuckDBAPI

    api = DuckDBAPI(connection=con)
    settings = splink_settings(model) | {"retain_matching_columns": keep_levels}
    linker = Linker(api.register("node"), settings, log_level=logging.WARNING, validate_settings=False)
    predicted = linker.inference.predict()
    gammas = "".join(f", gamma_{item.name}" for item in COMPARISONS) if keep_levels else ""
    return con.execute(
        f"SELECT node_id_l, node_id_r, match_weight{gammas} FROM {predicted.physical_name} "  # noqa: S608
        "ORDER BY node_id_l, node_id_r"
    ).df()


def _vetoes(con: duckdb.DuckDBPyConnection, edges: pd.DataFrame) -> list[tuple[str, str]]:
    """Pairs that may not be one person: two full ids that differ, or another sex and another birth."""
    con.register("edge", edges[["node_id_l", "node_id_r"]])
    try:
        return con.execute(
            f"""
            SELECT node_id_l, node_id_r
            FROM edge
            JOIN (SELECT node_id AS node_id_l, national AS national_l, sex AS sex_l, birth AS birth_l FROM node)
                USING (node_id_l)
            JOIN (SELECT node_id AS node_id_r, national AS national_r, sex AS sex_r, birth AS birth_r FROM node)
                USING (node_id_r)
            WHERE ({_both("national")} AND damerau_levenshtein(national_l, national_r) > 2)
               OR ({_both("sex")} AND sex_l <> sex_r AND {_both("birth")} AND birth_l <> birth_r)
            """  # noqa: S608 - conditions of ours
        ).fetchall()
    finally:
        con.unregister("edge")


def resolve(records: pd.DataFrame, model: MatchModel, *, memory_limit: str = "2GB", threads: int = 2) -> Resolution:
    """Return which records are one person.

    Args:
        records: One row per record_id, columns of TRAINING_LOG_COLUMNS; may be empty.
        model: Weights and threshold.
        memory_limit: DuckDB's limit for the comparisons.
        threads: DuckDB's threads; the result is the same for any number.
    """
    if len(records) == 0:
        empty = pd.DataFrame({"record_id": [], "cluster": []}, dtype="str")
        return Resolution(empty, pd.DataFrame({"record_id_l": [], "record_id_r": [], "match_weight": []}))
    con = duckdb.connect(":memory:", config={"memory_limit": memory_limit, "threads": threads})
    try:
        nodes = make_nodes(con, records)
        edges = score_pairs(con, model)
        links = edges[edges["match_weight"] >= model.link_weight]
        vetoes = _vetoes(con, edges)
    finally:
        con.close()
    labels = cluster_pairs(nodes["node_id"].unique(), list(links.itertuples(index=False, name=None)), vetoes)
    clusters = pd.DataFrame({"record_id": nodes["record_id"], "cluster": nodes["node_id"].map(labels)})
    counts = {"records": len(records), "nodes": nodes["node_id"].nunique(), "pairs": len(edges), "links": len(links)}
    renamed = edges.rename(columns={"node_id_l": "record_id_l", "node_id_r": "record_id_r"})
    return Resolution(clusters.sort_values("record_id", ignore_index=True), renamed, counts)
