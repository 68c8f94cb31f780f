"""The figures of `godigital identity evaluate`, computed once for the terminal, for JSON and for the HTML page.

Compares the linkage of the vault and the baselines with the truth, on the same accepted rows.
"""

from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from warehouse.evaluation import baselines
from warehouse.evaluation import measures as evaluation
from warehouse.evaluation.measures import ALL, Abroad, Ceiling, Interval, Scores
from warehouse.evaluation.train import compare_known, find_households, split_people
from warehouse.evaluation.truth import Known, Truth
from warehouse.identity.linkage.comparison import level_of
from warehouse.identity.linkage.comparisons import COMPARISONS
from warehouse.identity.linkage.model import MatchModel

OURS = "godigital"
# sample pairs that are shown of each kind
_SAMPLES = 3
TRUE_LINK, FALSE_MERGE, MISS = "linked rightly", "linked wrongly", "missed"
OnProgress = Callable[[str], None]


@dataclass(frozen=True)
class Method:
    """The scores of one method of linking.

    ended: why it was stopped, '' if it finished; a stopped method has no scores. seconds and megabytes: of its own
    process, 0 without one. groups: scores by country (and ALL), script and sex. parts: scores of the people that the
    weights were trained on, and of the others.
    """

    name: str
    ended: str = ""
    seconds: float = 0.0
    megabytes: float = 0.0
    scores: Scores | None = None
    intervals: dict[str, Interval] | None = None
    groups: "dict[str, dict[str, Scores]] | None" = None
    country_intervals: "dict[str, dict[str, Interval]] | None" = None
    parts: dict[str, Scores] | None = None
    abroad: Abroad | None = None
    pairs: pd.DataFrame | None = None
    relatives: pd.DataFrame | None = None


@dataclass(frozen=True)
class SamplePair:
    """A compared pair without people's data: its kind, its level of each comparison, match weight and probability."""

    kind: str
    levels: dict[str, str]
    gammas: dict[str, int]
    match_weight: float
    probability: float


@dataclass(frozen=True)
class Calibrated:
    """Predicted and actual probability, in bins, of compared pairs of people that the weights were not trained on.

    error: mean distance of predicted from actual. households: pairs with different names and one phone, which are
    never linked and not in the bins; household_matches: how many of them are one person.
    """

    bins: pd.DataFrame
    error: float
    households: int
    household_matches: int


@dataclass(frozen=True)
class KindRates:
    """One kind of pair: how many there are, and the share that each method linked, in the order of the methods."""

    kind: str
    pairs: int
    shares: tuple[float, ...]


@dataclass(frozen=True)
class Report:
    """The figures of an evaluation; it contains no person's data.

    spread: from, matches, others: compared pairs by match weight in steps of 2, without households.
    """

    model: MatchModel
    known: dict[str, int]
    totals: dict[str, int]
    seed: int
    share: float
    methods: tuple[Method, ...]
    ceiling: Ceiling
    calibrated: Calibrated
    spread: pd.DataFrame
    samples: tuple[SamplePair, ...]

    @property
    def ours(self) -> Method:
        """The linkage of the vault."""
        return self.methods[0]

    @property
    def ended(self) -> tuple[Method, ...]:
        """The methods that finished."""
        return tuple(method for method in self.methods if method.scores is not None)

    @property
    def pair_rates(self) -> tuple[KindRates, ...]:
        """Labelled pairs of records, by kind."""
        return self._rates("pairs", "kind", "linked")

    @property
    def relative_rates(self) -> tuple[KindRates, ...]:
        """Pairs of people who are related, by relation."""
        return self._rates("relatives", "relation", "merged")

    def _rates(self, table: str, kind: str, hits: str) -> tuple[KindRates, ...]:
        tables = [getattr(method, table).set_index(kind) for method in self.ended]
        return tuple(
            KindRates(str(name), int(count), tuple(float(one.loc[name, hits] / count) for one in tables))
            for name, count in tables[0]["pairs"].items()
        )


def make_report(
    known: Known,
    truth: Truth,
    model: MatchModel,
    *,
    seed: int = 1,
    share: float = 0.5,
    tutorial_seconds: float = 600,
    tutorial_gigabytes: int = 4,
    threads: int = 2,
    on_progress: OnProgress = lambda stage: None,
) -> Report:
    """Return every figure.

    Args:
        known: Accepted rows with their persons, and trainee_id as the vault has it.
        truth: People, labelled pairs and totals.
        model: The model whose weights and calibration are shown.
        seed: Seed of the split by person (the same as in `train`), of the bootstrap and of the sample pairs.
        share: Share of the people that the weights were trained on.
        tutorial_seconds: Time limit of Splink's tutorial; 0 leaves it out.
        tutorial_gigabytes: Memory of its database.
        threads: Of its database.
        on_progress: Called with each stage as it begins.
    """
    records = known.records
    households = find_households(records)
    trained = records["person_id"].map(split_people(households, seed, share))
    frame = records[["record_id", "record_uid", "person_id", "country_code", "sex"]].assign(
        script=evaluation.scripts(records["full_name"]), trained=trained
    )

    def judged(name: str, clusters: "pd.Series[str]") -> Method:
        on_progress(f"judge {name}")
        return _judge(name, evaluation.with_clusters(frame, clusters), truth, seed)

    ours = judged(OURS, records.set_index("record_id")["trainee_id"])
    methods = [
        ours,
        judged(baselines.NOBODY, baselines.nobody_linked(records)),
        judged(baselines.NAME_BIRTH, baselines.same_name_and_birth(records)),
        judged(baselines.PHONE, baselines.same_phone(records)),
    ]
    if tutorial_seconds:
        on_progress(f"run {baselines.TUTORIAL}")
        run = baselines.run_tutorial(
            records, gigabytes=tutorial_gigabytes, seconds=tutorial_seconds, seed=seed, threads=threads
        )
        made = Method(baselines.TUTORIAL) if run.clusters is None else judged(baselines.TUTORIAL, run.clusters)
        methods.append(replace(made, ended=run.ended, seconds=run.seconds, megabytes=run.megabytes))
    on_progress("compare")
    plain = records.drop(columns=["record_uid", "trainee_id"])
    nodes, pairs = compare_known(plain, model)
    cluster_of = (
        nodes.merge(records[["record_id", "trainee_id"]], on="record_id").groupby("node_id")["trainee_id"].min()
    )
    pairs["is_together"] = pairs["node_id_l"].map(cluster_of) == pairs["node_id_r"].map(cluster_of)
    is_trained = split_people(households, seed, share)
    seen = [pairs[name].map(is_trained).astype(bool) for name in ("person_l", "person_r")]
    unseen = pairs[~seen[0] & ~seen[1]]
    return Report(
        model=model,
        known={
            "records": len(records),
            "people": records["person_id"].nunique(),
            "people_trained_on": records.loc[trained, "person_id"].nunique(),
            "rows_without_truth": known.unknown,
            "rows_invalid_by_truth": known.invalid,
            "rows_repeating_an_attendance": known.repeated,
        },
        totals=truth.totals,
        seed=seed,
        share=share,
        methods=tuple(methods),
        ceiling=evaluation.ceiling(nodes, pairs[["node_id_l", "node_id_r"]]),
        calibrated=_calibrated(unseen, model),
        spread=_spread(pairs[~pairs["household"]]),
        samples=_sample_pairs(pairs, model, seed),
    )


def _judge(name: str, found: pd.DataFrame, truth: Truth, seed: int) -> Method:
    groups = {
        "country": {ALL: evaluation.score(found)} | evaluation.scores_by(found, "country_code"),
        "script": evaluation.scores_by(found, "script"),
        "sex": evaluation.scores_by(found, "sex"),
    }
    countries = {str(country): evaluation.intervals(part, seed) for country, part in found.groupby("country_code")}
    return Method(
        name,
        scores=groups["country"][ALL],
        intervals=evaluation.intervals(found, seed),
        groups=groups,
        country_intervals=countries,
        parts={
            "trained on": evaluation.score(found[found["trained"]]),
            "not trained on": evaluation.score(found[~found["trained"]]),
        },
        abroad=evaluation.abroad(found),
        pairs=evaluation.linked_rates(found.set_index("record_uid")["cluster"], truth.pairs),
        relatives=evaluation.merged_relatives(found, truth.people),
    )


def _calibrated(pairs: pd.DataFrame, model: MatchModel) -> Calibrated:
    judged, households = pairs[~pairs["household"]], pairs[pairs["household"]]
    bins = evaluation.calibration_bins(
        np.asarray(model.calibration.probability(judged["match_weight"].to_numpy())), judged["is_match"].to_numpy()
    )
    return Calibrated(bins, evaluation.calibration_error(bins), len(households), int(households["is_match"].sum()))


def _spread(pairs: pd.DataFrame) -> pd.DataFrame:
    step = (2 * np.floor(pairs["match_weight"] / 2)).astype("int64")
    counted = pd.crosstab(step, pairs["is_match"]).reindex(columns=[True, False], fill_value=0)
    return pd.DataFrame(
        {"from": counted.index, "matches": counted[True].to_numpy(), "others": counted[False].to_numpy()}
    )


def _sample_pairs(pairs: pd.DataFrame, model: MatchModel, seed: int) -> tuple[SamplePair, ...]:
    kinds = {
        TRUE_LINK: pairs["is_match"] & pairs["is_together"],
        FALSE_MERGE: ~pairs["is_match"] & pairs["is_together"],
        MISS: pairs["is_match"] & ~pairs["is_together"],
    }
    samples = []
    for kind, chosen in kinds.items():
        of_kind = pairs[chosen]
        drawn = of_kind.sample(min(_SAMPLES, len(of_kind)), random_state=seed)
        samples += [_sample_pair(kind, row, model) for row in drawn.to_dict("records")]
    return tuple(samples)


def _sample_pair(kind: str, row: dict[Any, Any], model: MatchModel) -> SamplePair:
    gammas = {item.name: int(row[f"gamma_{item.name}"]) for item in COMPARISONS}
    levels = {item.name: level_of(item, gammas[item.name]) for item in COMPARISONS}
    weight = float(row["match_weight"])
    return SamplePair(kind, levels, gammas, weight, float(model.calibration.probability(weight)))


def as_figures(report: Report) -> dict[str, Any]:
    """Return the report as plain lists and dictionaries for JSON: shares from 0 to 1, counts as they are."""
    rows, linked, relatives, abroad, costs = [], [], [], [], []
    for method in report.methods:
        costs.append(
            {"method": method.name, "ended": method.ended} | {"seconds": method.seconds, "megabytes": method.megabytes}
        )
        if method.scores is None or method.groups is None or method.parts is None or method.intervals is None:
            continue
        for kind, groups in (method.groups | {"part": method.parts}).items():
            for value, scores in groups.items():
                bounds = method.intervals if (kind, value) == ("country", ALL) else None
                if kind == "country" and method.country_intervals is not None:
                    bounds = bounds or method.country_intervals[value]
                rows.append({"method": method.name, "group": kind, "value": value} | _score_figures(scores, bounds))
        if method.pairs is not None:
            linked += [{"method": method.name} | row for row in method.pairs.to_dict("records")]
        if method.relatives is not None:
            relatives += [{"method": method.name} | row for row in method.relatives.to_dict("records")]
        if method.abroad is not None:
            abroad.append({"method": method.name} | asdict(method.abroad))
    return {
        "model": {"version": report.model.version, "trained_on": report.model.trained_on},
        "truth": report.known | {"stated_people": report.totals},
        "split": {"seed": report.seed, "share": report.share},
        "methods": costs,
        "scores": rows,
        "labelled_pairs": linked,
        "relatives": relatives,
        "two_countries": abroad,
        "ceiling": asdict(report.ceiling),
        "calibration": {
            "error": report.calibrated.error,
            "household_pairs": report.calibrated.households,
            "household_pairs_of_one_person": report.calibrated.household_matches,
            "bins": report.calibrated.bins.to_dict("records"),
        },
    }


def _score_figures(scores: Scores, bounds: dict[str, Interval] | None) -> dict[str, Any]:
    figures = asdict(scores) | {"error": scores.error, "error_share": scores.error_share}
    if bounds:
        figures |= {
            f"{name}_{side}": getattr(bound, side) for name, bound in bounds.items() for side in ("low", "high")
        }
    return figures
