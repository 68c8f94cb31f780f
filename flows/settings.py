"""Every setting with its default, read from the environment (`GODIGITAL_...`); a command's option goes first."""

import os
from pathlib import Path
from typing import Literal

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

PROJECT = Path(__file__).resolve().parents[1]


class Settings(BaseSettings):
    """Settings of one process; a command's option goes before the environment."""

    model_config = SettingsConfigDict(env_prefix="GODIGITAL_", frozen=True, extra="forbid")

    raw: Path = Field(PROJECT / "raw", description="Folder of contracts, samples and landed deliveries.")
    data: Path = Field(PROJECT / "warehouse" / "data", description="Folder of the vault and the releases.")
    keep_releases: int = Field(30, ge=2, description="Published releases that are kept.")
    memory_limit: str = Field("2GB", description="Memory of the private database while loading and matching.")
    query_memory_limit: str = Field("1GB", description="Memory of `godigital sql`.")
    threads: int = Field(2, ge=1, description="Threads of the database.")
    readers: int = Field(2, ge=1, description="Processes that read deliveries in parallel.")
    pull_workers: int = Field(8, ge=1, description="Sources that are pulled in parallel.")
    pull_retries: int = Field(3, ge=0, description="Retries when a source does not answer.")
    pull_backoff: float = Field(1.0, ge=0, description="Seconds before the second try; each further wait is doubled.")
    pull_time_limit: int = Field(600, ge=1, description="Seconds for one whole source; then its pull fails.")
    log: Literal["text", "json"] = Field(
        "text", description="json: a line of standard error for each event of a run, for machines to read."
    )
    notify: str | None = Field(
        None,
        description="Where to send one message a run, addresses in apprise's form with a space between, e.g. "
        "mailtos://user:password@example.org?to=team@example.org or jsons://hook.example.org/path.",
        repr=False,
    )
    notify_again_days: int = Field(7, ge=1, description="Days after which unsolved problems are reported again.")
    file_size_limit: int = Field(512 * 1024**2, ge=1, description="Largest file that is pulled, in bytes.")


class MissingSecretError(LookupError):
    """A variable that a contract names is not set; the message names it."""


def read_secret(variable: str) -> SecretStr:
    """Return what an environment variable holds, wrapped so that it cannot be printed by accident.

    Raises:
        MissingSecretError: it is not set, or empty.
    """
    value = os.environ.get(variable, "").strip()
    if not value:
        raise MissingSecretError(f"the environment variable {variable} is not set")
    return SecretStr(value)
