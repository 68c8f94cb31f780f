"""The contract of one partner (`partner.yml`): a closed vocabulary for everything peculiar to its deliveries.

Unknown keys are refused. An error names the file and the line, and says what to edit.
"""

import datetime as dt
import re
from pathlib import Path
from typing import Annotated, ClassVar, Literal, Self, TypeVar

from pydantic import BeforeValidator, Field, model_validator

from schemas.access import FORM_FORMATS, Access, States, Words, check_source
from schemas.contract_parts import (
    Bounds,
    ColumnSource,
    ContractPart,
    Correction,
    Dates,
    Delivery,
    DeliveryNames,
    Example,
    FileFormat,
    IdKind,
    Kind,
    Lookup,
    Names,
    as_lookup,
)
from schemas.located_yaml import LocatedError, parse_located

CONTRACT_NAME = "partner.yml"
SAMPLE = "sample"

PERSON_COLUMNS = (
    "full_name",
    "surname",
    "given_name",
    "middle_name",
    "name_suffix",
    "latin_name",
    "sex",
    "birth_date",
    "age",
    "phones",
    "email",
    "national_id",
    "member_id",
    "province",
    "district",
    "address",
    "postcode",
    "trainee_type",
    "has_disability",
    "is_indigenous",
    "is_rural",
)
TRAINING_COLUMNS = ("course_code", "training_date", "hours")
LOOKUP_COLUMNS = ("sex", "trainee_type", "has_disability", "is_indigenous", "is_rural", "course_code")
CHOICES = {
    "sex": ("F", "M", "X"),
    "trainee_type": ("msme_owner", "job_seeker"),
    "has_disability": ("yes", "no"),
    "is_indigenous": ("yes", "no"),
    "is_rural": ("yes", "no"),
}


class ContractError(ValueError):
    """A contract that cannot be used; the message names file, line and what to edit."""


class FileContract(ContractPart):
    """The part that contracts of partners and of surveys share: files, columns, values."""

    known_columns: ClassVar[tuple[str, ...]]
    # our column -> what cannot be done without it
    required_columns: ClassVar[dict[str, str]]
    lookup_columns: ClassVar[tuple[str, ...]]
    choices: ClassVar[dict[str, tuple[str, ...]]]

    name: str = Field(description="The partner's name; it is published.")
    contact: str | None = Field(None, description="Role to write to about bad rows; never a person's own address.")
    source: str = Field(
        "sample",
        description="URL of where the deliveries are, or a path below the partner's folder: s3://, sftp://, https://, "
        "kobo://host/asset, odk://host/project/form, imap://host/folder, and whatever fsspec has a driver for.",
    )
    access: Access = Field(Access(), description="How the source is reached.")
    states: States | None = Field(None, description="What the source's own review of a row means.")
    delivery: DeliveryNames = Field(description="How deliveries follow each other, and what their names say.")
    file: FileFormat = Field(description="How bytes become rows of text.")
    columns: dict[str, ColumnSource] = Field(
        description="Our column -> their header, a list of headers, or a source as described under `columns`."
    )
    row_number: Words = Field((), description="Headers of running numbers: no part of a row's identity.")
    record_key: Words = Field((), description="Headers of the row's own id at the source, where there is one.")
    ignore: Words = Field((), description="Headers to ignore; `*` at the end stands for any ending.")
    missing: Words = Field(("", "-"), description="Words that mean: not stated.")
    dates: Dates = Field(Dates(), description="How days are written.")
    decimal: Literal["point", "comma", "either"] = Field("either", description="Decimal sign of hours.")
    lookups: dict[str, Annotated[Lookup, BeforeValidator(as_lookup)]] = Field(
        {}, description="Our column -> {our value: their words}, together with `otherwise` and `unknown`."
    )
    names: Names = Field(Names(), description="What a name looks like here.")
    phone_region: str | None = Field(None, description="Country of numbers without prefix; the partner's own.")
    zawgyi: bool = Field(False, description="Burmese text is in Zawgyi's private encoding and is converted.")
    corrections: tuple[Correction, ...] = Field((), description="Values put right by us, each with a reason.")
    bounds: Bounds = Field(Bounds(), description="What a plausible delivery looks like.")
    examples: tuple[Example, ...] = Field((), description="Rows and what must come out of them.")

    @model_validator(mode="after")
    def _source_is_plain(self) -> Self:
        check_source(self.source, self.states, self.delivery.unit, self.file.format)
        return self

    @model_validator(mode="after")
    def _vocabulary_is_closed(self) -> Self:
        for name in self.columns:
            if name not in self.known_columns:
                raise ValueError(f"columns: {name!r} is not one of ours; use {', '.join(self.known_columns)}")
        for name, why in self.required_columns.items():
            if name not in self.columns:
                raise ValueError(f"columns: {name} is missing; {why}")
        if "full_name" not in self.columns and not {"surname", "given_name"} & set(self.columns):
            raise ValueError("columns: say where the name is: full_name, or surname and given_name")
        for name, lookup in self.lookups.items():
            if name not in self.lookup_columns:
                raise ValueError(f"lookups: {name!r} has no lookup; use {', '.join(self.lookup_columns)}")
            values = set(lookup.words) | ({lookup.otherwise} if lookup.otherwise else set())
            if name in self.choices and not values <= set(self.choices[name]):
                wrong = ", ".join(sorted(values - set(self.choices[name])))
                raise ValueError(f"lookups: {name} cannot become {wrong}; use {', '.join(self.choices[name])}")
        for name in self.columns:
            if name in self.choices and name not in self.lookups:
                raise ValueError(f"lookups: {name} is missing; say which of their words mean what")
        return self


class Contract(FileContract):
    """Everything peculiar to one partner."""

    known_columns = PERSON_COLUMNS + TRAINING_COLUMNS
    required_columns = dict.fromkeys(("course_code", "training_date"), "every attendance needs it")
    lookup_columns = LOOKUP_COLUMNS
    choices = CHOICES

    delivery: Delivery = Field(description="How deliveries follow each other, and what their names say.")
    national_id: IdKind = Field("other", description="Which number the national_id column holds.")

    @model_validator(mode="after")
    def _forms_are_snapshots(self) -> Self:
        scheme = self.source.partition("://")[0]
        if scheme in FORM_FORMATS and self.delivery.kind != "snapshot":
            raise ValueError(
                f"delivery.kind: a {scheme}:// source is read as a whole each time; write `kind: snapshot`"
            )
        return self


class Provider(ContractPart):
    """A provider of files: its contract, its country, and the folder from which a source's path starts."""

    # the option whose pattern stands in for the contract's source
    source_option: ClassVar[str] = "--source"

    country_code: str
    folder: Path
    contract: FileContract

    @property
    def partner_id(self) -> str:
        """Country and folder, e.g. VN-TYM; unique over all partners."""
        return f"{self.country_code}-{self.folder.name}"

    @property
    def contract_path(self) -> Path:
        """The contract's file, for error messages."""
        return self.folder / CONTRACT_NAME

    @property
    def landing_folder(self) -> Path:
        """Folder of the landed files; git-ignored, private."""
        return self.folder / "deliveries"

    @property
    def sample_folder(self) -> Path:
        """Folder of what ships with the project."""
        return self.folder / SAMPLE

    @property
    def kind(self) -> Kind:
        """How deliveries follow each other; without a word in the contract every file adds rows."""
        return "append"

    @property
    def placeholders(self) -> dict[str, str]:
        """What can stand in braces in a pattern of a source."""
        return {"country": self.country_code, "partner": self.folder.name}

    def claims(self, name: str) -> bool:
        """Whether a file at the source, by its path below it, is one of this provider's."""
        return True

    @property
    def phone_region(self) -> str:
        """Region of phone numbers written without a country prefix."""
        return self.contract.phone_region or self.country_code


class Partner(Provider):
    """A partner: its folder's parent is the country."""

    contract: Contract

    @property
    def kind(self) -> Kind:
        """How deliveries follow each other."""
        return self.contract.delivery.kind


_Contract = TypeVar("_Contract", bound=FileContract)


def parse_contract(text: str, file: Path) -> Contract:
    """Return the partner's contract written in `text`; raises ContractError as `parse_contract_as` does."""
    return parse_contract_as(Contract, text, file)


def parse_contract_as(model: type[_Contract], text: str, file: Path) -> _Contract:
    """Return the contract of one kind that is written in `text`.

    Raises:
        ContractError: naming `file`, the line, and what to edit; all problems at once, one a line.
    """
    try:
        return parse_located(model, text, file, noun="the contract", reference="raw/README.md")
    except LocatedError as error:
        raise ContractError(str(error)) from error


def load_contract(file: Path) -> Contract:
    """Return the partner's contract in `file`; raises ContractError where it is missing or wrong."""
    return load_contract_as(Contract, file)


def load_contract_as(model: type[_Contract], file: Path) -> _Contract:
    """Return the contract of one kind in `file`; raises ContractError where it is missing or wrong."""
    try:
        text = file.read_text(encoding="utf-8")
    except FileNotFoundError as error:
        raise ContractError(f"{file}: no such file; `godigital partner new` drafts one") from error
    except UnicodeDecodeError as error:
        raise ContractError(f"{file}: not UTF-8; save it as UTF-8") from error
    return parse_contract_as(model, text, file)


def parse_day(text: str) -> dt.date | None:
    """Return the day written as YYYY-MM-DD, or None where `text` is no such day."""
    try:
        return dt.date.fromisoformat(text) if re.fullmatch(r"\d{4}-\d{2}-\d{2}", text) else None
    except ValueError:
        return None
