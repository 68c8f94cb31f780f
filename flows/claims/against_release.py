"""Compares published claims with the release: the same figure there, the difference, and the ratio.

A release of samples is synthetic and confirms nothing; every finding about it says so.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from flows.claims.figures import Span, number, shown_count, shown_percent, span_of
from flows.claims.findings import ClaimSet, Finding, Kind, shown_claim
from schemas.claims import NOT_STATED, Claim, Claims, Denominator
from schemas.programme import ALL, Programme, load_programme

_REACH = """
    SELECT country_code, trainees, women, youth, msme_owners, job_seekers, with_disability, indigenous, rural
    FROM report_reach ORDER BY country_code
"""
# by the bands that the release knows; a country without anybody in a band has no line
_YOUTH = """
    SELECT reach.country_code, band.band_code, reach.people
    FROM core_band AS band
    LEFT JOIN report_reach_by AS reach
        ON reach.dimension = band.band_code
        AND reach.dimension_value = 'yes'
        AND reach.quarter = 'ALL'
        AND reach.indicator_code = 'people_reached'
    WHERE band.band_set = 'youth'
    ORDER BY ALL
"""
_SAMPLES = """
    SELECT country_code, bool_or(is_sample) AS has_samples, count(DISTINCT partner_id) AS partners
    FROM core_delivery WHERE outcome = 'loaded'
    GROUP BY country_code ORDER BY country_code
"""


@dataclass(frozen=True)
class ReleaseFigures:
    """What a release holds, as far as claims can be compared with it."""

    number: int
    # country -> column of report_reach -> people
    reach: Mapping[str, Mapping[str, int]]
    # youth band -> country -> people
    youth: Mapping[str, Mapping[str, int]]
    # countries with deliveries in force -> whether samples are among them
    samples: Mapping[str, bool]
    partners: int

    def is_synthetic(self, country: str) -> bool:
        """Whether a line of the release counts invented people."""
        return any(self.samples.values()) if country == ALL else self.samples.get(country, False)


def read_release_figures(warehouse: Path, memory_limit: str = "1GB", threads: int = 2) -> ReleaseFigures:
    """Return what the current release holds.

    Raises:
        QueryError: no release is published, or it was built before deliveries said whether they are samples.
    """
    from warehouse.release.query import query

    reach = query(warehouse, _REACH, memory_limit, threads)
    youth: dict[str, dict[str, int]] = {}
    for country, band, people in query(warehouse, _YOUTH, memory_limit, threads).rows:
        lines = youth.setdefault(band, {country: 0 for country, *_ in reach.rows})
        if country is not None:
            lines[country] = people
    samples = query(warehouse, _SAMPLES, memory_limit, threads).rows
    ((number,),) = query(warehouse, "SELECT release_number FROM release", memory_limit, threads).rows
    return ReleaseFigures(
        number=number,
        reach={country: dict(zip(reach.columns[1:], people, strict=True)) for country, *people in reach.rows},
        youth=youth,
        samples={country: has_samples for country, has_samples, _ in samples},
        partners=sum(partners for _, _, partners in samples),
    )


def compare_with_release(
    file: Claims, figures: ReleaseFigures | None, programme: Programme | None = None
) -> list[Finding]:
    """Return what the release says about each published result; one finding where there is no release."""
    claim_set = ClaimSet(file, programme or load_programme())
    results = {code: claim for code, claim in file.claims.items() if claim.role != "target"}
    if figures is None:
        meaning = "There is no release to ask: no claim was compared with the warehouse. `godigital run` publishes one."
        return [Finding("not_in_warehouse", None, tuple(results), "", meaning)]
    findings = [_describe(figures, claim_set.programme)]
    findings += [
        _compare(code, claim, claim_set, figures) for code, claim in results.items() if claim.indicator is not None
    ]
    without = tuple(code for code, claim in results.items() if claim.indicator is None)
    if without:
        meaning = "The claims name no figure of the warehouse, so there is nothing to compare them with."
        findings.append(Finding("not_in_warehouse", None, without, "", meaning))
    return findings


def _describe(figures: ReleaseFigures, programme: Programme) -> Finding:
    synthetic = [country for country, has_samples in figures.samples.items() if has_samples]
    people = figures.reach[ALL]["trainees"]
    countries = len(figures.samples)
    said = f"Release {figures.number}: {people:,} people of {figures.partners} partners in {countries} countries."
    if synthetic:
        where = "all of them" if len(synthetic) == len(figures.samples) else ", ".join(synthetic)
        said += f" It holds samples ({where}), which are synthetic: invented people, who confirm no published number."
    absent = [country for country in programme.countries if country not in figures.samples]
    if absent:
        said += f" It is less than the whole programme: nothing from {', '.join(absent)}."
    return Finding("warehouse", None, (), "", said, warehouse=people)


def _compare(code: str, claim: Claim, claim_set: ClaimSet, figures: ReleaseFigures) -> Finding:
    found = _figure_of(claim, claim_set, figures)
    if isinstance(found, str):
        return Finding("not_in_warehouse", None, (code,), shown_claim(claim), found, country=claim.country)
    ours, working = found
    published = number(claim.value.numbers[0])
    difference = ours - published
    ratio = None if published == 0 else ours / published
    if claim.unit == "share":
        apart = f"{shown_percent(difference).removesuffix(' %')} points"
        arithmetic = f"published {shown_claim(claim)}; release {working}; difference {apart}"
    else:
        share = "" if ratio is None else f", {shown_percent(ratio * 100)} of it"
        arithmetic = f"published {shown_claim(claim)}; release {working}{share}; difference {shown_count(difference)}"
    kind, meaning = _judge(claim, ours, claim_set, figures)
    return Finding(
        kind,
        None,
        (code,),
        arithmetic,
        meaning,
        claim_set.ask([code], "which deliveries and which day does this count?") if kind == "differs" else "",
        country=claim.country,
        published=shown_claim(claim),
        warehouse=_plain(ours),
        difference=_plain(difference),
        ratio=None if ratio is None else float(round(ratio, 6)),
    )


def _plain(value: Fraction) -> float:
    """People as a whole number, percent with four digits."""
    return value.numerator if value.denominator == 1 else float(round(value, 4))


def _judge(claim: Claim, ours: Fraction, claim_set: ClaimSet, figures: ReleaseFigures) -> tuple[Kind, str]:
    if figures.is_synthetic(claim.country):
        return (
            "compared_with_warehouse",
            "The release counts synthetic samples here: it says nothing about the number.",
        )
    if claim.country == ALL and any(country not in figures.samples for country in claim_set.programme.countries):
        return (
            "compared_with_warehouse",
            "The release holds less than the whole programme: this says nothing about the number.",
        )
    span = span_of(claim)
    if not span.meets(Span(ours, ours)):
        return "differs", "The release counts another number than was published."
    return ("confirmed", "The release says the same.") if span.is_point else ("possible", "The release allows it.")


def _figure_of(claim: Claim, claim_set: ClaimSet, figures: ReleaseFigures) -> tuple[Fraction, str] | str:
    """The release's figure for a claim with its working, or why it has none."""
    part = _people(claim, figures)
    if isinstance(part, str):
        return part
    if claim.unit != "share":
        return Fraction(part), f"{part:,}"
    stated = claim.denominator
    whole = claim_set.claims[stated.claim] if isinstance(stated, Denominator) and stated.claim is not None else None
    if whole is None or whole.indicator is None:
        return "The release cannot know of whom this is a share."
    people = _people(whole, figures)
    if isinstance(people, str):
        return people
    if people == 0:
        return "The release counts nobody here."
    percent = Fraction(part, people) * 100
    return percent, f"{part:,} / {people:,} = {shown_percent(percent)}"


def _people(claim: Claim, figures: ReleaseFigures) -> int | str:
    if claim.country not in figures.reach:
        return f"The release holds nobody from {claim.country}."
    if claim.indicator == "youth":
        if claim.band is None or claim.band == NOT_STATED:
            return "Young by which definition is not stated, so the release cannot be asked."
        if claim.band not in figures.youth:
            return f"The release was built before {claim.band} was a band of the programme."
        return figures.youth[claim.band][claim.country]
    return figures.reach[claim.country][str(claim.indicator)]
