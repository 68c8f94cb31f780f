"""Who was reached: a map of tiles and bars by country, and a chart for each attribute, "not stated" included."""

from collections.abc import Mapping

from warehouse.report import labels
from warehouse.report.document import Cell, Chart, Charts, Section, Table
from warehouse.report.figures import NOT_STATED
from warehouse.report.places import Place, category_rows, make_chart, page_file, share_chart
from warehouse.report.published_rows import Target
from warehouse.report.specs import Bar, Row, Tile, rows_spec, tiles_spec

# countries without a place of their own stand in rows below the others, this many in one
_TILES_IN_A_ROW = 5
# a part of this size that is not stated belongs in the title
_MUCH = 0.05
_SAID = {
    "sex": ("F", "Women are {} of people reached", "Sex"),
    "trainee_type": ("msme_owner", "{} own a micro or small business", "The type"),
    "has_disability": ("yes", "{} have a disability", "Disability"),
    "is_indigenous": ("yes", "{} are indigenous or of an ethnic minority", "Belonging to a minority"),
    "is_rural": ("yes", "{} live in a rural area", "Living in a rural area"),
}
_VALUES = {
    "sex": ("F", "M", "X", NOT_STATED),
    "trainee_type": ("msme_owner", "job_seeker", NOT_STATED),
    "has_disability": ("yes", "no", NOT_STATED),
    "is_indigenous": ("yes", "no", NOT_STATED),
    "is_rural": ("yes", "no", NOT_STATED),
}


def countries(place: Place, tiles: Mapping[str, tuple[int, int]]) -> Section:
    """Return the section of reach by country.

    Args:
        place: The region.
        tiles: Column and row of a country on the map of tiles, from 1.
    """
    figures = place.figures
    ranked = sorted(figures.countries, key=lambda code: (-figures.reach[code].trainees, code))
    if not place.people:
        return Section("countries", "By country", ("No country has anybody to show yet.",))
    first = figures.reach[ranked[0]]
    lead = (
        "Somebody trained in two countries counts in both, and once in the total: countries must not be added up. "
        "Each country has a page of its own."
    )
    title = f"{figures.countries[ranked[0]]} has the most people: {labels.number(first.trainees)}"
    rows = [
        Row(
            figures.countries[code],
            labels.number(figures.reach[code].trainees),
            ((Bar(first.trainees, "track"), Bar(figures.reach[code].trainees, "solid")),),
        )
        for code in ranked
    ]
    data: list[tuple[Cell | str, ...]] = [
        (figures.countries[code], labels.number(figures.reach[code].trainees)) for code in ranked
    ]
    charts = (
        make_chart(
            place,
            "map",
            "Where people were reached",
            "Each square is a country, about where it lies among the others; the darker, the more people.",
            tiles_spec(_tiles(place, tiles), "half"),
            ("Country", "People reached"),
            data,
            tables=("report_reach",),
        ),
        make_chart(
            place,
            "reach",
            title,
            "Different people with at least one accepted attendance in the country.",
            rows_spec(rows, "half", domain=(0, first.trainees)),
            ("Country", "People reached"),
            data,
            tables=("report_reach",),
        ),
        *_shares_by_country(place, ranked),
    )
    return Section("countries", "By country", (lead,), (Charts(charts), _country_table(place, ranked)))


def _tiles(place: Place, known: Mapping[str, tuple[int, int]]) -> list[Tile]:
    reach = {code: place.figures.reach[code].trainees for code in place.figures.countries}
    most = max(reach.values())
    last = max((row for code, (_, row) in known.items() if code in reach), default=0)
    tiles, appended = [], 0
    for code, people in reach.items():
        if code in known:
            column, row = known[code]
        else:
            column, row = appended % _TILES_IN_A_ROW + 1, last + 1 + appended // _TILES_IN_A_ROW
            appended += 1
        # by the root, so that small countries differ too
        level = 0 if people == 0 else min(4, 1 + int(3.999 * (people / most) ** 0.5))
        tiles.append(Tile(code, labels.number(people), column, row, level))
    return tiles


def _shares_by_country(place: Place, ranked: list[str]) -> list[Chart]:
    """Shares of women and of youth by country, with the target of all countries where there is one."""
    charts = []
    for key, indicator, dimension, value, about in (
        ("women-by-country", "women_share", "sex", "F", "women"),
        ("youth-by-country", "youth_share", "", "yes", "youth"),
    ):
        target = _target(place, indicator)
        words_of_band = ""
        if not dimension:
            bands = [band for band in place.figures.bands if band.band_set == "youth"]
            code = target.band_code if target is not None else None
            chosen = [band for band in bands if band.band_code == code] or [band for band in bands if band.is_current]
            if not chosen:
                continue
            dimension = chosen[0].band_code
            words_of_band = f" aged {labels.ages(chosen[0].from_age, chosen[0].to_age)}"
        rows: list[Row] = []
        data: list[tuple[Cell | str, ...]] = []
        reached_target = 0
        codes = [code for code in ranked if place.figures.reach[code].trainees]
        for code in codes:
            found = place.figures.of(code, dimension)
            people, share = (found[value].people, found[value].share or 0.0) if value in found else (0, 0.0)
            reached_target += target is not None and share >= target.target_value
            bars = (Bar(1.0, "track"), Bar(share, "solid")) if share else (Bar(1.0, "track"),)
            trainees = place.figures.reach[code].trainees
            rows.append(
                Row(place.figures.countries[code], f"{labels.percent(share)} of {labels.number(trainees)}", (bars,))
            )
            data.append(
                (place.figures.countries[code], labels.number(people), labels.number(trainees), labels.percent(share))
            )
        title = f"Share of {about}{words_of_band} by country"
        says = f"People reached who are {about}{words_of_band}, as a part of all people reached in the country."
        if target is not None:
            asked = labels.whole_percent(target.target_value)
            title = f"{reached_target} of {labels.counted(len(codes), 'country has', 'countries have')} {asked} {about}"
            title += words_of_band
            says += f" The black stroke is the target of the whole programme, {asked}."
        charts.append(
            make_chart(
                place,
                key,
                title,
                says,
                rows_spec(rows, "half", domain=(0, 1), marker=target.target_value if target else None),
                ("Country", about.capitalize(), "People reached", "Share"),
                data,
                tables=("report_reach_by", "report_target") if target else ("report_reach_by",),
            )
        )
    return charts


def _target(place: Place, indicator: str) -> Target | None:
    found = [
        target
        for target in place.figures.targets
        if (target.country_code, target.indicator_code) == (place.code, indicator) and not target.is_replaced
    ]
    return found[0] if found else None


def _country_table(place: Place, ranked: list[str]) -> Table:
    figures = place.figures
    band = next((labels.ages(band.from_age, band.to_age) for band in figures.current_bands("youth")), "")
    rows: list[tuple[Cell | str, ...]] = []
    for code in (*ranked, place.code):
        line, linkage = figures.reach[code], figures.linkage_of(code)
        sex = figures.of(code, "sex")
        youth = figures.of(code, "is_youth")
        name = figures.name_of(code)
        rows.append(
            (
                Cell(name, link="" if code == place.code else page_file(code)),
                labels.number(line.trainees),
                labels.span(labels.number(linkage.low), labels.number(linkage.high)) if linkage else labels.NONE,
                labels.number(line.women),
                labels.percent(sex["F"].share) if "F" in sex else labels.NONE,
                labels.number(line.youth),
                labels.percent(youth["yes"].share) if "yes" in youth else labels.NONE,
                labels.number(line.msme_owners),
                labels.number(line.job_seekers),
                _stated(place, code, "has_disability", line.with_disability),
                _stated(place, code, "is_indigenous", line.indigenous),
                _stated(place, code, "is_rural", line.rural),
            )
        )
    return Table(
        "country-table",
        "People reached by country: different people, and shares of all people reached there",
        (
            "Country",
            "People",
            "Likely from, to",
            "Women",
            "Women, share",
            f"Youth {band}",
            "Youth, share",
            "Business owners",
            "Job seekers",
            "With a disability",
            "Indigenous",
            "Rural",
        ),
        tuple(rows),
        note=f"{labels.NONE}: not stated by anybody. Other figures count those who said so; how many did not state it "
        "is on the page of each country.",
    )


def _stated(place: Place, code: str, dimension: str, people: int) -> str:
    """How many said yes; a dash where nobody was asked."""
    answers = place.figures.of(code, dimension)
    return labels.NONE if set(answers) <= {NOT_STATED} else labels.number(people)


def attributes(place: Place) -> Section:
    """Return the section with one chart for each attribute of people."""
    if not place.people:
        return Section("people", "Who they are", ("Nobody is counted yet.",))
    charts = [attribute_chart(place, "sex"), age_chart(place)]
    charts += [attribute_chart(place, name) for name in _SAID if name != "sex"]
    lead = (
        "Shares are of all people reached, those who did not state the attribute included; a dashed outline is what is "
        "not stated. Attributes are those of a person’s first training."
    )
    crossed = (crossed_chart(place, "age_band"), crossed_chart(place, "trainee_type"))
    return Section("people", "Who they are", (lead,), (Charts(tuple(charts)), Charts(crossed)))


def attribute_chart(place: Place, dimension: str) -> Chart:
    """Return the categories of an attribute, with what is most asked about it as title."""
    lines = category_rows(place, dimension, _VALUES[dimension])
    # a category without any person has no line
    lines = [line for line in lines if line[0] != "X" or line[1]]
    value, title, subject = _SAID[dimension]
    shares = {name: share or 0.0 for name, _, share in lines}
    unstated = next(people for name, people, _ in lines if name == NOT_STATED)
    title = title.format(labels.percent(shares[value]))
    if unstated == place.people:
        title = f"{subject} is not stated by anybody"
    elif shares[NOT_STATED] >= _MUCH:
        title += f"; {labels.percent(shares[NOT_STATED])} not stated"
    says = (
        f"Of {labels.number(place.people)} people reached {place.within}, {labels.number(unstated)} did not state it."
    )
    return share_chart(place, dimension.replace("_", "-"), title, says, dimension, lines)


def age_chart(place: Place) -> Chart:
    """Return the bands of age in force."""
    bands = place.figures.current_bands()
    lines = category_rows(place, "age_band", (*(band.band_code for band in bands), NOT_STATED))
    largest = max(lines[:-1], key=lambda line: line[1])
    title = f"{labels.percent(largest[2])} are {labels.band(largest[0])} years old"
    if lines[-1][1] == place.people:
        title = "The age is not stated by anybody"
    says = (
        f"Completed years on the day of the first training, {labels.number(place.people)} people; bands of the set "
        f"{bands[0].band_set if bands else ''}. {labels.number(lines[-1][1])} cannot be placed in one band."
    )
    return share_chart(place, "age-band", title, says, "age_band", lines)


def crossed_chart(place: Place, other: str) -> Chart:
    """Return women and men side by side in every category of another attribute."""
    dimension = f"sex x {other}"
    found = place.figures.of(place.code, dimension)
    categories = (
        (*(band.band_code for band in place.figures.current_bands()), NOT_STATED)
        if other == "age_band"
        else _VALUES[other]
    )

    def people(sex: str, value: str) -> int:
        key = f"{sex} x {value}"
        return found[key].people if key in found else 0

    most = max([1, *(count.people for count in found.values())])
    rows: list[Row] = []
    data: list[tuple[Cell | str, ...]] = []
    for value in categories:
        women, men = people("F", value), people("M", value)
        rest = people("X", value) + people(NOT_STATED, value)
        lanes: list[tuple[Bar, ...]] = [
            (Bar(most, "track"), Bar(women, "solid")),
            (Bar(most, "track"), Bar(men, "grey")),
        ]
        # a line of dashes too short to be seen says nothing; the table has it
        if rest > 0.02 * most:
            lanes.append((Bar(rest, "unstated"),))
        text = f"{labels.counted(women, 'woman', 'women')} · {labels.counted(men, 'man', 'men')}"
        rows.append(Row(labels.category(other, value), text, tuple(lanes)))
        data.append(
            (labels.category(other, value), *(labels.number(count) for count in (women, men, rest, women + men + rest)))
        )
    what = "age" if other == "age_band" else "type"
    return make_chart(
        place,
        f"sex-by-{what}",
        f"Women and men by {what}",
        f"Different people reached {place.within}: women above, men below; another answer or a sex that is not stated "
        "has a dashed outline, where it is enough to be seen; the table has every figure.",
        rows_spec(rows, "half", domain=(0, most)),
        ("Category", "Women", "Men", "Another answer or not stated", "All"),
        data,
        tables=("report_reach_by",),
        note="Categories of one attribute may be added up, because nobody is in two of them.",
    )
