"""The commands that back an installation up while runs go on, and bring a backup back."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from flows.commands.options import Data, Raw, fail, settings_of

BACKUP_EXAMPLES = """
Examples:

  godigital backup /mnt/backups/godigital

  godigital backup /mnt/backups/godigital --with-raw

Exit codes: 0 made; 2 made, but some release in it was damaged before; 1 not made.
"""
RESTORE_EXAMPLES = """
Examples:

  godigital restore /mnt/backups/godigital/2026-03-01T010203Z --data /srv/godigital

  godigital restore /mnt/backups/godigital/2026-03-01T010203Z --replace
"""


def backup(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Folder of backups.", show_default=False)],
    with_raw: Annotated[bool, typer.Option("--with-raw", help="Contracts and landed deliveries, too.")] = False,
    raw: Raw = None,
    data: Data = None,
) -> None:
    """Write vault, key, snapshots and releases into a new folder below DIR, named by its time; runs may go on.

    The backup holds data of people: keep it as private as the vault.
    """
    from warehouse.backup.contents import BackupError
    from warehouse.backup.make import make_backup
    from warehouse.storage.data_folder import DataFolder
    from warehouse.storage.locks import LockedError

    settings = settings_of(raw, data)
    try:
        made = make_backup(DataFolder(settings.data), folder, raw=settings.raw if with_raw else None, tell=_tell)
    except (BackupError, LockedError) as error:
        fail(str(error))
    except OSError as error:
        fail(f"no backup was made: {_said(error)}")
    for warning in made.warnings:
        sys.stderr.write(f"WARNING {warning}\n")
    typer.echo(f"{made.path}: {made.files} files, {made.bytes / 1024**2:,.1f} MB, each with its sha256.")
    typer.echo("It holds data of people: keep it as private as the vault, and away from this machine.")
    raise typer.Exit(2 if made.warnings else 0)


def restore(
    folder: Annotated[Path, typer.Argument(metavar="BACKUP", help="One backup's folder.", show_default=False)],
    replace: Annotated[bool, typer.Option("--replace", help="Move aside what is there; nothing is deleted.")] = False,
    raw: Raw = None,
    data: Data = None,
) -> None:
    """Bring a backup back, after reading every byte of it; into an empty data folder, unless --replace."""
    from flows.contracts.partners import country_codes
    from warehouse.backup.contents import BackupError
    from warehouse.backup.restore import restore as bring_back
    from warehouse.storage.data_folder import DataFolder
    from warehouse.storage.locks import LockedError

    settings = settings_of(raw, data)
    try:
        done = bring_back(
            folder, DataFolder(settings.data), settings.raw, replace=replace, countries=country_codes(settings.raw)
        )
    except (BackupError, LockedError) as error:
        fail(str(error))
    except OSError as error:
        fail(f"not restored: {_said(error)}; what was there is where it was, or in replaced-... beside it")
    typer.echo(f"{settings.data}: {done.data_files} files of {done.manifest.made_at} restored, each as it was written.")
    if done.raw_files:
        typer.echo(f"{settings.raw}: {done.raw_files} contracts and deliveries restored.")
    for place in done.aside:
        typer.echo(f"What was there before is in {place}; it holds data of people: delete it when it is not needed.")
    typer.echo("Next: godigital doctor, which also names deliveries that are not there; then godigital run.")


def _tell(said: str) -> None:
    sys.stderr.write(said + "\n")
    sys.stderr.flush()


def _said(error: OSError) -> str:
    return f"{error.filename or 'disk'}: {error.strerror or type(error).__name__}"
