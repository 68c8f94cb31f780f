"""The contract of one partner (`partner.yml`): a closed vocabulary for everything peculiar to its deliveries.

Unknown keys are refused. An error names the file and the line, and says what to edit.
"""

import datetime as dt
import re
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, Self, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from schemas.access import FORM_FORMATS, Access, States, Words, as_list, check_source
from schemas.located_yaml import LocatedError, parse_located

CONTRACT_NAME = "partner.yml"
SAMPLE = "sample"

Kind = Literal["monthly", "cumulative", "snapshot", "append"]
Format = Literal["csv", "xlsx", "kobo_json", "csv_pair"]
Calendar = Literal["gregorian", "buddhist"]
DateOrder = Literal["dmy", "mdy", "ymd"]
Language = Literal["brunei_malay", "en", "fil", "id", "km", "lo", "ms", "my", "th", "vi", "zh", "ta"]
IdKind = Literal[
    "bn_ic",
    "id_nik",
    "kh_id",
    "la_id",
    "mm_nrc",
    "my_nric",
    "ph_philsys",
    "sg_nric",
    "sg_nric_last4",
    "th_pin",
    "vn_id",
    "other",
]

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


def _as_pattern(value: Any) -> Any:
    if isinstance(value, str):
        try:
            re.compile(value)
        except re.error as error:
            raise ValueError(f"not a regular expression: {error}") from error
    return value


Pattern = Annotated[str, BeforeValidator(_as_pattern)]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class DeliveryNames(_Part):
    """What the names of deliveries say."""

    file_name: Pattern | None = Field(
        None,
        description="Regular expression found in the path below the source; the groups year, month, quarter and "
        "day say which period the delivery is about. Month names of every language are understood.",
    )
    calendar: Calendar = Field("gregorian", description="Era of the year in the name.")
    unit: Literal["file", "folder"] = Field(
        "file",
        description="Whether one file is a delivery, or one folder (pages of JSON, parent and child CSV).",
    )
    revisions: dict[str, int] = Field(
        default={},
        description="Words in the name that make a delivery a later revision, with their rank; added to final, "
        "corrected, revised, v2, v3 ... which are always understood.",
    )
    ignore_files: Words = Field((), description="Names that are no deliveries, with * as in a shell.")


class Delivery(DeliveryNames):
    """How deliveries follow each other, and what their names say."""

    kind: Kind = Field(
        description="monthly: a newer revision replaces the period it names. cumulative: every file repeats all "
        "earlier rows. snapshot: the whole state at the source. append: every file adds rows."
    )
    due_days: int = Field(15, ge=0, description="Days after the end of its period within which a delivery is in time.")
    every: Literal["month", "quarter", "year"] | None = Field(
        None,
        description="How often a delivery is due, where no period in the names says it; without both, none ever is.",
    )


class Sheets(_Part):
    """Which worksheets hold rows."""

    include: Pattern = Field(".*", description="Regular expression the sheet's name must match in full.")
    exclude: Pattern | None = Field(None, description="Regular expression of sheets that are left out.")


class Part(_Part):
    """One file of a parent/child pair, found by its name and joined by its key column."""

    file_name: Pattern = Field(description="Regular expression found in the file's name.")
    key: str = Field(description="Header of the column that holds the submission's key.")


class FileFormat(_Part):
    """How bytes become rows of text."""

    format: Format = Field(description="csv is any delimited text; kobo_json is KoboToolbox v2 `data` pages.")
    encoding: str = Field("utf-8", description="Python's name of the encoding; a byte-order mark is dropped.")
    delimiter: str = Field(",", description="Between the cells of a CSV; write '\\t' for a tab.")
    sheets: Sheets = Field(Sheets(), description="Which worksheets hold rows.")
    header_row: int | None = Field(
        None, ge=1, description="Row of the header. Without it the header is found by its words."
    )
    fill_down: Words = Field((), description="Headers whose merged cells hold for the rows below.")
    subtotal: Pattern | None = Field(
        None, description="Regular expression of a cell that makes its row a sub-total; counted, not read."
    )
    footer: Pattern | None = Field(
        None, description="Regular expression of a cell that makes its row a footer; counted, not read."
    )
    parent: Part | None = Field(None, description="csv_pair: the file of submissions.")
    child: Part | None = Field(None, description="csv_pair: the file of repeats; its rows are the rows.")

    @model_validator(mode="after")
    def _pair_is_complete(self) -> "FileFormat":
        if self.format == "csv_pair" and (self.parent is None or self.child is None):
            raise ValueError("format csv_pair needs both `parent` and `child`, each with file_name and key")
        try:
            "".encode(self.encoding)
        except LookupError as error:
            raise ValueError(f"unknown encoding {self.encoding!r}; Windows-1258 is written cp1258") from error
        return self


class Dates(_Part):
    """How days are written."""

    order: Annotated[tuple[DateOrder, ...], BeforeValidator(as_list)] = Field(
        ("dmy",),
        description="Order of day, month and year; several are tried in turn. A leading four-digit "
        "year is always read as ymd. Month names and native digits of every language are understood.",
    )
    calendar: Calendar = Field(
        "gregorian",
        description="buddhist: years are 543 ahead. A year typed in the other era is recognised and flagged.",
    )
    excel_serials: bool = Field(False, description="Plain numbers such as 44105 are days since 1899-12-30.")


class Source(_Part):
    """Where one of our columns comes from: headers, the sheet's name, the file's name, or a constant."""

    header: Words | None = Field(None, description="Their header; of several, those present are read in turn.")
    optional: bool = Field(False, description="A delivery without this header is not an error.")
    split: str | None = Field(None, description="Separator of a multi-select answer.")
    take: Literal["first", "last"] = Field("first", description="Which answer of a multi-select counts.")
    pattern: Pattern | None = Field(None, description="Regular expression; its group `value` is taken.")
    sheet: Pattern | None = Field(None, description="Regular expression on the sheet's name, group `value`.")
    file: Pattern | None = Field(None, description="Regular expression on the file's name, group `value`.")
    constant: str | None = Field(None, description="The same value for every row.")
    dates: Dates | None = Field(None, description="Only for this column, instead of the contract's `dates`.")

    @model_validator(mode="after")
    def _one_origin(self) -> "Source":
        given = [name for name in ("header", "sheet", "file", "constant") if getattr(self, name) is not None]
        if len(given) != 1:
            raise ValueError("say exactly one of header, sheet, file, constant")
        for name in ("pattern", "sheet", "file"):
            pattern = getattr(self, name)
            if pattern is not None and "(?P<value>" not in pattern:
                raise ValueError(f"{name} needs a group (?P<value>...)")
        return self


def _as_source(value: Any) -> Any:
    return {"header": value} if isinstance(value, str | list) else value


ColumnSource = Annotated[Source, BeforeValidator(_as_source)]


class Lookup(_Part):
    """Their words for one of our values; compared without regard to case, spacing or Unicode form.

    A word that stands here and under `missing` counts as stated: "none" can be an answer.
    """

    words: dict[str, Words] = Field({}, description="Our value -> their words.")
    otherwise: str | None = Field(None, description="Our value for every other word (ethnic groups, impairments).")
    unknown: Literal["stop", "reject", "blank"] = Field(
        "stop",
        description="An unknown word stops the delivery, rejects its row, or counts as not stated. "
        "Courses are always rejected.",
    )


def _as_lookup(value: Any) -> Any:
    if isinstance(value, dict) and "words" not in value:
        words = {key: item for key, item in value.items() if key not in ("otherwise", "unknown")}
        return {"words": words, **{key: value[key] for key in ("otherwise", "unknown") if key in value}}
    return value


class Names(_Part):
    """What a name looks like here."""

    honorifics: Annotated[tuple[Language, ...], BeforeValidator(as_list)] = Field(
        (), description="Languages whose titles stand before or after names and are split off."
    )
    order: Literal["family_first", "given_first"] = Field(
        "given_first",
        description="Order of the parts when surname and given name have columns of their own; `full_name` is put "
        "together in this order. A name in one column stays as it is written.",
    )


class Correction(_Part):
    """A value put right by us, with the reason; fails the delivery once the source no longer has the error."""

    file: Pattern = Field(description="Regular expression found in the path of the delivery it is about.")
    column: str = Field(description="Their header.")
    was: str = Field(description="The value as delivered.")
    becomes: str = Field(description="The value that counts.")
    where: dict[str, str] = Field({}, description="Further headers and values the row must have.")
    reason: str = Field(description="Why, and who confirmed it; never a person's name.")
    expect: int = Field(ge=1, description="Rows of that delivery that have the error.")


class Bounds(_Part):
    """What a plausible delivery looks like; outside them nothing of it counts."""

    rows_min: int = Field(0, ge=0, description="Fewest rows.")
    rows_max: int = Field(1_000_000, ge=1, description="Most rows.")
    rejected_share_max: float = Field(
        0.5, ge=0, le=1, description="Highest share of rows rejected; beyond it the delivery is held for a decision."
    )
    duplicate_share_max: float = Field(
        0.5,
        gt=0,
        le=1,
        description="From this share of rows on about people who are counted in the same course already, a delivery is "
        "held for a decision; 1 holds none.",
    )


class Example(_Part):
    """A raw row and what must come out of it; checked by `godigital partner check`."""

    row: dict[str, str] = Field(description="Their headers and values; headers left out are empty.")
    sheet: str = Field("", description="Name of the sheet the row stands on, where it matters.")
    gives: dict[str, str] = Field({}, description="Our columns as text: days in ISO 8601, true or false, '' for none.")
    rejected: Words = Field((), description="Every reason the row must be rejected for; none: it must be valid.")


class FileContract(_Part):
    """What every contract says of files and of the rows in them, whoever sends them and whatever they are about."""

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
    ignore: Words = Field((), description="Headers that are read past; `*` at the end stands for any ending.")
    missing: Words = Field(("", "-"), description="Words that mean: not stated.")
    dates: Dates = Field(Dates(), description="How days are written.")
    decimal: Literal["point", "comma", "either"] = Field("either", description="Decimal sign of hours.")
    lookups: dict[str, Annotated[Lookup, BeforeValidator(_as_lookup)]] = Field(
        {}, description="Our column -> {our value: their words}, with `otherwise` and `unknown` beside them."
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


class Provider(_Part):
    """Whoever sends files: a contract, the country they are about, and the folder that a source's path starts from."""

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
