"""What a page of the report is made of: sections with facts, charts, tables and notes; how they look is elsewhere.

Every text is plain text; only a chart's drawing is markup, and is made here from figures.
"""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Cell:
    """Content of a table: text, how deep it is shaded (0 not, to 4), a page it leads to."""

    text: str
    level: int = 0
    link: str = ""


@dataclass(frozen=True)
class Table:
    """A table; the first cell of a row is its heading. words: columns (from 0) that hold words, not figures."""

    key: str
    caption: str
    columns: tuple[str, ...]
    rows: tuple[tuple[Cell | str, ...], ...]
    words: tuple[int, ...] = (0,)
    note: str = ""
    kind: Literal["table"] = "table"


@dataclass(frozen=True)
class Chart:
    """A drawing with what it says, where it comes from, and its data. width: of a row of the page."""

    key: str
    title: str
    says: str
    source: str
    svg: str
    data: Table
    width: Literal["third", "half"] = "half"


@dataclass(frozen=True)
class Charts:
    """Charts next to each other."""

    charts: tuple[Chart, ...]
    kind: Literal["charts"] = "charts"


@dataclass(frozen=True)
class Fact:
    """A figure of the headline: how much, of what, and its n in words."""

    label: str
    value: str
    detail: str
    verdict: str = ""
    is_good: bool | None = None


@dataclass(frozen=True)
class Facts:
    """Figures next to each other."""

    facts: tuple[Fact, ...]
    kind: Literal["facts"] = "facts"


@dataclass(frozen=True)
class Terms:
    """Words and what they mean."""

    title: str
    terms: tuple[tuple[str, str], ...]
    kind: Literal["terms"] = "terms"


@dataclass(frozen=True)
class Notes:
    """Paragraphs under a small heading."""

    title: str
    paragraphs: tuple[str, ...]
    kind: Literal["notes"] = "notes"


Block = Table | Charts | Facts | Terms | Notes


@dataclass(frozen=True)
class Section:
    """A part of a page: an id, a heading, what it says in a few sentences, and its blocks."""

    key: str
    title: str
    lead: tuple[str, ...]
    blocks: tuple[Block, ...] = ()


@dataclass(frozen=True)
class Hero:
    """The one figure that a page begins with."""

    value: str
    label: str
    detail: str


@dataclass(frozen=True)
class Page:
    """A page: file is its name within the folder of the report, others are pages that it leads to."""

    file: str
    title: str
    kicker: str
    heading: str
    warning: str
    hero: Hero
    sections: tuple[Section, ...]
    back: str = ""
    others: tuple[tuple[str, str], ...] = ()
    colophon: tuple[str, ...] = ()
