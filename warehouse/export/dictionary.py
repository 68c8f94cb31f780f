"""Descriptions for people who read the warehouse: comments inside the database, and a data dictionary.

Both come from `schemas` and the words above the indicators, where each thing is described once.
"""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from schemas.published import PUBLISHED_TABLES, Table
from warehouse.release.comments import key_text, meaning_of
from warehouse.release.indicators import Indicator, load_catalogue
from warehouse.release.rules import band_rows, default_programme
from warehouse.storage import files
from warehouse.storage.templates import render

if TYPE_CHECKING:
    from schemas.programme import Programme, Target

DICTIONARY = "data-dictionary"
_TEMPLATE = Path(__file__).parent / "data_dictionary.html.j2"
_INTRODUCTION = (
    "What stands in a release: its tables with every column, the indicators with what they count, and the bands and "
    "targets that figures are held against. No column holds a person's name, phone number or identity number."
)
_BAND_HEADS = ("band", "set", "ages, completed years", "in force", "where it was used")
_TARGET_HEADS = ("target", "indicator", "youth band", "country", "value", "due", "replaces", "where it was published")
# what the catalogue says of an indicator, in the order in which a reader asks for it
_INDICATOR_HEADS = {
    "numerator": "Counts",
    "denominator": "Out of",
    "unit": "Unit",
    "disaggregation": "Told apart by",
    "may_be_added_over": "May be added up over",
    "source": "Source",
}


def data_dictionary_markdown(
    tables: Sequence[Table] = PUBLISHED_TABLES,
    indicators: Sequence[Indicator] | None = None,
    programme: "Programme | None" = None,
) -> str:
    """Return the data dictionary as Markdown: tables, indicators, bands and targets.

    Args:
        tables: The tables to describe.
        indicators: The indicators; those of the project without them.
        programme: The rules with bands and targets; those of the project without it.
    """
    programme = default_programme(programme)
    parts = [f"# Data dictionary: {_text(programme.name)}", _text(_INTRODUCTION), "## Tables"]
    for table in tables:
        parts += [f"### `{table.name}`", _text(table.description), _markdown_facts(table)]
        rows = [
            (f"`{column.name}`", column.type, _text(column.unit or ""), _text(meaning_of(column)))
            for column in table.columns
        ]
        parts.append(_markdown_table(("column", "type", "unit", "meaning"), rows))
    parts.append("## Indicators")
    for item in load_catalogue() if indicators is None else indicators:
        said = [f"- {head}: {_text(getattr(item, name))}" for name, head in _INDICATOR_HEADS.items()]
        parts += [f"### {_text(item.title)} (`{item.code}`)", "\n".join(said)]
    bands = [tuple(map(_text, row)) for row in _band_rows(programme)]
    targets = [tuple(map(_text, row)) for row in _target_rows(programme)]
    parts += ["## Bands of ages", _markdown_table(_BAND_HEADS, bands)]
    parts += ["## Targets", _markdown_table(_TARGET_HEADS, targets)]
    return "\n\n".join(parts) + "\n"


def data_dictionary_html(
    tables: Sequence[Table] = PUBLISHED_TABLES,
    indicators: Sequence[Indicator] | None = None,
    programme: "Programme | None" = None,
) -> str:
    """Return the data dictionary as one self-contained HTML page: no script, no address outside.

    Args:
        tables: The tables to describe.
        indicators: The indicators; those of the project without them.
        programme: The rules with bands and targets; those of the project without it.
    """
    programme = default_programme(programme)
    return render(
        _TEMPLATE,
        programme=programme.name,
        introduction=_INTRODUCTION,
        tables=tables,
        names={table.name for table in tables},
        key_text=key_text,
        meaning=meaning_of,
        indicators=load_catalogue() if indicators is None else indicators,
        indicator_heads=_INDICATOR_HEADS,
        band_heads=_BAND_HEADS,
        bands=_band_rows(programme),
        target_heads=_TARGET_HEADS,
        targets=_target_rows(programme),
    )


def write_data_dictionary(folder: Path) -> tuple[Path, ...]:
    """Write data-dictionary.html and data-dictionary.md into `folder`, which is made where missing; returns them."""
    files.shared_folder(folder)
    pages = {"html": data_dictionary_html(), "md": data_dictionary_markdown()}
    for kind, page in pages.items():
        files.write_durably(folder / f"{DICTIONARY}.{kind}", page.encode("utf-8"), mode=0o644)
    return tuple(folder / f"{DICTIONARY}.{kind}" for kind in pages)


def _band_rows(programme: "Programme") -> list[tuple[str, ...]]:
    return [
        (code, name, f"{low}-{high}" if name == "youth" else code, "yes" if is_current else "no", source)
        for name, code, low, high, is_current, source in band_rows(programme)
    ]


def _target_rows(programme: "Programme") -> list[tuple[str, ...]]:
    return [
        (
            code,
            target.indicator,
            target.band or "",
            target.country,
            _target_value(target),
            target.due.isoformat(),
            target.replaces or "",
            target.source,
        )
        for code, target in programme.targets.items()
    ]


def _target_value(target: "Target") -> str:
    if target.indicator == "people_reached":
        return f"{target.value:,.0f} people"
    return f"{100 * target.value:g}% of people reached"


def _markdown_facts(table: Table) -> str:
    facts = [
        f"- One line is {_text(table.grain)}.",
        f"- Key: {_text(key_text(table))}.",
        f"- Adding lines up: {_text(table.addition)}.",
    ]
    if table.holds_people:
        facts.append("- Each line is about one person, without a name.")
    facts += [f"- Every `{item.column}` stands in `{item.table}`." for item in table.references]
    return "\n".join(facts)


def _markdown_table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [f"| {' | '.join(cells)} |" for cells in (heads, ["---"] * len(heads), *rows)]
    return "\n".join(lines)


def _text(words: str) -> str:
    """Words that Markdown shows as they are, in a cell of a table too."""
    for character, shown in (("&", "&amp;"), ("<", "&lt;"), ("|", "\\|"), ("*", "\\*"), ("`", "\\`"), ("[", "\\[")):
        words = words.replace(character, shown)
    # a bare underscore inside a word is shown as it is
    return " ".join(words.split())
