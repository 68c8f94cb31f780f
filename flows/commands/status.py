"""The commands that show what arrived: `status`, `rejected`, `export-links`."""

from pathlib import Path
from typing import Annotated

import typer

from flows.commands.options import (
    Country,
    Data,
    Json,
    Raw,
    country_code,
    fail,
    require_vault,
    settings_of,
    with_vault,
)
from flows.commands.query import print_releases


def status(raw: Raw = None, data: Data = None, json_output: Json = False) -> None:
    """Show the releases, what each partner sent and when, and what failed."""
    from flows.commands.console import print_table
    from flows.commands.tables import delivery_rows, failed_answers, partner_rows, survey_counts
    from flows.contracts.partners import UnknownCountryError, find_partners
    from warehouse.storage.data_folder import DataFolder

    settings = settings_of(raw, data)
    require_vault(settings)
    folder = DataFolder(settings.data)
    names, rows = with_vault(lambda: delivery_rows(folder))
    if json_output:
        print_table(names, rows, json_output=True)
        return
    print_releases(settings, False)
    print_table(*with_vault(lambda: partner_rows(folder)), title="Partners", thousands=True)
    answers = with_vault(lambda: survey_counts(folder))
    if answers[1]:
        print_table(*answers, title="Follow-up survey", thousands=True)
    for item in (dict(zip(names, row, strict=True)) for row in rows):
        if item["outcome"] in ("failed", "held"):
            typer.echo(f"{item['outcome'].upper()} {item['partner']} [{item['error']}]\n{item['message']}")
    for survey, code, message in with_vault(lambda: failed_answers(folder)):
        typer.echo(f"FAILED {survey} [{code}]\n{message}")
    try:
        for broken in find_partners(settings.raw).broken:
            typer.echo(f"FAILED {broken.partner_id} [contract_invalid]\n{broken.message}")
    except UnknownCountryError as error:
        typer.echo(str(error))


def rejected(
    country: Country,
    out: Annotated[Path, typer.Option(help="CSV to write.", show_default=False)],
    partner: Annotated[str | None, typer.Option(help="Only this partner (its folder's name).")] = None,
    survey: Annotated[bool, typer.Option("--survey", help="Rows of the follow-up survey instead.")] = False,
    raw: Raw = None,
    data: Data = None,
) -> None:
    """Write a country's rejected rows in the partner's own columns, with reasons. The file holds personal data."""
    from flows.commands.tables import own_headings, write_rejected
    from flows.contracts.partners import UnknownCountryError, find_partners
    from warehouse.storage.data_folder import DataFolder

    settings = settings_of(raw, data)
    code = country_code(country)
    if survey:
        from flows.commands.tables import write_rejected_answers

        count = with_vault(lambda: write_rejected_answers(DataFolder(settings.data), settings.raw, code, out))
        typer.echo(
            f"{count} rejected rows of the survey written to {out}. The file holds personal data: keep it private."
        )
        return
    try:
        found = find_partners(settings.raw, [code])
    except UnknownCountryError as error:
        fail(str(error))
    known = {item.folder.name for item in found.usable} | {item.partner_id[3:] for item in found.broken}
    if partner is not None and partner not in known:
        fail(f"{partner}: no such partner in {code}; there are {', '.join(sorted(known))}")
    partner_id = f"{code}-{partner}" if partner else None
    headings = {item.partner_id: own_headings(item) for item in found.usable}
    count = with_vault(lambda: write_rejected(DataFolder(settings.data), code, partner_id, out, headings))
    typer.echo(
        f"{count} rejected rows written to {out}. The file holds personal data: keep it between you and the partner."
    )


def export_links(
    out: Annotated[Path, typer.Option(help="Folder to write to.", show_default=False)],
    raw: Raw = None,
    data: Data = None,
) -> None:
    """Write where every row went, accepted.parquet and rejected.parquet. Private: it links rows to trainees."""
    from flows.commands.tables import export_links as write
    from warehouse.storage.data_folder import DataFolder

    settings = settings_of(raw, data)
    accepted, refused = with_vault(lambda: write(DataFolder(settings.data), out))
    typer.echo(f"{accepted} accepted and {refused} rejected rows written to {out} (private).")
