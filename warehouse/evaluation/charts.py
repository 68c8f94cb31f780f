"""Charts of an evaluation as SVG, which needs no script and no network: Splink's own, and ours.

Every chart has a title, a sentence on what it says, and its data as a table. None holds anything of a person: what is
drawn are counts, shares, levels and weights.
"""

import re
from dataclasses import dataclass
from typing import Any

import duckdb

from warehouse.evaluation import baselines
from warehouse.evaluation.measures import ALL
from warehouse.evaluation.report import OURS, Method, Report, SamplePair
from warehouse.identity.linkage.comparison import NULL_LEVEL, level_names
from warehouse.identity.linkage.comparisons import COMPARISONS
from warehouse.identity.linkage.match import splink_settings
from warehouse.identity.linkage.model import MatchModel
from warehouse.report.svg import draw_svg

# the linkage, the tutorial, anything else; different in grey print and for people with colour blindness
_COLOURS = {OURS: "#0b5394", baselines.TUTORIAL: "#d97706"}
_OTHER_COLOUR = "#8a8f98"
# a chart is as wide as a small screen, so that its text keeps its size there
_WIDTH = 230
# pixels from bar to bar of a waterfall: two of them stand side by side
_STEP, _BAR = 44, 38


@dataclass(frozen=True)
class Chart:
    """One chart: SVG without an outside address, what it says, and its data.

    place: '' as wide as there is room; half and wide keep their size and scroll on a small screen, wide alone on its
    row.
    """

    title: str
    says: str
    svg: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    place: str = ""


def methods_chart(report: Report) -> Chart:
    """Return precision and recall of every method that finished, with intervals."""
    rows, table = [], []
    for method in report.ended:
        bounds = method.intervals or {}
        for name in ("precision", "recall"):
            bound = bounds[name]
            rows.append({"method": method.name, "measure": name} | vars(bound))
            table.append((method.name, name, _share(bound.value), f"{_share(bound.low)} to {_share(bound.high)}"))
    spec = _dots(rows, "method", "measure", {"precision": "#0b5394", "recall": "#d97706"}, "share of pairs")
    return _chart(
        "Precision and recall of pairs",
        "Of the pairs that a method linked, how many are one person (precision); of the pairs that are one person, how "
        "many it linked (recall). Bars are 95 % intervals, drawn over people.",
        spec,
        ("method", "measure", "share", "95 % interval"),
        table,
    )


def countries_chart(report: Report) -> Chart:
    """Return F1 by country, of the linkage and of the tutorial."""
    rows, table = [], []
    for method in _compared(report):
        for country, bounds in (method.country_intervals or {}).items():
            bound = bounds["f1"]
            rows.append({"country": country, "method": method.name} | vars(bound))
            table.append((country, method.name, _share(bound.value), f"{_share(bound.low)} to {_share(bound.high)}"))
    return _chart(
        "F1 by country",
        "How well people are found in each country attended. A small country has a wide interval; an interval "
        "without width means that there was no error.",
        _dots(rows, "country", "method", _colours(report), "F1 of pairs"),
        ("country", "method", "F1", "95 % interval"),
        sorted(table),
    )


def counts_chart(report: Report) -> Chart:
    """Return the signed error of the count by country, of the linkage and of the tutorial."""
    rows, table = [], []
    for method in _compared(report):
        for country, scores in (method.groups or {})["country"].items():
            error = 100 * scores.error_share
            rows.append(
                {"country": country, "method": method.name, "value": error, "low": min(error, 0), "high": max(error, 0)}
            )
            table.append((country, method.name, f"{scores.people:,}", f"{scores.found:,}", f"{error:+.2f} %"))
    spec = _dots(rows, "country", "method", _colours(report), "error of the count, per cent", zero=True)
    return _chart(
        "Error of the count by country",
        "People found minus the true number: above zero one person counts twice, below zero two people count as one. "
        f"Errors can cancel in {ALL}, so the tables show false merges and misses separately.",
        spec,
        ("country", "method", "people", "found", "error"),
        sorted(table, key=lambda row: (row[0] != ALL, row)),
    )


def calibration_chart(report: Report) -> Chart:
    """Return predicted probability against the share of pairs that are one person."""
    bins = report.calibrated.bins
    rows = bins.to_dict("records")
    base = {"data": {"values": rows}}
    x = {"field": "predicted", "type": "quantitative", "title": "probability as predicted", "scale": {"domain": [0, 1]}}
    y = {"field": "actual", "type": "quantitative", "title": "share that is one person", "scale": {"domain": [0, 1]}}
    diagonal = {
        "data": {"values": [{"predicted": 0, "actual": 0}, {"predicted": 1, "actual": 1}]},
        "mark": {"type": "line", "strokeDash": [4, 4], "color": _OTHER_COLOUR, "strokeWidth": 1},
        "encoding": {"x": x, "y": y},
    }
    bars = base | {
        "mark": {"type": "rule", "color": _COLOURS[OURS], "opacity": 0.45},
        "encoding": {"x": x, "y": {"field": "low", "type": "quantitative"}, "y2": {"field": "high"}},
    }
    points = base | {
        "mark": {"type": "point", "filled": True, "color": _COLOURS[OURS], "opacity": 0.9},
        "encoding": {
            "x": x,
            "y": y,
            "size": {
                "field": "pairs",
                "type": "quantitative",
                "title": "pairs",
                "scale": {"type": "log", "range": [20, 260]},
                "legend": {"orient": "bottom", "symbolFillColor": _COLOURS[OURS], "values": [10, 100, 1000]},
            },
        },
    }
    table = [
        (
            f"{row['from']:g} to {row['to']:g}",
            f"{row['pairs']:,}",
            f"{row['predicted']:.4f}",
            f"{row['actual']:.4f}",
            f"{row['low']:.3f} to {row['high']:.3f}",
        )
        for row in rows
    ]
    return _chart(
        "Calibration",
        "Where the model predicts 0.8, four pairs of five should be one person: then points are on the dashed line. "
        "Only pairs of people that the weights were not trained on. Intervals are wide where pairs are few.",
        {"layer": [diagonal, bars, points], "height": _WIDTH},
        ("predicted from", "pairs", "mean predicted", "actual share", "95 % interval"),
        table,
    )


def weights_chart(report: Report) -> Chart:
    """Return the distribution of match weights, of pairs of one person and of two, with the model's thresholds."""
    spread = report.spread
    rows = [
        {"from": float(row["from"]), "to": float(row["from"]) + 2, "pairs": int(row[name]), "of": label}
        for row in spread.to_dict("records")
        for name, label in (("matches", "one person"), ("others", "two people"))
        if row[name]
    ]
    x: dict[str, Any] = {
        "field": "from",
        "type": "quantitative",
        "title": "match weight",
        "bin": {"binned": True, "step": 2},
    }
    x["axis"] = {"values": list(range(-100, 101, 20)), "format": "+d"}
    bars = {
        "data": {"values": rows},
        "mark": {"type": "bar", "opacity": 0.75},
        "encoding": {
            "x": x,
            "x2": {"field": "to"},
            "y": {
                "field": "pairs",
                "type": "quantitative",
                "stack": None,
                "scale": {"type": "symlog"},
                "title": "pairs, logarithmic",
                "axis": {"values": [1, 10, 100, 1000, 10000, 100000]},
            },
            "color": {
                "field": "of",
                "type": "nominal",
                "title": None,
                "scale": {"domain": ["one person", "two people"], "range": ["#0b5394", "#d97706"]},
                "legend": {"orient": "bottom"},
            },
        },
    }
    lines = {
        "data": {"values": [{"weight": report.model.link_weight}, {"weight": report.model.review_weight}]},
        "mark": {"type": "rule", "strokeDash": [4, 3], "color": "#222"},
        "encoding": {"x": {"field": "weight", "type": "quantitative"}},
    }
    return _chart(
        "Match weights of compared pairs",
        f"Dashed lines: from {report.model.review_weight:+.1f} officers review a pair, from "
        f"{report.model.link_weight:+.1f} it is a link. Household pairs are left out, because a rule separates them.",
        {"layer": [bars, lines], "height": 200},
        ("match weight from", "pairs of one person", "of two people"),
        [(f"{row['from']:+g}", f"{row['matches']:,}", f"{row['others']:,}") for row in spread.to_dict("records")],
    )


def model_charts(model: MatchModel) -> tuple[Chart, Chart]:
    """Return Splink's own charts of a model: match weights, and m and u."""
    visuals = _splink(model).visualisations
    weights, shares = [], []
    for item in COMPARISONS:
        for name in level_names(item):
            level = model.comparisons[item.name][name]
            weights.append((item.name, name, f"{level.match_weight:+.2f}"))
            shares.append((item.name, name, f"{level.m:.5f}", f"{level.u:.5f}"))
    weights_spec = visuals.match_weights_chart().chart_dict
    # the subtitle explains zooming, which a picture does not have
    weights_spec["title"].pop("subtitle", None)
    return (
        _chart(
            "Match weights of the model (Splink)",
            "What each level adds to the evidence that two records are one person, or takes from it. A match weight "
            "of 10 multiplies the odds by 1,024.",
            weights_spec,
            ("comparison", "level", "match weight"),
            weights,
            place="wide",
        ),
        _chart(
            "m and u of the model (Splink)",
            "How frequent each level is among compared pairs of one person (m), and of two people (u).",
            visuals.m_u_parameters_chart().chart_dict,
            ("comparison", "level", "m", "u"),
            shares,
            place="wide",
        ),
    )


def waterfall_charts(samples: tuple[SamplePair, ...], model: MatchModel) -> tuple[Chart, ...]:
    """Return Splink's waterfall of each sample pair: from the prior to the final weight, level by level."""
    visuals = _splink(model).visualisations
    made = []
    for number, pair in enumerate(samples, start=1):
        given: dict[str, Any] = {"match_weight": pair.match_weight}
        given |= {f"gamma_{name}": gamma for name, gamma in pair.gammas.items()}
        chart = visuals.waterfall_chart([given], remove_sensitive_data=True).chart_dict
        chart["title"] = {"text": f"pair {number}: {pair.kind}"}
        chart["width"], chart["height"] = {"step": _STEP}, 280
        _narrow_bars(chart)
        rows = [("prior", "", f"{model.prior_weight:+.2f}")]
        for name, level in pair.levels.items():
            if level != NULL_LEVEL:
                rows.append((name, level, f"{model.match_weight(name, level):+.2f}"))
        rows.append(("final score", f"probability {pair.probability:.4f}", f"{pair.match_weight:+.2f}"))
        made.append(
            _chart(
                f"pair {number}: {pair.kind}",
                f"Match weight {pair.match_weight:+.1f}, calibrated probability {pair.probability:.4f}. A value that "
                "one of the records does not state adds nothing and is left out.",
                chart,
                ("comparison", "level", "match weight"),
                rows,
                place="half",
            )
        )
    return tuple(made)


def _narrow_bars(spec: Any) -> None:
    """Make the bars of a waterfall, and the lines between them, as narrow as its steps, at every level of the spec."""
    if isinstance(spec, dict):
        if spec.get("type") == "bar" and "width" in spec:
            spec["width"] = _BAR
        if "x2Offset" in spec:
            spec["xOffset"], spec["x2Offset"] = -_BAR / 2, _BAR / 2
        for part in spec.values():
            _narrow_bars(part)
    if isinstance(spec, list):
        for part in spec:
            _narrow_bars(part)


def _splink(model: MatchModel) -> Any:
    """Return a Splink linker on an empty table: charts of a model need no data."""
    from splink import Linker
    from splink.backends.duckdb import DuckDBAPI

    con = duckdb.connect(":memory:")
    con.execute("CREATE TABLE nobody (node_id UBIGINT)")
    settings = splink_settings(model) | {"retain_intermediate_calculation_columns": True}
    return Linker(DuckDBAPI(connection=con).register("nobody"), settings, validate_settings=False)


def _share(value: float) -> str:
    return f"{value:.4f}"


def _compared(report: Report) -> list[Method]:
    return [method for method in report.ended if method.name in _COLOURS]


def _colours(report: Report) -> dict[str, str]:
    return {method.name: _COLOURS[method.name] for method in _compared(report)}


def _dots(
    rows: list[dict[str, Any]], line: str, series: str, colours: dict[str, str], title: str, *, zero: bool = False
) -> dict[str, Any]:
    """Return a Vega-Lite chart of points with bars from low to high: a row for each value, a colour for each series."""
    order = list(dict.fromkeys(row[line] for row in rows))
    if line == "country":
        order.sort(key=lambda country: (country != ALL, country))
    y = {"field": line, "type": "nominal", "sort": order, "title": None, "axis": {"labelLimit": 170}}
    shift = {"field": series, "type": "nominal", "sort": list(colours)}
    colour = {
        "field": series,
        "type": "nominal",
        "title": None,
        "scale": {"domain": list(colours), "range": list(colours.values())},
        "legend": {"orient": "bottom"},
    }
    scale = {"zero": zero, "nice": True}
    rule = {
        "mark": {"type": "rule", "strokeWidth": 2, "opacity": 0.45},
        "encoding": {
            "x": {"field": "low", "type": "quantitative", "title": title, "scale": scale},
            "x2": {"field": "high"},
            "y": y,
            "yOffset": shift,
            "color": colour,
        },
    }
    point = {
        "mark": {"type": "point", "filled": True, "size": 46, "opacity": 1},
        "encoding": {
            "x": {"field": "value", "type": "quantitative", "title": title, "scale": scale},
            "y": y,
            "yOffset": shift,
            "color": colour,
            "shape": {
                "field": series,
                "type": "nominal",
                "title": None,
                "scale": {"domain": list(colours), "range": ["circle", "square"][: len(colours)]},
            },
        },
    }
    return {"data": {"values": rows}, "layer": [rule, point], "height": {"step": 15}}


def _chart(
    title: str,
    says: str,
    spec: dict[str, Any],
    columns: tuple[str, ...],
    rows: list[Any],
    *,
    place: str = "",
) -> Chart:
    ours = {"width": _WIDTH, "background": None, "config": _CONFIG}
    return Chart(title, says, _draw(spec if place else ours | spec, title), columns, tuple(rows), place)


_CONFIG = {
    "font": "sans-serif",
    "view": {"stroke": None},
    "axis": {"labelFontSize": 11, "titleFontSize": 11, "titleFontWeight": "normal", "gridColor": "#e3e5e8"},
    "legend": {"labelFontSize": 11, "titleFontSize": 11},
}


def _draw(spec: dict[str, Any], title: str) -> str:
    """A Vega-Lite chart as SVG that can stand within a page, with a label."""
    name = re.sub(r"\W+", "-", title.lower()).strip("-")
    return draw_svg(spec, name, f'role="img" aria-label="{title}"')
