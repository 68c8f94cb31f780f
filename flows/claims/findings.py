"""Findings about published claims: their kinds, and what each kind means for the exit code."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Literal

from flows.claims.figures import Span, shown_count, shown_figure, shown_percent
from schemas.claims import NOT_STATED, Claim, Claims, Denominator, Relation
from schemas.programme import Programme

Kind = Literal[
    "differs",
    "rounding",
    "unit_differs",
    "band_differs",
    "not_comparable",
    "denominator_missing",
    "adds_up",
    "confirmed",
    "possible",
    "target_reached",
    "target_missed",
    "target_undecided",
    "computed",
    "warehouse",
    "compared_with_warehouse",
    "not_in_warehouse",
]
Severity = Literal["fails", "lacks", "holds", "shown"]

SEVERITIES: dict[Kind, Severity] = {
    "differs": "fails",
    "rounding": "fails",
    "unit_differs": "fails",
    "band_differs": "fails",
    "not_comparable": "fails",
    "denominator_missing": "lacks",
    "adds_up": "holds",
    "confirmed": "holds",
    "possible": "holds",
    "target_reached": "shown",
    "target_missed": "shown",
    "target_undecided": "shown",
    "computed": "shown",
    "warehouse": "shown",
    "compared_with_warehouse": "shown",
    "not_in_warehouse": "shown",
}
MEANINGS: dict[Kind, str] = {
    "differs": "Both cannot be true.",
    "rounding": "The printed share is coarser than its digits say, or was cut off.",
    "unit_differs": "One counts people, the other something else.",
    "band_differs": "They define youth by different ages.",
    "not_comparable": "Another country, period or denominator; or percentages that would have to be added.",
    "denominator_missing": "The publication does not say of whom this is a share, or of how many.",
    "adds_up": "Exact numbers, and they fit exactly.",
    "confirmed": "The share is the quotient, rounded as printed; or numbers say the same, or may be compared.",
    "possible": "Nothing contradicts it, and nothing proves it: a number is a bound or was rounded.",
    "target_reached": "At least what was promised.",
    "target_missed": "Less than what was promised.",
    "target_undecided": "The published bound does not say.",
    "computed": "Arithmetic that nobody published.",
    "warehouse": "What the published release holds.",
    "compared_with_warehouse": "The published number and the release's; samples are synthetic and confirm nothing.",
    "not_in_warehouse": "The release has no figure for it, or there is no release.",
}


@dataclass(frozen=True)
class Finding:
    """One thing found out about one or more claims."""

    kind: Kind
    relation: str | None
    claims: tuple[str, ...]
    arithmetic: str
    meaning: str
    ask: str = ""
    country: str | None = None
    published: str | None = None
    warehouse: float | None = None
    difference: float | None = None
    ratio: float | None = None

    @property
    def severity(self) -> Severity:
        """Ask the publisher about `fails` and `lacks`; `holds` and `shown` need no question."""
        return SEVERITIES[self.kind]


@dataclass(frozen=True)
class ClaimSet:
    """The claims that are compared with each other, and the programme's age bands."""

    file: Claims
    programme: Programme

    @property
    def claims(self) -> Mapping[str, Claim]:
        """Code -> claim."""
        return self.file.claims

    def publishers(self, codes: Iterable[str]) -> str:
        """Who would have to be asked about these claims, each once."""
        return " and ".join(dict.fromkeys(self.file.sources[self.claims[code].source].publisher for code in codes))

    def ask(self, codes: Iterable[str], question: str) -> str:
        """A question with the name of whom to put it to; empty without one."""
        return f"{self.publishers(codes)}: {question}" if question else ""

    def band(self, claim: Claim) -> str:
        """A claim's youth band as a reader sees it."""
        if claim.band is None or claim.band not in self.programme.youth_bands:
            return "of every age" if claim.band is None else "of an age that is not stated"
        band = self.programme.youth_bands[claim.band]
        return f"aged {band.from_age}-{band.to_age}"

    def misfits(self, codes: tuple[str, ...], *aspects: str) -> list["Misfit"]:
        """Return in which of these aspects (unit, band, country, period, denominator) claims are not of one sort.

        A period that is not stated contradicts none; a band that is not stated can be compared with nothing. Two
        denominators in words can mean the same: only claims that are named contradict each other.
        """
        return [*_misfits(self, [self.claims[code] for code in codes], aspects)]


@dataclass(frozen=True)
class Misfit:
    """Why claims are not of one sort, and what to ask to make them so."""

    kind: Kind
    what: str
    question: str


def _misfits(claim_set: ClaimSet, claims: list[Claim], aspects: tuple[str, ...]) -> Iterator[Misfit]:
    units = dict.fromkeys(unit_of(claim) for claim in claims)
    if "unit" in aspects and len(units) > 1:
        question = f"{' and '.join(f'how many {unit}' for unit in units)} are these?"
        yield Misfit("unit_differs", f"They count different things: {' and '.join(units)}.", question)
    bands = dict.fromkeys(claim.band for claim in claims)
    if "band" in aspects and (len(bands) > 1 or NOT_STATED in bands):
        shown = " and ".join(dict.fromkeys(f"people {claim_set.band(claim)}" for claim in claims))
        yield Misfit("band_differs", f"They count {shown}.", "what is the number in each band?")
    for aspect in ("country", "period"):
        values = [value for value in dict.fromkeys(getattr(claim, aspect) for claim in claims) if value != NOT_STATED]
        if aspect in aspects and len(values) > 1:
            what = f"Their {aspect} differs: {' and '.join(values)}."
            yield Misfit("not_comparable", what, f"what is the number for the same {aspect}?")
    stated = [claim.denominator for claim in claims if isinstance(claim.denominator, Denominator)]
    wholes = dict.fromkeys(item.claim for item in stated if item.claim is not None)
    if "denominator" in aspects and len(wholes) > 1:
        what = f"They are shares of different things: {' and '.join(wholes)}."
        yield Misfit("not_comparable", what, "what are the counts behind these shares?")


@dataclass(frozen=True)
class RelationCheck:
    """One relation that is being checked."""

    code: str
    relation: Relation
    claim_set: ClaimSet

    def found(
        self, kind: Kind, arithmetic: str, meaning: str, question: str = "", claims: tuple[str, ...] = ()
    ) -> Finding:
        """A finding about these claims, all of the relation without any, with the relation's own note."""
        about = claims or self.relation.claims
        said = f"{meaning} {self.relation.note}" if self.relation.note else meaning
        return Finding(kind, self.code, about, arithmetic, said, self.claim_set.ask(about, question))


def unit_of(claim: Claim) -> str:
    """What one of it is: people, enterprises; of money its currency."""
    return claim.currency or claim.unit


def shown_claim(claim: Claim) -> str:
    """A claim's number with its unit, as a reader saw it."""
    return shown_figure(claim.value) if claim.unit == "share" else f"{shown_figure(claim.value)} {unit_of(claim)}"


def shown_distance(one: Span, other: Span, unit: str) -> str:
    """How far two spans that do not meet are apart; shares in percentage points."""
    near, far = (one, other) if one.lies_below(other) else (other, one)
    distance = far.low - (near.high if near.high is not None else Fraction(0))
    shown = f"{shown_percent(distance).removesuffix(' %')} points" if unit == "share" else shown_count(distance)
    return shown if one.is_point and other.is_point else f"at least {shown}"


def shown_denominator(claim: Claim) -> str:
    """What a share is a share of, in words; what no share has, too."""
    if isinstance(claim.denominator, Denominator):
        return claim.denominator.words or str(claim.denominator.claim)
    return str(claim.denominator)


def needs_attention(findings: Iterable[Finding]) -> bool:
    """Whether something fails or lacks."""
    return any(finding.severity in ("fails", "lacks") for finding in findings)
