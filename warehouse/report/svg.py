"""Draws Vega-Lite charts as SVG that can stand within a page: no script, no address outside, names of its own."""

import re
from collections.abc import Mapping
from html import escape
from typing import Any

_NAMESPACES = re.compile(r'\s(?:xmlns(?::xlink)?|version)="[^"]*"')
_TAG = re.compile(r"<[^>]+>")
# roles that no reader of pages knows: the chart is one picture
_SPOKEN = re.compile(r'\s(?:role|aria-[a-z]+)="[^"]*"')
_NAMED = re.compile(r'(?:(?<=\bid=")|(?<=url\(#))([A-Za-z_]+)(\d+)')


def draw_svg(spec: Mapping[str, Any], name: str, attributes: str, inside: str = "") -> str:
    """Return the chart as one SVG element; the same chart and name give the same text.

    Args:
        spec: Vega-Lite.
        name: Letters, digits and hyphens, of one chart of the page: what the chart names within itself begins with it.
        attributes: Of the element, as text of HTML.
        inside: What stands first in the element, as text of HTML.
    """
    # seconds of imports, needed only where something is drawn
    import vl_convert

    head, _, body = str(vl_convert.vegalite_to_svg(dict(spec))).partition(">")
    head = _NAMESPACES.sub("", head).replace("<svg", f"<svg {attributes}", 1)
    numbers: dict[str, int] = {}

    def rename(match: re.Match[str]) -> str:
        # the library counts on from chart to chart
        number = numbers.setdefault(match[0], len(numbers) + 1)
        return f"{name}-{match[1]}{number}"

    silent = _TAG.sub(lambda tag: _SPOKEN.sub("", tag[0]), body)
    return f"{head}>{inside}{_NAMED.sub(rename, silent)}"


def draw_described(spec: Mapping[str, Any], name: str, title: str, description: str) -> str:
    """Return the chart with its title and description for those who hear the page; both may hold any characters."""
    names = f"{name}-title {name}-desc"
    spoken = f'<title id="{name}-title">{escape(title)}</title><desc id="{name}-desc">{escape(description)}</desc>'
    return draw_svg(spec, name, f'role="img" aria-labelledby="{names}"', spoken)
