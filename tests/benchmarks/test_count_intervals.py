"""Figures: the constants of the expected errors, measured again, and how often the interval holds the truth.

Not part of the ordinary tests; `uv run pytest -n 0 tests/benchmarks/test_count_intervals.py -m benchmark_only -s`.
"""

import json

import duckdb
import numpy as np
import pandas as pd
import pytest

from tests.conftest import copy_partners, make_settings, run
from tests.generators.draws import draw_records, linked_vault, noise_of, quality_beside_truth
from warehouse.identity.calibration import ALL, CURVES, curve_terms, pair_sizes, spanning_forest
from warehouse.identity.linkage.model import load_model

pytestmark = pytest.mark.benchmark_only
MODEL = load_model()
# the constants come from these draws (records, seeds) and the coverage from others
FITTED = ((8_000, range(101, 107)), (30_000, range(107, 113)), (100_000, range(113, 117)), (395_000, range(117, 119)))
JUDGED = ((8_000, range(201, 207)), (30_000, range(207, 215)), (100_000, range(215, 221)))


def forest_of(con, draw):
    """The pairs on which a draw's count hangs: curve terms, kind, whether one person; and misses in all."""
    edges = con.execute("SELECT * FROM identity_edge").df()
    nodes = con.execute(
        """
        SELECT node_id, cluster, country, min(person_id) AS person_id
        FROM identity_node JOIN identity_cluster USING (node_id)
        JOIN identity_record USING (node_id) JOIN truth USING (record_id) GROUP BY ALL
        """
    ).df()
    forest = spanning_forest(edges, nodes)
    person = nodes.set_index("node_id")["person_id"]
    forest["is_person"] = (
        person.loc[forest["node_id_l"]].to_numpy() == person.loc[forest["node_id_r"]].to_numpy()
    ).astype(float)
    terms = curve_terms(forest["match_weight"].to_numpy(), pair_sizes(forest, nodes), MODEL)
    forest[["one", "log_odds", "log_size"]] = terms
    merges = nodes.groupby("cluster")["person_id"].nunique().sum() - nodes["cluster"].nunique()
    misses = nodes.groupby("person_id")["cluster"].nunique().sum() - nodes["person_id"].nunique()
    return forest.assign(draw=draw), {"draw": draw, "false_merges": merges, "misses": misses}


def fitted(pairs):
    """A curve's constants by Newton's method; a draw weighs as the root of its size, else the largest would decide."""
    terms = pairs[["one", "log_odds", "log_size"]].to_numpy()
    count = pairs.groupby("draw")["draw"].transform("size").to_numpy()
    weights = 1 / np.sqrt(count)
    found = np.zeros(3)
    for _ in range(50):
        likely = 1 / (1 + np.exp(-np.clip(terms @ found, -500, 500)))
        curvature = (terms * (weights * likely * (1 - likely))[:, None]).T @ terms + 1e-6 * np.eye(3)
        found = found + np.linalg.solve(curvature, terms.T @ (weights * (pairs["is_person"] - likely)))
    return found


def test_the_constants_measured_again(capsys):
    forests, actual = [], []
    for size, seeds in FITTED:
        for seed in seeds:
            with linked_vault(draw_records(size, seed), MODEL) as con:
                forest, errors = forest_of(con, seed)
            forests.append(forest)
            actual.append(errors | {"records": size, "noise": noise_of(seed).birth_wrong})
    pairs, actual = pd.concat(forests, ignore_index=True), pd.DataFrame(actual).set_index("draw")
    curves = {kind: fitted(found) for kind, found in pairs.groupby("kind")}
    likely = np.zeros(len(pairs))
    for kind, found in pairs.groupby("kind"):
        odds = found[["one", "log_odds", "log_size"]].to_numpy() @ curves[kind]
        likely[found.index] = 1 / (1 + np.exp(-odds))
    is_bridge = pairs["kind"] == "bridge"
    table = pairs.assign(
        expected_false_merges=np.where(is_bridge, 1 - likely, 0),
        expected_shown=np.where(is_bridge, 0, likely),
        shown=np.where(is_bridge, 0, pairs["is_person"]),
    )
    actual = actual.join(table.groupby("draw")[["expected_false_merges", "expected_shown", "shown"]].sum())
    unseen = ((actual["misses"] - actual["shown"]) / actual["expected_shown"]).mean()
    ratios = (
        actual["false_merges"] / actual["expected_false_merges"],
        actual["misses"] / (actual["expected_shown"] * (1 + unseen)),
    )
    with capsys.disabled():
        print(f"\n{actual.round(2).to_string()}")
        for kind, found in curves.items():
            print(f"{kind}: {', '.join(f'{value:.3f}' for value in found)}")
        print(f"unseen misses {unseen:.3f}")
        for name, ratio in zip(("false merges", "misses"), ratios, strict=True):
            off = np.sqrt(((ratio - 1) ** 2).mean())
            print(f"{name}: actual over expected {ratio.min():.2f} to {ratio.max():.2f}, root mean square {off:.2f}")
    # what the module says is what is measured, as far as draws repeat
    for kind, curve in CURVES.items():
        assert np.abs(curves[kind] - [curve.intercept, curve.slope, curve.size]).max() < 0.3, kind


def report(lines, capsys, name):
    lines["held"] = lines["people"].between(lines["low"], lines["high"])
    lines["half_width"] = (lines["high"] - lines["low"]) / 2 / lines["people"]
    lines["error"] = lines["people_found"] / lines["people"] - 1
    parts = {"overall": lines[lines["country_code"] == ALL], "per country": lines[lines["country_code"] != ALL]}
    with capsys.disabled():
        for part, found in parts.items():
            print(
                f"\n{name}, {part}: {found['held'].sum()} of {len(found)} hold the truth; half width "
                f"median {found['half_width'].median():.2%}, largest {found['half_width'].max():.2%}; "
                f"error of the count {found['error'].min():+.2%} to {found['error'].max():+.2%}",
                end="",
            )
        print()
        print(lines.groupby("country_code")[["held", "half_width"]].agg({"held": "mean", "half_width": "median"}))
    return parts


def test_the_interval_holds_the_truth_in_twenty_draws(capsys):
    lines = []
    for size, seeds in JUDGED:
        for seed in seeds:
            with linked_vault(draw_records(size, seed), MODEL) as con:
                lines.append(quality_beside_truth(con).assign(seed=seed, records=size))
    parts = report(pd.concat(lines, ignore_index=True), capsys, "twenty draws")
    assert parts["overall"]["held"].mean() >= 0.9
    assert parts["per country"]["held"].mean() >= 0.9
    assert parts["overall"]["half_width"].max() < 0.02


def test_the_interval_holds_the_truth_of_the_development_kit(devkit, tmp_path, capsys):
    settings = make_settings(copy_partners(tmp_path / "raw"), tmp_path / "data")
    run(settings, source=f"{devkit}/deliveries/{{country}}-{{partner}}")
    totals = json.loads((devkit / "truth" / "totals.json").read_text())
    truth = {ALL: totals["overall"]["people"]} | {
        country: figures["people"] for country, figures in totals["by_country_attended"].items()
    }
    with duckdb.connect(str(settings.data / "warehouse.duckdb"), read_only=True) as con:
        lines = con.execute(f"SELECT * FROM identity_quality WHERE script = '{ALL}'").df()
    lines["people"] = lines["country_code"].map(truth)
    parts = report(lines, capsys, "development kit")
    assert parts["overall"]["held"].all()
    assert parts["per country"]["held"].mean() >= 0.9
