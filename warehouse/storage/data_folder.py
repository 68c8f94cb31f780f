"""Where everything that the program makes lives, below `--data`."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class DataFolder:
    """Where everything made by the program lives, below `--data`."""

    root: Path

    @property
    def private(self) -> Path:
        """Folder of mode 0700 for everything about people."""
        return self.root / "private"

    @property
    def vault(self) -> Path:
        """The private database."""
        return self.private / "vault.duckdb"

    @property
    def secret(self) -> Path:
        """The key under which trainee ids are minted; lose it and new ids differ, so back it up."""
        return self.private / "identity.key"

    @property
    def locks(self) -> Path:
        """Folder of lock files."""
        return self.private / "locks"

    @property
    def warehouse(self) -> Path:
        """Link to the published release."""
        return self.root / "warehouse.duckdb"
