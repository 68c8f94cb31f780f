"""`godigital docs` and `godigital export`: the data dictionary, and a release as open data."""

from pathlib import Path
from typing import Annotated

import typer

from flows.options import Data, Raw, fail, settings_of


def docs(
    out: Annotated[Path | None, typer.Option(help="Folder to write to; docs/ of the data folder without it.")] = None,
    raw: Raw = None,
    data: Data = None,
) -> None:
    """Write the data dictionary: every table, column, indicator, band and target, as HTML and as Markdown."""
    from warehouse.describe import write_data_dictionary

    folder = out if out is not None else settings_of(raw, data).data / "docs"
    try:
        written = write_data_dictionary(folder)
    except OSError as error:
        fail(f"the data dictionary cannot be written: {error}")
    for path in written:
        typer.echo(f"{path} written.")
