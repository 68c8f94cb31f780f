"""The pages of a report, put together from their sections: the region's, and one for each country."""

from collections.abc import Iterator, Mapping
from dataclasses import replace

from schemas.programme import Programme
from warehouse.report import labels
from warehouse.report.changes import changes
from warehouse.report.document import Block, Page, Section, Table
from warehouse.report.figures import ALL, Figures
from warehouse.report.headline import headline, hero
from warehouse.report.methods import methods
from warehouse.report.outcomes import outcomes
from warehouse.report.people import attributes, countries
from warehouse.report.places import Place, page_file
from warehouse.report.quality import quality
from warehouse.report.quarters import courses, over_time


def make_pages(
    figures: Figures, programme: Programme, *, only: str | None = None, synthetic: bool = False
) -> Iterator[Page]:
    """Yield the page of the region, then one for each country.

    Args:
        figures: Of the release.
        programme: Name of the programme, and where countries stand on the map.
        only: Just the page of this country, which then leads to no other.
        synthetic: Whether the data are to be called synthetic, whatever the release says.
    """
    tiles = {code: country.tile for code, country in programme.countries.items()}
    for code in (ALL, *figures.countries) if only is None else (only,):
        page = _page(Place(figures, code), programme.name, tiles, synthetic)
        yield page if only is None else replace(page, back="", others=())


def _page(place: Place, programme: str, tiles: Mapping[str, tuple[int, int]], synthetic: bool) -> Page:
    sections = [headline(place)]
    sections += [countries(place, tiles)] if place.is_region else [_partners(place)]
    sections += [attributes(place), over_time(place), courses(place), outcomes(place), quality(place), changes(place)]
    sections.append(methods(place))
    others = tuple((page_file(code), name) for code, name in place.figures.countries.items() if code != place.code)
    release = place.figures.release
    name = "Who was reached" if place.is_region else place.name
    return Page(
        file=page_file(place.code),
        title=f"{name}: {programme}",
        kicker=f"{programme} · report on release {release.release_number}, {labels.day(release.built_at.date())}",
        heading=name,
        warning=_warning(place.figures, synthetic),
        hero=hero(place),
        sections=tuple(sections),
        back="" if place.is_region else page_file(ALL),
        others=others,
        colophon=(
            f"Release {release.release_number}, built {labels.day(release.built_at.date())}, {release.built_at:%H:%M} "
            f"UTC, by version {release.code_version} with linkage model {release.model_version}.",
            f"Fingerprint of what went in: {release.input_hash[:16]}.",
            "Every figure can be queried in the release; below each chart stands the table it comes from. No page "
            "holds anything about a single person.",
        ),
    )


def _warning(figures: Figures, synthetic: bool) -> str:
    samples = figures.samples
    if synthetic or samples.samples is None or (samples.deliveries and samples.samples == samples.deliveries):
        return (
            "Synthetic data. Every person counted here is invented; the figures say nothing about any real programme."
        )
    if samples.samples:
        names = labels.listed(list(samples.partners))
        return (
            f"Partly synthetic data. {labels.number(samples.samples)} of {labels.number(samples.deliveries)} "
            f"deliveries that count here are invented samples, of {names}; "
            "the figures say nothing about any real programme."
        )
    if any(line.is_sample for line in figures.outcomes or ()):
        return "Partly synthetic data. Answers of the follow-up survey are invented samples; outcomes say nothing."
    return ""


def _partners(place: Place) -> Section:
    figures = place.figures
    partners = [partner for partner in figures.partners if partner.country_code == place.code]
    found = figures.of(place.code, "partner_id")
    rows = tuple(
        (
            partner.partner_name,
            partner.partner_id,
            labels.number(found[partner.partner_id].people if partner.partner_id in found else 0),
            labels.percent(found[partner.partner_id].share if partner.partner_id in found else None),
        )
        for partner in partners
    )
    lead = (
        f"{labels.counted(len(partners), 'partner trains', 'partners train')} people in {place.name}. Somebody trained "
        "by two partners counts with both, and once in the country."
    )
    blocks: tuple[Block, ...] = (
        Table(
            "partners",
            f"People reached by each partner in {place.name}",
            ("Partner", "Code", "People reached", "Of all in the country"),
            rows,
            words=(0, 1),
        ),
    )
    return Section("partners", "Partners", (lead,), blocks if rows else ())
