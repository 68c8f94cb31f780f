"""Measures of a linkage against the truth: pairs, people, counts, households, and the ceiling set by blocking.

Pure functions of frames of records whose person is known; nothing here reads a vault or a file.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from warehouse.evaluation.train import measure, pairs_among
from warehouse.identity.linkage.names import name_script

ALL = "ALL"
# draws of the bootstrap, and the share of them that an interval holds
_DRAWS = 400
_COVERED = 0.95
# the standard normal quantile of _COVERED, for intervals of shares (Wilson 1927)
_DEVIATIONS = 1.96
# bounds of predicted probability; narrow at the ends, where nearly all pairs lie
CALIBRATION_BOUNDS = (0.0, 0.01, 0.05, 0.1, 0.2, 0.35, 0.5, 0.65, 0.8, 0.9, 0.95, 0.99, 1.0)


@dataclass(frozen=True)
class Interval:
    """A share or a number with the bounds of its 95 % interval."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Scores:
    """How a clustering of records compares with the truth.

    Pairwise and B-cubed precision, recall and F1 are shares. people: in truth; found: clusters. false_merges:
    persons beyond the first in each cluster; misses: clusters beyond the first of each person;
    found = people + misses - false_merges.
    """

    records: int
    precision: float
    recall: float
    f1: float
    b_precision: float
    b_recall: float
    b_f1: float
    people: int
    found: int
    false_merges: int
    misses: int

    @property
    def error(self) -> int:
        """Signed error of the count of people."""
        return self.found - self.people

    @property
    def error_share(self) -> float:
        """Signed error of the count of people, as a share of the true number."""
        return self.error / self.people if self.people else 0.0


@dataclass(frozen=True)
class Ceiling:
    """The best result that blocking allows.

    pairs: true pairs of records. direct: share of them that are compared, or have the same features. closed: share
    of them that compared true pairs connect, directly or through other records of the person. records: records of
    people who have several; unreachable: records that are never compared with another record of the person.
    compared: pairs of nodes that are compared.
    """

    pairs: int
    direct: float
    closed: float
    records: int
    unreachable: int
    compared: int


@dataclass(frozen=True)
class Abroad:
    """People with records in two countries or more, and pairs of records across countries.

    people: in truth; whole: people whose records were all linked. pairs: true pairs across countries; linked: linked
    pairs across countries; precision and recall are of those pairs.
    """

    people: int
    whole: int
    pairs: int
    linked: int
    precision: float
    recall: float


def score(found: pd.DataFrame) -> Scores:
    """Return the scores of a clustering.

    B-cubed precision is the mean, over records, of the share of the record's cluster that is the same person; recall
    is the mean share of the person's records that are in the record's cluster (Bagga and Baldwin 1998).

    Args:
        found: One row per record: person_id (the truth) and cluster (any label).
    """
    pairs = measure(found)
    met = found.groupby(["person_id", "cluster"]).size()
    sizes = met.to_numpy(dtype=float)
    of_person = found.groupby("person_id").size().reindex(met.index.get_level_values("person_id")).to_numpy()
    of_cluster = found.groupby("cluster").size().reindex(met.index.get_level_values("cluster")).to_numpy()
    count = max(len(found), 1)
    b_precision, b_recall = float((sizes**2 / of_cluster).sum() / count), float((sizes**2 / of_person).sum() / count)
    return Scores(
        records=len(found),
        precision=pairs.precision,
        recall=pairs.recall,
        f1=pairs.f1,
        b_precision=b_precision,
        b_recall=b_recall,
        b_f1=_f1(b_precision, b_recall),
        people=pairs.people,
        found=pairs.found,
        false_merges=len(met) - pairs.found,
        misses=len(met) - pairs.people,
    )


def _f1(precision: float, recall: float) -> float:
    return 2 * precision * recall / (precision + recall) if precision + recall else 0.0


def scores_by(found: pd.DataFrame, group: str) -> dict[str, Scores]:
    """Return the scores for each value of a column, computed from the records with this value only.

    A person who attended in two countries counts in both. Records without a value are left out.
    """
    return {str(value): score(part) for value, part in found.groupby(group, sort=True)}


def intervals(found: pd.DataFrame, seed: int = 1) -> dict[str, Interval]:
    """Return precision, recall, f1 (shares) and error_share with their 95 % intervals.

    A bootstrap over connected parts (people and the clusters that share their records), because pairs of one person
    are not independent. Each part is drawn a number of times that is Poisson with mean 1 (Chamandy and others 2012).

    Args:
        found: person_id and cluster of each record.
        seed: Seed of the draws.
    """
    met = found.groupby(["person_id", "cluster"]).size().rename("both").reset_index()
    person, cluster = (pd.factorize(met[name], sort=True)[0] for name in ("person_id", "cluster"))
    people, clusters = int(person.max(initial=-1)) + 1, int(cluster.max(initial=-1)) + 1
    graph = coo_array((np.ones(len(met)), (person, people + cluster)), shape=(people + clusters,) * 2)
    parts, label = connected_components(graph, directed=False)

    def summed(values: NDArray[Any], places: NDArray[Any]) -> NDArray[np.float64]:
        return np.bincount(label[places], weights=values, minlength=parts).astype("float64")

    of_person = np.bincount(person, weights=met["both"], minlength=people)
    of_cluster = np.bincount(cluster, weights=met["both"], minlength=clusters)
    tables = np.column_stack(
        [
            summed(pairs_among(met["both"].to_numpy()), person),
            summed(pairs_among(of_cluster), people + np.arange(clusters)),
            summed(pairs_among(of_person), np.arange(people)),
            summed(np.ones(clusters), people + np.arange(clusters)),
            summed(np.ones(people), np.arange(people)),
        ]
    )
    # draw equal parts together: a few kinds represent thousands of people
    kinds, counts = np.unique(tables, axis=0, return_counts=True)
    drawn = np.random.default_rng(seed).poisson(counts, size=(_DRAWS, len(counts))) @ kinds
    whole = _rates(counts[None, :] @ kinds)
    rates = _rates(drawn)
    tail = (1 - _COVERED) / 2
    return {
        name: Interval(float(whole[name][0]), *(float(bound) for bound in np.quantile(values, [tail, 1 - tail])))
        for name, values in rates.items()
    }


def _rates(sums: NDArray[np.float64]) -> dict[str, NDArray[np.float64]]:
    both, said, true, found, people = sums.T
    with np.errstate(invalid="ignore", divide="ignore"):
        precision, recall = np.where(said > 0, both / said, 1.0), np.where(true > 0, both / true, 1.0)
        f1 = np.where(both > 0, 2 * precision * recall / (precision + recall), 0.0)
        error = np.where(people > 0, found / people - 1, 0.0)
    return {"precision": precision, "recall": recall, "f1": f1, "error_share": error}


def share_interval(hits: int, count: int) -> Interval:
    """Return a share with its 95 % interval (Wilson 1927); 0 to 1 if there is no case."""
    if count == 0:
        return Interval(0.0, 0.0, 1.0)
    share, square = hits / count, _DEVIATIONS**2
    middle = (share + square / (2 * count)) / (1 + square / count)
    half = _DEVIATIONS * np.sqrt(share * (1 - share) / count + square / (4 * count**2)) / (1 + square / count)
    # rounding can put a bound on the wrong side of the share, where it is 0 or 1
    return Interval(share, max(0.0, min(float(middle - half), share)), min(1.0, max(float(middle + half), share)))


def scripts(names: pd.Series) -> pd.Series:
    """Return the script of each name as written (Latin, Thai ...); NA without a name."""
    found = {name: name_script(name).capitalize() or None for name in names.dropna().unique()}
    return names.map(found)


def linked_rates(clusters: pd.Series, pairs: pd.DataFrame) -> pd.DataFrame:
    """Return kind, pairs and linked of the labelled pairs whose two records are both in the clusters.

    Args:
        clusters: Cluster by record_uid.
        pairs: record_a, record_b (record_uid) and kind.
    """
    one, other = (pairs[name].map(clusters) for name in ("record_a", "record_b"))
    there = one.notna() & other.notna()
    rows = pairs[there].assign(linked=(one == other)[there])
    counted = rows.groupby("kind", sort=True)["linked"].agg(["size", "sum"]).reset_index()
    return counted.rename(columns={"size": "pairs", "sum": "linked"}).astype({"pairs": "int64", "linked": "int64"})


def merged_relatives(found: pd.DataFrame, people: pd.DataFrame) -> pd.DataFrame:
    """Return relation, pairs, merged: pairs of people of a relation, and those that share a cluster.

    Args:
        found: person_id and cluster of each record.
        people: person_id, relation ('' without one), pair_group (the same number for related people).
    """
    clusters = found.groupby("person_id")["cluster"].agg(set)
    related = people[(people["relation"].fillna("") != "") & people["person_id"].isin(clusters.index)]
    rows = []
    for (relation, _), members in related.groupby(["relation", "pair_group"])["person_id"]:
        for one, other in combinations(sorted(members), 2):
            rows.append((relation, not clusters[one].isdisjoint(clusters[other])))
    counted = pd.DataFrame(rows, columns=["relation", "merged"]).groupby("relation")["merged"].agg(["size", "sum"])
    return counted.rename(columns={"size": "pairs", "sum": "merged"}).astype("int64").reset_index()


def ceiling(nodes: pd.DataFrame, compared: pd.DataFrame) -> Ceiling:
    """Return the best result that blocking allows.

    Args:
        nodes: record_id, node_id (records with the same features are one node) and person_id.
        compared: node_id_l, node_id_r: every pair of nodes that is compared, once.
    """
    counts = nodes.groupby(["node_id", "person_id"]).size().rename("records").reset_index()
    counts["place"] = np.arange(len(counts))
    # a node can hold records of two people who state the same
    left, right = (
        counts.rename(columns={name: f"{name}_{side}" for name in ("node_id", "records", "place")})
        for side in ("l", "r")
    )
    both = compared.merge(left, on="node_id_l").merge(right, on=["node_id_r", "person_id"])
    sizes = counts["records"]
    of_person = nodes.groupby("person_id").size()
    true = float(pairs_among(of_person).sum())
    direct = float(pairs_among(sizes).sum() + (both["records_l"] * both["records_r"]).sum())
    ends = both[["place_l", "place_r"]].to_numpy()
    graph = coo_array((np.ones(len(both)), (ends[:, 0], ends[:, 1])), shape=(len(counts),) * 2)
    _, label = connected_components(graph, directed=False)
    closed = float(pairs_among(counts.groupby(label)["records"].sum()).sum())
    several = counts["person_id"].map(of_person) > 1
    is_met = np.zeros(len(counts), dtype=bool)
    is_met[ends.ravel()] = True
    alone = several & ~is_met & (sizes == 1)
    return Ceiling(
        pairs=int(true),
        direct=direct / true if true else 1.0,
        closed=closed / true if true else 1.0,
        records=int(sizes[several].sum()),
        unreachable=int(alone.sum()),
        compared=len(compared),
    )


def abroad(found: pd.DataFrame) -> Abroad:
    """Return how well people with records in two countries or more were found.

    Args:
        found: person_id, cluster and country_code of each record.
    """
    countries = found.groupby("person_id")["country_code"].nunique()
    travellers = countries.index[countries > 1]
    clusters = found[found["person_id"].isin(travellers)].groupby("person_id")["cluster"].nunique()
    both, said, true = (_pairs_across(found, names) for names in (["person_id", "cluster"], ["cluster"], ["person_id"]))
    return Abroad(
        people=len(travellers),
        whole=int((clusters == 1).sum()),
        pairs=int(true),
        linked=int(said),
        precision=both / said if said else 1.0,
        recall=both / true if true else 1.0,
    )


def _pairs_across(found: pd.DataFrame, names: list[str]) -> float:
    """Return the number of pairs of records that agree on `names` and are of two countries."""
    together = pairs_among(found.groupby(names).size()).sum()
    return float(together - pairs_among(found.groupby([*names, "country_code"]).size()).sum())


def calibration_bins(probability: NDArray[np.float64], is_match: NDArray[np.bool_]) -> pd.DataFrame:
    """Return from, to, pairs, predicted (mean probability), actual (share that is one person), low, high.

    Args:
        probability: The model's prediction for each compared pair.
        is_match: Whether the pair is one person.

    Returns:
        A row for each step of CALIBRATION_BOUNDS that has pairs; low and high bound `actual` (Wilson).
    """
    bounds = np.array(CALIBRATION_BOUNDS)
    place = np.clip(np.searchsorted(bounds, probability, side="right") - 1, 0, len(bounds) - 2)
    rows = []
    for step in range(len(bounds) - 1):
        inside = place == step
        if inside.any():
            count, hits = int(inside.sum()), int(is_match[inside].sum())
            share = share_interval(hits, count)
            # rounding can put a mean slightly outside the bounds of its values
            predicted = float(np.clip(probability[inside].mean(), bounds[step], bounds[step + 1]))
            rows.append((bounds[step], bounds[step + 1], count, predicted, share.value, share.low, share.high))
    return pd.DataFrame(rows, columns=["from", "to", "pairs", "predicted", "actual", "low", "high"])


def calibration_error(bins: pd.DataFrame) -> float:
    """Return the mean distance of predicted from actual over pairs (expected calibration error, Naeini 2015)."""
    return float((bins["pairs"] * (bins["predicted"] - bins["actual"]).abs()).sum() / max(bins["pairs"].sum(), 1))


def with_clusters(records: pd.DataFrame, clusters: Mapping[str, Any] | pd.Series) -> pd.DataFrame:
    """Return records with `cluster`; a record without a cluster is a cluster of its own."""
    found = records["record_id"].map(clusters)
    return records.assign(cluster=found.where(found.notna(), records["record_id"]).astype("str"))
