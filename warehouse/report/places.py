"""What a page is about, the region or one country, and how its charts are made."""

from dataclasses import dataclass
from typing import Any, Literal

from warehouse.report import labels
from warehouse.report.document import Cell, Chart, Table
from warehouse.report.figures import ALL, Figures
from warehouse.report.specs import Bar, Row, rows_spec
from warehouse.report.svg import draw_described


@dataclass(frozen=True)
class Place:
    """The region (code ALL) or a country, and the figures."""

    figures: Figures
    code: str

    @property
    def is_region(self) -> bool:
        """Whether it is all countries together."""
        return self.code == ALL

    @property
    def name(self) -> str:
        """Its name for readers."""
        return self.figures.name_of(self.code)

    @property
    def within(self) -> str:
        """Where, within a sentence."""
        return "in all countries together" if self.is_region else f"in {self.name}"

    @property
    def people(self) -> int:
        """Different people reached there."""
        return self.figures.reach[self.code].trainees

    @property
    def countries(self) -> tuple[str, ...]:
        """The countries it consists of."""
        return tuple(self.figures.countries) if self.is_region else (self.code,)

    def partner_name(self, partner_id: str) -> str:
        """Return a partner's name, its id where the release has none."""
        names = {partner.partner_id: partner.partner_name for partner in self.figures.partners}
        return names.get(partner_id, partner_id)

    def source(self, *tables: str) -> str:
        """Return where a chart's figures can be queried."""
        return f"{labels.listed(list(tables))}, release {self.figures.release.release_number}"


def page_file(code: str) -> str:
    """Return the name of the page of a place."""
    return "index.html" if code == ALL else f"{code.lower()}.html"


def make_chart(
    place: Place,
    key: str,
    title: str,
    says: str,
    spec: dict[str, Any],
    columns: tuple[str, ...],
    rows: list[tuple[Cell | str, ...]],
    *,
    tables: tuple[str, ...],
    width: Literal["third", "half"] = "half",
    text_columns: tuple[int, ...] = (0,),
    note: str = "",
) -> Chart:
    """Return a chart that is drawn, with its data as a table."""
    data = Table(f"{key}-data", f"Data: {title}", columns, tuple(rows), text_columns, note)
    return Chart(key, title, says, place.source(*tables), draw_described(spec, key, title, says), data, width)


def category_rows(place: Place, dimension: str, values: tuple[str, ...]) -> list[tuple[str, int, float | None]]:
    """Return people and share of each category, those without anybody too."""
    found = place.figures.of(place.code, dimension)
    return [(value, found[value].people, found[value].share) if value in found else (value, 0, 0.0) for value in values]


def share_rows(lines: list[tuple[str, int, float | None]], dimension: str) -> list[Row]:
    """Return rows of a chart: each category a bar on the scale from none to all; what is not stated is dashed."""
    rows = []
    for place, (value, people, share) in enumerate(lines):
        style: Literal["solid", "grey", "unstated"] = "solid" if place == 0 or dimension == "age_band" else "grey"
        if value == "not stated":
            style = "unstated"
        bars = (Bar(1.0, "track"), Bar(share or 0.0, style)) if share else (Bar(1.0, "track"),)
        rows.append(Row(labels.category(dimension, value), labels.part(people, share), (bars,)))
    return rows


def share_chart(
    place: Place, key: str, title: str, says: str, dimension: str, lines: list[tuple[str, int, float | None]]
) -> Chart:
    """Return a chart of the categories of one attribute, as parts of all people reached."""
    table: list[tuple[Cell | str, ...]] = [
        (labels.category(dimension, value), labels.number(people), labels.percent(share))
        for value, people, share in lines
    ]
    table.append(("All people reached", labels.number(place.people), labels.percent(1.0)))
    return make_chart(
        place,
        key,
        title,
        says,
        rows_spec(share_rows(lines, dimension), "third", domain=(0, 1)),
        ("Category", "People", "Share"),
        table,
        tables=("report_reach_by",),
        width="third",
    )
