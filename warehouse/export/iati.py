"""Results of the programme as IATI 2.03: people reached and trainings attended, by attribute, with the targets.

Codes and the order of elements are those of the standard's activity schema; titles and words come from the catalogue.
"""

import datetime as dt
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING
from xml.etree import ElementTree
from xml.etree.ElementTree import Element, SubElement

from warehouse.release.indicators import Indicator
from warehouse.release.reach_figures import REACH_COLUMNS

if TYPE_CHECKING:
    import duckdb

    from schemas.open_data import Iati

VERSION = "2.03"
ALL = "ALL"
_LANGUAGE = "{http://www.w3.org/XML/1998/namespace}lang"
# codes of the standard's lists
_ACTUAL_START, _ACTUAL_END = "2", "4"
_GENERAL, _OTHER = "1", "4"
_DAC = "1"
_ISO_COUNTRY = "A4"
_OWN_VOCABULARY = "99"
_UNIT, _PERCENTAGE = "1", "2"
_OUTPUT, _OUTCOME = "1", "2"
# attributes by which people reached are split; the bands of youth are added by their names
_ATTRIBUTES = ("all", "sex", "age_band", "trainee_type", "has_disability", "is_indigenous", "is_rural")
_PLACES = Decimal("0.0001")


@dataclass(frozen=True)
class ResultGroup:
    """A result with its indicators, which are of one kind: either all may be added up, or none."""

    type: str
    title: str
    indicators: tuple[str, ...]


RESULTS = (
    ResultGroup(
        _OUTPUT,
        "People reached by training in digital skills",
        (
            "people_reached",
            "people_first_reached",
            "women",
            "youth",
            "msme_owners",
            "job_seekers",
            "with_disability",
            "indigenous",
            "rural",
            "women_share",
            "youth_share",
        ),
    ),
    ResultGroup(_OUTPUT, "Training attended", ("participations", "participations_with_hours", "hours_attended")),
)
_OUTCOMES = "Outcomes, as the follow-up survey estimates them"


@dataclass(frozen=True, order=True)
class Figure:
    """One figure: over which days, of whom, and how much; a share is in percent."""

    start: dt.date
    end: dt.date
    # ALL, or the country's code
    country: str
    # name and value of each dimension
    dimensions: tuple[tuple[str, str], ...]
    value: Decimal
    comment: str = ""


@dataclass(frozen=True)
class Programme:
    """The programme as the release has it."""

    name: str
    first_day: dt.date
    last_day: dt.date
    # code -> name
    countries: Mapping[str, str]


def write_iati(
    con: "duckdb.DuckDBPyConnection", iati: "Iati", programme: Programme, built_at: dt.datetime, warning: str
) -> bytes:
    """Return the results of a release as one IATI activity: an XML document in UTF-8.

    Args:
        con: A connection in which the published tables have their names.
        iati: The activity's identity.
        programme: Its name, time and countries.
        built_at: When the release was built, UTC; the document's own time, so that the same release is the same bytes.
        warning: What readers must know of the figures, or nothing.
    """
    words = _read_catalogue(con)
    targets, outcomes = read_targets(con, programme), read_outcomes(con, programme)
    actuals = read_actuals(con, programme) | outcomes
    stamp = f"{built_at.isoformat(timespec='seconds')}Z"
    root = Element("iati-activities", {"version": VERSION, "generated-datetime": stamp})
    activity = SubElement(
        root,
        "iati-activity",
        {"last-updated-datetime": stamp, _LANGUAGE: iati.language, "default-currency": iati.currency},
    )
    _describe_activity(activity, iati, programme, warning)
    for group in (*RESULTS, ResultGroup(_OUTCOME, _OUTCOMES, tuple(sorted(outcomes)))):
        known = [code for code in group.indicators if code in words and code in actuals]
        if known:
            _add_result(activity, group, known, words, actuals, targets, programme)
    ElementTree.indent(root)
    document: bytes = ElementTree.tostring(root, encoding="utf-8", xml_declaration=True)
    return document + b"\n"


def _describe_activity(activity: Element, iati: "Iati", programme: Programme, warning: str) -> None:
    SubElement(activity, "iati-identifier").text = iati.activity_identifier
    publisher = iati.reporting_org
    _say(SubElement(activity, "reporting-org", {"ref": publisher.ref, "type": str(publisher.type)}), publisher.name)
    _say(SubElement(activity, "title"), programme.name)
    _say(SubElement(activity, "description", {"type": _GENERAL}), iati.description)
    if warning:
        _say(SubElement(activity, "description", {"type": _OTHER}), warning)
    for org in iati.participating_orgs:
        known = {"ref": org.ref, "type": None if org.type is None else str(org.type), "role": str(org.role)}
        attributes = {name: value for name, value in known.items() if value is not None}
        _say(SubElement(activity, "participating-org", attributes), org.name)
    SubElement(activity, "activity-status", {"code": str(iati.status)})
    for kind, day in ((_ACTUAL_START, programme.first_day), (_ACTUAL_END, programme.last_day)):
        SubElement(activity, "activity-date", {"type": kind, "iso-date": day.isoformat()})
    SubElement(activity, "activity-scope", {"code": str(iati.scope)})
    SubElement(activity, "recipient-region", {"vocabulary": _DAC, "code": str(iati.region), "percentage": "100"})
    for code, name in sorted(programme.countries.items()):
        location = SubElement(activity, "location", {"ref": code})
        SubElement(location, "location-id", {"vocabulary": _ISO_COUNTRY, "code": code})
        _say(SubElement(location, "name"), name)
    for sector in iati.sectors:
        attributes = {"vocabulary": _DAC, "code": str(sector.code), "percentage": f"{sector.percentage:g}"}
        SubElement(activity, "sector", attributes)
    for marker in iati.policy_markers:
        attributes = {"vocabulary": _DAC, "code": str(marker.code), "significance": str(marker.significance)}
        SubElement(activity, "policy-marker", attributes)


def _add_result(
    activity: Element,
    group: ResultGroup,
    codes: Iterable[str],
    words: Mapping[str, Indicator],
    actuals: Mapping[str, Sequence[Figure]],
    targets: Mapping[str, Sequence[Figure]],
    programme: Programme,
) -> None:
    codes = list(codes)
    additive = all(words[code].is_additive for code in codes)
    result = SubElement(activity, "result", {"type": group.type, "aggregation-status": _truth(additive)})
    _say(SubElement(result, "title"), group.title)
    for code in codes:
        said = words[code]
        indicator = SubElement(
            result,
            "indicator",
            {
                "measure": _PERCENTAGE if said.unit == "share" else _UNIT,
                "ascending": "true",
                "aggregation-status": _truth(said.is_additive),
            },
        )
        _say(SubElement(indicator, "title"), said.title)
        _say(SubElement(indicator, "description"), _definition(said))
        SubElement(indicator, "reference", {"vocabulary": _OWN_VOCABULARY, "code": code})
        if said.unit != "share":
            first = programme.first_day
            baseline = {"iso-date": first.isoformat(), "year": str(first.year), "value": "0"}
            _say(
                SubElement(SubElement(indicator, "baseline", baseline), "comment"),
                "Nothing was counted before the programme began.",
            )
        _add_periods(indicator, actuals[code], targets[code])


def _add_periods(indicator: Element, actuals: Iterable[Figure], targets: Iterable[Figure]) -> None:
    """Add the whole time first, then its parts in order, each with targets before actual figures."""
    periods: dict[tuple[dt.date, dt.date], dict[str, list[Figure]]] = defaultdict(lambda: {"target": [], "actual": []})
    for kind, figures in (("target", targets), ("actual", actuals)):
        for figure in figures:
            periods[figure.start, figure.end][kind].append(figure)
    for start, end in sorted(periods, key=lambda days: (days[0], -days[1].toordinal())):
        period = SubElement(indicator, "period")
        SubElement(period, "period-start", {"iso-date": start.isoformat()})
        SubElement(period, "period-end", {"iso-date": end.isoformat()})
        for kind, figures in periods[start, end].items():
            for figure in sorted(figures, key=lambda item: (item.country != ALL, item)):
                _add_figure(period, kind, figure)


def _add_figure(period: Element, kind: str, figure: Figure) -> None:
    element = SubElement(period, kind, {"value": format(figure.value, "f")})
    if figure.country != ALL:
        SubElement(element, "location", {"ref": figure.country})
        # again in words: many readers of results know no places
        SubElement(element, "dimension", {"name": "country_code", "value": figure.country})
    for name, value in figure.dimensions:
        SubElement(element, "dimension", {"name": name, "value": value})
    if figure.comment:
        _say(SubElement(element, "comment"), figure.comment)


def _say(element: Element, text: str) -> None:
    SubElement(element, "narrative").text = text


def _truth(value: bool) -> str:
    return "true" if value else "false"


def _definition(said: Indicator) -> str:
    whole = "" if said.denominator == "none" else f" Out of: {said.denominator}."
    return (
        f"Counts: {said.numerator}.{whole} Unit: {said.unit}. "
        f"May be added up over: {said.may_be_added_over}. Source: {said.source}."
    )


def _read_catalogue(con: "duckdb.DuckDBPyConnection") -> dict[str, Indicator]:
    rows = con.execute(
        "SELECT indicator_code, indicator_title, numerator, denominator_text, unit, disaggregation, may_be_added_over, "
        "indicator_source FROM catalogue ORDER BY indicator_code"
    ).fetchall()
    return {row[0]: Indicator(*row) for row in rows}


def read_actuals(con: "duckdb.DuckDBPyConnection", programme: Programme) -> dict[str, list[Figure]]:
    """Return the figures of each indicator: the whole time and each quarter, by country and by each attribute."""
    found: dict[str, list[Figure]] = defaultdict(list)
    bands = [code for (code,) in con.execute("SELECT band_code FROM core_band WHERE band_set = 'youth'").fetchall()]
    rows = con.execute(
        "SELECT indicator_code, country_code, quarter, dimension, dimension_value, people, share FROM report_reach_by "
        "WHERE list_contains(?, dimension) ORDER BY ALL",
        [[*_ATTRIBUTES, *bands]],
    ).fetchall()
    for code, country, quarter, dimension, value, people, share in rows:
        days = _days(quarter, programme)
        dimensions = () if dimension == "all" else ((dimension, value),)
        if people is not None:
            found[code].append(Figure(*days, country, dimensions, Decimal(people)))
        if code == "people_reached" and share is not None:
            if (dimension, value) == ("sex", "F"):
                found["women_share"].append(Figure(*days, country, (), _percent(share)))
            if dimension in bands and value == "yes":
                found["youth_share"].append(Figure(*days, country, (("youth_band", dimension),), _percent(share)))
    for code, column in REACH_COLUMNS.items():
        if code == "people_reached":
            # a dimension of report_reach_by
            continue
        rows = con.execute(f"SELECT country_code, {column} FROM report_reach WHERE {column} IS NOT NULL").fetchall()
        for country, people in rows:
            found[code].append(Figure(*_days(ALL, programme), country, (), Decimal(people)))
    for code in ("participations", "participations_with_hours", "hours_attended"):
        rows = con.execute(
            f"SELECT country_code, quarter, course_code, {code} FROM report_course WHERE {code} IS NOT NULL"
        ).fetchall()
        for country, quarter, course, count in rows:
            dimensions = () if course == ALL else (("course_code", course),)
            found[code].append(Figure(*_days(quarter, programme), country, dimensions, _number(count)))
    return dict(found)


def read_targets(con: "duckdb.DuckDBPyConnection", programme: Programme) -> Mapping[str, list[Figure]]:
    """Return the targets in force of each indicator, from the programme's first day to the day due."""
    found: dict[str, list[Figure]] = defaultdict(list)
    rows = con.execute(
        "SELECT indicator_code, country_code, band_code, due_date, target_value, unit, target_source "
        "FROM report_target JOIN catalogue USING (indicator_code) WHERE is_latest AND NOT is_replaced ORDER BY ALL"
    ).fetchall()
    for code, country, band, due, value, unit, source in rows:
        dimensions = () if band is None else (("youth_band", band),)
        amount = _percent(value) if unit == "share" else _number(value)
        found[code].append(Figure(programme.first_day, due, country, dimensions, amount, f"Target: {source}."))
    return found


def read_outcomes(con: "duckdb.DuckDBPyConnection", programme: Programme) -> dict[str, list[Figure]]:
    """Return the shares that the follow-up survey gives, weighted where they can be, over the days of its interviews.

    A comment says of how many answers, and the interval of 95%.
    """
    found: dict[str, list[Figure]] = defaultdict(list)
    rows = con.execute(
        """
        WITH interviewed AS (
            SELECT survey_round, min(interview_date) AS first_day, max(interview_date) AS last_day
            FROM core_survey_response GROUP BY survey_round
        )

        SELECT
            indicator_code, dimension, dimension_value, survey_round, first_day, last_day, denominator,
            share_weighted IS NOT NULL AS is_weighted,
            coalesce(share_weighted, share_unweighted) AS share,
            CASE WHEN share_weighted IS NULL THEN unweighted_low ELSE weighted_low END AS low,
            CASE WHEN share_weighted IS NULL THEN unweighted_high ELSE weighted_high END AS high
        FROM report_outcome
        LEFT JOIN interviewed USING (survey_round)
        WHERE share_unweighted IS NOT NULL
        ORDER BY ALL
        """
    ).fetchall()
    for code, dimension, value, survey_round, first, last, answers, is_weighted, share, low, high in rows:
        days = (first or programme.first_day, last or programme.last_day)
        country = value if dimension == "country_code" else ALL
        dimensions = () if dimension in ("all", "country_code") else ((dimension, value),)
        weighted = "weighted to the people trained" if is_weighted else "not weighted"
        interval = f"interval of 95%: {_percent(low)} to {_percent(high)}"
        comment = f"Round {survey_round}: n = {answers}, {weighted}; {interval}."
        found[code].append(Figure(*days, country, dimensions, _percent(share), comment))
    return dict(found)


def _days(quarter: str, programme: Programme) -> tuple[dt.date, dt.date]:
    """First and last day of a quarter, or of the whole time, within the programme."""
    if quarter == ALL:
        return programme.first_day, programme.last_day
    year, number = int(quarter[:4]), int(quarter[-1])
    following = dt.date(year + number // 4, 3 * (number % 4) + 1, 1)
    return (
        max(dt.date(year, 3 * number - 2, 1), programme.first_day),
        min(following - dt.timedelta(days=1), programme.last_day),
    )


def _percent(share: float) -> Decimal:
    return _plain((100 * Decimal(str(share))).quantize(_PLACES))


def _number(value: float) -> Decimal:
    return _plain(Decimal(str(value)))


def _plain(value: Decimal) -> Decimal:
    """Without zeros at the end, and without an exponent."""
    value = value.normalize()
    return value.quantize(Decimal(1)) if value == value.to_integral_value() else value
