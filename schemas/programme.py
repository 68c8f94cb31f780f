"""The programme's rules (dates, ages, courses), read from programme.yml once."""

import datetime as dt
from functools import cache
from pathlib import Path
from typing import Annotated

import yaml
from pydantic import BaseModel, ConfigDict, Field

PROGRAMME_FILE = Path(__file__).parent / "programme.yml"


class YouthBand(BaseModel):
    """Ages in completed years, both ends included."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    from_age: Annotated[int, Field(alias="from")]
    to_age: Annotated[int, Field(alias="to")]


class Programme(BaseModel):
    """The rules that decide whether a training counts and who is young."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    first_day: dt.date
    last_day: dt.date
    age_minimum: int
    age_maximum: int
    youth: YouthBand
    hours_maximum: float
    courses: dict[str, str]

    def __hash__(self) -> int:
        """One set of rules is one schema, however often it is asked for."""
        return hash(self.model_dump_json())


@cache
def load_programme(path: Path = PROGRAMME_FILE) -> Programme:
    """Return the programme's rules; raises pydantic.ValidationError on a rule that is missing or unknown."""
    return Programme.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")))
