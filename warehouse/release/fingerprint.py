"""What decides the figures of a release: when any of it changes, the next run publishes again."""

from functools import cache
from pathlib import Path

from warehouse.storage.files import PROJECT
from warehouse.storage.fingerprint import files_of, fingerprint

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
# these explain figures, or decide how a delivery is read and loaded, and what they wrote into the vault is hashed there
_NOT_BUILDING = (
    "schemas/access.py",
    "schemas/claims.py",
    "schemas/headers.yml",
    "schemas/open_data.py",
    "schemas/open_data.yml",
    "schemas/reasons.py",
    "schemas/remedies.py",
    "schemas/remedies.yml",
    "schemas/row_rules.py",
    "schemas/survey_response.py",
    "schemas/training_log.py",
    "warehouse/identity/linkage/resolve.py",
    "warehouse/identity/review",
    "warehouse/lineage/figure_names.py",
    "warehouse/lineage/trace.py",
    "warehouse/survey/load.py",
    "warehouse/vault/runs.py",
)
_LIBRARIES = ("anyascii", "duckdb", "numpy", "pandas", "polars", "pyarrow", "rapidfuzz", "scipy", "splink", "svy")


def building_files() -> tuple[Path, ...]:
    """Return the files that decide the figures of a release, sorted."""
    return files_of(PROJECT, _BUILDING, _NOT_BUILDING)


@cache
def building_fingerprint() -> str:
    """Return the hash of the code, data files and libraries that decide the figures of a release."""
    return fingerprint(PROJECT, building_files(), _LIBRARIES)
