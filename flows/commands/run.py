"""The commands that run the pipeline: `run`, `watch`, `reprocess`."""

import os
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Annotated, NoReturn

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
from flows.run.result import OnProgress, RunRequest, RunResult
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
        result = run_or_refuse(settings, RunRequest(tuple(countries) if countries else None, source, survey_source))
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
    from flows.commands.watch import parse_interval, run_repeatedly

    if once == (every is not None):
        raise typer.BadParameter("write either --once or --every 15m", param_hint="--every")
    try:
        seconds = None if every is None else parse_interval(every)
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="--every") from error
    codes = tuple(country_code(code) for code in country) if country else None
    raise typer.Exit(run_repeatedly(settings_of(raw, data), RunRequest(codes, source, survey_source), seconds))


def reprocess(country: Country, raw: Raw = None, data: Data = None, json_output: Json = False) -> None:
    """Read a country's landed deliveries again under today's contracts, publish, and print what changed."""
    from flows.commands.reach_changes import reach_changes, read_reach

    settings = settings_of(raw, data)
    before = read_reach(settings.data)
    result = run_or_refuse(settings, RunRequest((country_code(country),), reread=True))
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
    request: RunRequest,
    *,
    refuse: Callable[[str], NoReturn] | None = None,
    display: AbstractContextManager[OnProgress] | None = None,
) -> RunResult:
    """Run the pipeline; if it cannot run, say why in a sentence and end the command.

    Args:
        settings: Where everything is.
        request: What to run.
        refuse: Called with the sentence instead of ending the command; raises.
        display: Shows the progress; bars or lines of standard error without it.
    """
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
        with display or progress_display(is_silent=as_json) as on_progress:
            return execute(settings, request, on_progress=on_progress)
    except (BuildError, LockedError, PublishError, UnknownCountryError, VaultError) as error:
        sentence = str(error)
    except OSError as error:
        # the published release stays, and the next run continues
        sentence = say_refused(error)
    if as_json:
        log.error("refused", extra={"text": sentence})
    return (refuse or (_exit_silently if as_json else fail))(sentence)


def _exit_silently(_: str) -> NoReturn:
    """End the command; the log has the sentence, and any other line in it would not be JSON."""
    raise typer.Exit(1)


def result_lines(result: RunResult) -> list[str]:
    """Return a line for each failure, warning and finding of a run."""
    return [
        *map(str, result.failures),
        *(f"WARNING {warning}" for warning in result.warnings),
        *(f"LOOK AT {finding}" for finding in result.findings),
    ]


def _print_result(result: RunResult, settings: Settings, json_output: bool) -> None:
    from flows.commands.console import print_table
    from flows.run.counts import COUNT_HEADINGS

    rows = [tuple(vars(item).values()) for item in result.counts]
    print_table(COUNT_HEADINGS, rows, json_output=json_output, thousands=True)
    if settings.log == "text":
        # a log of JSON has them already
        for line in result_lines(result):
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
