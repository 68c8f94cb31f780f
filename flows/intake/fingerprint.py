"""What a delivery was read under: a hash of contract, rules and code. If it is the same, nothing is read again."""

import hashlib
from functools import cache
from pathlib import Path

from flows.settings import PROJECT
from schemas.partner import Provider
from schemas.programme import load_programme
from warehouse.storage.fingerprint import files_of, fingerprint

# from bytes to valid and rejected rows
_READING = (
    "flows/intake",
    "flows/normalise",
    "flows/readers",
    "flows/values",
    "schemas/columns.py",
    "schemas/contract_parts.py",
    "schemas/languages.py",
    "schemas/languages.yml",
    "schemas/naming.yml",
    "schemas/partner.py",
    "schemas/reasons.py",
    "schemas/row_rules.py",
    "schemas/survey.py",
    "schemas/survey.yml",
    "schemas/survey_columns.py",
    "schemas/survey_response.py",
    "schemas/training_log.py",
    "schemas/yaml_file.py",
)
# these choose which deliveries to read, not how
_PLANNING = ("flows/intake/plans.py", "flows/intake/renamed_partner.py", "flows/intake/surveys.py")
_LIBRARIES = ("numpy", "pandas", "pandera", "phonenumbers", "python-calamine", "python-stdnum")


def reading_files() -> tuple[Path, ...]:
    """Return the files that decide how bytes become rows, sorted."""
    return files_of(PROJECT, _READING, _PLANNING)


@cache
def _reading_fingerprint() -> str:
    """Return the hash of code, data files, libraries and the programme's rules about rows."""
    # how Zawgyi becomes Unicode is ICU's work: several packages bring it, each with a version of its own
    from icu import ICU_VERSION

    code = fingerprint(PROJECT, reading_files(), _LIBRARIES)
    return hashlib.sha256((code + ICU_VERSION + load_programme().reading_rules).encode("utf-8")).hexdigest()


def contract_hash(partner: Provider) -> str:
    """Hash of what a contract says of deliveries; its layout, and where they are pulled from, play no part.

    16 hexadecimal digits.
    """
    said = partner.contract.model_dump_json(exclude={"source", "access"})
    return hashlib.sha256(said.encode("utf-8")).hexdigest()[:16]


def reading_hash(partner: Provider) -> str:
    """Hash of contract, rules and reading code: a delivery read under the same one is not read again."""
    return hashlib.sha256((contract_hash(partner) + _reading_fingerprint()).encode("ascii")).hexdigest()[:16]
