"""What a delivery was read under: a hash of contract, rules and code. If it is the same, nothing is read again."""

import hashlib
from functools import cache
from pathlib import Path

from schemas.partner import Sender
from schemas.programme import load_programme

# what decides how bytes become rows: when any of it changes, every delivery is read again
_READING_SOURCES = (
    "flows/values/amounts.py",
    "flows/values/contacts.py",
    "flows/values/dates.py",
    "flows/intake/deliveries.py",
    "flows/values/names.py",
    "flows/normalise/training.py",
    "flows/read*",
    "flows/normalise/survey.py",
    "flows/normalise/validate.py",
    "schemas/columns.py",
    "schemas/languages.*",
    "schemas/naming.yml",
    "schemas/reasons.py",
    "schemas/survey*",
    "schemas/training_log.py",
)


@cache
def _code_hash() -> str:
    root = Path(__file__).resolve().parents[1]
    found = {path for pattern in _READING_SOURCES for path in root.glob(pattern)}
    files = sorted(inner for path in found for inner in ([path] if path.is_file() else path.rglob("*.py")))
    digest = hashlib.sha256()
    for file in files:
        digest.update(file.read_bytes())
    digest.update(load_programme().reading_rules.encode("utf-8"))
    return digest.hexdigest()


def contract_hash(partner: Sender) -> str:
    """Hash of what a contract says of deliveries; its layout, and where they are pulled from, play no part.

    16 hexadecimal digits.
    """
    said = partner.contract.model_dump_json(exclude={"source", "access"})
    return hashlib.sha256(said.encode("utf-8")).hexdigest()[:16]


def reading_hash(partner: Sender) -> str:
    """Hash of contract, rules and reading code: a delivery read under the same one is not read again."""
    return hashlib.sha256((contract_hash(partner) + _code_hash()).encode("ascii")).hexdigest()[:16]
