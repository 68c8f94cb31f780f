"""Charts of the report in Vega-Lite, in one grammar: a name, its figure in words, and below both what is drawn.

Solid is different people, an outline what holds repetitions, a dashed outline what is not stated, a black stroke a
target. Positions are in pixels of the drawing, so letters keep their size on a small screen.
"""

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

Style = Literal["solid", "grey", "outline", "unstated", "track", "shade"]

INK, SOFT, GREY, ACCENT = "#1b2430", "#56606e", "#76808d", "#0b5c74"
# from nothing to the most; the letters on the first three are dark, on the last two white
SHADES = ("#ffffff", "#d7e8ec", "#9cc5d0", "#2c768d", "#0b4f64")
_FILL: dict[str, str] = {"solid": ACCENT, "grey": "#8b95a1", "outline": "#ffffff", "unstated": "#ffffff"}
_FILL |= {"track": "#eef0f2", "shade": "#4f93a8"}
_STROKE: dict[str, str | None] = {
    "solid": None,
    "grey": None,
    "outline": GREY,
    "unstated": GREY,
    "track": None,
    "shade": None,
}
WIDTH = {"third": 330, "half": 420}
_LETTERS = 13
# pixels of a row: the line of words, a bar, the gap to the next row
_WORDS, _BAR, _GAP, _LINE = 18, 9, 13, 16
# of a letter of a name, and of a bold one of a figure, in wide type
_LETTER, _BOLD = 7.2, 8.0
_TILE = 66


@dataclass(frozen=True)
class Bar:
    """A bar from low to high, in units of the scale."""

    high: float
    style: Style
    low: float = 0.0


@dataclass(frozen=True)
class Row:
    """A line of a chart: its name, its figure in words, and what is drawn; each lane lies below the one before.

    dots: places of points, solid or hollow.
    """

    label: str
    text: str
    lanes: tuple[tuple[Bar, ...], ...] = ()
    dots: tuple[tuple[float, bool], ...] = ()


def rows_spec(
    rows: Sequence[Row],
    width: Literal["third", "half"],
    *,
    domain: tuple[float, float],
    marker: float | None = None,
    axis_format: str = "",
) -> dict[str, Any]:
    """Return a chart of rows.

    Args:
        rows: At least one.
        width: Of the drawing.
        domain: Ends of the scale.
        marker: Where a black stroke goes through every row.
        axis_format: Of the scale's labels below; without it figures speak for themselves.
    """
    bars: list[dict[str, Any]] = []
    words, dots, strokes = [], [], []
    top = 0.0
    for row in rows:
        lines = _label_lines(row, WIDTH[width])
        for number, label in enumerate(lines):
            said = {"label": label, "text": row.text if number == len(lines) - 1 else ""}
            words.append(said | {"x": domain[0], "right": domain[1], "y": top + 12 + _LINE * number})
        bars_from = top + _WORDS + _LINE * (len(lines) - 1)
        below = bars_from
        for lane in row.lanes:
            for bar in lane:
                look = {"fill": _FILL[bar.style], "style": bar.style}
                bars.append({"x": bar.low, "x2": bar.high, "y": below, "y2": below + _BAR} | look)
            below += _BAR + 3
        end = max(below - 3, bars_from + _BAR)
        middle = (bars_from + end) / 2
        dots += [{"x": place, "y": middle, "solid": solid} for place, solid in row.dots]
        marks = () if marker is None else (marker,)
        strokes += [{"x": place, "y": bars_from - 3, "y2": end + 3} for place in marks]
        top = end + _GAP
    height = top - _GAP + 4
    x, y = _scaled("x", domain), _scaled("y", (height, 0))
    x["axis"] = _axis(axis_format) if axis_format else None
    box = {"x": x, "x2": {"field": "x2"}, "y": y, "y2": {"field": "y2"}}
    layers: list[dict[str, Any]] = []
    for style in ("track", "outline", "unstated", "shade", "grey", "solid"):
        chosen = [bar for bar in bars if bar["style"] == style]
        if chosen:
            layers.append({"data": {"values": chosen}, "mark": _rect(style), "encoding": box})
    if strokes:
        rule = {"type": "rule", "color": INK, "strokeWidth": 2}
        layers.append({"data": {"values": strokes}, "mark": rule, "encoding": {"x": x, "y": y, "y2": {"field": "y2"}}})
    for solid in (False, True):
        chosen = [dot for dot in dots if dot["solid"] is solid]
        if chosen:
            point = {"type": "point", "shape": "circle", "size": 62, "strokeWidth": 1.8, "opacity": 1}
            point |= {"stroke": "#ffffff", "fill": ACCENT} if solid else {"stroke": ACCENT, "fill": "#ffffff"}
            layers.append({"data": {"values": chosen}, "mark": point, "encoding": {"x": x, "y": y}})
    for align, place, field, weight in (("left", "x", "label", "normal"), ("right", "right", "text", "bold")):
        text = {"type": "text", "align": align, "baseline": "alphabetic", "fontWeight": weight, "color": INK}
        at = x | {"field": place}
        layers.append(
            {"data": {"values": words}, "mark": text, "encoding": {"x": at, "y": y, "text": {"field": field}}}
        )
    return _framed(layers, WIDTH[width], height, bottom=24 if axis_format else 2)


def quarters_spec(
    quarters: Sequence[str], all_people: Sequence[int], first: Sequence[int], width: Literal["third", "half"]
) -> dict[str, Any]:
    """Return columns by quarter: an outline of everybody, in it those who were new, solid."""
    values = [
        {"quarter": name, "all": people, "new": new, "all_text": f"{people:,}", "new_text": f"{new:,}"}
        for name, people, new in zip(quarters, all_people, first, strict=True)
    ]
    top = max(1, *all_people) * 1.1
    x = _quarter_axis(quarters)
    size = 0.72 if len(quarters) > 2 else 0.3
    columns = {"type": "bar", "width": {"band": size}}
    outline = columns | {"fill": "#ffffff", "stroke": GREY, "strokeWidth": 1.3}
    layers = [
        {"mark": outline, "encoding": {"x": x, "y": _height("all", top)}},
        {"mark": columns | {"fill": ACCENT}, "encoding": {"x": x, "y": _height("new", top)}},
    ]
    if len(quarters) <= 8:
        above = {"type": "text", "dy": -6, "color": SOFT}
        inside = {"type": "text", "dy": 12, "color": "#ffffff", "fontWeight": "bold"}
        layers.append({"mark": above, "encoding": {"x": x, "y": _height("all", top), "text": {"field": "all_text"}}})
        # a column must be high enough for letters
        tall = {"filter": f"datum.new > {0.12 * top}"}
        layers.append(
            {
                "transform": [tall],
                "mark": inside,
                "encoding": {"x": x, "y": _height("new", top), "text": {"field": "new_text"}},
            }
        )
    framed = _framed(layers, WIDTH[width], 200, bottom=34)
    return framed | {"data": {"values": values}}


def growth_spec(quarters: Sequence[str], people: Sequence[int], width: Literal["third", "half"]) -> dict[str, Any]:
    """Return a line of how many there were by the end of each quarter."""
    values = [
        {"quarter": name, "people": count, "text": f"{count:,}"} for name, count in zip(quarters, people, strict=True)
    ]
    top = max(1, *people) * 1.12
    x, y = _quarter_axis(quarters), _height("people", top)
    place = {"x": x, "y": y}
    layers: list[dict[str, Any]] = [
        {"mark": {"type": "area", "color": SHADES[1]}, "encoding": place},
        {"mark": {"type": "line", "color": ACCENT, "strokeWidth": 2.2}, "encoding": place},
        {"mark": {"type": "point", "filled": True, "color": ACCENT, "size": 46, "opacity": 1}, "encoding": place},
    ]
    if len(quarters) <= 8:
        text = {"type": "text", "dx": -10, "dy": -10, "color": INK, "fontWeight": "bold"}
        layers.append({"mark": text, "encoding": place | {"text": {"field": "text"}}})
    return _framed(layers, WIDTH[width], 200, bottom=34) | {"data": {"values": values}}


@dataclass(frozen=True)
class Tile:
    """A country on the map of tiles: column and row from 1, its depth of shading from 0 to 4."""

    code: str
    text: str
    column: int
    row: int
    level: int


def tiles_spec(tiles: Sequence[Tile], width: Literal["third", "half"]) -> dict[str, Any]:
    """Return a map of tiles: a square for each country, where it lies among the others."""
    left, top = min(tile.column for tile in tiles), min(tile.row for tile in tiles)
    columns = max(tile.column for tile in tiles) - left + 1
    lines = max(tile.row for tile in tiles) - top + 1
    side = min(float(_TILE), WIDTH[width] / columns)
    values: list[dict[str, Any]] = []
    for tile in tiles:
        x, y = (tile.column - left) * side, (tile.row - top) * side
        values.append(
            {
                "x": x + 2,
                "x2": x + side - 2,
                "y": y + 2,
                "y2": y + side - 2,
                "middle": x + side / 2,
                "high": y + side / 2 - 8,
                "low": y + side / 2 + 12,
                "code": tile.code,
                "text": tile.text,
                "fill": SHADES[tile.level],
                "letters": INK if tile.level < 3 else "#ffffff",
            }
        )
    # in the middle of the drawing
    spare = (WIDTH[width] - columns * side) / 2
    height = lines * side

    def across(field: str) -> dict[str, Any]:
        return _scaled(field, (-spare, columns * side + spare))

    def down(field: str) -> dict[str, Any]:
        return _scaled(field, (height, 0))

    plain: dict[str, Any] = {"type": "nominal", "scale": None}
    letters = plain | {"field": "letters"}
    box = {"x": across("x"), "x2": {"field": "x2"}, "y": down("y"), "y2": {"field": "y2"}}
    square = {"type": "rect", "stroke": GREY, "strokeWidth": 1, "cornerRadius": 3}
    layers: list[dict[str, Any]] = [{"mark": square, "encoding": box | {"fill": plain | {"field": "fill"}}}]
    for field, line, size in (("code", "high", 17), ("text", "low", 12.5)):
        text = {"type": "text", "fontSize": size, "fontWeight": "bold" if field == "code" else "normal"}
        place = {"x": across("middle"), "y": down(line), "text": {"field": field}, "color": letters}
        layers.append({"mark": text | {"baseline": "middle"}, "encoding": place})
    return _framed(layers, WIDTH[width], height, bottom=2) | {"data": {"values": values}}


def _label_lines(row: Row, width: int) -> list[str]:
    """A name in as many lines as leave room for the figure beside the last."""
    room = int((width - _BOLD * len(row.text) - 12) / _LETTER)
    return textwrap.wrap(row.label, max(room, 12)) or [""]


def _rect(style: str) -> dict[str, Any]:
    rect: dict[str, Any] = {"type": "rect", "fill": _FILL[style]}
    if _STROKE[style]:
        rect |= {"stroke": _STROKE[style], "strokeWidth": 1.2}
    if style == "unstated":
        rect["strokeDash"] = [3, 2]
    return rect


def _axis(text_format: str) -> dict[str, Any]:
    return {"title": None, "format": text_format, "tickCount": 5, "grid": True, "domain": False, "ticks": False}


def _quarter_axis(quarters: Sequence[str]) -> dict[str, Any]:
    # the year below the quarter, once it begins
    label = (
        "[slice(datum.label, 5), (datum.index == 0 || slice(datum.label, 5) == 'Q1') ? slice(datum.label, 0, 4) : '']"
    )
    axis = {"title": None, "ticks": False, "domainColor": GREY, "labelAngle": 0, "labelExpr": label, "labelPadding": 6}
    scale = {"paddingInner": 0.1, "paddingOuter": 0.1}
    return {"field": "quarter", "type": "ordinal", "sort": list(quarters), "axis": axis, "scale": scale}


def _height(field: str, top: float) -> dict[str, Any]:
    return _scaled(field, (0, top))


def _scaled(field: str, domain: tuple[float, float]) -> dict[str, Any]:
    scale = {"domain": list(domain), "nice": False, "zero": False}
    return {"field": field, "type": "quantitative", "axis": None, "scale": scale}


def _framed(layers: list[dict[str, Any]], width: int, height: float, *, bottom: int) -> dict[str, Any]:
    return {
        "layer": layers,
        "width": width - 4,
        "height": height,
        "padding": {"left": 2, "right": 2, "top": 2, "bottom": bottom},
        "autosize": "none",
        "background": None,
        "config": {
            "aria": False,
            "font": "sans-serif",
            "view": {"stroke": None},
            "text": {"fontSize": _LETTERS},
            "axis": {"labelFontSize": 12, "labelColor": SOFT, "gridColor": "#e3e6ea"},
        },
    }
