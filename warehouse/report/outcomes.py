"""What changed for people, as the follow-up survey estimates it: shares with intervals, never counts."""

from warehouse.report import labels
from warehouse.report.document import Block, Cell, Chart, Charts, Section
from warehouse.report.figures import NOT_STATED
from warehouse.report.places import Place, make_chart
from warehouse.report.published_rows import Outcome
from warehouse.report.specs import Bar, Row, rows_spec

_TITLE = "Outcomes"
# the line of report_outcome that counts everybody, without a category
_EVERYBODY = "all"


def outcomes(place: Place) -> Section:
    """Return the section of outcomes; a sentence where the release has no survey."""
    if not place.figures.outcomes:
        lead = (
            "This release holds no follow-up survey, so it says nothing about what changed for people after a training."
        )
        return Section("outcomes", _TITLE, (lead,))
    dimension, value = (_EVERYBODY, _EVERYBODY) if place.is_region else ("country_code", place.code)
    lines = [line for line in place.figures.outcomes if (line.dimension, line.dimension_value) == (dimension, value)]
    lines = [line for line in lines if line.denominator]
    if not lines:
        return Section(
            "outcomes", _TITLE, (f"The follow-up survey has no answers from people trained {place.within}.",)
        )
    lead = (
        "Estimated from the people who were interviewed, with the interval within which the share of all people "
        "trained lies with a probability of 95%. Weighted: people interviewed stand for the people trained of their "
        "country, type and sex. Shares are never added up, nor averaged over lines."
    )
    blocks: list[Block] = []
    for number, around in enumerate(dict.fromkeys(line.survey_round for line in lines), start=1):
        chosen = [line for line in lines if line.survey_round == around]
        blocks.append(Charts((_chart(place, number, around, chosen),)))
        parts = _parts(place, number, around) if place.is_region else None
        if parts is not None:
            blocks.append(parts)
    return Section("outcomes", _TITLE, (lead,), tuple(blocks))


def _chart(place: Place, number: int, around: str, lines: list[Outcome]) -> Chart:
    rows = []
    for line in lines:
        share, low, high = _best(line)
        dots = [(line.share_unweighted, False)] if line.share_weighted is not None and line.share_unweighted else []
        if share is not None:
            dots.append((share, True))
        bars = (Bar(1.0, "track"), Bar(high, "shade", low)) if low is not None and high is not None else ()
        rows.append(
            Row(line.indicator_title, labels.percent(share), (bars,), tuple((dot or 0.0, solid) for dot, solid in dots))
        )
    return make_chart(
        place,
        f"outcomes-{number}",
        f"What people say changed: survey {around}",
        "Solid: the share, weighted where that is possible, within its interval of 95%. Hollow: the share among those "
        "interviewed, unweighted.",
        rows_spec(rows, "half", domain=(0, 1)),
        _COLUMNS,
        [_row(line.indicator_title, line) for line in lines],
        tables=("report_outcome",),
        text_columns=(0, 1),
        note="Of whom, in words: the answers of those who were asked and replied, never of all people trained.",
    )


_COLUMNS = ("Outcome", "Of whom", "Answers", "Yes", "Unweighted", "95% interval", "Weighted", "95% interval, weighted")


def _best(line: Outcome) -> tuple[float | None, float | None, float | None]:
    if line.share_weighted is not None:
        return line.share_weighted, line.weighted_low, line.weighted_high
    return line.share_unweighted, line.unweighted_low, line.unweighted_high


def _row(name: str, line: Outcome) -> tuple[Cell | str, ...]:
    return (
        name,
        line.denominator_text,
        labels.number(line.denominator),
        labels.number(line.people),
        labels.percent(line.share_unweighted),
        _interval(line.unweighted_low, line.unweighted_high),
        labels.percent(line.share_weighted),
        _interval(line.weighted_low, line.weighted_high),
    )


def _parts(place: Place, number: int, around: str) -> Charts | None:
    """A chart for each outcome: countries and sexes, each with its interval and its answers."""
    lines = [line for line in place.figures.outcomes or () if line.survey_round == around and line.denominator]
    charts = []
    for index, code in enumerate(dict.fromkeys(line.indicator_code for line in lines), start=1):
        chosen = [line for line in lines if line.indicator_code == code and line.dimension in ("country_code", "sex")]
        if chosen:
            charts.append(_parts_chart(place, f"outcome-parts-{number}-{index}", around, chosen))
    return Charts(tuple(charts)) if charts else None


def _parts_chart(place: Place, key: str, around: str, lines: list[Outcome]) -> Chart:
    rows = []
    for line in lines:
        share, low, high = _best(line)
        bars = () if low is None or high is None else (Bar(1.0, "track"), Bar(high, "shade", low))
        dots = () if share is None else ((share, True),)
        rows.append(
            Row(_group(place, line), f"{labels.percent(share)} of {labels.number(line.denominator)}", (bars,), dots)
        )
    return make_chart(
        place,
        key,
        f"{lines[0].indicator_title}, by country and sex",
        f"Survey {around}: share and interval of 95%, weighted where that is possible, and the number of answers. Of "
        f"whom: {lines[0].denominator_text}. Few answers give a wide interval.",
        rows_spec(rows, "half", domain=(0, 1)),
        ("Group", *_COLUMNS[2:]),
        [(_group(place, line), *_row("", line)[2:]) for line in lines],
        tables=("report_outcome",),
    )


def _group(place: Place, line: Outcome) -> str:
    if line.dimension == "country_code":
        return place.figures.name_of(line.dimension_value)
    if line.dimension_value == NOT_STATED:
        return "Sex not stated"
    return labels.category(line.dimension, line.dimension_value)


def _interval(low: float | None, high: float | None) -> str:
    return labels.NONE if low is None or high is None else labels.span(labels.percent(low), labels.percent(high))
