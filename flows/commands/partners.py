"""The commands about contracts: `partner check`, `partner new`."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from flows.commands.options import (
    Data,
    Json,
    Raw,
    fail,
    settings_of,
)

partner_app = typer.Typer(help="Check partners' contracts, or draft one from a delivery.", no_args_is_help=True)


@partner_app.command("check", epilog="Examples:\n\n  godigital partner check\n\n  godigital partner check VN/TYM")
def partner_check(
    partner: Annotated[str | None, typer.Argument(help="CC/partner; all without it.")] = None,
    raw: Raw = None,
    data: Data = None,
    json_output: Json = False,
) -> None:
    """Hold contracts against their examples and samples; nothing is loaded."""
    from flows.commands.console import print_table
    from flows.contracts.partners import UnknownCountryError
    from flows.onboarding.check import check_partners

    settings = settings_of(raw, data)
    try:
        results = check_partners(settings, partner)
    except UnknownCountryError as error:
        fail(str(error))
    rows = [
        (item.partner_id, item.deliveries, item.rows, item.valid, item.rejected, len(item.problems)) for item in results
    ]
    print_table(("partner", "deliveries", "rows", "valid", "rejected", "problems"), rows, json_output=json_output)
    for item in results:
        for problem in item.problems:
            sys.stderr.write(f"{item.partner_id}: {problem}\n")
    raise typer.Exit(1 if any(item.problems for item in results) else 0)


@partner_app.command("new", epilog="Example:\n\n  godigital partner new TL/CEPAD --from attendance-2021-03.xlsx")
def partner_new(
    partner: Annotated[str, typer.Argument(help="CC/partner of the new folder.", show_default=False)],
    from_file: Annotated[Path, typer.Option("--from", help="A delivery of this partner.", show_default=False)],
    raw: Raw = None,
    data: Data = None,
) -> None:
    """Draft a contract from a delivery, without copying anything of it; then edit and check."""
    from flows.contracts.partners import UnknownCountryError
    from flows.onboarding.check import new_partner

    settings = settings_of(raw, data)
    try:
        path = new_partner(settings, partner, from_file)
    except (UnknownCountryError, FileExistsError, FileNotFoundError, ValueError) as error:
        fail(str(error))
    typer.echo(f"{path} drafted. Read every line marked TODO or to be confirmed.")
    typer.echo(
        f"Put a small invented delivery into {path.parent / 'sample'}, or set `source` to where the real ones are."
    )
    typer.echo(f"Then: godigital partner check {partner}")
