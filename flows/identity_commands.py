"""The commands about who is the same person, `godigital identity`: here they are put together."""

import typer

from flows.evaluate_commands import EVALUATE_EXAMPLES, TRAIN_EXAMPLES, evaluate, train

identity_app = typer.Typer(
    help="Who is the same person: train the weights, evaluate what was found.", no_args_is_help=True
)
identity_app.command(epilog=EVALUATE_EXAMPLES)(evaluate)
identity_app.command(epilog=TRAIN_EXAMPLES)(train)
