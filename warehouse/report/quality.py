"""How good the data are: what each partner sends, what is rejected and why, who stands with two partners, linkage."""

from schemas.columns import ROW_COUNTS
from warehouse.report import labels
from warehouse.report.document import Block, Cell, Chart, Charts, Section, Table
from warehouse.report.figures import ALL, add_up
from warehouse.report.places import Place, make_chart
from warehouse.report.published_rows import Linkage, Quality
from warehouse.report.specs import Bar, Row, rows_spec

# from which part of the rows on a cell is shaded, lightest first
_SHADES = (0.02, 0.1, 0.3, 0.6)
_DAYS = (1, 30, 60, 90)


def quality(place: Place) -> Section:
    """Return the section of data quality."""
    lines = [line for line in place.figures.quality if line.country_code in place.countries]
    if not lines:
        return Section("quality", "Data quality", ("No delivery has arrived yet.",))
    rows_in, rejected = add_up(lines, "rows_in"), add_up(lines, "rows_rejected")
    late, deliveries = add_up(lines, "deliveries_late"), add_up(lines, "deliveries")
    lead = (
        f"Partners sent {labels.number(rows_in)} rows in {labels.counted(deliveries, 'delivery', 'deliveries')}. "
        f"{labels.number(add_up(lines, 'rows_accepted'))} count; {labels.number(rejected)} were rejected with reasons; "
        "the others repeat a row, were replaced by a correction, or are sub-totals.",
        f"{labels.counted(late, 'delivery', 'deliveries') if late else 'No delivery'} came late.",
    )
    blocks: list[Block] = [_partner_table(place, lines), _row_table(place, lines)]
    looked_at = _findings(place)
    if looked_at is not None:
        blocks.append(looked_at)
    charts = [chart for chart in (_rejections(place), _linkage(place)) if chart is not None]
    if charts:
        blocks.append(Charts(tuple(charts)))
    blocks.append(_overlap(place))
    return Section("quality", "Data quality", lead, tuple(blocks))


def _partners(lines: list[Quality]) -> dict[str, list[Quality]]:
    found: dict[str, list[Quality]] = {}
    for line in lines:
        found.setdefault(line.partner_id, []).append(line)
    return found


def _partner_table(place: Place, lines: list[Quality]) -> Table:
    rows: list[tuple[Cell | str, ...]] = []
    for partner, months in _partners(lines).items():
        accepted = add_up(months, "rows_accepted")
        sent = add_up(months, "rows_in") - add_up(months, "rows_structural")
        days = [line.days_late for line in months if line.days_late is not None]
        failed, late = add_up(months, "deliveries_failed"), add_up(months, "deliveries_late")
        rows.append(
            (
                place.partner_name(partner),
                labels.number(add_up(months, "deliveries")),
                Cell(labels.number(failed), level=min(4, failed)),
                labels.number(late),
                Cell(labels.number(max(days)), level=_level(max(days), _DAYS)) if days else labels.NONE,
                *(
                    _share_cell(part, whole)
                    for part, whole in (
                        (add_up(months, "rows_rejected"), sent),
                        (add_up(months, "rows_flagged"), accepted),
                        (add_up(months, "rows_without_sex"), accepted),
                        (add_up(months, "rows_without_age"), accepted),
                        (add_up(months, "rows_without_phone"), accepted),
                    )
                ),
                # an age will do: no shade
                labels.percent(add_up(months, "rows_without_birth_date") / accepted) if accepted else labels.NONE,
            )
        )
    return Table(
        "partner-quality",
        "What partners send: deliveries, lateness, and what rows lack",
        (
            "Partner",
            "Deliveries",
            "Could not be read",
            "Late",
            "Most days late",
            "Rejected",
            "With a remark",
            "No sex",
            "No age",
            "No phone",
            "No full birth date",
        ),
        tuple(rows),
        note="Rejected is a part of all rows but sub-totals, the columns after it of the accepted rows. The darker, "
        "the more attention it needs. A partner that asks for ages has no full birth dates, and need not.",
    )


def _share_cell(part: int, whole: int) -> Cell | str:
    if whole == 0:
        return labels.NONE
    return Cell(labels.percent(part / whole), level=_level(part / whole, _SHADES))


def _level(value: float, steps: tuple[float, ...]) -> int:
    return sum(value >= step for step in steps)


def _row_table(place: Place, lines: list[Quality]) -> Table:
    rows = [
        (place.partner_name(partner), *(labels.number(add_up(months, name)) for name in ROW_COUNTS))
        for partner, months in _partners(lines).items()
    ]
    if len(rows) > 1:
        rows.append(("All partners", *(labels.number(add_up(lines, name)) for name in ROW_COUNTS)))
    return Table(
        "row-account",
        "What became of every row",
        ("Partner", "Rows sent", "Accepted", "Rejected", "Replaced by a correction", "Repeated", "Sub-totals, footers"),
        tuple(rows),
        note="In every line the rows sent are all the others together: none is lost.",
    )


def _findings(place: Place) -> Table | None:
    """What somebody should look at; None of a release that does not say."""
    if place.figures.findings is None:
        return None
    rows = [
        (place.partner_name(line.partner_id), line.month, labels.finding(line.finding_code), line.finding_text)
        for line in place.figures.findings
        if line.country_code in place.countries
    ]
    note = (
        "Late and missing deliveries by the days that the contracts allow; others are unlike what the same partner "
        "sent before. They count, unless they failed or were held back."
    )
    return Table(
        "findings",
        "Deliveries to look at",
        ("Partner", "Month", "What", "Found"),
        tuple(rows),
        words=(0, 1, 2, 3),
        note=note if rows else "No delivery stands out, and none is missing. Samples are not looked at.",
    )


def _rejections(place: Place) -> Chart | None:
    reasons: dict[str, int] = {}
    for line in place.figures.rejections:
        if line.country_code in place.countries:
            reasons[line.reason_code] = reasons.get(line.reason_code, 0) + line.rows_rejected
    if not reasons:
        return None
    ranked = sorted(reasons.items(), key=lambda item: (-item[1], item[0]))
    most = ranked[0][1]
    rows = [
        Row(labels.reason(code), labels.number(count), ((Bar(most, "track"), Bar(count, "solid")),))
        for code, count in ranked
    ]
    return make_chart(
        place,
        "rejections",
        f"Most often rejected for: {labels.reason(ranked[0][0]).lower()}",
        "Rows that do not count, by reason. A row with two reasons stands in both lines: lines must not be added up.",
        rows_spec(rows, "half", domain=(0, most)),
        ("Reason", "Rows"),
        [(labels.reason(code), labels.number(count)) for code, count in ranked],
        tables=("report_rejection",),
    )


def _linkage(place: Place) -> Chart | None:
    lines: list[tuple[str, Linkage]] = []
    for code in dict.fromkeys((place.code, *place.countries)):
        found = place.figures.linkage_of(code)
        if found is not None:
            lines.append((place.figures.name_of(code), found))
    if not place.is_region:
        scripts = [line for line in place.figures.linkage if line.country_code == place.code and line.script != ALL]
        lines += [(f"Names in {line.script} script", line) for line in scripts if line.people_found]
    if not lines:
        return None
    drawn = [(name, line, line.low / line.people_found - 1, line.high / line.people_found - 1) for name, line in lines]
    low = min([-0.005, *(1.15 * part[2] for part in drawn)])
    high = max([0.005, *(1.15 * part[3] for part in drawn)])
    rows = [
        Row(
            name,
            f"{labels.number(line.people_found)} · {labels.span(labels.number(line.low), labels.number(line.high))}",
            ((Bar(above, "solid", below),),),
        )
        for name, line, below, above in drawn
    ]
    return make_chart(
        place,
        "linkage",
        "How sure the count of people is",
        "Bars are the people that are likely, as a difference from the people counted (the black stroke). Left of it, "
        "more were probably counted twice than taken for one another.",
        rows_spec(rows, "half", domain=(low, high), marker=0.0, axis_format="+.1%"),
        ("People", "Counted", "Likely from", "to", "Counted twice", "Taken for another"),
        [
            (
                name,
                *(labels.number(count) for count in (line.people_found, line.low, line.high)),
                labels.decimal(line.expected_misses),
                labels.decimal(line.expected_false_merges),
            )
            for name, line in lines
        ],
        tables=("identity_quality",),
        note="The last two columns are people to be expected, from the probabilities of the linkage.",
    )


def _overlap(place: Place) -> Block:
    pairs = [
        pair
        for pair in place.figures.overlaps
        if place.is_region or place.code in (pair.partner_id[:2], pair.other_partner_id[:2])
    ]
    rows = [
        (
            f"{place.partner_name(pair.partner_id)}, and {place.partner_name(pair.other_partner_id)}",
            labels.number(pair.people),
            f"{labels.percent(pair.share)} of {labels.number(pair.trainees)}",
            f"{labels.percent(pair.other_share)} of {labels.number(pair.other_trainees)}",
        )
        for pair in pairs
    ]
    note = "Somebody of three partners stands in three lines, so lines must not be added up."
    if not rows:
        note = "No partner trained anybody whom another partner trained too."
    return Table(
        "overlap",
        "People whom two partners both trained",
        ("Partners", "People", "Of the first partner’s people", "Of the other’s"),
        tuple(rows),
        note=note,
    )
