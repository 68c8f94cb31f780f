"""Counts the weights of the linkage model from records whose person is known; run by hand, never by a run.

A nightly run that retrained would move published figures without a single new record.
"""

import math

import duckdb
import pandas as pd

from warehouse.match import COMPARISONS, Level, MatchModel, level_names, make_nodes, score_pairs

_SMOOTHING = 0.5


def flat_model(version: str = "flat") -> MatchModel:
    """Return a model that knows nothing: every level as likely among matches as among others."""
    return MatchModel(
        version=version,
        trained_on="nothing",
        prior=0.5,
        link_weight=0.0,
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
        pairs = score_pairs(con, flat_model(), keep_levels=True)
    finally:
        con.close()
    person = nodes.merge(records[["record_id", "person_id"]], on="record_id").groupby("node_id")["person_id"].min()
    pairs["is_match"] = pairs["node_id_l"].map(person).to_numpy() == pairs["node_id_r"].map(person).to_numpy()
    return pairs


def train(records: pd.DataFrame, *, version: str, trained_on: str, link_weight: float = 0.0) -> MatchModel:
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
    matches, others = pairs[pairs["is_match"]], pairs[~pairs["is_match"]]
    comparisons = {}
    for item in COMPARISONS:
        names = level_names(item)
        weights = {}
        for index, name in enumerate(names):
            # Splink numbers levels downwards: the first is the highest, `other` is 0, -1 is not stated
            gamma = len(names) - 1 - index
            weights[name] = Level(
                m=_share(matches, item.name, gamma, len(names)), u=_share(others, item.name, gamma, len(names))
            )
        comparisons[item.name] = weights
    return MatchModel(
        version=version,
        trained_on=trained_on,
        prior=round(len(matches) / len(pairs), 6),
        link_weight=link_weight,
        comparisons=comparisons,
    )


def _share(pairs: pd.DataFrame, name: str, gamma: int, levels: int) -> float:
    stated = pairs[f"gamma_{name}"] >= 0
    hits = ((pairs[f"gamma_{name}"] == gamma) & stated).sum()
    share = (hits + _SMOOTHING) / (stated.sum() + _SMOOTHING * levels)
    return float(f"{share:.6g}") if not math.isclose(share, 1) else 0.999999
