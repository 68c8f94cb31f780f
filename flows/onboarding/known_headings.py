"""Recognises headings: which of our columns a heading of a delivery stands for.

The known words, and the 8-bit encodings of each country, are in `schemas/headers.yml`.
"""

import re
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import Any

from rapidfuzz import fuzz

import schemas
from flows.readers.headers import fold_header
from schemas.languages import to_ascii_digits
from schemas.yaml_file import read_yaml

HEADERS_FILE = Path(schemas.__file__).parent / "headers.yml"
# how alike a header must be to a known word, of 100; below, half of the guesses are wrong
ALIKE = 86
_HEADER_WITHIN = 50
# a number of six digits or more, a day or an e-mail address is no heading
_NO_HEADING = re.compile(r"[+\d][\d\s/.:()T-]{5,}|\S+@\S+")


@cache
def vocabulary() -> dict[str, Any]:
    """Return the contents of `schemas/headers.yml`."""
    loaded: dict[str, Any] = read_yaml(HEADERS_FILE)
    return loaded


@cache
def best_match(header: str) -> tuple[str, float]:
    """The canonical column a header is most like, or row_number, and how much of 100."""
    # a form's questions stand in groups: grp_person/full_name
    name = header.rsplit("/", 1)[-1] if header.islower() and " " not in header else header
    folded = re.sub(r"\s*\(.*?\)", "", fold_header(name))
    words = vocabulary()
    candidates = [("row_number", words["row_number"]), *words["columns"].items()]
    best = ("", 0.0)
    for column, known in candidates:
        for word in known:
            score = _likeness(folded.replace("_", " "), word.replace("_", " "))
            if score > best[1]:
                best = (column, score)
    return best


def _likeness(header: str, word: str) -> float:
    if header == word:
        return 100.0
    # a question that holds the word whole is like it; a short word inside a long one is chance
    if len(word) >= 4 and (found := re.search(rf"(?:^|\W){re.escape(word)}(?:\W|$)", header)):
        # what a question asks for stands before what it is about; of two there, the longer
        return 88.0 + 6 * (1 - found.start() / len(header)) + 2 * len(word) / len(header)
    return float(fuzz.ratio(header, word)) if len(word) >= 4 else 0.0


def match_columns(headings: Iterable[str]) -> dict[str, str]:
    """Canonical column -> heading; each is used once, the best match first, then the leftmost."""
    found: dict[str, str] = {}
    for heading in sorted(filter(None, headings), key=lambda heading: -best_match(heading)[1]):
        name, score = best_match(heading)
        if score >= ALIKE:
            found.setdefault(name, heading)
    return found


def header_row(grid: list[list[str]]) -> int | None:
    """The row, of the first fifty, in which most words are known; None where none has two.

    A row with a day, a long number or an address is somebody's: a file without header must not pass one off.
    """
    scores = [
        0
        if any(_NO_HEADING.fullmatch(to_ascii_digits(cell)) for cell in row)
        else sum(best_match(cell)[1] >= ALIKE for cell in row if cell)
        for row in grid[:_HEADER_WITHIN]
    ]
    best = max(scores, default=0)
    return scores.index(best) if best >= 2 else None
