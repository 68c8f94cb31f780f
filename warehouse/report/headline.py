"""The first part of a page: how many people, who they are in one line each, and how that stands to the targets."""

from warehouse.report import labels
from warehouse.report.document import Charts, Fact, Facts, Hero, Section, Table
from warehouse.report.figures import Figures
from warehouse.report.places import Place, make_chart
from warehouse.report.published_rows import Target
from warehouse.report.specs import Bar, Row, rows_spec

_TITLES = {"people_reached": "People reached", "women_share": "Share of women", "youth_share": "Share of youth"}


def hero(place: Place) -> Hero:
    """Return the number of people, with the interval that linkage leaves open."""
    reached = [code for code in place.countries if place.figures.reach[code].trainees]
    label = "different people reached"
    if place.is_region and reached:
        label += f" in {labels.counted(len(reached), 'country', 'countries')}"
    return Hero(labels.number(place.people), label, _uncertainty(place))


def _uncertainty(place: Place) -> str:
    linkage = place.figures.linkage_of(place.code)
    if linkage is None:
        return "No training is counted yet."
    interval = labels.span(labels.number(linkage.low), labels.number(linkage.high))
    text = (
        f"People are told apart by comparing partners’ lists. With the errors to be expected of that, {interval} "
        "people are likely."
    )
    if linkage.people_found > linkage.high:
        text += (
            f" The count is rather high: about {labels.number(linkage.expected_misses)} people are expected to stand "
            f"in it twice, and about {labels.number(linkage.expected_false_merges)} to be taken for somebody else."
        )
    return text


def headline(place: Place) -> Section:
    """Return the section of figures and targets."""
    if not place.people:
        lead = f"Nobody is counted {place.within} in this release: no accepted row of a partner names a training."
        return Section("headline", "At a glance", (lead,))
    targets = [target for target in place.figures.targets if target.country_code == place.code]
    lines = [sentence(place.figures, target) for target in targets if not target.is_replaced]
    if not targets:
        lines = ["No target was published for this country." if not place.is_region else "No target was published."]
    return Section("headline", "At a glance", tuple(lines), (Facts(facts(place)), *_target_blocks(place, targets)))


def facts(place: Place) -> tuple[Fact, ...]:
    """Return who was reached, a figure each: number, share, n, and what is not stated."""
    of = place.figures.of
    reach = place.figures.reach[place.code]
    every = f"of {labels.number(reach.trainees)} people reached"
    made = [_share_fact(place, "Women", "sex", "F", "women_share", None)]
    for band in (band for band in place.figures.bands if band.band_set == "youth"):
        label = f"Youth, {labels.ages(band.from_age, band.to_age)}"
        made.append(_share_fact(place, label, band.band_code, "yes", "youth_share", band.band_code))
    types = of(place.code, "trainee_type")
    for label, people, value in (
        ("Owners of a small business", reach.msme_owners, "msme_owner"),
        ("Job seekers", reach.job_seekers, "job_seeker"),
    ):
        share = types[value].share if value in types else 0.0
        made.append(Fact(label, labels.number(people), f"{labels.percent(share)} {every}"))
    for label, people, dimension in (
        ("People with a disability", reach.with_disability, "has_disability"),
        ("Indigenous people", reach.indigenous, "is_indigenous"),
        ("In rural areas", reach.rural, "is_rural"),
    ):
        answers = of(place.code, dimension)
        share = answers["yes"].share if "yes" in answers else 0.0
        unstated = answers["not stated"].people if "not stated" in answers else 0
        if unstated == reach.trainees:
            made.append(Fact(label, "Not stated", f"by any {every}"))
            continue
        detail = f"{labels.percent(share)} {every}; {labels.number(unstated)} not stated"
        made.append(Fact(label, labels.number(people), detail))
    return tuple(made)


def _share_fact(place: Place, label: str, dimension: str, value: str, indicator: str, band: str | None) -> Fact:
    found = place.figures.of(place.code, dimension)
    people, share = (found[value].people, found[value].share) if value in found else (0, 0.0)
    detail = f"{labels.number(people)} of {labels.number(place.people)} people reached"
    for target in place.figures.targets:
        if (target.country_code, target.indicator_code, target.band_code) == (place.code, indicator, band):
            asked = f"target {labels.whole_percent(target.target_value)}"
            verdict = f"{asked}: {'met' if target.is_on_track else 'not met'}"
            return Fact(label, labels.percent(share), detail, verdict, target.is_on_track)
    return Fact(label, labels.percent(share), detail)


def target_name(figures: Figures, target: Target) -> str:
    """Return a target's name: what it is about, and its band of ages."""
    name = _TITLES[target.indicator_code]
    band = next((band for band in figures.bands if band.band_code == target.band_code), None)
    return name if band is None else f"{name} aged {labels.ages(band.from_age, band.to_age)}"


def value_text(target: Target, value: float | None) -> str:
    """Return a value in the target's unit."""
    if value is None:
        return labels.NONE
    if target.indicator_code == "people_reached":
        return labels.number(value)
    return labels.whole_percent(value) if value == target.target_value else labels.percent(value)


def verdict(target: Target) -> str:
    """Return how a target stands, in two words."""
    if target.attainment is not None and target.attainment >= 1:
        return "met"
    return "on track" if target.is_on_track else "behind"


def sentence(figures: Figures, target: Target) -> str:
    """Return how a target stands, in a sentence."""
    name, asked = target_name(figures, target), value_text(target, target.target_value)
    actual = value_text(target, target.actual_value)
    if target.indicator_code == "people_reached":
        pace = value_text(target, target.expected_value)
        text = (
            f"{name}: {actual} of a target of {asked} by {labels.day(target.due_date)}, "
            f"{labels.percent(target.attainment)} of it. An even pace asked for {pace} by {labels.day(target.as_of)}"
        )
    else:
        of = labels.number(target.denominator or 0)
        text = f"{name}: {actual} ({labels.number(target.people)} of {of}) against a target of {asked}"
    return f"{text}: {verdict(target)}."


def _target_blocks(place: Place, targets: list[Target]) -> tuple[Charts, ...]:
    figures = place.figures
    shown = [target for target in targets if not target.is_replaced]
    others = [
        target
        for target in figures.targets
        if place.is_region and target.country_code != place.code and not target.is_replaced
    ]
    blocks: list[Charts] = []
    charts = []
    for key, title, chosen, with_country in (
        ("targets", _target_title(shown), shown, False),
        ("country-targets", _target_title(others), others, True),
    ):
        if chosen:
            rows = [_bullet(place, target, with_country) for target in chosen]
            top = max(1.15, *(1.08 * (target.attainment or 0) for target in chosen))
            charts.append(
                make_chart(
                    place,
                    key,
                    f"{'Countries: ' if with_country else ''}{title}",
                    "Each bar is how much of the target was reached. The black stroke is the whole target; the grey "
                    f"band ends where an even pace stood on {labels.day(chosen[0].as_of)}.",
                    rows_spec(rows, "half", domain=(0, top), marker=1.0),
                    ("Target", "Reached", "Target", "Part reached", "State"),
                    [
                        (
                            _bullet_name(place, target, with_country),
                            value_text(target, target.actual_value),
                            value_text(target, target.target_value),
                            labels.percent(target.attainment),
                            verdict(target),
                        )
                        for target in chosen
                    ],
                    tables=("report_target",),
                    text_columns=(0, 4),
                )
            )
    if charts:
        blocks.append(Charts(tuple(charts)))
    return tuple(blocks)


def _target_title(targets: list[Target]) -> str:
    met = sum(verdict(target) == "met" for target in targets)
    return f"{met} of {labels.counted(len(targets), 'target is', 'targets are')} met"


def _bullet_name(place: Place, target: Target, with_country: bool) -> str:
    if with_country:
        return place.figures.name_of(target.country_code)
    return target_name(place.figures, target)


def _bullet(place: Place, target: Target, with_country: bool) -> Row:
    reached = target.attainment or 0.0
    pace = min(1.0, target.expected_value / target.target_value)
    text = f"{value_text(target, target.actual_value)} of {value_text(target, target.target_value)} · {verdict(target)}"
    bars = (Bar(pace, "track"), Bar(reached, "solid")) if reached else (Bar(pace, "track"),)
    return Row(_bullet_name(place, target, with_country), text, (bars,))


def target_table(place: Place) -> Table | None:
    """Return every target of a place and its countries, those too that another replaced; None without one."""
    targets = [target for target in place.figures.targets if target.country_code in (place.code, *place.countries)]
    if not targets:
        return None
    rows = []
    for target in targets:
        name = target_name(place.figures, target)
        rows.append(
            (
                place.figures.name_of(target.country_code),
                name,
                value_text(target, target.target_value),
                labels.day(target.due_date),
                value_text(target, target.actual_value),
                labels.percent(target.attainment),
                "replaced by a later target" if target.is_replaced else verdict(target),
                target.target_source,
            )
        )
    return Table(
        "target-table",
        "Targets, what was reached of them, and where they were published",
        ("Place", "Target", "Value", "Due", "Reached", "Part reached", "State", "Published in"),
        tuple(rows),
        words=(0, 1, 3, 6, 7),
        note="A target of people asks for an even part of it by each day, a target of a share for the whole share.",
    )
