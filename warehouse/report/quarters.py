"""Reach over time, and courses: people and participations apart, with the reason why people do not add up."""

from itertools import accumulate

from warehouse.report import labels
from warehouse.report.document import Block, Cell, Charts, Section, Table
from warehouse.report.figures import ALL, FIRST_REACHED, REACHED
from warehouse.report.places import Place, make_chart
from warehouse.report.published_rows import Course
from warehouse.report.specs import Bar, Row, growth_spec, quarters_spec, rows_spec


def over_time(place: Place) -> Section:
    """Return the section of quarters: who came, who was new, and how many there were by the end of each."""
    quarters = place.figures.quarters
    if not place.people:
        return Section("time", "Over time", ("Nobody is counted yet.",))
    active = [place.figures.people(place.code, quarter, REACHED) for quarter in quarters]
    first = [place.figures.people(place.code, quarter, FIRST_REACHED) for quarter in quarters]
    total = list(accumulate(first))
    best = max(range(len(quarters)), key=lambda index: active[index])
    lead = (
        "People active in a quarter must not be added up: whoever came in two quarters is in both. People first "
        "reached in a quarter may be, because nobody is new twice."
    )
    rows: list[tuple[Cell | str, ...]] = [
        (labels.quarter(quarter), *(labels.number(count) for count in counts))
        for quarter, *counts in zip(quarters, active, first, total, strict=True)
    ]
    columns = ("Quarter", "Active", "First reached", "Reached by its end")
    charts = (
        make_chart(
            place,
            "quarters",
            f"{labels.quarter(quarters[best])} was the busiest quarter: {labels.number(active[best])} people",
            "Outlined: people active in the quarter. Solid, within them: those who had never come before.",
            quarters_spec(quarters, active, first, "half"),
            columns,
            rows,
            tables=("report_reach_by",),
        ),
        make_chart(
            place,
            "growth",
            f"{labels.number(total[-1])} people by the end of {labels.quarter(quarters[-1])}",
            "Different people reached by the end of each quarter: those first reached, added up.",
            growth_spec(quarters, total, "half"),
            columns,
            rows,
            tables=("report_reach_by",),
        ),
    )
    blocks: list[Block] = [Charts(charts)]
    if place.is_region:
        blocks.append(_first_by_country(place))
    return Section("time", "Over time", (lead,), tuple(blocks))


def _first_by_country(place: Place) -> Table:
    quarters = place.figures.quarters
    rows = []
    for code in (*place.figures.countries, place.code):
        first = [place.figures.people(code, quarter, FIRST_REACHED) for quarter in quarters]
        name = place.figures.name_of(code)
        reached = place.figures.reach[code].trainees
        rows.append((name, *(labels.number(count) for count in first), labels.number(reached)))
    return Table(
        "first-by-country",
        "People first reached, by country and quarter",
        ("Country", *(labels.quarter(quarter) for quarter in quarters), "All quarters"),
        tuple(rows),
        note="Quarters add up to the last column. Countries do not: who came in two counts as new in each of them.",
    )


def courses(place: Place) -> Section:
    """Return the section of courses."""
    figures = place.figures
    lines = [line for line in figures.courses if line.country_code == place.code]
    if not lines:
        return Section("courses", "Courses", ("No training is counted yet.",))
    whole = next(line for line in lines if line.course_code == ALL)
    ranked = sorted(
        (line for line in lines if line.course_code != ALL), key=lambda line: (-line.trainees, line.course_code)
    )
    lead = (
        f"{labels.number(whole.trainees)} people took part {labels.number(whole.participations)} times. Somebody in "
        "two courses is one person in each of them and one person in all, so people of courses add up to more than the "
        "people reached; participations and hours add up."
    )
    most = max(line.participations for line in ranked)
    rows = [
        Row(
            figures.course_titles[line.course_code],
            f"{labels.number(line.trainees)} · {labels.number(line.participations)}",
            ((Bar(line.participations, "outline"), Bar(line.trainees, "solid")),),
        )
        for line in ranked
    ]
    columns = ("Course", "People", "Participations", "with hours", "Hours")
    rows_of_table: list[tuple[Cell | str, ...]] = [
        *(_course_row(figures.course_titles[line.course_code], line) for line in ranked),
        _course_row("All courses", whole),
    ]
    chart = make_chart(
        place,
        "courses-chart",
        f"{figures.course_titles[ranked[0].course_code]} reached the most people",
        "Solid, and the first figure: different people. Outlined, and the second: participations, where the same "
        "person counts each time.",
        rows_spec(rows, "half", domain=(0, most)),
        columns,
        rows_of_table,
        tables=("report_course",),
        note="People of the last line are no sum: somebody in two courses is one person there.",
    )
    longest = max(line.hours_attended for line in ranked)
    hours = make_chart(
        place,
        "course-hours",
        f"{labels.number(whole.hours_attended)} hours of training were attended",
        f"Hours of the participations that state them, which {labels.number(whole.participations_with_hours)} of "
        f"{labels.number(whole.participations)} do. Hours add up.",
        rows_spec(
            [
                Row(
                    figures.course_titles[line.course_code],
                    labels.decimal(line.hours_attended),
                    ((Bar(longest, "track"), Bar(line.hours_attended, "solid")),),
                )
                for line in ranked
            ],
            "half",
            domain=(0, max(1, longest)),
        ),
        columns,
        rows_of_table,
        tables=("report_course",),
    )
    return Section("courses", "Courses", (lead,), (Charts((chart, hours)),))


def _course_row(name: str, line: Course) -> tuple[str, ...]:
    counts = (line.trainees, line.participations, line.participations_with_hours)
    return (name, *(labels.number(count) for count in counts), labels.decimal(line.hours_attended))
