"""`godigital docs` and `godigital export`: the data dictionary, and a release as open data."""

from pathlib import Path
from typing import Annotated

import typer

from flows.commands.options import Data, Raw, fail, settings_of

EXPORT_EXAMPLES = """
Examples:

  godigital export open-data

  godigital export open-data --minimum-cell 10

  godigital export tables --release 3 --tables report_reach --tables report_target
"""


def docs(
    out: Annotated[Path | None, typer.Option(help="Folder to write to; docs/ of the data folder without it.")] = None,
    raw: Raw = None,
    data: Data = None,
) -> None:
    """Write the data dictionary: every table, column, indicator, band and target, as HTML and as Markdown."""
    from warehouse.export.dictionary import write_data_dictionary

    folder = out if out is not None else settings_of(raw, data).data / "docs"
    try:
        written = write_data_dictionary(folder)
    except OSError as error:
        fail(f"the data dictionary cannot be written: {error}")
    for path in written:
        typer.echo(f"{path} written.")


def export(
    folder: Annotated[
        Path, typer.Argument(metavar="DIR", help="Folder to write to: new, empty, or an earlier export.")
    ],
    release: Annotated[
        int | None, typer.Option(help="Number of a release that is kept; the published one without it.")
    ] = None,
    tables: Annotated[list[str] | None, typer.Option(help="Only this table; may be repeated.")] = None,
    without: Annotated[list[str] | None, typer.Option(help="Not this table; may be repeated.")] = None,
    with_people: Annotated[
        bool,
        typer.Option(
            "--with-people",
            help="Also tables with a line for each person: no names, but personal data all the same. Not to publish.",
        ),
    ] = False,
    minimum_cell: Annotated[
        int | None, typer.Option(help="Hide counts of fewer people than this, and what would tell them.")
    ] = None,
    raw: Raw = None,
    data: Data = None,
) -> None:
    """Write a release as open data: tables as CSV and Parquet, results as IATI, a Frictionless Data Package."""
    from schemas.programme import load_programme
    from warehouse.export.export import ExportError, export_release
    from warehouse.export.readme_text import Selection
    from warehouse.release.releases import PublishError, require_release

    settings = settings_of(raw, data)
    chosen = Selection(tuple(tables or ()), tuple(without or ()), with_people, minimum_cell)
    try:
        done = export_release(
            require_release(settings.data, release),
            folder,
            chosen,
            programme_name=load_programme().name,
            memory_limit=settings.query_memory_limit,
            threads=settings.threads,
        )
    except (ExportError, PublishError, OSError) as error:
        fail(str(error))
    typer.echo(f"Release {done.release_number}: {len(done.rows)} tables written to {done.folder}.")
    if with_people:
        typer.echo("The folder holds a line for each person, and is yours alone to read: personal data.", err=True)
    if done.warning:
        typer.echo(done.warning, err=True)
