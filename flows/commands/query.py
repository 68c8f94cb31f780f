"""The commands about the published warehouse: `sql`, `releases`, `rollback`."""

import sys
from typing import Annotated

import typer

from flows.commands.options import (
    Data,
    Json,
    Raw,
    fail,
    settings_of,
)
from flows.settings import Settings


def sql(
    query: Annotated[str, typer.Argument(help="One SELECT.", show_default=False)],
    raw: Raw = None,
    data: Data = None,
    json_output: Json = False,
) -> None:
    """Query the published release: read-only, without access to files or the network."""
    from flows.commands.console import print_table
    from warehouse.release.query import QueryError
    from warehouse.release.query import query as run_query

    settings = settings_of(raw, data)
    try:
        result = run_query(settings.data / "warehouse.duckdb", query, settings.query_memory_limit, settings.threads)
    except QueryError as error:
        fail(str(error))
    print_table(result.columns, result.rows, json_output=json_output)


def releases(raw: Raw = None, data: Data = None, json_output: Json = False) -> None:
    """List the releases that are kept; the current one is marked."""
    print_releases(settings_of(raw, data), json_output)


def print_releases(settings: Settings, json_output: bool) -> None:
    """Print the releases that are kept, the current one marked."""
    from flows.commands.console import print_table
    from warehouse.release.frozen_log import FreezeError, in_force
    from warehouse.release.releases import list_releases, unreadable_manifests

    try:
        frozen = in_force(settings.data)
    except FreezeError as error:
        fail(str(error))
    rows = [
        (
            item.number,
            item.is_current,
            " ".join(entry.label for entry in frozen if entry.release_number == item.number),
            item.manifest["built_at"],
            item.manifest["tables"]["core_trainee"]["rows"],
            item.manifest["input_hash"][:12],
        )
        for item in list_releases(settings.data)
    ]
    for damage in unreadable_manifests(settings.data):
        sys.stderr.write(f"WARNING {damage}\n")
    heading = ("release", "current", "frozen as", "built at (UTC)", "trainees", "inputs")
    print_table(heading, rows, json_output=json_output, title="Releases")


def rollback(
    number: Annotated[int, typer.Argument(help="Release to point back to.", show_default=False)],
    raw: Raw = None,
    data: Data = None,
) -> None:
    """Make an earlier release the published one. The next run with something new publishes a later number."""
    from warehouse.release import publish
    from warehouse.release.releases import PublishError
    from warehouse.storage.locks import LockedError

    settings = settings_of(raw, data)
    try:
        publish.rollback(settings.data, number)
    except (PublishError, LockedError) as error:
        fail(str(error))
    typer.echo(f"Release {number} is published again.")
