"""The command that writes the report of a release: HTML pages for people who do not query."""

from pathlib import Path
from typing import Annotated

import typer

from flows.commands.options import Data, Raw, country_code, fail, settings_of

REPORT_EXAMPLES = """
Examples:

  godigital report --open

  godigital report --release 3 --out /tmp/report

  godigital report --country VN
"""


def report(
    release: Annotated[int | None, typer.Option(help="Release to report on; the current one without it.")] = None,
    out: Annotated[
        Path | None, typer.Option(help="Folder to write to; report/release-<number> in the data folder without it.")
    ] = None,
    country: Annotated[
        str | None, typer.Option(help="Only the page of this country, to be handed on by itself, without links.")
    ] = None,
    open_page: Annotated[bool, typer.Option("--open", help="Open the report in the browser.")] = False,
    synthetic: Annotated[
        bool, typer.Option("--synthetic", help="Call the data synthetic, also where deliveries are no samples.")
    ] = False,
    raw: Raw = None,
    data: Data = None,
) -> None:
    """Write the report of a release: one page of all countries and one of each, to be opened offline and printed."""
    from warehouse.release.query import QueryError
    from warehouse.release.releases import PublishError, require_release
    from warehouse.report.figures import ReportError
    from warehouse.report.render import make_report, publish_report, report_folder

    settings = settings_of(raw, data)
    try:
        chosen = require_release(settings.data, release)
    except PublishError as error:
        fail(str(error))
    code = None if country is None else country_code(country)
    try:
        if out is None and code is None:
            written = publish_report(
                settings.data, chosen.number, chosen.path, is_current=chosen.is_current, synthetic=synthetic
            )
        else:
            folder = out or report_folder(settings.data, chosen.number, code)
            written = make_report(chosen.path, folder, country=code, synthetic=synthetic)
    except (QueryError, ReportError) as error:
        fail(str(error))
    except OSError as error:
        fail(f"{error.filename or 'disk'}: {error.strerror or type(error).__name__}; the report is not complete")
    typer.echo(f"Report on release {chosen.number}: {written[0]}")
    if open_page:
        typer.launch(written[0].resolve().as_uri())
