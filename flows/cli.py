"""The command line, `godigital`: every command with its options, examples and exit codes."""

import os
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer

from flows import release_commands
from flows.backup_commands import BACKUP_EXAMPLES, RESTORE_EXAMPLES, backup, restore
from flows.doctor_command import DOCTOR_EXAMPLES, doctor
from flows.export_commands import EXPORT_EXAMPLES, docs, export
from flows.hold_commands import HOLD_EXAMPLES, release_hold
from flows.identity_commands import identity_app
from flows.options import Country, Data, Json, Raw, country_code, fail, require_vault, settings_of, with_vault
from flows.reconcile_commands import RECONCILE_EXAMPLES, reconcile
from flows.report_commands import REPORT_EXAMPLES, report
from flows.return_commands import return_rows
from flows.review_commands import explain, review_app, trainee
from flows.settings import Settings

app = typer.Typer(
    name="godigital",
    help="Partner training logs of ten countries: validated, deduplicated, published as one DuckDB warehouse.",
    no_args_is_help=True,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    add_completion=False,
)
partner_app = typer.Typer(help="Check partners' contracts, or draft one from a delivery.", no_args_is_help=True)
app.add_typer(partner_app, name="partner")
app.add_typer(identity_app, name="identity")
app.add_typer(review_app, name="review")
app.command("explain", epilog="Examples:\n\n  godigital explain 9c1f e07b\n\n  godigital explain t3fk t9qa")(explain)
app.command("return", epilog="Example:\n\n  godigital return TH/NRD --out th-to-correct.xlsx")(return_rows)
app.command("release-hold", epilog=HOLD_EXAMPLES)(release_hold)
app.command("doctor", epilog=DOCTOR_EXAMPLES)(doctor)
app.command("backup", epilog=BACKUP_EXAMPLES)(backup)
app.command("restore", epilog=RESTORE_EXAMPLES)(restore)
app.command("report", epilog=REPORT_EXAMPLES)(report)
app.command("trainee", epilog="Example:\n\n  godigital trainee t3fk")(trainee)
app.command("reconcile", epilog=RECONCILE_EXAMPLES)(reconcile)
app.command("docs", epilog="Examples:\n\n  godigital docs\n\n  godigital docs --out public")(docs)
app.command("export", epilog=EXPORT_EXAMPLES)(export)

app.command("diff", epilog="Examples:\n\n  godigital diff\n\n  godigital diff 3 7\n\n  godigital diff 2021-Q3")(
    release_commands.diff
)
app.command("freeze", epilog='Examples:\n\n  godigital freeze 2021-Q4 --reason "annual report"\n\n  godigital freeze')(
    release_commands.freeze
)
app.command(
    "trace",
    epilog="Examples:\n\n  godigital trace report_reach VN women\n\n"
    "  godigital trace report_reach_by VN 2021-Q3 sex F --out rows.xlsx\n\n"
    "  godigital trace report_course country_code=TH course_code=DL101 participations",
)(release_commands.trace)

RUN_EXAMPLES = """
Examples:

  godigital run

  godigital run --country VN --country TH

  godigital run --source '/deliveries/{country}-{partner}' --survey-source /deliveries/survey

Exit codes: 0 published, or nothing new; 2 published, but some partner or delivery failed; 1 nothing published.
"""


@app.command(epilog=RUN_EXAMPLES)
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


@app.command(epilog=WATCH_EXAMPLES)
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
    from flows.watch import Asked, parse_interval
    from flows.watch import watch as keep_watching

    if once == (every is not None):
        raise typer.BadParameter("write either --once or --every 15m", param_hint="--every")
    try:
        seconds = None if every is None else parse_interval(every)
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="--every") from error
    codes = tuple(country_code(code) for code in country) if country else None
    raise typer.Exit(keep_watching(settings_of(raw, data), Asked(codes, source, survey_source), seconds))


@app.command(epilog="Example:\n\n  godigital reprocess BN")
def reprocess(country: Country, raw: Raw = None, data: Data = None, json_output: Json = False) -> None:
    """Read a country's landed deliveries again under today's contracts, publish, and print what changed."""
    from flows.changes import reach_changes, read_reach

    settings = settings_of(raw, data)
    before = read_reach(settings.data)
    result = run_or_refuse(settings, [country_code(country)], reread=True)
    _print_result(result, settings, json_output)
    if not json_output:
        from flows.console import print_table

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
    from flows.console import progress_display
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
        sentence = _say_refused(error)
    if as_json:
        log.error("refused", extra={"text": sentence})
    return (refuse or (_end_without_a_word if as_json else fail))(sentence)


def _end_without_a_word(_: str) -> NoReturn:
    """Words among the lines of the log would break whoever reads it, and it has them."""
    raise typer.Exit(1)


def _say_refused(error: OSError) -> str:
    """The disk is full, or a folder may not be written."""
    # of two names the second is the one that was to be written
    what = f"{error.filename2 or error.filename or 'disk'}: {error.strerror or type(error).__name__}"
    return f"{what}; free space or mend permissions, then run again"


def lines_of(result: Any) -> list[str]:
    """Return what is to be said of a run beside its counts: failures, warnings, what to look at."""
    return [
        *map(str, result.failures),
        *(f"WARNING {warning}" for warning in result.warnings),
        *(f"LOOK AT {finding}" for finding in result.findings),
    ]


def _print_result(result: Any, settings: Settings, json_output: bool) -> None:
    from flows.console import print_table
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


@app.command(epilog="Examples:\n\n  godigital status\n\n  godigital status --json")
def status(raw: Raw = None, data: Data = None, json_output: Json = False) -> None:
    """Show the releases, what each partner sent and when, and what failed."""
    from flows.console import print_table
    from flows.contracts.partners import UnknownCountryError, find_partners
    from flows.survey_tables import failed_answers, survey_counts
    from flows.tables import delivery_rows, partner_rows
    from warehouse.storage.data_folder import DataFolder

    settings = settings_of(raw, data)
    require_vault(settings)
    folder = DataFolder(settings.data)
    names, rows = with_vault(lambda: delivery_rows(folder))
    if json_output:
        print_table(names, rows, json_output=True)
        return
    _print_releases(settings, False)
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


@app.command(epilog="Example:\n\n  godigital rejected VN --partner TYM --out vn-rejected.csv")
def rejected(
    country: Country,
    out: Annotated[Path, typer.Option(help="CSV to write.", show_default=False)],
    partner: Annotated[str | None, typer.Option(help="Only this partner (its folder's name).")] = None,
    survey: Annotated[bool, typer.Option("--survey", help="Rows of the follow-up survey instead.")] = False,
    raw: Raw = None,
    data: Data = None,
) -> None:
    """Write a country's rejected rows in the partner's own columns, with reasons. The file holds personal data."""
    from flows.contracts.partners import UnknownCountryError, find_partners
    from flows.tables import own_headings, write_rejected
    from warehouse.storage.data_folder import DataFolder

    settings = settings_of(raw, data)
    code = country_code(country)
    if survey:
        from flows.survey_tables import write_rejected_answers

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


@app.command(epilog='Example:\n\n  godigital sql "SELECT * FROM report_reach ORDER BY 1"')
def sql(
    query: Annotated[str, typer.Argument(help="One SELECT.", show_default=False)],
    raw: Raw = None,
    data: Data = None,
    json_output: Json = False,
) -> None:
    """Query the published release: read-only, without access to files or the network."""
    from flows.console import print_table
    from warehouse.release.query import QueryError
    from warehouse.release.query import query as run_query

    settings = settings_of(raw, data)
    try:
        result = run_query(settings.data / "warehouse.duckdb", query, settings.query_memory_limit, settings.threads)
    except QueryError as error:
        fail(str(error))
    print_table(result.columns, result.rows, json_output=json_output)


@app.command(epilog="Example:\n\n  godigital releases")
def releases(raw: Raw = None, data: Data = None, json_output: Json = False) -> None:
    """List the releases that are kept; the current one is marked."""
    _print_releases(settings_of(raw, data), json_output)


def _print_releases(settings: Settings, json_output: bool) -> None:
    from flows.console import print_table
    from warehouse.release.frozen_log import FreezeError, in_force
    from warehouse.release.releases import list_releases, unreadable_manifests

    try:
        frozen = in_force(settings.data)
    except FreezeError as error:
        fail(str(error))
    rows = [
        (
            item.number,
            item.is_current,
            " ".join(entry.label for entry in frozen if entry.release_number == item.number),
            item.manifest["built_at"],
            item.manifest["tables"]["core_trainee"]["rows"],
            item.manifest["input_hash"][:12],
        )
        for item in list_releases(settings.data)
    ]
    for damage in unreadable_manifests(settings.data):
        sys.stderr.write(f"WARNING {damage}\n")
    heading = ("release", "current", "frozen as", "built at (UTC)", "trainees", "inputs")
    print_table(heading, rows, json_output=json_output, title="Releases")


@app.command(epilog="Example:\n\n  godigital rollback 3")
def rollback(
    number: Annotated[int, typer.Argument(help="Release to point back to.", show_default=False)],
    raw: Raw = None,
    data: Data = None,
) -> None:
    """Make an earlier release the published one. The next run with something new publishes a later number."""
    from warehouse.release import publish
    from warehouse.release.releases import PublishError
    from warehouse.storage.locks import LockedError

    settings = settings_of(raw, data)
    try:
        publish.rollback(settings.data, number)
    except (PublishError, LockedError) as error:
        fail(str(error))
    typer.echo(f"Release {number} is published again.")


@app.command("export-links", epilog="Example:\n\n  godigital export-links --out private/links")
def export_links(
    out: Annotated[Path, typer.Option(help="Folder to write to.", show_default=False)],
    raw: Raw = None,
    data: Data = None,
) -> None:
    """Write where every row went, accepted.parquet and rejected.parquet. Private: it links rows to trainees."""
    from flows.tables import export_links as write
    from warehouse.storage.data_folder import DataFolder

    settings = settings_of(raw, data)
    accepted, refused = with_vault(lambda: write(DataFolder(settings.data), out))
    typer.echo(f"{accepted} accepted and {refused} rejected rows written to {out} (private).")


@partner_app.command("check", epilog="Examples:\n\n  godigital partner check\n\n  godigital partner check VN/TYM")
def partner_check(
    partner: Annotated[str | None, typer.Argument(help="CC/partner; all without it.")] = None,
    raw: Raw = None,
    data: Data = None,
    json_output: Json = False,
) -> None:
    """Hold contracts against their examples and samples; nothing is loaded."""
    from flows.console import print_table
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


def main() -> None:
    """Entry point of the command; what the disk refuses, whatever the command, is said in a sentence."""
    try:
        app()
    except OSError as error:
        sys.stderr.write(_say_refused(error) + "\n")
        sys.exit(1)


if __name__ == "__main__":
    main()
