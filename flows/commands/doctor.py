"""The command that says what is wrong with an installation and what to do about it."""

import sys
from typing import Annotated

import typer

from flows.commands.options import Data, Json, Raw, settings_of

DOCTOR_EXAMPLES = """
Examples:

  godigital doctor

  godigital doctor --fix

  godigital doctor --offline --json

Exit codes: 0 all well, warnings allowed; 2 something is wrong.
"""


def doctor(
    fix: Annotated[
        bool, typer.Option("--fix", help="Set modes, remove what killed runs left, lead a lost link to a release.")
    ] = False,
    offline: Annotated[bool, typer.Option("--offline", help="Do not ask the partners' sources.")] = False,
    raw: Raw = None,
    data: Data = None,
    json_output: Json = False,
) -> None:
    """Say what is wrong with this installation, and what to do about it: everything is read again, nothing is changed.

    A vault that is in use is waited for a few seconds, and then left out.
    """
    from flows.commands.console import print_table
    from flows.doctor.examine import Asked, examine
    from warehouse.doctor.observed import State, has_failure

    settings = settings_of(raw, data)
    observed = examine(settings, Asked(fix=fix, offline=offline), _tell if sys.stderr.isatty() else lambda area: None)
    if sys.stderr.isatty():
        _tell("")
    rows = [(item.area, str(item.state), item.sentence, item.action) for item in observed]
    heading = ("area", "state", "what", "what to do")
    if json_output:
        print_table(heading, rows, json_output=True)
    else:
        # an area is named once
        shown = [
            (area if at == 0 or rows[at - 1][0] != area else "", state, what, action)
            for at, (area, state, what, action) in enumerate(rows)
        ]
        print_table(heading, shown)
        states = [item.state for item in observed]
        wrong, odd = states.count(State.FAILURE), states.count(State.WARNING)
        typer.echo(f"{wrong} wrong, {odd} worth a look, {len(states) - wrong - odd} well.")
    raise typer.Exit(2 if has_failure(observed) else 0)


def _tell(area: str) -> None:
    """Keep the line that is being waited for on a terminal."""
    sys.stderr.write(f"\r\x1b[K{area}" if area else "\r\x1b[K")
    sys.stderr.flush()
