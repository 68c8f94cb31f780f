"""Hides figures that count few people, and figures by which a hidden one could be worked out.

Hidden is every count of fewer people than the smallest cell allowed, the next smallest where sums would tell it, and
every other number of the same line. This is no proof against somebody who combines several tables, or other sources.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Set
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from schemas.columns import COLUMNS, Column
from schemas.published import Table

if TYPE_CHECKING:
    import duckdb

FLAG = COLUMNS["is_suppressed"]
ALL = "ALL"
_CROSSED = " x "
_WHOLE = "all"
_REACHED, _FIRST = "people_reached", "people_first_reached"
_COUNTS = ("BIGINT", "INTEGER")
_NUMBERS = (*_COUNTS, "DOUBLE")
# numbers that were promised, not counted
_PROMISED = ("target_value", "expected_value")
# figures of other tables that stand in report_reach_by too, as SQL: hidden there, hidden here
_WHERE_ELSE = {
    ("report_reach", "trainees"): ("country_code", f"'{ALL}'", "'all'", "'all'"),
    ("report_reach", "women"): ("country_code", f"'{ALL}'", "'sex'", "'F'"),
    ("report_reach", "youth"): ("country_code", f"'{ALL}'", "'is_youth'", "'yes'"),
    ("report_reach", "msme_owners"): ("country_code", f"'{ALL}'", "'trainee_type'", "'msme_owner'"),
    ("report_reach", "job_seekers"): ("country_code", f"'{ALL}'", "'trainee_type'", "'job_seeker'"),
    ("report_reach", "with_disability"): ("country_code", f"'{ALL}'", "'has_disability'", "'yes'"),
    ("report_reach", "indigenous"): ("country_code", f"'{ALL}'", "'is_indigenous'", "'yes'"),
    ("report_reach", "rural"): ("country_code", f"'{ALL}'", "'is_rural'", "'yes'"),
    ("report_course", "trainees"): (
        "country_code",
        "quarter",
        "CASE WHEN course_code = 'ALL' THEN 'all' ELSE 'course_code' END",
        "CASE WHEN course_code = 'ALL' THEN 'all' ELSE course_code END",
    ),
    # a script can be that of everybody in a country
    ("identity_quality", "people_found"): ("country_code", f"'{ALL}'", "'all'", "'all'"),
    ("identity_quality", "low"): ("country_code", f"'{ALL}'", "'all'", "'all'"),
    ("identity_quality", "high"): ("country_code", f"'{ALL}'", "'all'", "'all'"),
    ("report_partner_overlap", "trainees"): (f"'{ALL}'", f"'{ALL}'", "'partner_id'", "partner_id"),
    ("report_partner_overlap", "other_trainees"): (f"'{ALL}'", f"'{ALL}'", "'partner_id'", "other_partner_id"),
}
# the category of report_reach_by that a line of report_target counts
_TARGET_CELL = (
    "CASE indicator_code WHEN 'women_share' THEN 'sex' WHEN 'youth_share' THEN band_code ELSE 'all' END",
    "CASE indicator_code WHEN 'women_share' THEN 'F' WHEN 'youth_share' THEN 'yes' ELSE 'all' END",
)


class Cell(NamedTuple):
    """One figure of report_reach_by, by its key."""

    country_code: str
    quarter: str
    dimension: str
    dimension_value: str
    indicator_code: str


@dataclass(frozen=True)
class Group:
    """Figures that add up to another: with all but one of them known, so is the last."""

    total: Cell
    parts: tuple[Cell, ...]


def counts_of(table: Table) -> tuple[Column, ...]:
    """Return the columns of a table that count people."""
    return tuple(column for column in table.columns if column.unit == "people" and column.type in _COUNTS)


def hide_small_cells(con: "duckdb.DuckDBPyConnection", tables: Iterable[Table], release: str, minimum: int) -> None:
    """Make each table that counts people anew in the connection's own database, with small cells NULL.

    Such a table has one more column, `is_suppressed`.

    Args:
        con: A connection that writes into a database of its own.
        tables: All tables of the release.
        release: Name under which the release is attached.
        minimum: A count of people from 1 to below it is hidden; a zero is no person, and stays.
    """
    found = con.execute(
        "SELECT country_code, quarter, dimension, dimension_value, indicator_code, people "
        f"FROM {release}.report_reach_by"
    ).fetchall()
    current = con.execute(
        f"SELECT band_code FROM {release}.core_band WHERE band_set = 'youth' AND is_current"
    ).fetchall()
    hidden = cells_to_hide({Cell(*row[:5]): row[5] for row in found}, minimum, {code for (code,) in current})
    con.execute(
        "CREATE TEMP TABLE hidden_cell (country_code VARCHAR, quarter VARCHAR, dimension VARCHAR, "
        "dimension_value VARCHAR, indicator_code VARCHAR)"
    )
    if hidden:
        # a list a column: row by row, thousands of cells take most of the time of an export
        marks = ", ".join("unnest(?::VARCHAR[])" for _ in Cell._fields)
        con.execute(
            f"INSERT INTO hidden_cell SELECT {marks}", [list(part) for part in zip(*sorted(hidden), strict=True)]
        )
    for table in tables:
        if counts_of(table):
            con.execute(f"CREATE TABLE {table.name} AS {_select(table, release, minimum)}")


def _select(table: Table, release: str, minimum: int) -> str:
    """The table with what is to be hidden as NULL."""
    hides = {
        column.name: " OR ".join(
            [f"coalesce({column.name} BETWEEN 1 AND {minimum - 1}, FALSE)", *_told_elsewhere(table.name, column.name)]
        )
        for column in counts_of(table)
    }
    line = " OR ".join(hides.values())
    shown = []
    for column in table.columns:
        if column.name in hides:
            shown.append(f"CASE WHEN NOT ({hides[column.name]}) THEN {column.name} END AS {column.name}")
        elif column.type in _NUMBERS and column.name not in (*table.key, *_PROMISED):
            shown.append(f"CASE WHEN NOT ({line}) THEN {column.name} END AS {column.name}")
        else:
            shown.append(column.name)
    return f"SELECT {', '.join(shown)}, {line} AS {FLAG.name} FROM {release}.{table.name}"


def _told_elsewhere(table: str, column: str) -> list[str]:
    """Conditions under which a figure is hidden because report_reach_by hides it or it would reveal a hidden one."""
    if (table, column) in _WHERE_ELSE:
        return [_hidden_cell(*_WHERE_ELSE[table, column], f"'{_REACHED}'")]
    whole = ("'all'", "'all'")
    if table == "report_reach_by":
        category = ("dimension", "dimension_value") if column == "people" else whole
        return [_hidden_cell("country_code", "quarter", *category, "indicator_code")]
    if table == "report_target":
        category = _TARGET_CELL if column == "people" else whole
        return [
            _hidden_cell("country_code", f"'{ALL}'", *category, f"'{_REACHED}'"),
            # each quarter has the people up to its end, so the difference of two reveals who came between
            f"(NOT is_latest AND {_hidden_quarter(*category)})",
        ]
    return []


def _hidden_cell(country: str, quarter: str, dimension: str, value: str, indicator: str) -> str:
    wanted = f"({country}, {quarter}, {dimension}, {value}, {indicator})"
    columns = "country_code, quarter, dimension, dimension_value, indicator_code"
    return f"coalesce({wanted} IN (SELECT ({columns}) FROM hidden_cell), FALSE)"


def _hidden_quarter(dimension: str, value: str) -> str:
    """Whether those first reached in some quarter are hidden."""
    columns = "country_code, dimension, dimension_value"
    return (
        f"coalesce((country_code, {dimension}, {value}) IN "
        f"(SELECT ({columns}) FROM hidden_cell WHERE indicator_code = '{_FIRST}'), FALSE)"
    )


def cells_to_hide(people: Mapping[Cell, int], minimum: int, current_bands: Set[str]) -> set[Cell]:
    """Return the figures of report_reach_by to hide.

    Small ones are hidden first. Then, in every group of figures with a known sum, the next smallest, until at least
    two are hidden and these count `minimum` people or more (complementary suppression).

    Args:
        people: Each figure with the people it counts.
        minimum: The smallest count that may be shown.
        current_bands: Youth bands whose figures are those of `is_youth`.
    """
    hidden = {cell for cell, count in people.items() if 0 < count < minimum}
    groups = list(_groups(people))
    twins = {cell: cell._replace(dimension="is_youth") for cell in people if cell.dimension in current_bands}
    while True:
        before = len(hidden)
        for group in groups:
            hidden |= _further(group, people, hidden, minimum)
        for cell, twin in twins.items():
            if twin in people and (cell in hidden or twin in hidden):
                hidden |= {cell, twin}
        if len(hidden) == before:
            return hidden


def _further(group: Group, people: Mapping[Cell, int], hidden: Set[Cell], minimum: int) -> set[Cell]:
    """What a group needs hidden beyond what is."""
    if group.total in hidden:
        return set()
    gone = [cell for cell in group.parts if cell in hidden]
    shown = sorted((cell for cell in group.parts if cell not in hidden), key=lambda cell: (people[cell], cell))
    more: set[Cell] = set()
    while gone and (len(gone) == 1 or sum(people[cell] for cell in gone) < minimum):
        if not shown:
            return more | {group.total}
        more.add(shown[0])
        gone.append(shown.pop(0))
    return more


def _groups(people: Mapping[Cell, int]) -> Iterator[Group]:
    """Every set of figures that adds up, or nearly so, to another one of the table."""
    parts: dict[tuple[Cell, str], list[Cell]] = defaultdict(list)
    # in one order, because what is hidden further depends on what was hidden before
    for cell in sorted(people):
        for total, axis in _totals(cell):
            if total in people:
                parts[total, axis].append(cell)
    for (total, _), cells in parts.items():
        yield Group(total, tuple(cells))


def _totals(cell: Cell) -> Iterator[tuple[Cell, str]]:
    """The figures that a cell is a part of, each with the name of its dimension."""
    if _CROSSED in cell.dimension:
        names, values = cell.dimension.split(_CROSSED, 1), cell.dimension_value.split(_CROSSED, 1)
        for name, value in zip(names, values, strict=True):
            yield cell._replace(dimension=name, dimension_value=value), cell.dimension
    elif cell.dimension != _WHOLE:
        yield cell._replace(dimension=_WHOLE, dimension_value=_WHOLE), cell.dimension
    if cell.indicator_code == _FIRST:
        yield cell._replace(quarter=ALL, indicator_code=_REACHED), "quarter"
    if cell.country_code != ALL:
        # nearly: few people were trained in two countries
        yield cell._replace(country_code=ALL), "country_code"
