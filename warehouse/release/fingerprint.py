"""What decides the figures of a release: when any of it changes, the next run publishes again."""

from functools import cache
from pathlib import Path

import warehouse
from warehouse.storage.fingerprint import files_of, fingerprint

_PROJECT = Path(warehouse.__file__).parents[1]
# from the vault's rows to the published tables
_BUILDING = (
    "warehouse/assemble.py",
    "warehouse/identity",
    "warehouse/lineage",
    "warehouse/release",
    "warehouse/sql",
    "warehouse/survey",
    "warehouse/vault",
    "schemas",
)
# what only shows, explains or reads: it may change without a new release
_SHOWING = (
    "schemas/access.py",
    "schemas/claims.py",
    "schemas/headers.yml",
    "schemas/open_data.py",
    "schemas/open_data.yml",
    "schemas/remedies.py",
    "schemas/remedies.yml",
    "warehouse/identity/review",
    "warehouse/lineage/figure_names.py",
    "warehouse/lineage/trace.py",
)
_LIBRARIES = ("anyascii", "duckdb", "numpy", "pandas", "pyarrow", "rapidfuzz", "scipy", "splink", "svy")


def building_files() -> tuple[Path, ...]:
    """Return the files that decide the figures of a release, sorted."""
    return files_of(_PROJECT, _BUILDING, _SHOWING)


@cache
def building_fingerprint() -> str:
    """Return the hash of the code, data files and libraries that decide the figures of a release."""
    return fingerprint(_PROJECT, building_files(), _LIBRARIES)
