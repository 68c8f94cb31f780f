"""The command `godigital release-hold`: what is held back for a decision, and the decision that it counts."""

import datetime as dt
from typing import Annotated

import typer

from flows.commands.identity import named
from flows.commands.options import By, Data, Json, Raw, existing_vault, fail, settings_of

HOLD_EXAMPLES = """
Examples:

  godigital release-hold

  godigital release-hold 3f9a1c20 --why "the partner retrained everybody in spring"
"""


def release_hold(
    delivery: Annotated[str | None, typer.Argument(help="Delivery's id, or how it begins; lists them without.")] = None,
    why: Annotated[str, typer.Option(help="The reason, kept for ever.")] = "",
    by: By = None,
    raw: Raw = None,
    data: Data = None,
    json_output: Json = False,
) -> None:
    """List deliveries that are held back, or decide that one counts; the next run takes it in."""
    from flows.commands.console import print_table
    from warehouse.vault import holds

    settings = settings_of(raw, data)
    with existing_vault(settings, "release-hold") as con:
        if delivery is None:
            rows = [
                (item.delivery_id, item.partner_id, item.date_received, item.name, item.code)
                for item in holds.held(con)
            ]
            print_table(
                ("delivery", "partner", "received", "name", "why"), rows, json_output=json_output, title="Held back"
            )
            return
        if not why.strip():
            fail("say why it counts: --why")
        try:
            item = holds.release(con, delivery.strip(), named(by), why.strip(), dt.datetime.now(dt.UTC))
        except holds.HoldError as error:
            fail(str(error))
    typer.echo(f"{item.delivery_id} of {item.partner_id} counts from the next run on: godigital run")
