"""`godigital return`: a partner's bad rows as a workbook that the partner corrects and sends back."""

from pathlib import Path
from typing import Annotated

import typer

from flows.commands.options import Data, Raw, country_code, existing_vault, fail, settings_of


def return_rows(
    partner: Annotated[str, typer.Argument(help="CC/partner, e.g. TH/NRD.", show_default=False)],
    out: Annotated[
        Path | None,
        typer.Option(help="Workbook to write; <CC>-<partner>-to-correct.xlsx in this folder without it."),
    ] = None,
    raw: Raw = None,
    data: Data = None,
) -> None:
    """Write a partner's rejected and odd rows as a workbook to correct and send back. It holds personal data."""
    from flows.contracts.partners import UnknownCountryError, find_partners
    from flows.returns.rows_to_return import ReturnError, gather_rows
    from flows.returns.write_workbook import write_return

    settings = settings_of(raw, data)
    country, _, folder = partner.partition("/")
    code = country_code(country)
    try:
        found = find_partners(settings.raw, [code])
    except UnknownCountryError as error:
        fail(str(error))
    broken = [item for item in found.broken if item.partner_id == f"{code}-{folder}"]
    if broken:
        fail(broken[0].message)
    chosen = [item for item in found.usable if item.folder.name == folder]
    if not chosen:
        known = ", ".join(f"{code}/{item.folder.name}" for item in found.usable)
        fail(f"{partner}: no such partner; write it as CC/partner, there are {known}")
    with existing_vault(settings, "return") as con:
        try:
            back = gather_rows(con, chosen[0])
        except ReturnError as error:
            fail(str(error))
    if not back.rows:
        typer.echo(f"{chosen[0].partner_id}: no row is rejected or looks odd; nothing to send back.")
        return
    file = out or Path(f"{chosen[0].partner_id}-to-correct.xlsx")
    try:
        write_return(file, back)
    except OSError as error:
        fail(f"{file}: cannot be written ({error.strerror}); name another file with --out")
    rejected = sum(row.is_rejected for row in back.rows)
    typer.echo(
        f"{rejected} rejected and {len(back.rows) - rejected} odd rows written to {file}. The file holds personal "
        "data: keep it between you and the partner."
    )
    typer.echo("Put what comes back into the partner's source, under any name, and run again.")
