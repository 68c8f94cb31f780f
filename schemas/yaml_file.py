"""Reads the word lists and rules that are kept beside this code as YAML."""

import unicodedata
from pathlib import Path
from typing import Any

import yaml

# the compiled loader is some ten times faster, where the library has it
LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def read_yaml(path: Path) -> Any:
    """Return what a file says, every text in NFC; raises yaml.YAMLError where it is not YAML."""
    text = unicodedata.normalize("NFC", path.read_text(encoding="utf-8"))
    return yaml.load(text, Loader=LOADER)  # noqa: S506 the loader is a safe one
