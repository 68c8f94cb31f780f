"""The sections of a contract: deliveries, files, columns, words, names, corrections, bounds, examples.

`schemas.partner` puts them together into the contract of a partner, `schemas.survey` into that of a survey.
"""

import re
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from schemas.access import Words, as_list

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


def _as_pattern(value: Any) -> Any:
    if isinstance(value, str):
        try:
            re.compile(value)
        except re.error as error:
            raise ValueError(f"not a regular expression: {error}") from error
    return value


Pattern = Annotated[str, BeforeValidator(_as_pattern)]


class ContractPart(BaseModel):
    """A section of a contract; an unknown key is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class DeliveryNames(ContractPart):
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


class Sheets(ContractPart):
    """Which worksheets hold rows."""

    include: Pattern = Field(".*", description="Regular expression the sheet's name must match in full.")
    exclude: Pattern | None = Field(None, description="Regular expression of sheets that are left out.")


class PairFile(ContractPart):
    """One file of a parent/child pair, found by its name and joined by its key column."""

    file_name: Pattern = Field(description="Regular expression found in the file's name.")
    key: str = Field(description="Header of the column that holds the submission's key.")


class FileFormat(ContractPart):
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
    parent: PairFile | None = Field(None, description="csv_pair: the file of submissions.")
    child: PairFile | None = Field(None, description="csv_pair: the file of repeats; its rows are the rows.")

    @model_validator(mode="after")
    def _pair_is_complete(self) -> "FileFormat":
        if self.format == "csv_pair" and (self.parent is None or self.child is None):
            raise ValueError("format csv_pair needs both `parent` and `child`, each with file_name and key")
        try:
            "".encode(self.encoding)
        except LookupError as error:
            raise ValueError(f"unknown encoding {self.encoding!r}; Windows-1258 is written cp1258") from error
        return self


class Dates(ContractPart):
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


class Source(ContractPart):
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


class Lookup(ContractPart):
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


def as_lookup(value: Any) -> Any:
    """Accept {our value: their words} for {words: {our value: their words}}."""
    if isinstance(value, dict) and "words" not in value:
        words = {key: item for key, item in value.items() if key not in ("otherwise", "unknown")}
        return {"words": words, **{key: value[key] for key in ("otherwise", "unknown") if key in value}}
    return value


class Names(ContractPart):
    """What a name looks like here."""

    honorifics: Annotated[tuple[Language, ...], BeforeValidator(as_list)] = Field(
        (), description="Languages whose titles stand before or after names and are split off."
    )
    order: Literal["family_first", "given_first"] = Field(
        "given_first",
        description="Order of the parts when surname and given name have columns of their own; `full_name` is put "
        "together in this order. A name in one column stays as it is written.",
    )


class Correction(ContractPart):
    """A value that we correct, with the reason; the delivery fails once the source no longer has the error."""

    file: Pattern = Field(description="Regular expression found in the path of the delivery it is about.")
    column: str = Field(description="Their header.")
    was: str = Field(description="The value as delivered.")
    becomes: str = Field(description="The value that counts.")
    where: dict[str, str] = Field({}, description="Further headers and values the row must have.")
    reason: str = Field(description="Why, and who confirmed it; never a person's name.")
    expect: int = Field(ge=1, description="Rows of that delivery that have the error.")


class Bounds(ContractPart):
    """What a plausible delivery looks like; a delivery outside these bounds does not count."""

    rows_min: int = Field(0, ge=0, description="Fewest rows.")
    rows_max: int = Field(1_000_000, ge=1, description="Most rows.")
    rejected_share_max: float = Field(
        0.5, ge=0, le=1, description="Highest share of rows rejected; above it the delivery is held for a decision."
    )
    duplicate_share_max: float = Field(
        0.5,
        gt=0,
        le=1,
        description="From this share of rows on about people who are counted in the same course already, a delivery is "
        "held for a decision; 1 holds none.",
    )


class Example(ContractPart):
    """A raw row and what must come out of it; checked by `godigital partner check`."""

    row: dict[str, str] = Field(description="Their headers and values; headers left out are empty.")
    sheet: str = Field("", description="Name of the sheet the row stands on, where it matters.")
    gives: dict[str, str] = Field({}, description="Our columns as text: days in ISO 8601, true or false, '' for none.")
    rejected: Words = Field((), description="Every reason the row must be rejected for; none: it must be valid.")
