"""A chart stands within a page: it names nothing outside, carries its data, and holds no record's content."""

import pytest

from warehouse.evaluation.charts import model_charts, waterfall_charts
from warehouse.evaluation.report import TRUE_LINK, SamplePair
from warehouse.identity.linkage.comparison import NULL_LEVEL, level_names
from warehouse.identity.linkage.comparisons import COMPARISONS
from warehouse.identity.linkage.model import load_model

MODEL = load_model()


def sample(gammas):
    levels = {}
    for item in COMPARISONS:
        names = level_names(item)
        gamma = gammas[item.name]
        levels[item.name] = NULL_LEVEL if gamma < 0 else names[len(names) - 1 - gamma]
    return SamplePair(TRUE_LINK, levels, gammas, 7.5, 0.99)


def strongest():
    """The first level of every comparison, but the e-mail not stated."""
    return {item.name: -1 if item.name == "email" else len(level_names(item)) - 1 for item in COMPARISONS}


@pytest.mark.parametrize("chart", [*model_charts(MODEL), *waterfall_charts((sample(strongest()),), MODEL)])
def test_a_chart_needs_nothing_from_outside(chart):
    assert chart.svg.startswith("<svg")
    assert chart.svg.endswith("</svg>")
    assert "<script" not in chart.svg
    assert "//" not in chart.svg
    assert chart.svg.count("url(") == chart.svg.count("url(#")
    assert f'aria-label="{chart.title}"' in chart.svg
    assert chart.says
    assert all(len(row) == len(chart.columns) for row in chart.rows)


def test_splinks_charts_show_every_level_of_the_model():
    weights, shares = model_charts(MODEL)
    levels = [(item.name, level) for item in COMPARISONS for level in level_names(item)]
    assert [row[:2] for row in weights.rows] == levels
    assert [row[:2] for row in shares.rows] == levels


def test_a_waterfall_goes_from_the_prior_to_the_final_score_over_what_is_stated():
    (chart,) = waterfall_charts((sample(strongest()),), MODEL)
    assert chart.title == "pair 1: linked rightly"
    assert [row[0] for row in chart.rows] == [
        "prior",
        *(item.name for item in COMPARISONS if item.name != "email"),
        "final score",
    ]
    assert "+7.50" in chart.rows[-1]


def test_names_within_two_charts_never_meet():
    charts = waterfall_charts((sample(strongest()), sample(strongest())), MODEL)
    names = [{part.split('"')[0] for part in chart.svg.split('id="')[1:]} for chart in charts]
    assert names[0].isdisjoint(names[1])
