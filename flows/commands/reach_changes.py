"""What a publication changed: figure by figure, against the release that was current before."""

from pathlib import Path
from typing import Any

from warehouse.release.query import QueryError, query

Reach = dict[str, dict[str, int]]


def read_reach(data: Path) -> Reach:
    """Return report_reach of the current release, country -> figure -> people; empty where there is none."""
    try:
        result = query(data / "warehouse.duckdb", "SELECT * FROM report_reach ORDER BY country_code")
    except QueryError:
        return {}
    figures = result.columns[1:]
    return {country: dict(zip(figures, values, strict=True)) for country, *values in result.rows}


def reach_changes(before: Reach, after: Reach) -> list[tuple[Any, ...]]:
    """Return (country, figure, before, after, difference) for every figure that differs."""
    rows = []
    for country in sorted({*before, *after}):
        old, new = before.get(country, {}), after.get(country, {})
        for figure in dict.fromkeys([*new, *old]):
            was, now = old.get(figure, 0), new.get(figure, 0)
            if was != now:
                rows.append((country, figure, was, now, now - was))
    return rows
