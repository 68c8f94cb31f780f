"""What a person sees: progress bars on a terminal, plain lines elsewhere, tables, and tables as JSON."""

import datetime as dt
import json
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from flows.run.result import OnProgress, no_progress


def _jsonable(value: Any) -> Any:
    if isinstance(value, dt.date | dt.datetime):
        return value.isoformat()
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, tuple):
        return [_jsonable(item) for item in value]
    return str(value)


def as_json(columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> str:
    """Return a table as a JSON array of objects, days in ISO 8601."""
    objects = [{name: _jsonable(value) for name, value in zip(columns, row, strict=True)} for row in rows]
    return json.dumps(objects, ensure_ascii=False, indent=2)


def print_table(
    columns: Sequence[str],
    rows: Sequence[Sequence[Any]],
    *,
    json_output: bool = False,
    title: str | None = None,
    thousands: bool = False,
) -> None:
    """Print a table for a person, or as JSON on request; `thousands` only where every number is a count."""
    if json_output:
        # written as it is: a terminal's width must not break a string
        sys.stdout.write(as_json(columns, rows) + "\n")
        return
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(title=title, box=box.SIMPLE_HEAD, title_justify="left", pad_edge=False)
    for index, name in enumerate(columns):
        numeric = any(isinstance(row[index], int | float) and not isinstance(row[index], bool) for row in rows)
        table.add_column(Text(name), justify="right" if numeric else "left", overflow="fold")
    for row in rows:
        table.add_row(*(Text("" if value is None else _shown(value, thousands)) for value in row))
    console = Console()
    if not console.is_terminal:
        # a file or a pipe has no width: never cut a figure there
        console = Console(width=max(console.width, 240))
    console.print(table)


def _shown(value: Any, thousands: bool) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int) and thousands:
        return f"{value:,}"
    return str(value)


@contextmanager
def progress_display(*, is_silent: bool = False) -> Iterator[OnProgress]:
    """A bar per stage and country on a terminal; else a plain line when one is done; nothing where that is asked."""
    if is_silent:
        yield no_progress
        return
    if not sys.stderr.isatty():
        yield _print_progress
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    bars = Progress(
        TextColumn("{task.fields[stage]:<9}"),
        BarColumn(bar_width=30),
        MofNCompleteColumn(),
        TextColumn("{task.fields[what]:<4}"),
        TimeElapsedColumn(),
        console=Console(stderr=True),
        transient=False,
    )
    tasks: dict[tuple[str, str], Any] = {}

    def show(stage: str, what: str, done: int, total: int) -> None:
        key = (stage, what)
        if key not in tasks:
            tasks[key] = bars.add_task(stage, total=total, stage=stage, what=what)
        bars.update(tasks[key], completed=done, total=total, what=what)
        if done >= total:
            bars.stop_task(tasks[key])

    with bars:
        yield show


def _print_progress(stage: str, what: str, done: int, total: int) -> None:
    # one line when a country or a stage is done, none in between: people read a log later
    if done >= total:
        sys.stderr.write(f"{stage:<9} {what:<4} {done}/{total}\n")
        sys.stderr.flush()
