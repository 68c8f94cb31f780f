"""Who publishes open data, under which licence, and the programme's identity in IATI, read from open_data.yml once.

It stands apart from the programme's rules, because no release depends on it.
"""

from functools import cache
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, model_validator

from schemas.yaml_file import read_yaml

OPEN_DATA_FILE = Path(__file__).parent / "open_data.yml"

# what IATI's own rules forbid in an identifier
_Identifier = Annotated[str, Field(pattern=r"^[^/&|?\s]+$")]


class _Fact(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Licence(_Fact):
    """Licence of the data: its code in the Open Definition, its title, and where it can be read."""

    name: str
    title: str
    path: str


class Source(_Fact):
    """Where the figures come from."""

    title: str


class ReportingOrg(_Fact):
    """Who publishes; `type` is a code of IATI's OrganisationType."""

    ref: _Identifier
    name: str
    type: int


class ParticipatingOrg(_Fact):
    """Who takes part; `role` is a code of IATI's OrganisationRole, `ref` and `type` where they are known."""

    name: str
    role: Annotated[int, Field(ge=1, le=4)]
    ref: _Identifier | None = None
    type: int | None = None


class Sector(_Fact):
    """A DAC purpose code of five digits and its part of the activity in percent."""

    code: Annotated[int, Field(ge=10000, le=99999)]
    percentage: Annotated[float, Field(gt=0, le=100)]


class PolicyMarker(_Fact):
    """A DAC policy marker and its significance: 0 not targeted, 1 significant, 2 principal."""

    code: Annotated[int, Field(ge=1)]
    significance: Annotated[int, Field(ge=0, le=4)]


_PLACEHOLDER = "XM-EXAMPLE-"


class Iati(_Fact):
    """The activity as IATI 2.03 names it; codes are those of its code lists."""

    activity_identifier: _Identifier
    reporting_org: ReportingOrg
    participating_orgs: Annotated[tuple[ParticipatingOrg, ...], Field(min_length=1)]
    description: str
    language: Annotated[str, Field(pattern=r"^[a-z]{2}$")]
    currency: Annotated[str, Field(pattern=r"^[A-Z]{3}$")]
    status: Annotated[int, Field(ge=1, le=6)]
    scope: Annotated[int, Field(ge=1, le=8)]
    region: int
    sectors: Annotated[tuple[Sector, ...], Field(min_length=1)]
    policy_markers: tuple[PolicyMarker, ...]

    @property
    def has_placeholders(self) -> bool:
        """Whether the identifiers are made up, because no official ones are known."""
        return self.reporting_org.ref.startswith(_PLACEHOLDER)

    @model_validator(mode="after")
    def _require_whole(self) -> "Iati":
        whole = sum(sector.percentage for sector in self.sectors)
        if abs(whole - 100) > 1e-9:
            raise ValueError(f"sectors: the percentages add up to {whole:g}, not to 100")
        if not self.activity_identifier.startswith(f"{self.reporting_org.ref}-"):
            raise ValueError(
                f"activity_identifier: {self.activity_identifier} does not begin with {self.reporting_org.ref}-, "
                "the publisher's ref"
            )
        return self


class OpenData(_Fact):
    """What an export says of its publisher."""

    licence: Licence
    sources: tuple[Source, ...]
    iati: Iati


@cache
def load_open_data(path: Path = OPEN_DATA_FILE) -> OpenData:
    """Return the facts; raises pydantic.ValidationError on one that is missing, unknown or contradictory."""
    return OpenData.model_validate(read_yaml(path))
