"""`godigital identity`: people merged and split by hand, what happened so far, weights trained and evaluated."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from flows.commands.evaluate import EVALUATE_EXAMPLES, TRAIN_EXAMPLES, evaluate, train
from flows.commands.options import By, Data, Json, Raw, existing_vault, fail, settings_of
from flows.settings import Settings

if TYPE_CHECKING:
    import duckdb

    from warehouse.identity.review.corrections import Correction
    from warehouse.identity.review.history import Event, JudgementGroup

identity_app = typer.Typer(
    help="Correct who is the same person, train the weights, evaluate what was found.", no_args_is_help=True
)
identity_app.command(epilog=EVALUATE_EXAMPLES)(evaluate)
identity_app.command(epilog=TRAIN_EXAMPLES)(train)

Why = Annotated[str, typer.Option(help="The reason, for whoever asks later.", show_default=False)]
Trainee = Annotated[str, typer.Argument(help="Trainee id, or the beginning of one.", show_default=False)]


@identity_app.command("merge", epilog='Example:\n\n  godigital identity merge t3fk t9qa --why "one woman, two phones"')
def merge(one: Trainee, other: Trainee, why: Why, by: By = None, raw: Raw = None, data: Data = None) -> None:
    """Make two trainees one person, and publish. The older id stays, the other leads to it from then on."""
    from warehouse.identity.review.corrections import merge_trainees

    settings = settings_of(raw, data)
    who = named(by)
    correct(settings, "identity merge", lambda con: merge_trainees(con, one, other, by=who, why=why))


@identity_app.command(
    "split", epilog='Example:\n\n  godigital identity split t3fk --records 9c1f,e07b --why "the daughter"'
)
def split(
    trainee: Trainee,
    records: Annotated[
        str, typer.Option(help="Records that are somebody else: ids or their beginnings, with commas between.")
    ],
    why: Why,
    by: By = None,
    raw: Raw = None,
    data: Data = None,
) -> None:
    """Make some records of a trainee another person, and publish."""
    from warehouse.identity.review.corrections import split_trainee

    settings = settings_of(raw, data)
    who = named(by)
    chosen = [part for part in records.replace(",", " ").split() if part]
    correct(settings, "identity split", lambda con: split_trainee(con, trainee, chosen, by=who, why=why))


@identity_app.command(
    "undo", epilog='Examples:\n\n  godigital identity undo j12\n\n  godigital identity undo e1540 --why "wrong"'
)
def undo(
    identifier: Annotated[
        str, typer.Argument(metavar="ID", help="A judgement (j12), or a merge or split (e34).", show_default=False)
    ],
    why: Annotated[str, typer.Option(help="The reason, for whoever asks later.")] = "",
    by: By = None,
    raw: Raw = None,
    data: Data = None,
) -> None:
    """Take back a judgement, or a merge or split of whatever cause, and publish. Earlier ids come back."""
    from warehouse.identity.review.corrections import undo as take_back

    settings = settings_of(raw, data)
    who = named(by)
    correct(settings, "identity undo", lambda con: take_back(con, identifier, by=who, why=why))


@identity_app.command(
    "history", epilog="Examples:\n\n  godigital identity history\n\n  godigital identity history t3fk"
)
def history(
    trainee: Annotated[
        str | None, typer.Argument(help="Only what concerns this trainee; an id, or the beginning of one.")
    ] = None,
    limit: Annotated[int, typer.Option(min=1, help="Only the last so many events, and as many judgements.")] = 50,
    raw: Raw = None,
    data: Data = None,
    json_output: Json = False,
) -> None:
    """List merges, splits and judgements with the ids by which they can be taken back."""
    from flows.commands.console import print_table
    from warehouse.identity.judgement_table import read_judgements
    from warehouse.identity.review.history import groups_of, read_events, read_trainee

    settings = settings_of(raw, data)
    with existing_vault(settings, "identity history") as con:
        if trainee is None:
            events, groups = read_events(con, limit=limit), groups_of(read_judgements(con))
        else:
            person = read_trainee(con, trainee)
            events, groups = person.events, person.judgements
    events, groups = events[-limit:], groups[-limit:]
    if json_output:
        # one array: what a program reads must be one document
        merged = [
            (item.event_id, f"release {item.release_number}", "", item.sentence, item.cause, "") for item in events
        ]
        shared = ("id", "when", "who", "what", "why", "taken back")
        print_table(shared, [*merged, *map(_judgement_row, groups)], json_output=True)
        return
    print_events(events, "Merges and splits")
    print_judgements(groups, "Judgements")


def print_events(events: "Sequence[Event]", title: str) -> None:
    """Print merges, splits and revivals, a line each."""
    from flows.commands.console import print_table

    rows = [(item.event_id, item.release_number, item.sentence, item.cause, "; ".join(item.behind)) for item in events]
    print_table(("id", "release", "what", "because of", "judgements"), rows, title=title)


def print_judgements(groups: "Sequence[JudgementGroup]", title: str) -> None:
    """Print judgements, a line for each command."""
    from flows.commands.console import print_table

    print_table(
        ("id", "when (UTC)", "who", "judgement", "why", "taken back"), [*map(_judgement_row, groups)], title=title
    )


def _judgement_row(item: "JudgementGroup") -> tuple[str, ...]:
    return item.group_id, item.judged_at, item.judged_by, item.sentence, item.why, item.undone


def named(by: str | None) -> str:
    """Return who judges, or stop and ask for a name."""
    from warehouse.identity.judgements import user_name

    name = (by or user_name()).strip()
    if not name:
        fail("nobody is named who judges; give a name with --by")
    return name


def correct(settings: Settings, purpose: str, write: "Callable[[duckdb.DuckDBPyConnection], Correction]") -> None:
    """Write a correction, publish what comes of it, and say what changed.

    The vault is held from the judgement to the release: a run that is reading meanwhile waits to load, and finds
    the judgement there. No country is locked, because nothing of a country is read or loaded.
    """
    from warehouse.storage.transactions import transaction

    with existing_vault(settings, purpose) as con:
        with transaction(con):
            done = write(con)
        publish_now(settings, con)
    if done.made:
        typer.echo(f"Take it back with: godigital identity undo {done.group_id}")
    if done.made and done.taken_back:
        typer.echo(f"Judgements that gave way: {', '.join(done.taken_back)}")


def publish_now(settings: Settings, con: "duckdb.DuckDBPyConnection") -> None:
    """Publish what the open vault holds, and print what it changed: people, and figures of report_reach."""
    from flows.commands.console import print_table, progress_display
    from flows.commands.reach_changes import reach_changes, read_reach
    from flows.run.execute import finish
    from flows.run.journal import Journal
    from warehouse.identity.review.history import read_events
    from warehouse.release.build import BuildError
    from warehouse.release.releases import PublishError

    before = read_reach(settings.data)
    try:
        with progress_display() as on_progress:
            result = finish(con, settings, [], (), Journal("judge"), on_progress)
    except (BuildError, PublishError) as error:
        fail(f"the judgement is kept, but nothing could be published: {error}")
    for warning in result.warnings:
        typer.echo(f"WARNING {warning}", err=True)
    if result.published is None:
        typer.echo(f"Kept. Nothing changes in what is published: release {result.current} stays.")
        return
    typer.echo(f"Release {result.published} published.")
    events = read_events(con, release=result.published)
    for item in events:
        typer.echo(f"{item.event_id}: {item.sentence}")
    if not events:
        typer.echo("No person changed.")
    rows = reach_changes(before, read_reach(settings.data))
    if rows:
        print_table(("country", "figure", "before", "after", "change"), rows, title="What changed")
    else:
        typer.echo("No figure of report_reach changed.")
