"""Names a published figure: from what a person types to one cell of one table, or a sentence that says what there is.

`report_reach VN women`, `report_reach_by VN 2021-Q3 sex F` and `report_course country_code=TH course_code=DL101` are
such names: the table, its keys in their order or as key=value, and the figure.
"""

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import Any

import duckdb

from warehouse.release.reach_figures import REACH_COLUMNS

_LISTED = 24
# one wrong letter of two, in a code of a country, is still like it
_ALIKE = 0.5


class CellError(ValueError):
    """There is no such figure; the message lists what there is."""


@dataclass(frozen=True)
class Traceable:
    """A table whose figures can be traced: keys in order, those that may be left out, figures, the first by default.

    figures: column -> indicator of the catalogue that says it in words; empty: the column's own description does.
    """

    keys: tuple[str, ...]
    figures: Mapping[str, str]
    defaults: Mapping[str, str] = field(default_factory=dict)


TRACEABLE = {
    "report_reach": Traceable(
        ("country_code",),
        {column: indicator for indicator, column in REACH_COLUMNS.items()},
    ),
    "report_reach_by": Traceable(
        ("country_code", "quarter", "dimension", "dimension_value", "indicator_code"),
        {"people": ""},
        {"quarter": "ALL", "dimension": "all", "dimension_value": "all", "indicator_code": "people_reached"},
    ),
    "report_course": Traceable(
        ("country_code", "quarter", "course_code"),
        {
            "trainees": "people_reached",
            "participations": "participations",
            "participations_with_hours": "participations_with_hours",
            "hours_attended": "hours_attended",
        },
        {"quarter": "ALL", "course_code": "ALL"},
    ),
    "report_target": Traceable(("target_code", "quarter"), {"people": "", "denominator": ""}, {"quarter": "latest"}),
    "report_data_quality": Traceable(
        ("partner_id", "month"),
        {
            "rows_accepted": "",
            "rows_in": "",
            "rows_rejected": "",
            "rows_superseded": "",
            "rows_repeated": "",
            "rows_structural": "",
            "rows_flagged": "",
            "rows_without_birth_date": "rows_without",
            "rows_without_age": "rows_without",
            "rows_without_sex": "rows_without",
            "rows_without_phone": "rows_without",
        },
    ),
}
_OTHER_NAMES = {"people_reached": "trainees"}


@dataclass(frozen=True)
class Cell:
    """One published figure: table, keys as they are published, the column, its value, and what it is in words."""

    table: str
    keys: Mapping[str, str]
    figure: str
    value: float
    words: str

    @property
    def name(self) -> str:
        """The figure as it can be typed again."""
        keys = " ".join(shlex.quote(value) for value in self.keys.values())
        return f"{self.table} {keys} {self.figure}"


def parse_figure(words: Sequence[str]) -> tuple[str, dict[str, str], str]:
    """Return table, keys given (as typed) and figure of what somebody typed, in one word or several.

    Raises:
        CellError: no such table, no such key, too many words.
    """
    tokens = _tokens(words)
    if not tokens:
        raise CellError(f"say which figure; {what_can_be_traced()}")
    table, rest = tokens[0], tokens[1:]
    if table not in TRACEABLE:
        raise CellError(f"{table}: figures of this table cannot be traced; {what_can_be_traced()}")
    spec = TRACEABLE[table]
    keys: dict[str, str] = {}
    figures: list[str] = []
    bare: list[str] = []
    for token in rest:
        name, sign, value = token.partition("=")
        if sign and name in spec.keys:
            keys[name] = value
        elif sign and name == "figure":
            figures.append(value)
        elif sign:
            raise CellError(f"{name}: no key of {table}; its keys are {', '.join(spec.keys)}, and figure")
        else:
            bare.append(token)
    for token in bare:
        figure = token if token in spec.figures else _OTHER_NAMES.get(token, "")
        if figure in spec.figures:
            figures.append(figure)
        elif "indicator_code" in spec.keys and token.startswith("people_"):
            keys["indicator_code"] = token
        else:
            free = [name for name in spec.keys if name not in keys]
            if not free:
                known = ", ".join(spec.figures)
                raise CellError(f"{token}: neither a key nor a figure of {table}; its figures are {known}")
            keys[free[0]] = token
    if len(figures) > 1:
        raise CellError(f"one figure at a time, not {' and '.join(figures)}")
    figure = figures[0] if figures else next(iter(spec.figures))
    if figure not in spec.figures:
        raise CellError(f"{figure}: no figure of {table} that can be traced; there are {', '.join(spec.figures)}")
    return table, keys, figure


def _tokens(words: Sequence[str]) -> list[str]:
    """What was typed, word by word; `F x 18-24` and `not stated` are one."""
    try:
        # one word with blanks is the whole name; in several, the shell has done the quoting
        raw = shlex.split(words[0]) if len(words) == 1 else list(words)
    except ValueError as error:
        raise CellError(f"{words[0]}: a quotation mark is not closed") from error
    joined: list[str] = []
    for word in raw:
        before = joined[-1] if joined else ""
        is_crossed = bool(before) and (word == "x" or before.endswith(" x"))
        if is_crossed or (before.endswith("not") and word == "stated"):
            joined[-1] = f"{before} {word}"
        else:
            joined.append(word)
    return joined


def what_can_be_traced() -> str:
    """Return a sentence that lists tables, their keys and figures."""
    lines = [f"  {table} {' '.join(spec.keys)}: {', '.join(spec.figures)}" for table, spec in sorted(TRACEABLE.items())]
    return "\n".join(("these can be traced (table, keys: figures):", *lines))


def find_cell(con: duckdb.DuckDBPyConnection, words: Sequence[str]) -> Cell:
    """Return the published figure that somebody named.

    Args:
        con: Its default database is the release.
        words: What was typed.

    Raises:
        CellError: there is no such figure.
    """
    table, given, figure = parse_figure(words)
    spec = TRACEABLE[table]
    known = {name for (name,) in con.execute("SELECT table_name FROM information_schema.tables").fetchall()}
    if table not in known:
        raise CellError(f"{table} is not in this release; it was published by an earlier version of the program")
    keys: dict[str, str] = {}
    for name in spec.keys:
        wanted = given.get(name, spec.defaults.get(name))
        if wanted is None:
            there = ", ".join(_values(con, table, name, keys))
            raise CellError(f"say which {name} of {table}: there is {there}")
        keys[name] = _published(con, table, name, keys, wanted)
    where, values = _where(keys)
    row = con.execute(f"SELECT {figure} FROM {table} WHERE {where}", values).fetchone()
    if row is None:
        raise CellError(f"{table} has no line {_said(keys)}: lines without people are left out")
    if row[0] is None:
        raise CellError(f"{table} says no {figure} of {_said(keys)}: there it plays no part")
    return Cell(table, keys, figure, row[0], _in_words(con, table, keys, figure))


def _published(con: duckdb.DuckDBPyConnection, table: str, name: str, keys: Mapping[str, str], wanted: str) -> str:
    """The value as published; capitals do not matter."""
    if (table, name, wanted) == ("report_target", "quarter", "latest"):
        where, values = _where(keys)
        row = con.execute(f"SELECT max(quarter) FROM {table} WHERE {where}", values).fetchone()
        return str(row[0]) if row else wanted
    there = _values(con, table, name, keys)
    by_fold = {value.casefold(): value for value in there}
    if wanted.casefold() in by_fold:
        return by_fold[wanted.casefold()]
    near = get_close_matches(wanted.casefold(), list(by_fold), n=3, cutoff=_ALIKE)
    hint = f"; did you mean {' or '.join(by_fold[value] for value in near)}?" if near else ""
    shown = ", ".join(there[:_LISTED]) + (" and more" if len(there) > _LISTED else "")
    beside = f" beside {_said(keys)}" if keys else ""
    raise CellError(f"{wanted}: no {name} of {table}{beside}{hint}\nthere is: {shown or 'nothing'}")


def _values(con: duckdb.DuckDBPyConnection, table: str, name: str, keys: Mapping[str, str]) -> list[str]:
    where, values = _where(keys)
    rows = con.execute(f"SELECT DISTINCT {name} FROM {table} WHERE {where} ORDER BY ALL", values)
    return [str(value) for (value,) in rows.fetchall()]


def _where(keys: Mapping[str, str]) -> tuple[str, list[str]]:
    return " AND ".join(["TRUE", *(f"{name} = ?" for name in keys)]), list(keys.values())


def _said(keys: Mapping[str, str]) -> str:
    return " ".join(f"{name}={shlex.quote(value)}" for name, value in keys.items())


def _in_words(con: duckdb.DuckDBPyConnection, table: str, keys: Mapping[str, str], figure: str) -> str:
    code: Any = TRACEABLE[table].figures[figure] or keys.get("indicator_code")
    if table == "report_target":
        rows = con.execute(
            "SELECT indicator_code FROM report_target WHERE target_code = ?", [keys["target_code"]]
        ).fetchone()
        code = None if rows is None else rows[0]
    row = con.execute(
        "SELECT indicator_title, numerator, denominator_text FROM catalogue WHERE indicator_code = ?", [code]
    ).fetchone()
    if row is None:
        comment = con.execute(
            "SELECT comment FROM duckdb_columns() WHERE table_name = ? AND column_name = ?", [table, figure]
        ).fetchone()
        return str(comment[0]) if comment else figure
    title, numerator, denominator = row
    if table == "report_target":
        return f"{title}: {denominator if figure == 'denominator' else numerator}, up to the end of the quarter"
    return f"{title}: {numerator}"
