"""Counts the weights of the linkage model from records whose person is known; run by hand, never by a run.

A nightly run that retrained would move published figures without a single new record.
"""

import duckdb
import pandas as pd

from warehouse.identity.match import block_pairs, make_nodes, score_pairs
from warehouse.identity.model import COMPARISONS, Level, MatchModel, level_names

_SMOOTHING = 0.5
# a level seen in fewer pairs than this may not speak for a link
_FEWEST_PAIRS = 15
# bits below the link threshold in which a pair is still worth a look
_REVIEW_BAND = 6.0


def flat_model(version: str = "flat") -> MatchModel:
    """Return a model that knows nothing: every level as likely among matches as among others."""
    return MatchModel(
        version=version,
        trained_on="nothing",
        prior=0.5,
        link_weight=0.0,
        review_weight=0.0,
        comparisons={
            item.name: {
                name: Level(m=1 / (len(item.levels) + 2), u=1 / (len(item.levels) + 2)) for name in level_names(item)
            }
            for item in COMPARISONS
        },
    )


def labelled_pairs(records: pd.DataFrame) -> pd.DataFrame:
    """Return every pair that blocking compares, with its levels (gamma_*) and `is_match`.

    Args:
        records: TRAINING_LOG_COLUMNS and person_id.
    """
    con = duckdb.connect(":memory:")
    try:
        nodes = make_nodes(con, records.drop(columns="person_id"))
        block_pairs(con)
        pairs = score_pairs(con, flat_model(), keep_levels=True)
    finally:
        con.close()
    person = nodes.merge(records[["record_id", "person_id"]], on="record_id").groupby("node_id")["person_id"].min()
    pairs["is_match"] = pairs["node_id_l"].map(person).to_numpy() == pairs["node_id_r"].map(person).to_numpy()
    return pairs


def train(records: pd.DataFrame, *, version: str, trained_on: str, link_weight: float = 3.0) -> MatchModel:
    """Return a model with m and u counted among the pairs that blocking compares (Fellegi and Sunter 1969).

    u is counted among compared pairs of different people, not among random pairs: blocking has already found
    that something agrees, and the weights must say what the rest adds. Counts are smoothed by a half.

    Args:
        records: TRAINING_LOG_COLUMNS and person_id.
        version: Name of the model.
        trained_on: What it was trained on, in words.
        link_weight: Threshold in match weight.
    """
    pairs = labelled_pairs(records)
    comparisons: dict[str, dict[str, Level]] = {}
    for item in COMPARISONS:
        names = level_names(item)
        weights = {}
        # households are set apart by rule: what their phone, place and birth share must not count against the rest
        counted = pairs if item.name == "name" else pairs[~pairs["household"]]
        matches, others = counted[counted["is_match"]], counted[~counted["is_match"]]
        for index, name in enumerate(names):
            # Splink numbers levels downwards: the first is the highest, `other` is 0, -1 is not stated
            gamma = len(names) - 1 - index
            m, u = (_share(part, item.name, gamma, len(names)) for part in (matches, others))
            if item.most_against is not None:
                m = max(m, float(f"{u * 2**-item.most_against:.6g}"))
            if (counted[f"gamma_{item.name}"] == gamma).sum() < _FEWEST_PAIRS:
                m = min(m, u)
            weights[name] = Level(m=m, u=u)
        comparisons[item.name] = weights
    return MatchModel(
        version=version,
        trained_on=trained_on,
        prior=round(float((pairs["is_match"].sum() + _SMOOTHING) / (len(pairs) + 2 * _SMOOTHING)), 6),
        link_weight=link_weight,
        review_weight=link_weight - _REVIEW_BAND,
        comparisons=comparisons,
    )


def _share(pairs: pd.DataFrame, name: str, gamma: int, levels: int) -> float:
    stated = pairs[f"gamma_{name}"] >= 0
    hits = ((pairs[f"gamma_{name}"] == gamma) & stated).sum()
    share = (hits + _SMOOTHING) / (stated.sum() + _SMOOTHING * levels)
    return min(float(f"{share:.6g}"), 0.999999)
