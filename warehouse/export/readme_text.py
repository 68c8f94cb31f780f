"""What an export says of itself: where its figures come from, whom they show, and how they may be used.

Readers of open data rarely read the program, so the file names every limit of the figures.
"""

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass

from schemas.open_data import OpenData
from schemas.published import Table
from warehouse.export.datapackage import DESCRIPTOR
from warehouse.export.dictionary import DICTIONARY
from warehouse.export.iati import Programme
from warehouse.release.releases import Release

README = "README.md"
IATI_FILE = "iati-activities.xml"
_SYNTHETIC = (
    "SYNTHETIC: everything behind these figures is an invented sample. Nobody in it is real, and no figure says "
    "anything about what the programme did."
)


@dataclass(frozen=True)
class Selection:
    """What is exported of a release.

    `tables` names some of the tables; all without it. `minimum_cell` hides counts of fewer people.
    """

    tables: tuple[str, ...] = ()
    without: tuple[str, ...] = ()
    with_people: bool = False
    minimum_cell: int | None = None


@dataclass(frozen=True)
class ExportFacts:
    """What the files of an export say of their release."""

    release: Release
    built_at: dt.datetime
    programme: Programme
    # what readers must know of the figures, or nothing
    warning: str
    selection: Selection
    open_data: OpenData


def provenance(counted: Mapping[str, tuple[int, int]]) -> tuple[str, str]:
    """Return what readers must know where figures come from invented samples, and what a title adds; or nothing.

    Args:
        counted: By table, the lines that are samples, and all.
    """
    samples, lines = (sum(row[place] for row in counted.values()) for place in (0, 1))
    if samples == lines > 0:
        return _SYNTHETIC, " (synthetic)"
    if samples:
        parts = [f"{table}: {some} of {every}" for table, (some, every) in counted.items() if some]
        warning = f"PARTLY SYNTHETIC: invented samples are among what these figures come from ({'; '.join(parts)})."
        return warning, " (partly synthetic)"
    return "", ""


def about_text(facts: ExportFacts) -> str:
    """Return what the package says of itself, as one paragraph."""
    parts = [facts.warning] if facts.warning else []
    parts.append(
        f"Figures of {facts.programme.name}, {facts.programme.first_day} to {facts.programme.last_day}, "
        f"as release {facts.release.number} has them."
    )
    if facts.selection.with_people:
        parts.append("Some tables have a line for each person: without names, but of people who can be recognised.")
    else:
        parts.append("Aggregates only: no table has a line for each person.")
    parts.append(_cells_text(facts.selection.minimum_cell))
    return " ".join(parts)


def _cells_text(minimum: int | None) -> str:
    if minimum is None:
        return "Small cells are not hidden: a figure can count a single person."
    return (
        f"Counts of 1 to {minimum - 1} people are hidden, with the next smallest where a sum of report_reach_by would "
        "tell them, and every other number of the same line; is_suppressed says where. A zero is shown. This is no "
        "proof against somebody who combines tables, releases or other sources: people trained in two countries, and "
        "participations, still bound a hidden figure, and tables that count rows are shown in full."
    )


def readme_text(tables: tuple[Table, ...], rows: dict[str, int], facts: ExportFacts) -> str:
    """Return README.md of an export; `rows` has the lines of each table."""
    iati, licence = facts.open_data.iati, facts.open_data.licence
    placeholder = (
        f"The activity's identifier `{iati.activity_identifier}` and its publisher's `{iati.reporting_org.ref}` are "
        "PLACEHOLDERS, not registered anywhere: put official ones in their place before this goes to a registry."
    )
    lines = [
        f"# {facts.programme.name}: open data, release {facts.release.number}",
        *([f"**{facts.warning}**"] if facts.warning else []),
        f"Figures of the time from {facts.programme.first_day} to {facts.programme.last_day}, as the release built on "
        f"{facts.built_at:%Y-%m-%d %H:%M} UTC has them (inputs `{facts.release.manifest['input_hash'][:12]}`). "
        f"Licence: {licence.title} ({licence.name}).",
        f"- `{DESCRIPTOR}`: a Frictionless Data Package; names, types, units, keys and hashes of everything here\n"
        "- `csv/`, `parquet/`: the tables, the same in both\n"
        f"- `{IATI_FILE}`: the results as IATI 2.03\n"
        f"- `{DICTIONARY}.html`, `{DICTIONARY}.md`: what every table, column and indicator means",
        "## Tables",
        "| table | one line is | lines | adding lines up |\n|---|---|---|---|\n"
        + "\n".join(f"| `{table.name}` | {table.grain} | {rows[table.name]} | {table.addition} |" for table in tables),
        "## Before you use it",
        "- People are different people. The same person stands in several lines: add up only what the table above "
        "allows.\n"
        f"- {_people_text(facts.selection)}\n"
        f"- {_cells_text(facts.selection.minimum_cell)}\n"
        "- CSV is UTF-8 with a header, as RFC 4180 has it. NULL and an empty text are both an empty field; Parquet "
        "tells them apart. A text that a spreadsheet would run as a formula has an apostrophe before it in CSV only. "
        "Times are UTC.",
        "## IATI",
        *([placeholder] if iati.has_placeholders else []),
        "`aggregation-status` is false for people and shares, true for participations and hours. A country is a "
        "location and a dimension `country_code`; figures without it are of the whole programme, where everybody "
        "counts once. The sectors' percentages and the roles of organisations are to be confirmed by the publisher.",
    ]
    return "\n\n".join(lines) + "\n"


def _people_text(selection: Selection) -> str:
    if selection.with_people:
        return (
            "PEOPLE: some tables have a line for each person. The ids are opaque and there is no name, but year of "
            "birth, places and flags can point at somebody: such data are personal data. Do not publish them."
        )
    return "No table has a line for each person."
