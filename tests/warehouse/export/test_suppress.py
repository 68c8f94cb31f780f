"""What is hidden, so that few people are counted nowhere and no sum tells what is."""

from pathlib import Path

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flows.run.result import RunResult
from flows.settings import Settings
from schemas.published import PUBLISHED_TABLES
from tests.conftest import rows
from tests.warehouse.tiny_vault import TinyVault
from warehouse.export.suppress import Cell, cells_to_hide, counts_of, hide_small_cells


def cell(dimension: str = "all", value: str = "all", country: str = "VN", quarter: str = "ALL") -> Cell:
    return Cell(country, quarter, dimension, value, "people_reached")


def names(hidden: set[Cell]) -> set[str]:
    return {item.dimension_value for item in hidden}


def test_a_count_below_the_smallest_is_hidden_and_one_at_it_is_not() -> None:
    people = {cell(): 30, cell("sex", "F"): 4, cell("sex", "M"): 5, cell("sex", "X"): 21}
    # F is too few; without M, the sum would tell it
    assert names(cells_to_hide(people, 5, set())) == {"F", "M"}
    assert cells_to_hide(people, 4, set()) == set()


def test_hidden_figures_count_together_as_many_as_the_smallest_cell() -> None:
    people = {cell(): 33, cell("age_band", "a"): 1, cell("age_band", "b"): 1, cell("age_band", "c"): 6}
    people |= {cell("age_band", "d"): 25}
    assert names(cells_to_hide(people, 5, set())) == {"a", "b", "c"}


def test_where_the_whole_is_hidden_no_further_part_needs_to_be() -> None:
    people = {cell(): 4, cell("sex", "F"): 4}
    assert names(cells_to_hide(people, 5, set())) == {"all", "F"}


def test_a_figure_that_stands_twice_is_hidden_twice() -> None:
    # everybody lives in a rural area, so what crosses it is what it crosses
    people = {cell(): 12, cell("is_rural", "yes"): 12, cell("is_rural x sex", "yes x F"): 3}
    people |= {cell("is_rural x sex", "yes x M"): 9, cell("sex", "F"): 3, cell("sex", "M"): 9}
    hidden = cells_to_hide(people, 5, set())
    assert {item.dimension_value for item in hidden} >= {"F", "M", "yes x F", "yes x M"}
    assert cell() not in hidden


def test_what_two_attributes_cross_is_not_told_by_either() -> None:
    people = {cell(): 100, cell("sex", "F"): 50, cell("sex", "M"): 50}
    people |= {cell("is_rural", "yes"): 50, cell("is_rural", "no"): 50}
    crossed = {"F x yes": 2, "F x no": 48, "M x yes": 48, "M x no": 2}
    people |= {cell("sex x is_rural", value): count for value, count in crossed.items()}
    assert names(cells_to_hide(people, 5, set())) == set(crossed)


def test_quarters_do_not_tell_who_came_first_in_one() -> None:
    first = {
        Cell("VN", f"2021-Q{number}", "all", "all", "people_first_reached"): n for number, n in enumerate((2, 9, 20), 1)
    }
    hidden = cells_to_hide({cell(): 31, **first}, 5, set())
    assert {item.quarter for item in hidden} == {"2021-Q1", "2021-Q2"}


def test_the_band_in_force_is_hidden_as_youth_is() -> None:
    people = {cell(): 30, cell("is_youth", "yes"): 4, cell("is_youth", "no"): 26}
    people |= {cell("youth_18_35", "yes"): 4, cell("youth_18_35", "no"): 26}
    hidden = cells_to_hide(people, 5, {"youth_18_35"})
    assert {item._replace(dimension="is_youth") for item in hidden} == {
        item for item in hidden if item.dimension == "is_youth"
    }
    assert {item.dimension for item in hidden} == {"is_youth", "youth_18_35"}


@given(
    counts=st.lists(st.tuples(st.integers(0, 12), st.integers(0, 12), st.integers(0, 12)), min_size=1, max_size=4),
    minimum=st.integers(2, 10),
)
@settings(max_examples=200, deadline=None)
def test_no_sum_tells_a_hidden_figure(counts: list[tuple[int, int, int]], minimum: int) -> None:
    people: dict[Cell, int] = {}
    for number, parts in enumerate(counts):
        place = f"C{number}"
        people[cell(country=place)] = sum(parts)
        for value, count in zip("FMX", parts, strict=True):
            people[cell("sex", value, place)] = count
    for value in ("all", *"FMX"):
        dimension = "all" if value == "all" else "sex"
        people[cell(dimension, value, "ALL")] = sum(people[cell(dimension, value, f"C{n}")] for n in range(len(counts)))
    people = {item: count for item, count in people.items() if count}
    hidden = cells_to_hide(people, minimum, set())
    assert {item for item, count in people.items() if count < minimum} <= hidden
    groups = [
        (cell(country=place), [cell("sex", value, place) for value in "FMX"])
        for place in ("ALL", *(f"C{number}" for number in range(len(counts))))
    ]
    groups += [
        (whole, [whole._replace(country_code=f"C{number}") for number in range(len(counts))])
        for whole in (cell(country="ALL"), *(cell("sex", value, "ALL") for value in "FMX"))
    ]
    for whole, parts in groups:
        gone = [people[item] for item in parts if item in hidden]
        if whole in people and whole not in hidden and gone:
            assert len(gone) > 1
            assert sum(gone) >= minimum


def test_the_order_of_figures_changes_nothing(demo: tuple[Settings, RunResult]) -> None:
    found = rows(
        demo[0].data,
        "SELECT country_code, quarter, dimension, dimension_value, indicator_code, people FROM report_reach_by "
        "WHERE country_code IN ('BN', 'SG', 'ALL')",
    )
    people = {Cell(*row[:5]): row[5] for row in found}
    turned = dict(reversed(people.items()))
    assert cells_to_hide(people, 5, {"youth_18_35"}) == cells_to_hide(turned, 5, {"youth_18_35"})


@pytest.fixture
def hidden(vault: TinyVault, tmp_path: Path) -> duckdb.DuckDBPyConnection:
    """Twelve people in Viet Nam, three of them women, with cells below five hidden."""
    for number in range(12):
        vault.attend(f"t{number}", sex="F" if number < 3 else "M")
    release = tmp_path / "release.duckdb"
    vault.build(release)
    con = duckdb.connect()
    con.execute(f"ATTACH '{release}' AS release_file (READ_ONLY)")
    hide_small_cells(con, PUBLISHED_TABLES, "release_file", 5)
    return con


def test_a_line_with_a_hidden_figure_shows_no_number_that_tells_it(hidden: duckdb.DuckDBPyConnection) -> None:
    lines = hidden.execute(
        "SELECT dimension_value, people, denominator, share, is_suppressed FROM report_reach_by "
        "WHERE country_code = 'VN' AND quarter = 'ALL' AND dimension IN ('all', 'sex') ORDER BY 1"
    ).fetchall()
    assert lines == [("F", None, 12, None, True), ("M", None, 12, None, True), ("all", 12, 12, 1.0, False)]


def test_the_same_figure_is_hidden_wherever_it_stands(hidden: duckdb.DuckDBPyConnection) -> None:
    (reach,) = hidden.execute(
        "SELECT trainees, women, is_suppressed FROM report_reach WHERE country_code = 'VN'"
    ).fetchall()
    assert reach == (12, None, True)
    (target,) = hidden.execute(
        "SELECT people, actual_value, denominator, target_value FROM report_target "
        "WHERE target_code = 'women_all' AND is_latest"
    ).fetchall()
    assert target == (None, None, 12, 0.6)


def test_only_tables_that_count_people_are_made_anew(hidden: duckdb.DuckDBPyConnection) -> None:
    made = hidden.execute("SELECT table_name FROM duckdb_tables() WHERE database_name = 'memory'").fetchall()
    assert {name for (name,) in made} == {table.name for table in PUBLISHED_TABLES if counts_of(table)}
    assert ("report_reach_by",) in made
