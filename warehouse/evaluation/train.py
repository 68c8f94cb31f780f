"""Trains the weights of the linkage model from records whose person is known; a command, never part of a run.

If each run trained again, published figures would change without a new record.
"""

import hashlib
import json
import math
import re
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import duckdb
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from warehouse.identity.linkage.comparison import level_names
from warehouse.identity.linkage.comparisons import COMPARISONS
from warehouse.identity.linkage.features import make_nodes
from warehouse.identity.linkage.find_pairs import block_pairs
from warehouse.identity.linkage.match import score_pairs
from warehouse.identity.linkage.model import Calibration, Level, MatchModel
from warehouse.identity.linkage.resolve import resolve

_SMOOTHING = 0.5
# a level with fewer pairs than this must not have a positive match weight
_FEWEST_PAIRS = 15
# probabilities from which a pair is a link, and from which officers review it. The first is above 0.5, because a
# false merge also joins all other records of the two people
LINK_PROBABILITY = 0.75
REVIEW_PROBABILITY = 0.02
# of more pairs of different people than this, count a random sample
_MOST_OTHERS = 2_000_000
# at most so many of Newton's steps; two parameters converge within ten
_FIT_STEPS = 50
# a value that JSON writes with a power of ten
_POWER_OF_TEN = re.compile(r"(?<=: )-?[0-9.]+e-[0-9]+(?=,?$)", re.MULTILINE)


@dataclass(frozen=True)
class Quality:
    """Pairwise precision, recall and F1 of records (shares), and people: in truth, and found."""

    precision: float
    recall: float
    f1: float
    people: int
    found: int


@dataclass(frozen=True)
class Training:
    """A trained model, and how well it links.

    levels: comparison, level, matches, others (pairs counted), match_weight. train and test: quality on the
    people trained on and on the others.
    """

    model: MatchModel
    levels: pd.DataFrame
    train: Quality
    test: Quality


def flat_model(version: str = "flat") -> MatchModel:
    """Return a model without knowledge: every level is as frequent among matches as among others."""
    return MatchModel(
        version=version,
        trained_on="nothing",
        prior=0.5,
        link_weight=0.0,
        review_weight=0.0,
        calibration=Calibration(slope=1.0, intercept=0.0),
        comparisons={
            item.name: {
                name: Level(m=1 / (len(item.levels) + 2), u=1 / (len(item.levels) + 2)) for name in level_names(item)
            }
            for item in COMPARISONS
        },
    )


def split_people(households: pd.Series, seed: int, share: float) -> pd.Series:
    """Return whether each person is in the training part.

    People who share a phone stay in one part; otherwise relatives, the hardest cases, would be compared in neither
    part. A hash of seed and household decides. So a household more or less moves nobody else to the other part, and
    an evaluation finds the parts of a training even if the records differ a little.

    Args:
        households: The household of each person, by person (`find_households`).
        seed: Seed of the draw.
        share: Share of the households in the training part.
    """
    drawn = {name: _drawn(name, seed) < share for name in households.unique()}
    return households.map(drawn).astype(bool)


def _drawn(name: str, seed: int) -> float:
    """Return a pseudo-random number from 0 to below 1, the same for the same name and seed."""
    digest = hashlib.sha256(f"{seed} {name}".encode()).digest()
    return int.from_bytes(digest[:8], "big") / (1 << 64)


def find_households(records: pd.DataFrame) -> pd.Series:
    """Return the household of each person, named by its smallest person: people connected by shared phones."""
    parent: dict[str, str] = {}

    def root(person: str) -> str:
        while parent.setdefault(person, person) != person:
            parent[person] = person = parent[parent[person]]
        return person

    stated = records[["person_id", "phones"]].dropna()
    carried = stated.assign(phone=stated["phones"].str.split()).explode("phone").dropna(subset="phone")
    for _, people in carried.groupby("phone")["person_id"]:
        first, *others = sorted({root(person) for person in people})
        parent.update(dict.fromkeys(others, first))
    return pd.Series({person: root(person) for person in sorted(records["person_id"].unique())})


def labelled_pairs(records: pd.DataFrame) -> pd.DataFrame:
    """Return every pair that blocking compares: its levels (gamma_*), person_l, person_r and `is_match`.

    Args:
        records: TRAINING_LOG_COLUMNS and person_id.
    """
    return compare_known(records, flat_model())[1]


def compare_known(records: pd.DataFrame, model: MatchModel) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return nodes (record_id, node_id, person_id) and every pair of nodes that blocking compares.

    A pair has its levels (gamma_*), match_weight by the model, household, person_l, person_r and is_match.

    Args:
        records: TRAINING_LOG_COLUMNS and person_id.
        model: Weights of the levels.
    """
    con = duckdb.connect(":memory:")
    try:
        # no spilling to disk: people's data must not be in an unprotected folder
        con.execute("SET temp_directory = ''")
        members = make_nodes(con, records.drop(columns="person_id"))
        block_pairs(con)
        pairs = score_pairs(con, model, keep_levels=True)
    finally:
        con.close()
    nodes = members.merge(records[["record_id", "person_id"]], on="record_id")
    person = nodes.groupby("node_id")["person_id"].min()
    pairs["person_l"], pairs["person_r"] = pairs["node_id_l"].map(person), pairs["node_id_r"].map(person)
    pairs["is_match"] = pairs["person_l"] == pairs["person_r"]
    return nodes, pairs


def train(records: pd.DataFrame, *, version: str, trained_on: str, seed: int = 1, share: float = 0.5) -> Training:
    """Return a model trained on a part of the people, and its quality on both parts.

    m and u are counted among the pairs that blocking compares (Fellegi and Sunter 1969). u is counted among compared
    pairs of different people, and not among any two people: compared pairs already agree in a blocking key, and the
    weights must measure the rest. Counts are smoothed by a half. Thresholds are the match weights at which the
    calibrated probability reaches LINK_PROBABILITY and REVIEW_PROBABILITY.

    Args:
        records: TRAINING_LOG_COLUMNS and person_id.
        version: Name of the model.
        trained_on: What it was trained on, in words.
        seed: Seed of the split and of the sample of pairs.
        share: Share of the households in the training part.
    """
    households = find_households(records)
    trained = split_people(households, seed, share)
    pairs = _sample(labelled_pairs(records), trained, households, seed)
    comparisons, levels = _count_levels(pairs)
    matches, others = (float(pairs.loc[side, "stands_for"].sum()) for side in (pairs["is_match"], ~pairs["is_match"]))
    prior = round((matches + _SMOOTHING) / (matches + others + 2 * _SMOOTHING), 6)
    scored = pairs[~pairs["household"]]
    calibration = fit_calibration(pair_weights(scored, comparisons, prior), scored["is_match"], scored["stands_for"])
    model = MatchModel(
        version=version,
        trained_on=trained_on,
        prior=prior,
        link_weight=round(calibration.weight(LINK_PROBABILITY), 3),
        review_weight=round(calibration.weight(REVIEW_PROBABILITY), 3),
        calibration=calibration,
        comparisons=comparisons,
    )
    found = resolve(records.drop(columns="person_id"), model).clusters.merge(
        records[["record_id", "person_id"]], on="record_id"
    )
    in_training = found["person_id"].map(trained)
    return Training(model, levels, measure(found[in_training]), measure(found[~in_training]))


def _sample(pairs: pd.DataFrame, trained: pd.Series, households: pd.Series, seed: int) -> pd.DataFrame:
    """Return the pairs inside the training part; of pairs of different people, at most a random sample.

    stands_for: how many pairs of all records each pair represents. A part has its share of the matches, but only the
    square of this share of the pairs between two households.
    """
    kept = pairs[pairs["person_l"].map(trained) & pairs["person_r"].map(trained)]
    is_match = kept["is_match"]
    others = kept[~is_match]
    if len(others) > _MOST_OTHERS:
        kept = pd.concat([kept[is_match], others.sample(_MOST_OTHERS, random_state=seed)]).sort_index()
    inside = kept["person_l"].map(households) == kept["person_r"].map(households)
    thinning = trained.mean() * min(1.0, _MOST_OTHERS / max(len(others), 1))
    return kept.assign(stands_for=np.where(kept["is_match"] | inside, 1.0, 1 / thinning))


def _count_levels(pairs: pd.DataFrame) -> tuple[dict[str, dict[str, Level]], pd.DataFrame]:
    comparisons: dict[str, dict[str, Level]] = {}
    rows = []
    for item in COMPARISONS:
        names = level_names(item)
        weights = {}
        # a rule keeps households apart: their shared phones, places and births must not lower the other weights
        counted = pairs if item.name == "name" else pairs[~pairs["household"]]
        matches, others = counted[counted["is_match"]], counted[~counted["is_match"]]
        for index, name in enumerate(names):
            # Splink numbers levels downwards: the first has the highest number, `other` 0, `not stated` -1
            gamma = len(names) - 1 - index
            m, u = (_share(part, item.name, gamma, len(names)) for part in (matches, others))
            if item.most_against is not None:
                m = max(m, float(f"{u * 2**-item.most_against:.6g}"))
            seen = [int((part[f"gamma_{item.name}"] == gamma).sum()) for part in (matches, others)]
            if sum(seen) < _FEWEST_PAIRS:
                m = min(m, u)
            weights[name] = Level(m=m, u=u)
            rows.append((item.name, name, *seen, weights[name].match_weight))
        comparisons[item.name] = weights
    return comparisons, pd.DataFrame(rows, columns=["comparison", "level", "matches", "others", "match_weight"])


def _share(pairs: pd.DataFrame, name: str, gamma: int, levels: int) -> float:
    stated = pairs.loc[pairs[f"gamma_{name}"] >= 0, "stands_for"].sum()
    hits = pairs.loc[pairs[f"gamma_{name}"] == gamma, "stands_for"].sum()
    share = (hits + _SMOOTHING) / (stated + _SMOOTHING * levels)
    return min(float(f"{share:.6g}"), 0.999999)


def pair_weights(pairs: pd.DataFrame, comparisons: dict[str, dict[str, Level]], prior: float) -> pd.Series:
    """Return the match weight of pairs whose levels are known, summed as Splink does."""
    total = pd.Series(math.log2(prior / (1 - prior)), index=pairs.index)
    for name, levels in comparisons.items():
        by_level = {len(levels) - 1 - index: level.match_weight for index, level in enumerate(levels.values())}
        total += pairs[f"gamma_{name}"].map(by_level).fillna(0.0)
    return total


def fit_calibration(weights: pd.Series, is_match: pd.Series, stands_for: pd.Series) -> Calibration:
    """Return the best logistic curve from match weight to probability (Platt 1999, fitted by Newton's method).

    Comparisons depend on each other, so the sum of their weights is too large; a slope below 1 corrects it. A penalty
    worth one pair draws the curve to slope 1 and intercept 0, so that a curve exists even if a weight separates
    matches from others perfectly.
    """
    evidence = np.column_stack([weights.to_numpy() * math.log(2), np.ones(len(weights))])
    wanted, counts = is_match.to_numpy(dtype=float), stands_for.to_numpy()
    plain = np.array([1.0, 0.0])

    def likelihood(curve: np.ndarray) -> float:
        odds = evidence @ curve
        return float(counts @ (wanted * odds - np.logaddexp(0, odds)) - ((curve - plain) ** 2).sum() / 2)

    fitted = plain
    for _ in range(_FIT_STEPS):
        likely = Calibration.logistic(evidence @ fitted)
        uphill = evidence.T @ (counts * (wanted - likely)) - (fitted - plain)
        bend = (evidence * (counts * likely * (1 - likely))[:, None]).T @ evidence + np.eye(2)
        step = np.linalg.solve(bend, uphill)
        while likelihood(fitted + step) < likelihood(fitted) and np.abs(step).max() > 1e-9:
            step = step / 2
        fitted = fitted + step
    return Calibration(slope=round(float(fitted[0]), 6), intercept=round(float(fitted[1]), 6))


def measure(found: pd.DataFrame) -> Quality:
    """Return the quality of a clustering.

    Args:
        found: One row per record: cluster, and person_id (the truth).
    """
    both, said, true = (
        float(pairs_among(found.groupby(names).size()).sum())
        for names in (["person_id", "cluster"], "cluster", "person_id")
    )
    precision, recall = (both / said if said else 1.0), (both / true if true else 1.0)
    f1 = 2 * precision * recall / (precision + recall) if both else 0.0
    return Quality(precision, recall, f1, found["person_id"].nunique(), found["cluster"].nunique())


def pairs_among(sizes: Any) -> NDArray[np.float64]:
    """Return the number of pairs among n records, for each n of `sizes`."""
    numbers: NDArray[np.float64] = np.asarray(sizes, dtype="float64")
    return numbers * (numbers - 1) / 2


def model_json(model: MatchModel) -> str:
    """Return a model as match_model.json holds it: keys in order, one blank of indent, so that a diff can be read."""
    text = json.dumps(model.model_dump(), indent=1, ensure_ascii=False)
    return _POWER_OF_TEN.sub(lambda found: format(Decimal(found.group()), "f"), text) + "\n"
