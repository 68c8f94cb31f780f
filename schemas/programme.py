"""The programme's rules (dates, ages, courses, bands, targets), read from programme.yml once.

The rules that decide about rows are kept apart from those that only say how figures are reported.
"""

import datetime as dt
from functools import cache
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from schemas.yaml_file import read_yaml

PROGRAMME_FILE = Path(__file__).parent / "programme.yml"
ALL = "ALL"

# rules under which a delivery is read: when one changes, every delivery is read again
_READING = ("first_day", "last_day", "age_minimum", "age_maximum", "hours_maximum", "courses")


class _Rule(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class AgeBand(_Rule):
    """Ages in completed years, both ends included; without an upper end it is open."""

    from_age: Annotated[int, Field(alias="from", ge=0)]
    to_age: Annotated[int | None, Field(alias="to")] = None

    @property
    def label(self) -> str:
        """The band as a reader sees it: 18-24, 60+."""
        return f"{self.from_age}+" if self.to_age is None else f"{self.from_age}-{self.to_age}"


class YouthBand(_Rule):
    """Who counted as young by one definition: ages in completed years, both ends included, and who used it."""

    from_age: Annotated[int, Field(alias="from", ge=0)]
    to_age: Annotated[int, Field(alias="to")]
    source: str


class Target(_Rule):
    """A promise: people (different people reached) or a share of them, in a country or ALL, until a day."""

    indicator: Literal["people_reached", "women_share", "youth_share"]
    band: str | None = None
    country: str
    value: Annotated[float, Field(gt=0)]
    due: dt.date
    replaces: str | None = None
    source: str


class Country(_Rule):
    """A country's name for readers, and its place on a map of tiles: column and row, from 1."""

    name: str
    tile: tuple[int, int]


class Findings(_Rule):
    """What makes a delivery worth a look, against what its partner sent before.

    deliveries_before: fewest deliveries that say what is usual. rows_least: a number of rows is odd from here on, or
    against a usual one from here on. rows_factor: so many times more rows, or fewer.
    points, deviations: a share moved by at least both, the first from 0 to 1, the second in standard errors.
    """

    deliveries_before: Annotated[int, Field(ge=1)]
    rows_least: Annotated[int, Field(ge=0)]
    rows_factor: Annotated[int, Field(ge=2)]
    points: Annotated[float, Field(gt=0, le=1)]
    deviations: Annotated[float, Field(gt=0)]


class Programme(_Rule):
    """The rules that decide whether a training counts, who is young, and what was promised."""

    name: str
    first_day: dt.date
    last_day: dt.date
    age_minimum: int
    age_maximum: int
    hours_maximum: float
    courses: dict[str, str]
    youth_band: Annotated[str, Field(alias="youth")]
    youth_bands: dict[str, YouthBand]
    age_band_set: Annotated[str, Field(alias="ages")]
    age_bands: dict[str, tuple[AgeBand, ...]]
    findings: Findings
    targets: dict[str, Target]
    countries: dict[str, Country]

    def __hash__(self) -> int:
        """One set of rules is one schema, however often it is asked for."""
        return hash(self.model_dump_json())

    @property
    def youth(self) -> YouthBand:
        """The band by which youth is reported today."""
        return self.youth_bands[self.youth_band]

    @property
    def reading_rules(self) -> str:
        """The rules under which deliveries are read, as one text: reports may change without reading again."""
        # of a country, only the code decides how a phone number is read
        return self.model_dump_json(include=set(_READING)) + " ".join(sorted(self.countries))

    @model_validator(mode="after")
    def _require_known_names(self) -> "Programme":
        if self.youth_band not in self.youth_bands:
            raise ValueError(f"youth: {self.youth_band} is none of youth_bands")
        if self.age_band_set not in self.age_bands:
            raise ValueError(f"ages: {self.age_band_set} is none of age_bands")
        for name, bands in self.age_bands.items():
            for band, following in zip(bands, bands[1:], strict=False):
                if band.to_age is None or following.from_age != band.to_age + 1:
                    raise ValueError(f"age_bands.{name}: {following.label} does not begin where {band.label} ends")
        for name, target in self.targets.items():
            if (target.indicator == "youth_share") != (target.band is not None):
                raise ValueError(f"targets.{name}: a target about youth names its band, no other does")
            if target.band is not None and target.band not in self.youth_bands:
                raise ValueError(f"targets.{name}: {target.band} is none of youth_bands")
            if target.replaces is not None and target.replaces not in self.targets:
                raise ValueError(f"targets.{name}: replaces {target.replaces}, which is no target")
            if target.indicator != "people_reached" and target.value > 1:
                raise ValueError(f"targets.{name}: a share is written as a fraction, 0.60 for 60%")
        return self


@cache
def load_programme(path: Path = PROGRAMME_FILE) -> Programme:
    """Return the programme's rules; raises pydantic.ValidationError on a rule that is missing or unknown."""
    return Programme.model_validate(read_yaml(path))
