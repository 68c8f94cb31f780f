"""What every command of `godigital` shares: its options, the settings they make, and how it says what went wrong."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer

from flows.settings import Settings

if TYPE_CHECKING:
    import duckdb

Raw = Annotated[
    Path | None,
    typer.Option("--raw", help="Folder of contracts and landed deliveries.", envvar="GODIGITAL_RAW"),
]
Data = Annotated[
    Path | None,
    typer.Option("--data", help="Folder of the vault and the releases.", envvar="GODIGITAL_DATA"),
]
Json = Annotated[bool, typer.Option("--json", help="Print tables as a JSON array of objects.")]
By = Annotated[str | None, typer.Option(help="Who judges; the user of this computer without it.")]
Country = Annotated[str, typer.Argument(help="Country code, e.g. VN.", show_default=False)]


def settings_of(raw: Path | None, data: Path | None) -> Settings:
    """Return the settings, an option before the environment."""
    given: dict[str, Any] = {}
    if raw is not None:
        given["raw"] = raw.resolve()
    if data is not None:
        given["data"] = data.resolve()
    return Settings(**given)


def fail(message: str, code: int = 1) -> NoReturn:
    """Say what went wrong and stop."""
    sys.stderr.write(message.rstrip() + "\n")
    raise typer.Exit(code)


def country_code(text: str) -> str:
    """Return a country code in capitals, as folders are named."""
    return text.strip().upper()


def with_vault(read: Callable[[], Any]) -> Any:
    """Return what `read` gives; a vault that is locked or cannot be used ends the command with a sentence."""
    from warehouse.storage.locks import LockedError
    from warehouse.vault.open import VaultError

    try:
        return read()
    except (LockedError, VaultError) as error:
        fail(str(error))


def require_vault(settings: Settings) -> None:
    """Stop with a sentence where nothing has run yet."""
    from warehouse.storage.data_folder import DataFolder

    if not DataFolder(settings.data).vault.exists():
        fail(f"{settings.data}: nothing has run here yet; start with `godigital run`")


@contextmanager
def existing_vault(settings: Settings, purpose: str) -> "Iterator[duckdb.DuckDBPyConnection]":
    """Open the vault of an earlier run for the length of a block, and say its errors in a sentence."""
    from flows.run.stages import open_vault
    from warehouse.identity.judgements import JudgementError
    from warehouse.storage.locks import LockedError
    from warehouse.vault.open import VaultError

    require_vault(settings)
    try:
        with open_vault(settings, purpose) as con:
            yield con
    except (JudgementError, LockedError, VaultError) as error:
        fail(str(error))


def say_refused(error: OSError) -> str:
    """The disk is full, or a folder may not be written."""
    # of two names the second is the one that was to be written
    what = f"{error.filename2 or error.filename or 'disk'}: {error.strerror or type(error).__name__}"
    return f"{what}; free space or mend permissions, then run again"
