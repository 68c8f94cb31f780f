"""The page of an evaluation: one HTML file that opens offline, with every figure and no person's data."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from warehouse.evaluation import charts
from warehouse.evaluation.measures import ALL, Scores
from warehouse.evaluation.report import KindRates, Method, Report
from warehouse.storage.templates import render

_TEMPLATE = Path(__file__).parent / "evaluation.html.j2"


def render_page(report: Report) -> str:
    """Return the page as HTML: self-contained, without a script, everything escaped but the charts drawn here."""
    return render(
        _TEMPLATE,
        report=report,
        ours=report.ours,
        methods=[_method_line(method) for method in report.methods],
        unfinished=[method for method in report.methods if method.ended],
        names=[method.name for method in report.ended],
        countries=_group_lines(report, "country"),
        others=[*_group_lines(report, "script"), *_group_lines(report, "sex")],
        halves=[(name, *_figures(scores)) for name, scores in (report.ours.parts or {}).items()],
        kinds=_kind_lines(report.pair_rates),
        relations=_kind_lines(report.relative_rates),
        twins=_rate(report.ours, "twin"),
        overview=[charts.methods_chart(report), charts.countries_chart(report), charts.counts_chart(report)],
        likelihood=[charts.calibration_chart(report), charts.weights_chart(report)],
        model_charts=charts.model_charts(report.model),
        waterfalls=charts.waterfall_charts(report.samples, report.model),
    )


def _figures(scores: Scores) -> tuple[str, ...]:
    shares = (scores.precision, scores.recall, scores.f1, scores.b_precision, scores.b_recall, scores.b_f1)
    counts = (scores.people, scores.found)
    errors = (f"{scores.error:+,}", f"{scores.error_share:+.2%}", f"{scores.false_merges:,}", f"{scores.misses:,}")
    return (*(f"{value:.4f}" for value in shares), *(f"{value:,}" for value in counts), *errors)


def _method_line(method: Method) -> tuple[str, tuple[str, ...]]:
    return method.name, () if method.scores is None else _figures(method.scores)


def _group_lines(report: Report, group: str) -> list[tuple[str, ...]]:
    """Lines of ours by country, script or sex; by country with the total that the truth states, where it does."""
    lines = []
    for name, scores in (report.ours.groups or {})[group].items():
        stated = f"{report.totals[name]:,}" if group == "country" and name in report.totals else ""
        lines.append((name, *_figures(scores), stated))
    return sorted(lines, key=lambda line: (line[0] != ALL, line[0]))


def _kind_lines(rates: Iterable[KindRates]) -> list[tuple[str, ...]]:
    """A line for each kind of pair: its name, how many, and the share that each method linked."""
    return [(row.kind.replace("_", " "), f"{row.pairs:,}", *(f"{share:.1%}" for share in row.shares)) for row in rates]


def _rate(method: Method, kind: str) -> dict[str, Any] | None:
    """Pairs and linked of one kind of labelled pair; None where the truth has none."""
    if method.pairs is None or kind not in set(method.pairs["kind"]):
        return None
    return dict(method.pairs.set_index("kind").loc[kind])
