"""Published claims: who published which number in which words, and how numbers should hang together.

A closed vocabulary: unknown keys and names are refused with file and line. Nothing here is computed; see
`flows/claims/check.py`.
"""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints, model_validator

from schemas.located_yaml import LocatedError, parse_located
from schemas.programme import ALL, load_programme

REFERENCE = "raw/claims/README.md"
NOT_STATED = "not stated"
NotStated = Literal["not stated"]
Unit = Literal["people", "enterprises", "participants", "attendances", "share", "money"]
# what a release can answer: the columns of report_reach
Indicator = Literal[
    "trainees", "women", "youth", "msme_owners", "job_seekers", "with_disability", "indigenous", "rural"
]

_NUMBER = re.compile(r"(\d{1,3}(,\d{3})+|\d+)(\.\d+)?( ?%)?")


class ClaimsError(ValueError):
    """A file of claims that cannot be used; the message names file, line and what to edit."""


def _as_printed(text: str) -> str:
    if not _NUMBER.fullmatch(text):
        raise ValueError(f"{text!r} is no number as printed; write 225778, 225,778, 62.1% or 3.5")
    return text


def _as_figure(value: object) -> object:
    return {"exact": value} if isinstance(value, str) else value


def _shaped(pattern: str, what: str) -> AfterValidator:
    def check(text: str) -> str:
        if not re.fullmatch(pattern, text):
            raise ValueError(f"{text!r} is not {what}")
        return text

    return AfterValidator(check)


Code = Annotated[str, _shaped(r"[a-z][a-z0-9_]*", "a short name: small letters, digits and _, a letter first")]
Number = Annotated[str, AfterValidator(_as_printed)]
Text = Annotated[str, StringConstraints(min_length=1)]
_DAY = r"\d{4}(-\d{2}){0,2}"
Period = Annotated[
    str, _shaped(rf"{_DAY}(/{_DAY})?|{NOT_STATED}", f"a period; write 2021, 2020-07/2021-12 or `{NOT_STATED}`")
]
CountryCode = Annotated[str, _shaped("[A-Z]{2}|ALL", "a country; write two capitals such as VN, or ALL")]
Currency = Annotated[str, _shaped("[A-Z]{3}", "a currency; write three capitals such as USD")]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Source(_Part):
    """Where numbers were published."""

    title: Text = Field(description="What it is called, or what kind of publication it is.")
    publisher: Text = Field(description="Who answers for it, and would have to be asked.")
    date: Period = Field(
        description="Day, month or year of publication, as 2022-03-01, 2022-03 or 2022; or `not stated`."
    )
    where: Text = Field(description="Where it can be read: address, page, table; or `not stated`.")


class Figure(_Part):
    """A number as it was printed, and how it was meant. Text alone is an exact one: `value: 62.1%`."""

    exact: Number | None = Field(None, description="The number itself; a share as printed, with its digits.")
    more_than: Number | None = Field(None, description="More than this, this one not included.")
    about: Number | None = Field(None, description="About this: half of the last place that is not zero either way.")
    at_most: Number | None = Field(None, description="Up to this, this one included.")
    range: tuple[Number, Number] | None = Field(None, description="From one to the other, both included.")

    @property
    def kind(self) -> str:
        """Which of the five it is."""
        return next(name for name in type(self).model_fields if getattr(self, name) is not None)

    @property
    def numbers(self) -> tuple[str, ...]:
        """The numbers as printed: two of a range, else one."""
        value = getattr(self, self.kind)
        return value if isinstance(value, tuple) else (value,)

    @model_validator(mode="after")
    def _is_one_kind(self) -> "Figure":
        given = [name for name in type(self).model_fields if getattr(self, name) is not None]
        if len(given) != 1:
            raise ValueError("say exactly one of exact, more_than, about, at_most, range")
        if self.range is not None:
            low, high = (float(text.replace(",", "").rstrip("% ")) for text in self.range)
            if low > high:
                raise ValueError(f"range: {self.range[0]} is above {self.range[1]}; write the lower number first")
        return self


class Denominator(_Part):
    """What a share is a share of."""

    words: Text | None = Field(None, description="In words, where no claim counts it.")
    claim: Code | None = Field(None, description="The claim that counts it; only this can be computed with.")

    @model_validator(mode="after")
    def _says_something(self) -> "Denominator":
        if self.words is None and self.claim is None:
            raise ValueError("say words, claim, or both; where the publication says nothing, write `not stated`")
        return self


class Claim(_Part):
    """One number that somebody published."""

    words: Text = Field(description="The claim as published.")
    source: Code = Field(description="One of `sources`.")
    role: Literal["result", "target", "survey"] = Field(
        "result", description="Counted as reached, promised before, or estimated from a survey."
    )
    value: Annotated[Figure, BeforeValidator(_as_figure)] = Field(description="The number as printed.")
    unit: Unit = Field(
        description="What one of it is. A person, an enterprise, a participant of a survey and an attendance are four "
        "things; a share is printed with its percent sign."
    )
    currency: Currency | None = Field(None, description="ISO 4217 code; with money only.")
    indicator: Indicator | None = Field(
        None, description="The column of report_reach that counts the same; of a share, its numerator."
    )
    counts: Text | None = Field(None, description="In words what is counted, where the warehouse has no such figure.")
    country: CountryCode = Field(ALL, description="ISO 3166-1 alpha-2 code, or ALL for the whole programme.")
    period: Period = Field(NOT_STATED, description="Months or days covered, as 2020-07/2021-12.")
    band: Code | NotStated | None = Field(
        None, description="Name in `youth_bands` of schemas/programme.yml; must be given with the indicator youth."
    )
    denominator: Denominator | NotStated | None = Field(
        None, description="What a share is a share of, or `not stated`; must be given with the unit share."
    )

    @model_validator(mode="after")
    def _fits_together(self) -> "Claim":
        problems = list(_misfits(self))
        if problems:
            raise ValueError("\n".join(problems))
        return self


def _misfits(claim: Claim) -> Iterator[str]:
    share = claim.unit == "share"
    for number in claim.value.numbers:
        if share != number.endswith("%"):
            yield f"value: {number} and the unit {claim.unit} do not fit: a share has a percent sign, nothing else has"
        if not share and claim.unit != "money" and "." in number:
            yield f"value: {number} {claim.unit} is no whole number; group thousands with commas or not at all"
    if share and claim.denominator is None:
        yield f"denominator: a share of what? name a claim, say it in words, or write `{NOT_STATED}`"
    if not share and claim.denominator is not None:
        yield "denominator: only a share has one; take it out"
    if (claim.indicator is None) == (claim.counts is None):
        yield "indicator: say one of indicator and counts"
    if claim.indicator is not None and claim.unit not in ("people", "share"):
        yield f"indicator: {claim.indicator} counts people, not {claim.unit}; say in `counts` what this one counts"
    if claim.indicator == "youth" and claim.band is None:
        yield f"band: young by which definition? name one, or write `{NOT_STATED}`"
    if (claim.unit == "money") != (claim.currency is not None):
        yield "currency: goes with the unit money, and only with it"
    if claim.band not in (None, NOT_STATED) and claim.band not in load_programme().youth_bands:
        known = ", ".join(load_programme().youth_bands)
        yield f"band: {claim.band!r} is none of youth_bands in schemas/programme.yml; use {known}, or add it there"


class _Relation(_Part):
    note: Text | None = Field(None, description="What a reader must also know.")


class Sum(_Relation):
    """Parts that make a whole."""

    kind: Literal["sum"] = Field(description="`sum`")
    parts: Annotated[tuple[Code, ...], Field(min_length=1)] = Field(description="The claims that are added up.")
    whole: Code = Field(description="The claim that they make.")
    how: Literal["exactly", "at_most"] = Field(
        "exactly", description="The parts make the whole, or are some of its parts and make no more than it."
    )
    overlap: Literal["none", "possible"] = Field(
        "none", description="Whether somebody may be counted in two parts; then a sum above the whole proves nothing."
    )

    @property
    def claims(self) -> tuple[str, ...]:
        """Every claim it is about."""
        return (*self.parts, self.whole)


class Ratio(_Relation):
    """A share and the counts it comes from."""

    kind: Literal["ratio"] = Field(description="`ratio`")
    share: Code | None = Field(None, description="The share as published; without it the arithmetic is shown alone.")
    numerator: Code = Field(description="The claim that counts the part.")
    denominator: Code = Field(description="The claim that counts the whole.")

    @property
    def claims(self) -> tuple[str, ...]:
        """Every claim it is about."""
        return (*((self.share,) if self.share else ()), self.numerator, self.denominator)


class Same(_Relation):
    """One figure, published more than once."""

    kind: Literal["same"] = Field(description="`same`")
    figures: Annotated[tuple[Code, ...], Field(min_length=2)] = Field(description="The claims that should agree.")

    @property
    def claims(self) -> tuple[str, ...]:
        """Every claim it is about."""
        return self.figures


class Comparable(_Relation):
    """Figures that a reader will set side by side: are unit, band, denominator, country and period the same?"""

    kind: Literal["beside"] = Field(description="`beside`")
    figures: Annotated[tuple[Code, ...], Field(min_length=2)] = Field(description="The claims that invite it.")

    @property
    def claims(self) -> tuple[str, ...]:
        """Every claim it is about."""
        return self.figures


class Attainment(_Relation):
    """What was promised and what was reached."""

    kind: Literal["attainment"] = Field(description="`attainment`")
    target: Annotated[tuple[Code, ...], Field(min_length=1)] = Field(
        description="The claims that promised it; several were promised one on top of the other."
    )
    result: Code = Field(description="The claim that was reached.")
    of: Code | None = Field(None, description="Where the target is a share and the result a count: counted of these.")

    @property
    def claims(self) -> tuple[str, ...]:
        """Every claim it is about."""
        return (*self.target, self.result, *((self.of,) if self.of else ()))


class Survey(_Relation):
    """A survey, and the shares that were published from it."""

    kind: Literal["survey"] = Field(description="`survey`")
    participants: Code = Field(description="The claim that counts all who took part.")
    questions: Annotated[tuple[Code, ...], Field(min_length=1)] = Field(
        description="The shares; each should have as denominator a claim that counts who answered the question."
    )

    @property
    def claims(self) -> tuple[str, ...]:
        """Every claim it is about."""
        return (self.participants, *self.questions)


Relation = Annotated[Sum | Ratio | Same | Comparable | Attainment | Survey, Field(discriminator="kind")]


class Claims(_Part):
    """What was published, and how it should hang together."""

    sources: dict[Code, Source] = Field(description="Our short name of a publication -> what it is.")
    claims: dict[Code, Claim] = Field(description="Our short name of a claim -> what was published.")
    relations: dict[Code, Relation] = Field(
        {}, description="Our short name of a relation -> what must hold; `kind` says which of those below it is."
    )

    @model_validator(mode="after")
    def _names_are_known(self) -> "Claims":
        problems = [*_unknown_names(self), *_wrong_units(self)]
        if problems:
            raise ValueError("\n".join(problems))
        return self


def _unknown_names(file: Claims) -> Iterator[str]:
    for code, claim in file.claims.items():
        if claim.source not in file.sources:
            yield f"claims.{code}.source: {claim.source!r} is none of sources; use {', '.join(file.sources)}, or add it"
        named = claim.denominator.claim if isinstance(claim.denominator, Denominator) else None
        if named is not None and named not in file.claims:
            yield f"claims.{code}.denominator.claim: there is no claim {named!r}; add it, or say it in `words`"
    for code, relation in file.relations.items():
        for key, name in _named(relation):
            if name not in file.claims:
                yield f"relations.{code}.{key}: there is no claim {name!r}; add it under claims, or correct the name"


def _named(relation: BaseModel) -> Iterator[tuple[str, str]]:
    """Every claim that a relation names, with the key it stands under."""
    for key in type(relation).model_fields:
        value = getattr(relation, key)
        if key in ("kind", "note", "how", "overlap") or value is None:
            continue
        if isinstance(value, tuple):
            yield from ((f"{key}.{index}", name) for index, name in enumerate(value))
        else:
            yield key, value


def _wrong_units(file: Claims) -> Iterator[str]:
    """What no publication can have made wrong, only this file: a share that is none, a target that was no promise."""
    for code, relation in file.relations.items():
        if any(name not in file.claims for name in relation.claims):
            continue
        if isinstance(relation, Ratio):
            if relation.share is not None and file.claims[relation.share].unit != "share":
                yield f"relations.{code}.share: {relation.share} is no share"
            for key in ("numerator", "denominator"):
                if file.claims[getattr(relation, key)].unit == "share":
                    yield f"relations.{code}.{key}: {getattr(relation, key)} is a share; name the claim with the count"
        if isinstance(relation, Attainment):
            for name in relation.target:
                if file.claims[name].role != "target":
                    yield f"relations.{code}.target: {name} is no target; set its role, or name another"
        if isinstance(relation, Survey):
            if file.claims[relation.participants].unit != "participants":
                yield f"relations.{code}.participants: {relation.participants} does not count participants"
            for index, name in enumerate(relation.questions):
                if file.claims[name].unit != "share":
                    yield f"relations.{code}.questions.{index}: {name} is no share"


def load_claims(file: Path) -> Claims:
    """Return the claims in `file`.

    Raises:
        ClaimsError: it is missing or wrong; every mistake with its line and what to do, one a line.
    """
    try:
        text = file.read_text(encoding="utf-8")
        return parse_located(Claims, text, file, noun="the file of claims", reference=REFERENCE)
    except (FileNotFoundError, IsADirectoryError) as error:
        raise ClaimsError(f"{file}: no such file; {REFERENCE} shows how one is written") from error
    except UnicodeDecodeError as error:
        raise ClaimsError(f"{file}: not UTF-8; save it as UTF-8") from error
    except LocatedError as error:
        raise ClaimsError(str(error)) from error
