"""`godigital reconcile`: compares published numbers with each other and with the release."""

import sys
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from flows.commands.options import Data, Json, Raw, fail, settings_of
from flows.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Sequence

    from flows.claims.against_release import ReleaseFigures
    from flows.claims.findings import Finding

RECONCILE_EXAMPLES = """
Examples:

  godigital reconcile

  godigital reconcile annual-report-2022.yml --json

Exit codes: 0 all is consistent; 2 something differs, or lacks its denominator; 1 the file cannot be used.
"""
_TITLES = {
    "fails": "Does not fit",
    "lacks": "Is lacking",
    "holds": "Fits",
    "shown": "For information",
}


def reconcile(
    claims: Annotated[
        Path | None,
        typer.Argument(help="File of claims; claims/published.yml of the raw folder without it.", show_default=False),
    ] = None,
    raw: Raw = None,
    data: Data = None,
    json_output: Json = False,
) -> None:
    """Compare published numbers with each other and with the release: sums, shares, targets, units, denominators."""
    from flows.claims.against_release import compare_with_release
    from flows.claims.check import reconcile as check
    from flows.claims.findings import needs_attention
    from schemas.claims import ClaimsError, load_claims

    settings = settings_of(raw, data)
    try:
        file = load_claims(claims or settings.raw / "claims" / "published.yml")
    except ClaimsError as error:
        fail(str(error))
    found = check(file)
    compared = compare_with_release(file, _release_figures(settings))
    if json_output:
        _print_json([*found, *compared])
    else:
        _print_findings(found)
        _print_compared(compared)
    raise typer.Exit(2 if needs_attention([*found, *compared]) else 0)


def _release_figures(settings: Settings) -> "ReleaseFigures | None":
    from flows.claims.against_release import read_release_figures
    from warehouse.release.query import QueryError

    warehouse = settings.data / "warehouse.duckdb"
    if not warehouse.is_file():
        return None
    try:
        return read_release_figures(warehouse, settings.query_memory_limit, settings.threads)
    except QueryError as error:
        # without a release the claims are still compared with each other
        sys.stderr.write(f"WARNING the release cannot be read; `godigital run` builds a new one: {error}\n")
        return None


def _print_json(findings: "Sequence[Finding]") -> None:
    from flows.claims.findings import Finding
    from flows.commands.console import print_table

    names = tuple(field.name for field in fields(Finding))
    rows: list[tuple[Any, ...]] = [(item.severity, *(getattr(item, name) for name in names)) for item in findings]
    print_table(("severity", *names), rows, json_output=True)


def _print_findings(findings: "Sequence[Finding]") -> None:
    from flows.commands.console import print_table

    for severity, title in _TITLES.items():
        chosen = [item for item in findings if item.severity == severity]
        if not chosen:
            continue
        rows = [
            (item.kind, item.relation or ", ".join(item.claims), f"{item.arithmetic}\n{item.meaning}", item.ask)
            for item in chosen
        ]
        asks = any(item.ask for item in chosen)
        heading = ("finding", "about", "arithmetic", *(("ask",) if asks else ()))
        print_table(heading, [row if asks else row[:3] for row in rows], title=title)


def _print_compared(findings: "Sequence[Finding]") -> None:
    from flows.commands.console import print_table

    for item in findings:
        if not item.arithmetic:
            typer.echo(f"{item.meaning}{' (' + ', '.join(item.claims) + ')' if item.claims else ''}")
    rows = [
        (", ".join(item.claims), item.country, item.kind, item.arithmetic, item.meaning)
        for item in findings
        if item.arithmetic
    ]
    if rows:
        print_table(("claim", "country", "finding", "arithmetic", "meaning"), rows, title="Compared with the release")
