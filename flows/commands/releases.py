"""Commands about releases and their figures: what changed and why, what was reported, what a figure is made of."""

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from flows.commands.options import Data, Json, Raw, existing_vault, fail, require_vault, settings_of

if TYPE_CHECKING:
    from flows.settings import Settings
    from warehouse.lineage.freeze import Baseline
    from warehouse.lineage.trace import Trace
    from warehouse.release.frozen_log import Frozen

_ROWS_SHOWN = 200


def diff(
    a: Annotated[
        str | None, typer.Argument(help="Earlier release: number or frozen label.", show_default=False)
    ] = None,
    b: Annotated[str | None, typer.Argument(help="Later release; the current one without it.")] = None,
    all_lines: Annotated[bool, typer.Option("--all", help="Also figures that did not change.")] = False,
    raw: Raw = None,
    data: Data = None,
    json_output: Json = False,
) -> None:
    """Say why figures changed from one release to a later one: people by cause, which add up to the difference.

    Without A: the release before the current one.
    """
    from flows.commands.console import print_table
    from warehouse.lineage.restate import explain

    settings = settings_of(raw, data)
    require_vault(settings)
    earlier, later = _two_releases(settings, a, b)
    with existing_vault(settings, "diff") as con:
        heading, lines = explain(con, settings.data, earlier.release, later.release)
    if json_output:
        print_table(heading, lines, json_output=True)
        return
    # a cause that plays no part anywhere needs no column
    used = [place for place, _ in enumerate(heading) if place < 5 or any(line[place] for line in lines)]
    changed = [line for line in lines if all_lines or any(line[4:])]
    title = f"Release {later.release.number} against {_called(earlier)}"
    if not changed:
        typer.echo(f"{title}: no figure changed.")
        return
    print_table(
        [heading[place].removeprefix("by_").replace("_", " ") for place in used],
        [[line[place] for place in used] for line in changed],
        title=title,
    )
    if any(line[heading.index("by_unrecorded")] for line in lines):
        typer.echo(
            f"Of release {earlier.release.number} no record was kept of what it was made of: "
            "its changes cannot be put down to causes."
        )


def _two_releases(settings: "Settings", a: str | None, b: str | None) -> "tuple[Baseline, Baseline]":
    from warehouse.lineage.freeze import Baseline, find_baseline
    from warehouse.release.frozen_log import FreezeError
    from warehouse.release.releases import PublishError, list_releases, require_release

    try:
        now = require_release(settings.data, None)
        later = Baseline(str(now.number), now) if b is None else find_baseline(settings.data, b)
        if a is not None:
            earlier = find_baseline(settings.data, a)
        else:
            before = [item for item in list_releases(settings.data) if item.number < later.release.number]
            if not before:
                fail(f"no release before {later.release.number} is kept: there is nothing to compare with")
            earlier = Baseline(str(before[-1].number), before[-1])
    except (FreezeError, PublishError) as error:
        fail(str(error))
    if earlier.release.number > later.release.number:
        fail(f"release {earlier.release.number} is the later one: godigital diff {b or later.name} {a}")
    return earlier, later


def _called(item: "Baseline") -> str:
    number = str(item.release.number)
    return number if item.name == number else f"{number} ({item.name})"


def freeze(
    label: Annotated[str | None, typer.Argument(help="Name it was reported under, such as 2021-Q4.")] = None,
    release: Annotated[int | None, typer.Option(help="The release; the current one without it.")] = None,
    reason: Annotated[str, typer.Option(help="Why, for the log; needed with --remove.")] = "",
    by: Annotated[str | None, typer.Option(help="Who freezes it; the user of this computer without it.")] = None,
    remove: Annotated[bool, typer.Option("--remove", help="End it: the release is pruned like any other.")] = False,
    raw: Raw = None,
    data: Data = None,
    json_output: Json = False,
) -> None:
    """Keep a release for ever as what was officially reported; without LABEL list them, each read again.

    Later releases show reported and restated figures in report_frozen. A label is used once.
    """
    from warehouse.identity.judgements import user_name
    from warehouse.lineage import freeze as freezing
    from warehouse.release.frozen_log import FreezeError
    from warehouse.release.releases import PublishError
    from warehouse.storage.locks import LockedError

    settings = settings_of(raw, data)
    who = by or user_name() or "unknown"
    try:
        if label is None:
            _list_frozen(settings, json_output)
        elif remove:
            entry = freezing.let_go(settings.data, label, by=who, reason=reason)
            typer.echo(f"{label} is let go: release {entry.release_number} may be pruned. The log keeps who and why.")
        else:
            entry = freezing.freeze(settings.data, label, release, by=who, reason=reason)
            typer.echo(f"Release {entry.release_number} is frozen as {label}; sha256 {entry.file_sha256}.")
            typer.echo("Releases from the next one on show it in report_frozen; `godigital diff` can use it now.")
    except (FreezeError, LockedError, PublishError) as error:
        fail(str(error))


def _list_frozen(settings: "Settings", json_output: bool) -> None:
    from flows.commands.console import print_table
    from warehouse.lineage.freeze import damage
    from warehouse.release.frozen_log import read_log

    entries = read_log(settings.data)
    problems = {entry.label: damage(settings.data, entry) for entry in entries if entry.is_in_force}
    heading = ("label", "release", "frozen at (UTC)", "by", "reason", "sha256", "state")
    rows = [
        (
            entry.label,
            entry.release_number,
            entry.frozen_at,
            entry.frozen_by,
            entry.reason,
            entry.file_sha256,
            _state(entry, problems.get(entry.label, "")),
        )
        for entry in entries
    ]
    print_table(heading, rows, json_output=json_output, title="Frozen releases")
    if any(problems.values()):
        raise typer.Exit(1)


def _state(entry: "Frozen", problem: str) -> str:
    if not entry.is_in_force:
        return f"let go on {entry.removed_at} by {entry.removed_by}: {entry.removed_why}"
    return f"DAMAGED: {problem}; restore it from the backup" if problem else "as it was frozen"


def trace(
    figure: Annotated[list[str], typer.Argument(help="Table, its keys in order or as key=value, and the figure.")],
    release: Annotated[int | None, typer.Option(help="The release; the current one without it.")] = None,
    rows: Annotated[bool, typer.Option("--rows", help="Print the rows themselves; private.")] = False,
    out: Annotated[Path | None, typer.Option(help="Write the rows to this .csv or .xlsx; private.")] = None,
    raw: Raw = None,
    data: Data = None,
    json_output: Json = False,
) -> None:
    """Go from a published figure down to the deliveries and rows it is made of, and check that they add up.

    Traced is the release as it was published, whatever the vault holds by now.
    """
    from flows.commands.private_file import SUFFIXES, write_rows
    from warehouse.lineage.figure_names import CellError
    from warehouse.lineage.trace import trace as find
    from warehouse.release.releases import PublishError, require_release
    from warehouse.release.snapshots import SnapshotError

    settings = settings_of(raw, data)
    require_vault(settings)
    if out is not None and out.suffix.lower() not in SUFFIXES:
        fail(f"{out}: rows are written as .csv or .xlsx")
    try:
        chosen = require_release(settings.data, release)
        found = find(settings.data, chosen.number, chosen.path, figure)
    except (CellError, PublishError, SnapshotError) as error:
        fail(str(error))
    notes, columns, lines = _rows_of(settings, found, rows or out is not None)
    notes += _moved_on(settings, chosen.number, chosen.manifest["input_hash"])
    _print_trace(found, json_output)
    for note in notes:
        sys.stderr.write(f"NOTE {note}\n")
    if rows and not json_output:
        from flows.commands.console import print_table

        print_table(columns, lines[:_ROWS_SHOWN], title="Rows (private)")
        if len(lines) > _ROWS_SHOWN:
            typer.echo(f"{_ROWS_SHOWN} of {len(lines)} rows shown; --out FILE writes all.")
    if out is not None:
        write_rows(out, columns, lines)
        if not json_output:
            typer.echo(f"{len(lines)} rows written to {out}. Private: rows and trainee ids lead to people (mode 0600).")
    if not found.agrees:
        fail(f"What was found adds up to {found.traced}, but {found.cell.value} was published: a defect of the program")


def _rows_of(
    settings: "Settings", found: "Trace", wanted: bool
) -> tuple[list[str], Sequence[str], Sequence[Sequence[Any]]]:
    """Notes, columns and rows; rows that did not count are fetched from the vault, where somebody asked for them."""
    from warehouse.lineage.trace import ROW_COLUMNS, VAULT_ROW_COLUMNS, rows_of_vault

    if found.rows is not None:
        return [], ROW_COLUMNS, found.rows
    if not wanted:
        return [], VAULT_ROW_COLUMNS, []
    with existing_vault(settings, "trace") as con:
        lines, changed = rows_of_vault(con, found)
    notes = []
    if found.cell.figure in ("rows_in", "rows_structural"):
        notes.append("sub-totals and footers are counted, not kept: of them there are no rows to show")
    if changed:
        notes.append(
            f"since the release the vault holds other rows of {', '.join(changed)}: the counts above are the "
            "release's, the rows of these deliveries are today's"
        )
    return notes, VAULT_ROW_COLUMNS, lines


def _moved_on(settings: "Settings", number: int, input_hash: str) -> list[str]:
    from warehouse.assemble import input_hash as of_vault
    from warehouse.identity.judgement_table import decided

    with existing_vault(settings, "trace") as con:
        is_same = of_vault(con, decided(con).judged) == input_hash
    if is_same:
        return []
    return [
        f"the vault, the rules or the program have moved on since release {number}: traced is release {number} as it "
        "was published, by the record that was kept of it"
    ]


def _print_trace(found: "Trace", json_output: bool) -> None:
    from flows.commands.console import print_table

    heading = ("delivery", "partner", "file", "period", "received", "rows", "people", "counted")
    lines = [
        (
            part.delivery_id,
            part.partner_id,
            part.name,
            part.period,
            part.date_received,
            part.rows,
            part.people,
            part.counted,
        )
        for part in found.deliveries
    ]
    cell = found.cell
    if json_output:
        said: dict[str, Any] = {
            "figure": cell.name,
            "release": found.release_number,
            "definition": cell.words,
            "published": cell.value,
            "traced": found.traced,
            "people": found.people,
            "agrees": found.agrees,
        }
        said["deliveries"] = [dict(zip(heading, line, strict=True)) for line in lines]
        sys.stdout.write(json.dumps(said, ensure_ascii=False, indent=2) + "\n")
        return
    typer.echo(f"{cell.name} = {cell.value}   (release {found.release_number})")
    typer.echo(cell.words)
    if found.people is not None:
        typer.echo(f"{found.people} people in {sum(part.rows for part in found.deliveries)} rows")
    print_table(heading, lines, title="By delivery")
    if found.measure == "people":
        typer.echo("People overlap over deliveries; `counted` has everybody once, where the first of the rows is.")
    if found.agrees:
        typer.echo(f"It adds up: {found.traced} found, {cell.value} published.")
