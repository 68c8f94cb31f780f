"""Who of the trainees answered the follow-up survey: respondents held against the people of the register.

Features, comparisons, weights and calibration are those of the linkage; register and linkage are read, never written.

Method. A respondent says a name, a phone, a type and the day of the first training. Respondent and nodes of trainees
of the same country that share a bounded key are compared by the model, which gives a match weight. The model does not
know the day and the type: each adds a match weight of its own, log2(m / u) after Fellegi and Sunter 1969: m
(among true pairs) is stated in DAY_LEVELS and TYPE_AGREES, u (among pairs of strangers) is the share of the country's
trainees with that day, or that type. The sum goes through the model's calibration. Quite another name on one phone is
a household and never linked. The best trainee is taken where it is as likely as a link must be, and LEAST_MARGIN
better than the second; one trainee takes one respondent of a round, the likelier.
"""

from dataclasses import dataclass
from typing import Any

import duckdb
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from warehouse.identity.linkage.blocking import BlockingKey
from warehouse.identity.linkage.features import make_features, statistics_sql
from warehouse.identity.linkage.find_pairs import block_across
from warehouse.identity.linkage.link import model_fingerprint
from warehouse.identity.linkage.match import make_scores
from warehouse.identity.linkage.model import MatchModel
from warehouse.identity.secret import opaque_id
from warehouse.vault.linkage_tables import FEATURES, NODE_COLUMNS, STATISTIC_COLUMNS, VAULT, beside_vault

LINKED, AMBIGUOUS, NOT_FOUND, DUPLICATE = "linked", "ambiguous", "not_found", "duplicate"
# match weight by which the best trainee must exceed the second: eight times as likely
LEAST_MARGIN = 3.0
# shares among true pairs: the respondent's day is the day of the first training; is near it; is another day
DAY_SAME, DAY_NEAR, DAY_OTHER = 0.90, 0.06, 0.04
NEAR_DAYS = 31
TYPE_AGREES = 0.97
# keys with the first training day, in addition to those of the linkage: most respondents state no birth and no place
SURVEY_KEYS = (
    BlockingKey("name_day", "one name, one first training", ("name_key || training_day", "alias_key || training_day")),
    BlockingKey(
        "fold_day",
        "another spelling",
        ("nullif(name_fold, '') || training_day", "nullif(alias_fold, '') || training_day"),
    ),
    BlockingKey(
        "sound_day",
        "the beginning of the name as it is heard, in any script",
        ("nullif(name_sound, '')[1:3] || training_day", "nullif(alias_sound, '')[1:3] || training_day"),
        alike=True,
    ),
    BlockingKey("day", "any name among the few who began that day", ("training_day",), cap=30, alike=True),
)
_SCRATCH = "answers"

_RESPONDENTS = f"""
CREATE TABLE respondent AS
SELECT record_id, survey_id AS partner_id, country_code, full_name, latin_name, name_suffix,
       NULL::DATE AS birth_earliest, NULL::DATE AS birth_latest, phones, '' AS email, '' AS national_id,
       '' AS national_id_status, '' AS member_id, '' AS sex, '' AS province, '' AS district, '' AS address,
       '' AS postcode,
       -- a node of its own for each respondent
       record_id AS apart,
       survey_round, trainee_type, first_training_date
FROM {VAULT}.survey_row WHERE disposition = 'accepted'
"""
# of the people of this release: their nodes, the day of their first training and their type on that day
_TRAINEES = f"""
CREATE TABLE trainee AS
SELECT register.trainee_id, min(record.training_date) AS first_day,
       arg_min(nullif(record.trainee_type, ''), ROW(record.training_date, record.record_id)) AS trainee_type
FROM {VAULT}.record AS record JOIN {VAULT}.register AS register USING (record_id)
WHERE record.disposition = 'accepted' GROUP BY register.trainee_id;
CREATE TABLE trainee_node AS
SELECT DISTINCT identity_record.node_id, register.trainee_id, record.country_code
FROM {VAULT}.record AS record
JOIN {VAULT}.register AS register USING (record_id)
JOIN {VAULT}.identity_record AS identity_record USING (record_id)
WHERE record.disposition = 'accepted';
"""


@dataclass(frozen=True)
class RespondentLinks:
    """A row for each accepted response, linked or not, with the columns of table survey_link.

    made_from: hash of the input. links: None if the vault already holds the links of this input.
    """

    links: pd.DataFrame | None
    made_from: str

    def write(self, con: duckdb.DuckDBPyConnection) -> None:
        """Bring table survey_link up to date; the caller holds the transaction."""
        if self.links is None:
            return
        con.execute("DELETE FROM survey_link; DELETE FROM survey_link_state")
        con.execute("INSERT INTO survey_link_state VALUES (?)", [self.made_from])
        if self.links.empty:
            return
        con.register("answered_link", self.links)
        try:
            con.execute("INSERT INTO survey_link BY NAME SELECT * FROM answered_link ORDER BY record_id")
        finally:
            con.unregister("answered_link")


def link_respondents(con: duckdb.DuckDBPyConnection, model: MatchModel, secret: bytes) -> RespondentLinks:
    """Link respondents of surveys to trainees, unless nothing has changed since the last time.

    Args:
        con: The vault; linkage and register are read as they were committed.
        model: The model of the linkage.
        secret: Key of the published response ids.
    """
    made_from = f"{model_fingerprint(model)} {con.execute(_MADE_FROM).fetchall()[0][0]}"
    if con.execute("SELECT made_from FROM survey_link_state").fetchall() == [(made_from,)]:
        return RespondentLinks(None, made_from)
    if con.execute("SELECT count(*) FROM survey_row WHERE disposition = 'accepted'").fetchall()[0][0] == 0:
        return RespondentLinks(pd.DataFrame(), made_from)
    with beside_vault(con, _SCRATCH) as scratch:
        links = _link(scratch, model)
    links["response_id"] = [opaque_id(secret, f"survey response {record}", "r") for record in links["record_id"]]
    return RespondentLinks(links, made_from)


# responses that count; records that count, with their node and trainee; nodes with what others share of them
_MADE_FROM = f"""
SELECT concat_ws(
    ' ',
    (SELECT bit_xor(hash(row_text)) FROM (
        SELECT concat_ws(chr(31), record_id, content_id, survey_round, full_name, latin_name, name_suffix, phones,
                         trainee_type, first_training_date) AS row_text
        FROM survey_row WHERE disposition = 'accepted')),
    (SELECT bit_xor(hash(record_id, trainee_id, node_id, country_code, training_date, trainee_type))
     FROM record JOIN register USING (record_id) JOIN identity_record USING (record_id)
     WHERE disposition = 'accepted'),
    (SELECT bit_xor(hash(node_id, {", ".join(STATISTIC_COLUMNS)})) FROM identity_node)
)
"""


def _link(con: duckdb.DuckDBPyConnection, model: MatchModel) -> pd.DataFrame:
    """Return record_id, trainee_id, link_status, candidate_trainee_id, probability, margin_bits of every respondent."""
    con.execute(_RESPONDENTS)
    con.execute(_TRAINEES)
    make_features(con, "respondent")
    respondents = con.execute(
        "SELECT record_id, node_id, country_code, survey_round, trainee_type, first_training_date FROM respondent "
        "JOIN feature USING (record_id) ORDER BY record_id"
    ).df()
    people = con.execute(
        "SELECT DISTINCT trainee_id, country_code, first_day, trainee_type FROM trainee_node "
        "JOIN trainee USING (trainee_id) ORDER BY trainee_id, country_code"
    ).df()
    return decide(respondents, candidates(respondents, _score(con, model), people), model)


def _score(con: duckdb.DuckDBPyConnection, model: MatchModel) -> pd.DataFrame:
    """Return record_id, trainee_id and match_weight (the model's) of the best pair of nodes, without households."""
    names = ", ".join(FEATURES)
    con.execute(
        f"""
        CREATE VIEW asked_node AS
        SELECT node_id, {names}, country || strftime(first_training_date, '%Y%m%d') AS training_day
        FROM feature JOIN (SELECT record_id, first_training_date FROM respondent) USING (record_id);
        CREATE VIEW known_node AS
        SELECT node.*, country || strftime(first_day, '%Y%m%d') AS training_day
        FROM {VAULT}.identity_node AS node
        JOIN (SELECT DISTINCT node_id, trainee_id FROM trainee_node) USING (node_id) JOIN trainee USING (trainee_id)
        """
    )
    if block_across(con, "asked_node", "known_node", SURVEY_KEYS) == 0:
        return pd.DataFrame({"record_id": [], "trainee_id": [], "match_weight": []}).astype(
            {"record_id": "str", "trainee_id": "str", "match_weight": "float64"}
        )
    # count how many trainees share a respondent's values; counts of trainees stay those of the linkage
    con.execute(
        f"""
        CREATE VIEW node AS
        SELECT node_id, {names} FROM {VAULT}.identity_node UNION ALL SELECT node_id, {names} FROM feature;
        CREATE TABLE respondent_statistic AS SELECT * FROM ({statistics_sql()}) SEMI JOIN feature USING (node_id);
        DROP VIEW node;
        CREATE TABLE node AS
        SELECT node_id, {", ".join(NODE_COLUMNS)} FROM {VAULT}.identity_node SEMI JOIN (
            SELECT join_key_l AS node_id FROM blocked UNION ALL SELECT join_key_r FROM blocked
        ) USING (node_id)
        UNION ALL
        SELECT node_id, {", ".join(NODE_COLUMNS)} FROM feature JOIN respondent_statistic USING (node_id)
        """
    )
    # only pairs from the review weight on: day and type alone do not make a lower pair one person
    make_scores(con, model)
    return con.execute(
        """
        WITH pair AS (
            SELECT node_id_l AS asked, node_id_r AS known, match_weight FROM scored WHERE NOT household
            UNION ALL SELECT node_id_r, node_id_l, match_weight FROM scored WHERE NOT household
        )
        SELECT feature.record_id, trainee_node.trainee_id, max(match_weight) AS match_weight
        FROM pair
        JOIN feature ON feature.node_id = pair.asked
        JOIN respondent ON respondent.record_id = feature.record_id
        JOIN trainee_node ON trainee_node.node_id = pair.known AND trainee_node.country_code = respondent.country_code
        GROUP BY ALL ORDER BY ALL
        """
    ).df()


def candidates(respondents: pd.DataFrame, scores: pd.DataFrame, people: pd.DataFrame) -> pd.DataFrame:
    """Return record_id, trainee_id and weight: the model's, and what day and type add to it.

    Args:
        respondents: record_id, country_code, trainee_type, first_training_date.
        scores: record_id, trainee_id, match_weight.
        people: trainee_id, country_code (a row for each country attended), first_day, trainee_type.
    """
    asked = respondents[["record_id", "country_code", "trainee_type", "first_training_date"]]
    pairs = scores.merge(asked, on="record_id").merge(
        people, on=["trainee_id", "country_code"], suffixes=("", "_of_trainee")
    )
    added = np.zeros(len(pairs))
    for country, members in people.groupby("country_code"):
        here = (pairs["country_code"] == country).to_numpy()
        if here.any():
            added[here] = _day_weight(pairs[here], members) + _type_weight(pairs[here], members)
    return pairs.assign(weight=pairs["match_weight"] + added)[["record_id", "trainee_id", "weight"]]


def _day_weight(pairs: pd.DataFrame, people: pd.DataFrame) -> NDArray[np.float64]:
    days = np.sort(people["first_day"].to_numpy(dtype="datetime64[D]").astype("int64"))
    said = pairs["first_training_date"].to_numpy(dtype="datetime64[D]")
    stated = ~np.isnat(said)
    said_day = np.where(stated, said.astype("int64"), 0)
    known_day = pairs["first_day"].to_numpy(dtype="datetime64[D]").astype("int64")

    def share(low: NDArray[np.int64], high: NDArray[np.int64]) -> NDArray[np.float64]:
        found = np.searchsorted(days, high, side="right") - np.searchsorted(days, low, side="left")
        # a day that no trainee has counts as the day of one trainee: a register cannot show a lower share
        return np.asarray(np.clip(found, 1, None) / len(days), dtype="float64")

    same_u = share(said_day, said_day)
    near_u = np.maximum(share(said_day - NEAR_DAYS, said_day + NEAR_DAYS), same_u)
    gap = np.abs(said_day - known_day)
    same, near = np.log2(DAY_SAME / same_u), np.log2(DAY_NEAR / near_u)
    # if nearly all began on one day, another day is rare among strangers too: it must never count for a match
    other = np.minimum(np.log2(DAY_OTHER / np.clip(1 - near_u, 1 / len(days), 1)), np.minimum(near, 0))
    return np.where(stated, np.select([gap == 0, gap <= NEAR_DAYS], [same, near], other), 0.0)


def _type_weight(pairs: pd.DataFrame, people: pd.DataFrame) -> NDArray[np.float64]:
    shares = people["trainee_type"].value_counts(normalize=True)
    said, known = pairs["trainee_type"], pairs["trainee_type_of_trainee"]
    floor = 1 / (len(people) + 1)
    share = np.clip(said.map(shares).fillna(0.0).to_numpy(dtype="float64"), floor, 1 - floor)
    agree, differ = np.log2(TYPE_AGREES / share), np.minimum(np.log2((1 - TYPE_AGREES) / (1 - share)), 0)
    added = np.where((said == known).to_numpy(), agree, differ)
    return np.where((said.notna() & known.notna()).to_numpy(), added, 0.0)


def decide(respondents: pd.DataFrame, pairs: pd.DataFrame, model: MatchModel) -> pd.DataFrame:
    """Return the link status of every respondent; a trainee gets at most one respondent of a round.

    Args:
        respondents: record_id, survey_round.
        pairs: record_id, trainee_id, weight; a row for each candidate.
        model: Gives the link weight and the calibration.

    Returns:
        record_id, trainee_id (of the linked), link_status, candidate_trainee_id, probability and margin_bits (to the
        second best) of the best candidate; in the order of the records.
    """
    ranked = pairs.sort_values(["record_id", "weight", "trainee_id"], ascending=[True, False, True])
    best = ranked.drop_duplicates("record_id")
    second = ranked[ranked.duplicated("record_id")].drop_duplicates("record_id")
    found = (
        respondents[["record_id", "survey_round"]]
        .merge(best, on="record_id", how="left")
        .merge(second[["record_id", "weight"]], on="record_id", how="left", suffixes=("", "_second"))
    )
    margin = found["weight"] - found["weight_second"]
    likely = (found["weight"] >= model.link_weight).to_numpy()
    clear = ~(margin < LEAST_MARGIN).to_numpy()
    status = np.select([likely & clear, likely], [LINKED, AMBIGUOUS], NOT_FOUND).astype(object)
    taken: set[tuple[str, str]] = set()
    order = found.assign(place=np.arange(len(found))).sort_values(["weight", "record_id"], ascending=[False, True])
    for place, around, trainee in order[["place", "survey_round", "trainee_id"]].itertuples(index=False, name=None):
        if status[place] == LINKED:
            status[place] = DUPLICATE if (around, trainee) in taken else LINKED
            taken.add((around, trainee))
    probability: Any = model.calibration.probability(found["weight"].to_numpy(dtype="float64"))
    return pd.DataFrame(
        {
            "record_id": found["record_id"],
            "trainee_id": found["trainee_id"].where(status == LINKED, None),
            "link_status": pd.Series(status, dtype="str"),
            "candidate_trainee_id": found["trainee_id"].where(status != NOT_FOUND, None),
            "probability": np.round(probability, 6),
            "margin_bits": np.round(margin, 3),
        }
    ).sort_values("record_id", ignore_index=True)
