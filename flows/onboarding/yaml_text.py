"""Writes values of a drafted contract as YAML on one line."""

import math
import re

import yaml

CONFIRM = "# to be confirmed"


def scalar(text: str) -> str:
    """A YAML scalar on one line that reads back as the same text; a line break in it becomes a blank."""
    text = re.sub(r"[\r\n\x85\u2028\u2029]+", " ", text)
    plain = re.fullmatch(r"[^\W\d_][^:#\[\]{},&*!|>'\"%@`]*", text) and text == text.strip()
    reserved = text.casefold() in ("null", "true", "false", "yes", "no", "on", "off", "~", "y", "n")
    if not text.isprintable():
        return yaml.safe_dump(text, default_style='"', allow_unicode=True, width=math.inf).rstrip("\n")
    return text if plain and not reserved else "'" + text.replace("'", "''") + "'"
