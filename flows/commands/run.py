"""The commands that run the pipeline: `run`, `watch`, `reprocess`."""

import os
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Annotated, Any, NoReturn

import typer

from flows.commands.options import (
    Country,
    Data,
    Json,
    Raw,
    country_code,
    fail,
    say_refused,
    settings_of,
)
from flows.settings import Settings

RUN_EXAMPLES = """
Examples:

  godigital run

  godigital run --country VN --country TH

  godigital run --source '/deliveries/{country}-{partner}' --survey-source /deliveries/survey

Exit codes: 0 published, or nothing new; 2 published, but some partner or delivery failed; 1 nothing published.
"""


def run(
    country: Annotated[list[str] | None, typer.Option(help="Only this country; may be repeated.")] = None,
    source: Annotated[
        str | None,
        typer.Option(help="Pull from this URL in this run, with {country} and {partner} filled in."),
    ] = None,
    survey_source: Annotated[
        str | None,
        typer.Option(help="Pull the follow-up survey from this URL in this run, {country} and {survey} filled in."),
    ] = None,
    prefect: Annotated[bool, typer.Option("--prefect", help="Run as a Prefect flow, on record there.")] = False,
    raw: Raw = None,
    data: Data = None,
    json_output: Json = False,
) -> None:
    """Pull what partners sent, validate, deduplicate, and publish a release if anything is new."""
    settings = settings_of(raw, data)
    countries = [country_code(code) for code in country] if country else None
    if prefect:
        from flows.pipeline import run_pipeline

        # the flow has no options for folders: it reads the same settings from its environment
        os.environ["GODIGITAL_RAW"], os.environ["GODIGITAL_DATA"] = str(settings.raw), str(settings.data)
        result = run_pipeline(countries=countries, source=source, survey_source=survey_source)
    else:
        result = run_or_refuse(settings, countries, source=source, survey_source=survey_source)
    _print_result(result, settings, json_output)
    raise typer.Exit(result.exit_code)


WATCH_EXAMPLES = """
Examples:

  godigital watch --every 15m

  godigital watch --every 1d --source '/deliveries/{country}-{partner}'

  godigital watch --once

A line for each run: when, the release or "nothing new", failures, seconds. The first SIGTERM or Ctrl-C ends it after
the run in progress, the second at once; nothing is lost either way. Exit codes of --once: those of `godigital run`.
"""


def watch(
    once: Annotated[bool, typer.Option("--once", help="Run once, with the report, and end.")] = False,
    every: Annotated[str | None, typer.Option(help="Time from start to start: 90s, 15m, 1h or 1d.")] = None,
    country: Annotated[list[str] | None, typer.Option(help="Only this country; may be repeated.")] = None,
    source: Annotated[str | None, typer.Option(help="As of `godigital run`.")] = None,
    survey_source: Annotated[str | None, typer.Option(help="As of `godigital run`.")] = None,
    raw: Raw = None,
    data: Data = None,
) -> None:
    """Run again and again without a server, and make the report after each publication; no failure ends it."""
    from flows.commands.watch import Asked, parse_interval
    from flows.commands.watch import watch as keep_watching

    if once == (every is not None):
        raise typer.BadParameter("write either --once or --every 15m", param_hint="--every")
    try:
        seconds = None if every is None else parse_interval(every)
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="--every") from error
    codes = tuple(country_code(code) for code in country) if country else None
    raise typer.Exit(keep_watching(settings_of(raw, data), Asked(codes, source, survey_source), seconds))


def reprocess(country: Country, raw: Raw = None, data: Data = None, json_output: Json = False) -> None:
    """Read a country's landed deliveries again under today's contracts, publish, and print what changed."""
    from flows.commands.reach_changes import reach_changes, read_reach

    settings = settings_of(raw, data)
    before = read_reach(settings.data)
    result = run_or_refuse(settings, [country_code(country)], reread=True)
    _print_result(result, settings, json_output)
    if not json_output:
        from flows.commands.console import print_table

        rows = reach_changes(before, read_reach(settings.data))
        if rows:
            print_table(("country", "figure", "before", "after", "change"), rows, title="What changed")
        else:
            typer.echo("No figure of report_reach changed.")
    raise typer.Exit(result.exit_code)


def run_or_refuse(
    settings: Settings,
    countries: list[str] | None,
    *,
    source: str | None = None,
    survey_source: str | None = None,
    reread: bool = False,
    refuse: Callable[[str], NoReturn] | None = None,
    display: AbstractContextManager[Any] | None = None,
) -> Any:
    """Run the pipeline, its progress on `display`; whatever forbids it, `refuse` is told, or the command ends."""
    from flows.commands.console import progress_display
    from flows.contracts.partners import UnknownCountryError
    from flows.run.execute import execute
    from flows.run.journal import log, log_as_json
    from warehouse.release.build import BuildError
    from warehouse.release.releases import PublishError
    from warehouse.storage.locks import LockedError
    from warehouse.vault.open import VaultError

    as_json = settings.log == "json"
    if as_json:
        log_as_json()
    try:
        with display or progress_display(is_silent=as_json) as progress:
            return execute(
                settings, countries, source=source, survey_source=survey_source, reread=reread, progress=progress
            )
    except (BuildError, LockedError, PublishError, UnknownCountryError, VaultError) as error:
        sentence = str(error)
    except OSError as error:
        # whatever was published stays, and a rerun goes on
        sentence = say_refused(error)
    if as_json:
        log.error("refused", extra={"text": sentence})
    return (refuse or (_end_without_a_word if as_json else fail))(sentence)


def _end_without_a_word(_: str) -> NoReturn:
    """Words among the lines of the log would break whoever reads it, and it has them."""
    raise typer.Exit(1)


def lines_of(result: Any) -> list[str]:
    """Return what is to be said of a run beside its counts: failures, warnings, what to look at."""
    return [
        *map(str, result.failures),
        *(f"WARNING {warning}" for warning in result.warnings),
        *(f"LOOK AT {finding}" for finding in result.findings),
    ]


def _print_result(result: Any, settings: Settings, json_output: bool) -> None:
    from flows.commands.console import print_table
    from flows.run.counts import COUNT_HEADINGS

    rows = [tuple(vars(item).values()) for item in result.counts]
    print_table(COUNT_HEADINGS, rows, json_output=json_output, thousands=True)
    if settings.log == "text":
        # the log has them already
        for line in lines_of(result):
            sys.stderr.write(f"{line}\n")
    if json_output:
        return
    warehouse = settings.data / "warehouse.duckdb"
    if result.current is None:
        typer.echo("Nothing published: no delivery could be read.")
        return
    if result.published is None:
        typer.echo(f"Nothing new. Release {result.current} stays.")
    else:
        typer.echo(f"Release {result.published} published; {result.read} deliveries read.")
    typer.echo(f"Warehouse: {warehouse}")
    typer.echo('Query it:  uv run godigital sql "SELECT * FROM report_reach ORDER BY 1"')
