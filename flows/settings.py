"""Every setting with its default, read from the environment (`GODIGITAL_...`); a command's option goes first."""

from pathlib import Path

from pydantic import Field
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
    readers: int = Field(2, ge=1, description="Processes that read deliveries side by side.")
    pull_retries: int = Field(3, ge=0, description="Further tries when a source does not answer.")
    file_size_limit: int = Field(512 * 1024**2, ge=1, description="Largest file that is pulled, in bytes.")
