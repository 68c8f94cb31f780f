"""The fingerprint of the linkage: if a covered file or library changes, the next run links all records again.

A chart or an explanation can change without that.
"""

from functools import cache
from pathlib import Path

from warehouse.storage.files import PROJECT
from warehouse.storage.fingerprint import files_of, fingerprint

# everything that linkage imports, directly or through others, and the data files that it reads, but for the weights,
# which are hashed apart; a test compares this with the imports
_LINKING = (
    "warehouse/identity/judgements.py",
    "warehouse/identity/linkage",
    "warehouse/vault/linkage_tables.py",
    "warehouse/vault/schema.py",
    "schemas/languages.py",
    "schemas/languages.yml",
    "schemas/naming.yml",
    "schemas/yaml_file.py",
)
_NOT_LINKING = ("warehouse/identity/linkage/match_model.json", "warehouse/identity/linkage/resolve.py")
_LIBRARIES = ("anyascii", "duckdb", "numpy", "pandas", "pyarrow", "rapidfuzz", "scipy", "splink")


def linking_files() -> tuple[Path, ...]:
    """Return the files that decide a linkage, sorted; the committed weights are not among them."""
    return files_of(PROJECT, _LINKING, _NOT_LINKING)


@cache
def linking_fingerprint() -> str:
    """Return the hash of the code, data files and libraries that decide a linkage."""
    return fingerprint(PROJECT, linking_files(), _LIBRARIES)
