"""Charts can be seen by everybody: colours stand out, names have room, many quarters fit, titles are text."""

import pytest

from warehouse.report import specs
from warehouse.report.specs import Bar, Row, growth_spec, quarters_spec, rows_spec
from warehouse.report.svg import draw_described


def brightness(colour: str) -> float:
    """Relative luminance as WCAG 2.2 defines it."""
    parts = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    low, high = sorted((brightness(one), brightness(other)))
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("colour", [specs.ACCENT, specs.GREY, specs.INK, "#8b95a1", "#4f93a8"])
def test_what_is_drawn_stands_out_from_the_page(colour):
    assert contrast(colour, "#ffffff") >= 3


def test_colours_of_charts_are_those_that_are_tested():
    assert set(specs._FILL.values()) == {specs.ACCENT, "#8b95a1", "#4f93a8", "#ffffff", "#eef0f2"}


def test_letters_on_the_map_can_be_read():
    for level, shade in enumerate(specs.SHADES):
        assert contrast(shade, specs.INK if level < 3 else "#ffffff") >= 4.5
    assert contrast(specs.SOFT, "#ffffff") >= 4.5


def test_a_long_name_goes_over_two_lines_beside_its_figure():
    name = "Engagement with customers has increased since the training"
    drawn = draw_described(
        rows_spec([Row(name, "75.2%", ((Bar(1.0, "solid"),),))], "third", domain=(0, 1)), "a", "t", "d"
    )
    assert name not in drawn
    assert all(f">{part}</text>" in drawn for part in ("Engagement with customers has", "increased since the training"))


def test_sixteen_quarters_fit_without_figures_on_the_columns():
    quarters = [f"{year}-Q{number}" for year in range(2020, 2024) for number in range(1, 5)]
    people = list(range(1000, 17000, 1000))
    for spec in (quarters_spec(quarters, people, people, "half"), growth_spec(quarters, people, "half")):
        drawn = draw_described(spec, "a", "title", "description")
        assert "16,000" not in drawn
        assert drawn.count(">Q1</") == 4


def test_a_title_is_text_and_names_are_the_charts_own():
    spec = quarters_spec(["2020-Q3"], [0], [0], "half")
    drawn = draw_described(spec, "first", 'A "title" <b>', "x & y")
    assert "<b>" not in drawn
    assert 'aria-labelledby="first-title first-desc"' in drawn
    assert drawn == draw_described(spec, "first", 'A "title" <b>', "x & y")
    assert "graphics-" not in drawn
