"""The linkage model on Splink: blocking rules and comparisons, each with its why, weights from match_model.json.

The only module that imports Splink. Cluster labels are the smallest member's id and never leave this package:
one new record renames them.
"""

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd
from pydantic import BaseModel, ConfigDict, Field

from warehouse.clusters import Evidence, cluster_pairs, contradict
from warehouse.features import identity_features

MODEL_FILE = Path(__file__).parent / "match_model.json"
# a key that more nodes share says little and costs its square: it blocks nothing
BLOCK_CAP = 100
NULL_LEVEL = "not stated"
HOUSEHOLD_LEVEL = "another name on one phone"
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
    # pairs from this weight on are kept for review
    review_weight: float
    comparisons: dict[str, dict[str, Level]]


@dataclass(frozen=True)
class Comparison:
    """Levels in order, (name, SQL condition over _l and _r); the first that holds counts. `null` comes before."""

    name: str
    why: str
    null: str
    levels: tuple[tuple[str, str], ...]
    # bits that a disagreement may count against at most: training data are cleaner than the world
    most_against: float | None = None


def _both(column: str) -> str:
    return f"{column}_l <> '' AND {column}_r <> ''"


def _words(side: str, form: str = "name_key") -> str:
    return f"string_split({form}_{side}, ' ')"


def _unmatched(one: str, other: str) -> str:
    """Words of one name that the other lacks, as one text."""
    return f"array_to_string(list_filter({_words(one)}, word -> NOT list_contains({_words(other)}, word)), ' ')"


def _without_like(one: str, other: str, alike: str) -> str:
    """How many words of one name have no like among the other's; `alike` compares `word` and `twin`."""
    return f"len(list_filter({_words(one)}, word -> len(list_filter({_words(other)}, twin -> {alike})) = 0))"


def _words_find_likes(alike: str) -> str:
    """Every word of the shorter name, two at least, has its like in the longer one."""
    return f"({_FEWER_WORDS} >= 2 AND ({_without_like('l', 'r', alike)} = 0 OR {_without_like('r', 'l', alike)} = 0))"


_SHARED_WORDS = f"len(list_intersect({_words('l')}, {_words('r')}))"
_FEWER_WORDS = f"least(len({_words('l')}), len({_words('r')}))"
_OTHER_SCRIPT = "name_script_l <> name_script_r"


def _any_form(condition: str, *parts: str) -> str:
    """A condition over {l} and {r} that holds for one form of the name against one form of the other.

    The name itself or its Latin form, where there is one: people give either.
    """
    forms = [
        f"({left}_{part}_l <> '' AND {right}_{part}_r <> '' AND "
        + condition.format(l=f"{left}_{part}_l", r=f"{right}_{part}_r")
        + ")"
        for part in parts
        for left in ("name", "alias")
        for right in ("name", "alias")
    ]
    return "(" + " OR ".join(forms) + ")"


_SAME_NAME = _any_form("{l} = {r}", "key")
_SAME_SOUND = _any_form("{l} = {r}", "fold", "sound")
_SHARED_PHONE = (
    "((phone_1_l <> '' AND phone_1_l IN (phone_1_r, phone_2_r)) "
    "OR (phone_2_l <> '' AND phone_2_l IN (phone_1_r, phone_2_r)))"
)
_BIRTH_MISSING = "birth_low_l IS NULL OR birth_low_r IS NULL"
_EXACT_BIRTHS = "(birth_l <> '' AND birth_r <> '')"
# days between two spans of birth; not above 0 where they overlap
_BIRTH_GAP = "greatest(birth_low_l, birth_low_r) - least(birth_high_l, birth_high_r)"
# a part of a number says nothing against the whole, but it can be found in it
_PART_OF_FULL = (
    "((national_partial_l <> '' AND national_r <> '' AND ends_with(national_r, national_partial_l)) "
    "OR (national_partial_r <> '' AND national_l <> '' AND ends_with(national_l, national_partial_r)))"
)

COMPARISONS = (
    Comparison(
        "name",
        "The words of a name as a set: order differs, words are dropped, spelling varies. How many carry the whole "
        "name decides what its agreement is worth. Across scripts only sounds can be compared. Quite another name "
        "on a shared phone is a household, and household evidence is kept apart from the rest.",
        "name_key_l = '' OR name_key_r = ''",
        (
            ("same name, rare", f"{_SAME_NAME} AND least(name_count_l, name_count_r) <= 3"),
            ("same name, uncommon", f"{_SAME_NAME} AND least(name_count_l, name_count_r) <= 12"),
            ("same name, common", _SAME_NAME),
            ("same sound", _SAME_SOUND),
            (
                "one spelled otherwise",
                f"({_SHARED_WORDS} >= 1 AND len({_words('l')}) = len({_words('r')}) AND "
                f"(jaro_winkler_similarity({_unmatched('l', 'r')}, {_unmatched('r', 'l')}) >= 0.93 OR "
                f"(len({_unmatched('l', 'r')}) >= 5 AND "
                f"damerau_levenshtein({_unmatched('l', 'r')}, {_unmatched('r', 'l')}) <= 1))) "
                "OR (least(len(name_key_l), len(name_key_r)) >= 5 AND "
                "(damerau_levenshtein(name_key_l, name_key_r) <= 1 "
                "OR damerau_levenshtein(name_sound_l, name_sound_r) <= 1))",
            ),
            ("part of the other, two words", f"{_SHARED_WORDS} = {_FEWER_WORDS} AND {_SHARED_WORDS} >= 2"),
            ("part of the other, one word", f"{_SHARED_WORDS} = {_FEWER_WORDS}"),
            (
                "other script, alike",
                f"{_OTHER_SCRIPT} AND "
                + _any_form("jaro_winkler_similarity({l}, {r}) >= 0.93", "fold", "sound", "skeleton"),
            ),
            (
                "other script, near",
                f"{_OTHER_SCRIPT} AND "
                + _any_form("jaro_winkler_similarity({l}, {r}) >= 0.84", "fold", "sound", "skeleton"),
            ),
            (
                "part of the other, spelled otherwise",
                _words_find_likes("word = twin OR (len(word) >= 3 AND damerau_levenshtein(word, twin) <= 1)"),
            ),
            (
                "alike as a whole",
                f"(len({_words('l')}) <> len({_words('r')}) OR {_FEWER_WORDS} = 1) AND "
                + _any_form("jaro_winkler_similarity({l}, {r}) >= 0.93", "fold", "sound"),
            ),
            (
                "loosely alike",
                _words_find_likes("jaro_winkler_similarity(word, twin) >= 0.82")
                + " OR damerau_levenshtein(name_key_l, name_key_r) <= 1",
            ),
            (HOUSEHOLD_LEVEL, _SHARED_PHONE),
            ("other script, unlike", _OTHER_SCRIPT),
            ("half the words shared", f"{_SHARED_WORDS} >= 2"),
            ("one word shared", f"{_SHARED_WORDS} >= 1"),
        ),
    ),
    Comparison(
        "birth",
        "A full date where both have one; else spans of possible days compared by overlap. A date is mistyped in "
        "one place, or day and month change places; another date altogether speaks against.",
        _BIRTH_MISSING,
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
        most_against=9.0,
    ),
    Comparison(
        "phone",
        "Strong, but shared in households and lent: worth less the more different names carry it. Another number "
        "is weak evidence: people have several.",
        "phone_1_l = '' OR phone_1_r = ''",
        (
            ("same, of one name", f"{_SHARED_PHONE} AND least(phone_names_l, phone_names_r) <= 1"),
            ("same, of few names", f"{_SHARED_PHONE} AND least(phone_names_l, phone_names_r) <= 3"),
            ("same, of many names", _SHARED_PHONE),
            ("one digit off", "damerau_levenshtein(phone_1_l, phone_1_r) <= 1"),
        ),
        most_against=4.0,
    ),
    Comparison(
        "national_id",
        "All but proof where it agrees, all but a veto where two full numbers differ by more than a slip.",
        f"NOT (({_both('national')}) OR ({_both('national_partial')}) OR {_PART_OF_FULL})",
        (
            ("same number", f"{_both('national')} AND national_l = national_r"),
            (
                "same part of the number",
                f"({_both('national_partial')} AND national_partial_l = national_partial_r) OR {_PART_OF_FULL}",
            ),
            ("one digit off", f"{_both('national')} AND damerau_levenshtein(national_l, national_r) <= 1"),
        ),
        most_against=9.0,
    ),
    Comparison(
        "member",
        "The partner's own number for a person: comparable within one partner only.",
        f"NOT ({_both('member')}) OR string_split(member_l, ' ')[1] <> string_split(member_r, ' ')[1]",
        (("same number", "member_l = member_r"),),
        most_against=6.0,
    ),
    Comparison(
        "email",
        "Personal where given; people change it, so another one says little.",
        f"NOT ({_both('email')})",
        (("same address", "email_l = email_r"),),
        most_against=3.0,
    ),
    Comparison(
        "place",
        "Weak: people attend where they are; it separates namesakes of different regions. Names of places in two "
        "scripts cannot be compared.",
        "place_script_l <> place_script_r OR ((province_l = '' OR province_r = '') AND "
        "(district_l = '' OR district_r = ''))",
        (
            (
                "same district",
                "district_l <> '' AND district_l = district_r AND "
                "(province_l = province_r OR province_l = '' OR province_r = '')",
            ),
            ("same province", "province_l <> '' AND province_l = province_r"),
            ("other place", "country_l = country_r"),
        ),
        most_against=4.0,
    ),
    Comparison(
        "sex",
        "Rarely mistyped; tells siblings apart.",
        f"NOT ({_both('sex')})",
        (("same", "sex_l = sex_r"),),
        most_against=6.0,
    ),
)


@dataclass(frozen=True)
class BlockingKey:
    """Two nodes with the same key of one kind are compared, unless more than `cap` nodes share it.

    A node has one key for each expression: the phone written first and the second are keys of one kind.
    """

    name: str
    why: str
    keys: tuple[str, ...]
    cap: int = BLOCK_CAP


def _each_form(part: str, rest: str = "") -> tuple[str, ...]:
    return tuple(f"nullif({form}_{part}, ''){rest}" for form in ("name", "alias"))


_YEARS = ("year(DATE '1970-01-01' + birth_low)", "year(DATE '1970-01-01' + birth_high)")

_PLACE = " || nullif(district, '')"
_DAY = "[1:4] || nullif(birth, '')"

BLOCKING_KEYS = (
    BlockingKey("phone", "the key most people carry through", ("nullif(phone_1, '')", "nullif(phone_2, '')")),
    BlockingKey("national", "exact where it is given", ("nullif(national, '')",)),
    BlockingKey("part", "a part of the number, in one year of birth", ("nullif(national_partial, '') || birth[1:4]",)),
    BlockingKey("member", "the partner's own idea of a person", ("nullif(member, '')",)),
    BlockingKey("email", "rare, and personal", ("nullif(email, '')",)),
    BlockingKey("name_birth", "a new phone and a new place", _each_form("key", " || nullif(birth, '')")),
    BlockingKey(
        "name_place", "an age instead of a birth date, a new phone", _each_form("key", " || nullif(district, '')")
    ),
    BlockingKey("name", "somebody who moved, to another country too: rare names only", _each_form("key"), cap=20),
    BlockingKey(
        "fold_year",
        "a mistyped day, another spelling, an age beside a date",
        tuple(f"{form} || {year}" for form in _each_form("fold") for year in _YEARS),
    ),
    BlockingKey(
        "sound_year",
        "the beginning of the name as it is heard: words run together or dropped, another script",
        tuple(f"{form}[1:5] || {year} || province" for form in _each_form("sound") for year in _YEARS),
    ),
    BlockingKey("birth_place", "another script or spelling", ("nullif(birth, '') || nullif(district, '')",)),
    BlockingKey(
        "birth_name", "a new district, a word dropped", (*_each_form("fold", _DAY), *_each_form("sound", _DAY))
    ),
    BlockingKey(
        "skeleton_place",
        "another script with a mistyped birth",
        _each_form("skeleton", f" || sex{_PLACE}"),
    ),
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
