"""`godigital explain` and `godigital trainee`: why two records are one person, and what happened to a person."""

from typing import TYPE_CHECKING, Annotated

import typer

from flows.commands.identity import print_events, print_judgements
from flows.commands.options import Data, Raw, existing_vault, settings_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import Console

    from warehouse.identity.judgements import Judgement
    from warehouse.identity.review.explain import Explanation, Link


def explain(
    one: Annotated[str, typer.Argument(help="A record or trainee id, or the beginning of one.", show_default=False)],
    other: Annotated[str, typer.Argument(help="Another one.", show_default=False)],
    raw: Raw = None,
    data: Data = None,
) -> None:
    """Explain why two records, or two trainees, are one person or two. Shows personal data."""
    from rich.console import Console

    from warehouse.identity.linkage.model import load_model
    from warehouse.identity.review.explain import explain as explain_pair
    from warehouse.identity.review.explain import find_pair

    settings = settings_of(raw, data)
    with existing_vault(settings, "explain") as con:
        found = explain_pair(con, load_model(), find_pair(con, one, other))
    console = Console() if Console().is_terminal else Console(width=120)
    _print_result(console, found)
    _print_chain(console, found.chain)
    _print_judged(console, found.judgements)


def _print_result(console: "Console", found: "Explanation") -> None:
    """Print both records, whether they are one person, the reasons, and the evidence."""
    from flows.review.screen import evidence_table, records_table

    console.print(records_table(found.one, found.other))
    result = f"One person, {found.one.trainee_id}." if found.is_one_person else "Two people."
    console.print(result, style="bold", highlight=False)
    for sentence in found.because:
        console.print(f"- {sentence}", highlight=False, markup=False)
    if found.evidence is not None:
        console.print(evidence_table(found.evidence))
    if found.keys:
        keys = ", ".join(
            f"{key.name} ({key.carriers} records have it{'' if key.is_open else ', too many'})" for key in found.keys
        )
        console.print(f"Shared blocking keys: {keys}.", highlight=False, markup=False)


def _print_chain(console: "Console", chain: "Sequence[Link]") -> None:
    """Print the links that lead from one record to the other, where others stand between them."""
    if len(chain) < 2:
        return
    for number, link in enumerate(chain, start=1):
        weight = "judged the same" if link.weight is None else f"{link.weight:.1f} bits"
        names = f"{link.one.full_name} [{link.one.record_id[:8]}] - {link.other.full_name} [{link.other.record_id[:8]}]"
        console.print(f"  {number}. {names}: {weight}", highlight=False, markup=False)


def _print_judged(console: "Console", judgements: "Sequence[Judgement]") -> None:
    for item in judgements:
        state = f", undone by {item.undone_by}" if item.undone_at else ""
        why = f": {item.why}" if item.why else ""
        console.print(
            f"Judgement {item.judgement_id}: {item.verdict}, {item.judged_by}, {item.judged_at:%Y-%m-%d}{why}{state}",
            highlight=False,
            markup=False,
        )


def trainee(
    identifier: Annotated[
        str, typer.Argument(metavar="ID", help="A trainee id, or the beginning of one.", show_default=False)
    ],
    raw: Raw = None,
    data: Data = None,
) -> None:
    """Show a person's records, and the merges and splits over the releases. Shows personal data."""
    from flows.commands.console import print_table
    from warehouse.identity.review.history import read_trainee

    settings = settings_of(raw, data)
    with existing_vault(settings, "trainee") as con:
        found = read_trainee(con, identifier)
    known = found.known
    if known.was_retired:
        typer.echo(f"{known.asked} was merged; this person is {known.trainee_id} today.")
    typer.echo(f"Trainee {known.trainee_id}: {len(known.record_ids)} records.")
    for alias in found.aliases:
        typer.echo(f"Also known as {alias.retired_id}, merged in release {alias.release_number}.")
    print_table(
        ("record", "name", "in Latin letters", "sex", "born", "partner", "training", "file and row", "counts"),
        [
            (
                item.record_id[:12],
                item.full_name,
                item.latin_name,
                item.sex,
                item.birth,
                item.partner,
                item.training,
                item.source,
                "yes" if item.disposition == "accepted" else item.disposition,
            )
            for item in found.records
        ],
        title="Records",
    )
    print_events(found.events, "What happened")
    if found.judgements:
        print_judgements(found.judgements, "Judgements about these records")
